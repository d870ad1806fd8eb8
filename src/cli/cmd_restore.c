#include "base/calendar.h"
#include "cli/backup_print.h"
#include "cli/cli.h"
#include "cli/infile.h"
#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>

struct options {
    const char *file, *data;
    bool check, accept, json;
};

static void progress(void *ctx, uint64_t done, uint64_t total)
{
    progress_at(ctx, done, total);
}

/* Putting back an older state is what a host does who wants to be rid of a newer one:
 * whoever does it for good reasons should know what others will see. */
static int refuse(const struct log_backup_info *info)
{
    char when[CALENDAR_TEXT];
    cli_say("this is a backup of %s at %" PRIu64 " statements, made %s. It is not a final one: "
            "the log may have gone on after it.",
            info->origin, info->size, calendar_text(when, info->time_ms / 1000));
    cli_say("what was appended after it is lost for ever. Whoever holds a later checkpoint or "
            "receipt will find that the restored log, once it goes on, contradicts it: a fork, "
            "which cannot be told from forgery");
    return cli_usage("restore", "to restore it all the same, give --accept-rollback");
}

static tl_err restore(const struct options *o, struct log_restore *r,
                      const struct log_backup_info *info, struct tl_why *why)
{
    struct progress p = {.what = o->check ? "read" : "restored", .unit = "bytes"};
    struct log_restore_progress report = {progress, &p};
    tl_err err =
        o->check ? log_restore_check(r, report, why) : log_restore_into(r, o->data, report, why);
    progress_end(&p);
    return err == TL_OK ? backup_print(info, o->file, o->json) : err;
}

static int run(const struct options *o)
{
    struct tl_why why = {{0}, {0}};
    struct log_backup_info info;
    struct log_restore *r = NULL;
    int fd, code = infile_open(&fd, o->file);
    if (code != EXIT_GOOD)
        return code;
    tl_err err = log_restore_new(&r, (struct byte_source){infile_some, &fd}, &info, &why);
    if (err == TL_OK && !info.final && !o->accept && !o->check) {
        code = refuse(&info);
    } else {
        if (err == TL_OK)
            err = restore(o, r, &info, &why);
        code = err == TL_OK ? EXIT_GOOD
                            : cli_fail(o->check ? "damaged" : "nothing was restored", err, &why);
    }
    log_restore_free(r);
    infile_close(fd);
    return code;
}

int cmd_restore(int argc, char **argv)
{
    static const struct option longs[] = {
        {"data", required_argument, NULL, 'd'}, {"accept-rollback", no_argument, NULL, 'a'},
        {"check", no_argument, NULL, 'c'},      {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},       {0},
    };
    struct options o = {.data = cli_data_default()};
    for (int got; (got = cli_option(argc, argv, "h", longs, "restore")) != -1;) {
        switch (got) {
        case 'd':
            o.data = optarg;
            break;
        case 'a':
            o.accept = true;
            break;
        case 'c':
            o.check = true;
            break;
        case 'j':
            o.json = true;
            break;
        default:
            return cli_option_exit(got);
        }
    }
    if (optind + 1 != argc)
        return cli_usage("restore", optind < argc ? "restore takes one backup"
                                                  : "which backup? Give its file");
    o.file = argv[optind];
    if (!o.data && !o.check)
        return cli_usage("restore", "where to? Give --data DIR");
    return run(&o);
}
