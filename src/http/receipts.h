/* What became of the lines of one request, and its JSON (docs/format.md section 11). */
#ifndef TL_HTTP_RECEIPTS_H
#define TL_HTTP_RECEIPTS_H

#include "log/log.h"

/* One line. Where err is TL_OK it was appended. */
struct receipt_row {
    tl_err err;
    bool repeated;
    struct tl_why *why; /* owned, may be NULL */
    uint64_t index, seq;
    hash32 leaf;
    uint32_t agent_at, agent_n; /* in receipts.bytes */
    uint32_t statement_at, statement_n;
    uint32_t path_at, path_count; /* hashes of 32 bytes, in receipts.bytes */
    bool has_salt;
    uint8_t salt[BODY_SALT];
};

struct receipts {
    size_t count, bad;
    struct receipt_row *rows;
    buf bytes;
    uint32_t last_agent_at, last_agent_n;
    uint64_t tree_size;
    uint32_t checkpoint_at, checkpoint_n;
    bool full, simulated, degraded;
    size_t cosigned, witnesses; /* a quorum has cosigned it, so many of so many; 0: it has not */
};

tl_err receipts_init(struct receipts *r, size_t count, size_t bytes_max) TL_MUST;
void receipts_finish(struct receipts *r);
/* Notes who row i is of. */
void receipts_agent(struct receipts *r, size_t i, slice agent);
/* Notes that row i is wrong. */
void receipts_bad(struct receipts *r, size_t i, tl_err err, const struct tl_why *why);
/* Takes over the log's result: its receipts belong, in order, to the rows that
 * are not bad. buf_err(&r->bytes) tells where memory was short. */
void receipts_take(struct receipts *r, const struct log_result *result);

/* A receipt or an error a line, in order. */
void receipts_put(buf *b, const struct receipts *r);
/* {"error","count","errors":[…]}: the bad rows, at most 100 of them. */
void receipts_put_refusal(buf *b, const struct receipts *r);
/* The same with all of them, where the others are stored: why no quorum has cosigned those. */
void receipts_put_not_cosigned(buf *b, const struct receipts *r, const struct tl_why *why);

#endif
