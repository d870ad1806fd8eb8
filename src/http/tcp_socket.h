/* TCP addresses: where to listen, and who is there. */
#ifndef TL_HTTP_TCP_SOCKET_H
#define TL_HTTP_TCP_SOCKET_H

#include "client/address.h"

#include <stdint.h>

/* Reads 127.0.0.1:8443 or [::1]:8443: numbers alone, since a name could come to mean
 * another address. Port 0: any that is free. */
tl_err tcp_address_read(struct tcp_address *out, const char *text, struct tl_why *why) TL_MUST;
/* Plain TCP is for trying things out: on a loopback address of a simulated platform.
 * TL_E_USAGE otherwise. */
tl_err tcp_may_be_plain(const struct tcp_address *a, bool simulated, struct tl_why *why) TL_MUST;
/* A non-blocking listener; *a becomes what it is bound to. */
tl_err tcp_listen(int *out, struct tcp_address *a, struct tl_why *why) TL_MUST;
#define TCP_TEXT 64
/* As tcp_address_read reads it. */
void tcp_address_text(char out[TCP_TEXT], const struct tcp_address *a);

/* Who counts as one peer: an IPv4 address, or the 64 bits of an IPv6 address that name
 * a network, since a host has the others to itself. */
struct peer {
    uint8_t b[16];
};
struct peer tcp_peer(const struct tcp_address *a);

#endif
