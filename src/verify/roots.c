#include "verify/roots.h"

#include "base/refuse.h"

#include <inttypes.h>
#include <stdlib.h>

void roots_finish(struct roots *v)
{
    free(v->list);
    *v = (struct roots){0};
}

tl_err roots_add(struct roots *v, struct teelog_report *r, uint64_t index, uint64_t size,
                 const hash32 *root)
{
    hash32 empty = merkle_empty_root();
    if (size == 0) { /* a genesis; needs no proof */
        if (REFUSED(!hash_eq(root, &empty)))
            return report_fail(r, CHECK_CONSISTENCY, index,
                               "the root that it names is not that of an empty tree");
        return TL_OK;
    }
    if (v->count == v->cap) {
        size_t cap = v->cap ? 2 * v->cap : 16;
        struct named_root *p = realloc(v->list, cap * sizeof *p);
        if (!p)
            return TL_E_MEMORY;
        v->list = p;
        v->cap = cap;
    }
    v->list[v->count++] = (struct named_root){.size = size, .index = index, .root = *root};
    return TL_OK;
}

static int compare(const void *a, const void *b)
{
    const struct named_root *x = a, *y = b;
    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

void roots_sort(struct roots *v)
{
    if (v->count)
        qsort(v->list, v->count, sizeof v->list[0], compare);
}

tl_err roots_prove(struct roots *v, struct teelog_report *r, uint64_t size, const hash32 *path,
                   size_t path_count, uint64_t new_size, const hash32 *new_root)
{
    /* One proof for each size that is named, in their order, and no others. */
    if (REFUSED(v->next == v->count))
        return report_fail(r, CHECK_CONSISTENCY, NO_INDEX,
                           "a proof for size %" PRIu64 ", which no boot or session names", size);
    if (REFUSED(v->list[v->next].size != size))
        return report_fail(r, CHECK_CONSISTENCY, v->list[v->next].index,
                           "size %" PRIu64 " is named here, and a proof for size %" PRIu64
                           " stands in its place",
                           v->list[v->next].size, size);
    for (; v->next < v->count && v->list[v->next].size == size; v->next++) {
        const struct named_root *at = &v->list[v->next];
        if (REFUSED(merkle_verify_consistency(size, new_size, &at->root, new_root, path,
                                              path_count) != TL_OK))
            return report_fail(r, CHECK_CONSISTENCY, at->index,
                               "the tree of size %" PRIu64
                               " that it names is not a former state of the checkpoint's tree",
                               size);
    }
    return TL_OK;
}

tl_err roots_end(const struct roots *v, struct teelog_report *r)
{
    if (REFUSED(v->next < v->count))
        return report_fail(r, CHECK_CONSISTENCY, v->list[v->next].index,
                           "there is no proof for the size of %" PRIu64 " that it names",
                           v->list[v->next].size);
    return TL_OK;
}
