/* Putting a backup back. It is hostile: its names stay below the directory, its sizes are
 * bounded, and the log that is in it has to prove itself at its next start. */
#include "base/reader.h"
#include "base/refuse.h"
#include "log/backup_form.h"
#include "log/handover.h"
#include "store/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Everything is put here first, below the directory, and moved once it is whole. */
#define UNFINISHED ".teelog-restore"

struct log_restore {
    struct byte_source source;
    struct sha256_stream *sum;
    uint64_t done;
    bool final;
    uint64_t total;
    enum backup_kind kind; /* of the frame read last */
    size_t n;
    uint8_t bytes[BACKUP_FRAME_MAX];
    int at, fd; /* the directory for what is not finished and the file in it, or -1 */
    char path[BACKUP_PATH_MAX]; /* of that file */
};

static tl_err damaged(struct tl_why *why, const char *what)
{
    return tl_explain(why, TL_E_BACKUP, NULL, "this is no whole backup: %s", what);
}

/* ---- frames ---- */

static tl_err get(struct log_restore *r, uint8_t *out, size_t n, struct tl_why *why)
{
    for (size_t at = 0, got; at < n; at += got) {
        tl_err err = r->source.read(r->source.ctx, out + at, n - at, &got);
        if (err != TL_OK)
            return tl_explain(why, err, NULL, "the backup cannot be read");
        if (REFUSED(got == 0))
            return damaged(why, "it ends too early");
    }
    r->done += n;
    return TL_OK;
}

static tl_err get_frame(struct log_restore *r, struct tl_why *why)
{
    uint8_t start[BACKUP_FRAME];
    tl_err err = get(r, start, sizeof start, why);
    if (err != TL_OK)
        return err;
    reader rd = reader_of(SLICE_ARRAY(start));
    unsigned kind = reader_u8(&rd);
    r->n = reader_u32le(&rd);
    if (REFUSED(kind > BACKUP_END) || REFUSED(r->n > sizeof r->bytes))
        return damaged(why, "a frame in it is of none of the known forms");
    r->kind = (enum backup_kind)kind;
    err = get(r, r->bytes, r->n, why);
    if (err == TL_OK && r->kind != BACKUP_END) {
        sha256_stream_add(r->sum, SLICE_ARRAY(start));
        sha256_stream_add(r->sum, slice_of(r->bytes, r->n));
    }
    return err;
}

tl_err log_restore_new(struct log_restore **out, struct byte_source source,
                       struct log_backup_info *info, struct tl_why *why)
{
    uint8_t magic[BACKUP_MAGIC_SIZE];
    struct log_restore *r = calloc(1, sizeof *r);
    if (!r)
        return TL_E_MEMORY;
    r->source = source;
    r->at = r->fd = -1;
    r->sum = sha256_stream_new();
    tl_err err = get(r, magic, sizeof magic, why);
    if (err == TL_OK && REFUSED(memcmp(magic, BACKUP_MAGIC, sizeof magic) != 0))
        err = damaged(why, "it does not begin as one of version 1");
    if (err == TL_OK) {
        sha256_stream_add(r->sum, SLICE_ARRAY(magic));
        err = get_frame(r, why);
    }
    if (err == TL_OK && (REFUSED(r->kind != BACKUP_HEADER) ||
                         backup_header_read(info, slice_of(r->bytes, r->n)) != TL_OK))
        err = damaged(why, "its first frame does not say what it is");
    if (err != TL_OK) {
        log_restore_free(r);
        return err;
    }
    r->final = info->final;
    r->total = info->database_bytes;
    *out = r;
    return TL_OK;
}

void log_restore_free(struct log_restore *r)
{
    if (!r)
        return;
    if (r->fd >= 0)
        close(r->fd);
    (void)sha256_stream_end(r->sum);
    free(r);
}

/* ---- files ---- */

static tl_err failed(struct tl_why *why, const char *what, const char *path)
{
    return tl_explain(why, TL_E_IO, "data", "cannot %s %s: %s", what, path, strerror(errno));
}

static tl_err end_file(struct log_restore *r, struct tl_why *why)
{
    if (r->fd < 0)
        return TL_OK;
    bool good = fsync(r->fd) == 0;
    good = close(r->fd) == 0 && good;
    r->fd = -1;
    return good ? TL_OK : failed(why, "write", r->path);
}

