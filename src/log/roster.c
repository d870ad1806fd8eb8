#include "log/roster.h"

#include <stdlib.h>

struct roster {
    struct sorted all;
    struct sorted agents; /* of them, those with a durable statement, the origin apart */
    struct heads_tree heads;
    struct subject *unsaved; /* list */
    size_t unsaved_count;
};

tl_err roster_new(struct roster **out)
{
    struct roster *s = calloc(1, sizeof *s);
    if (!s)
        return TL_E_MEMORY;
    tl_err err = heads_tree_init(&s->heads);
    if (err == TL_OK)
        *out = s;
    else
        roster_free(s);
    return err;
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
    heads_tree_finish(&s->heads);
    free(s);
}

uint64_t roster_count(const struct roster *s)
{
    return s->all.n;
}

struct subject *roster_find(struct roster *s, slice name)
{
    bool found;
    size_t at = sorted_find(&s->all, name, &found);
    return found ? s->all.p[at] : NULL;
}

tl_err roster_get(struct roster *s, slice name, struct subject **out)
{
    bool found;
    size_t at = sorted_find(&s->all, name, &found);
    if (found) {
        *out = s->all.p[at];
        return TL_OK;
    }
    if (s->all.n >= ROSTER_MAX)
        return TL_E_LIMIT;
    /* Everywhere, so that nothing can fail once it has said something. */
    if (sorted_room(&s->all, s->all.n + 1) != TL_OK ||
        sorted_room(&s->agents, s->all.n + 1) != TL_OK ||
        heads_tree_room(&s->heads, s->all.n + 1) != TL_OK)
        return TL_E_MEMORY;
    struct subject *fresh = calloc(1, sizeof *fresh + name.n);
    if (!fresh)
        return TL_E_MEMORY;
    uint8_t *copy = (uint8_t *)(fresh + 1);
    memcpy(copy, name.p, name.n);
    fresh->name = slice_of(copy, name.n);
    sorted_insert(&s->all, at, fresh);
    *out = fresh;
    return TL_OK;
}

void roster_remove(struct roster *s, struct subject *subject)
{
    bool found;
    size_t at = sorted_find(&s->all, subject->name, &found);
    sorted_remove(&s->all, at);
    free_subject(subject);
}

void roster_said(struct roster *s, struct subject *subject)
{
    heads_tree_changed(&s->heads, subject);
    if (subject->unsaved)
        return;
    subject->unsaved = true;
    subject->unsaved_next = s->unsaved;
    s->unsaved = subject;
    s->unsaved_count++;
}

void roster_add_agent(struct roster *s, struct subject *subject)
{
    bool found;
    size_t at = sorted_find(&s->agents, subject->name, &found);
    if (!found)
        sorted_insert(&s->agents, at, subject);
}

struct subject *const *roster_agents(const struct roster *s, size_t *count)
{
    *count = s->agents.n;
    return s->agents.p;
}

size_t roster_agents_after(const struct roster *s, slice name)
{
    bool found;
    size_t at = sorted_find(&s->agents, name, &found);
    return at + found;
}

void roster_each(struct roster *s, void (*each)(void *ctx, struct subject *subject), void *ctx)
{
    for (size_t i = 0; i < s->all.n; i++)
        each(ctx, s->all.p[i]);
}

bool roster_heads_ready(struct roster *s, uint64_t slice_end)
{
    return heads_tree_work(&s->heads, &slice_end);
}

tl_err roster_heads(struct roster *s, uint64_t size, struct heads *out)
{
    struct heads h = {.size = size};
    tl_err err = heads_tree_root(&s->heads, &h);
    if (err == TL_OK)
        *out = h;
    return err;
}

tl_err roster_prove_head(struct roster *s, slice name, uint64_t *position, hash32 *path,
                         size_t *path_count)
{
    return heads_tree_prove(&s->heads, name, position, path, path_count);
}

struct subject *roster_unsaved_take(struct roster *s)
{
    struct subject *subject = s->unsaved;
    if (!subject)
        return NULL;
    s->unsaved = subject->unsaved_next;
    s->unsaved_count--;
    subject->unsaved = false;
    return subject;
}

size_t roster_unsaved_count(const struct roster *s)
{
    return s->unsaved_count;
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
