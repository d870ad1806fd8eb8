#include "http/lookup.h"

#include <stdlib.h>

#define ANSWER_MAX (80u << 20) /* bytes: a query's rows with each byte escaped */

static void lookup_free(void *state)
{
    struct lookup *l = state;
    if (!l)
        return;
    log_query_free(l->query);
    buf_finish(&l->answer);
    free(l);
}

static void write_on(struct exchange *x)
{
    struct lookup *l = x->state;
    bool more = l->put(l, x);
    tl_err err = memory_take(x, l->answer.cap - l->counted, &l->why);
    if (err != TL_OK) {
        answer_error(x, err, &l->why);
        return;
    }
    l->counted = l->answer.cap;
    if (!more) {
        log_query_free(l->query); /* its rows are no longer needed */
        l->query = NULL;
        answer_take(x, 200, "application/json", NULL, &l->answer);
        return;
    }
    x->resume = write_on;
    service_hold(x);
    service_post(x);
}

/* What is no longer the caller's to read, or of which too much lies there already, is not
 * written. */
static void resume(struct exchange *x)
{
    struct lookup *l = x->state;
    if (l->err == TL_OK)
        l->err = caller_still(x, &l->why);
    if (l->err == TL_OK)
        l->err = answers_room(x, &l->why);
    if (l->err == TL_OK)
        write_on(x);
    else
        answer_error(x, l->err, &l->why);
}

/* Nobody waits for it any more. */
static void gone(struct exchange *x)
{
    const struct lookup *l = x->state;
    log_query_cancel(l->query);
}

struct lookup *lookup_new(struct exchange *x, const struct log_query_options *o)
{
    struct tl_why why = {{0}, {0}};
    struct log_info info;
    tl_err err = place_take(x, PLACE_QUERY, &why);
    if (err == TL_OK)
        err = answers_room(x, &why);
    struct lookup *l = err == TL_OK ? calloc(1, sizeof *l) : NULL;
    if (!l) {
        answer_error(x, err != TL_OK ? err : TL_E_MEMORY, &why);
        return NULL;
    }
    buf_init(&l->answer, ANSWER_MAX);
    x->state = l;
    x->state_free = lookup_free;
    log_info(x->service->log, &info);
    l->how.simulated = info.simulated;
    l->size = info.size;
    struct log_query_options page = *o;
    page.bytes = memory_page(x->service);
    err = log_query_new(&l->query, x->service->log, &page, &why);
    if (err == TL_OK) {
        log_query_share(l->query);
        return l;
    }
    answer_error(x, err, &why);
    return NULL;
}

/* On the owner thread. */
static void done(void *ctx, tl_err err, const struct tl_why *why)
{
    struct exchange *x = ctx;
    struct lookup *l = x->state;
    l->err = err;
    if (err != TL_OK && why)
        l->why = *why;
    service_post(x);
}

void lookup_begin(struct exchange *x)
{
    const struct lookup *l = x->state;
    x->resume = resume;
    x->gone = gone;
    service_hold(x);
    tl_err err = log_query_submit(l->query, done, x);
    if (err == TL_OK)
        return;
    service_release(x);
    answer_error(x, err, NULL);
}
