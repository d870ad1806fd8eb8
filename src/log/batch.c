/* Batches of records: checked, their bodies made and sealed, on the caller's
 * thread, before anything has an order. */
#include "base/encoding.h"
#include "base/refuse.h"
#include "crypto/secret.h"
#include "log/internal.h"

#include <stdlib.h>

#define BATCH_RECORDS_MAX 65536
#define BATCH_BYTES_MAX   (48u << 20)
#define REQUEST_ID_MAX    128

tl_err log_batch_new(struct log_batch **out, struct log *log, enum admission admission)
{
    /* Bodies are sealed under a key that the boot makes. */
    pthread_mutex_lock(&log->lock);
    tl_err err = log->boot_index == UINT64_MAX ? fence_shut(log, ST_RECORD) : TL_OK;
    pthread_mutex_unlock(&log->lock);
    if (err != TL_OK)
        return err;
    struct log_batch *b = calloc(1, sizeof *b);
    if (!b)
        return TL_E_MEMORY;
    b->log = log;
    b->admission = admission;
    buf_init_secret(&b->arena, BATCH_BYTES_MAX);
    *out = b;
    return TL_OK;
}

void log_batch_alg(struct log_batch *b, enum cose_alg alg)
{
    b->alg = alg;
}

void log_batch_anew(struct log_batch *b)
{
    b->anew = true;
}

void log_batch_lane(struct log_batch *b, uint64_t lane)
{
    b->lane = lane;
}

void log_batch_peer(struct log_batch *b, struct log_peer *p)
{
    log_peer_unref(b->peer);
    b->peer = log_peer_ref(p);
}

void log_batch_limit(struct log_batch *b)
{
    b->limited = true;
}

void log_batch_own(struct log_batch *b)
{
    b->own = true;
}

void log_batch_anyway(struct log_batch *b)
{
    b->anyway = true;
}

void log_batch_full(struct log_batch *b)
{
    b->full = true;
}

void log_batch_cosigned(struct log_batch *b, unsigned ms)
{
    b->cosigned_ms = ms == 0 ? 1 : ms < COSIGN_WAIT_MOST_MS ? ms : COSIGN_WAIT_MOST_MS;
}

void log_batch_free(struct log_batch *b)
{
    if (!b)
        return;
    buf_finish_secret(&b->arena);
    full_free(b->paths);
    log_peer_unref(b->peer);
    free(b->items);
    free(b->receipts);
    free(b);
}

size_t log_batch_count(const struct log_batch *b)
{
    return b->count;
}

static tl_err check_text(slice s, size_t max, const char *field, struct tl_why *why)
{
    if (s.n > max)
        return tl_explain(why, TL_E_FIELD, field, "%s is %zu bytes long; at most %zu are allowed",
                          field, s.n, max);
    if (!utf8_valid(s))
        return tl_explain(why, TL_E_FIELD, field, "%s is not valid UTF-8", field);
    return TL_OK;
}

static tl_err check(const struct log_batch *b, const struct log_record *r, struct tl_why *why)
{
    const struct log *log = b->log;
    if (!agent_id_valid(r->agent, slice_str(log->keys.origin)))
        return tl_explain(why, TL_E_FIELD, "agentId",
                          "agentId must be 1 to 128 of A-Z a-z 0-9 . _ : @ / - and not the "
                          "log's origin");
    if (REFUSED(slice_eq_str(r->agent, RUN_AGENT) != b->own))
        return tl_explain(why, TL_E_FIELD, "agentId",
                          "agentId " RUN_AGENT " is teelog's own; choose another");
    if (!record_type_valid(r->type))
        return tl_explain(why, TL_E_FIELD, "type",
                          "type must be 1 to 64 of A-Z a-z 0-9 . _ : / - and space, and not "
                          "begin with \"teelog.\"");
    if (r->request.n > REQUEST_ID_MAX || !utf8_valid(r->request))
        return tl_explain(why, TL_E_FIELD, "requestId",
                          "requestId must be 1 to 128 bytes of UTF-8");
    if (r->has_ref && r->ref > TL_INT_MAX)
        return tl_explain(why, TL_E_FIELD, "ref", "ref must be an index below 2^53");
    if (r->attributes.n && attributes_check(r->attributes) != TL_OK)
        return tl_explain(why, TL_E_FIELD, "attributes",
                          "attributes must be an object of at most 64 KiB, nested at most 8 deep, "
                          "without floats");
    tl_err err = check_text(r->room, RECORD_ID_MAX, "roomId", why);
    if (err == TL_OK)
        err = check_text(r->user, RECORD_ID_MAX, "userId", why);
    if (err == TL_OK)
        err = check_text(r->content, RECORD_CONTENT_MAX, "content", why);
    return err;
}

