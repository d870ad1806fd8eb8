#include "tee/sim_quote.h"

#define QE_SVN  1
#define PCE_SVN 1

static const uint8_t simulated_svn[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

tl_err sim_qe_make(struct sim_qe *out, struct es256_key *pck, const struct es256_key *attestation)
{
    struct sim_qe v = {0};
    struct cose_ec2 point;
    buf b;
    es256_point(attestation, &point);
    for (size_t i = 0; i < sizeof v.auth; i++)
        v.auth[i] = (uint8_t)i; /* as Intel's QE has them */
    slice parts[3] = {SLICE_ARRAY(point.x), SLICE_ARRAY(point.y), SLICE_ARRAY(v.auth)};
    hash32 h = sha256_parts(parts, 3);
    hash32 enclave = sha256(slice_str("teelog simulated QE"));
    hash32 signer = sha256(slice_str("teelog simulated QE signer"));
    struct sgx_report report = {
        .flags = SGX_FLAG_INIT | SGX_FLAG_MODE64BIT,
        .xfrm = 3,
        .isv_prod_id = 1,
        .isv_svn = QE_SVN,
    };
    memcpy(report.cpu_svn, simulated_svn, sizeof report.cpu_svn);
    memcpy(report.mrenclave, enclave.b, sizeof report.mrenclave);
    memcpy(report.mrsigner, signer.b, sizeof report.mrsigner);
    memcpy(report.report_data, h.b, sizeof h.b);
    buf_init_fixed(&b, v.report, sizeof v.report);
    sgx_report_put(&b, &report);
    hash32 digest = sha256(SLICE_ARRAY(v.report));
    tl_err err = es256_sign(pck, &digest, v.signature);
    if (err == TL_OK)
        *out = v;
    return err;
}

void sim_quote_plan(struct sim_quote *out, const struct sim_qe *qe, struct es256_key *attestation,
                    slice pem)
{
    struct sim_quote q = {
        .attestation = attestation,
        .qe_report = SLICE_ARRAY(qe->report),
        .qe_signature = SLICE_ARRAY(qe->signature),
        .qe_auth = SLICE_ARRAY(qe->auth),
        .cert_type = QUOTE_CERT_PCK_CHAIN,
        .cert_data = pem,
        .body = {.flags = SGX_FLAG_INIT | SGX_FLAG_MODE64BIT, .xfrm = 3},
    };
    buf b;
    memcpy(q.body.cpu_svn, simulated_svn, sizeof q.body.cpu_svn);
    buf_init_fixed(&b, q.header, sizeof q.header);
    buf_u16le(&b, 3);
    buf_u16le(&b, QUOTE_KEY_ECDSA_P256);
    buf_u32le(&b, 0); /* tee type: SGX */
    buf_u16le(&b, QE_SVN);
    buf_u16le(&b, PCE_SVN);
    buf_bytes(&b, SLICE_ARRAY(quote_intel_vendor_id));
    *out = q;
}

tl_err sim_quote_put(buf *b, const struct sim_quote *q)
{
    struct cose_ec2 key;
    uint8_t signature[64];
    size_t start = b->n;
    buf_bytes(b, SLICE_ARRAY(q->header));
    sgx_report_put(b, &q->body);
    if (buf_err(b) != TL_OK)
        return buf_err(b);
    hash32 digest = sha256(slice_of(b->p + start, b->n - start));
    tl_err err = es256_sign(q->attestation, &digest, signature);
    if (err != TL_OK)
        return err;
    es256_point(q->attestation, &key);
    buf_u32le(
        b, (uint32_t)(64 + 64 + SGX_REPORT_SIZE + 64 + 2 + q->qe_auth.n + 2 + 4 + q->cert_data.n));
    buf_bytes(b, SLICE_ARRAY(signature));
    buf_bytes(b, SLICE_ARRAY(key.x));
    buf_bytes(b, SLICE_ARRAY(key.y));
    buf_bytes(b, q->qe_report);
    buf_bytes(b, q->qe_signature);
    buf_u16le(b, (uint16_t)q->qe_auth.n);
    buf_bytes(b, q->qe_auth);
    buf_u16le(b, q->cert_type);
    buf_u32le(b, (uint32_t)q->cert_data.n);
    buf_bytes(b, q->cert_data);
    return buf_err(b);
}
