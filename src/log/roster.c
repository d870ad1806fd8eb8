#include "log/roster.h"

#include <stdlib.h>

/* By name. New ones are rare: each has cost a quote, and moving what is behind it half a
 * megabyte at most. */
struct sorted {
    struct subject **p;
    size_t n, cap;
};

struct roster {
    struct sorted all;
    struct sorted agents; /* of them, those with a durable statement, the origin apart */
};

tl_err roster_new(struct roster **out)
{
    struct roster *s = calloc(1, sizeof *s);
    if (!s)
        return TL_E_MEMORY;
    *out = s;
    return TL_OK;
}

void session_close(struct session *s)
{
    sign_key_free(&s->key);
    *s = (struct session){0};
}

static void free_subject(struct subject *s)
{
    session_close(&s->session);
    free(s);
}

void roster_free(struct roster *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->all.n; i++)
        free_subject(s->all.p[i]);
    free(s->all.p);
    free(s->agents.p);
    free(s);
}

uint64_t roster_count(const struct roster *s)
{
    return s->all.n;
}

/* Where name is, or would be. */
static size_t find(const struct sorted *s, slice name, bool *found)
{
    size_t low = 0, high = s->n;
    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = slice_cmp(s->p[middle]->name, name);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static tl_err room(struct sorted *s, size_t n)
{
    size_t cap = s->cap ? 2 * s->cap : 64;
    if (n <= s->cap)
        return TL_OK;
    struct subject **p = realloc(s->p, cap * sizeof(struct subject *));
    if (!p)
        return TL_E_MEMORY;
    s->p = p;
    s->cap = cap;
    return TL_OK;
}

static void insert(struct sorted *s, size_t at, struct subject *subject)
{
    memmove(s->p + at + 1, s->p + at, (s->n - at) * sizeof(struct subject *));
    s->p[at] = subject;
    s->n++;
}

struct subject *roster_find(struct roster *s, slice name)
{
    bool found;
    size_t at = find(&s->all, name, &found);
    return found ? s->all.p[at] : NULL;
}

tl_err roster_get(struct roster *s, slice name, struct subject **out)
{
    bool found;
    size_t at = find(&s->all, name, &found);
    if (found) {
        *out = s->all.p[at];
        return TL_OK;
    }
    if (s->all.n >= ROSTER_MAX)
        return TL_E_LIMIT;
    /* Among the agents too, so that nothing can fail once it has said something. */
    if (room(&s->all, s->all.n + 1) != TL_OK || room(&s->agents, s->all.n + 1) != TL_OK)
        return TL_E_MEMORY;
    struct subject *fresh = calloc(1, sizeof *fresh + name.n);
    if (!fresh)
        return TL_E_MEMORY;
    uint8_t *copy = (uint8_t *)(fresh + 1);
    memcpy(copy, name.p, name.n);
    fresh->name = slice_of(copy, name.n);
    insert(&s->all, at, fresh);
    *out = fresh;
    return TL_OK;
}

void roster_remove(struct roster *s, struct subject *subject)
{
    bool found;
    size_t at = find(&s->all, subject->name, &found);
    s->all.n--;
    memmove(s->all.p + at, s->all.p + at + 1, (s->all.n - at) * sizeof(struct subject *));
    free_subject(subject);
}

void roster_add_agent(struct roster *s, struct subject *subject)
{
    bool found;
    size_t at = find(&s->agents, subject->name, &found);
    if (!found)
        insert(&s->agents, at, subject);
}

struct subject *const *roster_agents(const struct roster *s, size_t *count)
{
    *count = s->agents.n;
    return s->agents.p;
}

size_t roster_agents_after(const struct roster *s, slice name)
{
    bool found;
    size_t at = find(&s->agents, name, &found);
    return at + found;
}

void roster_each(struct roster *s, void (*each)(void *ctx, struct subject *subject), void *ctx)
{
    for (size_t i = 0; i < s->all.n; i++)
        each(ctx, s->all.p[i]);
}

static void add_head(void *ctx, struct subject *s)
{
    struct head h = {s->name, s->count, s->last_index, s->last_hash};
    if (s->count == 0)
        return;
    hash32 leaf = head_leaf_hash(&h);
    merkle_frontier_add(ctx, &leaf);
}

void roster_heads(struct roster *s, uint64_t size, struct heads *out)
{
    struct merkle_frontier f = {0};
    roster_each(s, add_head, &f);
    *out = (struct heads){size, f.size, merkle_frontier_root(&f)};
}

void head_row_put(buf *b, const struct subject *s)
{
    cbor_put_array(b, 3);
    cbor_put_uint(b, s->count);
    cbor_put_uint(b, s->last_index);
    cbor_put_bytes(b, hash_slice(&s->last_hash));
}

tl_err head_row_read(struct head *out, slice row)
{
    struct head h = {.subject = out->subject};
    cbor c = cbor_of(row);
    cbor_array_of(&c, 3);
    h.count = cbor_uint(&c, TL_INT_MAX);
    h.last_index = cbor_uint(&c, TL_INT_MAX);
    cbor_bytes_copy(&c, h.last_hash.b, sizeof h.last_hash.b);
    tl_err err = cbor_end(&c);
    if (err == TL_OK)
        *out = h;
    return err;
}
