#include "base/encoding.h"
#include "cli/cli.h"
#include "cli/reach.h"
#include "cli/record_query.h"
#include "codec/json_put.h"
#include "log/erase.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define REQUEST_MAX (2u << 20)  /* bytes */
#define ANSWER_MAX  (16u << 20) /* bytes */

struct options {
    struct reach reach;
    const char *reason;
    bool json, dry_run, yes;
    struct http_param filters[FILTERS];
    struct log_query_options query; /* of the filters */
    char *const *indexes;
    int index_count;
};

/* ---- what is asked of the service ---- */

static void put_filter(buf *b, const char *name, slice value)
{
    if (value.p)
        json_put_slice(b, name, value);
}

static void put_request(buf *b, const struct options *o, bool dry_run)
{
    buf_printf(b, "{\"dryRun\":%s", dry_run ? "true" : "false");
    for (int i = 0; i < o->index_count; i++)
        buf_printf(b, "%s%s", i ? "," : ",\"indexes\":[", o->indexes[i]);
    if (o->index_count)
        buf_str(b, "]");
    put_filter(b, "user", o->query.user);
    put_filter(b, "room", o->query.room);
    put_filter(b, "agent", o->query.agent);
    if (o->query.before_ms != UINT64_MAX)
        json_put_number(b, "before", o->query.before_ms);
    if (o->reason)
        json_put_member(b, "reason", o->reason);
    buf_str(b, "}");
}

struct done {
    uint64_t erased, already;
    json_t *root; /* of the answer */
};

