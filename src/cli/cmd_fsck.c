#include "cli/cli.h"
#include "cli/progress.h"
#include "log/log.h"

#include <inttypes.h>
#include <stdio.h>

static void finding(void *ctx, const char *text, bool bad)
{
    progress_end(ctx);
    printf("%s %s\n", bad ? "bad " : "ok  ", text);
}

static void progress(void *ctx, uint64_t done, uint64_t total)
{
    progress_at(ctx, done, total);
}

static int fsck(const char *data, const char *kind)
{
    struct tee *tee = NULL;
    struct tl_why why = {{0}, {0}};
    struct progress p = {.what = "checked", .unit = "statements"};
    uint64_t bad = 0;
    tl_err err = tee_open_existing(&tee, kind, data, &why);
    if (err == TL_OK)
        err = log_fsck(tee, data, finding, progress, &p, &bad, &why);
    progress_end(&p);
    int code = EXIT_GOOD;
    if (err != TL_OK) {
        code = cli_fail("the log could not be checked", err, &why);
        code = code == EXIT_USAGE ? code : EXIT_FAILED;
    } else {
        printf("teelog: %s: %" PRIu64 " finding%s%s\n", bad ? "NOT CLEAN" : "clean", bad,
               bad == 1 ? "" : "s", tee_simulated(tee) ? " (SIMULATED platform)" : "");
        code = bad ? EXIT_REJECTED : EXIT_GOOD;
    }
    tee_close(tee);
    return code;
}

int cmd_fsck(int argc, char **argv)
{
    static const struct option longs[] = {
        {"data", required_argument, NULL, 'd'},
        {"tee", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    const char *data = cli_data_default(), *tee = "auto";
    for (int got; (got = cli_option(argc, argv, "h", longs, "fsck")) != -1;) {
        switch (got) {
        case 'd':
            data = optarg;
            break;
        case 't':
            tee = optarg;
            break;
        default:
            return cli_option_exit(got);
        }
    }
    if (optind < argc)
        return cli_usage("fsck", "fsck takes no argument %s", argv[optind]);
    if (!data)
        return cli_usage("fsck", "which log? Give --data DIR");
    return fsck(data, tee);
}
