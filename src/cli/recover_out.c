#include "cli/recover_out.h"

#include "attest/collateral.h"
#include "base/encoding.h"
#include "cli/bundle_out.h"
#include "cli/cli.h"
#include "cli/outfile.h"
#include "cli/progress.h"
#include "http/json_put.h"
#include "http/row_json.h"
#include "tee/tee.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
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

/* The folder is durable once the one that it is in is. */
static void sync_parent(const struct recover_out *o)
{
    char *copy = strdup(o->dir);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
    free(copy);
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

static void say_lost(const struct recover_out *o, const struct log_recover_row *row)
{
    const char *why = row->lost ? row->lost : row->body_lost;
    uint64_t before = o->lost_statements + o->lost_bodies;
    if (!why || before > LOST_SHOWN)
        return;
    if (before == LOST_SHOWN)
        cli_say("and more, which " RECOVERED_RECORDS " names");
    else if (row->to - row->from > 1)
        cli_say("lost: statements %" PRIu64 " to %" PRIu64 ": %s", row->from, row->to - 1, why);
    else
        cli_say("lost: %s %" PRIu64 ": %s", row->lost ? "statement" : "the body of statement",
                row->from, why);
}

static void count(struct recover_out *o, const struct log_recover_row *row)
{
    say_lost(o, row);
    if (row->lost) {
        o->lost_statements += row->to - row->from;
        return;
    }
    o->statements++;
    o->only_signed += !row->proven;
    o->lost_bodies += row->body_lost != NULL;
    if (slice_starts(row->row.type, slice_str("teelog.")))
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

/* ---- the bundle ---- */

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

/* All that there is up to the checkpoint, as `teelog export` gives it. What is missing keeps a
 * bundle from being made, and is no failure of the rest. */
static tl_err write_bundle(struct recover_out *o)
{
    const struct log_export_options whole = {.to = TL_INT_MAX, .withhold_lost = true};
    struct log *log = log_recovery_log(o->recovery);
    char *path;
    if (!log) {
        (void)tl_explain(&o->no_bundle, TL_E_NOT_FOUND, NULL,
                         "there is no checkpoint that fits what is here");
        return TL_OK;
    }
    tl_err err = find_simulated(o, log);
    if (err == TL_OK)
        err = path_of(&path, o, RECOVERED_BUNDLE);
    if (err != TL_OK)
        return err;
    err = bundle_out_log(path, log, &whole, &o->no_bundle);
    free(path);
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
    if (err == TL_OK)
        err = write_bundle(o);
    if (err == TL_OK && o->found.has_checkpoint)
        err = write_file(o, RECOVERED_CHECKPOINT, write_note, why);
    if (err == TL_OK)
        sync_parent(o);
    else
        take_back(o);
    return err;
}

/* ---- what came of it ---- */

bool recover_out_all(const struct recover_out *o)
{
    return o->lost_statements == 0 && o->lost_bodies == 0 && o->has_bundle &&
           !o->found.stored_trouble && !o->found.given_trouble;
}

static void say_proof(const struct recover_out *o)
{
    const struct log_recovered *f = &o->found;
    char root[2 * sizeof f->root.b + 1] = "";
    for (size_t i = 0; i < sizeof f->root.b; i++)
        snprintf(root + 2 * i, 3, "%02x", f->root.b[i]);
    if (f->has_checkpoint)
        cli_say("proven by the checkpoint of size %" PRIu64 " with root %s, signed by %s", f->size,
                root, f->log_key);
    if (o->only_signed)
        cli_say("%" PRIu64 " statements lie beyond what a checkpoint proves: they are signed, and "
                "that they stand at their own index, and that the key is the log's, is not shown",
                o->only_signed);
    if (f->stored_trouble)
        cli_say("the checkpoint in the database: %s", f->stored_trouble);
    if (f->given_trouble)
        cli_say("your checkpoint: %s", f->given_trouble);
    if (o->has_bundle)
        cli_say("%s/" RECOVERED_BUNDLE
                " is a bundle: whose log this is, `teelog verify` says under "
                "your policy. Anybody can make a log that opens under your recovery key",
                o->dir);
    else
        cli_say("no bundle was made: %s. Whose log this is, nothing here shows: anybody can make "
                "one that opens under your recovery key",
                tl_why_text(&o->no_bundle, TL_E_NOT_FOUND));
}

static void say_text(const struct recover_out *o)
{
    cli_say("%s%s: %" PRIu64 " statements, of them %" PRIu64 " records: %" PRIu64
            " with their bodies, %" PRIu64 " erased; %" PRIu64 " statements and %" PRIu64
            " bodies are lost",
            o->found.origin, o->found.simulated ? " (SIMULATED platform)" : "", o->statements,
            o->records, o->opened, o->erased, o->lost_statements, o->lost_bodies);
    say_proof(o);
}

static tl_err say_json(const struct recover_out *o)
{
    const struct log_recovered *f = &o->found;
    buf b;
    buf_init(&b, 65536);
    buf_str(&b, "{\"origin\":");
    json_put_str(&b, f->origin);
    json_put_member(&b, "logKey", f->log_key);
    json_put_hex(&b, "recoveryKey", hash_slice(&o->owner));
    json_put_bool(&b, "simulated", f->simulated);
    json_put_number(&b, "statements", o->statements);
    json_put_number(&b, "onlySigned", o->only_signed);
    json_put_number(&b, "records", o->records);
    json_put_number(&b, "bodies", o->opened);
    json_put_number(&b, "erased", o->erased);
    json_put_number(&b, "lostStatements", o->lost_statements);
    json_put_number(&b, "lostBodies", o->lost_bodies);
    json_put_bool(&b, "bundle", o->has_bundle);
    if (!o->has_bundle)
        json_put_member(&b, "noBundle", tl_why_text(&o->no_bundle, TL_E_NOT_FOUND));
    if (f->has_checkpoint) {
        json_put_number(&b, "checkpointSize", f->size);
        json_put_hex(&b, "root", hash_slice(&f->root));
    }
    if (f->stored_trouble)
        json_put_member(&b, "storedCheckpoint", f->stored_trouble);
    if (f->given_trouble)
        json_put_member(&b, "givenCheckpoint", f->given_trouble);
    buf_str(&b, "}\n");
    tl_err err = buf_err(&b);
    if (err == TL_OK && (fwrite(b.p, 1, b.n, stdout) != b.n || fflush(stdout) != 0))
        err = TL_E_IO;
    buf_finish(&b);
    return err;
}

tl_err recover_out_say(const struct recover_out *o, bool json)
{
    if (json)
        return say_json(o);
    say_text(o);
    return TL_OK;
}
