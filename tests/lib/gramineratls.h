/* What Gramine's RA-TLS verifier (1.8 and later) asks of a certificate before it judges the
 * quote in it, written down from how it behaves:
 *
 * - a key of P-384 or P-256
 * - it looks for the bytes of the OID, with tag and length, from the first byte of the
 *   extensions on, and takes what stands behind the first place where it finds them
 * - the extension is not critical; its value has a length of two bytes, and is 128 to 8192
 *   bytes long
 * - tag 60000, an array of two byte strings; report data begin with SHA-256 of the second
 * - that is a map from texts, in which "pubkey-hash" is the CBOR of [hash, digest of the key]
 *
 * It does not look at names, validity, or who signed the certificate. */
#ifndef GRAMINERATLS_H
#define GRAMINERATLS_H

#include "codec/cbor.h"
#include "crypto/hash.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#define GRAMINE_QUOTE_BODY  432 /* bytes before the length of the signature */
#define GRAMINE_REPORT_DATA 368 /* where they stand in a quote of SGX */

/* The value that it finds in these extensions; .p == NULL: none that it takes. */
static inline slice gramine_evidence(slice extensions)
{
    static const uint8_t oid[8] = {0x06, 0x06, 0x67, 0x81, 0x05, 0x05, 0x04, 0x09};
    const slice none = {NULL, 0};
    const uint8_t *end = extensions.p + extensions.n;
    const uint8_t *p = memmem(extensions.p, extensions.n, oid, sizeof oid);
    if (!p)
        return none;
    p += sizeof oid;
    if (end - p > 3 && p[0] == 1) {
        if (p[1] != 1 || p[2] != 0)
            return none; /* critical */
        p += 3;
    }
    if (end - p < 4 || p[0] != 4 || p[1] != 0x82)
        return none;
    size_t n = (size_t)p[2] << 8 | p[3];
    p += 4;
    return n < 128 || n > 8192 || n > (size_t)(end - p) ? none : slice_of(p, n);
}

static inline bool gramine_key_known(X509 *cert)
{
    char group[32] = "";
    size_t n;
    EVP_PKEY *key = X509_get0_pubkey(cert);
    return key && EVP_PKEY_get_group_name(key, group, sizeof group, &n) == 1 &&
           (strcmp(group, "prime256v1") == 0 || strcmp(group, "secp384r1") == 0);
}

/* NULL where it goes on to judge the quote; else what it stumbles over. */
static inline const char *gramine_refuses(slice der, slice extensions)
{
    const unsigned char *at = der.p;
    uint8_t *spki = NULL;
    X509 *cert = d2i_X509(NULL, &at, (long)der.n);
    if (!cert || at != der.p + der.n)
        return "no certificate";
    bool known = gramine_key_known(cert);
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &spki);
    hash32 key = sha256(slice_of(spki, n > 0 ? (size_t)n : 0));
    OPENSSL_free(spki);
    X509_free(cert);
    if (!known)
        return "the key's curve";
    slice value = gramine_evidence(extensions);
    if (!value.p)
        return "the extension";
    cbor c = cbor_of(value);
    cbor_tag(&c, 60000);
    cbor_array_of(&c, 2);
    slice quote = cbor_bytes(&c), claims = cbor_bytes(&c);
    if (cbor_end(&c) != TL_OK || quote.n < GRAMINE_QUOTE_BODY)
        return "the evidence";
    hash32 digest = sha256(claims);
    if (memcmp(quote.p + GRAMINE_REPORT_DATA, digest.b, sizeof digest.b) != 0)
        return "the report data";
    c = cbor_of(claims);
    cbor_map_of(&c, 1);
    if (!slice_eq_str(cbor_text(&c), "pubkey-hash"))
        return "the claims";
    cbor hash = cbor_of(cbor_bytes(&c));
    cbor_array_of(&hash, 2);
    if (cbor_uint(&hash, 8) != 1 || !slice_eq(cbor_bytes(&hash), hash_slice(&key)) ||
        cbor_end(&hash) != TL_OK || cbor_end(&c) != TL_OK)
        return "the key's hash";
    return NULL;
}

#endif
