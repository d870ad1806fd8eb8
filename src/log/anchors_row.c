/* The list of anchors: C[[* digest], [* [size, [* place of a digest]]]]. */
#include "base/refuse.h"
#include "codec/cbor.h"
#include "log/anchors.h"

void anchors_put(const struct anchors *a, buf *out)
{
    cbor_put_array(out, 2);
    cbor_put_array(out, a->piece_count);
    for (size_t i = 0; i < a->piece_count; i++)
        cbor_put_bytes(out, hash_slice(&a->pieces[i].piece.digest));
    cbor_put_array(out, a->count);
    for (size_t i = 0; i < a->count; i++) {
        const struct anchor *k = &a->items[i];
        cbor_put_array(out, 2);
        cbor_put_uint(out, k->size);
        cbor_put_array(out, k->piece_count);
        for (size_t n = 0; n < k->piece_count; n++)
            cbor_put_uint(out, k->pieces[n]);
    }
}

static void read_anchor(cbor *c, struct anchors *a)
{
    struct anchor *k = &a->items[a->count];
    cbor_array_of(c, 2);
    k->size = cbor_uint(c, TL_INT_MAX);
    k->piece_count = cbor_array(c);
    if (c->err == TL_OK && REFUSED(k->piece_count > SHELF_MAX))
        cbor_fail(c, TL_E_STORED);
    for (size_t n = 0; c->err == TL_OK && n < k->piece_count; n++) {
        k->pieces[n] = (uint8_t)cbor_uint(c, ANCHOR_PIECES - 1);
        if (REFUSED(k->pieces[n] >= a->piece_count))
            cbor_fail(c, TL_E_STORED);
    }
    if (REFUSED(k->size <= (a->count ? k[-1].size : 0)))
        cbor_fail(c, TL_E_STORED);
    a->count += c->err == TL_OK;
}

tl_err anchors_read(struct anchors *out, slice list)
{
    cbor c = cbor_of(list);
    out->count = 0;
    cbor_array_of(&c, 2);
    size_t pieces = cbor_array(&c);
    if (c.err == TL_OK && REFUSED(pieces > ANCHOR_PIECES))
        return TL_E_STORED;
    for (size_t i = 0; c.err == TL_OK && i < pieces; i++) {
        out->pieces[i].state = ANCHOR_UNREAD;
        cbor_bytes_copy(&c, out->pieces[i].piece.digest.b, sizeof(hash32));
    }
    out->piece_count = pieces;
    size_t count = cbor_array(&c);
    if (c.err == TL_OK && REFUSED(count > ANCHORS_MAX))
        return TL_E_STORED;
    for (size_t i = 0; c.err == TL_OK && i < count; i++)
        read_anchor(&c, out);
    return REFUSED(cbor_end(&c) != TL_OK) ? TL_E_STORED : TL_OK;
}

void anchors_drop_pieces(struct anchors *a)
{
    uint8_t now[ANCHOR_PIECES];
    bool used[ANCHOR_PIECES] = {false};
    size_t count = 0;
    for (size_t i = 0; i < a->count; i++)
        for (size_t n = 0; n < a->items[i].piece_count; n++)
            used[a->items[i].pieces[n]] = true;
    for (size_t i = 0; i < a->piece_count; i++) {
        now[i] = (uint8_t)count;
        if (used[i])
            a->pieces[count++] = a->pieces[i];
    }
    a->piece_count = count;
    for (size_t i = 0; i < a->count; i++)
        for (size_t n = 0; n < a->items[i].piece_count; n++)
            a->items[i].pieces[n] = now[a->items[i].pieces[n]];
}
