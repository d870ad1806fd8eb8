#include "store/folder.h"

#include "base/refuse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_ROOM 256

static tl_err failed(const char *what, const char *name, struct tl_why *why)
{
    return tl_explain(why, TL_E_IO, NULL, "cannot %s %s: %s", what, name, strerror(errno));
}

tl_err folder_open(int *out, const char *path, mode_t mode, struct tl_why *why)
{
    if (mkdir(path, mode) != 0 && errno != EEXIST)
        return failed("make the folder", path, why);
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return failed("open the folder", path, why);
    if (flock(dir, LOCK_EX | LOCK_NB) != 0) {
        tl_err err = errno == EWOULDBLOCK
                         ? tl_explain(why, TL_E_LOCKED, NULL, "another process writes to %s", path)
                         : failed("lock", path, why);
        close(dir);
        return err;
    }
    *out = dir;
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

tl_err folder_write(int dir, const char *name, slice bytes, mode_t mode, bool synced,
                    struct tl_why *why)
{
    (void)unlinkat(dir, name, 0);
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return failed("write", name, why);
    bool good = write_all(fd, bytes) && (!synced || fsync(fd) == 0);
    tl_err err = good ? TL_OK : failed("write", name, why);
    if (close(fd) != 0 && err == TL_OK)
        err = failed("write", name, why);
    return err;
}

tl_err folder_rename(int dir, const char *from, const char *to, struct tl_why *why)
{
    return renameat(dir, from, dir, to) == 0 ? TL_OK : failed("put into place", to, why);
}

tl_err folder_put(int dir, const char *name, slice bytes, mode_t mode, struct tl_why *why)
{
    char part[NAME_ROOM];
    if (snprintf(part, sizeof part, "%s.part", name) >= NAME_ROOM)
        return TL_E_LIMIT;
    tl_err err = folder_write(dir, part, bytes, mode, true, why);
    if (err == TL_OK)
        err = folder_rename(dir, part, name, why);
    if (err == TL_OK && fsync(dir) != 0)
        err = failed("put into place", name, why);
    return err;
}

tl_err folder_get(int dir, const char *name, buf *out, struct tl_why *why)
{
    struct stat st;
    /* What is there may be of another's making: nobody may write to a pipe. */
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? TL_E_NOT_FOUND : failed("read", name, why);
    tl_err err = TL_OK;
    if (fstat(fd, &st) != 0 || REFUSED(!S_ISREG(st.st_mode)))
        err = tl_explain(why, TL_E_IO, NULL, "cannot read %s: it is not a file", name);
    for (ssize_t n = 1; n != 0 && err == TL_OK;) {
        uint8_t some[8192];
        n = read(fd, some, sizeof some);
        if (n < 0 && errno != EINTR)
            err = failed("read", name, why);
        if (n > 0)
            buf_bytes(out, slice_of(some, (size_t)n));
        if (err == TL_OK)
            err = buf_err(out);
    }
    close(fd);
    return err;
}
