/* Quotes. */
#include "attest/quote.h"
#include "fuzz.h"

static void within(slice part, slice whole, size_t size)
{
    MUST(part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
    MUST(size == 0 || part.n == size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size);
    struct quote q;
    struct tl_why why = {0};
    tl_err err = quote_read(&q, in, &why);
    MUST(utf8_valid(slice_str(why.text)));
    if (err != TL_OK)
        return 0;
    within(q.signed_bytes, in, 0);
    within(q.body, q.signed_bytes, 0);
    within(q.signature, in, 64);
    within(q.attestation_key, in, 64);
    within(q.qe_report, in, SGX_REPORT_SIZE);
    within(q.qe_signature, in, 64);
    within(q.qe_auth, in, 0);
    within(q.cert_data, in, 0);
    MUST(q.trailing < size);
    struct sgx_report report, again;
    sgx_report_read(&report, q.body);
    buf b;
    buf_init(&b, SGX_REPORT_SIZE);
    sgx_report_put(&b, &report);
    MUST(buf_err(&b) == TL_OK && b.n == SGX_REPORT_SIZE);
    sgx_report_read(&again, buf_slice(&b));
    MUST(again.flags == report.flags && again.isv_svn == report.isv_svn &&
         memcmp(again.report_data, report.report_data, 64) == 0 &&
         memcmp(again.mrenclave, report.mrenclave, 32) == 0);
    buf_finish(&b);
    return 0;
}
