#include "cli/recover_out.h"

#include "attest/collateral.h"
#include "cli/bundle_out.h"
#include "cli/cli.h"
#include "cli/outfile.h"
#include "cli/progress.h"
#include "http/row_json.h"
#include "tee/tee.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES (16u << 20)
#define LOST_SHOWN     20

/* ---- files ---- */

static tl_err path_of(char **out, const struct recover_out *o, const char *name)
{
    return asprintf(out, "%s/%s", o->dir, name) < 0 ? TL_E_MEMORY : TL_OK;
}

static tl_err make_dir(const struct recover_out *o, struct tl_why *why)
{
    if (mkdir(o->dir, 0700) == 0)
        return TL_OK;
    if (errno == EEXIST)
        return tl_explain(why, TL_E_USAGE, "output",
                          "%s is there already, and nothing is written over: name a folder that "
                          "is not",
                          o->dir);
    return tl_explain(why, TL_E_IO, "output", "cannot make %s: %s", o->dir, strerror(errno));
}

static void take_back(const struct recover_out *o)
{
    static const char *const names[] = {RECOVERED_RECORDS, RECOVERED_BUNDLE, RECOVERED_CHECKPOINT};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path;
        if (path_of(&path, o, names[i]) != TL_OK)
            continue;
        (void)unlink(path);
        free(path);
    }
    (void)rmdir(o->dir);
}

/* ---- rows ---- */

static void say_lost(struct recover_out *o, const struct log_recover_row *row)
{
    const char *why = row->lost ? row->lost : row->body_lost;
    if (!why || o->lost_shown > LOST_SHOWN)
        return;
    if (o->lost_shown++ == LOST_SHOWN)
        cli_say("and more, which " RECOVERED_RECORDS " names");
    else if (row->to - row->from > 1)
        cli_say("lost: statements %" PRIu64 " to %" PRIu64 ": %s", row->from, row->to - 1, why);
    else
        cli_say("lost: %s %" PRIu64 ": %s", row->lost ? "statement" : "the body of statement",
                row->from, why);
}

/* Statements one after the other that a bundle can hold: those with all that it needs of them,
 * which of records is not the body. */
static void add_to_run(struct recover_out *o, const struct log_recover_row *row, bool record)
{
    struct recover_run *last = o->run_count ? &o->runs[o->run_count - 1] : NULL;
    if (row->lost || !row->proven || (row->body_lost && !record))
        return;
    if (last && last->to == row->from)
        last->to = row->to;
    else if (o->run_count < RECOVER_RUNS_MAX)
        o->runs[o->run_count++] = (struct recover_run){row->from, row->to};
    else
        o->runs_left_out++;
}

static void count(struct recover_out *o, const struct log_recover_row *row)
{
    bool record = !row->lost && !slice_starts(row->row.type, slice_str("teelog."));
    say_lost(o, row);
    add_to_run(o, row, record);
    if (row->lost) {
        o->lost_statements += row->to - row->from;
        return;
    }
    o->statements++;
    o->only_signed += !row->proven;
    o->lost_bodies += row->body_lost != NULL;
    if (!record)
        return;
    o->records++;
    o->erased += row->row.erased;
    o->opened += row->row.body.p != NULL;
}

static tl_err write_rows(struct recover_out *o, struct outfile *f, struct tl_why *why)
{
    struct progress p = {.what = "recovered", .unit = "statements"};
    bool more = true;
    buf b;
    buf_init_secret(&b, LINE_MAX_BYTES);
    tl_err err = TL_OK;
    while (err == TL_OK && more) {
        struct log_recover_row row;
        err = log_recovery_next(o->recovery, &row, &more);
        if (err != TL_OK || !more)
            continue;
        buf_reset(&b);
        row_json_put_recovered(&b, &row, o->found.simulated);
        err = buf_err(&b);
        if (err == TL_OK)
            err = outfile_write(f, buf_slice(&b), why);
        count(o, &row);
        progress_at(&p, o->statements, o->found.rows);
    }
    progress_end(&p);
    buf_finish_secret(&b);
    return err;
}

static tl_err write_note(struct recover_out *o, struct outfile *f, struct tl_why *why)
{
    return outfile_write(f, o->found.checkpoint, why);
}

