/* The answers on the original's routes (docs/rest.md), byte for byte as ECMAScript's
 * JSON.stringify writes them: a client may hash what it has parsed. Pure. */
#ifndef TL_HTTP_REST_JSON_H
#define TL_HTTP_REST_JSON_H

#include "http/rest_ask.h"
#include "log/sessions.h"

/* A TeeAgent, from a session with its quote. */
void rest_put_agent(buf *b, const struct log_session *s);
/* A TeeLog, from a row and the session that it names. A row that cannot be read
 * (TL_E_STORED) fails b. */
void rest_put_row(buf *b, const struct log_row *row, const struct log_session *s);
/* ,"query":{…}: what was asked, without pages. */
void rest_put_ask(buf *b, const struct rest_ask *ask);
/* ,"log":{…}: which log answers, when, and the tree whose state this is. */
void rest_put_log(buf *b, const struct log_info *info, uint64_t time_ms);
/* A JSON text that holds JSON: {"quote":"0x…","timestamp":ms}. */
void rest_put_attestation(buf *b, slice quote, uint64_t time_ms);

/* The quote's report data; answer is the SHA-256 of it without its attestation. */
void rest_report_data(uint8_t out[64], const hash32 *answer, const struct rest_nonce *nonce);

#endif
