/* Certificates: what we accept, OpenSSL accepts as the same. */
#include "fuzz.h"
#include "x509_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size);
    struct cert c;
    if (cert_read(&c, in) != TL_OK)
        return 0;
    MUST(c.serial.n >= 1 && c.serial.n <= 20);
    MUST(c.tbs.p > data && c.tbs.p + c.tbs.n <= data + size);
    MUST(c.spki.p >= c.tbs.p && c.spki.p + c.spki.n <= c.tbs.p + c.tbs.n);
    if (!takes_turn())
        return 0;
    const char *wrong = oracle_cert(&c, in);
    if (wrong)
        fprintf(stderr, "OpenSSL: %s\n", wrong);
    MUST(!wrong);
    (void)!point_verify(c.x, c.y, c.tbs, c.signature);
    return 0;
}
