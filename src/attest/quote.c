#include "attest/quote.h"

#include "base/reader.h"
#include "base/refuse.h"

#define CERT_FIRST QUOTE_CERT_PPID
#define CERT_LAST  QUOTE_CERT_PCK_CHAIN

const uint8_t quote_intel_vendor_id[16] = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                           0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

/* What precedes the body, as it stands. */
struct head {
    uint16_t body_type;
    uint32_t body_size; /* bytes */
};

static uint32_t size_of_body(uint16_t type)
{
    static const uint32_t sizes[] = {[QUOTE_BODY_SGX] = SGX_REPORT_SIZE,
                                     [QUOTE_BODY_TD10] = TD_REPORT_10_SIZE,
                                     [QUOTE_BODY_TD15] = TD_REPORT_15_SIZE,
                                     [QUOTE_BODY_TD15EX] = TD_REPORT_15EX_SIZE};
    return type < sizeof sizes / sizeof sizes[0] ? sizes[type] : 0;
}

static struct head head_read(reader *r, struct quote *q)
{
    q->version = reader_u16le(r);
    q->key_type = reader_u16le(r);
    q->tee_type = reader_u32le(r);
    q->qe_svn = reader_u16le(r);
    q->pce_svn = reader_u16le(r);
    q->vendor_id = reader_bytes(r, 16);
    q->user_data = reader_bytes(r, 20);
    struct head h;
    if (q->version == 5) {
        h.body_type = reader_u16le(r);
        h.body_size = reader_u32le(r);
    } else { /* these versions know one body for each kind of TEE, and do not describe it */
        h.body_type = quote_is_tdx(q) ? QUOTE_BODY_TD10 : QUOTE_BODY_SGX;
        h.body_size = size_of_body(h.body_type);
    }
    return h;
}

static tl_err header_check(const struct quote *q, struct tl_why *why)
{
    if (REFUSED(q->version < 3 || q->version > 5))
        return tl_explain(why, TL_E_QUOTE, "version",
                          "quote version %u is not 3, 4 or 5; is this a quote, in bytes or hex?",
                          (unsigned)q->version);
    if (REFUSED(q->key_type != QUOTE_KEY_ECDSA_P256))
        return tl_explain(why, TL_E_QUOTE, "key_type",
                          "attestation key type %u is not 2 (ECDSA P-256)", (unsigned)q->key_type);
    if (REFUSED(q->tee_type != TEE_TYPE_SGX && q->tee_type != TEE_TYPE_TDX))
        return tl_explain(why, TL_E_QUOTE, "tee_type", "tee type 0x%x is not 0 (SGX) or 0x81 (TDX)",
                          (unsigned)q->tee_type);
    if (REFUSED(q->version == 3 && q->tee_type != TEE_TYPE_SGX))
        return tl_explain(why, TL_E_QUOTE, "tee_type", "quotes of version 3 are of SGX alone");
    if (REFUSED(!slice_eq(q->vendor_id, SLICE_ARRAY(quote_intel_vendor_id))))
        return tl_explain(why, TL_E_QUOTE, "vendor_id", "the QE vendor id is not Intel's");
    return TL_OK;
}

static tl_err body_check(const struct quote *q, const struct head *h, struct tl_why *why)
{
    uint32_t size = size_of_body(h->body_type);
    if (REFUSED(size == 0))
        return tl_explain(why, TL_E_QUOTE, "body_type", "body type %u is not 1, 2, 3 or 4",
                          (unsigned)h->body_type);
    if (REFUSED(h->body_size != size))
        return tl_explain(why, TL_E_QUOTE, "body_size", "a body of type %u has %u bytes, not %u",
                          (unsigned)h->body_type, (unsigned)size, (unsigned)h->body_size);
    if (REFUSED((h->body_type == QUOTE_BODY_SGX) == quote_is_tdx(q)))
        return tl_explain(why, TL_E_QUOTE, "body_type",
                          "body type %u does not go with tee type 0x%x", (unsigned)h->body_type,
                          (unsigned)q->tee_type);
    return TL_OK;
}

/* The QE's part: last in version 3, and within certification data of type 6 later. */
static tl_err qe_read(struct quote *q, slice bytes)
{
    reader r = reader_of(bytes);
    q->qe_report = reader_bytes(&r, SGX_REPORT_SIZE);
    q->qe_signature = reader_bytes(&r, 64);
    q->qe_auth = reader_bytes(&r, reader_u16le(&r));
    q->cert_type = reader_u16le(&r);
    q->cert_data = reader_bytes(&r, reader_u32le(&r));
    return reader_end(&r);
}

/* PPID, CPUSVN, PCESVN and PCEID. Old quotes with the PPID in clear have no PCEID, as
 * Intel's own sample. PEM is for whoever reads it. */
static bool certification_fits(uint16_t type, size_t n)
{
    enum { SVNS = 16 + 2, PCE_ID = 2 };
    switch (type) {
    case QUOTE_CERT_PPID:
        return n == 16 + SVNS || n == 16 + SVNS + PCE_ID;
    case QUOTE_CERT_PPID_RSA2048:
        return n == 256 + SVNS + PCE_ID;
    case QUOTE_CERT_PPID_RSA3072:
        return n == 384 + SVNS + PCE_ID;
    default:
        return true;
    }
}

