#include "http/receipts.h"

#include "base/encoding.h"
#include "codec/json_put.h"

#include <stdlib.h>

#define LISTED_MAX 100

tl_err receipts_init(struct receipts *r, size_t count, size_t bytes_max)
{
    *r = (struct receipts){.count = count};
    buf_init(&r->bytes, bytes_max);
    r->rows = calloc(count, sizeof *r->rows);
    return r->rows ? TL_OK : TL_E_MEMORY;
}

void receipts_finish(struct receipts *r)
{
    for (size_t i = 0; r->rows && i < r->count; i++)
        free(r->rows[i].why);
    free(r->rows);
    buf_finish(&r->bytes);
}

static uint32_t keep(struct receipts *r, slice s)
{
    uint32_t at = (uint32_t)r->bytes.n;
    buf_bytes(&r->bytes, s);
    return at;
}

static slice kept(const struct receipts *r, uint32_t at, size_t n)
{
    return slice_of(r->bytes.p + at, n);
}

void receipts_agent(struct receipts *r, size_t i, slice agent)
{
    struct receipt_row *row = &r->rows[i];
    /* Neighbours are of the same agent as a rule. */
    if (!r->last_agent_n || !slice_eq(agent, kept(r, r->last_agent_at, r->last_agent_n))) {
        r->last_agent_at = keep(r, agent);
        r->last_agent_n = buf_err(&r->bytes) == TL_OK ? (uint32_t)agent.n : 0;
    }
    row->agent_at = r->last_agent_at;
    row->agent_n = r->last_agent_n;
}

void receipts_bad(struct receipts *r, size_t i, tl_err err, const struct tl_why *why)
{
    struct receipt_row *row = &r->rows[i];
    row->err = err;
    r->bad++;
    /* Without memory for it the error's own sentence is used. */
    row->why = malloc(sizeof *row->why);
    if (row->why)
        *row->why = *why;
}

static void take_full(struct receipts *r, struct receipt_row *row, const struct log_result *result,
                      size_t i)
{
    row->statement_n = (uint32_t)result->statements[i].n;
    row->statement_at = keep(r, result->statements[i]);
    row->path_count = (uint32_t)result->path_counts[i];
    row->path_at = keep(r, slice_of(result->paths[i], result->path_counts[i] * sizeof(hash32)));
}

void receipts_take(struct receipts *r, const struct log_result *result)
{
    size_t at = 0;
    for (size_t i = 0; i < r->count && at < result->count; i++) {
        struct receipt_row *row = &r->rows[i];
        if (row->err != TL_OK)
            continue;
        const struct log_receipt *got = &result->receipts[at];
        row->index = got->index;
        row->seq = got->seq;
        row->leaf = got->leaf;
        row->repeated = got->repeated;
        row->has_salt = got->has_salt;
        memcpy(row->salt, got->salt, sizeof row->salt);
        if (got->err != TL_OK)
            receipts_bad(r, i, got->err, &got->why);
        else if (r->full && result->statements)
            take_full(r, row, result, at);
        at++;
    }
    r->tree_size = result->tree_size;
    r->cosigned = result->cosigned;
    r->degraded = result->degraded;
    if (r->full) {
        r->checkpoint_n = (uint32_t)result->checkpoint.n;
        r->checkpoint_at = keep(r, result->checkpoint);
    }
}

static void put_full(buf *b, const struct receipts *r, const struct receipt_row *row)
{
    if (row->has_salt)
        json_put_base64(b, "salt", SLICE_ARRAY(row->salt));
    buf_str(b, ",\"statement\":\"");
    base64_put(b, kept(r, row->statement_at, row->statement_n));
    buf_str(b, "\",\"checkpoint\":");
    json_put_text(b, kept(r, r->checkpoint_at, r->checkpoint_n));
    buf_str(b, ",\"path\":[");
    for (uint32_t i = 0; i < row->path_count; i++) {
        buf_str(b, i ? ",\"" : "\"");
        base64_put(b, kept(r, row->path_at + i * (uint32_t)sizeof(hash32), sizeof(hash32)));
        buf_str(b, "\"");
    }
    buf_str(b, "]");
}

static void put_receipt(buf *b, const struct receipts *r, const struct receipt_row *row)
{
    buf_str(b, "{\"index\":");
    json_put_uint(b, row->index);
    buf_str(b, ",\"seq\":");
    json_put_uint(b, row->seq);
    /* An agent id that the log took has no character that JSON escapes. */
    buf_str(b, ",\"agentId\":\"");
    buf_bytes(b, kept(r, row->agent_at, row->agent_n));
    buf_str(b, "\",\"leafHash\":\"");
    hex_put(b, hash_slice(&row->leaf));
    buf_str(b, "\",\"treeSize\":");
    json_put_uint(b, r->tree_size);
    if (r->cosigned)
        buf_printf(b, ",\"class\":\"cosigned %zu of %zu\"", r->cosigned, r->witnesses);
    else
        buf_str(b, r->degraded ? ",\"class\":\"degraded\"" : ",\"class\":\"signed\"");
    if (r->simulated)
        buf_str(b, ",\"simulated\":true");
    if (row->repeated)
        buf_str(b, ",\"repeated\":true");
    if (r->full)
        put_full(b, r, row);
    buf_str(b, "}\n");
}

void receipts_put(buf *b, const struct receipts *r)
{
    for (size_t i = 0; i < r->count; i++) {
        if (r->rows[i].err == TL_OK)
            put_receipt(b, r, &r->rows[i]);
        else
            json_put_error(b, r->rows[i].err, r->rows[i].why, i + 1);
    }
}

static void put_errors(buf *b, const struct receipts *r, size_t most)
{
    size_t listed = 0;
    buf_printf(b, ",\"count\":%zu,\"errors\":[", r->bad);
    for (size_t i = 0; i < r->count && listed < most; i++) {
        if (r->rows[i].err == TL_OK)
            continue;
        if (listed++)
            buf_str(b, ",");
        json_put_error(b, r->rows[i].err, r->rows[i].why, i + 1);
        /* The newline that ends an error line has no place inside the list. */
        if (buf_err(b) == TL_OK)
            b->n--;
    }
    buf_str(b, "]}\n");
}

void receipts_put_refusal(buf *b, const struct receipts *r)
{
    buf_printf(b, "{\"error\":\"%zu of %zu lines are wrong; nothing was appended\"", r->bad,
               r->count);
    put_errors(b, r, LISTED_MAX);
}

void receipts_put_not_cosigned(buf *b, const struct receipts *r, const struct tl_why *why)
{
    struct tl_why all = {{0}, {0}};
    (void)tl_explain(&all, TL_E_NOT_COSIGNED, why->field,
                     "%zu of %zu lines were refused, and not appended (errors). Of the others: %s",
                     r->bad, r->count, why->text);
    buf_str(b, "{\"error\":");
    json_put_str(b, all.text);
    buf_str(b, ",\"field\":");
    json_put_str(b, all.field);
    put_errors(b, r, r->count);
}
