/* Quotes: one that is read is written again from what was read, byte for byte. */
#include "attest/quote.h"
#include "fuzz.h"

static void put_qe(buf *b, const struct quote *q)
{
    buf_bytes(b, q->qe_report);
    buf_bytes(b, q->qe_signature);
    buf_u16le(b, (uint16_t)q->qe_auth.n);
    buf_bytes(b, q->qe_auth);
    buf_u16le(b, q->cert_type);
    buf_u32le(b, (uint32_t)q->cert_data.n);
    buf_bytes(b, q->cert_data);
}

static void put_head(buf *b, const struct quote *q)
{
    buf_u16le(b, q->version);
    buf_u16le(b, q->key_type);
    buf_u32le(b, q->tee_type);
    buf_u16le(b, q->qe_svn);
    buf_u16le(b, q->pce_svn);
    buf_bytes(b, q->vendor_id);
    buf_bytes(b, q->user_data);
    if (q->version == 5) {
        buf_u16le(b, (uint16_t)q->body_type);
        buf_u32le(b, (uint32_t)q->body.n);
    }
    buf_bytes(b, q->body);
}

static void put_again(buf *b, const struct quote *q)
{
    size_t inner = SGX_REPORT_SIZE + 64 + 2 + q->qe_auth.n + 2 + 4 + q->cert_data.n;
    put_head(b, q);
    MUST(slice_eq(buf_slice(b), q->signed_bytes));
    buf_u32le(b, (uint32_t)(128 + (q->version > 3 ? 6u : 0u) + inner));
    buf_bytes(b, q->signature);
    buf_bytes(b, q->attestation_key);
    if (q->version > 3) {
        buf_u16le(b, QUOTE_CERT_QE_REPORT);
        buf_u32le(b, (uint32_t)inner);
    }
    put_qe(b, q);
}

/* A report's reserved bytes are not kept, so a second turn must change nothing. */
static void sgx_twice(slice body)
{
    struct sgx_report report;
    uint8_t first[SGX_REPORT_SIZE], second[SGX_REPORT_SIZE];
    buf b;
    sgx_report_read(&report, body);
    buf_init_fixed(&b, first, sizeof first);
    sgx_report_put(&b, &report);
    MUST(buf_err(&b) == TL_OK && b.n == sizeof first);
    sgx_report_read(&report, SLICE_ARRAY(first));
    buf_init_fixed(&b, second, sizeof second);
    sgx_report_put(&b, &report);
    MUST(memcmp(first, second, sizeof first) == 0);
}

static void td_again(slice body)
{
    struct td_report report;
    uint8_t bytes[TD_REPORT_15EX_SIZE];
    buf b;
    td_report_read(&report, body);
    buf_init_fixed(&b, bytes, sizeof bytes);
    td_report_put(&b, &report);
    MUST(buf_err(&b) == TL_OK && slice_eq(buf_slice(&b), body));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size);
    struct quote q;
    struct tl_why why = {0};
    tl_err err = quote_read(&q, in, &why);
    MUST(utf8_valid(slice_str(why.text)));
    if (err != TL_OK) {
        MUST(why.text[0]);
        return 0;
    }
    buf b;
    buf_init(&b, size);
    put_again(&b, &q);
    MUST(buf_err(&b) == TL_OK && b.n + q.trailing == size && memcmp(b.p, data, b.n) == 0);
    buf_finish(&b);
    sgx_twice(q.qe_report);
    if (quote_is_tdx(&q))
        td_again(q.body);
    else
        sgx_twice(q.body);
    return 0;
}
