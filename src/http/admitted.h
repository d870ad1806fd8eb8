/* Attested peers on the loop: connections wait until their certificates are judged, and what
 * was found good is remembered for a while. The loop thread's. */
#ifndef TL_HTTP_ADMITTED_H
#define TL_HTTP_ADMITTED_H

#include "http/internal.h"

#define ADMITTED_MS    600000 /* for how long a peer is remembered; then it is judged again */
#define ADMITTED_COSTS 20     /* requests, of the address that a certificate comes from */

/* A peer that was found good. Counted. It speaks for one agent, the first that it names. */
struct admitted {
    unsigned refs;
    hash32 cert;       /* SHA-256 of its certificate */
    uint64_t until_ms; /* monotonic */
    struct log_peer *peer;
    char agent[SUBJECT_MAX + 1]; /* empty: it has said nothing yet */
    slice name;                  /* the same */
};
struct admitted *admitted_ref(struct admitted *a);
void admitted_unref(struct admitted *a); /* NULL is fine */
/* From now on it speaks for this agent, if it has spoken for none. */
void admitted_speaks(struct admitted *a, slice agent);

/* After the handshake: what its client has shown. Until that is judged no request of the
 * connection is read. */
void admitted_look(struct conn *c);
/* The connection ends, or what it knows of its peer is no longer of use. */
void admitted_drop(struct conn *c);
/* Forgets all peers. */
void admitted_finish(struct http_service *s);

#endif
