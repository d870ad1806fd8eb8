/* Writes bundle items. */
#include "tlog/bundle.h"

static void put_path(buf *b, const hash32 *path, size_t count)
{
    cbor_put_array(b, count);
    for (size_t i = 0; i < count; i++)
        cbor_put_bytes(b, hash_slice(&path[i]));
}

static void put_bytes_or_null(buf *b, slice s)
{
    if (s.p)
        cbor_put_bytes(b, s);
    else
        cbor_put_null(b);
}

static void put_header(buf *b, const struct bundle_item *item)
{
    cbor_put_array(b, 6);
    cbor_put_uint(b, BUNDLE_HEADER);
    cbor_put_uint(b, 0); /* its key: there is one header */
    cbor_put_uint(b, BUNDLE_VERSION);
    cbor_put_uint(b, item->u.header.scope);
    cbor_put_bytes(b, item->u.header.checkpoint);
    cbor_put_array(b, 4);
    cbor_put_uint(b, item->u.header.evidence_count);
    cbor_put_uint(b, item->u.header.leaf_count);
    cbor_put_uint(b, item->u.header.proof_count);
    cbor_put_uint(b, item->u.header.anchor_count);
}

static void put_proof(buf *b, const struct bundle_item *item)
{
    static const uint8_t sizes[] = {
        [PROOF_FILL] = 6,
        [PROOF_CONSISTENCY] = 5,
        [PROOF_HEAD] = 7,
    };
    cbor_put_array(b, sizes[item->u.proof.type]);
    cbor_put_uint(b, BUNDLE_PROOF);
    cbor_put_uint(b, item->u.proof.number);
    cbor_put_uint(b, item->u.proof.type);
    if (item->u.proof.type == PROOF_FILL)
        cbor_put_uint(b, item->u.proof.level);
    cbor_put_uint(b, item->u.proof.n);
    if (item->u.proof.type == PROOF_FILL) {
        cbor_put_bytes(b, hash_slice(&item->u.proof.hash));
        return;
    }
    if (item->u.proof.type == PROOF_HEAD) {
        cbor_put_text(b, item->u.proof.subject);
        cbor_put_uint(b, item->u.proof.position);
    }
    put_path(b, item->u.proof.path, item->u.proof.path_count);
}

void bundle_item_put(buf *b, const struct bundle_item *item)
{
    switch (item->kind) {
    case BUNDLE_HEADER:
        put_header(b, item);
        return;
    case BUNDLE_EVIDENCE:
        cbor_put_array(b, 4);
        cbor_put_uint(b, BUNDLE_EVIDENCE);
        cbor_put_bytes(b, hash_slice(&item->u.evidence.digest));
        cbor_put_bytes(b, item->u.evidence.item);
        if (item->u.evidence.has_collateral_at)
            cbor_put_uint(b, item->u.evidence.collateral_at);
        else
            put_bytes_or_null(b, item->u.evidence.collateral);
        return;
    case BUNDLE_LEAF:
        cbor_put_array(b, 4);
        cbor_put_uint(b, BUNDLE_LEAF);
        cbor_put_uint(b, item->u.leaf.index);
        cbor_put_bytes(b, item->u.leaf.statement);
        put_bytes_or_null(b, item->u.leaf.body);
        return;
    case BUNDLE_PROOF:
        put_proof(b, item);
        return;
    case BUNDLE_ANCHOR:
        cbor_put_array(b, 4);
        cbor_put_uint(b, BUNDLE_ANCHOR);
        cbor_put_uint(b, item->u.anchor.size);
        cbor_put_bytes(b, item->u.anchor.checkpoint);
        put_path(b, item->u.anchor.path, item->u.anchor.path_count);
        return;
    case BUNDLE_FRESH:
        cbor_put_array(b, 9);
        cbor_put_uint(b, BUNDLE_FRESH);
        cbor_put_uint(b, 0); /* its key: there is one at most */
        cbor_put_bytes(b, hash_slice(&item->u.fresh.evidence));
        fresh_put(b, &item->u.fresh.answer);
        return;
    }
}
