#include "base/encoding.h"
#include "cli/cli.h"
#include "cli/reach.h"
#include "cli/record_print.h"
#include "cli/record_query.h"
#include "client/url.h"
#include "codec/json.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX   (96u << 20) /* bytes, of a page and of an event */
#define TARGET_MAX   16384
#define LAST_DEFAULT 10
#define PAUSE_FIRST  250 /* milliseconds before trying again; doubled up to */
#define PAUSE_MOST   4000

struct tail {
    struct reach reach;
    struct http_param filters[FILTERS];
    char at[24]; /* where to go on; "" at the end */
    struct record_printer printer;
    buf line, data; /* of the event that is being read */
    char id[24];
    bool error;     /* it tells of an error */
    bool reached;   /* the service, once at least */
    bool followed;  /* and it answered */
    bool lost;      /* the user was told that the service is gone */
    bool give_up;   /* trying again would not help */
    unsigned pause; /* milliseconds */
};

static void stop(int number)
{
    (void)number;
    _exit(EXIT_GOOD); /* each event is flushed once it is whole */
}

/* ---- server-sent events ---- */

static void set_id(char id[24], slice value)
{
    uint64_t v;
    if (decimal_read(&v, value, TL_INT_MAX) == TL_OK)
        snprintf(id, 24, "%llu", (unsigned long long)v);
}

static tl_err dispatch(struct tail *t, struct tl_why *why)
{
    tl_err err = buf_err(&t->data);
    if (err == TL_OK && t->error) {
        json_t *root = json_loadb((const char *)t->data.p, t->data.n, 0, NULL);
        const char *text = json_string_value(json_object_get(root, "error"));
        err = tl_explain(why, TL_E_IO, NULL, "%s", text ? text : "the service gave no reason");
        json_decref(root);
    } else if (err == TL_OK && t->data.n) {
        err = record_print(&t->printer, buf_slice(&t->data), why);
        if (err == TL_OK)
            err = record_print_end(why);
    }
    if (err == TL_OK)
        memcpy(t->at, t->id, sizeof t->at);
    t->error = false;
    buf_reset(&t->data);
    return err;
}

static tl_err event_line(struct tail *t, slice line, struct tl_why *why)
{
    static const char id[] = "id: ", data[] = "data: ", error[] = "event: error";
    if (line.n == 0)
        return dispatch(t, why);
    if (slice_starts(line, slice_str(id)))
        set_id(t->id, slice_of(line.p + sizeof id - 1, line.n - (sizeof id - 1)));
    else if (slice_starts(line, slice_str(data)))
        buf_bytes(&t->data, slice_of(line.p + sizeof data - 1, line.n - (sizeof data - 1)));
    else if (slice_eq_str(line, error))
        t->error = true;
    return TL_OK;
}

static tl_err take(struct tail *t, slice piece, struct tl_why *why)
{
    tl_err err = TL_OK;
    while (piece.n && err == TL_OK) {
        const uint8_t *lf = memchr(piece.p, '\n', piece.n);
        size_t n = lf ? (size_t)(lf - piece.p) : piece.n;
        buf_bytes(&t->line, slice_of(piece.p, n));
        n += lf ? 1 : 0;
        piece = slice_of(piece.p + n, piece.n - n);
        err = buf_err(&t->line);
        if (lf && err == TL_OK) {
            err = event_line(t, buf_slice(&t->line), why);
            buf_reset(&t->line);
        }
    }
    return err;
}

/* ---- following ---- */

static tl_err send_request(struct tail *t, struct client *c, struct tl_why *why)
{
    buf target;
    buf_init(&target, TARGET_MAX);
    buf_str(&target, "/v1/tail");
    record_filters_put(&target, t->filters, BY_FROM);
    url_put_key(&target, "from", t->at[0] ? t->at : NULL);
    buf_u8(&target, 0);
    tl_err err = buf_err(&target);
    if (err == TL_OK)
        err = client_send(c, "GET", (const char *)target.p, (slice){NULL, 0}, why);
    buf_finish(&target);
    return err;
}

/* Other than 503 and 429: the service will say the same again. */
static tl_err read_head(struct tail *t, struct client *c, struct tl_why *why)
{
    struct client_answer a;
    tl_err err = client_head(c, &a, why);
    if (err != TL_OK)
        return err;
    if (a.status != 200) {
        t->give_up = a.status != 503 && a.status != 429;
        err = client_refusal(c, &a, why);
        /* What was right before is no wrong usage now. */
        return t->followed ? TL_E_IO : err;
    }
    if (t->lost)
        cli_say("the service is back");
    t->lost = false;
    t->followed = true;
    t->pause = PAUSE_FIRST;
    return TL_OK;
}

/* Follows until the connection ends. */
static tl_err follow(struct tail *t, struct tl_why *why)
{
    struct client *c = NULL;
    bool more = true;
    buf_reset(&t->line);
    buf_reset(&t->data);
    t->error = false;
    memcpy(t->id, t->at, sizeof t->id);
    tl_err err = reach_open(&c, &t->reach, why);
    t->reached = t->reached || err == TL_OK;
    if (err == TL_OK)
        err = send_request(t, c, why);
    if (err == TL_OK)
        err = read_head(t, c, why);
    while (err == TL_OK && more) {
        slice piece = {NULL, 0};
        err = client_body(c, &piece, &more, why);
        if (err != TL_OK)
            break;
        err = take(t, piece, why);
        t->give_up = err != TL_OK;
    }
    client_close(c);
    t->give_up = t->give_up || !t->reached || err == TL_E_HTTP;
    return err;
}