static tl_err read_done(struct done *out, slice answer, struct tl_why *why)
{
    out->root = json_loadb((const char *)answer.p, answer.n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *erased = json_object_get(out->root, "erased");
    const json_t *already = json_object_get(out->root, "already");
    if (!json_is_integer(erased) || !json_is_integer(already) ||
        !json_is_array(json_object_get(out->root, "statements")))
        return tl_explain(why, TL_E_JSON, NULL, "the service's answer is not that to an erasure");
    out->erased = (uint64_t)json_integer_value(erased);
    out->already = (uint64_t)json_integer_value(already);
    return TL_OK;
}

/* answer: whole. out->root is the caller's, json_decref. */
static tl_err ask(struct client *c, const struct options *o, bool dry_run, buf *answer,
                  struct done *out, struct tl_why *why)
{
    buf request;
    buf_init(&request, REQUEST_MAX);
    put_request(&request, o, dry_run);
    tl_err err = buf_err(&request);
    if (err == TL_OK)
        err = client_call(c, "POST", "/v1/erasures", buf_slice(&request), answer, why);
    buf_finish(&request);
    return err == TL_OK ? read_done(out, buf_slice(answer), why) : err;
}

/* ---- what the user is told ---- */

static void print_done(const struct done *d, bool dry_run)
{
    const json_t *statements = json_object_get(d->root, "statements");
    printf("%llu record%s %serased", (unsigned long long)d->erased, d->erased == 1 ? "" : "s",
           dry_run ? "would be " : "");
    for (size_t i = 0; i < json_array_size(statements); i++)
        printf("%s%" JSON_INTEGER_FORMAT, i ? ", " : ": statement ",
               json_integer_value(json_array_get(statements, i)));
    if (d->already)
        printf("; %llu had been erased before", (unsigned long long)d->already);
    printf("%s\n",
           json_is_true(json_object_get(d->root, "simulated")) ? " (SIMULATED platform)" : "");
}

/* Asks on the terminal; false where the answer is not yes. */
static bool agreed(const struct done *d)
{
    char line[16] = "";
    fprintf(stderr,
            "Erase the bodies of %llu record%s? They cannot be brought back, and their statements "
            "stay. [y/N] ",
            (unsigned long long)d->erased, d->erased == 1 ? "" : "s");
    return fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y');
}

/* A dry run first, where somebody is to be asked. *go is false where he does not want to. */
static tl_err confirm(struct client *c, const struct options *o, bool *go, struct tl_why *why)
{
    struct done d = {0};
    buf answer;
    buf_init(&answer, ANSWER_MAX);
    tl_err err = ask(c, o, true, &answer, &d, why);
    *go = err == TL_OK && (d.erased == 0 || agreed(&d));
    json_decref(d.root);
    buf_finish(&answer);
    return err;
}

static tl_err erase(struct client *c, const struct options *o, struct tl_why *why)
{
    struct done d = {0};
    bool go = true;
    buf answer;
    tl_err err = o->yes || o->dry_run ? TL_OK : confirm(c, o, &go, why);
    if (err != TL_OK)
        return err;
    if (!go)
        return tl_explain(why, TL_E_USAGE, NULL, "nothing was erased");
    buf_init(&answer, ANSWER_MAX);
    err = ask(c, o, o->dry_run, &answer, &d, why);
    if (err == TL_OK && o->json)
        err = cli_print_json(buf_slice(&answer), why);
    else if (err == TL_OK)
        print_done(&d, o->dry_run);
    json_decref(d.root);
    buf_finish(&answer);
    return err;
}

/* ---- the command ---- */

static int check_indexes(const struct options *o)
{
    uint64_t index;
    for (int i = 0; i < o->index_count; i++)
        if (decimal_read(&index, slice_str(o->indexes[i]), TL_INT_MAX) != TL_OK)
            return cli_usage("erase", "%s is not the index of a record", o->indexes[i]);
    if (o->index_count > ERASE_MAX)
        return cli_usage("erase", "at most %d indexes at a time", ERASE_MAX);
    return EXIT_GOOD;
}

static int check(struct options *o)
{
    bool filter =
        o->filters[BY_USER].value.p || o->filters[BY_ROOM].value.p || o->filters[BY_AGENT].value.p;
    int code = record_filters("erase", &o->query, o->filters, FILTERS);
    if (code == EXIT_GOOD)
        code = check_indexes(o);
    if (code != EXIT_GOOD)
        return code;
    if (filter == (o->index_count > 0))
        return cli_usage("erase", "say what to erase: INDEX..., or --user, --room or --agent");
    if (o->index_count && o->filters[BY_BEFORE].value.p)
        return cli_usage("erase", "--before goes with --user, --room or --agent");
    if (!o->yes && !o->dry_run && !isatty(STDIN_FILENO))
        return cli_usage("erase", "nobody is there to be asked: give --yes, or --dry-run to see "
                                  "how many records it would be");
    return EXIT_GOOD;
}

static int run(const struct options *o)
{
    struct tl_why why = {{0}, {0}};
    struct client *c = NULL;
    tl_err err = reach_open(&c, &o->reach, &why);
    if (err == TL_OK)
        err = erase(c, o, &why);
    client_close(c);
    return err == TL_OK ? EXIT_GOOD : cli_fail("cannot erase", err, &why);
}

int cmd_erase(int argc, char **argv)
{
    enum { REASON = 256, DRY_RUN, JSON, YES };
    static const struct option longs[] = {
        FILTER_OPTION("user", BY_USER),
        FILTER_OPTION("room", BY_ROOM),
        FILTER_OPTION("agent", BY_AGENT),
        FILTER_OPTION("before", BY_BEFORE),
        {"reason", required_argument, NULL, REASON},
        {"dry-run", no_argument, NULL, DRY_RUN},
        {"yes", no_argument, NULL, YES},
        {"json", no_argument, NULL, JSON},
        REACH_OPTIONS,
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct options o = {.filters = {FILTER_NAMES}};
    for (int got; (got = cli_option(argc, argv, "h", longs, "erase")) != -1;) {
        if (record_filter(o.filters, got, optarg) || reach_option(&o.reach, got, optarg))
            continue;
        switch (got) {
        case REASON:
            o.reason = optarg;
            break;
        case DRY_RUN:
            o.dry_run = true;
            break;
        case YES:
            o.yes = true;
            break;
        case JSON:
            o.json = true;
            break;
        default:
            return cli_option_exit(got);
        }
    }
    o.indexes = argv + optind;
    o.index_count = argc - optind;
    int code = check(&o);
    if (code == EXIT_GOOD)
        code = reach_check(&o.reach, "erase");
    if (code == EXIT_GOOD)
        code = run(&o);
    reach_finish(&o.reach);
    return code;
}
