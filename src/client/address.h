/* Addresses of sockets, for either end. */
#ifndef TL_CLIENT_ADDRESS_H
#define TL_CLIENT_ADDRESS_H

#include "base/err.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/un.h>

/* TL_E_USAGE, naming the limit, for a path that does not fit. */
tl_err unix_address(struct sockaddr_un *out, const char *path, struct tl_why *why) TL_MUST;

struct tcp_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
};
bool tcp_is_loopback(const struct tcp_address *a);

#endif
