#include "http/shares.h"

#include "base/refuse.h"
#include "http/conn.h"
#include "log/query.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>

static const struct {
    size_t first, count; /* in the service's places */
    const char *what;
} kinds[PLACE_KINDS] = {
    [PLACE_EXPORT] = {0, EXPORTS_MAX, "exports"}, [PLACE_QUERY] = {4, QUERIES_MAX, "queries"},
    [PLACE_REST] = {20, RESTS_MAX, "answers"},    [PLACE_ERASURE] = {84, ERASURES_MAX, "erasures"},
    [PLACE_TAIL] = {88, TAILS_MAX, "tails"},
};

static bool is_his(const struct exchange *x, const struct limit_key *who)
{
    const struct limit_key *his = &x->caller.who;
    return his->kind && his->kind == who->kind && memcmp(his->b, who->b, sizeof his->b) == 0;
}

tl_err place_take(struct exchange *x, enum place_kind kind, struct tl_why *why)
{
    struct place *places = x->service->places + kinds[kind].first, *left = NULL;
    size_t his = 0, count = kinds[kind].count;
    for (size_t i = 0; i < count; i++) {
        his += places[i].taken && is_his(x, &places[i].who);
        left = places[i].taken ? left : &places[i];
    }
    if (REFUSED(his >= count / 2))
        return tl_explain(why, TL_E_BUSY, NULL,
                          "you have %zu %s under way already; wait for one to end", his,
                          kinds[kind].what);
    if (REFUSED(!left))
        return tl_explain(why, TL_E_BUSY, NULL, "%zu %s are under way; wait for one to end", count,
                          kinds[kind].what);
    *left = (struct place){true, x->caller.who};
    x->place = left;
    return TL_OK;
}

static size_t at_most(size_t n, size_t most)
{
    return n < most ? n : most;
}

size_t memory_bodies(const struct http_service *s)
{
    return at_most(s->config.limits.memory / 4, BODIES_MAX);
}

size_t memory_body(const struct http_service *s)
{
    return at_most(memory_bodies(s) / 4, HTTP_BODY_MAX);
}

size_t memory_answers(const struct http_service *s)
{
    return at_most(s->config.limits.memory / 2, ANSWERS_MAX);
}

size_t memory_page(const struct http_service *s)
{
    return at_most(s->config.limits.memory / 32, QUERY_BYTES_MAX);
}

size_t memory_rows(const struct http_limits *l)
{
    return at_most((l->memory ? l->memory : HTTP_MEMORY) / 4, QUERIES_BYTES);
}

size_t memory_stalled(const struct http_limits *l)
{
    return at_most((l->memory ? l->memory : HTTP_MEMORY) / 16, STALLED_MAX);
}

size_t memory_conns(const struct http_service *s)
{
    return s->config.limits.memory / (512u << 10);
}

/* Bytes of answers on this connection. */
static size_t unread(const struct conn *c)
{
    size_t n = evbuffer_get_length(bufferevent_get_output(c->bev));
    for (const struct exchange *x = c->first; x; x = x->next)
        n += evbuffer_get_length(x->out);
    return n;
}

static size_t unread_by_all(const struct http_service *s)
{
    size_t n = 0;
    for (const struct conn *c = s->conns; c; c = c->next)
        n += unread(c);
    return n;
}

tl_err memory_take(struct exchange *x, size_t more, struct tl_why *why)
{
    struct http_service *s = x->service;
    size_t most = s->config.limits.memory,
           used = s->held + unread_by_all(s) + (s->log ? log_query_held(s->log) : 0);
    if (REFUSED(more > most) || REFUSED(used > most - more))
        return tl_explain(why, TL_E_BUSY, NULL,
                          "this service has no memory left for it (--memory); come back later");
    s->held += more;
    x->held += more;
    return TL_OK;
}

void body_drop(struct exchange *x, size_t keep)
{
    struct http_service *s = x->service;
    const size_t less = x->held > keep ? x->held - keep : 0;
    free(x->body);
    x->body = NULL;
    s->inflight -= x->body_room;
    x->body_room = 0;
    s->held -= less;
    x->held -= less;
}

tl_err answers_taken(const struct exchange *x, struct tl_why *why)
{
    size_t his = 0;
    for (const struct conn *c = x->service->conns; c && x->caller.who.kind; c = c->next)
        his += is_his(x, &c->who) ? unread(c) : 0;
    return REFUSED(his > memory_answers(x->service) / 4)
               ? tl_explain(why, TL_E_BUSY, NULL, "read the answers that you have, first")
               : TL_OK;
}

tl_err answers_room(const struct exchange *x, struct tl_why *why)
{
    return REFUSED(unread_by_all(x->service) > memory_answers(x->service))
               ? tl_explain(why, TL_E_BUSY, NULL,
                            "too many answers wait to be read by those who asked for them")
               : TL_OK;
}

tl_err bodies_room(const struct exchange *x, size_t more, struct tl_why *why)
{
    const struct http_service *s = x->service;
    size_t his = 0, most = memory_bodies(s);
    if (REFUSED(more > most - s->inflight))
        return TL_E_BUSY;
    for (const struct conn *c = s->conns; c && x->caller.who.kind; c = c->next)
        for (const struct exchange *y = c->first; y; y = y->next)
            his += is_his(x, &y->caller.who) ? y->body_room : 0;
    return REFUSED(his + more > most / 2)
               ? tl_explain(why, TL_E_BUSY, NULL, "too much of yours is waiting already")
               : TL_OK;
}