static tl_err write_file(struct recover_out *o, const char *name,
                         tl_err (*fill)(struct recover_out *o, struct outfile *f,
                                        struct tl_why *why),
                         struct tl_why *why)
{
    struct outfile f;
    char *path;
    tl_err err = path_of(&path, o, name);
    if (err != TL_OK)
        return err;
    err = outfile_open(&f, path, 0600, why);
    if (err == TL_OK) {
        err = fill(o, &f, why);
        if (err == TL_OK)
            err = outfile_keep(&f, why);
        outfile_close(&f);
    }
    free(path);
    return err;
}

/* ---- bundles ---- */

/* A simulated platform makes its own collateral, where it still is. */
static bool add_simulated(struct log *log, const char *dir)
{
    static const char *const kinds[] = {"sim", "sim-tdx", "sim-tdx-v5"};
    bool done = false;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && !done; i++) {
        struct tl_why unused = {{0}, {0}};
        struct tee *tee = NULL;
        buf json;
        buf_init(&json, COLLATERAL_MAX);
        done = tee_open_existing(&tee, kinds[i], dir, &unused) == TL_OK &&
               tee_collateral(tee, (uint64_t)time(NULL), &json, &unused) == TL_OK &&
               log_put_collateral(log, buf_slice(&json)) == TL_OK;
        buf_finish(&json);
        tee_close(tee);
    }
    return done;
}

/* What was set aside lies in a folder of the directory where the platform is. */
static tl_err find_simulated(const struct recover_out *o, struct log *log)
{
    char *above;
    if (!o->found.simulated || add_simulated(log, o->data))
        return TL_OK;
    if (asprintf(&above, "%s/..", o->data) < 0)
        return TL_E_MEMORY;
    (void)add_simulated(log, above);
    free(above);
    return TL_OK;
}

static tl_err write_range(struct recover_out *o, struct log *log, const char *name,
                          const struct log_export_options *range, struct tl_why *why)
{
    char *path;
    tl_err err = path_of(&path, o, name);
    if (err != TL_OK)
        return err;
    err = bundle_out_log(path, log, range, NULL, why);
    free(path);
    return err;
}

/* Where statements are missing: what lies between, each part in a bundle of its own. */
static void write_parts(struct recover_out *o, struct log *log)
{
    for (size_t i = 0; i < o->run_count; i++) {
        const struct log_export_options part = {
            .has_range = true, .from = o->runs[i].from, .to = o->runs[i].to, .withhold_lost = true};
        struct tl_why why = {{0}, {0}};
        char name[64];
        snprintf(name, sizeof name, RECOVERED_PART, part.from, part.to);
        tl_err err = write_range(o, log, name, &part, &why);
        o->parts += err == TL_OK;
        if (err != TL_OK)
            (void)cli_fail(name, err, &why);
    }
}

/* All that there is up to the checkpoint, as `teelog export` gives it. What is missing keeps a
 * bundle from being made, and is no failure of the rest. */
static tl_err write_bundles(struct recover_out *o)
{
    const struct log_export_options whole = {.to = TL_INT_MAX, .withhold_lost = true};
    struct log *log = log_recovery_log(o->recovery);
    if (!log) {
        (void)tl_explain(&o->no_bundle, TL_E_NOT_FOUND, NULL,
                         "there is no checkpoint that fits what is here");
        return TL_OK;
    }
    tl_err err = find_simulated(o, log);
    if (err != TL_OK)
        return err;
    const bool gaps = o->run_count != 1 || o->runs[0].from != 0 || o->runs[0].to != o->found.size;
    if (gaps) {
        (void)tl_explain(&o->no_bundle, TL_E_STORED, NULL, "what is lost leaves gaps in it");
        write_parts(o, log);
        return TL_OK;
    }
    err = write_range(o, log, RECOVERED_BUNDLE, &whole, &o->no_bundle);
    o->has_bundle = err == TL_OK;
    if (err != TL_OK)
        (void)tl_explain(&o->no_bundle, err, NULL, "%s", tl_err_text(err));
    return TL_OK;
}

tl_err recover_out_write(struct recover_out *o, struct tl_why *why)
{
    tl_err err = make_dir(o, why);
    if (err != TL_OK)
        return err;
    err = write_file(o, RECOVERED_RECORDS, write_rows, why);
    if (err == TL_OK && o->found.has_checkpoint)
        err = write_file(o, RECOVERED_CHECKPOINT, write_note, why);
    if (err == TL_OK)
        err = write_bundles(o);
    if (err == TL_OK)
        outfile_sync_parent(o->dir);
    else
        take_back(o);
    return err;
}
