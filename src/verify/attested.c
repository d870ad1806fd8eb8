#include "verify/attested.h"

#include "attest/ratls.h"
#include "base/encoding.h"
#include "base/refuse.h"

#include <stdio.h>
#include <stdlib.h>

/* Collateral that an item carries, kept for those that point to it. */
struct shared_collateral {
    size_t position;
    uint8_t *bytes;
    size_t n;
};

void attested_finish(struct attested *a)
{
    for (size_t i = 0; i < a->count; i++)
        free(a->items[i].failure);
    free(a->items);
    for (size_t i = 0; i < a->shared_count; i++)
        free(a->shared[i].bytes);
    free(a->shared);
    *a = (struct attested){0};
}

static bool same_code(const struct evidence_code *a, const struct evidence_code *b)
{
    return a->platform == b->platform && a->tdx == b->tdx && hash_eq(&a->root, &b->root) &&
           memcmp(a->mrenclave, b->mrenclave, sizeof a->mrenclave) == 0 &&
           memcmp(a->mrsigner, b->mrsigner, sizeof a->mrsigner) == 0 &&
           a->isv_prod_id == b->isv_prod_id && a->isv_svn == b->isv_svn &&
           memcmp(a->mr_td, b->mr_td, sizeof a->mr_td) == 0 &&
           memcmp(a->rtmr, b->rtmr, sizeof a->rtmr) == 0 &&
           memcmp(a->compose_hash, b->compose_hash, sizeof a->compose_hash) == 0 &&
           memcmp(a->app_id, b->app_id, sizeof a->app_id) == 0 &&
           a->has_os_image_hash == b->has_os_image_hash &&
           memcmp(a->os_image_hash, b->os_image_hash, sizeof a->os_image_hash) == 0 &&
           hash_eq(&a->key_provider_hash, &b->key_provider_hash);
}

static tl_err find_code(struct teelog_report *r, const struct evidence_report *seen, uint32_t *out)
{
    size_t i = 0;
    while (i < r->code_count && !same_code(&r->codes[i].seen, &seen->code))
        i++;
    if (i == r->code_count) {
        if (REFUSED(i == CODES_MAX))
            return report_fail(r, CHECK_EVIDENCE, NO_INDEX,
                               "more than %d different codes in one bundle", CODES_MAX);
        struct report_code *p = realloc(r->codes, (i + 1) * sizeof *p);
        if (!p)
            return TL_E_MEMORY;
        r->codes = p;
        p[i] = (struct report_code){
            .seen = seen->code,
            .simulated = seen->simulated,
            .ok = seen->code_ok,
            .pin = seen->pin,
            .peer = seen->peer,
            .tcb_date = UINT64_MAX,
            .tcb_evaluation_number = UINT32_MAX,
        };
        memcpy(p[i].detail, seen->code_detail, sizeof p[i].detail);
        r->code_count++;
    }
    struct report_code *code = &r->codes[i];
    code->tcb_seen |= 1u << seen->tcb.status;
    if (seen->tcb.date < code->tcb_date)
        code->tcb_date = seen->tcb.date;
    if (seen->tcb_evaluation_number < code->tcb_evaluation_number)
        code->tcb_evaluation_number = seen->tcb_evaluation_number;
    *out = (uint32_t)i;
    return TL_OK;
}

static tl_err grow(struct attested *a)
{
    if (a->count < a->cap)
        return TL_OK;
    size_t cap = a->cap ? 2 * a->cap : 8;
    struct attested_item *p = realloc(a->items, cap * sizeof *p);
    if (!p)
        return TL_E_MEMORY;
    a->items = p;
    a->cap = cap;
    return TL_OK;
}

static tl_err judge(struct attested *a, struct teelog_report *r, const struct evidence_report *seen,
                    const hash32 *digest)
{
    struct attested_item v = {
        .digest = *digest,
        .index = NO_INDEX,
        .valid_from = seen->valid_from,
        .valid_until = seen->valid_until,
    };
    memcpy(v.report_data, seen->report_data, sizeof v.report_data);
    if (seen->simulated)
        r->simulated = true;
    else if (seen->genuine && !hash_eq(&seen->code.root, &dcap_intel_root))
        r->foreign_root = true;
    tl_err err = grow(a);
    if (err != TL_OK)
        return err;
    if (seen->genuine) {
        err = find_code(r, seen, &v.code);
        if (err != TL_OK)
            return err;
    } else {
        if (strcmp(seen->stage, "memory") == 0)
            return TL_E_MEMORY;
        size_t n = strlen(seen->stage) + 2 + strlen(seen->detail) + 1;
        v.failure = malloc(n);
        if (!v.failure)
            return TL_E_MEMORY;
        snprintf(v.failure, n, "%s: %s", seen->stage, seen->detail);
    }
    a->items[a->count++] = v;
    return TL_OK;
}

static tl_err keep(struct attested *a, struct teelog_report *r, slice collateral)
{
    if (REFUSED(a->shared_count == COLLATERALS_MAX ||
                collateral.n > COLLATERALS_MAX_BYTES - a->shared_bytes))
        return report_fail(r, CHECK_EVIDENCE, NO_INDEX, "more collateral than a bundle may hold");
    struct shared_collateral *p = realloc(a->shared, (a->shared_count + 1) * sizeof *p);
    if (!p)
        return TL_E_MEMORY;
    a->shared = p;
    uint8_t *bytes = malloc(collateral.n + 1);
    if (!bytes)
        return TL_E_MEMORY;
    if (collateral.n)
        memcpy(bytes, collateral.p, collateral.n);
    p[a->shared_count].position = a->position;
    p[a->shared_count].bytes = bytes;
    p[a->shared_count++].n = collateral.n;
    a->shared_bytes += collateral.n;
    return TL_OK;
}

