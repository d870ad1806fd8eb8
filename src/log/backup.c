#include "log/backup_form.h"
#include "log/handover.h"
#include "log/internal.h"
#include "store/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLICE_BYTES (256u << 10)
#define PIECE_BYTES (64u << 10)
#define FILES_MAX   4096

enum stage { STAGE_BEGIN, STAGE_FILES, STAGE_NAME, STAGE_DATABASE, STAGE_END, STAGE_DONE };

struct log_backup {
    struct log *log;
    bool final;
    enum stage stage;
    char (*files)[BACKUP_PATH_MAX];
    size_t file_count, next;
    uint64_t bytes, at; /* of the database */
    bool copying;       /* it has to be told when we end */
    struct sha256_stream *sum;

    struct owner_job job;
    buf *out;
    log_export_done_fn *done;
    void *done_ctx;
};

tl_err log_backup_new(struct log_backup **out, struct log *log, bool final)
{
    struct log_backup *b = calloc(1, sizeof *b);
    if (!b)
        return TL_E_MEMORY;
    b->log = log;
    b->final = final;
    b->sum = sha256_stream_new();
    *out = b;
    return TL_OK;
}

static void put(struct log_backup *b, buf *out, slice bytes)
{
    sha256_stream_add(b->sum, bytes);
    buf_bytes(out, bytes);
}

static void put_frame(struct log_backup *b, buf *out, enum backup_kind kind, slice bytes)
{
    uint8_t mem[BACKUP_FRAME];
    buf start;
    buf_init_fixed(&start, mem, sizeof mem);
    buf_u8(&start, (uint8_t)kind);
    buf_u32le(&start, (uint32_t)bytes.n);
    put(b, out, buf_slice(&start));
    put(b, out, bytes);
}

/* ---- the small files ---- */

static int compare(const void *x, const void *y)
{
    return strcmp(x, y);
}

static tl_err add_file(struct log_backup *b, const char *folder, const char *name,
                       struct tl_why *why)
{
    if (!backup_name_valid(slice_str(name)))
        return TL_OK; /* "." and "..", and what is none of ours */
    if (b->file_count == FILES_MAX)
        return tl_explain(why, TL_E_LIMIT, "data", "there are more than %d files in %s", FILES_MAX,
                          folder);
    void *files = realloc(b->files, (b->file_count + 1) * sizeof *b->files);
    if (!files)
        return TL_E_MEMORY;
    b->files = files;
    snprintf(b->files[b->file_count++], BACKUP_PATH_MAX, "%s/%s", folder, name);
    return TL_OK;
}

static tl_err list_folder(struct log_backup *b, const char *folder, struct tl_why *why)
{
    tl_err err = TL_OK;
    char path[STORE_PATH_MAX + BACKUP_PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", store_dir(b->log->store), folder);
    DIR *d = opendir(path);
    if (!d)
        return errno == ENOENT
                   ? TL_OK
                   : tl_explain(why, TL_E_IO, "data", "cannot read %s: %s", path, strerror(errno));
    for (struct dirent *e; err == TL_OK && (e = readdir(d));)
        err = add_file(b, folder, e->d_name, why);
    closedir(d);
    return err;
}

static tl_err read_whole(const char *path, buf *out)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    tl_err err = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? TL_OK : TL_E_IO;
    ssize_t n = 1;
    while (err == TL_OK && n > 0) {
        uint8_t some[4096];
        n = read(fd, some, sizeof some);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n < 0)
            err = TL_E_IO;
        else
            buf_bytes(out, slice_of(some, (size_t)n));
    }
    if (fd >= 0)
        close(fd);
    return err == TL_OK ? buf_err(out) : err;
}

static tl_err put_file(struct log_backup *b, buf *out, struct tl_why *why)
{
    char path[STORE_PATH_MAX + BACKUP_PATH_MAX];
    const char *name = b->files[b->next++];
    buf bytes;
    snprintf(path, sizeof path, "%s/%s", store_dir(b->log->store), name);
    buf_init_secret(&bytes, BACKUP_FRAME_MAX);
    tl_err err = read_whole(path, &bytes);
    if (err == TL_OK) {
        put_frame(b, out, BACKUP_FILE, slice_str(name));
        if (bytes.n)
            put_frame(b, out, BACKUP_PIECE, buf_slice(&bytes));
    } else {
        err = tl_explain(why, err, "data", "%s cannot go into a backup: %s", name,
                         err == TL_E_IO ? "it is no file that can be read" : tl_err_text(err));
    }
    buf_finish_secret(&bytes);
    return err;
}

/* ---- the database ---- */

static tl_err put_header(struct log_backup *b, buf *out)
{
    uint8_t mem[4096];
    buf header;
    struct log_backup_info info = {
        .log_id = b->log->keys.log_id, .final = b->final, .database_bytes = b->bytes};
    info.time_ms = log_wall_clock();
    snprintf(info.platform, sizeof info.platform, "%s", tee_platform(b->log->tee));
    snprintf(info.version, sizeof info.version, "%s", TEELOG_VERSION);
    buf_init_fixed(&header, mem, sizeof mem);
    pthread_mutex_lock(&b->log->lock);
    backup_header_put(&header, &info, buf_slice(&b->log->checkpoint));
    pthread_mutex_unlock(&b->log->lock);
    put(b, out, slice_str(BACKUP_MAGIC));
    put_frame(b, out, BACKUP_HEADER, buf_slice(&header));
    return buf_err(&header);
}

/* All of it is of one moment: the checkpoint is of what was committed last, and so is
 * the database file from here on. */
