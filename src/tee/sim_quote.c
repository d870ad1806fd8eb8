#include "tee/sim_quote.h"

#define PCE_SVN 1
/* XFAM as guests on current processors have it: x87, SSE, AVX, AVX-512, CET, AMX. */
#define TD_XFAM UINT64_C(0x602e7)

static const uint8_t simulated_svn[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
const uint8_t sim_tdx_svn[16] = {5, 1, 3};

bool sim_kind_is_tdx(enum sim_kind kind)
{
    return kind == SIM_TDX_V4 || kind == SIM_TDX_V5_10 || kind == SIM_TDX_V5_15;
}

static hash32 label(const char *text)
{
    return sha256(slice_str(text));
}

void sim_qe_signer(uint8_t mrsigner[32], bool td)
{
    hash32 h = label(td ? "teelog simulated TD QE signer" : "teelog simulated QE signer");
    memcpy(mrsigner, h.b, sizeof h.b);
}

void sim_qe_report(struct sgx_report *out, bool td, const struct es256_key *attestation, slice auth)
{
    struct cose_ec2 point;
    es256_point(attestation, &point);
    slice parts[3] = {SLICE_ARRAY(point.x), SLICE_ARRAY(point.y), auth};
    hash32 data = sha256_parts(parts, 3);
    hash32 enclave = label(td ? "teelog simulated TD QE" : "teelog simulated QE");
    *out = (struct sgx_report){
        /* As Intel's QE, which asks the PCE for what it needs the provisioning key for. */
        .flags = SGX_FLAG_INIT | SGX_FLAG_MODE64BIT | SGX_FLAG_PROVISION_KEY,
        .xfrm = 3,
        .isv_prod_id = td ? SIM_TD_QE_PROD_ID : SIM_QE_PROD_ID,
        .isv_svn = SIM_QE_SVN,
    };
    memcpy(out->cpu_svn, simulated_svn, sizeof out->cpu_svn);
    memcpy(out->mrenclave, enclave.b, sizeof out->mrenclave);
    sim_qe_signer(out->mrsigner, td);
    memcpy(out->report_data, data.b, sizeof data.b);
}

static tl_err make_qe(struct sim_qe *out, bool td, struct es256_key *pck,
                      const struct es256_key *attestation)
{
    struct sim_qe v = {0};
    struct sgx_report report;
    buf b;
    for (size_t i = 0; i < sizeof v.auth; i++)
        v.auth[i] = (uint8_t)i; /* as Intel's QE has them */
    sim_qe_report(&report, td, attestation, SLICE_ARRAY(v.auth));
    buf_init_fixed(&b, v.report, sizeof v.report);
    sgx_report_put(&b, &report);
    hash32 digest = sha256(SLICE_ARRAY(v.report));
    tl_err err = es256_sign(pck, &digest, v.signature);
    if (err == TL_OK)
        *out = v;
    return err;
}

tl_err sim_qe_make(struct sim_qe *out, struct es256_key *pck, const struct es256_key *attestation)
{
    return make_qe(out, false, pck, attestation);
}

tl_err sim_td_qe_make(struct sim_qe *out, struct es256_key *pck,
                      const struct es256_key *attestation)
{
    return make_qe(out, true, pck, attestation);
}

static void put_header(struct sim_quote *q, uint16_t version, bool tdx)
{
    buf b;
    buf_init_fixed(&b, q->header, sizeof q->header);
    buf_u16le(&b, version);
    buf_u16le(&b, QUOTE_KEY_ECDSA_P256);
    buf_u32le(&b, tdx ? TEE_TYPE_TDX : TEE_TYPE_SGX);
    buf_u16le(&b, version == 3 ? SIM_QE_SVN : 0); /* reserved from version 4 on */
    buf_u16le(&b, version == 3 ? PCE_SVN : 0);
    buf_bytes(&b, SLICE_ARRAY(quote_intel_vendor_id));
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
    memcpy(q.body.cpu_svn, simulated_svn, sizeof q.body.cpu_svn);
    put_header(&q, 3, false);
    *out = q;
}

static void measure(uint8_t out[48], const char *text)
{
    sha384(slice_str(text), out);
}

static void plan_td(struct td_report *td, bool has_15)
{
    *td = (struct td_report){
        .td_attributes = TD_ATTR_SEPT_VE_DISABLE,
        .xfam = TD_XFAM,
        .has_15 = has_15,
    };
    memcpy(td->tee_tcb_svn, sim_tdx_svn, sizeof td->tee_tcb_svn);
    if (has_15)
        memcpy(td->tee_tcb_svn2, sim_tdx_svn, sizeof td->tee_tcb_svn2);
    measure(td->mr_seam, "teelog simulated TDX module");
    measure(td->mr_td, "teelog simulated virtual firmware");
    measure(td->rtmr[0], "teelog simulated firmware configuration");
    measure(td->rtmr[1], "teelog simulated kernel");
    measure(td->rtmr[2], "teelog simulated kernel command line");
}

void sim_quote_become(struct sim_quote *q, enum sim_kind kind)
{
    static const struct {
        uint16_t version, body_type;
        uint32_t body_size;
    } shapes[SIM_KINDS] = {
        [SIM_SGX_V3] = {3, QUOTE_BODY_SGX, SGX_REPORT_SIZE},
        [SIM_SGX_V4] = {4, QUOTE_BODY_SGX, SGX_REPORT_SIZE},
        [SIM_SGX_V5] = {5, QUOTE_BODY_SGX, SGX_REPORT_SIZE},
        [SIM_TDX_V4] = {4, QUOTE_BODY_TD10, TD_REPORT_10_SIZE},
        [SIM_TDX_V5_10] = {5, QUOTE_BODY_TD10, TD_REPORT_10_SIZE},
        [SIM_TDX_V5_15] = {5, QUOTE_BODY_TD15, TD_REPORT_15_SIZE},
    };
    put_header(q, shapes[kind].version, sim_kind_is_tdx(kind));
    q->described = shapes[kind].version == 5;
    q->body_type = shapes[kind].body_type;
    q->body_size = shapes[kind].body_size;
    q->is_td = sim_kind_is_tdx(kind);
    if (q->is_td)
        plan_td(&q->td, kind == SIM_TDX_V5_15);
    q->nested = shapes[kind].version > 3;
    q->outer_type = QUOTE_CERT_QE_REPORT;
}

void sim_quote_put_signed(buf *b, const struct sim_quote *q)
{
    buf_bytes(b, SLICE_ARRAY(q->header));
    if (q->described) {
        buf_u16le(b, q->body_type);
        buf_u32le(b, q->body_size);
    }
    if (q->is_td)
        td_report_put(b, &q->td);
    else
        sgx_report_put(b, &q->body);
}

static void put_qe(buf *b, const struct sim_quote *q)
{
    buf_bytes(b, q->qe_report);
    buf_bytes(b, q->qe_signature);
    buf_u16le(b, (uint16_t)q->qe_auth.n);
    buf_bytes(b, q->qe_auth);
    buf_u16le(b, q->cert_type);
    buf_u32le(b, (uint32_t)q->cert_data.n);
    buf_bytes(b, q->cert_data);
}

tl_err sim_quote_put_as(buf *b, const struct sim_quote *q, const uint8_t signature[64])
{
    struct cose_ec2 key;
    size_t qe_size = q->qe_report.n + q->qe_signature.n + 2 + q->qe_auth.n + 2 + 4 + q->cert_data.n;
    es256_point(q->attestation, &key);
    sim_quote_put_signed(b, q);
    buf_u32le(b, (uint32_t)(64 + 64 + qe_size + (q->nested ? 2 + 4 : 0)));
    buf_bytes(b, slice_of(signature, 64));
    buf_bytes(b, SLICE_ARRAY(key.x));
    buf_bytes(b, SLICE_ARRAY(key.y));
    if (q->nested) {
        buf_u16le(b, q->outer_type);
        buf_u32le(b, (uint32_t)qe_size);
    }
    put_qe(b, q);
    return buf_err(b);
}

tl_err sim_quote_put(buf *b, const struct sim_quote *q)
{
    uint8_t mem[QUOTE_HEADER_SIZE + 6 + TD_REPORT_15EX_SIZE], signature[64];
    buf part;
    buf_init_fixed(&part, mem, sizeof mem);
    sim_quote_put_signed(&part, q);
    if (buf_err(&part) != TL_OK)
        return buf_err(&part);
    hash32 digest = sha256(buf_slice(&part));
    tl_err err = es256_sign(q->attestation, &digest, signature);
    return err == TL_OK ? sim_quote_put_as(b, q, signature) : err;
}
