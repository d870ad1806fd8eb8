#include "cli/tile_files.h"

#include "tlog/tile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_ROOM  128
#define CHECKPOINT "checkpoint"

static tl_err failed(const char *what, const char *path, struct tl_why *why)
{
    return tl_explain(why, TL_E_IO, NULL, "cannot %s %s: %s", what, path, strerror(errno));
}

tl_err tile_files_open(int *out, const char *path, struct tl_why *why)
{
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return failed("make the folder", path, why);
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return failed("open the folder", path, why);
    if (flock(dir, LOCK_EX | LOCK_NB) != 0) {
        tl_err err = errno == EWOULDBLOCK
                         ? tl_explain(why, TL_E_LOCKED, NULL, "another mirror writes to %s", path)
                         : failed("lock", path, why);
        close(dir);
        return err;
    }
    *out = dir;
    return TL_OK;
}

/* The path, and a suffix behind it. */
static void put_path(char path[PATH_ROOM], int level, uint64_t n, unsigned width,
                     const char *suffix)
{
    buf b;
    buf_init_fixed(&b, (uint8_t *)path, PATH_ROOM);
    tile_path_put(&b, level, n, width);
    buf_str(&b, suffix);
    buf_u8(&b, 0);
}

/* The folders above a file. */
static tl_err make_folders(int dir, char *path, struct tl_why *why)
{
    for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        bool made = mkdirat(dir, path, 0777) == 0 || errno == EEXIST;
        if (!made)
            return failed("make the folder", path, why);
        *slash = '/';
    }
    return TL_OK;
}

static bool write_all(int fd, slice bytes)
{
    while (bytes.n) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            bytes = slice_of(bytes.p + n, bytes.n - (size_t)n);
    }
    return true;
}

/* A new file, never one that is there: that may be a link, or be read by others. */
static tl_err write_file(int dir, const char *path, slice bytes, bool durable, struct tl_why *why)
{
    (void)unlinkat(dir, path, 0);
    int fd = openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return failed("write", path, why);
    bool good = write_all(fd, bytes) && (!durable || fsync(fd) == 0);
    tl_err err = good ? TL_OK : failed("write", path, why);
    if (close(fd) != 0 && err == TL_OK)
        err = failed("write", path, why);
    return err;
}

tl_err tile_files_stage(int dir, int level, uint64_t n, unsigned width, slice bytes,
                        struct tl_why *why)
{
    char path[PATH_ROOM];
    put_path(path, level, n, width, ".part");
    tl_err err = make_folders(dir, path, why);
    return err == TL_OK ? write_file(dir, path, bytes, false, why) : err;
}

tl_err tile_files_publish(int dir, int level, uint64_t n, unsigned width, struct tl_why *why)
{
    char path[PATH_ROOM], part[PATH_ROOM];
    put_path(path, level, n, width, "");
    put_path(part, level, n, width, ".part");
    return renameat(dir, part, dir, path) == 0 ? TL_OK : failed("put into place", path, why);
}

void tile_files_drop_partial(int dir, int level, uint64_t n)
{
    char path[PATH_ROOM];
    put_path(path, level, n, TILE_WIDTH, ".p");
    int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (!d) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (const struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.')
            (void)unlinkat(fd, e->d_name, 0);
    closedir(d);
    (void)unlinkat(dir, path, AT_REMOVEDIR);
}

static tl_err read_file(int dir, const char *path, buf *out, struct tl_why *why)
{
    int fd = openat(dir, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? TL_E_NOT_FOUND : failed("read", path, why);
    tl_err err = TL_OK;
    for (ssize_t n = 1; n != 0 && err == TL_OK;) {
        uint8_t some[8192];
        n = read(fd, some, sizeof some);
        if (n < 0 && errno != EINTR)
            err = failed("read", path, why);
        if (n > 0)
            buf_bytes(out, slice_of(some, (size_t)n));
        if (err == TL_OK)
            err = buf_err(out);
    }
    close(fd);
    return err;
}

tl_err tile_files_read(int dir, int level, uint64_t n, unsigned width, buf *out, struct tl_why *why)
{
    char path[PATH_ROOM];
    put_path(path, level, n, width, "");
    return read_file(dir, path, out, why);
}

tl_err tile_files_checkpoint(int dir, slice note, struct tl_why *why)
{
    if (syncfs(dir) != 0)
        return failed("write", "the files of the mirror", why);
    tl_err err = write_file(dir, CHECKPOINT ".part", note, true, why);
    if (err == TL_OK &&
        (renameat(dir, CHECKPOINT ".part", dir, CHECKPOINT) != 0 || fsync(dir) != 0))
        err = failed("put into place", CHECKPOINT, why);
    return err;
}

tl_err tile_files_read_checkpoint(int dir, buf *out, struct tl_why *why)
{
    return read_file(dir, CHECKPOINT, out, why);
}
