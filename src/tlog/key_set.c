#include "tlog/key_set.h"

#include "base/refuse.h"

#define LABEL_KTY 1
#define LABEL_KID 2
#define LABEL_CRV (-1)
#define LABEL_X   (-2)
#define LABEL_Y   (-3)
#define KTY_EC2   2

static hash32 thumbprint_of(const struct cose_ec2 *key)
{
    uint8_t mem[COSE_EC2_SIZE];
    buf b;
    buf_init_fixed(&b, mem, sizeof mem);
    cose_ec2_put(&b, key);
    return sha256(buf_slice(&b));
}

/* One key; false where it is of another kind. A coordinate of another length is none of
 * P-256's. */
static bool read_key(cbor *c, struct cose_ec2 *out)
{
    int64_t kty = 0, curve = 0;
    slice x = {NULL, 0}, y = {NULL, 0};
    struct cose_labels labels = {0};
    for (size_t n = cbor_map(c); n && c->err == TL_OK; n--) {
        int64_t label = cose_label(c, &labels);
        enum cbor_major next = cbor_peek(c);
        bool number = next == CBOR_UINT || next == CBOR_NINT;
        if (label == LABEL_KTY && number)
            kty = cbor_int(c);
        else if (label == LABEL_CRV && number)
            curve = cbor_int(c);
        else if (label == LABEL_X && next == CBOR_BYTES)
            x = cbor_bytes(c);
        else if (label == LABEL_Y && next == CBOR_BYTES)
            y = cbor_bytes(c);
        else
            (void)cbor_item(c);
    }
    if (c->err != TL_OK || kty != KTY_EC2 || curve != COSE_P256 || REFUSED(x.n != sizeof out->x) ||
        REFUSED(y.n != sizeof out->y))
        return false;
    out->curve = COSE_P256;
    memcpy(out->x, x.p, sizeof out->x);
    memcpy(out->y, y.p, sizeof out->y);
    return true;
}

tl_err key_set_find(struct cose_ec2 *out, slice set, slice thumbprint)
{
    bool found = false;
    if (REFUSED(set.n > KEY_SET_MAX))
        return TL_E_KEY;
    cbor c = cbor_of(set);
    for (size_t n = cbor_array(&c); n && c.err == TL_OK; n--) {
        struct cose_ec2 key;
        if (!read_key(&c, &key))
            continue;
        hash32 h = thumbprint_of(&key);
        if (!slice_eq(hash_slice(&h), thumbprint))
            continue;
        *out = key;
        found = true;
    }
    tl_err err = cbor_end(&c);
    if (err != TL_OK)
        return err;
    return found ? TL_OK : TL_E_NOT_FOUND;
}

void key_set_put_key(buf *b, const struct cose_ec2 *key)
{
    hash32 kid = thumbprint_of(key);
    cbor_put_map(b, 5);
    cbor_put_int(b, LABEL_KTY);
    cbor_put_int(b, KTY_EC2);
    cbor_put_int(b, LABEL_KID);
    cbor_put_bytes(b, hash_slice(&kid));
    cbor_put_int(b, LABEL_CRV);
    cbor_put_int(b, key->curve);
    cbor_put_int(b, LABEL_X);
    cbor_put_bytes(b, SLICE_ARRAY(key->x));
    cbor_put_int(b, LABEL_Y);
    cbor_put_bytes(b, SLICE_ARRAY(key->y));
}

void key_set_put(buf *b, const struct cose_ec2 *keys, size_t n)
{
    cbor_put_array(b, n);
    for (size_t i = 0; i < n; i++)
        key_set_put_key(b, &keys[i]);
}