static void wait_a_little(struct tail *t, tl_err err, const struct tl_why *why)
{
    struct timespec pause = {.tv_sec = t->pause / 1000, .tv_nsec = t->pause % 1000 * 1000000L};
    if (!t->lost)
        cli_say("%s; waiting for the service", err == TL_OK || t->followed
                                                   ? "the service has ended the connection"
                                                   : tl_why_text(why, err));
    t->lost = true;
    (void)nanosleep(&pause, NULL);
    t->pause = t->pause < PAUSE_MOST ? 2 * t->pause : PAUSE_MOST;
}

/* ---- the last ones ---- */

struct last {
    uint64_t left, lowest;
};

static tl_err note_index(void *ctx, slice record, struct tl_why *why)
{
    struct last *l = ctx;
    slice key;
    js r = js_of(record);
    js_object(&r);
    if (!js_member(&r, &key) || !slice_eq_str(key, "index"))
        return tl_explain(why, TL_E_JSON, NULL, "what the service answered is not a record");
    l->lowest = js_uint(&r, TL_INT_MAX);
    l->left -= l->left > 0;
    return r.err;
}

/* Where the last n begin; following from there shows them. */
static tl_err find_last(struct tail *t, uint64_t n, struct tl_why *why)
{
    struct last last = {.left = n, .lowest = UINT64_MAX};
    struct client *c = NULL;
    struct record_page page = {.size = 0};
    char cursor[CURSOR_TEXT + 1] = "";
    struct record_ask ask = {
        .filters = t->filters, .filter_count = BY_FROM, .newest_first = true, .cursor = cursor};
    buf answer;
    buf_init(&answer, ANSWER_MAX);
    tl_err err = reach_open(&c, &t->reach, why);
    do {
        ask.limit = last.left;
        if (err == TL_OK)
            err = record_page_get(c, &ask, &answer, why);
        if (err == TL_OK)
            err = record_page_read(&page, buf_slice(&answer), note_index, &last, why);
        if (err == TL_OK)
            snprintf(cursor, sizeof cursor, "%.*s", (int)page.next.n, (const char *)page.next.p);
    } while (err == TL_OK && cursor[0] && last.left);
    if (err == TL_OK)
        snprintf(t->at, sizeof t->at, "%llu",
                 (unsigned long long)(last.lowest < page.size ? last.lowest : page.size));
    client_close(c);
    buf_finish(&answer);
    return err;
}

static int tail(struct tail *t, uint64_t last)
{
    struct tl_why why = {{0}, {0}};
    tl_err err = TL_OK;
    /* A shell that starts us in the background has had SIGINT ignored. */
    if (signal(SIGINT, stop) == SIG_IGN)
        (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, stop);
    buf_init(&t->line, ANSWER_MAX);
    buf_init(&t->data, ANSWER_MAX);
    t->pause = PAUSE_FIRST;
    if (last)
        err = find_last(t, last, &why);
    while (err == TL_OK) {
        memset(&why, 0, sizeof why);
        tl_err lost = follow(t, &why);
        if (t->give_up)
            err = lost;
        else
            wait_a_little(t, lost, &why);
    }
    buf_finish(&t->line);
    buf_finish(&t->data);
    return cli_fail("cannot follow the log", err, &why);
}

int cmd_tail(int argc, char **argv)
{
    static const struct option longs[] = {
        FILTER_OPTIONS_TAIL,
        {"json", no_argument, NULL, 'j'},
        REACH_OPTIONS,
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct tail t = {.filters = {FILTER_NAMES}};
    struct log_query_options query;
    const char *last_text = NULL;
    uint64_t last = LAST_DEFAULT;
    for (int got; (got = cli_option(argc, argv, "hn:", longs, "tail")) != -1;) {
        if (record_filter(t.filters, got, optarg) || reach_option(&t.reach, got, optarg))
            continue;
        if (got == 'n')
            last_text = optarg;
        else if (got == 'j')
            t.printer.json = true;
        else
            return cli_option_exit(got);
    }
    if (optind < argc)
        return cli_usage("tail", "tail takes no argument %s", argv[optind]);
    slice from = t.filters[BY_FROM].value;
    if (last_text && from.p)
        return cli_usage("tail", "give -n or --from, not both");
    if (last_text && decimal_read(&last, slice_str(last_text), QUERY_LIMIT_MAX) != TL_OK)
        return cli_usage("tail", "-n takes a number up to %d, not %s", QUERY_LIMIT_MAX, last_text);
    int code = record_filters("tail", &query, t.filters, FILTERS_TAIL);
    if (code != EXIT_GOOD)
        return code;
    if (from.p)
        snprintf(t.at, sizeof t.at, "%llu", (unsigned long long)query.from);
    code = reach_check(&t.reach, "tail");
    if (code == EXIT_GOOD)
        code = tail(&t, from.p ? 0 : last);
    reach_finish(&t.reach);
    return code;
}
