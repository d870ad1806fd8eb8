/* The routes of a witness, c2sp.org/tlog-witness. */
#include "base/encoding.h"
#include "http/internal.h"
#include "witness/state.h"

#include <time.h>

static void refuse(struct exchange *x, int status)
{
    static const struct {
        int status;
        tl_err err;
        const char *text;
    } refusals[] = {
        {WITNESS_MALFORMED, TL_E_HTTP,
         "not a request of c2sp.org/tlog-witness: old SIZE, the proof, an empty line, a "
         "checkpoint"},
        {WITNESS_FORBIDDEN, TL_E_FORBIDDEN,
         "the checkpoint is not signed by a key that this witness knows the log by"},
        {WITNESS_UNKNOWN, TL_E_NOT_FOUND,
         "this witness does not know the log; its operator adds logs"},
        {WITNESS_REFUSES, TL_E_PROOF,
         "the proof does not show that the log only grew since it was cosigned last"},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (refusals[i].status == status) {
            struct tl_why why = {{0}, {0}};
            tl_err err = tl_explain(&why, refusals[i].err, NULL, "%s", refusals[i].text);
            answer_error_status(x, status, NULL, err, &why);
        }
}

/* The disk is waited for here: nobody is answered before it has what he is told. */
static void post_add_checkpoint(struct exchange *x)
{
    struct http_query q = {{0}};
    int status = 0;
    buf lines;
    if (!query_or_answer(x, &q, NULL, 0))
        return;
    buf_init(&lines, NOTE_MAX);
    tl_err err = witness_state_submit(x->service->witness, slice_of(x->body, x->body_got),
                                      (uint64_t)time(NULL), &status, &lines);
    if (err != TL_OK)
        answer_error(x, err, NULL);
    else if (status == WITNESS_COSIGNS)
        answer(x, 200, "text/plain; charset=utf-8", NULL, buf_slice(&lines));
    else if (status == WITNESS_CONFLICT)
        answer(x, 409, WITNESS_SIZE_TYPE, NULL, buf_slice(&lines));
    else
        refuse(x, status);
    buf_finish(&lines);
}

/* /HEX/checkpoint, HEX the SHA-256 of a log's origin in lower case. */
static bool read_path(hash32 *origin, slice path)
{
    static const char name[] = "/checkpoint";
    char again[65];
    if (path.n != 1 + 64 + sizeof name - 1 ||
        hex_read(origin->b, sizeof origin->b, slice_of(path.p + 1, 64)) != TL_OK)
        return false;
    hex_text(again, origin->b, sizeof origin->b);
    return memcmp(path.p + 1, again, 64) == 0 && memcmp(path.p + 65, name, sizeof name - 1) == 0;
}

static void get_latest(struct exchange *x)
{
    struct http_query q = {{0}};
    struct tl_why why = {{0}, {0}};
    hash32 origin;
    slice note;
    if (!query_or_answer(x, &q, NULL, 0))
        return;
    if (!read_path(&origin, x->head.path)) {
        answer_error(x, tl_explain(&why, TL_E_NOT_FOUND, NULL, "there is nothing at this path"),
                     &why);
    } else if (witness_state_latest(x->service->witness, &origin, &note) != TL_OK) {
        answer_error(
            x, tl_explain(&why, TL_E_NOT_FOUND, NULL, "nothing of this log has been cosigned"),
            &why);
    } else {
        x->cache = "max-age=5";
        answer(x, 200, "text/plain; charset=utf-8", NULL, note);
    }
}

static void get_alive(struct exchange *x)
{
    struct http_query q = {{0}};
    if (query_or_answer(x, &q, NULL, 0))
        answer(x, 200, "application/json", NULL, slice_str("{\"ok\":true}\n"));
}

static const struct http_route rows[] = {
    {"/add-checkpoint", "POST", post_add_checkpoint, WITNESS_REQUEST_MAX, 0, false},
    {"/healthz", "GET", get_alive, 0, 0, false},
    {"/", "GET", get_latest, 0, 0, false},
};
const struct http_routes witness_routes = {rows, sizeof rows / sizeof rows[0]};
