/* A listening Unix socket that only its owner can open. */
#ifndef TL_HTTP_UNIX_SOCKET_H
#define TL_HTTP_UNIX_SOCKET_H

#include "client/address.h"

/* A non-blocking listener with mode 0600. A stale socket file is replaced;
 * TL_E_LOCKED where a service answers on it, TL_E_EXISTS for any other file. */
tl_err unix_listen(int *out, const char *path, struct tl_why *why) TL_MUST;

#endif
