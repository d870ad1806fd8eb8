/* Attested certificates, read and verified without a policy, under which none is good.
 * What is read of the extensions, encoded again, stands in the certificate. */
#include "attest/ratls.h"
#include "fuzz.h"

static void must_contain(buf *b, slice in)
{
    MUST(buf_err(b) == TL_OK);
    MUST(memmem(in.p, in.n, b->p, b->n));
    buf_finish(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size);
    struct ratls_cert c;
    if (ratls_read(&c, in, NULL) != TL_OK)
        return 0;
    buf b;
    if (c.has_cmw) {
        buf_init(&b, size);
        ratls_cmw_put(&b, &c.item, c.collateral);
        must_contain(&b, in);
    }
    if (c.quote.p && c.claims.n == RATLS_CLAIMS) {
        buf_init(&b, size + 100);
        ratls_dice_put(&b, c.quote, c.cert.spki);
        MUST(b.n > RATLS_CLAIMS && buf_err(&b) == TL_OK);
        b.n -= RATLS_CLAIMS; /* the certificate's may be of another key */
        must_contain(&b, in);
    }
    struct ratls_report r;
    memset(&r, 0x55, sizeof r);
    const struct evidence_context context = {.time = FUZZ_TIME};
    ratls_verify(&r, in, RATLS_SERVICE, &context);
    MUST(!r.ok && r.stage && r.detail[0]);
    MUST(memchr(r.detail, 0, sizeof r.detail) && utf8_valid(slice_str(r.detail)));
    return 0;
}
