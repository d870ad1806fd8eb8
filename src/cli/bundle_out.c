#include "cli/bundle_out.h"

#include "cli/cli.h"
#include "cli/outfile.h"
#include "cli/progress.h"

#include <inttypes.h>

static tl_err write_slices(struct log_export *e, struct outfile *f, struct tl_why *why)
{
    struct progress p = {.what = "exported", .unit = "statements"};
    uint64_t done, total;
    bool more = true;
    buf b;
    buf_init(&b, BUNDLE_ITEM_MAX + (1u << 20));
    tl_err err = TL_OK;
    while (more && err == TL_OK) {
        buf_reset(&b);
        err = log_export_step(e, &b, &more, why);
        if (err == TL_OK)
            err = buf_err(&b);
        if (err == TL_OK)
            err = outfile_write(f, buf_slice(&b), why);
        log_export_progress(e, &done, &total);
        progress_at(&p, done, total);
    }
    progress_end(&p);
    buf_finish(&b);
    return err;
}

void bundle_out_warn(const struct log_export_said *said)
{
    if (!said->witnessed || said->cosigned >= said->size)
        return;
    if (said->cosigned == 0)
        cli_say("not cosigned by a quorum of the log's witnesses: a policy with a quorum will "
                "refuse it");
    else
        cli_say("not cosigned by a quorum of the log's witnesses: a policy with a quorum will "
                "refuse it. They have cosigned the first %" PRIu64 " statements: --to %" PRIu64
                " exports those",
                said->cosigned, said->cosigned);
}

tl_err bundle_out_log(const char *path, struct log *log, const struct log_export_options *o,
                      struct log_export_said *said, struct tl_why *why)
{
    struct log_export *e = NULL;
    struct outfile f;
    tl_err err = log_export_new(&e, log, o);
    if (err != TL_OK)
        return err;
    err = outfile_open(&f, path, 0600, why);
    if (err == TL_OK) {
        err = write_slices(e, &f, why);
        if (err == TL_OK)
            err = outfile_keep(&f, why);
        outfile_close(&f);
    }
    if (err == TL_OK && said)
        log_export_says(e, said);
    log_export_free(e);
    return err;
}

tl_err bundle_out_stopped(const char *path, const char *kind, const char *dir,
                          const struct log_export_options *o, bool *simulated,
                          struct log_export_said *said, struct tl_why *why)
{
    struct tee *tee = NULL;
    struct log *log = NULL;
    tl_err err = tee_open_existing(&tee, kind, dir, why);
    if (err == TL_OK)
        err = log_open_read(&log, tee, dir, why);
    if (err == TL_OK) {
        *simulated = tee_simulated(tee);
        err = bundle_out_log(path, log, o, said, why);
    }
    log_close(log);
    tee_close(tee);
    return err;
}

static tl_err copy_body(struct client *c, struct outfile *f, struct tl_why *why)
{
    struct progress p = {.what = "received", .unit = "KiB"};
    uint64_t done = 0;
    bool more = true;
    tl_err err = TL_OK;
    while (more && err == TL_OK) {
        slice piece = {NULL, 0};
        err = client_body(c, &piece, &more, why);
        if (err == TL_OK)
            err = outfile_write(f, piece, why);
        done += piece.n;
        progress_at(&p, done / 1024, 0);
    }
    progress_end(&p);
    return err;
}

tl_err bundle_out_fetch(const char *path, struct client *c, const char *method, const char *target,
                        slice body, struct log_export_said *said, struct tl_why *why)
{
    struct client_answer a;
    struct outfile f;
    tl_err err = client_send(c, method, target, body, why);
    if (err == TL_OK)
        err = client_head(c, &a, why);
    if (err == TL_OK && a.status != 200)
        err = client_refusal(c, &a, why);
    if (err == TL_OK)
        err = outfile_open(&f, path, 0600, why);
    if (err != TL_OK)
        return err;
    err = copy_body(c, &f, why);
    if (err == TL_OK)
        err = outfile_keep(&f, why);
    outfile_close(&f);
    if (err == TL_OK && said)
        *said = (struct log_export_said){
            .size = a.size, .witnessed = a.witnessed, .cosigned = a.cosigned};
    return err;
}
