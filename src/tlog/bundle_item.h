/* Private to this floor: one item of a bundle, as it stands. */
#ifndef TL_TLOG_BUNDLE_ITEM_H
#define TL_TLOG_BUNDLE_ITEM_H

#include "tlog/bundle.h"

/* Reads the next item. c->err is TL_E_SHORT where the bytes end within it. Only
 * the members of its kind are written, and those also on failure. */
void bundle_item_read(cbor *c, struct bundle_item *out);

#endif
