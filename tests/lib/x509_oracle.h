/* OpenSSL's reading of a certificate or a revocation list beside ours: whatever we
 * accept, it must accept, and find the same in it. For tests and fuzz targets. Each
 * function returns NULL, or what does not agree. */
#ifndef X509_ORACLE_H
#define X509_ORACLE_H

#include "attest/crl.h"
#include "codec/der.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define ORACLE_WANT(expr)                                                                          \
    do {                                                                                           \
        if (!(expr)) {                                                                             \
            ERR_clear_error();                                                                     \
            return #expr;                                                                          \
        }                                                                                          \
    } while (0)

static inline bool oracle_integer(const ASN1_INTEGER *i, slice magnitude)
{
    uint8_t bytes[64];
    BIGNUM *bn = i ? ASN1_INTEGER_to_BN(i, NULL) : NULL;
    bool ok = bn && !BN_is_negative(bn) && magnitude.n <= sizeof bytes &&
              BN_bn2binpad(bn, bytes, (int)magnitude.n) == (int)magnitude.n &&
              memcmp(bytes, magnitude.p, magnitude.n) == 0;
    BN_free(bn);
    return ok;
}

static inline bool oracle_time(const ASN1_TIME *t, uint64_t want)
{
    struct tm tm;
    return t && ASN1_TIME_to_tm(t, &tm) == 1 && (uint64_t)timegm(&tm) == want;
}

static inline bool oracle_name(const X509_NAME *name, slice want)
{
    uint8_t *der = NULL;
    int n = i2d_X509_NAME(name, &der);
    bool ok = n > 0 && slice_eq(slice_of(der, (size_t)n), want);
    OPENSSL_free(der);
    return ok;
}

/* Its one CN. */
static inline bool oracle_common_name(const X509_NAME *name, slice want)
{
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0)
        return false;
    const ASN1_STRING *s = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
    return slice_eq(slice_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s)), want);
}

static inline bool oracle_signature(const ASN1_BIT_STRING *bits, const X509_ALGOR *algorithm,
                                    const uint8_t want[64])
{
    uint8_t raw[64];
    const ASN1_OBJECT *oid;
    int parameters;
    X509_ALGOR_get0(&oid, &parameters, NULL, algorithm);
    const unsigned char *at = ASN1_STRING_get0_data(bits), *end = at + ASN1_STRING_length(bits);
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, end - at);
    bool ok = sig && at == end && OBJ_obj2nid(oid) == NID_ecdsa_with_SHA256 &&
              parameters == V_ASN1_UNDEF && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32) == 32 &&
              BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32) == 32 && memcmp(raw, want, 64) == 0;
    ECDSA_SIG_free(sig);
    return ok;
}

/* No extension twice, and none critical but these. */
static inline bool oracle_extensions(const STACK_OF(X509_EXTENSION) * all, const int *may, size_t n)
{
    for (int i = 0; i < sk_X509_EXTENSION_num(all); i++) {
        X509_EXTENSION *e = sk_X509_EXTENSION_value(all, i);
        ASN1_OBJECT *oid = X509_EXTENSION_get_object(e);
        bool critical_allowed = false;
        if (X509v3_get_ext_by_OBJ(all, oid, i) >= 0)
            return false;
        for (size_t j = 0; j < n; j++)
            critical_allowed |= OBJ_obj2nid(oid) == may[j];
        if (X509_EXTENSION_get_critical(e) && !critical_allowed)
            return false;
    }
    return true;
}

static inline bool oracle_constraints(const X509 *x, const struct cert *c)
{
    int critical;
    BASIC_CONSTRAINTS *bc = X509_get_ext_d2i(x, NID_basic_constraints, &critical, NULL);
    bool ok = critical != -2 && (bc != NULL) == c->has_basic_constraints;
    if (bc)
        ok = ok && c->ca == (bc->ca != 0) && c->has_path_length == (bc->pathlen != NULL) &&
             (!bc->pathlen || (uint64_t)ASN1_INTEGER_get(bc->pathlen) == c->path_length);
    else
        ok = ok && critical == -1 && !c->ca && !c->has_path_length;
    BASIC_CONSTRAINTS_free(bc);
    return ok;
}

static inline bool oracle_usage(const X509 *x, const struct cert *c)
{
    int critical;
    uint16_t ours = 0;
    ASN1_BIT_STRING *bits = X509_get_ext_d2i(x, NID_key_usage, &critical, NULL);
    for (int i = 0; bits && i < 16; i++)
        ours = (uint16_t)(ours | (unsigned)ASN1_BIT_STRING_get_bit(bits, i) << i);
    bool ok = (bits || critical == -1) && ours == c->key_usage;
    ASN1_BIT_STRING_free(bits);
    return ok;
}

