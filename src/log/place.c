/* One statement's place: index, seq, prev, time. The digest made here is what the
 * pool signs, and what the subject's next statement names. */
#include "log/internal.h"

#include <time.h>

uint64_t log_wall_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (t.tv_sec < 0 || t.tv_sec >= (time_t)(TL_INT_MAX / 1000))
        return 0;
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* The host's clock may jump back; a log's time may not. */
static uint64_t next_time(struct log *log)
{
    uint64_t now = log_wall_clock();
    if (now > log->last_time_ms)
        log->last_time_ms = now;
    return log->last_time_ms;
}

struct entry *place(struct log *log, struct group *g, const struct placing *p)
{
    struct entry *e = &g->entries[g->count];
    struct subject *s = p->subject;
    bool service = p->kind == ST_BOOT || p->kind == ST_HEADS || p->kind == ST_ERASURE;
    uint64_t index = log->next_index++;
    struct statement st = {
        .kind = p->kind,
        .service = service,
        .alg = p->key.alg,
        .kid = p->kid,
        .origin = slice_str(log->keys.origin),
        .subject = s->name,
        .type = p->kind == ST_RECORD ? p->type : slice_str(statement_kind_type(p->kind)),
        .seq = s->count,
        .time_ms = next_time(log),
        .session = p->session == UINT64_MAX ? index : p->session,
        .has_prev = s->count > 0,
        .prev = s->last_hash,
        .has_ref = p->has_ref,
        .ref = p->ref,
    };
    buf header;
    buf_init_fixed(&header, e->header, sizeof e->header);
    statement_header_put(&header, &st);

    e->kind = p->kind;
    e->subject = s;
    e->index = index;
    e->seq = s->count;
    e->payload = p->payload;
    e->body = p->body;
    e->extra = p->extra;
    e->header_size = header.n;
    e->batch = NULL;

    struct sign_job *job = &g->jobs[g->count];
    job->key = sign_key_ref(&p->key);
    job->digest = statement_digest(buf_slice(&header), &p->payload);
    g->count++;

    s->last_hash = job->digest;
    s->last_index = index;
    s->count++;
    roster_said(log->roster, s);
    if (!service)
        log->since_heads++;
    return e;
}
