/* One line of JSON to one record to append. Pure. */
#ifndef TL_HTTP_RECORD_JSON_H
#define TL_HTTP_RECORD_JSON_H

#include "log/log.h"

#include <jansson.h>

/* Reused from line to line; init and finish in pairs. */
struct record_json {
    json_t *root;
    buf attributes;
};
void record_json_init(struct record_json *j);
void record_json_finish(struct record_json *j);

/* Reads {"agentId","roomId","userId","type","content"[,"ref","attributes",
 * "requestId"]}, strictly: no other member, none twice. agent stands for a
 * missing agentId, where it is not empty. out borrows from j and agent until
 * the next call on j. Lengths and alphabets are log_batch_add's to check; why
 * names the member at fault. */
tl_err record_json_read(struct record_json *j, struct log_record *out, slice line, slice agent,
                        struct tl_why *why) TL_MUST;

#endif
