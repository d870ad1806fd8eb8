#include "cli/cli.h"
#include "cli/client.h"
#include "log/log.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define ANSWER_MAX (256u << 20) /* bytes */

struct options {
    const char *socket, *data, *tee;
    bool json;
};

static void print_row(const char *id, uint64_t count, uint64_t last, const char *session)
{
    printf("%-40s %12" PRIu64 " %12" PRIu64 "  %s\n", id, count, last, session);
}

static void print_head(void)
{
    printf("%-40s %12s %12s  %s\n", "AGENT", "STATEMENTS", "LAST INDEX", "SESSION");
}

static tl_err print_answer(slice answer, struct tl_why *why)
{
    json_t *root = json_loadb((const char *)answer.p, answer.n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *agents = json_object_get(root, "agents");
    if (!json_is_array(agents)) {
        json_decref(root);
        return tl_explain(why, TL_E_JSON, NULL, "the service's answer is not a list of agents");
    }
    print_head();
    for (size_t i = 0; i < json_array_size(agents); i++) {
        const json_t *a = json_array_get(agents, i);
        const char *id = json_string_value(json_object_get(a, "id"));
        char session[64] = "closed";
        if (json_is_true(json_object_get(a, "open")))
            snprintf(session, sizeof session, "open since %" JSON_INTEGER_FORMAT,
                     json_integer_value(json_object_get(a, "session")));
        print_row(id ? id : "?", (uint64_t)json_integer_value(json_object_get(a, "count")),
                  (uint64_t)json_integer_value(json_object_get(a, "lastIndex")), session);
    }
    json_decref(root);
    return TL_OK;
}

static tl_err ask(const char *socket, bool json, struct tl_why *why)
{
    struct client *c = NULL;
    buf answer;
    buf_init(&answer, ANSWER_MAX);
    tl_err err = client_open(&c, socket, NULL, why);
    if (err == TL_OK)
        err = client_get(c, "/v1/agents", &answer, why);
    if (err == TL_OK && json)
        fwrite(answer.p, 1, answer.n, stdout);
    else if (err == TL_OK)
        err = print_answer(buf_slice(&answer), why);
    client_close(c);
    buf_finish(&answer);
    return err;
}

/* A log that nobody has open: no session of it is open either. */
static tl_err read_stopped(const struct options *o, struct tl_why *why)
{
    struct tee *tee = NULL;
    struct log *log = NULL;
    struct log_agent *agents = NULL;
    size_t n = 0;
    tl_err err = tee_open(&tee, o->tee, o->data, why);
    if (err == TL_OK)
        err = log_open_read(&log, tee, o->data, why);
    if (err == TL_OK)
        err = log_agents(log, &agents, &n);
    if (err == TL_OK && !o->json)
        print_head();
    if (err == TL_OK && o->json)
        printf("{\"agents\":[");
    for (size_t i = 0; err == TL_OK && i < n; i++) {
        const struct log_agent *a = &agents[i];
        if (o->json)
            printf("%s{\"id\":\"%s\",\"count\":%" PRIu64 ",\"lastIndex\":%" PRIu64
                   ",\"open\":false}",
                   i ? "," : "", a->id, a->count, a->last_index);
        else
            print_row(a->id, a->count, a->last_index, "closed");
    }
    if (err == TL_OK && o->json)
        printf("]}\n");
    free(agents);
    log_close(log);
    tee_close(tee);
    return err;
}

static int agents(const struct options *o)
{
    struct tl_why why = {{0}, {0}};
    if (o->tee) {
        tl_err err = read_stopped(o, &why);
        return err == TL_OK ? EXIT_GOOD : cli_fail("cannot list the agents", err, &why);
    }
    char *socket = cli_socket_path("agents", o->socket, o->data);
    if (!socket)
        return EXIT_USAGE;
    tl_err err = ask(socket, o->json, &why);
    free(socket);
    return err == TL_OK ? EXIT_GOOD : cli_fail("cannot list the agents", err, &why);
}

int cmd_agents(int argc, char **argv)
{
    static const struct option longs[] = {
        {"json", no_argument, NULL, 'j'},       {"socket", required_argument, NULL, 's'},
        {"data", required_argument, NULL, 'd'}, {"tee", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},       {0},
    };
    struct options o = {0};
    for (int got; (got = cli_option(argc, argv, "h", longs, "agents")) != -1;) {
        switch (got) {
        case 'j':
            o.json = true;
            break;
        case 's':
            o.socket = optarg;
            break;
        case 'd':
            o.data = optarg;
            break;
        case 't':
            o.tee = optarg;
            break;
        default:
            return cli_option_exit(got);
        }
    }
    if (optind < argc)
        return cli_usage("agents", "agents takes no argument %s", argv[optind]);
    if (o.tee && !o.data)
        o.data = cli_data_default();
    if (o.tee && !o.data)
        return cli_usage("agents", "--tee reads a stopped log; which? Give --data DIR");
    return agents(&o);
}
