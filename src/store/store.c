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

static uint64_t size_of(const struct store_files *f, const char *name)
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
        sum += size_of(f, names[i]);
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

/* The lock of the whole log, not of one engine's file: it is held before the
 * engine looks at anything, and the kernel gives it back when the process ends. */
static tl_err take_lock(struct store_files *f, struct tl_why *why)
{
    char path[STORE_PATH_MAX];
    store_files_path(f, "lock", path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return tl_explain(why, TL_E_IO, "data", "cannot open %s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        f->lock = fd;
        return TL_OK;
    }
    bool held = errno == EWOULDBLOCK;
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

tl_err store_files_init(struct store_files *f, const char *dir, enum store_open_mode mode,
                        struct tl_why *why)
{
    tl_err err = set_dir(f, dir, why);
    if (err != TL_OK)
        return err;
    if (mode == STORE_CREATE && mkdir(f->dir, 0700) != 0 && errno != EEXIST)
        return tl_explain(why, TL_E_IO, "data", "cannot make %s: %s", dir, strerror(errno));
    if (mode != STORE_CREATE && size_of(f, STORE_DATABASE) == 0)
        return tl_explain(why, TL_E_NOT_FOUND, "data", "there is no log in %s", dir);
    return take_lock(f, why);
}

void store_files_finish(struct store_files *f)
{
    if (f->lock >= 0)
        close(f->lock);
    f->lock = -1;
}
