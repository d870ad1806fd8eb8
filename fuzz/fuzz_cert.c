/* Certificates and the SGX extension: what we accept, OpenSSL accepts as the same. */
#include "fuzz.h"
#include "x509_oracle.h"

static void extension(slice in)
{
    struct sgx_extension v, again;
    if (sgx_extension_read(&v, in) != TL_OK)
        return;
    MUST(oracle_sgx(&v, in) == NULL);
    /* Elements may stand in any order, so the bytes need not be the same. */
    buf b;
    buf_init(&b, in.n + 64);
    sgx_extension_put(&b, &v);
    MUST(buf_err(&b) == TL_OK);
    MUST(sgx_extension_read(&again, buf_slice(&b)) == TL_OK);
    MUST(memcmp(again.fmspc, v.fmspc, sizeof v.fmspc) == 0 && again.pce_svn == v.pce_svn &&
         memcmp(again.components, v.components, sizeof v.components) == 0);
    buf_finish(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size);
    struct cert c;
    extension(in);
    if (cert_read(&c, in) != TL_OK)
        return 0;
    MUST(c.serial.n >= 1 && c.serial.n <= 20);
    MUST(c.tbs.p > data && c.tbs.p + c.tbs.n <= data + size);
    MUST(c.spki.p >= c.tbs.p && c.spki.p + c.spki.n <= c.tbs.p + c.tbs.n);
    const char *wrong = oracle_cert(&c, in);
    if (wrong)
        fprintf(stderr, "OpenSSL: %s\n", wrong);
    MUST(!wrong);
    (void)!point_verify(c.x, c.y, c.tbs, c.signature);
    return 0;
}