static tl_err authentication(struct quote *q, slice bytes, struct tl_why *why)
{
    static const char misfit[] =
        "the quote's authentication data does not have the size that it says";
    reader r = reader_of(bytes);
    uint16_t outer = QUOTE_CERT_QE_REPORT;
    q->signature = reader_bytes(&r, 64);
    q->attestation_key = reader_bytes(&r, 64);
    if (q->version > 3)
        outer = reader_u16le(&r);
    slice inner = reader_bytes(&r, q->version > 3 ? reader_u32le(&r) : r.rest.n);
    tl_err err = reader_end(&r);
    if (err != TL_OK)
        return tl_explain(why, err, "authentication", misfit);
    if (REFUSED(outer != QUOTE_CERT_QE_REPORT))
        return tl_explain(why, TL_E_QUOTE, "certification_type",
                          "certification data of type %u is not the QE's report (type 6)",
                          (unsigned)outer);
    err = qe_read(q, inner);
    if (err != TL_OK)
        return tl_explain(why, err, "authentication", misfit);
    if (REFUSED(q->cert_type < CERT_FIRST || q->cert_type > CERT_LAST))
        return tl_explain(why, TL_E_QUOTE, "certification_type",
                          "certification data of type %u is not of type 1 to 5",
                          (unsigned)q->cert_type);
    if (REFUSED(!certification_fits(q->cert_type, q->cert_data.n)))
        return tl_explain(why, TL_E_QUOTE, "certification_size",
                          "certification data of type %u does not have %zu bytes",
                          (unsigned)q->cert_type, q->cert_data.n);
    return TL_OK;
}

static tl_err too_short(slice bytes, struct tl_why *why)
{
    return tl_explain(why, TL_E_SHORT, "quote", "the quote ends too early (%zu bytes)", bytes.n);
}

tl_err quote_read(struct quote *out, slice bytes, struct tl_why *why)
{
    struct quote q = {0};
    reader r = reader_of(bytes);
    if (REFUSED(bytes.n > QUOTE_MAX))
        return tl_explain(why, TL_E_LIMIT, "quote", "a quote is at most %d bytes long", QUOTE_MAX);
    struct head h = head_read(&r, &q);
    if (r.err != TL_OK)
        return too_short(bytes, why);
    tl_err err = header_check(&q, why);
    if (err == TL_OK)
        err = body_check(&q, &h, why);
    if (err != TL_OK)
        return err;
    q.body_type = (enum quote_body)h.body_type;
    q.body = reader_bytes(&r, h.body_size);
    slice signed_bytes = slice_of(bytes.p, bytes.n - r.rest.n);
    slice auth = reader_bytes(&r, reader_u32le(&r));
    if (r.err != TL_OK)
        return too_short(bytes, why);
    err = authentication(&q, auth, why);
    if (err != TL_OK)
        return err;
    q.signed_bytes = signed_bytes;
    q.trailing = r.rest.n;
    *out = q;
    return TL_OK;
}

void sgx_report_read(struct sgx_report *out, slice body)
{
    struct sgx_report v = {0};
    reader r = reader_of(body);
    reader_copy(&r, v.cpu_svn, sizeof v.cpu_svn);
    v.misc_select = reader_u32le(&r);
    (void)reader_bytes(&r, 12);
    reader_copy(&r, v.isv_ext_prod_id, sizeof v.isv_ext_prod_id);
    v.flags = reader_u64le(&r);
    v.xfrm = reader_u64le(&r);
    reader_copy(&r, v.mrenclave, sizeof v.mrenclave);
    (void)reader_bytes(&r, 32);
    reader_copy(&r, v.mrsigner, sizeof v.mrsigner);
    (void)reader_bytes(&r, 32);
    reader_copy(&r, v.config_id, sizeof v.config_id);
    v.isv_prod_id = reader_u16le(&r);
    v.isv_svn = reader_u16le(&r);
    v.config_svn = reader_u16le(&r);
    (void)reader_bytes(&r, 42);
    reader_copy(&r, v.isv_family_id, sizeof v.isv_family_id);
    reader_copy(&r, v.report_data, sizeof v.report_data);
    *out = v;
}

static void zeros(buf *b, size_t n)
{
    uint8_t *p = buf_grow(b, n);
    if (p)
        memset(p, 0, n);
}

void sgx_report_put(buf *b, const struct sgx_report *v)
{
    buf_bytes(b, SLICE_ARRAY(v->cpu_svn));
    buf_u32le(b, v->misc_select);
    zeros(b, 12);
    buf_bytes(b, SLICE_ARRAY(v->isv_ext_prod_id));
    buf_u64le(b, v->flags);
    buf_u64le(b, v->xfrm);
    buf_bytes(b, SLICE_ARRAY(v->mrenclave));
    zeros(b, 32);
    buf_bytes(b, SLICE_ARRAY(v->mrsigner));
    zeros(b, 32);
    buf_bytes(b, SLICE_ARRAY(v->config_id));
    buf_u16le(b, v->isv_prod_id);
    buf_u16le(b, v->isv_svn);
    buf_u16le(b, v->config_svn);
    zeros(b, 42);
    buf_bytes(b, SLICE_ARRAY(v->isv_family_id));
    buf_bytes(b, SLICE_ARRAY(v->report_data));
}
