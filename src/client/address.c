#include "client/address.h"

#include <string.h>

tl_err unix_address(struct sockaddr_un *out, const char *path, struct tl_why *why)
{
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof out->sun_path)
        return tl_explain(why, TL_E_USAGE, "socket",
                          "the socket path has %zu bytes and a Unix socket takes 1 to %zu; "
                          "choose a shorter one",
                          n, sizeof out->sun_path - 1);
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(out->sun_path, path, n);
    return TL_OK;
}

bool tcp_is_loopback(const struct tcp_address *a)
{
    if (a->any.sa_family == AF_INET)
        return ntohl(a->v4.sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
}
