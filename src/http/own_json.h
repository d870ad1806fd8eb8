/* What the log's own statements say, as JSON (docs/format.md section 5). Pure. */
#ifndef TL_HTTP_OWN_JSON_H
#define TL_HTTP_OWN_JSON_H

#include "base/buf.h"

/* One object with the main members of a body; {} for a type that is none of the log's.
 * A body that cannot be read is the buffer's error. */
void own_json_put(buf *b, slice type, slice body);

#endif
