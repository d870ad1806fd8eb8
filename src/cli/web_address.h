/* Addresses with a path: of witnesses, and of copies of a log on any web server. */
#ifndef TL_CLI_WEB_ADDRESS_H
#define TL_CLI_WEB_ADDRESS_H

#include "cli/tile_source.h"
#include "client/link.h"

struct web_address {
    struct link_url host;
    char text[280];               /* scheme and host alone, as link_url_read takes them */
    char prefix[TILE_PREFIX_MAX]; /* "" or "/PATH", without a slash at its end */
};

/* https://HOST:PORT/PATH, or http://, since nothing secret is sent there. */
tl_err web_address_read(struct web_address *out, slice text, struct tl_why *why) TL_MUST;

#endif
