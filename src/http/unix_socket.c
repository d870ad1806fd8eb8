#include "http/unix_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static tl_err failed(const char *what, const char *path, struct tl_why *why)
{
    /* Under a sanitizer gcc thinks that path may be NULL, and warns. */
    return tl_explain(why, TL_E_IO, "socket", "cannot %s the socket %s: %s", what, path ? path : "",
                      strerror(errno));
}

/* Removes a socket file on which nobody answers. */
static tl_err remove_stale(const struct sockaddr_un *address, struct tl_why *why)
{
    struct stat st;
    const char *path = address->sun_path;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? TL_OK : failed("look at", path, why);
    if (!S_ISSOCK(st.st_mode))
        return tl_explain(why, TL_E_EXISTS, "socket",
                          "%s is there and is no socket; choose another path with --socket", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return failed("make", path, why);
    int got = connect(fd, (const struct sockaddr *)address, sizeof *address);
    int why_not = errno;
    close(fd);
    if (got == 0 || why_not == EAGAIN)
        return tl_explain(why, TL_E_LOCKED, "socket",
                          "a service answers on %s already; stop it, or choose another --socket",
                          path);
    if (why_not != ECONNREFUSED) {
        errno = why_not;
        return failed("try", path, why);
    }
    return unlink(path) == 0 || errno == ENOENT ? TL_OK : failed("remove the stale", path, why);
}

/* Inside Gramine there is no file of this name, and nobody outside can reach the socket. */
static int make_private(const char *path)
{
    return chmod(path, 0600) == 0 || errno == ENOENT ? 0 : -1;
}

tl_err unix_listen(int *out, const char *path, struct tl_why *why)
{
    struct sockaddr_un address;
    tl_err err = unix_address(&address, path, NULL);
    if (err != TL_OK)
        return tl_explain(why, err, "socket",
                          "the socket's path has %zu bytes, and a Unix socket takes 1 to %zu; "
                          "choose a shorter one with --socket",
                          strlen(path), sizeof address.sun_path - 1);
    err = remove_stale(&address, why);
    if (err != TL_OK)
        return err;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return failed("make", path, why);
    /* Nobody gets in between bind and chmod: a socket that does not listen yet
     * refuses connections. */
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        err = failed("bind", path, why);
    } else if (make_private(path) != 0 || listen(fd, 128) != 0) {
        err = failed("open", path, why);
        unlink(path);
    }
    if (err != TL_OK) {
        close(fd);
        return err;
    }
    *out = fd;
    return TL_OK;
}