/* The collateral of an item: its own, which is kept, or an earlier item's. */
static tl_err collateral_of(slice *out, struct attested *a, struct teelog_report *r,
                            const struct bundle_item *item)
{
    *out = item->u.evidence.collateral;
    if (!item->u.evidence.has_collateral_at)
        return out->p ? keep(a, r, *out) : TL_OK;
    for (size_t i = 0; i < a->shared_count; i++) {
        if (a->shared[i].position == item->u.evidence.collateral_at) {
            *out = slice_of(a->shared[i].bytes, a->shared[i].n);
            return TL_OK;
        }
    }
    return report_fail(r, CHECK_EVIDENCE, NO_INDEX,
                       "evidence points to collateral that no earlier item carries");
}

tl_err attested_add(struct attested *a, struct teelog_report *r, const struct bundle_item *item,
                    const struct evidence_context *context)
{
    struct evidence e;
    struct evidence_report seen;
    slice collateral;
    const hash32 *digest = &item->u.evidence.digest;
    hash32 got = sha256(item->u.evidence.item);
    char hex[17];
    hex_text(hex, digest->b, 8);
    if (REFUSED(!hash_eq(&got, digest)))
        return report_fail(r, CHECK_EVIDENCE, NO_INDEX, "evidence %s… is not what its digest says",
                           hex);
    tl_err err = evidence_read(&e, item->u.evidence.item);
    if (REFUSED(err != TL_OK))
        return report_fail(r, CHECK_EVIDENCE, NO_INDEX, "evidence %s… is malformed: %s", hex,
                           tl_err_text(err));
    err = collateral_of(&collateral, a, r, item);
    if (err != TL_OK)
        return err;
    a->position++;
    evidence_verify(&seen, &e, collateral, context);
    return judge(a, r, &seen, digest);
}

static struct attested_item *find(struct attested *a, const hash32 *digest)
{
    size_t low = 0, high = a->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int c = memcmp(a->items[middle].digest.b, digest->b, sizeof digest->b);
        if (c == 0)
            return &a->items[middle];
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static tl_err check_code(struct attested *a, struct teelog_report *r, uint64_t index,
                         const struct report_code *code)
{
    memcpy(a->code_detail, code->detail, sizeof a->code_detail);
    if (REFUSED(!code->ok))
        return report_fail(r, CHECK_CODE, index, "%s", code->detail);
    /* A log's key is its code's: whoever holds a signer's key could run another. */
    if (code->pin != CODE_PINNED)
        a->code_open = true;
    return TL_OK;
}

tl_err attested_use(struct attested *a, struct teelog_report *r, uint64_t index,
                    const hash32 *digest, const uint8_t binding[64], enum platform platform)
{
    const bool fresh = index == NO_INDEX;
    const char *what = fresh ? "the fresh answer" : "this statement";
    struct attested_item *e = find(a, digest);
    if (REFUSED(!e))
        return report_fail(r, CHECK_EVIDENCE, index,
                           "the evidence that %s names is not in the bundle", what);
    bool used = e->used;
    e->used = true;
    if (index < e->index)
        e->index = index;
    if (REFUSED(e->failure))
        return report_fail(r, CHECK_GENUINE, index, "%s", e->failure);
    struct report_code *code = &r->codes[e->code];
    if (REFUSED(memcmp(e->report_data, binding, sizeof e->report_data) != 0))
        return report_fail(r, fresh ? CHECK_FRESH : CHECK_BINDING, index,
                           "the quote was made for something else than %s says", what);
    /* A key is made for one statement, and quoted for it alone. */
    if (REFUSED(used))
        return report_fail(r, CHECK_EVIDENCE, index,
                           "the key and the evidence of this statement were used before");
    if (REFUSED(code->seen.platform != platform))
        return report_fail(r, CHECK_BOOT, index,
                           "the boot's configuration names another platform than the evidence");
    code->count++;
    return check_code(a, r, index, code);
}

tl_err attested_use_peer(struct attested *a, struct teelog_report *r, uint64_t index,
                         const struct body_session *s, uint32_t *out)
{
    struct attested_item *e = find(a, &s->peer_evidence);
    if (REFUSED(!e))
        return report_fail(r, CHECK_EVIDENCE, index,
                           "the evidence of the attested peer is not in the bundle");
    e->peer = true;
    if (index < e->index)
        e->index = index;
    if (REFUSED(e->failure))
        return report_fail(r, CHECK_GENUINE, index, "the attested peer's: %s", e->failure);
    if (REFUSED(!ratls_binds(s->peer_spki, s->peer_claims, e->report_data)))
        return report_fail(r, CHECK_BINDING, index,
                           "the attested peer's quote was made for another key, or its claims say "
                           "something else");
    struct report_code *code = &r->codes[e->code];
    code->peers++;
    a->peers++;
    *out = e->code;
    if (REFUSED(!code->peer.ok))
        return report_fail(r, CHECK_ADMISSION, index, "the attested peer: %s", code->peer.detail);
    if (code->peer.pin != CODE_PINNED)
        a->peer_open = true;
    return TL_OK;
}

tl_err attested_end(const struct attested *a, struct teelog_report *r)
{
    for (size_t i = 0; i < a->count; i++) {
        char hex[17];
        hex_text(hex, a->items[i].digest.b, 8);
        if (REFUSED(!a->items[i].used && !a->items[i].peer))
            return report_fail(r, CHECK_EVIDENCE, NO_INDEX,
                               "nothing in the bundle names evidence %s…", hex);
    }
    return TL_OK;
}
