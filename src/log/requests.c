/* Request ids: a repeated append is answered with the first receipt. The store
 * keeps a tag, and a row that only this log could have written. */
#include "base/refuse.h"
#include "codec/cbor.h"
#include "crypto/secret.h"
#include "log/internal.h"

#define REQUEST_ROW_MAX 160 /* bytes of a stored row, its MAC included */

static hash32 mac_of(const struct log *log, buf *b)
{
    hash32 mac = hmac_sha256(slice_of(log->keys.request_key, 32), buf_slice(b));
    return mac;
}

void request_tag(const struct log *log, slice agent, slice request, uint8_t tag[16])
{
    uint8_t mem[512];
    buf b;
    buf_init_fixed(&b, mem, sizeof mem);
    cbor_put_array(&b, 3);
    cbor_put_str(&b, "tag");
    cbor_put_text(&b, agent);
    cbor_put_text(&b, request);
    hash32 mac = mac_of(log, &b);
    memcpy(tag, mac.b, 16);
}

/* Two records are the same when everything but the salt is. Never stored: nothing that
 * an erasure would have to find. */
hash32 request_content_mac(const struct log *log, const struct log_record *r)
{
    const slice fields[] = {r->agent, r->room, r->user, r->type, r->content, r->attributes};
    uint8_t mem[512];
    buf b;
    buf_init_fixed(&b, mem, sizeof mem);
    cbor_put_array(&b, 8);
    cbor_put_str(&b, "content");
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        hash32 h = sha256(fields[i]);
        cbor_put_bytes(&b, hash_slice(&h));
    }
    if (r->has_ref)
        cbor_put_uint(&b, r->ref);
    else
        cbor_put_null(&b);
    return mac_of(log, &b);
}

static hash32 row_mac(const struct log *log, const uint8_t tag[16], slice row)
{
    uint8_t mem[512];
    buf b;
    buf_init_fixed(&b, mem, sizeof mem);
    cbor_put_array(&b, 3);
    cbor_put_str(&b, "row");
    cbor_put_bytes(&b, slice_of(tag, 16));
    cbor_put_bytes(&b, row);
    return mac_of(log, &b);
}

void request_row_put(const struct log *log, buf *out, const uint8_t tag[16],
                     const struct log_receipt *receipt)
{
    size_t before = out->n;
    cbor_put_array(out, 3);
    cbor_put_uint(out, receipt->index);
    cbor_put_uint(out, receipt->seq);
    cbor_put_bytes(out, hash_slice(&receipt->leaf));
    if (buf_err(out) != TL_OK)
        return;
    hash32 mac = row_mac(log, tag, slice_of(out->p + before, out->n - before));
    buf_bytes(out, hash_slice(&mac));
}

tl_err request_row_read(const struct log *log, slice row, const uint8_t tag[16],
                        struct log_receipt *receipt)
{
    struct log_receipt r = {0};
    if (REFUSED(row.n < sizeof(hash32)) || REFUSED(row.n > REQUEST_ROW_MAX))
        return TL_E_STORED;
    slice body = slice_of(row.p, row.n - sizeof(hash32));
    hash32 mac = row_mac(log, tag, body);
    if (REFUSED(!secret_eq(mac.b, row.p + body.n, sizeof mac.b)))
        return TL_E_STORED;
    cbor c = cbor_of(body);
    size_t members = cbor_array(&c);
    r.index = cbor_uint(&c, TL_INT_MAX);
    r.seq = cbor_uint(&c, TL_INT_MAX);
    cbor_bytes_copy(&c, r.leaf.b, sizeof r.leaf.b);
    if (members == 4) /* earlier versions kept a MAC of the content */
        (void)cbor_bytes(&c);
    if (cbor_end(&c) != TL_OK)
        return TL_E_STORED;
    *receipt = r;
    return TL_OK;
}

/* Whether the record at this leaf, which is proven, is the one with this MAC; then its salt goes
 * into the receipt. What is erased is taken for it: its body is looked at no more, wherever the
 * host has it from; what has none may be erased. erased: whether it is known what is. */
