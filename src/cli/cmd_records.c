#include "base/encoding.h"
#include "cli/cli.h"
#include "cli/reach.h"
#include "cli/record_print.h"
#include "cli/record_query.h"
#include "http/row_json.h"

#include <stdio.h>
#include <stdlib.h>

#define ANSWER_MAX (96u << 20) /* bytes */

struct options {
    struct reach reach;
    const char *tee, *limit_text, *index_text;
    struct http_param filters[FILTERS];
    struct log_query_options query;
    uint64_t limit, index;
    bool newest, total, json;
};

/* What is printed, and how much more of it. */
struct printing {
    struct record_printer printer;
    uint64_t left;
};

static tl_err print_one(void *ctx, slice record, struct tl_why *why)
{
    struct printing *p = ctx;
    if (p->left == 0)
        return TL_OK;
    p->left--;
    return record_print(&p->printer, record, why);
}

static void print_total(const struct options *o, bool simulated, uint64_t total)
{
    const char *word = simulated ? "true" : "false";
    if (o->json)
        printf("{\"simulated\":%s,\"total\":%llu}\n", word, (unsigned long long)total);
    else
        printf("%s%llu\n", simulated ? "SIMULATED platform\n" : "", (unsigned long long)total);
}

static uint64_t page_limit(uint64_t left)
{
    return left < QUERY_LIMIT_MAX ? left : QUERY_LIMIT_MAX;
}

/* ---- of a running service ---- */

static struct record_ask ask(const struct options *o, uint64_t limit, const char *cursor)
{
    return (struct record_ask){.filters = o->filters,
                               .filter_count = FILTERS,
                               .limit = limit,
                               .newest_first = o->newest,
                               .total = o->total,
                               .cursor = cursor};
}

static tl_err list_running(struct client *c, const struct options *o, struct tl_why *why)
{
    struct printing p = {{.json = o->json}, o->limit};
    struct record_page page;
    char cursor[CURSOR_TEXT + 1] = "";
    buf answer;
    buf_init(&answer, ANSWER_MAX);
    tl_err err = TL_OK;
    do {
        const struct record_ask a = ask(o, page_limit(p.left), cursor);
        err = record_page_get(c, &a, &answer, why);
        if (err == TL_OK)
            err = record_page_read(&page, buf_slice(&answer), print_one, &p, why);
        if (err == TL_OK)
            snprintf(cursor, sizeof cursor, "%.*s", (int)page.next.n, (const char *)page.next.p);
    } while (err == TL_OK && cursor[0] && p.left);
    buf_finish(&answer);
    return err;
}

static tl_err count_running(struct client *c, const struct options *o, struct tl_why *why)
{
    struct record_page page;
    buf answer;
    buf_init(&answer, ANSWER_MAX);
    const struct record_ask a = ask(o, 1, "");
    tl_err err = record_page_get(c, &a, &answer, why);
    if (err == TL_OK)
        err = record_page_read(&page, buf_slice(&answer), NULL, NULL, why);
    if (err == TL_OK)
        print_total(o, page.simulated, page.total);
    buf_finish(&answer);
    return err;
}

static tl_err show_running(struct client *c, const struct options *o, struct tl_why *why)
{
    struct record_printer p = {.json = o->json};
    char target[64];
    buf answer;
    buf_init(&answer, ANSWER_MAX);
    snprintf(target, sizeof target, "/v1/records/%llu", (unsigned long long)o->index);
    tl_err err = client_get(c, target, &answer, why);
    if (err == TL_OK)
        err = record_print_proof(&p, buf_slice(&answer), why);
    buf_finish(&answer);
    return err;
}

static tl_err running(const struct options *o, struct tl_why *why)
{
    struct client *c = NULL;
    tl_err err = reach_open(&c, &o->reach, why);
    if (err == TL_OK)
        err = o->index_text ? show_running(c, o, why)
              : o->total    ? count_running(c, o, why)
                            : list_running(c, o, why);
    client_close(c);
    return err;
}

/* ---- of a log that nobody has open ---- */

static tl_err print_rows(const struct log_query *q, struct printing *p, bool simulated,
                         struct tl_why *why)
{
    size_t n;
    const struct log_row *rows = log_query_rows(q, &n);
    tl_err err = TL_OK;
    buf b;
    buf_init(&b, ANSWER_MAX);
    for (size_t i = 0; i < n && err == TL_OK; i++) {
        buf_reset(&b);
        row_json_put(&b, &rows[i], (struct row_json){.simulated = simulated});
        err = buf_err(&b);
        if (err == TL_OK)
            err = print_one(p, buf_slice(&b), why);
    }
    buf_finish(&b);
    return err;
}

static tl_err list_stopped(struct log *log, const struct options *o, bool simulated,
                           struct tl_why *why)
{
    struct printing p = {{.json = o->json}, o->limit};
    struct log_query_options query = o->query;
    bool more = true;
    tl_err err = TL_OK;
    while (err == TL_OK && more && p.left) {
        struct log_query *q = NULL;
        query.limit = (size_t)page_limit(p.left);
        err = log_query_new(&q, log, &query, why);
        if (err == TL_OK)
            err = log_query_run(q, why);
        if (err == TL_OK)
            err = print_rows(q, &p, simulated, why);
        if (err == TL_OK)
            more = log_query_more(q, query.newest_first ? &query.to : &query.from);
        log_query_free(q);
    }
    return err;
}