/* The point, where OpenSSL takes it as one; ours must then be taken too. */
static inline bool oracle_key(const X509 *x, const struct cert *c)
{
    uint8_t point[65];
    size_t n = 0;
    struct es256_key *ours = NULL;
    EVP_PKEY *key = X509_get0_pubkey(x);
    bool imported = es256_public(&ours, c->x, c->y) == TL_OK;
    es256_free(ours);
    if (!key)
        return !imported;
    return imported &&
           EVP_PKEY_get_octet_string_param(key, "encoded-pub-key", point, sizeof point, &n) == 1 &&
           n == 65 && point[0] == 4 && memcmp(point + 1, c->x, 32) == 0 &&
           memcmp(point + 33, c->y, 32) == 0;
}

/* The OCTET STRINGs and INTEGERs of the SGX extension, one level at a time. */
static inline STACK_OF(ASN1_TYPE) * oracle_sequence(const ASN1_STRING *s)
{
    const unsigned char *at = ASN1_STRING_get0_data(s), *end = at + ASN1_STRING_length(s);
    STACK_OF(ASN1_TYPE) *all = d2i_ASN1_SEQUENCE_ANY(NULL, &at, end - at);
    if (all && at != end) {
        sk_ASN1_TYPE_pop_free(all, ASN1_TYPE_free);
        return NULL;
    }
    return all;
}

static inline bool oracle_sgx_value(const struct sgx_extension *v, const char *oid,
                                    const ASN1_TYPE *value);

/* Members of an SGX SEQUENCE: each one {OID, value}; -1, or their number. */
static inline int oracle_sgx_members(const struct sgx_extension *v, const ASN1_STRING *s)
{
    STACK_OF(ASN1_TYPE) *all = oracle_sequence(s);
    int n = all ? sk_ASN1_TYPE_num(all) : -1;
    bool ok = all != NULL;
    for (int i = 0; ok && i < n; i++) {
        char oid[80];
        const ASN1_TYPE *member = sk_ASN1_TYPE_value(all, i);
        STACK_OF(ASN1_TYPE) *pair =
            member->type == V_ASN1_SEQUENCE ? oracle_sequence(member->value.sequence) : NULL;
        ok = pair && sk_ASN1_TYPE_num(pair) == 2 &&
             sk_ASN1_TYPE_value(pair, 0)->type == V_ASN1_OBJECT &&
             OBJ_obj2txt(oid, sizeof oid, sk_ASN1_TYPE_value(pair, 0)->value.object, 1) > 0 &&
             oracle_sgx_value(v, oid, sk_ASN1_TYPE_value(pair, 1));
        sk_ASN1_TYPE_pop_free(pair, ASN1_TYPE_free);
    }
    sk_ASN1_TYPE_pop_free(all, ASN1_TYPE_free);
    return ok ? n : -1;
}

static inline bool oracle_octets(const ASN1_TYPE *t, const uint8_t *want, int n)
{
    return t->type == V_ASN1_OCTET_STRING && ASN1_STRING_length(t->value.octet_string) == n &&
           memcmp(ASN1_STRING_get0_data(t->value.octet_string), want, (size_t)n) == 0;
}

static inline bool oracle_number(const ASN1_TYPE *t, long want)
{
    return t->type == V_ASN1_INTEGER && ASN1_INTEGER_get(t->value.integer) == want;
}

static inline bool oracle_flag(const ASN1_TYPE *t, bool want)
{
    return t->type == V_ASN1_BOOLEAN && (t->value.boolean != 0) == want;
}

static inline bool oracle_sgx_value(const struct sgx_extension *v, const char *oid,
                                    const ASN1_TYPE *t)
{
    static const char prefix[] = "1.2.840.113741.1.13.1.";
    unsigned first = 0, second = 0;
    if (strncmp(oid, prefix, sizeof prefix - 1) != 0)
        return false;
    int parts = sscanf(oid + sizeof prefix - 1, "%u.%u", &first, &second);
    if (parts == 2) {
        bool const flags[3] = {v->dynamic_platform, v->cached_keys, v->smt_enabled};
        if (first == 2 && second >= 1 && second <= 16)
            return oracle_number(t, v->components[second - 1]);
        if (first == 2 && second == 17)
            return oracle_number(t, v->pce_svn);
        if (first == 2 && second == 18)
            return oracle_octets(t, v->cpu_svn, 16);
        return first == 7 && second >= 1 && second <= 3 && oracle_flag(t, flags[second - 1]);
    }
    switch (first) {
    case 1:
        return oracle_octets(t, v->ppid, 16);
    case 2:
        return t->type == V_ASN1_SEQUENCE && oracle_sgx_members(v, t->value.sequence) == 18;
    case 3:
        return oracle_octets(t, v->pce_id, 2);
    case 4:
        return oracle_octets(t, v->fmspc, 6);
    case 5:
        return t->type == V_ASN1_ENUMERATED &&
               ASN1_ENUMERATED_get(t->value.enumerated) == (long)v->type;
    case 6:
        return v->platform_ca && oracle_octets(t, v->instance_id, 16);
    default:
        return first == 7 && v->platform_ca && t->type == V_ASN1_SEQUENCE &&
               oracle_sgx_members(v, t->value.sequence) == 3;
    }
}

