/* Evidence on its way into a bundle, each item with the collateral of its time. */
#include "attest/evidence.h"
#include "base/refuse.h"
#include "log/export.h"

/* What was kept with an anchor comes from the store, unless it is no more what it was. kept: for
 * its bytes. */
static tl_err get_kept(const struct log_export *e, const hash32 *digest, buf *kept)
{
    tl_err err = store_get_evidence(e->log->store, digest, kept);
    hash32 got = sha256(buf_slice(kept));
    if (err == TL_E_NOT_FOUND || err == TL_E_LIMIT)
        return TL_E_STORED;
    return err == TL_OK && REFUSED(!hash_eq(&got, digest)) ? TL_E_STORED : err;
}

/* The collateral of this evidence. */
static tl_err carry(struct log_export *e, const struct claim *claim, slice bytes,
                    struct bundle_carried *out, buf *kept)
{
    const uint64_t time = export_time_of(e, claim->index);
    for (;;) {
        bundle_collateral_for(&e->collateral, bytes, time, e->cursor - 1, out);
        if (!out->stored)
            return TL_OK;
        buf_reset(kept);
        tl_err err = get_kept(e, &out->stored->digest, kept);
        if (err != TL_E_STORED) {
            out->json = buf_slice(kept);
            return err;
        }
        bundle_collateral_lose(&e->collateral, out->stored);
    }
}

static tl_err put_item(struct log_export *e, const struct claim *claim, slice bytes)
{
    struct bundle_item item = {.kind = BUNDLE_EVIDENCE};
    struct bundle_carried carried;
    buf kept;
    buf_init(&kept, COLLATERAL_MAX);
    tl_err err = carry(e, claim, bytes, &carried, &kept);
    if (err == TL_OK) {
        item.u.evidence.digest = claim->digest;
        item.u.evidence.item = bytes;
        item.u.evidence.collateral = carried.json;
        item.u.evidence.has_collateral_at = carried.has_at;
        item.u.evidence.collateral_at = carried.at;
        bundle_item_put(e->out, &item);
    }
    buf_finish(&kept);
    return err;
}

tl_err export_put_evidence(struct log_export *e, struct tl_why *why)
{
    if (e->cursor == e->evidence_count) {
        export_next_stage(e);
        e->cursor = e->run_count ? e->runs[0].start : 0;
        return TL_OK;
    }
    const struct claim *claim = &e->evidence[e->cursor++];
    buf b;
    buf_init(&b, 1u << 20);
    tl_err err = TL_OK;
    if (e->fresh.wanted && hash_eq(&claim->digest, &e->fresh.digest))
        buf_bytes(&b, buf_slice(&e->fresh.item));
    else
        err = store_get_evidence(e->log->store, &claim->digest, &b);
    hash32 again = sha256(buf_slice(&b));
    if (err == TL_E_NOT_FOUND || (err == TL_OK && REFUSED(!hash_eq(&again, &claim->digest))))
        err = tl_explain(why, TL_E_STORED, NULL,
                         "evidence of a boot or session is missing or altered; `teelog fsck` says "
                         "of which");
    if (err == TL_OK)
        err = put_item(e, claim, buf_slice(&b));
    buf_finish(&b);
    return err;
}
