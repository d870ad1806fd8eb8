/* What is derived from the leaves so that queries are fast (docs/format.md section 12).
 * Nothing of it is believed that does not open under this log's key and for these
 * leaves, and what is missing is made again. */
#ifndef TL_LOG_INDEX_H
#define TL_LOG_INDEX_H

#include "log/log.h"

/* Takes what is kept of these records' rooms, users and contents out of the index:
 * called on the owner thread, within an open transaction of the store, while their
 * bodies are still there. indexes strictly increase. Nothing else of a query depends on
 * it: a record without a body has no room, user or text whatever the index says. */
tl_err index_erase(struct log *log, const uint64_t *indexes, size_t count) TL_MUST;

#endif
