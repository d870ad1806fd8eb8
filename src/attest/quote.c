#include "attest/quote.h"

#include "base/reader.h"
#include "base/refuse.h"

#define QUOTE_VERSION 3
#define TEE_TYPE_SGX  0

const uint8_t quote_intel_vendor_id[16] = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                           0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

static void header(reader *r, struct quote *q)
{
    q->version = reader_u16le(r);
    q->key_type = reader_u16le(r);
    q->tee_type = reader_u32le(r);
    q->qe_svn = reader_u16le(r);
    q->pce_svn = reader_u16le(r);
    q->vendor_id = reader_bytes(r, 16);
    q->user_data = reader_bytes(r, 20);
}

static tl_err header_check(const struct quote *q, struct tl_why *why)
{
    if (REFUSED(q->version != QUOTE_VERSION))
        return tl_explain(why, TL_E_QUOTE, "version", "quote version %u is not %u",
                          (unsigned)q->version, QUOTE_VERSION);
    if (REFUSED(q->key_type != QUOTE_KEY_ECDSA_P256))
        return tl_explain(why, TL_E_QUOTE, "key_type",
                          "attestation key type %u is not 2 (ECDSA P-256)", (unsigned)q->key_type);
    if (REFUSED(q->tee_type != TEE_TYPE_SGX))
        return tl_explain(why, TL_E_QUOTE, "tee_type", "tee type %u is not 0 (SGX)",
                          (unsigned)q->tee_type);
    if (REFUSED(!slice_eq(q->vendor_id, SLICE_ARRAY(quote_intel_vendor_id))))
        return tl_explain(why, TL_E_QUOTE, "vendor_id", "the QE vendor id is not Intel's");
    return TL_OK;
}

static tl_err authentication(struct quote *q, slice bytes)
{
    reader r = reader_of(bytes);
    q->signature = reader_bytes(&r, 64);
    q->attestation_key = reader_bytes(&r, 64);
    q->qe_report = reader_bytes(&r, SGX_REPORT_SIZE);
    q->qe_signature = reader_bytes(&r, 64);
    q->qe_auth = reader_bytes(&r, reader_u16le(&r));
    q->cert_type = reader_u16le(&r);
    q->cert_data = reader_bytes(&r, reader_u32le(&r));
    return reader_end(&r);
}

static tl_err too_short(slice bytes, struct tl_why *why)
{
    return tl_explain(why, TL_E_SHORT, "quote", "the quote ends too early (%zu bytes)", bytes.n);
}

tl_err quote_read(struct quote *out, slice bytes, struct tl_why *why)
{
    struct quote q = {0};
    reader r = reader_of(bytes);
    header(&r, &q);
    if (r.err != TL_OK)
        return too_short(bytes, why);
    /* What follows has other sizes in other versions. */
    tl_err err = header_check(&q, why);
    if (err != TL_OK)
        return err;
    q.body = reader_bytes(&r, SGX_REPORT_SIZE);
    slice auth = reader_bytes(&r, reader_u32le(&r));
    if (r.err != TL_OK)
        return too_short(bytes, why);
    err = authentication(&q, auth);
    if (err != TL_OK)
        return tl_explain(why, err, "authentication",
                          "the quote's authentication data does not have the size it says");
    q.signed_bytes = slice_of(bytes.p, QUOTE_SIGNED_SIZE);
    q.trailing = r.rest.n;
    *out = q;
    return TL_OK;
}

static uint64_t u64le(reader *r)
{
    uint64_t low = reader_u32le(r);
    return (uint64_t)reader_u32le(r) << 32 | low;
}

void sgx_report_read(struct sgx_report *out, slice body)
{
    struct sgx_report v = {0};
    reader r = reader_of(body);
    reader_copy(&r, v.cpu_svn, sizeof v.cpu_svn);
    v.misc_select = reader_u32le(&r);
    (void)reader_bytes(&r, 28);
    v.flags = u64le(&r);
    v.xfrm = u64le(&r);
    reader_copy(&r, v.mrenclave, sizeof v.mrenclave);
    (void)reader_bytes(&r, 32);
    reader_copy(&r, v.mrsigner, sizeof v.mrsigner);
    (void)reader_bytes(&r, 96);
    v.isv_prod_id = reader_u16le(&r);
    v.isv_svn = reader_u16le(&r);
    (void)reader_bytes(&r, 60);
    reader_copy(&r, v.report_data, sizeof v.report_data);
    *out = v;
}

static void zeros(buf *b, size_t n)
{
    uint8_t *p = buf_grow(b, n);
    if (p)
        memset(p, 0, n);
}

static void put_u64le(buf *b, uint64_t v)
{
    buf_u32le(b, (uint32_t)v);
    buf_u32le(b, (uint32_t)(v >> 32));
}

void sgx_report_put(buf *b, const struct sgx_report *v)
{
    buf_bytes(b, SLICE_ARRAY(v->cpu_svn));
    buf_u32le(b, v->misc_select);
    zeros(b, 28);
    put_u64le(b, v->flags);
    put_u64le(b, v->xfrm);
    buf_bytes(b, SLICE_ARRAY(v->mrenclave));
    zeros(b, 32);
    buf_bytes(b, SLICE_ARRAY(v->mrsigner));
    zeros(b, 96);
    buf_u16le(b, v->isv_prod_id);
    buf_u16le(b, v->isv_svn);
    zeros(b, 60);
    buf_bytes(b, SLICE_ARRAY(v->report_data));
}
