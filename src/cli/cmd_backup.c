#include "cli/backup_print.h"
#include "cli/bundle_out.h"
#include "cli/cli.h"
#include "cli/infile.h"
#include "cli/outfile.h"
#include "cli/progress.h"
#include "cli/reach.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct options {
    struct reach reach;
    const char *out, *tee;
    bool final, json;
};

static tl_err write_slices(struct log_backup *b, struct outfile *f, struct tl_why *why)
{
    struct progress p = {.what = "copied", .unit = "bytes"};
    uint64_t done, total;
    bool more = true;
    buf some;
    buf_init(&some, 4u << 20);
    tl_err err = TL_OK;
    while (more && err == TL_OK) {
        buf_reset(&some);
        err = log_backup_step(b, &some, &more, why);
        if (err == TL_OK)
            err = outfile_write(f, buf_slice(&some), why);
        log_backup_progress(b, &done, &total);
        progress_at(&p, done, total);
    }
    progress_end(&p);
    buf_finish(&some);
    return err;
}

static tl_err write_backup(struct log *log, const struct options *o, struct tl_why *why)
{
    struct log_backup *b = NULL;
    struct outfile f;
    tl_err err = log_backup_new(&b, log, o->final);
    if (err != TL_OK)
        return err;
    err = outfile_open(&f, o->out, 0600, why);
    if (err == TL_OK) {
        err = write_slices(b, &f, why);
        if (err == TL_OK)
            err = outfile_keep(&f, why);
        outfile_close(&f);
    }
    log_backup_free(b);
    return err;
}

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return strcmp(path, "-") == 0 ? "standard output" : slash ? slash + 1 : path;
}

static tl_err backup_stopped(const struct options *o, struct tl_why *why)
{
    struct tee *tee = NULL;
    struct log *log = NULL;
    tl_err err = tee_open_existing(&tee, o->tee, o->reach.data, why);
    if (err == TL_OK && o->final)
        err = log_hand_over(tee, o->reach.data, file_name(o->out), why);
    bool marked = err == TL_OK && o->final;
    if (err == TL_OK)
        err = log_open_read(&log, tee, o->reach.data, why);
    if (err == TL_OK)
        err = write_backup(log, o, why);
    if (err != TL_OK && marked)
        cli_say("note: this log is marked as handed over; make the final backup again");
    log_close(log);
    tee_close(tee);
    return err;
}

static tl_err backup_running(const struct options *o, struct tl_why *why)
{
    struct client *c = NULL;
    tl_err err = reach_open(&c, &o->reach, why);
    if (err == TL_OK)
        err = bundle_out_fetch(o->out, c, "GET", "/v1/backup", (slice){NULL, 0}, NULL, why);
    client_close(c);
    return err;
}

/* What was written says what it is, but for standard output, a device and a pipe. */
static tl_err describe(const struct options *o, struct tl_why *why)
{
    struct log_backup_info info;
    struct log_restore *r = NULL;
    struct stat st;
    int fd;
    if (strcmp(o->out, "-") == 0 || (stat(o->out, &st) == 0 && !S_ISREG(st.st_mode)))
        return TL_OK;
    if (infile_open(&fd, o->out) != EXIT_GOOD)
        return TL_E_IO;
    tl_err err = log_restore_new(&r, (struct byte_source){infile_some, &fd}, &info, why);
    log_restore_free(r);
    infile_close(fd);
    return err == TL_OK ? backup_print(&info, o->out, o->json) : err;
}

static int backup(const struct options *o)
{
    struct tl_why why = {{0}, {0}};
    tl_err err = o->tee ? backup_stopped(o, &why) : backup_running(o, &why);
    if (err == TL_OK)
        err = describe(o, &why);
    return err == TL_OK ? EXIT_GOOD : cli_fail("no backup was made", err, &why);
}

int cmd_backup(int argc, char **argv)
{
    static const struct option longs[] = {
        REACH_OPTIONS,
        {"tee", required_argument, NULL, 't'},
        {"final", no_argument, NULL, 'f'},
        {"json", no_argument, NULL, 'j'},
        {"output", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct options o = {0};
    for (int got; (got = cli_option(argc, argv, "ho:", longs, "backup")) != -1;) {
        if (got == 't')
            o.tee = optarg;
        else if (got == 'o')
            o.out = optarg;
        else if (got == 'f')
            o.final = true;
        else if (got == 'j')
            o.json = true;
        else if (!reach_option(&o.reach, got, optarg))
            return cli_option_exit(got);
    }
    if (optind < argc)
        return cli_usage("backup", "backup takes no argument %s", argv[optind]);
    if (!o.out)
        return cli_usage("backup", "where is the backup to go? Give -o FILE");
    if (o.final && !o.tee)
        return cli_usage("backup", "--final is for a stopped log: give --data DIR and --tee KIND");
    int code = o.tee ? reach_stopped(&o.reach, "backup") : reach_check(&o.reach, "backup");
    if (code == EXIT_GOOD)
        code = backup(&o);
    reach_finish(&o.reach);
    return code;
}
