/* Signing a group: the only part of the pipeline that runs in parallel. */
#include "log/internal.h"

static void run_chunk(void *arg)
{
    struct sign_chunk *c = arg;
    struct group *g = c->group;
    sign_jobs(g->jobs + c->from, c->to - c->from);
    c->ok = true;
    for (size_t i = c->from; i < c->to; i++) {
        struct entry *e = &g->entries[i];
        buf b;
        buf_init_fixed(&b, e->bytes, sizeof e->bytes);
        statement_put(&b, slice_of(e->header, e->header_size), &e->payload, g->jobs[i].signature);
        e->size = b.n;
        e->leaf = merkle_leaf_hash(buf_slice(&b));
        c->ok = c->ok && g->jobs[i].ok && buf_err(&b) == TL_OK;
    }
}

void sign_group(struct log *log, struct group *g)
{
    for (size_t from = 0; from < g->count; from += CHUNK) {
        struct sign_chunk *c = &g->chunks[g->chunk_count++];
        size_t to = from + CHUNK < g->count ? from + CHUNK : g->count;
        *c = (struct sign_chunk){.group = g, .from = from, .to = to};
        c->task.run = run_chunk;
        c->task.arg = c;
        pool_submit(log->pool, &c->task);
    }
}

tl_err sign_wait(struct log *log, struct group *g)
{
    bool ok = true;
    for (size_t i = 0; i < g->chunk_count; i++) {
        pool_wait(log->pool, &g->chunks[i].task);
        ok = ok && g->chunks[i].ok;
    }
    return ok ? TL_OK : TL_E_CRYPTO;
}
