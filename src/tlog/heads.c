#include "tlog/heads.h"

void heads_read(cbor *c, struct heads *out)
{
    struct heads h;
    cbor_array_of(c, 3);
    h.size = cbor_uint(c, TL_INT_MAX);
    h.n = cbor_uint(c, TL_INT_MAX);
    cbor_bytes_copy(c, h.root.b, sizeof h.root.b);
    if (c->err == TL_OK)
        *out = h;
}

void heads_put(buf *b, const struct heads *h)
{
    cbor_put_array(b, 3);
    cbor_put_uint(b, h->size);
    cbor_put_uint(b, h->n);
    cbor_put_bytes(b, hash_slice(&h->root));
}

/* Hashed in parts, since the subject of a hostile head may be long and there is
 * no way to report a failure. */
hash32 head_leaf_hash(const struct head *h)
{
    uint8_t front_mem[1 + 1 + 9], back_mem[9 + 9 + 2 + sizeof h->last_hash.b];
    buf front, back;
    buf_init_fixed(&front, front_mem, sizeof front_mem);
    buf_u8(&front, 0); /* RFC 6962: a leaf */
    cbor_put_array(&front, 4);
    cbor_put_head(&front, CBOR_TEXT, h->subject.n);
    buf_init_fixed(&back, back_mem, sizeof back_mem);
    cbor_put_uint(&back, h->count);
    cbor_put_uint(&back, h->last_index);
    cbor_put_bytes(&back, hash_slice(&h->last_hash));
    const slice parts[] = {buf_slice(&front), h->subject, buf_slice(&back)};
    return sha256_parts(parts, 3);
}

int head_cmp(const void *a, const void *b)
{
    const struct head *x = a, *y = b;
    return slice_cmp(x->subject, y->subject);
}
