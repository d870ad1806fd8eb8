/* Attested peers: what a session says of whom it was opened for. */
#include "log/internal.h"

#include <stdlib.h>

struct log_peer {
    atomic_uint refs;
    hash32 digest; /* of the item */
    slice item, spki, claims;
    uint8_t bytes[];
};

static slice keep(uint8_t **at, slice s)
{
    slice kept = slice_of(*at, s.n);
    if (s.n)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return kept;
}

tl_err log_peer_new(struct log_peer **out, slice item, slice spki, slice claims)
{
    struct log_peer *p = malloc(sizeof *p + item.n + spki.n + claims.n);
    if (!p)
        return TL_E_MEMORY;
    uint8_t *at = p->bytes;
    atomic_init(&p->refs, 1);
    p->digest = sha256(item);
    p->item = keep(&at, item);
    p->spki = keep(&at, spki);
    p->claims = keep(&at, claims);
    *out = p;
    return TL_OK;
}

struct log_peer *log_peer_ref(struct log_peer *p)
{
    if (p)
        atomic_fetch_add(&p->refs, 1);
    return p;
}

void log_peer_unref(struct log_peer *p)
{
    if (p && atomic_fetch_sub(&p->refs, 1) == 1)
        free(p);
}

const hash32 *peer_digest(const struct log_peer *p)
{
    static const hash32 nobody;
    return p ? &p->digest : &nobody;
}

tl_err peer_keep(struct group *g, const struct log_peer *p, struct body_session *body)
{
    body->has_peer = p != NULL;
    if (!p)
        return TL_OK;
    body->peer_spki = p->spki;
    body->peer_claims = p->claims;
    return evidence_keep(g, p->item, &body->peer_evidence);
}
