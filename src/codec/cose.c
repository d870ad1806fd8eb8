#include "codec/cose.h"

#include "base/refuse.h"

#define TAG_SIGN1 18

tl_err cose_sign1_read(struct cose_sign1 *out, slice s)
{
    cbor c = cbor_of(s);
    struct cose_sign1 v;
    cbor_tag(&c, TAG_SIGN1);
    cbor_array_of(&c, 4);
    v.protected_header = cbor_bytes(&c);
    cbor_map_of(&c, 0);
    v.payload = cbor_bytes(&c);
    v.signature = cbor_bytes(&c);
    tl_err err = cbor_end(&c);
    if (err != TL_OK)
        return err;
    if (REFUSED(v.signature.n != 64))
        return TL_E_COSE;
    *out = v;
    return TL_OK;
}

void cose_sign1_put(buf *b, slice protected_header, slice payload, const uint8_t signature[64])
{
    cbor_put_tag(b, TAG_SIGN1);
    cbor_put_array(b, 4);
    cbor_put_bytes(b, protected_header);
    cbor_put_map(b, 0);
    cbor_put_bytes(b, payload);
    cbor_put_bytes(b, slice_of(signature, 64));
}

void cose_sig_structure_put(buf *b, slice protected_header, slice payload)
{
    cbor_put_array(b, 4);
    cbor_put_str(b, "Signature1");
    cbor_put_bytes(b, protected_header);
    cbor_put_bytes(b, (slice){NULL, 0});
    cbor_put_bytes(b, payload);
}

int64_t cose_label(cbor *c, struct cose_labels *labels)
{
    slice first = {NULL, 0};
    int64_t label = cbor_label(c, &first);
    bool again = false;
    for (size_t i = 0; i < labels->count; i++)
        again = again || labels->seen[i] == label;
    if (REFUSED(again) || REFUSED(labels->count == COSE_LABELS_MAX))
        cbor_fail(c, TL_E_COSE);
    else
        labels->seen[labels->count++] = label;
    return label;
}

const char *cose_alg_name(enum cose_alg alg)
{
    return alg == COSE_ES256K ? "ES256K" : "ES256";
}

bool cose_alg_named(enum cose_alg *out, slice name)
{
    if (slice_eq_str(name, "ES256"))
        *out = COSE_ES256;
    else if (slice_eq_str(name, "ES256K"))
        *out = COSE_ES256K;
    else
        return false;
    return true;
}

void cose_ec2_read(cbor *c, struct cose_ec2 *out)
{
    slice order = {NULL, 0};
    struct cose_ec2 v = {0};
    cbor_map_of(c, 4);
    cbor_label_is(c, &order, 1); /* kty: EC2 */
    if (REFUSED(cbor_int(c) != 2))
        cbor_fail(c, TL_E_KEY);
    cbor_label_is(c, &order, -1); /* crv */
    int64_t curve = cbor_int(c);
    if (REFUSED(curve != COSE_P256 && curve != COSE_SECP256K1))
        cbor_fail(c, TL_E_KEY);
    cbor_label_is(c, &order, -2);
    cbor_bytes_copy(c, v.x, sizeof v.x);
    cbor_label_is(c, &order, -3);
    cbor_bytes_copy(c, v.y, sizeof v.y);
    if (c->err != TL_OK)
        return;
    v.curve = (enum cose_curve)curve;
    *out = v;
}

void cose_ec2_put(buf *b, const struct cose_ec2 *key)
{
    cbor_put_map(b, 4);
    cbor_put_int(b, 1);
    cbor_put_int(b, 2);
    cbor_put_int(b, -1);
    cbor_put_int(b, key->curve);
    cbor_put_int(b, -2);
    cbor_put_bytes(b, SLICE_ARRAY(key->x));
    cbor_put_int(b, -3);
    cbor_put_bytes(b, SLICE_ARRAY(key->y));
}

void cose_ec2_compressed(uint8_t out[33], const struct cose_ec2 *key)
{
    out[0] = key->y[31] & 1 ? 3 : 2;
    memcpy(out + 1, key->x, sizeof key->x);
}
