#include "cli/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static tl_err failed(const char *what, const char *path, struct tl_why *why)
{
    return tl_explain(why, TL_E_IO, NULL, "cannot %s %s: %s", what, path, strerror(errno));
}

/* A device or a pipe is written to, not replaced. */
static bool is_special(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

tl_err outfile_open(struct outfile *f, const char *path, mode_t mode, struct tl_why *why)
{
    struct outfile o = {.path = path, .fd = STDOUT_FILENO};
    if (strcmp(path, "-") != 0 && is_special(path)) {
        o.fd = open(path, O_WRONLY | O_CLOEXEC);
        if (o.fd < 0)
            return failed("write", path, why);
    } else if (strcmp(path, "-") != 0) {
        if (asprintf(&o.part, "%s.part", path) < 0)
            return TL_E_MEMORY;
        /* What is there is not ours to write through: it may be a link, or a file
         * that others have open. */
        (void)unlink(o.part);
        o.fd = open(o.part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        if (o.fd < 0) {
            tl_err err = failed("write", o.part, why);
            free(o.part);
            return err;
        }
    }
    *f = o;
    return TL_OK;
}

tl_err outfile_write(struct outfile *f, slice bytes, struct tl_why *why)
{
    while (bytes.n) {
        ssize_t n = write(f->fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed("write",
                          f->part                  ? f->part
                          : f->fd == STDOUT_FILENO ? "to standard output"
                                                   : f->path,
                          why);
        bytes = slice_of(bytes.p + n, bytes.n - (size_t)n);
    }
    return TL_OK;
}

void outfile_sync_parent(const char *path)
{
    char *copy = strdup(path);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
    free(copy);
}

tl_err outfile_keep(struct outfile *f, struct tl_why *why)
{
    if (!f->part)
        return TL_OK;
    if (fsync(f->fd) != 0)
        return failed("write", f->part, why);
    if (rename(f->part, f->path) != 0)
        return failed("rename the finished file to", f->path, why);
    free(f->part);
    f->part = NULL;
    outfile_sync_parent(f->path);
    return TL_OK;
}

void outfile_close(struct outfile *f)
{
    if (f->fd != STDOUT_FILENO)
        close(f->fd);
    if (f->part)
        unlink(f->part);
    free(f->part);
}
