#include "verify/cover.h"

#include "base/refuse.h"

#include <inttypes.h>
#include <stdlib.h>

static uint64_t node_start(const struct cover_node *n)
{
    return n->start_level >> 6;
}

static unsigned node_level(const struct cover_node *n)
{
    return (unsigned)(n->start_level & 63);
}

void cover_finish(struct cover *c)
{
    free(c->nodes);
    c->nodes = NULL;
    c->count = c->cap = 0;
}

static tl_err push(struct cover *c, uint64_t index, const hash32 *leaf)
{
    if (c->count == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 64;
        struct cover_node *p = realloc(c->nodes, cap * sizeof *p);
        if (!p)
            return TL_E_MEMORY;
        c->nodes = p;
        c->cap = cap;
    }
    c->nodes[c->count++] = (struct cover_node){index << 6, *leaf};
    return TL_OK;
}

/* Joins the last two nodes while they are the two halves of one subtree. */
static void join(struct cover *c)
{
    while (c->count >= 2) {
        struct cover_node *right = &c->nodes[c->count - 1], *left = right - 1;
        unsigned level = node_level(right);
        uint64_t width = UINT64_C(1) << level;
        if (node_level(left) != level || node_start(left) + width != node_start(right) ||
            node_start(left) & width)
            return;
        left->hash = merkle_node_hash(&left->hash, &right->hash);
        left->start_level++;
        c->count--;
    }
}

/* Of a tree that the caller has a checkpoint of: its root costs hashing. */
static void tell(struct cover *c)
{
    if (!c->since->note || c->frontier.size != c->since->checkpoint.size)
        return;
    hash32 root = merkle_frontier_root(&c->frontier);
    since_see(c->since, c->frontier.size, &root);
}

tl_err cover_leaf(struct cover *c, struct teelog_report *r, uint64_t index, const hash32 *leaf)
{
    if (REFUSED(index >= c->size))
        return report_fail(r, CHECK_TREE, index,
                           "this leaf lies beyond the checkpoint's size of %" PRIu64, c->size);
    if (c->count == 0 && index == c->frontier.size) {
        merkle_frontier_add(&c->frontier, leaf);
        tell(c);
        return TL_OK;
    }
    tl_err err = push(c, index, leaf);
    if (err == TL_OK)
        join(c);
    return err;
}

/* Where the gap after the frontier ends. */
static uint64_t gap_end(const struct cover *c)
{
    return c->next < c->count ? node_start(&c->nodes[c->next]) : c->size;
}

/* Moves the waiting nodes that follow the frontier without a gap. A subtree
 * that begins at the frontier's end is aligned there, as it was built so. */
static tl_err advance(struct cover *c)
{
    tl_err err = TL_OK;
    for (; err == TL_OK && c->next < c->count && gap_end(c) == c->frontier.size; c->next++) {
        err = merkle_frontier_add_subtree(&c->frontier, node_level(&c->nodes[c->next]),
                                          &c->nodes[c->next].hash);
        tell(c);
    }
    return err;
}

tl_err cover_fill(struct cover *c, struct teelog_report *r, unsigned level, uint64_t n,
                  const hash32 *hash)
{
    tl_err err = advance(c);
    if (err != TL_OK)
        return err;
    uint64_t start = c->frontier.size, end = gap_end(c);
    if (REFUSED(start == end))
        return report_fail(r, CHECK_TREE, NO_INDEX,
                           "the bundle gives a hash where its leaves leave no gap");
    unsigned want = merkle_cover_level(start, end);
    if (REFUSED(level != want || n != start >> want))
        return report_fail(r, CHECK_TREE, start,
                           "the gap that begins here is not filled as the format says");
    err = merkle_frontier_add_subtree(&c->frontier, level, hash);
    tell(c);
    return err;
}

tl_err cover_end(struct cover *c, struct teelog_report *r, const hash32 *root)
{
    tl_err err = advance(c);
    if (err != TL_OK)
        return err;
    if (REFUSED(c->frontier.size != c->size))
        return report_fail(r, CHECK_TREE, c->frontier.size,
                           "leaves are missing from here on: the bundle does not reach the "
                           "checkpoint's size of %" PRIu64,
                           c->size);
    hash32 got = merkle_frontier_root(&c->frontier);
    if (REFUSED(!hash_eq(&got, root)))
        return report_fail(r, CHECK_TREE, NO_INDEX,
                           "the leaves do not give the root that the checkpoint signs");
    return TL_OK;
}
