#include "log/heads_tree.h"

#include "log/internal.h"

#include <stdlib.h>

/* Level k, from 1, has room for PLACES >> k nodes and stands behind those below it: so
 * children come before their parents, and all fit. */
#define PLACES ((size_t)ROSTER_MAX)

static size_t place_of(unsigned level, size_t n)
{
    return PLACES - (PLACES >> (level - 1)) + n;
}

tl_err heads_tree_init(struct heads_tree *t)
{
    t->nodes = calloc(PLACES, sizeof *t->nodes);
    t->stale = calloc(PLACES, 1);
    return t->nodes && t->stale ? TL_OK : TL_E_MEMORY;
}

void heads_tree_finish(struct heads_tree *t)
{
    free(t->subjects.p);
    free(t->nodes);
    free(t->stale);
    *t = (struct heads_tree){.nodes = NULL};
}

tl_err heads_tree_room(struct heads_tree *t, size_t n)
{
    return n > PLACES ? TL_E_LIMIT : sorted_room(&t->subjects, n);
}

void heads_tree_changed(struct heads_tree *t, struct subject *s)
{
    if (s->unhashed)
        return;
    s->unhashed = true;
    s->unhashed_next = t->unhashed;
    t->unhashed = s;
}

/* The complete nodes above the leaf at this place. */
static void stale_above(struct heads_tree *t, size_t at)
{
    for (unsigned level = 1; at >> level < t->subjects.n >> level; level++)
        t->stale[place_of(level, at >> level)] = 1;
}

/* Those above it and all leaves after it, which have moved. */
static void stale_from(struct heads_tree *t, size_t at)
{
    for (unsigned level = 1; at >> level < t->subjects.n >> level; level++)
        memset(t->stale + place_of(level, at >> level), 1,
               (t->subjects.n >> level) - (at >> level));
}

static void take_changed(struct heads_tree *t)
{
    struct subject *s = t->unhashed;
    const struct head h = {s->name, s->count, s->last_index, s->last_hash};
    bool found;
    size_t at = sorted_find(&t->subjects, s->name, &found);
    t->moving = true;
    t->unhashed = s->unhashed_next;
    s->unhashed = false;
    s->head = head_leaf_hash(&h);
    if (found) {
        stale_above(t, at);
    } else {
        sorted_insert(&t->subjects, at, s);
        stale_from(t, at);
    }
}

static tl_err get_node(void *ctx, unsigned level, uint64_t n, hash32 *out)
{
    const struct heads_tree *t = ctx;
    if (n >= t->subjects.n >> level)
        return TL_E_RANGE;
    *out = level ? t->nodes[place_of(level, n)] : t->subjects.p[n]->head;
    return TL_OK;
}

static void hash_node(struct heads_tree *t, size_t place)
{
    unsigned level = 1;
    size_t n = place;
    for (; n >= PLACES >> level; level++)
        n -= PLACES >> level;
    const hash32 *left, *right;
    if (level == 1) {
        left = &t->subjects.p[2 * n]->head;
        right = &t->subjects.p[2 * n + 1]->head;
    } else {
        left = &t->nodes[place_of(level - 1, 2 * n)];
        right = left + 1;
    }
    t->nodes[place] = merkle_node_hash(left, right);
    t->stale[place] = 0;
}

bool heads_tree_work(struct heads_tree *t, const uint64_t *slice_end)
{
    const uint8_t *p = t->stale, *end = t->stale + PLACES;
    for (unsigned done = 1; t->unhashed; done++) {
        take_changed(t);
        if (slice_end && done % 4 == 0 && owner_slice_over(*slice_end))
            return false;
    }
    for (unsigned done = 1; (p = memchr(p, 1, (size_t)(end - p))); done++) {
        hash_node(t, (size_t)(p - t->stale));
        if (slice_end && done % 16 == 0 && owner_slice_over(*slice_end))
            return false;
    }
    return true;
}

tl_err heads_tree_root(struct heads_tree *t, struct heads *out)
{
    const struct merkle_nodes nodes = {get_node, t};
    (void)heads_tree_work(t, NULL);
    tl_err err = merkle_root(&nodes, t->subjects.n, &out->root);
    if (err != TL_OK)
        return err;
    out->n = t->subjects.n;
    t->moving = false;
    return TL_OK;
}

tl_err heads_tree_prove(struct heads_tree *t, slice name, uint64_t *position, hash32 *path,
                        size_t *path_count)
{
    const struct merkle_nodes nodes = {get_node, t};
    bool found;
    size_t at = sorted_find(&t->subjects, name, &found);
    if (t->moving || !found)
        return TL_E_NOT_FOUND;
    *position = at;
    return merkle_prove_inclusion(&nodes, at, t->subjects.n, path, path_count);
}
