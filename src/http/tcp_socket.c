#include "http/tcp_socket.h"

#include "base/encoding.h"
#include "base/refuse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static tl_err wrong(const char *text, struct tl_why *why)
{
    return tl_explain(why, TL_E_USAGE, "listen",
                      "--listen takes an address and a port in numbers, as 127.0.0.1:8443 or "
                      "[::1]:8443, not %s",
                      text);
}

tl_err tcp_address_read(struct tcp_address *out, const char *text, struct tl_why *why)
{
    char host[64];
    uint64_t port;
    struct tcp_address a = {.v6 = {0}};
    const char *colon = strrchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : 0;
    bool brackets = n > 2 && text[0] == '[' && colon[-1] == ']';
    if (n == 0 || n >= sizeof host || decimal_read(&port, slice_str(colon + 1), 65535) != TL_OK)
        return wrong(text, why);
    snprintf(host, sizeof host, "%.*s", (int)(brackets ? n - 2 : n), brackets ? text + 1 : text);
    if (brackets && inet_pton(AF_INET6, host, &a.v6.sin6_addr) == 1) {
        a.v6.sin6_family = AF_INET6;
        a.v6.sin6_port = htons((uint16_t)port);
    } else if (!brackets && inet_pton(AF_INET, host, &a.v4.sin_addr) == 1) {
        a.v4.sin_family = AF_INET;
        a.v4.sin_port = htons((uint16_t)port);
    } else {
        return wrong(text, why);
    }
    *out = a;
    return TL_OK;
}

tl_err tcp_may_be_plain(const struct tcp_address *a, bool simulated, struct tl_why *why)
{
    if (REFUSED(!simulated))
        return tl_explain(
            why, TL_E_USAGE, "listen",
            "TCP on this platform is under TLS, which ends in it: give --tls-cert and "
            "--tls-key. Plain TCP is for simulated platforms alone");
    if (REFUSED(!tcp_is_loopback(a)))
        return tl_explain(
            why, TL_E_USAGE, "listen",
            "plain TCP is for loopback addresses alone: listen on 127.0.0.1 or [::1], "
            "or give --tls-cert and --tls-key");
    return TL_OK;
}

static socklen_t size_of(const struct tcp_address *a)
{
    return a->any.sa_family == AF_INET ? sizeof a->v4 : sizeof a->v6;
}

tl_err tcp_listen(int *out, struct tcp_address *a, struct tl_why *why)
{
    char text[TCP_TEXT];
    int one = 1;
    tcp_address_text(text, a);
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t n = size_of(a);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
        (a->any.sa_family == AF_INET ||
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) == 0) &&
        bind(fd, &a->any, n) == 0 && listen(fd, 128) == 0 && getsockname(fd, &a->any, &n) == 0) {
        *out = fd;
        return TL_OK;
    }
    tl_err err =
        tl_explain(why, TL_E_IO, "listen", "cannot listen on %s: %s", text, strerror(errno));
    if (fd >= 0)
        close(fd);
    return err;
}

void tcp_address_text(char out[TCP_TEXT], const struct tcp_address *a)
{
    char host[INET6_ADDRSTRLEN] = "?";
    bool v4 = a->any.sa_family == AF_INET;
    (void)inet_ntop(a->any.sa_family, v4 ? (const void *)&a->v4.sin_addr : &a->v6.sin6_addr, host,
                    sizeof host);
    snprintf(out, TCP_TEXT, v4 ? "%s:%u" : "[%s]:%u", host,
             ntohs(v4 ? a->v4.sin_port : a->v6.sin6_port));
}

struct peer tcp_peer(const struct tcp_address *a)
{
    struct peer p = {{0}};
    if (a->any.sa_family == AF_INET) {
        p.b[10] = p.b[11] = 0xff;
        memcpy(p.b + 12, &a->v4.sin_addr, 4);
    } else {
        memcpy(p.b, &a->v6.sin6_addr, 8);
    }
    return p;
}