static tl_err request_same(struct log *log, const hash32 *content_mac,
                           const struct store_leaf *leaf, const struct statement *st, tl_err erased,
                           bool *same, struct log_receipt *receipt)
{
    buf plain;
    struct body_record body;
    if (!leaf->body.p) {
        /* Nothing to compare with where it was erased; and where that is not known yet, an
         * append does not wait for it. */
        bool known = log->erased.ready || !log->erased.statements;
        if (REFUSED(known && !log_is_erased(log, leaf->index)))
            return TL_E_SEALED;
        *same = true;
        return TL_OK;
    }
    if (erased != TL_OK)
        return erased;
    if (REFUSED(log_is_erased(log, leaf->index))) {
        *same = true;
        return TL_OK;
    }
    buf_init(&plain, BODY_MAX);
    tl_err err = body_open(log->bodies, &plain, &st->payload, leaf->body);
    if (err == TL_OK)
        err = body_record_read(&body, buf_slice(&plain));
    if (err == TL_OK) {
        struct log_record first = {.agent = st->subject,
                                   .room = body.room_id,
                                   .user = body.user_id,
                                   .type = st->type,
                                   .content = body.content,
                                   .attributes = body.attributes,
                                   .has_ref = st->has_ref,
                                   .ref = st->ref};
        hash32 mac = request_content_mac(log, &first);
        *same = hash_eq(&mac, content_mac);
        receipt->has_salt = true;
        memcpy(receipt->salt, body.salt.p, BODY_SALT);
    }
    buf_finish_secret(&plain);
    return err;
}

/* Whether it is known what was erased; after a start a slice of it is read. */
static tl_err know_erased(struct log *log)
{
    bool ready = false;
    tl_err err = erased_load(log, &ready, NULL);
    return err == TL_OK && !ready ? TL_E_BUSY : err;
}

/* The receipt that a stored row stands for, into *receipt. The row may be ours and
 * yet of another history, if the host puts an older database under newer rows: its
 * leaf must be in this one. */
static tl_err request_receipt(struct log *log, const struct record_item *item, slice row,
                              struct log_receipt *receipt)
{
    hash32 hash;
    bool same = false;
    struct store_leaf leaf;
    struct statement st;
    struct log_receipt first = {0};
    tl_err err = request_row_read(log, row, item->request_tag, &first);
    if (err == TL_OK)
        err = tree_leaf(log->tree, first.index, &hash);
    if (err == TL_E_RANGE || (err == TL_OK && REFUSED(!hash_eq(&hash, &first.leaf))))
        err = TL_E_STORED;
    const tl_err erased = err == TL_OK ? know_erased(log) : err; /* before leaf is borrowed */
    if (err == TL_OK)
        err = stored_leaf(log, first.index, &leaf, &st);
    if (err == TL_OK)
        err = request_same(log, &item->content_mac, &leaf, &st, erased, &same, &first);
    if (err == TL_E_SEALED)
        return tl_explain(&receipt->why, err, "requestId",
                          "the record that was appended under this request id cannot be opened "
                          "any more: its body was altered or removed. Use another requestId");
    if (err == TL_E_BUSY)
        return tl_explain(&receipt->why, err, "requestId",
                          "what was erased is still being read since the start, and this record "
                          "may be of it: repeat it later");
    if (err == TL_E_STORED)
        return tl_explain(&receipt->why, err, "requestId",
                          "what is stored of this request id is not of this log's history: the "
                          "database was altered. Use another requestId");
    if (err != TL_OK)
        return err;
    if (!same)
        return tl_explain(&receipt->why, TL_E_REQUEST_REUSED, "requestId",
                          "this request id was used for another record");
    *receipt = first;
    receipt->repeated = true;
    return TL_OK;
}

tl_err request_lookup(struct log *log, const struct record_item *item, struct log_receipt *receipt,
                      bool *repeated)
{
    buf row;
    buf_init(&row, 256);
    tl_err err = store_get_request(log->store, item->request_tag, &row);
    *repeated = err != TL_E_NOT_FOUND;
    if (err == TL_E_NOT_FOUND) {
        err = TL_OK;
    } else if (err == TL_OK || err == TL_E_STORED || err == TL_E_LIMIT) {
        /* What cannot be read, or is too long, is none of our rows. */
        receipt->err = request_receipt(log, item, buf_slice(&row), receipt);
        err = TL_OK;
    }
    buf_finish(&row);
    return err;
}