/* What was read from these bytes (the contents of the extension). */
static inline const char *oracle_sgx(const struct sgx_extension *v, slice bytes)
{
    ASN1_OCTET_STRING *s = ASN1_OCTET_STRING_new();
    int n = s && ASN1_OCTET_STRING_set(s, bytes.p, (int)bytes.n) ? oracle_sgx_members(v, s) : -1;
    ASN1_OCTET_STRING_free(s);
    ORACLE_WANT(n == (v->platform_ca ? 7 : 5));
    return NULL;
}

static inline const char *oracle_cert_extensions(const struct cert *c, const X509 *x)
{
    static const int nids[] = {NID_authority_key_identifier, NID_subject_key_identifier,
                               NID_crl_distribution_points};
    const bool has[] = {c->has_authority_key_id, c->has_subject_key_id, c->has_crl_points};
    for (int i = 0; i < 3; i++)
        ORACLE_WANT((X509_get_ext_by_NID(x, nids[i], -1) >= 0) == has[i]);
    ASN1_OBJECT *oid = OBJ_txt2obj("1.2.840.113741.1.13.1", 1);
    int at = X509_get_ext_by_OBJ(x, oid, -1);
    ASN1_OBJECT_free(oid);
    ORACLE_WANT((at >= 0) == c->has_sgx);
    const int may[] = {NID_basic_constraints, NID_key_usage, NID_undef};
    ORACLE_WANT(oracle_extensions(X509_get0_extensions(x), may, 3));
    if (at >= 0) {
        const ASN1_OCTET_STRING *s = X509_EXTENSION_get_data(X509_get_ext(x, at));
        return oracle_sgx(&c->sgx,
                          slice_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s)));
    }
    return NULL;
}

static inline const char *oracle_cert_of(const struct cert *c, X509 *x)
{
    const ASN1_BIT_STRING *signature;
    const X509_ALGOR *algorithm;
    uint8_t *der = NULL;
    ORACLE_WANT(X509_get_version(x) == 2);
    ORACLE_WANT(oracle_integer(X509_get0_serialNumber(x), c->serial));
    ORACLE_WANT(oracle_name(X509_get_issuer_name(x), c->issuer));
    ORACLE_WANT(oracle_name(X509_get_subject_name(x), c->subject));
    ORACLE_WANT(oracle_common_name(X509_get_subject_name(x), c->common_name));
    ORACLE_WANT(oracle_time(X509_get0_notBefore(x), c->not_before));
    ORACLE_WANT(oracle_time(X509_get0_notAfter(x), c->not_after));
    ORACLE_WANT(c->not_before <= c->not_after);
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
    bool same = n > 0 && slice_eq(slice_of(der, (size_t)n), c->spki);
    OPENSSL_free(der);
    ORACLE_WANT(same);
    ORACLE_WANT(oracle_key(x, c));
    X509_get0_signature(&signature, &algorithm, x);
    ORACLE_WANT(oracle_signature(signature, algorithm, c->signature));
    der = NULL;
    n = i2d_X509(x, &der); /* the bytes kept from the input, for the part that is signed */
    same = n > 0 && memmem(der, (size_t)n, c->tbs.p, c->tbs.n) != NULL;
    OPENSSL_free(der);
    ORACLE_WANT(same);
    ORACLE_WANT(oracle_constraints(x, c));
    ORACLE_WANT(oracle_usage(x, c));
    return oracle_cert_extensions(c, x);
}

static inline const char *oracle_cert(const struct cert *c, slice der)
{
    const unsigned char *at = der.p;
    X509 *x = d2i_X509(NULL, &at, (long)der.n);
    const char *wrong = x && at == der.p + der.n ? oracle_cert_of(c, x) : "OpenSSL refuses it";
    X509_free(x);
    ERR_clear_error();
    return wrong;
}

