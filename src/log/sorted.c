#include "log/sorted.h"

#include "log/roster.h"

#include <stdlib.h>

size_t sorted_find(const struct sorted *s, slice name, bool *found)
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

tl_err sorted_room(struct sorted *s, size_t n)
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

void sorted_insert(struct sorted *s, size_t at, struct subject *subject)
{
    memmove(s->p + at + 1, s->p + at, (s->n - at) * sizeof(struct subject *));
    s->p[at] = subject;
    s->n++;
}

void sorted_remove(struct sorted *s, size_t at)
{
    s->n--;
    memmove(s->p + at, s->p + at + 1, (s->n - at) * sizeof(struct subject *));
}
