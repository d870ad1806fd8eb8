/* Asking a platform's agent on a Unix socket: one POST of JSON, one answer.
 *
 * Written here and not taken from libcurl, which an enclave's build does not have and
 * which fills in for what it is not told; nor from src/client/client.c, which stands
 * above this floor, waits for ever and trusts that it talks to a teelog. One request
 * a connection, so nothing that is left over can be taken for the next answer. */
#ifndef TL_TEE_AGENT_H
#define TL_TEE_AGENT_H

#include "base/buf.h"

#define AGENT_HEAD_MAX   16384   /* bytes of an answer's head */
#define AGENT_BODY_MAX   1048576 /* and of its body */
#define AGENT_CONNECT_MS 2000
#define AGENT_ANSWER_MS  30000

struct agent {
    const char *path;     /* of the socket; borrowed */
    unsigned patience_ms; /* for a whole answer, from when the connection stands */
};

/* Appends the answer's body to out, whose maximum may be lower than AGENT_BODY_MAX; init
 * it with buf_init_secret where the answer is one. *status is 200 to 599. TL_E_TEE, with
 * a sentence that names the socket, for whatever is no whole answer in time. */
tl_err agent_post(const struct agent *a, buf *out, unsigned *status, const char *target, slice json,
                  struct tl_why *why) TL_MUST;

/* ---- for tests and fuzzing ---- */

struct agent_head {
    unsigned status;
    size_t length; /* of the body, at most AGENT_BODY_MAX */
};
/* head: up to and with the empty line (RFC 9112). The length has to be there, once:
 * dstack's own client for JavaScript reads no other framing. TL_E_HTTP otherwise. */
tl_err agent_head_read(struct agent_head *out, slice head, struct tl_why *why) TL_MUST;

#endif