/* The entry named by its number in OpenSSL's list, which is in the order of the bytes. */
static inline const char *oracle_entry(const struct crl *c, X509_REVOKED *entry, slice *rest)
{
    const int may[] = {NID_crl_reason, NID_invalidity_date};
    reader list = reader_of(*rest);
    reader e = der_enter(&list, DER_SEQUENCE);
    slice serial = der_magnitude(&e);
    ORACLE_WANT(oracle_integer(X509_REVOKED_get0_serialNumber(entry), serial));
    ORACLE_WANT(oracle_time(X509_REVOKED_get0_revocationDate(entry), der_time(&e)));
    ORACLE_WANT(crl_revokes(c, serial));
    const STACK_OF(X509_EXTENSION) *extensions = X509_REVOKED_get0_extensions(entry);
    ORACLE_WANT(oracle_extensions(extensions, may, 2));
    ORACLE_WANT(X509_REVOKED_get_ext_by_NID(entry, NID_certificate_issuer, -1) < 0);
    int critical;
    ASN1_ENUMERATED *reason = X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, &critical, NULL);
    long value = reason ? ASN1_ENUMERATED_get(reason) : 0;
    bool found = reason || critical == -1;
    ASN1_ENUMERATED_free(reason);
    ORACLE_WANT(found && value >= 0 && value <= 10 && value != 7 && value != 8);
    *rest = list.rest;
    return NULL;
}

static inline const char *oracle_crl_extensions(const struct crl *c, const X509_CRL *x)
{
    int critical;
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(x, NID_crl_number, &critical, NULL);
    bool same = oracle_integer(number, c->number);
    ASN1_INTEGER_free(number);
    ORACLE_WANT(same);
    ORACLE_WANT(X509_CRL_get_ext_by_NID(x, NID_authority_key_identifier, -1) >= 0);
    ORACLE_WANT(X509_CRL_get_ext_by_NID(x, NID_delta_crl, -1) < 0);
    ORACLE_WANT(X509_CRL_get_ext_by_NID(x, NID_issuing_distribution_point, -1) < 0);
    ORACLE_WANT(oracle_extensions(X509_CRL_get0_extensions(x), NULL, 0));
    return NULL;
}

static inline const char *oracle_crl_of(const struct crl *c, X509_CRL *x)
{
    const ASN1_BIT_STRING *signature;
    const X509_ALGOR *algorithm;
    slice rest = c->entries;
    ORACLE_WANT(X509_CRL_get_version(x) == 1);
    ORACLE_WANT(oracle_name(X509_CRL_get_issuer(x), c->issuer));
    ORACLE_WANT(oracle_time(X509_CRL_get0_lastUpdate(x), c->this_update));
    ORACLE_WANT(oracle_time(X509_CRL_get0_nextUpdate(x), c->next_update));
    X509_CRL_get0_signature(x, &signature, &algorithm);
    ORACLE_WANT(oracle_signature(signature, algorithm, c->signature));
    const char *wrong = oracle_crl_extensions(c, x);
    STACK_OF(X509_REVOKED) *revoked = X509_CRL_get_REVOKED(x);
    int n = revoked ? sk_X509_REVOKED_num(revoked) : 0;
    ORACLE_WANT((size_t)n == c->entry_count);
    for (int i = 0; !wrong && i < n; i++)
        wrong = oracle_entry(c, sk_X509_REVOKED_value(revoked, i), &rest);
    if (!wrong)
        ORACLE_WANT(rest.n == 0);
    return wrong;
}

static inline const char *oracle_crl(const struct crl *c, slice der)
{
    const unsigned char *at = der.p;
    X509_CRL *x = d2i_X509_CRL(NULL, &at, (long)der.n);
    const char *wrong = x && at == der.p + der.n ? oracle_crl_of(c, x) : "OpenSSL refuses it";
    X509_CRL_free(x);
    ERR_clear_error();
    return wrong;
}

/* Whether OpenSSL finds that the subject of issuer signed this list, or certificate. */
static inline bool oracle_signed(slice der, slice issuer, bool list)
{
    const unsigned char *at = issuer.p, *a = der.p;
    bool ok = false;
    X509 *above = d2i_X509(NULL, &at, (long)issuer.n);
    EVP_PKEY *key = above ? X509_get0_pubkey(above) : NULL;
    if (key && list) {
        X509_CRL *x = d2i_X509_CRL(NULL, &a, (long)der.n);
        ok = x && X509_CRL_verify(x, key) == 1;
        X509_CRL_free(x);
    } else if (key) {
        X509 *x = d2i_X509(NULL, &a, (long)der.n);
        ok = x && X509_verify(x, key) == 1;
        X509_free(x);
    }
    X509_free(above);
    ERR_clear_error();
    return ok;
}

#endif
