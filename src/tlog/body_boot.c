/* Bodies of boots and of heads statements. */
#include "base/refuse.h"
#include "tlog/body.h"

static void read_config(cbor *c, struct body_boot *v)
{
    const uint8_t *start = c->rest.p;
    body_config_read(c, &v->config);
    if (c->err == TL_OK)
        v->config_digest = sha256(slice_of(start, (size_t)(c->rest.p - start)));
}

static void read_fields(cbor *c, struct body_boot *v)
{
    slice order = {NULL, 0};
    size_t n = cbor_map(c);
    if (REFUSED(n != 10 && n != 11))
        cbor_fail(c, TL_E_BODY);
    cbor_label_is(c, &order, 1);
    cbor_bytes_copy(c, v->log_id.b, sizeof v->log_id.b);
    cbor_label_is(c, &order, 2);
    v->log_key = cbor_text(c);
    cbor_label_is(c, &order, 3);
    cose_ec2_read(c, &v->service);
    cbor_label_is(c, &order, 4);
    cbor_bytes_copy(c, v->boot_id.b, sizeof v->boot_id.b);
    cbor_label_is(c, &order, 5);
    v->size = cbor_uint(c, TL_INT_MAX);
    cbor_label_is(c, &order, 6);
    cbor_bytes_copy(c, v->root.b, sizeof v->root.b);
    cbor_label_is(c, &order, 7);
    heads_read(c, &v->heads);
    cbor_label_is(c, &order, 8);
    read_config(c, v);
    cbor_label_is(c, &order, 9);
    cbor_bytes_copy(c, v->evidence.b, sizeof v->evidence.b);
    cbor_label_is(c, &order, 10);
    v->version = cbor_text(c);
    if (n == 11) {
        cbor_label_is(c, &order, 11);
        v->old_note = cbor_bytes(c);
        /* An empty one would read like none. */
        if (REFUSED(v->old_note.n == 0))
            cbor_fail(c, TL_E_BODY);
    }
}

tl_err body_boot_read(struct body_boot *out, slice body)
{
    cbor c = cbor_of(body);
    struct body_boot v = {0};
    read_fields(&c, &v);
    tl_err err = cbor_end(&c);
    if (err != TL_OK)
        return err;
    if (REFUSED(v.service.curve != COSE_P256))
        return TL_E_BODY;
    if (REFUSED(v.heads.size != v.size))
        return TL_E_BODY;
    if (REFUSED(v.old_note.n && v.size != 0)) /* in a genesis only */
        return TL_E_BODY;
    err = note_key_read(&v.key, v.log_key);
    if (err == TL_OK)
        *out = v;
    return err;
}

void body_boot_put(buf *b, const struct body_boot *v)
{
    cbor_put_map(b, v->old_note.n ? 11 : 10);
    cbor_put_int(b, 1);
    cbor_put_bytes(b, hash_slice(&v->log_id));
    cbor_put_int(b, 2);
    cbor_put_text(b, v->log_key);
    cbor_put_int(b, 3);
    cose_ec2_put(b, &v->service);
    cbor_put_int(b, 4);
    cbor_put_bytes(b, hash_slice(&v->boot_id));
    cbor_put_int(b, 5);
    cbor_put_uint(b, v->size);
    cbor_put_int(b, 6);
    cbor_put_bytes(b, hash_slice(&v->root));
    cbor_put_int(b, 7);
    heads_put(b, &v->heads);
    cbor_put_int(b, 8);
    body_config_put(b, &v->config);
    cbor_put_int(b, 9);
    cbor_put_bytes(b, hash_slice(&v->evidence));
    cbor_put_int(b, 10);
    cbor_put_text(b, v->version);
    if (v->old_note.n) {
        cbor_put_int(b, 11);
        cbor_put_bytes(b, v->old_note);
    }
}

tl_err body_heads_read(struct heads *out, slice body)
{
    cbor c = cbor_of(body);
    slice order = {NULL, 0};
    struct heads v = {0};
    cbor_map_of(&c, 1);
    cbor_label_is(&c, &order, 1);
    heads_read(&c, &v);
    tl_err err = cbor_end(&c);
    if (err == TL_OK)
        *out = v;
    return err;
}

void body_heads_put(buf *b, const struct heads *v)
{
    cbor_put_map(b, 1);
    cbor_put_int(b, 1);
    heads_put(b, v);
}
