#include "cli/cli.h"
#include "cli/service_options.h"
#include "cli/signals.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static void too_long(int number)
{
    (void)number;
    _exit(EXIT_FAILED);
}

/* A log that has stopped must not keep the process for ever. */
static void limit_end(void)
{
    (void)signal(SIGALRM, too_long);
    alarm(10);
}

/* As many descriptors as there may be connections, where the system lets us. */
static void allow_files(const struct service_options *o)
{
    struct rlimit r;
    rlim_t wanted = 1024 + o->limits.connections;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur >= wanted)
        return;
    r.rlim_cur = r.rlim_max < wanted ? r.rlim_max : wanted;
    (void)setrlimit(RLIMIT_NOFILE, &r);
}

static int serve(const struct service_options *o)
{
    struct service s = {0};
    struct tl_why why = {{0}, {0}};
    bool terminal;
    int number, code = EXIT_GOOD;
    allow_files(o);
    tl_err err = signals_open();
    if (err == TL_OK)
        err = service_prepare(&s, o, &why);
    if (err == TL_OK)
        err = service_start(&s, o, &why);
    if (err != TL_OK) {
        code = cli_fail("cannot serve", err, &why);
    } else {
        service_say_ready(&s, stdout);
        do
            number = service_wait(&s, &terminal);
        while (number == SIGCHLD || number == SIGNALS_FENCE);
        if (number == SIGNALS_FATAL)
            limit_end();
    }
    service_stop(&s);
    return s.failed ? EXIT_FAILED : code;
}

int cmd_serve(int argc, char **argv)
{
    static const struct option longs[] = {SERVE_OPTIONS, SERVICE_OPTIONS, {0}};
    struct service_options o = {
        .tee = "auto", .data = cli_data_default(), .min_free = MIN_FREE_DEFAULT};
    int code = EXIT_GOOD;
    for (int got; (got = cli_option(argc, argv, "h", longs, "serve")) != -1;) {
        code = service_option_take(&o, "serve", got, optarg);
        if (code != EXIT_GOOD || got == 'h')
            return code;
    }
    if (optind < argc)
        return cli_usage("serve", "serve takes no argument %s", argv[optind]);
    if (!o.socket)
        o.socket = cli_socket_default();
    code = service_options_check(&o, "serve");
    return code == EXIT_GOOD ? serve(&o) : code;
}
