#include "cli/cli.h"
#include "cli/service.h"
#include "cli/signals.h"

#include <signal.h>
#include <stdio.h>
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

static int serve(const struct service_options *o)
{
    struct service s = {0};
    struct tl_why why = {{0}, {0}};
    char line[1024];
    bool terminal;
    int number, code = EXIT_GOOD;
    tl_err err = signals_open();
    if (err == TL_OK)
        err = service_prepare(&s, o, &why);
    if (err == TL_OK)
        err = service_start(&s, o, &why);
    if (err != TL_OK) {
        code = cli_fail("cannot serve", err, &why);
    } else {
        service_describe(&s, line, sizeof line);
        printf("teelog: ready, %s\n", line);
        fflush(stdout);
        do
            number = signals_wait(&terminal);
        while (number == SIGCHLD);
        if (number == SIGNALS_FATAL)
            limit_end();
    }
    service_stop(&s);
    return s.failed ? EXIT_FAILED : code;
}

int cmd_serve(int argc, char **argv)
{
    static const struct option longs[] = {
        {"data", required_argument, NULL, 'd'},
        {"socket", required_argument, NULL, 's'},
        {"tee", required_argument, NULL, 't'},
        {"origin", required_argument, NULL, 'o'},
        {"pccs", required_argument, NULL, 'p'},
        {"proxy", required_argument, NULL, 'x'},
        {"ca", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct service_options o = {.tee = "auto", .data = cli_data_default()};
    for (int got; (got = cli_option(argc, argv, "h", longs, "serve")) != -1;) {
        switch (got) {
        case 'd':
            o.data = optarg;
            break;
        case 's':
            o.socket = optarg;
            break;
        case 't':
            o.tee = optarg;
            break;
        case 'o':
            o.origin = optarg;
            break;
        case 'p':
            o.pcs.pccs = optarg;
            break;
        case 'x':
            o.pcs.proxy = optarg;
            break;
        case 'c':
            o.pcs.ca_file = optarg;
            break;
        default:
            return cli_option_exit(got);
        }
    }
    if (optind < argc)
        return cli_usage("serve", "serve takes no argument %s", argv[optind]);
    if (!o.data)
        return cli_usage("serve", "where is the log to be kept? Give --data DIR");
    if (!o.socket)
        o.socket = cli_socket_default();
    int code = service_check("serve", &o);
    return code == EXIT_GOOD ? serve(&o) : code;
}
