/* Revocation lists: what we accept, OpenSSL accepts as the same, and finds the same
 * serial numbers in it. */
#include "fuzz.h"
#include "x509_oracle.h"

/* Looks for a serial number here and there. */
static void look_up(const struct crl *c, slice der, slice serial)
{
    const unsigned char *at = der.p;
    X509_REVOKED *found = NULL;
    X509_CRL *x = d2i_X509_CRL(NULL, &at, (long)der.n);
    BIGNUM *n = BN_bin2bn(serial.p, (int)serial.n, NULL);
    ASN1_INTEGER *number = BN_to_ASN1_INTEGER(n, NULL);
    MUST(x && number);
    int theirs = X509_CRL_get0_by_serial(x, &found, number);
    MUST((theirs != 0) == crl_revokes(c, serial));
    ASN1_INTEGER_free(number);
    BN_free(n);
    X509_CRL_free(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size);
    static const uint8_t some[] = {1, 2, 3, 4, 5, 6};
    struct crl c;
    if (crl_read(&c, in) != TL_OK)
        return 0;
    MUST(c.tbs.p > data && c.tbs.p + c.tbs.n <= data + size);
    MUST(c.entry_count == 0 || (c.entries.p > c.tbs.p && c.entries.p < c.tbs.p + c.tbs.n));
    const char *wrong = oracle_crl(&c, in);
    if (wrong)
        fprintf(stderr, "OpenSSL: %s\n", wrong);
    MUST(!wrong);
    for (size_t n = 1; n <= sizeof some; n++)
        look_up(&c, in, slice_of(some, n));
    /* Bytes from within it, where they are a magnitude. */
    for (size_t i = 0; i + 4 <= c.entries.n && i < 64; i++)
        if (c.entries.p[i])
            look_up(&c, in, slice_of(c.entries.p + i, 1 + i % 4));
    return 0;
}
