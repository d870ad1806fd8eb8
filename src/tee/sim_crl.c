#include "tee/sim_crl.h"

#include "attest/crl.h"
#include "attest/x509.h"
#include "tee/sim_der.h"

#define VALID_SECONDS  (UINT64_C(30) * 86400)

/* CRLReason keyCompromise, which is what Intel's entries say: RFC 5280 section 5.3.1. */
#define KEY_COMPROMISE 1

static const uint8_t oid_reason[3] = {0x55, 0x1d, 0x15};

void sim_crl_plan(struct sim_crl *out, const char *issuer, struct es256_key *issuer_key,
                  uint64_t now)
{
    *out = (struct sim_crl){
        .issuer = issuer,
        .issuer_key = issuer_key,
        .this_update = now,
        .next_update = now + VALID_SECONDS,
        .number = 1,
    };
}

static void put_revoked(buf *b, const struct sim_revoked *r)
{
    static const uint8_t reason = KEY_COMPROMISE;
    size_t start = der_begin(b);
    der_put_magnitude(b, r->serial);
    der_put_time(b, r->time);
    size_t extensions = der_begin(b);
    struct sim_extension e = sim_extension_begin(b, SLICE_ARRAY(oid_reason), false);
    der_put(b, DER_ENUMERATED, slice_of(&reason, 1));
    sim_extension_end(b, e);
    buf_bytes(b, r->more);
    der_end(b, extensions, DER_SEQUENCE);
    der_end(b, start, DER_SEQUENCE);
}

static void put_extensions(buf *b, const struct sim_crl *c)
{
    size_t outer = der_begin(b), list = der_begin(b);
    if (!(c->without & SIM_NO_CRL_NUMBER)) {
        struct sim_extension e = sim_extension_begin(b, SLICE_ARRAY(crl_oid_number), false);
        der_put_uint(b, c->number);
        sim_extension_end(b, e);
    }
    if (!(c->without & SIM_NO_CRL_AUTHORITY_KEY_ID))
        sim_authority_key_id_put(b, c->issuer_key);
    buf_bytes(b, c->more);
    der_end(b, list, DER_SEQUENCE);
    der_end(b, outer, DER_CONTEXT_0);
}

tl_err sim_crl_put(buf *b, const struct sim_crl *c)
{
    size_t start = der_begin(b);
    der_put_uint(b, 1); /* version 2 */
    buf_bytes(b, SLICE_ARRAY(x509_ecdsa_sha256));
    sim_name_put(b, c->issuer);
    der_put_time(b, c->this_update);
    if (!(c->without & SIM_NO_NEXT_UPDATE))
        der_put_time(b, c->next_update);
    size_t revoked = der_begin(b);
    for (size_t i = 0; i < c->revoked_count; i++)
        put_revoked(b, &c->revoked[i]);
    if (c->revoked_count) /* "MUST be absent" where there are none: RFC 5280 section 5.1.2.6 */
        der_end(b, revoked, DER_SEQUENCE);
    put_extensions(b, c);
    der_end(b, start, DER_SEQUENCE);
    return sim_signed_end(b, start, c->issuer_key);
}
