#include "cli/bundle_out.h"
#include "cli/child.h"
#include "cli/cli.h"
#include "cli/run_log.h"
#include "cli/service_options.h"
#include "cli/signals.h"
#include "cli/witnesses.h"

#include "base/encoding.h"
#include "crypto/secret.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

struct run_options {
    struct service_options service;
    const char *export;
    char **argv;
};

/* Without its log the command must not go on. The log is closed, which wipes its
 * keys, while the command still has time to end. */
static int end_both(struct service *s, const struct child *c)
{
    child_end(c);
    service_stop(s);
    child_end_wait(c);
    return EXIT_RUN_FAILED;
}

/* Waits until the command has ended, passing signals on, and writes how; false where the log
 * has stopped before. */
static bool wait_for(int *status, struct service *s, const struct child *c)
{
    for (;;) {
        bool terminal;
        int number = service_wait(s, &terminal);
        if (number == SIGNALS_FATAL)
            return false;
        if (number == SIGNALS_FENCE)
            continue; /* what cannot be logged any more is refused */
        if (number != SIGCHLD) {
            if (c->group || !terminal)
                child_signal(c, number);
        } else if (waitpid(c->pid, status, WNOHANG) == c->pid) {
            return true;
        }
    }
}

/* Of the log that has ended and is still open: who opens it later needs its keys, which not
 * every platform keeps. */
static tl_err export_after(const struct service *s, const char *path, struct tl_why *why)
{
    struct log_export_options all = {.agent = {NULL, 0}};
    struct log_export_said said;
    tl_err err = bundle_out_log(path, s->log, &all, &said, why);
    if (err == TL_OK)
        bundle_out_warn(&said);
    if (err == TL_OK)
        cli_say("exported %s%s", path, tee_simulated(s->tee) ? " (SIMULATED platform)" : "");
    return err;
}

static int exit_code(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* The command has ended, and its end is logged: the last that is, but for the log's own ends.
 * started: whether it has run, and why not. */
static int finish(struct service *s, const struct run_options *o, uint64_t start, int status,
                  tl_err started, const struct tl_why *not_started)
{
    struct tl_why why = {{0}, {0}};
    const char *error = started == TL_OK ? NULL : tl_why_text(not_started, started);
    service_shut(s);
    tl_err err = run_log_exit(s->log, start, status, error, &why);
    if (err != TL_OK)
        (void)cli_fail("run", err, &why);
    service_end(s);
    if (started != TL_OK)
        (void)cli_fail("run", started, not_started);
    else if (!s->failed && o->export) {
        tl_err exported = export_after(s, o->export, &why);
        if (exported != TL_OK)
            (void)cli_fail("run", exported, &why);
        err = err == TL_OK ? exported : err;
    }
    return started != TL_OK || err != TL_OK || s->failed ? EXIT_RUN_FAILED : exit_code(status);
}

/* The child is there and waits. Where its start cannot be logged it never goes. */
static int run_child(struct service *s, struct child *c, const struct run_options *o)
{
    struct tl_why why = {{0}, {0}};
    uint64_t start = 0;
    int status = 0;
    tl_err err = service_start(s, &o->service, &why);
    if (err == TL_OK)
        err = witnesses_wait(s, &why);
    if (err == TL_OK)
        err = run_log_start(&start, s->log, o->argv, &why);
    if (err != TL_OK) {
        child_cancel(c);
        (void)cli_fail("cannot run", err, &why);
        return EXIT_RUN_FAILED;
    }
    struct log_info info;
    log_info(s->log, &info);
    service_say_ready(s, stderr);
    tl_err started = child_go(c, o->argv[0], info.log_key, &why);
    if (!wait_for(&status, s, c))
        return end_both(s, c);
    return finish(s, o, start, status, started, &why);
}

static int run(struct run_options *o)
{
    struct service s = {0};
    struct child c;
    struct tl_why why = {{0}, {0}};
    uint8_t random[32];
    char token[2 * sizeof random + 1] = "";
    int code = EXIT_RUN_FAILED;
    tl_err err = service_prepare(&s, &o->service, &why);
    if (err == TL_OK)
        err = random_bytes(random, sizeof random);
    if (err == TL_OK) {
        hex_text(token, random, sizeof random);
        err = signals_open();
    }
    if (err == TL_OK)
        err = child_fork(&c, o->argv, s.socket, token, &why);
    if (err == TL_OK) {
        o->service.token = token;
        code = run_child(&s, &c, o);
        o->service.token = NULL; /* it goes with this function */
    } else {
        (void)cli_fail("cannot run", err, &why);
    }
    service_stop(&s);
    secret_wipe(random, sizeof random);
    secret_wipe(token, sizeof token);
    return code;
}

/* EXIT_GOOD and o->argv set, or the exit code after the user has been told. */
static int options(struct run_options *o, int argc, char **argv)
{
    enum { EXPORT = 'e', AGENT = 'a' };
    static const struct option longs[] = {SERVICE_OPTIONS,
                                          {"export", required_argument, NULL, EXPORT},
                                          {"agent", required_argument, NULL, AGENT},
                                          {0}};
    int code;
    for (int got; (got = cli_option(argc, argv, "+h", longs, "run")) != -1;) {
        code = EXIT_GOOD;
        if (got == EXPORT)
            o->export = optarg;
        else if (got == AGENT)
            o->service.agents[o->service.agent_count++] = optarg;
        else
            code = service_option_take(&o->service, "run", got, optarg);
        if (code != EXIT_GOOD || got == 'h')
            return code;
    }
    code = service_options_check(&o->service, "run");
    if (code != EXIT_GOOD)
        return code;
    if (optind >= argc)
        return cli_usage("run", "which command? Put it after --, as in: teelog run --data DIR "
                                "--tee sim -- node agent.js");
    o->argv = argv + optind;
    return EXIT_GOOD;
}

int cmd_run(int argc, char **argv)
{
    struct run_options o = {
        .service = {.tee = "auto", .data = cli_data_default(), .min_free = MIN_FREE_DEFAULT}};
    o.service.agents = calloc((size_t)argc, sizeof *o.service.agents);
    if (!o.service.agents) {
        cli_say("%s", tl_err_text(TL_E_MEMORY));
        return EXIT_RUN_FAILED;
    }
    int code = options(&o, argc, argv);
    if (o.argv) { /* all was well */
        o.service.command = (const char *const *)o.argv;
        code = run(&o);
    }
    free(o.service.agents);
    return code;
}