static tl_err count_stopped(struct log *log, const struct options *o, bool simulated,
                            struct tl_why *why)
{
    struct log_query *q = NULL;
    struct log_query_options query = o->query;
    query.limit = 1;
    query.total = true;
    tl_err err = log_query_new(&q, log, &query, why);
    if (err == TL_OK)
        err = log_query_run(q, why);
    if (err == TL_OK)
        print_total(o, simulated, log_query_total(q));
    log_query_free(q);
    return err;
}

static tl_err show_stopped(struct log *log, const struct options *o, bool simulated,
                           struct tl_why *why)
{
    struct record_printer p = {.json = o->json};
    struct log_query_options query = {
        .from = o->index, .to = o->index + 1, .before_ms = UINT64_MAX, .limit = 1, .every = true};
    struct log_query *q = NULL;
    size_t n;
    buf b;
    buf_init(&b, ANSWER_MAX);
    tl_err err = log_query_new(&q, log, &query, why);
    if (err == TL_OK) {
        log_query_prove(q);
        err = log_query_run(q, why);
    }
    const struct log_row *row = err == TL_OK ? log_query_rows(q, &n) : NULL;
    if (err == TL_OK && n == 0)
        err = tl_explain(why, TL_E_NOT_FOUND, "index", "the log has no statement %llu",
                         (unsigned long long)o->index);
    if (err == TL_OK) {
        row_json_put_proof(&b, row, log_query_proof(q), (struct row_json){.simulated = simulated});
        err = buf_err(&b);
    }
    if (err == TL_OK)
        err = record_print_proof(&p, buf_slice(&b), why);
    log_query_free(q);
    buf_finish(&b);
    return err;
}

static tl_err stopped(const struct options *o, struct tl_why *why)
{
    struct tee *tee = NULL;
    struct log *log = NULL;
    tl_err err = tee_open_existing(&tee, o->tee, o->reach.data, why);
    if (err == TL_OK)
        err = log_open_read(&log, tee, o->reach.data, why);
    if (err == TL_OK)
        err = o->index_text ? show_stopped(log, o, tee_simulated(tee), why)
              : o->total    ? count_stopped(log, o, tee_simulated(tee), why)
                            : list_stopped(log, o, tee_simulated(tee), why);
    log_close(log);
    tee_close(tee);
    return err;
}

/* ---- the command ---- */

static int records(const struct options *o)
{
    struct tl_why why = {{0}, {0}};
    tl_err err = o->tee ? stopped(o, &why) : running(o, &why);
    if (err == TL_OK)
        err = record_print_end(&why);
    return err == TL_OK ? EXIT_GOOD : cli_fail("cannot show the records", err, &why);
}

/* What the options say together. */
static int check(struct options *o)
{
    bool filtered = o->newest || o->total || o->limit_text;
    for (size_t i = 0; i < FILTERS; i++)
        filtered = filtered || o->filters[i].value.p;
    if (o->index_text && filtered)
        return cli_usage("records", "an INDEX names one record; leave the filters out");
    if (o->index_text && decimal_read(&o->index, slice_str(o->index_text), TL_INT_MAX - 1) != TL_OK)
        return cli_usage("records", "%s is not the index of a record", o->index_text);
    o->limit = UINT64_MAX;
    if (o->limit_text &&
        (decimal_read(&o->limit, slice_str(o->limit_text), TL_INT_MAX) != TL_OK || o->limit == 0))
        return cli_usage("records", "--limit takes a number of records, not %s", o->limit_text);
    int code = record_filters("records", &o->query, o->filters, FILTERS);
    o->query.newest_first = o->newest;
    return code;
}

static bool option(struct options *o, int got, const char *value)
{
    if (record_filter(o->filters, got, value) || reach_option(&o->reach, got, value))
        return true;
    const char **to = got == 't' ? &o->tee : got == 'l' ? &o->limit_text : NULL;
    if (to)
        *to = value;
    else if (got == 'N' || got == 'O')
        o->newest = got == 'N';
    else if (got == 'c')
        o->total = true;
    else if (got == 'j')
        o->json = true;
    else
        return false;
    return true;
}

int cmd_records(int argc, char **argv)
{
    static const struct option longs[] = {
        FILTER_OPTIONS,
        {"newest", no_argument, NULL, 'N'},
        {"oldest", no_argument, NULL, 'O'},
        {"limit", required_argument, NULL, 'l'},
        {"total", no_argument, NULL, 'c'},
        {"json", no_argument, NULL, 'j'},
        REACH_OPTIONS,
        {"tee", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct options o = {.filters = {FILTER_NAMES}};
    for (int got; (got = cli_option(argc, argv, "h", longs, "records")) != -1;)
        if (!option(&o, got, optarg))
            return cli_option_exit(got);
    if (optind < argc)
        o.index_text = argv[optind++];
    if (optind < argc)
        return cli_usage("records", "records takes one INDEX, not %s too", argv[optind]);
    int code = check(&o);
    if (code == EXIT_GOOD)
        code = o.tee ? reach_stopped(&o.reach, "records") : reach_check(&o.reach, "records");
    if (code == EXIT_GOOD)
        code = records(&o);
    reach_finish(&o.reach);
    return code;
}
