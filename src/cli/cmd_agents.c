#include "cli/cli.h"
#include "cli/reach.h"
#include "http/agents_json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define ANSWER_MAX (256u << 20) /* bytes */

struct options {
    struct reach reach;
    const char *tee;
    bool json;
};

static tl_err print_table(slice answer, struct tl_why *why)
{
    json_t *root = json_loadb((const char *)answer.p, answer.n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *agents = json_object_get(root, "agents");
    if (!json_is_array(agents)) {
        json_decref(root);
        return tl_explain(why, TL_E_JSON, NULL, "the service's answer is not a list of agents");
    }
    if (json_is_true(json_object_get(root, "simulated")))
        printf("SIMULATED platform\n");
    printf("%-40s %12s %12s  %s\n", "AGENT", "STATEMENTS", "LAST INDEX", "SESSION");
    for (size_t i = 0; i < json_array_size(agents); i++) {
        const json_t *a = json_array_get(agents, i);
        const char *id = json_string_value(json_object_get(a, "id"));
        char session[64] = "closed";
        const char *alg = json_string_value(json_object_get(a, "alg"));
        if (json_is_true(json_object_get(a, "open")))
            snprintf(session, sizeof session, "open since %" JSON_INTEGER_FORMAT "%s",
                     json_integer_value(json_object_get(a, "session")),
                     alg && strcmp(alg, "ES256K") == 0 ? ", ES256K" : "");
        int width = id ? (int)strnlen(id, 40) : 0;
        cli_print_plain(slice_str(id ? id : ""));
        printf("%*s %12" JSON_INTEGER_FORMAT " %12" JSON_INTEGER_FORMAT "  %s\n", 40 - width, "",
               json_integer_value(json_object_get(a, "count")),
               json_integer_value(json_object_get(a, "lastIndex")), session);
    }
    json_decref(root);
    return TL_OK;
}

static tl_err ask(buf *answer, const struct reach *reach, struct tl_why *why)
{
    struct client *c = NULL;
    tl_err err = reach_open(&c, reach, why);
    if (err == TL_OK)
        err = client_get(c, "/v1/agents", answer, why);
    client_close(c);
    return err;
}

static tl_err put_stopped(buf *answer, const struct log_agents *agents, bool simulated)
{
    size_t n;
    const struct log_agent *rows = log_agents_rows(agents, &n);
    agents_json_begin(answer, simulated);
    for (size_t i = 0; i < n; i++) {
        struct log_agent a = rows[i];
        a.open = false;
        agents_json_row(answer, &a, i == 0);
    }
    agents_json_end(answer);
    return buf_err(answer);
}

/* The same answer, made from a log that nobody has open: no session of it is open
 * either. */
static tl_err read_stopped(buf *answer, const struct options *o, struct tl_why *why)
{
    struct tee *tee = NULL;
    struct log *log = NULL;
    struct log_agents *agents = NULL;
    tl_err err = tee_open_existing(&tee, o->tee, o->reach.data, why);
    if (err == TL_OK)
        err = log_open_read(&log, tee, o->reach.data, why);
    if (err == TL_OK)
        err = log_agents_new(&agents, log);
    if (err == TL_OK)
        err = log_agents_run(agents);
    if (err == TL_OK)
        err = put_stopped(answer, agents, tee_simulated(tee));
    log_agents_free(agents);
    log_close(log);
    tee_close(tee);
    return err;
}

static int agents(const struct options *o)
{
    struct tl_why why = {{0}, {0}};
    buf answer;
    buf_init(&answer, ANSWER_MAX);
    tl_err err = o->tee ? read_stopped(&answer, o, &why) : ask(&answer, &o->reach, &why);
    if (err == TL_OK && o->json)
        err = cli_print_json(buf_slice(&answer), &why);
    else if (err == TL_OK)
        err = print_table(buf_slice(&answer), &why);
    buf_finish(&answer);
    return err == TL_OK ? EXIT_GOOD : cli_fail("cannot list the agents", err, &why);
}

int cmd_agents(int argc, char **argv)
{
    static const struct option longs[] = {
        {"json", no_argument, NULL, 'j'}, REACH_OPTIONS, {"tee", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'}, {0},
    };
    struct options o = {0};
    for (int got; (got = cli_option(argc, argv, "h", longs, "agents")) != -1;) {
        switch (got) {
        case 'j':
            o.json = true;
            break;
        case 't':
            o.tee = optarg;
            break;
        default:
            if (!reach_option(&o.reach, got, optarg))
                return cli_option_exit(got);
        }
    }
    if (optind < argc)
        return cli_usage("agents", "agents takes no argument %s", argv[optind]);
    int code = o.tee ? reach_stopped(&o.reach, "agents") : reach_check(&o.reach, "agents");
    if (code == EXIT_GOOD)
        code = agents(&o);
    reach_finish(&o.reach);
    return code;
}