/* Salts come from the generator sixteen at a time: asking costs more than the
 * bytes do. */
static tl_err next_salt(struct log_batch *b, slice *out)
{
    if (b->salts_left == 0) {
        tl_err err = random_bytes(b->salts, sizeof b->salts);
        if (err != TL_OK)
            return err;
        b->salts_left = sizeof b->salts / BODY_SALT;
    }
    b->salts_left--;
    *out = slice_of(b->salts + b->salts_left * BODY_SALT, BODY_SALT);
    return TL_OK;
}

static tl_err grow(struct log_batch *b)
{
    if (b->count < b->capacity)
        return TL_OK;
    if (b->capacity >= BATCH_RECORDS_MAX)
        return TL_E_LIMIT;
    size_t capacity = b->capacity ? 2 * b->capacity : 8;
    void *items = realloc(b->items, capacity * sizeof *b->items);
    if (!items)
        return TL_E_MEMORY;
    b->items = items;
    void *receipts = realloc(b->receipts, capacity * sizeof *b->receipts);
    if (!receipts)
        return TL_E_MEMORY;
    b->receipts = receipts;
    b->capacity = capacity;
    return TL_OK;
}

/* The plain body is made in memory that is wiped, and goes sealed into the
 * arena. */
static tl_err seal_body(struct log_batch *b, const struct log_record *r, struct record_item *item,
                        struct log_receipt *receipt)
{
    uint8_t mem[4096];
    buf plain, large;
    struct body_record body = {
        .room_id = r->room, .user_id = r->user, .content = r->content, .attributes = r->attributes};
    tl_err err = next_salt(b, &body.salt);
    if (err != TL_OK)
        return err;
    buf *p = &plain;
    buf_init_fixed(&plain, mem, sizeof mem);
    buf_init(&large, BODY_MAX);
    body_record_put(&plain, &body);
    if (buf_err(&plain) == TL_E_LIMIT) {
        p = &large;
        body_record_put(&large, &body);
    }
    err = buf_err(p);
    if (err == TL_OK) {
        item->payload = sha256(buf_slice(p));
        item->body = b->arena.n;
        err = body_seal(b->log->bodies, &b->arena, &item->payload, buf_slice(p));
        item->body_size = b->arena.n - item->body;
    }
    secret_wipe(mem, plain.n);
    buf_finish_secret(&large);
    receipt->has_salt = true;
    memcpy(receipt->salt, body.salt.p, BODY_SALT);
    return err;
}

/* What the index takes of it, once it is stored. Bodies are not opened for that again. */
static tl_err add_terms(struct log_batch *b, const struct log_record *r, struct record_item *item)
{
    const uint8_t *key = b->log->keys.term_key;
    item->lower = b->arena.n;
    uint8_t *lower = buf_grow(&b->arena, r->content.n <= TERM_TEXT ? r->content.n : 0);
    if (buf_err(&b->arena) != TL_OK)
        return buf_err(&b->arena);
    leaf_terms_statement(&item->terms, key, r->agent, r->type, true);
    leaf_terms_body(&item->terms, key, r->room, r->user, r->content, lower);
    return TL_OK;
}

tl_err log_batch_add(struct log_batch *b, const struct log_record *r, struct tl_why *why)
{
    struct record_item item = {.agent_size = r->agent.n,
                               .type_size = r->type.n,
                               .has_ref = r->has_ref,
                               .ref = r->ref,
                               .has_request = r->request.n > 0};
    struct log_receipt receipt = {.err = TL_OK};
    size_t before = b->arena.n;
    tl_err err = check(b, r, why);
    if (err == TL_OK)
        err = grow(b);
    if (err != TL_OK)
        return err;
    item.agent = b->arena.n;
    buf_bytes(&b->arena, r->agent);
    item.type = b->arena.n;
    buf_bytes(&b->arena, r->type);
    err = buf_err(&b->arena);
    if (err == TL_OK)
        err = seal_body(b, r, &item, &receipt);
    if (err == TL_OK)
        err = add_terms(b, r, &item);
    if (err != TL_OK) {
        b->arena.n = before;
        b->arena.err = TL_OK;
        return err;
    }
    if (item.has_request) {
        request_tag(b->log, r->agent, r->request, item.request_tag);
        item.content_mac = request_content_mac(b->log, r);
    }
    b->items[b->count] = item;
    b->receipts[b->count] = receipt;
    b->count++;
    return TL_OK;
}
