#include "tee/sim_pki.h"

#include "attest/x509.h"
#include "codec/pem.h"
#include "crypto/secret.h"
#include "tee/sim_der.h"

#define DAY        86400
#define VALID_DAYS 10957 /* 30 years */

const char sim_root_name[] = "teelog simulated SGX Root CA";
const char sim_intermediate_name[] = "teelog simulated SGX PCK Processor CA";
static const char leaf_name[] = "teelog simulated SGX PCK Certificate";
static const char signer_name[] = "teelog simulated SGX TCB Signing";

static const uint8_t oid_key_id[3] = {0x55, 0x1d, 0x0e};
static const uint8_t oid_crl_points[3] = {0x55, 0x1d, 0x1f};

/* Every SVN 1, and a name for a model. */
const struct sgx_extension sim_sgx_platform = {
    .ppid = "teelog simulated",
    .fmspc = {'t', 'e', 'e', 'l', 'o', 'g'},
    .components = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
    .pce_svn = 1,
    .cpu_svn = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
    .type = SGX_STANDARD,
};

const struct sgx_extension sim_tdx_platform = {
    .ppid = "teelog simulated",
    .fmspc = {'t', 'e', 'e', 't', 'd', 'x'},
    .components = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
    .pce_svn = 1,
    .cpu_svn = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
    .type = SGX_SCALABLE,
};

void sim_spki_put(buf *b, const struct es256_key *key)
{
    struct cose_ec2 point;
    es256_point(key, &point);
    buf_bytes(b, SLICE_ARRAY(cert_p256_spki));
    buf_bytes(b, SLICE_ARRAY(point.x));
    buf_bytes(b, SLICE_ARRAY(point.y));
}

/* Where real certificates name the place of their list. Nobody looks there. */
static void put_crl_points(buf *b)
{
    static const char uri[] = "https://teelog-simulator.invalid/root-ca.der";
    struct sim_extension e = sim_extension_begin(b, SLICE_ARRAY(oid_crl_points), false);
    size_t list = der_begin(b), point = der_begin(b), name = der_begin(b), full = der_begin(b);
    der_put(b, 0x86, slice_str(uri)); /* uniformResourceIdentifier [6] */
    der_end(b, full, DER_CONTEXT_0);  /* fullName [0] */
    der_end(b, name, DER_CONTEXT_0);  /* distributionPoint [0] */
    der_end(b, point, DER_SEQUENCE);
    der_end(b, list, DER_SEQUENCE);
    sim_extension_end(b, e);
}

static void put_subject_key_id(buf *b, const struct es256_key *key)
{
    hash32 own = sim_key_id(key);
    struct sim_extension e = sim_extension_begin(b, SLICE_ARRAY(oid_key_id), false);
    der_put(b, DER_OCTET_STRING, slice_of(own.b, 20));
    sim_extension_end(b, e);
}

static void put_basic_constraints(buf *b, const struct sim_cert *c)
{
    struct sim_extension e = sim_extension_begin(b, SLICE_ARRAY(cert_oid_basic_constraints), true);
    size_t constraints = der_begin(b);
    if (c->ca)
        der_put_bool(b, true);
    if (c->path_length >= 0)
        der_put_uint(b, (uint64_t)c->path_length);
    der_end(b, constraints, DER_SEQUENCE);
    sim_extension_end(b, e);
}

/* In the order of Intel's certificates. */
static void put_extensions(buf *b, const struct sim_cert *c)
{
    size_t outer = der_begin(b), list = der_begin(b);
    if (!(c->without & SIM_NO_AUTHORITY_KEY_ID))
        sim_authority_key_id_put(b, c->issuer_key);
    if (!(c->without & SIM_NO_CRL_POINTS))
        put_crl_points(b);
    if (!(c->without & SIM_NO_SUBJECT_KEY_ID))
        put_subject_key_id(b, c->key);
    if (c->key_usage) {
        struct sim_extension e = sim_extension_begin(b, SLICE_ARRAY(cert_oid_key_usage), true);
        der_put_named_bits(b, c->key_usage);
        sim_extension_end(b, e);
    }
    if (!(c->without & SIM_NO_BASIC_CONSTRAINTS))
        put_basic_constraints(b, c);
    if (c->sgx) {
        struct sim_extension e = sim_extension_begin(b, SLICE_ARRAY(sgx_extension_oid), false);
        sgx_extension_put(b, c->sgx);
        sim_extension_end(b, e);
    }
    buf_bytes(b, c->more);
    der_end(b, list, DER_SEQUENCE);
    der_end(b, outer, DER_CONTEXT_3);
}

