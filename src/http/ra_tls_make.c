/* A key, a quote over it, and the certificate that carries both. */
#include "attest/ratls.h"
#include "http/ra_tls.h"
#include "http/tls.h"

#include "crypto/secret.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define EARLY_S 3600 /* clocks differ */

/* All on the way to a certificate. */
struct making {
    EVP_PKEY *key;
    X509 *cert;
    uint8_t *spki;
    int spki_n;
    buf quote, event_log;
};

static bool add_extension(X509 *cert, const char *oid, const buf *value)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *bytes = ASN1_OCTET_STRING_new();
    X509_EXTENSION *e = NULL;
    bool good = object && bytes && ASN1_OCTET_STRING_set(bytes, value->p, (int)value->n) == 1;
    if (good)
        e = X509_EXTENSION_create_by_OBJ(NULL, object, 0, bytes);
    good = e && X509_add_ext(cert, e, -1) == 1;
    X509_EXTENSION_free(e);
    ASN1_OCTET_STRING_free(bytes);
    ASN1_OBJECT_free(object);
    return good;
}

static tl_err add_evidence(struct making *m, struct tee *tee, slice collateral)
{
    const struct evidence item = tee_evidence(tee, &m->quote, &m->event_log);
    buf dice, cmw;
    buf_init(&dice, 2 * RATLS_MAX);
    buf_init(&cmw, 2 * RATLS_MAX + collateral.n);
    ratls_dice_put(&dice, item.quote, slice_of(m->spki, (size_t)m->spki_n));
    ratls_cmw_put(&cmw, &item, collateral);
    tl_err err = buf_err(&dice) != TL_OK ? buf_err(&dice) : buf_err(&cmw);
    if (err == TL_OK && (!add_extension(m->cert, "2.23.133.5.4.9", &dice) ||
                         !add_extension(m->cert, "1.3.6.1.5.5.7.1.35", &cmw)))
        err = TL_E_CRYPTO;
    buf_finish(&dice);
    buf_finish(&cmw);
    return err;
}

/* Positive, and of full length (RFC 5280 section 4.1.2.2). */
static bool number(X509 *cert)
{
    uint8_t serial[16];
    BIGNUM *n = NULL;
    if (random_bytes(serial, sizeof serial) == TL_OK) {
        serial[0] = (uint8_t)(serial[0] & 0x3f) | 0x40;
        n = BN_bin2bn(serial, sizeof serial, NULL);
    }
    bool good = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert));
    BN_free(n);
    return good;
}

static bool begin(struct making *m, uint64_t now, unsigned good_for_s)
{
    static const unsigned char name[] = "teelog";
    X509_free(m->cert);
    X509 *c = m->cert = X509_new();
    if (!c || X509_set_version(c, X509_VERSION_3) != 1 || !number(c) ||
        !ASN1_TIME_set(X509_getm_notBefore(c), (time_t)(now - EARLY_S)) ||
        !ASN1_TIME_set(X509_getm_notAfter(c), (time_t)(now + good_for_s)))
        return false;
    X509_NAME *subject = X509_get_subject_name(c);
    return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, name, -1, -1, 0) == 1 &&
           X509_set_issuer_name(c, subject) == 1 && X509_set_pubkey(c, m->key) == 1;
}

static tl_err sign(struct making *m, struct tee *tee, slice collateral, uint64_t now,
                   unsigned good_for_s)
{
    if (!begin(m, now, good_for_s))
        return TL_E_CRYPTO;
    tl_err err = add_evidence(m, tee, collateral);
    return err == TL_OK && X509_sign(m->cert, m->key, EVP_sha256()) == 0 ? TL_E_CRYPTO : err;
}

static bool is_too_large(const struct making *m)
{
    return i2d_X509(m->cert, NULL) > RATLS_MAX;
}

static tl_err make(struct making *m, struct tee *tee, slice collateral, uint64_t now,
                   unsigned good_for_s, struct tl_why *why)
{
    uint8_t report_data[64];
    m->key = EVP_EC_gen("P-256");
    m->spki_n = m->key ? i2d_PUBKEY(m->key, &m->spki) : 0;
    if (m->spki_n <= 0)
        return TL_E_CRYPTO;
    ratls_report_data(report_data, slice_of(m->spki, (size_t)m->spki_n));
    tl_err err = tee_quote(tee, report_data, &m->quote, &m->event_log, why);
    if (err == TL_OK)
        err = sign(m, tee, collateral, now, good_for_s);
    if (err == TL_OK && collateral.p && is_too_large(m))
        err = sign(m, tee, (slice){NULL, 0}, now, good_for_s);
    if (err == TL_OK && is_too_large(m))
        err =
            tl_explain(why, TL_E_LIMIT, "ra-tls",
                       "the platform's event log is too large for a certificate; give --tls-cert");
    return err;
}

void ra_tls_identity_free(struct ra_tls_identity *i)
{
    EVP_PKEY_free(i->key); /* clears the private number, where no context has it */
    X509_free(i->cert);
    *i = (struct ra_tls_identity){NULL, NULL};
}

tl_err ra_tls_identity_make(struct ra_tls_identity *out, struct tee *tee, slice collateral,
                            uint64_t now, unsigned good_for_s, struct tl_why *why)
{
    struct making m = {.key = NULL};
    buf_init(&m.quote, TEE_QUOTE_MAX);
    buf_init(&m.event_log, TEE_EVENT_LOG_MAX);
    tl_err err = make(&m, tee, collateral, now, good_for_s, why);
    ERR_clear_error();
    OPENSSL_free(m.spki);
    buf_finish(&m.quote);
    buf_finish(&m.event_log);
    struct ra_tls_identity made = {.cert = m.cert, .key = m.key};
    if (err == TL_OK)
        *out = made;
    else
        ra_tls_identity_free(&made);
    return err;
}

tl_err ra_tls_make(SSL_CTX **out, struct tee *tee, slice collateral, uint64_t now,
                   unsigned good_for_s, struct tl_why *why)
{
    struct ra_tls_identity i = {NULL, NULL};
    tl_err err = ra_tls_identity_make(&i, tee, collateral, now, good_for_s, why);
    if (err == TL_OK)
        err = tls_from_key(out, i.cert, i.key);
    ERR_clear_error();
    ra_tls_identity_free(&i);
    return err;
}
