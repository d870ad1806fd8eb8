/* Proofs of single entries, and that the log grew: GET /entries/INDEX, /v1/proof/INDEX,
 * /v1/consistency. Public: what they show is in the tiles too. */
#include "base/encoding.h"
#include "base/refuse.h"
#include "http/internal.h"
#include "log/prove.h"

#include <stdlib.h>

struct asked {
    struct log_prove *proof;
    const char *type; /* of the answer, static */
    tl_err err;
    struct tl_why why;
};

static void asked_free(void *state)
{
    struct asked *a = state;
    if (!a)
        return;
    log_prove_free(a->proof);
    free(a);
}

static void resume(struct exchange *x)
{
    struct asked *a = x->state;
    struct log_info info;
    if (a->err != TL_OK) {
        answer_error(x, a->err, &a->why);
        return;
    }
    buf b;
    buf_init(&b, LOG_PROVE_MAX);
    tl_err err = log_prove_put(a->proof, &b);
    if (err != TL_OK)
        buf_fail(&b, err);
    log_info(x->service->log, &info);
    answer_take(x, 200, a->type, info.simulated ? "Teelog-Platform: simulator\r\n" : NULL, &b);
}

/* On the owner thread. */
static void done(void *ctx, tl_err err, const struct tl_why *why)
{
    struct exchange *x = ctx;
    struct asked *a = x->state;
    a->err = err;
    a->why = *why;
    service_post(x);
}

static tl_err submit(struct exchange *x, enum log_prove_kind kind, uint64_t n)
{
    struct asked *a = calloc(1, sizeof *a);
    if (!a)
        return TL_E_MEMORY;
    a->type = kind == LOG_PROVE_TEXT ? "text/plain; charset=utf-8" : "application/cose";
    x->state = a;
    x->state_free = asked_free;
    x->resume = resume;
    tl_err err = log_prove_new(&a->proof, x->service->log, kind, n);
    if (err != TL_OK)
        return err;
    service_hold(x);
    err = log_prove_submit(a->proof, done, x);
    if (err != TL_OK)
        service_release(x);
    return err;
}

static void ask(struct exchange *x, enum log_prove_kind kind, uint64_t n)
{
    struct tl_why why = {{0}, {0}};
    tl_err err = answers_room(x, &why);
    if (err == TL_OK)
        err = submit(x, kind, n);
    if (err != TL_OK)
        answer_error(x, err, &why);
}

static void ask_entry(struct exchange *x, enum log_prove_kind kind, const char *route)
{
    struct http_query q = {{0}};
    struct tl_why why = {{0}, {0}};
    uint64_t index;
    size_t before = strlen(route);
    slice text = slice_of(x->head.path.p + before, x->head.path.n - before);
    if (!query_or_answer(x, &q, NULL, 0))
        return;
    if (REFUSED(decimal_read(&index, text, TL_INT_MAX - 1) != TL_OK))
        answer_error(
            x,
            tl_explain(&why, TL_E_FIELD, "index", "must be the index of a statement, in decimal"),
            &why);
    else
        ask(x, kind, index);
}

void get_entry(struct exchange *x)
{
    ask_entry(x, LOG_PROVE_ENTRY, "/entries/");
}

void get_proof(struct exchange *x)
{
    ask_entry(x, LOG_PROVE_TEXT, "/v1/proof/");
}

void get_consistency(struct exchange *x)
{
    struct http_query q = {{0}};
    struct http_param from = {"from", {NULL, 0}};
    struct tl_why why = {{0}, {0}};
    uint64_t n = 0;
    if (!query_or_answer(x, &q, &from, 1))
        return;
    if (REFUSED(!from.value.p || decimal_read(&n, from.value, TL_INT_MAX) != TL_OK || n == 0))
        answer_error(x,
                     tl_explain(&why, TL_E_FIELD, "from",
                                "must be the size of an older tree of this log, 1 or more"),
                     &why);
    else
        ask(x, LOG_PROVE_GROWTH, n);
}
