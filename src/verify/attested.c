#include "verify/attested.h"

#include "base/encoding.h"
#include "base/refuse.h"

#include <stdio.h>
#include <stdlib.h>

void attested_finish(struct attested *a)
{
    for (size_t i = 0; i < a->count; i++)
        free(a->items[i].failure);
    free(a->items);
    *a = (struct attested){0};
}

static bool same_code(const struct evidence_report *a, const struct evidence_report *b)
{
    return a->platform == b->platform && hash_eq(&a->root, &b->root) &&
           a->isv_prod_id == b->isv_prod_id && a->isv_svn == b->isv_svn &&
           memcmp(a->mrenclave, b->mrenclave, sizeof a->mrenclave) == 0 &&
           memcmp(a->mrsigner, b->mrsigner, sizeof a->mrsigner) == 0;
}

static tl_err find_code(struct teelog_report *r, const struct evidence_report *seen, uint32_t *out)
{
    size_t i = 0;
    while (i < r->code_count && !same_code(&r->codes[i].seen, seen))
        i++;
    if (i == r->code_count) {
        if (REFUSED(i == CODES_MAX))
            return report_fail(r, CHECK_EVIDENCE, NO_INDEX,
                               "more than %d different codes in one bundle", CODES_MAX);
        struct report_code *p = realloc(r->codes, (i + 1) * sizeof *p);
        if (!p)
            return TL_E_MEMORY;
        r->codes = p;
        p[r->code_count++] = (struct report_code){.seen = *seen};
    }
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
    struct attested_item v = {.digest = *digest};
    memcpy(v.report_data, seen->report_data, sizeof v.report_data);
    if (seen->simulated)
        r->simulated = true;
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

tl_err attested_add(struct attested *a, struct teelog_report *r, const struct bundle_item *item,
                    uint64_t time, const struct policy *policy)
{
    struct evidence e;
    struct evidence_report seen;
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
    evidence_verify(&seen, &e, item->u.evidence.collateral, time, policy);
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

/* A policy that admits the simulator admits nothing else, and a simulated
 * platform is pinned only by its root together with its code. */
static tl_err check_code(struct attested *a, struct teelog_report *r, uint64_t index,
                         const struct evidence_report *seen, const struct policy *policy)
{
    bool pinned = false;
    if (REFUSED(policy && policy->simulator && !seen->simulated))
        return report_fail(r, CHECK_CODE, index,
                           "the policy is for a simulated platform and trusts no other");
    if (REFUSED(policy && policy->evidence_count && !policy->simulator && seen->simulated))
        return report_fail(r, CHECK_CODE, index,
                           "the platform is simulated, and the policy trusts none that is");
    if (REFUSED(!evidence_code_ok(seen, policy, &pinned, a->code_detail)))
        return report_fail(r, CHECK_CODE, index, "%s", a->code_detail);
    if (!pinned || (seen->simulated && !seen->root_pinned))
        a->code_open = true;
    return TL_OK;
}

tl_err attested_use(struct attested *a, struct teelog_report *r, uint64_t index,
                    const hash32 *digest, const uint8_t binding[64], enum platform platform,
                    const struct policy *policy)
{
    struct attested_item *e = find(a, digest);
    if (REFUSED(!e))
        return report_fail(r, CHECK_EVIDENCE, index,
                           "the evidence that this statement names is not in the bundle");
    bool used = e->used;
    e->used = true;
    if (REFUSED(e->failure))
        return report_fail(r, CHECK_GENUINE, index, "%s", e->failure);
    struct report_code *code = &r->codes[e->code];
    if (REFUSED(memcmp(e->report_data, binding, sizeof e->report_data) != 0))
        return report_fail(r, CHECK_BINDING, index,
                           "the quote was made for something else than this statement says");
    /* A key is made for one statement, and quoted for it alone. */
    if (REFUSED(used))
        return report_fail(r, CHECK_EVIDENCE, index,
                           "the key and the evidence of this statement were used before");
    if (REFUSED(code->seen.platform != platform))
        return report_fail(r, CHECK_BOOT, index,
                           "the boot's configuration names another platform than the evidence");
    code->count++;
    return check_code(a, r, index, &code->seen, policy);
}

tl_err attested_end(const struct attested *a, struct teelog_report *r)
{
    for (size_t i = 0; i < a->count; i++) {
        char hex[17];
        hex_text(hex, a->items[i].digest.b, 8);
        if (REFUSED(!a->items[i].used))
            return report_fail(r, CHECK_EVIDENCE, NO_INDEX,
                               "no boot or session in the bundle names evidence %s…", hex);
    }
    return TL_OK;
}