static tl_err begin(struct log_backup *b, buf *out, struct tl_why *why)
{
    tl_err err = handover_check(b->log, why);
    if (b->final && err == TL_E_HANDED_OVER)
        err = TL_OK;
    else if (err == TL_OK && b->final)
        err = TL_E_USAGE; /* log_hand_over comes first */
    if (err != TL_OK)
        return err;
    err = store_copy_begin(b->log->store, &b->bytes);
    if (err == TL_E_BUSY)
        return tl_explain(why, err, NULL, "another backup is being made; wait for its end");
    if (err != TL_OK)
        return err;
    b->copying = true;
    for (size_t i = 0; i < backup_folder_count && err == TL_OK; i++)
        err = list_folder(b, backup_folders[i], why);
    if (b->file_count)
        qsort(b->files, b->file_count, sizeof *b->files, compare);
    return err == TL_OK ? put_header(b, out) : err;
}

static tl_err put_piece(struct log_backup *b, buf *out, struct tl_why *why)
{
    uint8_t piece[PIECE_BYTES];
    uint64_t left = b->bytes - b->at;
    size_t n = left < sizeof piece ? (size_t)left : sizeof piece;
    tl_err err = store_copy_read(b->log->store, b->at, piece, n);
    if (err == TL_E_BUSY)
        return tl_explain(why, err, NULL,
                          "records were erased while the backup was made, and would be in it; "
                          "make it again");
    if (err == TL_E_LIMIT)
        return tl_explain(why, err, NULL,
                          "too much was appended while the backup was made; make it when less is, "
                          "or faster: to a local disk");
    if (err != TL_OK)
        return err;
    put_frame(b, out, BACKUP_PIECE, slice_of(piece, n));
    b->at += n;
    return TL_OK;
}

static void end_copy(struct log_backup *b)
{
    if (b->copying)
        store_copy_end(b->log->store);
    b->copying = false;
}

static void put_end(struct log_backup *b, buf *out)
{
    hash32 sum = sha256_stream_end(b->sum);
    b->sum = sha256_stream_new(); /* of the last frame, which nobody asks for */
    put_frame(b, out, BACKUP_END, hash_slice(&sum));
    end_copy(b);
}

static tl_err one(struct log_backup *b, buf *out, struct tl_why *why)
{
    switch (b->stage) {
    case STAGE_BEGIN:
        b->stage = STAGE_FILES;
        return begin(b, out, why);
    case STAGE_FILES:
        if (b->next < b->file_count)
            return put_file(b, out, why);
        b->stage = STAGE_NAME;
        return TL_OK;
    case STAGE_NAME:
        put_frame(b, out, BACKUP_FILE, slice_str(BACKUP_DATABASE));
        b->stage = STAGE_DATABASE;
        return TL_OK;
    case STAGE_DATABASE:
        if (b->at < b->bytes)
            return put_piece(b, out, why);
        b->stage = STAGE_END;
        return TL_OK;
    case STAGE_END:
        put_end(b, out);
        b->stage = STAGE_DONE;
        return TL_OK;
    case STAGE_DONE:
        return TL_OK;
    }
    return TL_E_IO;
}

static tl_err slice_of_backup(struct log_backup *b, buf *out, bool *more, struct tl_why *why)
{
    size_t before = out->n;
    uint64_t end = owner_slice_end();
    tl_err err = TL_OK;
    do {
        err = one(b, out, why);
        if (err == TL_OK)
            err = buf_err(out);
    } while (err == TL_OK && b->stage != STAGE_DONE && out->n - before < SLICE_BYTES &&
             !owner_slice_over(end));
    if (err != TL_OK)
        end_copy(b);
    *more = b->stage != STAGE_DONE;
    return err;
}

static void run_submitted(void *arg)
{
    struct log_backup *b = arg;
    struct tl_why why = {0};
    bool more = false;
    tl_err err = slice_of_backup(b, b->out, &more, &why);
    b->done(b->done_ctx, err, more, &why);
}

tl_err log_backup_submit(struct log_backup *b, buf *out, log_export_done_fn *done, void *ctx)
{
    b->out = out;
    b->done = done;
    b->done_ctx = ctx;
    b->job = (struct owner_job){.run = run_submitted, .arg = b};
    return owner_submit(b->log, &b->job);
}

struct step {
    struct log_backup *b;
    buf *out;
    bool *more;
    struct tl_why *why;
    tl_err err;
};

static void run_step(void *arg)
{
    struct step *s = arg;
    s->err = slice_of_backup(s->b, s->out, s->more, s->why);
}

tl_err log_backup_step(struct log_backup *b, buf *out, bool *more, struct tl_why *why)
{
    struct step s = {b, out, more, why, TL_OK};
    tl_err err = owner_call(b->log, run_step, &s, false);
    return err == TL_OK ? s.err : err;
}

void log_backup_progress(const struct log_backup *b, uint64_t *done, uint64_t *total)
{
    *done = b->at;
    *total = b->bytes;
}

static void free_now(void *arg)
{
    struct log_backup *b = arg;
    end_copy(b);
    (void)sha256_stream_end(b->sum);
    free(b->files);
    free(b);
}

void log_backup_free(struct log_backup *b)
{
    if (!b)
        return;
    b->job = (struct owner_job){.run = free_now, .arg = b};
    /* Only the owner thread may end the copy; where it takes no more jobs the store is
     * about to be closed. */
    if (!b->copying || !b->log->has_owner) {
        free_now(b);
    } else if (owner_submit(b->log, &b->job) != TL_OK) {
        b->copying = false;
        free_now(b);
    }
}
