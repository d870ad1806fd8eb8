/* Revocation lists: what we accept, OpenSSL accepts as the same, and finds the same
 * serial numbers in it. */
#include "fuzz.h"
#include "x509_oracle.h"

/* OpenSSL's part looks up every entry, which is quadratic. */
#define ENTRIES 200

/* Looks for a serial number here and there. */
static void look_up(const struct crl *c, X509_CRL *x, slice serial)
{
    X509_REVOKED *found = NULL;
    BIGNUM *n = BN_bin2bn(serial.p, (int)serial.n, NULL);
    ASN1_INTEGER *number = BN_to_ASN1_INTEGER(n, NULL);
    MUST(number);
    int theirs = X509_CRL_get0_by_serial(x, &found, number);
    MUST((theirs != 0) == crl_revokes(c, serial));
    ASN1_INTEGER_free(number);
    BN_free(n);
}

static void look_about(const struct crl *c, slice der)
{
    static const uint8_t some[] = {1, 2, 3, 4, 5, 6};
    const unsigned char *at = der.p;
    X509_CRL *x = d2i_X509_CRL(NULL, &at, (long)der.n);
    MUST(x);
    for (size_t n = 1; n <= sizeof some; n++)
        look_up(c, x, slice_of(some, n));
    /* Bytes from within it, where they are a magnitude. */
    for (size_t i = 0; i + 4 <= c->entries.n && i < 64; i++)
        if (c->entries.p[i])
            look_up(c, x, slice_of(c->entries.p + i, 1 + i % 4));
    X509_CRL_free(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size);
    struct crl c;
    if (crl_read(&c, in) != TL_OK)
        return 0;
    MUST(c.tbs.p > data && c.tbs.p + c.tbs.n <= data + size);
    MUST(c.entry_count == 0 || (c.entries.p > c.tbs.p && c.entries.p < c.tbs.p + c.tbs.n));
    if (c.entry_count > ENTRIES || !takes_turn())
        return 0;
    const char *wrong = oracle_crl(&c, in);
    if (wrong)
        fprintf(stderr, "OpenSSL: %s\n", wrong);
    MUST(!wrong);
    look_about(&c, in);
    return 0;
}
