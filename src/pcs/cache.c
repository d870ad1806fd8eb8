#include "pcs/cache.h"

#include "attest/collateral.h"
#include "base/encoding.h"
#include "base/refuse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void pcs_cache_name(char out[PCS_CACHE_NAME_SIZE], const struct pcs_platform *p, bool early)
{
    char fmspc[13];
    hex_text(fmspc, p->fmspc, sizeof p->fmspc);
    snprintf(out, PCS_CACHE_NAME_SIZE, "%s-%s-%s%s.json", p->tdx ? "tdx" : "sgx", fmspc,
             pcs_ca_name(p->ca), early ? "-early" : "");
}

static tl_err read_whole(buf *out, int fd)
{
    for (;;) {
        uint8_t bytes[16384];
        ssize_t n = read(fd, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return TL_E_IO;
        if (n == 0)
            return buf_err(out);
        buf_bytes(out, slice_of(bytes, (size_t)n));
        if (buf_err(out) != TL_OK)
            return buf_err(out);
    }
}

tl_err pcs_cache_read(buf *out, const char *dir, const char *name)
{
    struct stat st;
    buf text;
    char *path = NULL;
    tl_err err = TL_OK;
    if (asprintf(&path, "%s/%s", dir, name) < 0)
        return TL_E_MEMORY;
    buf_init(&text, COLLATERAL_MAX);
    /* A FIFO would block, and a link is not what we wrote. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        err = errno == ENOENT || errno == ENOTDIR ? TL_E_NOT_FOUND : TL_E_IO;
    else if (fstat(fd, &st) != 0 || REFUSED(!S_ISREG(st.st_mode)))
        err = TL_E_IO;
    if (err == TL_OK)
        err = read_whole(&text, fd);
    if (err == TL_OK) {
        buf_bytes(out, buf_slice(&text));
        err = buf_err(out);
    }
    if (fd >= 0)
        close(fd);
    buf_finish(&text);
    free(path);
    return err;
}

static tl_err failed(struct tl_why *why, const char *path)
{
    return tl_explain(why, TL_E_IO, "cache", "cannot write the cache %s: %s", path,
                      strerror(errno));
}

/* As mkdir -p, with mode 0700. */
static tl_err make_directories(const char *dir, struct tl_why *why)
{
    char *path = strdup(dir);
    tl_err err = TL_OK;
    if (!path)
        return TL_E_MEMORY;
    for (char *at = path + 1; err == TL_OK && *path; at++) {
        char was = *at;
        if (was && was != '/')
            continue;
        *at = 0;
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            err = failed(why, path);
        *at = was;
        if (!was)
            break;
    }
    free(path);
    return err;
}

static bool write_all(int fd, slice bytes)
{
    while (bytes.n) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        bytes = slice_of(bytes.p + n, bytes.n - (size_t)n);
    }
    return fsync(fd) == 0;
}

static void sync_directory(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
}

tl_err pcs_cache_write(const char *dir, const char *name, slice collateral, struct tl_why *why)
{
    char *path = NULL, *temp = NULL;
    int fd = -1;
    tl_err err = make_directories(dir, why);
    if (err != TL_OK)
        return err;
    if (asprintf(&path, "%s/%s", dir, name) < 0)
        path = NULL;
    if (asprintf(&temp, "%s/.%s.XXXXXX", dir, name) < 0)
        temp = NULL;
    if (!path || !temp) {
        err = TL_E_MEMORY;
        goto out;
    }
    fd = mkostemp(temp, O_CLOEXEC); /* mode 0600 */
    if (fd < 0) {
        err = failed(why, dir);
        goto out;
    }
    if (!write_all(fd, collateral) || rename(temp, path) != 0) {
        err = failed(why, path);
        (void)unlink(temp);
        goto out;
    }
    sync_directory(dir);
out:
    if (fd >= 0)
        close(fd);
    free(temp);
    free(path);
    return err;
}
