/* Bodies of sessions. */
#include "base/refuse.h"
#include "tlog/body.h"

/* Label 7: null, or [H of the peer's evidence, its SubjectPublicKeyInfo, its
 * claims]. */
static void read_peer(cbor *c, struct body_session *v)
{
    v->has_peer = !cbor_try_null(c);
    if (!v->has_peer)
        return;
    cbor_array_of(c, 3);
    cbor_bytes_copy(c, v->peer_evidence.b, sizeof v->peer_evidence.b);
    v->peer_spki = cbor_bytes(c);
    v->peer_claims = cbor_bytes(c);
}

static void read_fields(cbor *c, struct body_session *v)
{
    slice order = {NULL, 0};
    cbor_map_of(c, 8);
    cbor_label_is(c, &order, 1);
    cose_ec2_read(c, &v->agent);
    cbor_label_is(c, &order, 2);
    v->boot = cbor_uint(c, TL_INT_MAX);
    cbor_label_is(c, &order, 3);
    v->size = cbor_uint(c, TL_INT_MAX);
    cbor_label_is(c, &order, 4);
    cbor_bytes_copy(c, v->root.b, sizeof v->root.b);
    cbor_label_is(c, &order, 5);
    cbor_bytes_copy(c, v->about.b, sizeof v->about.b);
    cbor_label_is(c, &order, 6);
    v->admission = cbor_uint(c, ADMISSION_LAST);
    cbor_label_is(c, &order, 7);
    read_peer(c, v);
    cbor_label_is(c, &order, 8);
    cbor_bytes_copy(c, v->evidence.b, sizeof v->evidence.b);
}

tl_err body_session_read(struct body_session *out, slice body)
{
    cbor c = cbor_of(body);
    struct body_session v = {0};
    read_fields(&c, &v);
    tl_err err = cbor_end(&c);
    if (err != TL_OK)
        return err;
    if (REFUSED(v.boot >= v.size))
        return TL_E_BODY;
    if (REFUSED(v.admission == 0))
        return TL_E_BODY;
    if (REFUSED(v.has_peer != (v.admission == ADMISSION_ATTESTED)))
        return TL_E_BODY;
    *out = v;
    return TL_OK;
}

void body_session_put(buf *b, const struct body_session *v)
{
    cbor_put_map(b, 8);
    cbor_put_int(b, 1);
    cose_ec2_put(b, &v->agent);
    cbor_put_int(b, 2);
    cbor_put_uint(b, v->boot);
    cbor_put_int(b, 3);
    cbor_put_uint(b, v->size);
    cbor_put_int(b, 4);
    cbor_put_bytes(b, hash_slice(&v->root));
    cbor_put_int(b, 5);
    cbor_put_bytes(b, hash_slice(&v->about));
    cbor_put_int(b, 6);
    cbor_put_uint(b, v->admission);
    cbor_put_int(b, 7);
    if (v->has_peer) {
        cbor_put_array(b, 3);
        cbor_put_bytes(b, hash_slice(&v->peer_evidence));
        cbor_put_bytes(b, v->peer_spki);
        cbor_put_bytes(b, v->peer_claims);
    } else {
        cbor_put_null(b);
    }
    cbor_put_int(b, 8);
    cbor_put_bytes(b, hash_slice(&v->evidence));
}
