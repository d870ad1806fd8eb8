/* Reads the form of one bundle item. */
#include "tlog/bundle_item.h"

#include "base/refuse.h"
#include "tlog/statement.h"

#define FILL_MAX_LEVEL 62

static void want_members(cbor *c, size_t members, size_t want)
{
    if (REFUSED(members != want))
        cbor_fail(c, TL_E_BUNDLE);
}

static slice bytes_or_null(cbor *c)
{
    return cbor_try_null(c) ? (slice){NULL, 0} : cbor_bytes(c);
}

static size_t read_path(cbor *c, hash32 path[MERKLE_MAX_PATH])
{
    size_t n = cbor_array(c);
    if (REFUSED(n > MERKLE_MAX_PATH)) {
        cbor_fail(c, TL_E_BUNDLE);
        return 0;
    }
    for (size_t i = 0; i < n; i++)
        cbor_bytes_copy(c, path[i].b, sizeof path[i].b);
    return n;
}

static void read_header(cbor *c, size_t members, struct bundle_item *out)
{
    want_members(c, members, 6);
    (void)cbor_uint(c, 0);
    if (REFUSED(cbor_uint(c, TL_INT_MAX) != BUNDLE_VERSION))
        cbor_fail(c, TL_E_BUNDLE);
    out->u.header.scope = cbor_uint(c, SCOPE_RECORDS);
    out->u.header.checkpoint = cbor_bytes(c);
    cbor_array_of(c, 4);
    out->u.header.evidence_count = cbor_uint(c, TL_INT_MAX);
    out->u.header.leaf_count = cbor_uint(c, TL_INT_MAX);
    out->u.header.proof_count = cbor_uint(c, TL_INT_MAX);
    out->u.header.anchor_count = cbor_uint(c, TL_INT_MAX);
}

static void read_evidence(cbor *c, size_t members, struct bundle_item *out)
{
    want_members(c, members, 4);
    cbor_bytes_copy(c, out->u.evidence.digest.b, sizeof out->u.evidence.digest.b);
    out->u.evidence.item = cbor_bytes(c);
    out->u.evidence.has_collateral_at = cbor_peek(c) == CBOR_UINT;
    if (out->u.evidence.has_collateral_at)
        out->u.evidence.collateral_at = cbor_uint(c, TL_INT_MAX);
    else
        out->u.evidence.collateral = bytes_or_null(c);
}

static void read_leaf(cbor *c, size_t members, struct bundle_item *out)
{
    want_members(c, members, 4);
    out->u.leaf.index = cbor_uint(c, TL_INT_MAX);
    out->u.leaf.statement = cbor_bytes(c);
    out->u.leaf.body = bytes_or_null(c);
}

static void read_proof(cbor *c, size_t members, struct bundle_item *out)
{
    out->u.proof.number = cbor_uint(c, TL_INT_MAX);
    out->u.proof.type = (enum bundle_proof)cbor_uint(c, PROOF_HEAD);
    switch (out->u.proof.type) {
    case PROOF_FILL:
        want_members(c, members, 6);
        out->u.proof.level = (unsigned)cbor_uint(c, FILL_MAX_LEVEL);
        /* The leaves that it stands for must have indexes below 2^53. */
        out->u.proof.n = cbor_uint(c, TL_INT_MAX >> out->u.proof.level);
        cbor_bytes_copy(c, out->u.proof.hash.b, sizeof out->u.proof.hash.b);
        return;
    case PROOF_CONSISTENCY:
        want_members(c, members, 5);
        out->u.proof.n = cbor_uint(c, TL_INT_MAX);
        break;
    case PROOF_HEAD:
        want_members(c, members, 7);
        out->u.proof.n = cbor_uint(c, TL_INT_MAX);
        out->u.proof.subject = cbor_text(c);
        if (REFUSED(out->u.proof.subject.n > SUBJECT_MAX))
            cbor_fail(c, TL_E_BUNDLE);
        out->u.proof.position = cbor_uint(c, TL_INT_MAX);
        break;
    }
    out->u.proof.path_count = read_path(c, out->u.proof.path);
}

static void read_anchor(cbor *c, size_t members, struct bundle_item *out)
{
    want_members(c, members, 4);
    out->u.anchor.size = cbor_uint(c, TL_INT_MAX);
    out->u.anchor.checkpoint = cbor_bytes(c);
    out->u.anchor.path_count = read_path(c, out->u.anchor.path);
}

static void read_fresh(cbor *c, size_t members, struct bundle_item *out)
{
    want_members(c, members, 9);
    (void)cbor_uint(c, 0);
    cbor_bytes_copy(c, out->u.fresh.evidence.b, sizeof out->u.fresh.evidence.b);
    fresh_read(c, &out->u.fresh.answer);
}

void bundle_item_read(cbor *c, struct bundle_item *out)
{
    size_t members = cbor_array(c);
    out->kind = (enum bundle_kind)cbor_uint(c, BUNDLE_FRESH);
    switch (out->kind) {
    case BUNDLE_HEADER:
        read_header(c, members, out);
        return;
    case BUNDLE_EVIDENCE:
        read_evidence(c, members, out);
        return;
    case BUNDLE_LEAF:
        read_leaf(c, members, out);
        return;
    case BUNDLE_PROOF:
        read_proof(c, members, out);
        return;
    case BUNDLE_ANCHOR:
        read_anchor(c, members, out);
        return;
    case BUNDLE_FRESH:
        read_fresh(c, members, out);
        return;
    }
}