static bool path_valid(slice path)
{
    if (slice_eq_str(path, BACKUP_DATABASE))
        return true;
    for (size_t i = 0; i < backup_folder_count; i++) {
        size_t n = strlen(backup_folders[i]);
        if (path.n > n && memcmp(path.p, backup_folders[i], n) == 0 && path.p[n] == '/')
            return backup_name_valid(slice_of(path.p + n + 1, path.n - n - 1));
    }
    return false;
}

/* Makes the file, and the folder that it is in. */
static tl_err make_file(struct log_restore *r, struct tl_why *why)
{
    char *slash = strchr(r->path, '/');
    if (slash) {
        *slash = 0;
        int rc = mkdirat(r->at, r->path, 0700);
        if (rc != 0 && errno != EEXIST)
            return failed(why, "make", r->path);
        *slash = '/';
    }
    r->fd = openat(r->at, r->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return r->fd >= 0 ? TL_OK : failed(why, "make", r->path);
}

/* Begins the file that the frame names. Names ascend, so none comes twice, and the
 * database is the last. */
static tl_err begin_file(struct log_restore *r, struct tl_why *why)
{
    char path[BACKUP_PATH_MAX];
    tl_err err = end_file(r, why);
    if (err != TL_OK)
        return err;
    if (REFUSED(!path_valid(slice_of(r->bytes, r->n)))) /* and so it has room */
        return damaged(why, "it names a file that does not belong to a log");
    memcpy(path, r->bytes, r->n);
    path[r->n] = 0;
    if (REFUSED(strcmp(path, r->path) <= 0))
        return damaged(why, "a file in it is not in its place");
    memcpy(r->path, path, r->n + 1);
    return r->at >= 0 ? make_file(r, why) : TL_OK;
}

static tl_err take_piece(struct log_restore *r, struct tl_why *why)
{
    if (REFUSED(!r->path[0]) || REFUSED(r->n == 0))
        return damaged(why, "bytes in it belong to no file");
    for (size_t at = 0; r->fd >= 0 && at < r->n;) {
        ssize_t n = write(r->fd, r->bytes + at, r->n - at);
        if (n < 0 && errno != EINTR)
            return failed(why, "write", r->path);
        at += n > 0 ? (size_t)n : 0;
    }
    return TL_OK;
}

static tl_err check_end(struct log_restore *r, struct tl_why *why)
{
    uint8_t more;
    size_t got = 0;
    hash32 sum = sha256_stream_end(r->sum);
    r->sum = sha256_stream_new();
    if (REFUSED(r->n != sizeof sum.b) || REFUSED(memcmp(sum.b, r->bytes, sizeof sum.b) != 0))
        return damaged(why, "its sum is wrong, so some of it was changed");
    if (REFUSED(strcmp(r->path, BACKUP_DATABASE) != 0))
        return damaged(why, "there is no database in it");
    tl_err err = r->source.read(r->source.ctx, &more, 1, &got);
    if (err == TL_OK && REFUSED(got != 0))
        err = damaged(why, "something follows its end");
    return err;
}

static tl_err take_files(struct log_restore *r, struct log_restore_progress progress,
                         struct tl_why *why)
{
    tl_err err = TL_OK;
    while (err == TL_OK) {
        err = get_frame(r, why);
        if (err != TL_OK)
            break;
        if (progress.report)
            progress.report(progress.ctx, r->done, r->total);
        if (r->kind == BACKUP_FILE)
            err = begin_file(r, why);
        else if (r->kind == BACKUP_PIECE)
            err = take_piece(r, why);
        else if (r->kind == BACKUP_END)
            break;
        else
            err = damaged(why, "it begins twice");
    }
    if (err == TL_OK)
        err = end_file(r, why);
    return err == TL_OK ? check_end(r, why) : err;
}

tl_err log_restore_check(struct log_restore *r, struct log_restore_progress progress,
                         struct tl_why *why)
{
    return take_files(r, progress, why);
}

/* ---- the directory ---- */

static int open_folder(int at, const char *name)
{
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Removes what an attempt before this one left, or this one. */
static void remove_unfinished(int dir)
{
    int at = open_folder(dir, UNFINISHED);
    for (size_t i = 0; at >= 0 && i <= backup_folder_count; i++) {
        const char *name = i < backup_folder_count ? backup_folders[i] : ".";
        int fd = open_folder(at, name);
        DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
        for (struct dirent *e; d && (e = readdir(d));)
            unlinkat(fd, e->d_name, 0);
        if (d)
            closedir(d);
        if (i < backup_folder_count)
            unlinkat(at, name, AT_REMOVEDIR);
    }
    if (at >= 0)
        close(at);
    unlinkat(dir, UNFINISHED, AT_REMOVEDIR);
}

static tl_err must_be_empty(int dir, const char *path, struct tl_why *why)
{
    int copy = open_folder(dir, ".");
    DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
    tl_err err = d ? TL_OK : failed(why, "read", path);
    for (struct dirent *e; d && err == TL_OK && (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            strcmp(e->d_name, UNFINISHED) != 0)
            err = tl_explain(why, TL_E_EXISTS, "data",
                             "%.200s is not empty: restore to a directory of its own", path);
    if (d)
        closedir(d);
    return err;
}

/* What a final backup was marked with is of the log that it came from. */
static tl_err take_mark_away(const char *path, struct tl_why *why)
{
    struct store *s = NULL;
    buf b;
    tl_err err = store_open(&s, path, STORE_OPEN, why);
    if (err != TL_OK)
        return err;
    buf_init(&b, 65536);
    err = store_get_meta(s, HANDOVER_MARK, &b);
    buf_finish(&b);
    if (REFUSED(err == TL_E_NOT_FOUND))
        err = damaged(why, "it says that it is final, and its log does not");
    if (err == TL_OK)
        err = store_begin(s);
    if (err == TL_OK)
        err = store_drop_meta(s, HANDOVER_MARK);
    if (err == TL_OK)
        err = store_commit(s);
    if (err == TL_OK)
        err = store_scrub(s);
    store_close(s);
    return err;
}

static bool sync_folder(int at, const char *name)
{
    int fd = open_folder(at, name);
    bool good = fd >= 0 ? fsync(fd) == 0 : errno == ENOENT;
    if (fd >= 0)
        close(fd);
    return good;
}

/* The database comes last: with it there is a log. */
static const char *part(size_t i)
{
    return i < backup_folder_count ? backup_folders[i] : BACKUP_DATABASE;
}

static bool move(int from, int to, size_t i)
{
    return renameat(from, part(i), to, part(i)) == 0 ||
           (i < backup_folder_count && errno == ENOENT);
}

static tl_err move_all(int at, int dir, struct tl_why *why)
{
    bool good = true;
    size_t n = 0;
    for (size_t i = 0; good && i < backup_folder_count; i++)
        good = sync_folder(at, part(i));
    while (good && n <= backup_folder_count)
        good = move(at, dir, n++);
    if (good && fsync(dir) == 0)
        return TL_OK;
    tl_err err = failed(why, "put into its place", "what was restored");
    while (n-- > 0)
        (void)move(dir, at, n);
    return err;
}

static tl_err restore(struct log_restore *r, int dir, const char *path,
                      struct log_restore_progress progress, struct tl_why *why)
{
    char unfinished[STORE_DIR_MAX];
    int n = snprintf(unfinished, sizeof unfinished, "%s/" UNFINISHED, path);
    if (n < 0 || (size_t)n >= sizeof unfinished)
        return tl_explain(why, TL_E_USAGE, "data", "the data directory's path is too long");
    if (mkdirat(dir, UNFINISHED, 0700) != 0 || (r->at = open_folder(dir, UNFINISHED)) < 0)
        return failed(why, "make", unfinished);
    tl_err err = take_files(r, progress, why);
    if (err == TL_OK && r->final)
        err = take_mark_away(unfinished, why);
    if (err == TL_OK)
        err = move_all(r->at, dir, why);
    close(r->at);
    r->at = -1;
    return err;
}

tl_err log_restore_into(struct log_restore *r, const char *path,
                        struct log_restore_progress progress, struct tl_why *why)
{
    bool made = mkdir(path, 0700) == 0;
    if (!made && errno != EEXIST)
        return failed(why, "make", path);
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return failed(why, "open", path);
    tl_err err = must_be_empty(dir, path, why);
    if (err == TL_OK) {
        remove_unfinished(dir);
        err = restore(r, dir, path, progress, why);
        remove_unfinished(dir);
    }
    close(dir);
    if (err != TL_OK && made)
        (void)rmdir(path);
    return err;
}
