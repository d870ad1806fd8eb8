#include "verify/heads.h"

#include "base/refuse.h"

#include <inttypes.h>

/* Computing a heads tree hashes every subject again, which a bundle could ask
 * for at every other leaf. This is far more than an honest log asks for, and
 * keeps the work linear in the number of leaves. */
#define WORK_FREE     (UINT64_C(1) << 24)
#define WORK_PER_LEAF 1024

static struct head head_of(const struct subject *s)
{
    return (struct head){subject_id(s), s->count, s->last_index, s->last_hash};
}

/* Section 6: every subject with a statement so far, in bytewise order. */
tl_err heads_compute(struct heads *out, struct heads_state *h, struct teelog_report *r,
                     uint64_t index, struct subjects *subjects)
{
    struct merkle_frontier f = {0};
    h->work += subjects->count;
    if (REFUSED(h->work > WORK_FREE + WORK_PER_LEAF * (index + 1)))
        return report_fail(r, CHECK_HEADS, index, "too many heads for a log of this size");
    subjects_sort(subjects);
    for (size_t i = 0; i < subjects->count; i++) {
        if (subjects->list[i]->count == 0) /* the origin, at a genesis */
            continue;
        struct head head = head_of(subjects->list[i]);
        hash32 leaf = head_leaf_hash(&head);
        merkle_frontier_add(&f, &leaf);
    }
    *out = (struct heads){.size = index, .n = f.size, .root = merkle_frontier_root(&f)};
    return TL_OK;
}

static tl_err compare(struct heads_state *h, struct teelog_report *r, uint64_t index,
                      const struct heads *heads, struct subjects *subjects)
{
    struct heads got = {0};
    tl_err err = heads_compute(&got, h, r, index, subjects);
    if (err != TL_OK)
        return err;
    if (REFUSED(heads->n != got.n))
        return report_fail(r, CHECK_HEADS, index,
                           "the heads are said to be %" PRIu64 ", and the leaves have %" PRIu64,
                           heads->n, got.n);
    if (REFUSED(!hash_eq(&heads->root, &got.root)))
        return report_fail(r, CHECK_HEADS, index, "the leaves do not give this root of the heads");
    return TL_OK;
}

static void expect(struct heads_state *h, uint64_t index, const struct heads *heads,
                   struct subjects *subjects)
{
    subjects_sort(subjects);
    h->provable = heads->size == index;
    h->index = index;
    h->last = *heads;
    h->known = 0;
    for (size_t i = 0; i < subjects->count; i++) { /* two at most: docs/format.md section 10 */
        if (subjects->list[i]->count == 0)
            continue;
        struct head head = head_of(subjects->list[i]);
        h->expected[h->known].id = head.subject;
        h->expected[h->known++].leaf = head_leaf_hash(&head);
    }
}

tl_err heads_carried(struct heads_state *h, struct teelog_report *r, uint64_t index,
                     const struct heads *heads, struct subjects *subjects)
{
    if (REFUSED(heads->size > index))
        return report_fail(r, CHECK_HEADS, index,
                           "the heads speak of leaves that come after their statement");
    if (h->scope == SCOPE_CHAIN)
        expect(h, index, heads, subjects);
    if (h->scope == SCOPE_WHOLE && heads->size == index)
        return compare(h, r, index, heads, subjects);
    return TL_OK;
}

tl_err heads_prove(struct heads_state *h, struct teelog_report *r, const struct bundle_item *item)
{
    /* Only of a chain, for both subjects or none, and of heads that the bundle
     * lets us compare with what came before them. */
    if (REFUSED(!h->provable || h->known != 2))
        return report_fail(r, CHECK_HEADS, NO_INDEX,
                           "a head proof, in a bundle with no heads that it could be for");
    if (REFUSED(item->u.proof.n != h->index))
        return report_fail(r, CHECK_HEADS, h->index,
                           "a head proof is for the statement at %" PRIu64
                           ", and the last heads are here",
                           item->u.proof.n);
    /* After both there is the empty subject, which no third proof can have. */
    if (REFUSED(!slice_eq(item->u.proof.subject, h->expected[h->proven].id)))
        return report_fail(r, CHECK_HEADS, h->index, "a head proof is for another subject");
    if (REFUSED(merkle_verify_inclusion(item->u.proof.position, h->last.n,
                                        &h->expected[h->proven].leaf, item->u.proof.path,
                                        item->u.proof.path_count, &h->last.root) != TL_OK))
        return report_fail(r, CHECK_HEADS, h->index,
                           "what the bundle holds of %.*s does not end as these heads say: "
                           "statements are missing or others were added",
                           (int)h->expected[h->proven].id.n,
                           (const char *)h->expected[h->proven].id.p);
    h->proven++;
    return TL_OK;
}

tl_err heads_end(const struct heads_state *h, struct teelog_report *r, uint64_t *complete_up_to)
{
    if (REFUSED(h->proven == 1))
        return report_fail(r, CHECK_HEADS, h->index,
                           "there is a head proof for one subject and none for the other");
    if (h->proven == 2)
        *complete_up_to = h->last.size;
    return TL_OK;
}
