#include "cli/cli.h"
#include "cli/progress.h"
#include "codec/json_put.h"
#include "log/log.h"

#include <inttypes.h>
#include <stdio.h>

struct findings {
    struct progress progress;
    bool json;
};

static void finding(void *ctx, const char *text, bool bad)
{
    struct findings *f = ctx;
    progress_end(&f->progress);
    if (!f->json) {
        printf("%s %s\n", bad ? "bad " : "ok  ", text);
        return;
    }
    buf b;
    buf_init(&b, 4096);
    buf_str(&b, bad ? "{\"bad\":true" : "{\"bad\":false");
    json_put_member(&b, "text", text);
    buf_str(&b, "}\n");
    (void)!fwrite(b.p, 1, b.n, stdout);
    buf_finish(&b);
}

static void progress(void *ctx, uint64_t done, uint64_t total)
{
    struct findings *f = ctx;
    progress_at(&f->progress, done, total);
}

static void conclude(const struct findings *f, uint64_t bad, bool simulated)
{
    if (f->json)
        printf("{\"clean\":%s,\"findings\":%" PRIu64 ",\"simulated\":%s}\n", bad ? "false" : "true",
               bad, simulated ? "true" : "false");
    else
        printf("teelog: %s: %" PRIu64 " finding%s%s\n", bad ? "NOT CLEAN" : "clean", bad,
               bad == 1 ? "" : "s", simulated ? " (SIMULATED platform)" : "");
}

static int fsck(const char *data, const char *kind, bool json)
{
    struct tee *tee = NULL;
    struct tl_why why = {{0}, {0}};
    struct findings f = {.progress = {.what = "checked", .unit = "statements"}, .json = json};
    uint64_t bad = 0;
    tl_err err = tee_open_existing(&tee, kind, data, &why);
    if (err == TL_OK)
        err = log_fsck(tee, data, finding, progress, &f, &bad, &why);
    progress_end(&f.progress);
    int code = EXIT_GOOD;
    if (err != TL_OK) {
        code = cli_fail("the log could not be checked", err, &why);
        code = code == EXIT_USAGE ? code : EXIT_FAILED;
    } else {
        conclude(&f, bad, tee_simulated(tee));
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
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    const char *data = cli_data_default(), *tee = "auto";
    bool json = false;
    for (int got; (got = cli_option(argc, argv, "h", longs, "fsck")) != -1;) {
        switch (got) {
        case 'd':
            data = optarg;
            break;
        case 't':
            tee = optarg;
            break;
        case 'j':
            json = true;
            break;
        default:
            return cli_option_exit(got);
        }
    }
    if (optind < argc)
        return cli_usage("fsck", "fsck takes no argument %s", argv[optind]);
    if (!data)
        return cli_usage("fsck", "which log? Give --data DIR");
    return fsck(data, tee, json);
}
