#include "store/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const char *const names[] = {STORE_DATABASE, STORE_DATABASE "-wal",
                                    STORE_DATABASE "-journal", "lock"};

void store_files_path(const struct store_files *f, const char *name, char *out)
{
    snprintf(out, STORE_PATH_MAX, "%s/%s", f->dir, name);
}

uint64_t store_files_size(const struct store_files *f, const char *name)
{
    char path[STORE_PATH_MAX];
    struct stat st;
    store_files_path(f, name, path);
    return stat(path, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

uint64_t store_files_bytes(const struct store_files *f)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        sum += store_files_size(f, names[i]);
    return sum;
}

uint64_t store_files_free(const struct store_files *f)
{
    struct statvfs v;
    return statvfs(f->dir, &v) == 0 ? (uint64_t)v.f_bavail * v.f_frsize : UINT64_MAX;
}

/* A relative path gets "./" in front, so that no name reads as a URI to SQLite. */
static tl_err set_dir(struct store_files *f, const char *dir, struct tl_why *why)
{
    f->lock = -1;
    if (!*dir || strlen(dir) > STORE_DIR_MAX)
        return tl_explain(why, TL_E_USAGE, "data", "the data directory's path is %s",
                          *dir ? "too long" : "empty");
    snprintf(f->dir, sizeof f->dir, "%s%s", *dir == '/' ? "" : "./", dir);
    return TL_OK;
}

/* -1: failed; errno says why. A lock that is not there cannot be had, nor is it needed,
 * where nobody may write. */
static int open_lock(const struct store_files *f, const char *path)
{
    if (f->immutable)
        return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* As flock, which Gramine lacks; a lock of its fcntl's ends at the instance (deploy-sgx.md says
 * what keeps two of them apart). A file that is open to be read takes no other kind. */
static int lock(int fd, bool to_read)
{
    struct flock whole = {.l_type = to_read ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};
    int rc = flock(fd, LOCK_EX | LOCK_NB);
    return rc != 0 && errno == ENOSYS ? fcntl(fd, F_SETLK, &whole) : rc;
}

/* The lock of the whole log, not of one engine's file: it is held before the
 * engine looks at anything, and the kernel gives it back when the process ends. */
static tl_err take_lock(struct store_files *f, struct tl_why *why)
{
    char path[STORE_PATH_MAX];
    store_files_path(f, "lock", path);
    int fd = open_lock(f, path);
    if (fd < 0 && f->immutable && errno == ENOENT)
        return TL_OK;
    if (fd < 0)
        return tl_explain(why, TL_E_IO, "data", "cannot open %s: %s", path, strerror(errno));
    if (lock(fd, f->immutable) == 0) {
        f->lock = fd;
        return TL_OK;
    }
    bool held = errno == EWOULDBLOCK || errno == EACCES; /* fcntl(2) may say either */
    if (held)
        tl_explain(why, TL_E_LOCKED, "data",
                   "another teelog has this log open (lock file %s); stop it first; agents "
                   "and export can also ask it: --socket in place of --tee",
                   path);
    else
        tl_explain(why, TL_E_IO, "data", "cannot lock %s: %s", path, strerror(errno));
    close(fd);
    return held ? TL_E_LOCKED : TL_E_IO;
}

static tl_err may_write(struct store_files *f, enum store_open_mode mode, struct tl_why *why)
{
    if (access(f->dir, W_OK | X_OK) == 0)
        return TL_OK;
    int error = errno;
    if (mode != STORE_READ)
        return tl_explain(why, TL_E_IO, "data",
                          "%s cannot be written to (%s): a service needs that, agents, export and "
                          "fsck with --tee do not",
                          f->dir, strerror(error));
    f->immutable = true;
    return TL_OK;
}

tl_err store_files_init(struct store_files *f, const char *dir, enum store_open_mode mode,
                        struct tl_why *why)
{
    tl_err err = set_dir(f, dir, why);
    if (err != TL_OK)
        return err;
    if (mode == STORE_CREATE && mkdir(f->dir, 0700) != 0 && errno != EEXIST)
        return tl_explain(why, TL_E_IO, "data", "cannot make %s: %s", dir, strerror(errno));
    if (mode != STORE_CREATE && store_files_size(f, STORE_DATABASE) == 0)
        return tl_explain(why, TL_E_NOT_FOUND, "data", "there is no log in %s", dir);
    err = may_write(f, mode, why);
    return err == TL_OK ? take_lock(f, why) : err;
}

void store_files_finish(struct store_files *f)
{
    if (f->lock >= 0)
        close(f->lock);
    f->lock = -1;
}
