#include "cli/identity.h"

#include "attest/collateral.h"

#include <stdlib.h>
#include <string.h>

struct identity {
    struct tee *tee;
    uint64_t made; /* Unix seconds */
    struct ra_tls_identity now;
};

/* A simulated platform's keys are in a folder, which is named behind the colon. */
static tl_err open_sim(struct tee **out, const char *kind, struct tl_why *why)
{
    const char *colon = strchr(kind, ':');
    char name[16];
    size_t n = colon ? (size_t)(colon - kind) : sizeof name;
    if (n >= sizeof name || !colon[1])
        return tl_explain(why, TL_E_USAGE, "attest",
                          "a simulated platform keeps its keys in a folder: give --attest sim:DIR");
    memcpy(name, kind, n);
    name[n] = 0;
    return tee_open(out, name, colon + 1, why);
}

tl_err identity_open(struct identity **out, const char *kind, struct tl_why *why)
{
    struct identity *i = calloc(1, sizeof *i);
    if (!i)
        return TL_E_MEMORY;
    tl_err err = strncmp(kind, "sim", 3) == 0 ? open_sim(&i->tee, kind, why)
                                              : tee_open(&i->tee, kind, ".", why);
    if (err != TL_OK) {
        free(i);
        return err;
    }
    *out = i;
    return TL_OK;
}

tl_err identity_get(struct identity *i, uint64_t now, const struct ra_tls_identity **out,
                    struct tl_why *why)
{
    struct ra_tls_identity fresh = {NULL, NULL};
    buf json;
    if (i->now.cert &&
        now - i->made < RA_TLS_RENEW_S) { /* modulo 2^64: nor where the clock went back */
        *out = &i->now;
        return TL_OK;
    }
    buf_init(&json, COLLATERAL_MAX);
    tl_err err = tee_collateral(i->tee, now, &json, NULL);
    if (err == TL_OK || err == TL_E_NOT_FOUND) /* the service then asks for it itself */
        err = ra_tls_identity_make(&fresh, i->tee, json.n ? buf_slice(&json) : (slice){NULL, 0},
                                   now, 2 * RA_TLS_RENEW_S, why);
    buf_finish(&json);
    if (err != TL_OK)
        return err;
    ra_tls_identity_free(&i->now);
    i->now = fresh;
    i->made = now;
    *out = &i->now;
    return TL_OK;
}

bool identity_simulated(const struct identity *i)
{
    return tee_simulated(i->tee);
}

void identity_free(struct identity *i)
{
    if (!i)
        return;
    ra_tls_identity_free(&i->now);
    tee_close(i->tee);
    free(i);
}
