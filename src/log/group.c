/* The memory of one group of statements. */
#include "log/internal.h"

#include <stdlib.h>

struct kept {
    struct kept *next;
    uint8_t bytes[];
};

tl_err group_new(struct group **out, struct log *log)
{
    struct group *g = calloc(1, sizeof *g);
    if (!g)
        return TL_E_MEMORY;
    g->log = log;
    group_reset(g);
    *out = g;
    return TL_OK;
}

void group_free(struct group *g)
{
    if (!g)
        return;
    group_reset(g);
    free(g);
}

void group_reset(struct group *g)
{
    for (size_t i = 0; i < g->count; i++)
        sign_key_free(&g->jobs[i].key);
    for (struct side_row *r = g->rows, *next; r; r = next) {
        next = r->next;
        free(r);
    }
    for (struct kept *k = g->kept, *next; k; k = next) {
        next = k->next;
        free(k);
    }
    g->kept = NULL;
    g->rows = NULL;
    g->last_row = &g->rows;
    g->done = NULL;
    g->last_done = &g->done;
    g->blocked = false;
    g->count = g->chunk_count = 0;
    memset(g->requests, 0, sizeof g->requests);
}

bool group_full(const struct group *g)
{
    /* A record may need a session before it, and heads after it. */
    return g->blocked || g->count + 3 > GROUP_MAX;
}

tl_err group_keep(struct group *g, slice bytes, slice *out)
{
    struct kept *k = malloc(sizeof *k + bytes.n);
    if (!k)
        return TL_E_MEMORY;
    if (bytes.n)
        memcpy(k->bytes, bytes.p, bytes.n);
    k->next = g->kept;
    g->kept = k;
    *out = slice_of(k->bytes, bytes.n);
    return TL_OK;
}

tl_err group_row(struct group *g, struct side_row row)
{
    struct side_row *r = malloc(sizeof *r);
    if (!r)
        return TL_E_MEMORY;
    *r = row;
    r->next = NULL;
    *g->last_row = r;
    g->last_row = &r->next;
    return TL_OK;
}
