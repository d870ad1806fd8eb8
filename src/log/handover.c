#include "log/handover.h"

#include "base/calendar.h"
#include "base/encoding.h"
#include "base/refuse.h"
#include "crypto/secret.h"
#include "log/backup.h"

#include <inttypes.h>

#define MARK_MAX 512 /* bytes */
#define MARK_MAC "teelog/handover/v1"

struct mark {
    uint64_t size, time_ms;
    hash32 root;
    slice name; /* borrowed */
};

static void put_members(buf *b, const struct mark *m)
{
    cbor_put_uint(b, m->size);
    cbor_put_bytes(b, hash_slice(&m->root));
    cbor_put_uint(b, m->time_ms);
    cbor_put_text(b, m->name);
}

static hash32 mark_mac(const struct log_keys *k, const struct mark *m)
{
    uint8_t mem[2 * MARK_MAX];
    buf b;
    buf_init_fixed(&b, mem, sizeof mem);
    buf_bytes(&b, slice_of(MARK_MAC, sizeof MARK_MAC)); /* with its zero byte */
    cbor_put_array(&b, 6);
    cbor_put_str(&b, k->origin);
    cbor_put_bytes(&b, hash_slice(&k->log_id));
    put_members(&b, m);
    return hmac_sha256(slice_of(k->head_key, sizeof k->head_key), buf_slice(&b));
}

static void mark_put(const struct log_keys *k, buf *out, const struct mark *m)
{
    hash32 mac = mark_mac(k, m);
    cbor_put_array(out, 4);
    put_members(out, m);
    buf_bytes(out, hash_slice(&mac));
}

static tl_err mark_read(const struct log_keys *k, slice stored, struct mark *out)
{
    struct mark m;
    if (stored.n < sizeof(hash32))
        return TL_E_STORED;
    cbor c = cbor_of(slice_of(stored.p, stored.n - sizeof(hash32)));
    cbor_array_of(&c, 4);
    m.size = cbor_uint(&c, TL_INT_MAX);
    cbor_bytes_copy(&c, m.root.b, sizeof m.root.b);
    m.time_ms = cbor_uint(&c, TL_INT_MAX);
    m.name = cbor_text(&c);
    if (REFUSED(cbor_end(&c) != TL_OK))
        return TL_E_STORED;
    hash32 mac = mark_mac(k, &m);
    if (REFUSED(!secret_eq(mac.b, stored.p + stored.n - sizeof mac, sizeof mac.b)))
        return TL_E_STORED;
    *out = m;
    return TL_OK;
}

tl_err handover_check(struct log *log, struct tl_why *why)
{
    char when[CALENDAR_TEXT];
    struct mark m;
    buf b;
    buf_init(&b, MARK_MAX);
    tl_err err = store_get_meta(log->store, HANDOVER_MARK, &b);
    if (err == TL_E_NOT_FOUND) {
        buf_finish(&b);
        return TL_OK;
    }
    if (err == TL_OK)
        err = mark_read(&log->keys, buf_slice(&b), &m);
    if (err == TL_OK)
        err = tl_explain(why, TL_E_HANDED_OVER, "data",
                         "this log was handed over on %s, with %" PRIu64 " statements, to the "
                         "backup \"%.*s\": it goes on where that is restored. If that is lost, "
                         "make another from here: teelog backup --final",
                         calendar_text(when, m.time_ms / 1000), m.size, (int)m.name.n,
                         (const char *)m.name.p);
    else if (err == TL_E_STORED || err == TL_E_LIMIT)
        err = tl_explain(why, TL_E_STORED, "data",
                         "the database has a mark as if it had been handed over, which this log "
                         "did not make: it was altered; put back an unaltered copy");
    buf_finish(&b);
    return err;
}

tl_err handover_mark(struct log *log, slice name, struct tl_why *why)
{
    uint8_t mem[MARK_MAX];
    struct mark m = {log->durable_size, log_wall_clock(), log->durable_root, name};
    buf b;
    tl_err err = handover_check(log, NULL);
    if (err == TL_E_HANDED_OVER)
        return TL_OK;
    if (err != TL_OK)
        return handover_check(log, why);
    if (name.n == 0 || name.n > BACKUP_NAME_MAX || !utf8_valid(name))
        return tl_explain(why, TL_E_USAGE, "output", "the backup's name must have 1 to %d bytes",
                          BACKUP_NAME_MAX);
    buf_init_fixed(&b, mem, sizeof mem);
    mark_put(&log->keys, &b, &m);
    err = buf_err(&b);
    if (err == TL_OK)
        err = store_begin(log->store);
    if (err != TL_OK)
        return err;
    err = store_put_meta(log->store, HANDOVER_MARK, buf_slice(&b));
    if (err == TL_OK)
        return store_commit(log->store);
    store_rollback(log->store);
    return err;
}

tl_err log_hand_over(struct tee *tee, const char *dir, const char *name, struct tl_why *why)
{
    struct log *log = NULL;
    tl_err err = log_new(&log, tee);
    if (err != TL_OK)
        return err;
    err = store_open(&log->store, dir, STORE_OPEN, why);
    if (err == TL_OK)
        err = tree_new(&log->tree, log->store);
    if (err == TL_OK)
        err = start_recover(log, why);
    if (err == TL_OK) {
        err = handover_mark(log, slice_str(name), why);
        if (err == TL_OK)
            err = store_scrub(log->store); /* what it marks is in the database file */
        if (err == TL_E_COMMIT || err == TL_E_IO)
            err = tl_explain(why, err, "data", "the log could not be marked: %s",
                             failure_text(log, err));
    }
    log_free(log);
    return err;
}
