#include "verify/subject.h"

#include <search.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    const struct subject *x = a, *y = b;
    return slice_cmp(subject_id(x), subject_id(y));
}

static int compare_list(const void *a, const void *b)
{
    return compare(*(struct subject *const *)a, *(struct subject *const *)b);
}

void subjects_finish(struct subjects *s)
{
    for (size_t i = 0; i < s->count; i++) {
        tdelete(s->list[i], &s->tree, compare);
        sign_key_free(&s->list[i]->key);
        free(s->list[i]->peers);
        free(s->list[i]);
    }
    free(s->list);
    *s = (struct subjects){0};
}

static tl_err add(struct subjects *s, struct subject **out, const struct subject *like)
{
    if (s->count == UINT32_MAX >> OWNER_BITS) /* for owners */
        return TL_E_MEMORY;
    if (s->count == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 16;
        struct subject **p = realloc(s->list, cap * sizeof(struct subject *));
        if (!p)
            return TL_E_MEMORY;
        s->list = p;
        s->cap = cap;
    }
    struct subject *v = malloc(sizeof *v);
    if (!v)
        return TL_E_MEMORY;
    *v = *like;
    v->number = (uint32_t)s->count;
    if (!tsearch(v, &s->tree, compare)) {
        free(v);
        return TL_E_MEMORY;
    }
    s->list[s->count++] = v;
    *out = v;
    return TL_OK;
}

/* Both ids are of SUBJECT_MAX bytes at most: statement_read and fresh_read see to it. */
static struct subject like(slice id)
{
    struct subject v = {.id_size = id.n};
    memcpy(v.id, id.p, id.n);
    return v;
}

tl_err subjects_get(struct subjects *s, struct subject **out, slice id)
{
    const struct subject wanted = like(id);
    struct subject *const *found = tfind(&wanted, &s->tree, compare);
    if (!found)
        return add(s, out, &wanted);
    *out = *found;
    return TL_OK;
}

const struct subject *subjects_find(const struct subjects *s, slice id)
{
    const struct subject wanted = like(id);
    struct subject *const *found = tfind(&wanted, &s->tree, compare);
    return found ? *found : NULL;
}

void subjects_sort(struct subjects *s)
{
    if (s->sorted == s->count)
        return;
    qsort(s->list, s->count, sizeof(struct subject *), compare_list);
    s->sorted = s->count;
}

void owners_finish(struct owners *o)
{
    free(o->of);
    free(o->indexes);
    *o = (struct owners){.all = o->all};
}

static tl_err owners_grow(struct owners *o)
{
    size_t cap = o->cap ? 2 * o->cap : 256;
    uint32_t *of = realloc(o->of, cap * sizeof *of);
    if (!of)
        return TL_E_MEMORY;
    o->of = of;
    if (!o->all) {
        uint64_t *indexes = realloc(o->indexes, cap * sizeof *indexes);
        if (!indexes)
            return TL_E_MEMORY;
        o->indexes = indexes;
    }
    o->cap = cap;
    return TL_OK;
}

tl_err owners_add(struct owners *o, uint64_t index, const struct subject *s, unsigned bits)
{
    tl_err err = o->count == o->cap ? owners_grow(o) : TL_OK;
    if (err != TL_OK)
        return err;
    o->of[o->count] = s->number << OWNER_BITS | bits;
    if (!o->all)
        o->indexes[o->count] = index;
    o->count++;
    return TL_OK;
}

uint32_t *owners_find(const struct owners *o, uint64_t index)
{
    size_t at = 0;
    if (o->all) {
        at = index < o->count ? (size_t)index : o->count;
    } else {
        size_t end = o->count; /* the first place with an index not below */
        while (at < end) {
            size_t middle = at + (end - at) / 2;
            if (o->indexes[middle] < index)
                at = middle + 1;
            else
                end = middle;
        }
        if (at < o->count && o->indexes[at] != index)
            at = o->count;
    }
    return at == o->count ? NULL : &o->of[at];
}
