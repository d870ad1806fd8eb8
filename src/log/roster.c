#include "log/roster.h"

#include <search.h>
#include <stdlib.h>

struct roster {
    void *tree; /* of struct subject, by name: tsearch keeps it balanced */
    uint64_t count;
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

static void free_subject(void *p)
{
    struct subject *s = p;
    session_close(&s->session);
    free(s);
}

void roster_free(struct roster *s)
{
    if (!s)
        return;
    tdestroy(s->tree, free_subject);
    free(s);
}

uint64_t roster_count(const struct roster *s)
{
    return s->count;
}

static int compare(const void *a, const void *b)
{
    const struct subject *x = a, *y = b;
    return slice_cmp(x->name, y->name);
}

struct subject *roster_find(struct roster *s, slice name)
{
    struct subject key = {.name = name};
    struct subject **found = tfind(&key, &s->tree, compare);
    return found ? *found : NULL;
}

tl_err roster_get(struct roster *s, slice name, struct subject **out)
{
    struct subject *found = roster_find(s, name);
    if (found) {
        *out = found;
        return TL_OK;
    }
    if (s->count >= ROSTER_MAX)
        return TL_E_LIMIT;
    struct subject *fresh = calloc(1, sizeof *fresh + name.n);
    if (!fresh)
        return TL_E_MEMORY;
    uint8_t *copy = (uint8_t *)(fresh + 1);
    memcpy(copy, name.p, name.n);
    fresh->name = slice_of(copy, name.n);
    if (!tsearch(fresh, &s->tree, compare)) {
        free(fresh);
        return TL_E_MEMORY;
    }
    s->count++;
    *out = fresh;
    return TL_OK;
}

void roster_remove(struct roster *s, struct subject *subject)
{
    (void)tdelete(subject, &s->tree, compare);
    s->count--;
    free_subject(subject);
}

struct walk {
    void (*each)(void *ctx, struct subject *subject);
    void *ctx;
};

static void visit(const void *node, VISIT which, void *closure)
{
    const struct walk *w = closure;
    if (which == postorder || which == leaf) /* glibc's word for in order */
        w->each(w->ctx, *(struct subject *const *)node);
}

void roster_each(struct roster *s, void (*each)(void *ctx, struct subject *subject), void *ctx)
{
    struct walk w = {each, ctx};
    twalk_r(s->tree, visit, &w);
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
