/* A connection to a server that is made while the loop goes on: to look a name up, to connect and
 * to shake hands may take a minute, so each is made on a thread of its own. */
#ifndef TL_PROXY_DIAL_H
#define TL_PROXY_DIAL_H

#include "client/link.h"

struct mcp_dial;
/* Copies what it is given; ca_file may be NULL. TL_E_BUSY: so many wait already. */
tl_err mcp_dial_new(struct mcp_dial **out, const struct link_url *url, const char *ca_file) TL_MUST;
/* Readable once it is done. */
int mcp_dial_fd(const struct mcp_dial *d);
bool mcp_dial_done(const struct mcp_dial *d);
/* What came of it, once it is done. *l is the caller's then; untouched on failure. */
tl_err mcp_dial_take(struct mcp_dial *d, struct link *l, struct tl_why *why) TL_MUST;
/* At any time; a thread that still runs ends by itself. NULL is fine. */
void mcp_dial_free(struct mcp_dial *d);
/* How many threads run. */
int mcp_dial_running(void);

#endif
