/* URLs of the service's routes. */
#ifndef TL_CLIENT_URL_H
#define TL_CLIENT_URL_H

#include "base/buf.h"

/* Appends text percent-encoded (RFC 3986 section 2.3 stays as it is). */
void url_put(buf *b, const char *text);
/* Appends NAME=VALUE to a URL, after ? or & as is due; nothing where value is NULL. */
void url_put_key(buf *b, const char *name, const char *value);

#endif