static void put_tbs(buf *b, const struct sim_cert *c)
{
    size_t start = der_begin(b), part = der_begin(b);
    der_put_uint(b, 2); /* version 3 */
    der_end(b, part, DER_CONTEXT_0);
    der_put_magnitude(b, SLICE_ARRAY(c->serial));
    buf_bytes(b, SLICE_ARRAY(x509_ecdsa_sha256));
    sim_name_put(b, c->issuer);
    part = der_begin(b);
    der_put_time(b, c->not_before);
    der_put_time(b, c->not_after);
    der_end(b, part, DER_SEQUENCE);
    sim_name_put(b, c->subject);
    sim_spki_put(b, c->key);
    put_extensions(b, c);
    der_end(b, start, DER_SEQUENCE);
}

tl_err sim_cert_put(buf *b, const struct sim_cert *c)
{
    size_t start = der_begin(b);
    put_tbs(b, c);
    return sim_signed_end(b, start, c->issuer_key);
}

/* What all certificates of a first start share. */
static tl_err plan_common(struct sim_cert *out, uint64_t now)
{
    struct sim_cert v = {
        .not_before = now - DAY,
        .not_after = now - DAY + UINT64_C(86400) * VALID_DAYS,
    };
    tl_err err = random_bytes(v.serial, sizeof v.serial);
    if (err != TL_OK)
        return err;
    v.serial[0] = (uint8_t)(v.serial[0] & 0x3f) | 0x40; /* positive, full length */
    *out = v;
    return TL_OK;
}

static void plan_ca(struct sim_cert *c, const struct sim_chain_keys *keys, int path_length)
{
    c->ca = true;
    c->path_length = path_length;
    c->key_usage = KEY_USAGE_CERT_SIGN | KEY_USAGE_CRL_SIGN;
    c->issuer = sim_root_name;
    c->issuer_key = keys->root;
}

static void plan_leaf(struct sim_cert *c)
{
    c->path_length = -1;
    c->key_usage = KEY_USAGE_DIGITAL_SIGNATURE | KEY_USAGE_NON_REPUDIATION;
}

tl_err sim_chain_plan(struct sim_cert plan[3], const struct sim_chain_keys *keys, uint64_t now)
{
    struct sim_cert out[3];
    for (size_t i = 0; i < 3; i++) {
        tl_err err = plan_common(&out[i], now);
        if (err != TL_OK)
            return err;
    }
    plan_leaf(&out[0]);
    plan_ca(&out[1], keys, 0);
    plan_ca(&out[2], keys, 1);
    out[0].sgx = &sim_sgx_platform;
    out[0].issuer = out[1].subject = sim_intermediate_name;
    out[0].subject = leaf_name;
    out[2].subject = sim_root_name;
    out[0].issuer_key = keys->intermediate;
    out[0].key = keys->pck;
    out[1].key = keys->intermediate;
    out[2].key = keys->root;
    memcpy(plan, out, sizeof out);
    return TL_OK;
}

tl_err sim_signer_plan(struct sim_cert *plan, const struct sim_chain_keys *keys, uint64_t now)
{
    struct sim_cert out;
    tl_err err = plan_common(&out, now);
    if (err != TL_OK)
        return err;
    plan_leaf(&out);
    out.issuer = sim_root_name;
    out.subject = signer_name;
    out.issuer_key = keys->root;
    out.key = keys->signer;
    *plan = out;
    return TL_OK;
}

tl_err sim_certs_put(buf *pem, const struct sim_cert *const *plans, size_t n)
{
    buf der;
    tl_err err = TL_OK;
    buf_init(&der, PEM_MAX_BYTES);
    for (size_t i = 0; err == TL_OK && i < n; i++) {
        buf_reset(&der);
        err = sim_cert_put(&der, plans[i]);
        if (err == TL_OK)
            pem_put(pem, buf_slice(&der));
    }
    buf_finish(&der);
    return err != TL_OK ? err : buf_err(pem);
}

tl_err sim_chain_put(buf *pem, const struct sim_cert plan[3])
{
    const struct sim_cert *const all[3] = {&plan[0], &plan[1], &plan[2]};
    return sim_certs_put(pem, all, 3);
}
