/* What is in a quote, field by field. Nothing of it is verified here. */
#include "verify/quote_show.h"

#include "teelog/quote.h"
#include "verify/render.h"

#include <stdio.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* SGX ATTRIBUTES, MISCSELECT (Intel SDM volume 3D, sections 35.7.1 and 35.7.2). */
static const struct bit_name sgx_bits[] = {
    {0, "INIT"},           {1, "DEBUG"}, {2, "MODE64BIT"}, {4, "PROVISION_KEY"},
    {5, "EINITTOKEN_KEY"}, {6, "CET"},   {7, "KSS"},       {10, "AEX_NOTIFY"},
};
static const struct bit_name misc_bits[] = {{0, "EXINFO"}, {1, "CPINFO"}};
/* TDX module ABI specification, ATTRIBUTES of a TD. */
static const struct bit_name td_bits[] = {
    {0, "DEBUG"},       {4, "HGS_PLUS_PROF"}, {5, "PERF_PROF"},   {6, "PMT_PROF"},
    {16, "ICSSD"},      {17, "SERVTD_EXT"},   {27, "LASS"},       {28, "SEPT_VE_DISABLE"},
    {29, "MIGRATABLE"}, {30, "PKS"},          {31, "KEY_LOCKER"}, {62, "TPA"},
    {63, "PERFMON"},
};
/* XCR0 and IA32_XSS: processor state that the enclave or TD may use. */
static const struct bit_name state_bits[] = {
    {0, "X87"},    {1, "SSE"},       {2, "AVX"},      {3, "BNDREG"},    {4, "BNDCSR"},
    {5, "OPMASK"}, {6, "ZMM_HI256"}, {7, "HI16_ZMM"}, {8, "PT"},        {9, "PKRU"},
    {10, "PASID"}, {11, "CET_U"},    {12, "CET_S"},   {13, "HDC"},      {14, "UINTR"},
    {15, "LBR"},   {16, "HWP"},      {17, "TILECFG"}, {18, "TILEDATA"}, {19, "APX"},
};

static const char *body_name(enum quote_body type)
{
    switch (type) {
    case QUOTE_BODY_SGX:
        return "SGX enclave report";
    case QUOTE_BODY_TD10:
        return "TD report 1.0";
    case QUOTE_BODY_TD15:
        return "TD report 1.5";
    case QUOTE_BODY_TD15EX:
        break;
    }
    return "TD report 1.5, extended";
}

static void show_header(struct fields *f, const struct quote *q)
{
    fields_open(f, "header");
    fields_number(f, "version", q->version);
    fields_code(f, "key_type", q->key_type, "ECDSA P-256");
    fields_code(f, "tee_type", q->tee_type, quote_is_tdx(q) ? "TDX" : "SGX");
    fields_number(f, q->version == 3 ? "qe_svn" : "reserved_at_8", q->qe_svn);
    fields_number(f, q->version == 3 ? "pce_svn" : "reserved_at_10", q->pce_svn);
    fields_hex(f, "qe_vendor_id", q->vendor_id);
    fields_hex(f, "user_data", q->user_data);
    fields_code(f, "body_type", q->body_type, body_name(q->body_type));
    fields_number(f, "body_size", q->body.n);
    fields_close(f);
}

/* bits that were read as a number, as they stood */
static void show_u64_bits(struct fields *f, const char *name, uint64_t v,
                          const struct bit_name *names, size_t count)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(v >> 8 * i);
    fields_bits(f, name, SLICE_ARRAY(bytes), names, count);
}

static void show_sgx(struct fields *f, slice body)
{
    struct sgx_report r;
    sgx_report_read(&r, body);
    uint8_t misc[4] = {(uint8_t)r.misc_select, (uint8_t)(r.misc_select >> 8),
                       (uint8_t)(r.misc_select >> 16), (uint8_t)(r.misc_select >> 24)};
    fields_hex(f, "mrenclave", SLICE_ARRAY(r.mrenclave));
    fields_hex(f, "mrsigner", SLICE_ARRAY(r.mrsigner));
    fields_number(f, "isv_prod_id", r.isv_prod_id);
    fields_number(f, "isv_svn", r.isv_svn);
    show_u64_bits(f, "attributes", r.flags, sgx_bits, COUNT(sgx_bits));
    show_u64_bits(f, "xfrm", r.xfrm, state_bits, COUNT(state_bits));
    fields_bits(f, "misc_select", SLICE_ARRAY(misc), misc_bits, COUNT(misc_bits));
    fields_hex(f, "cpu_svn", SLICE_ARRAY(r.cpu_svn));
    fields_hex(f, "isv_ext_prod_id", SLICE_ARRAY(r.isv_ext_prod_id));
    fields_hex(f, "isv_family_id", SLICE_ARRAY(r.isv_family_id));
    fields_hex(f, "config_id", SLICE_ARRAY(r.config_id));
    fields_number(f, "config_svn", r.config_svn);
    fields_hex(f, "report_data", SLICE_ARRAY(r.report_data));
}

static void show_15ex(struct fields *f, const struct td_report *r)
{
    fields_hex(f, "vm_id", slice_of(&r->vm_id, 1));
    fields_hex(f, "td_id", SLICE_ARRAY(r->td_id));
    fields_hex(f, "dev_info", SLICE_ARRAY(r->dev_info));
    fields_hex(f, "init_servtd_hash", SLICE_ARRAY(r->init_servtd_hash));
    fields_hex(f, "init_servtd_attributes", SLICE_ARRAY(r->init_servtd_attributes));
    fields_hex(f, "init_cpu_svn", SLICE_ARRAY(r->init_cpu_svn));
    fields_hex(f, "init_tee_tcb_svn", SLICE_ARRAY(r->init_tee_tcb_svn));
    fields_hex(f, "init_tee_fmspc", SLICE_ARRAY(r->init_tee_fmspc));
    fields_hex(f, "cur_servtd_hash", SLICE_ARRAY(r->cur_servtd_hash));
    fields_hex(f, "cur_servtd_attributes", SLICE_ARRAY(r->cur_servtd_attributes));
}

static void show_td(struct fields *f, slice body)
{
    static const char *const rtmr[4] = {"rtmr0", "rtmr1", "rtmr2", "rtmr3"};
    struct td_report r;
    td_report_read(&r, body);
    fields_hex(f, "mrtd", SLICE_ARRAY(r.mr_td));
    for (size_t i = 0; i < COUNT(rtmr); i++)
        fields_hex(f, rtmr[i], SLICE_ARRAY(r.rtmr[i]));
    fields_hex(f, "mrconfigid", SLICE_ARRAY(r.mr_config_id));
    fields_hex(f, "mrowner", SLICE_ARRAY(r.mr_owner));
    fields_hex(f, "mrownerconfig", SLICE_ARRAY(r.mr_owner_config));
    show_u64_bits(f, "td_attributes", r.td_attributes, td_bits, COUNT(td_bits));
    show_u64_bits(f, "xfam", r.xfam, state_bits, COUNT(state_bits));
    fields_hex(f, "tee_tcb_svn", SLICE_ARRAY(r.tee_tcb_svn));
    fields_number(f, "tdx_module_version", r.tee_tcb_svn[1]);
    fields_number(f, "tdx_module_svn", r.tee_tcb_svn[0]);
    fields_number(f, "seam_loader_svn", r.tee_tcb_svn[2]);
    fields_hex(f, "mrseam", SLICE_ARRAY(r.mr_seam));
    fields_hex(f, "mrsignerseam", SLICE_ARRAY(r.mr_signer_seam));
    fields_hex(f, "seam_attributes", SLICE_ARRAY(r.seam_attributes));
    if (r.has_15) {
        fields_hex(f, "tee_tcb_svn2", SLICE_ARRAY(r.tee_tcb_svn2));
        fields_hex(f, "mrservicetd", SLICE_ARRAY(r.mr_service_td));
    }
    if (r.has_15ex)
        show_15ex(f, &r);
    fields_hex(f, "report_data", SLICE_ARRAY(r.report_data));
}

static void show_quote(struct fields *f, const struct quote *q)
{
    show_header(f, q);
    fields_open(f, "body");
    if (quote_is_tdx(q))
        show_td(f, q->body);
    else
        show_sgx(f, q->body);
    fields_close(f);
    fields_open(f, "signature");
    fields_hex(f, "quote_signature", q->signature);
    fields_hex(f, "attestation_key", q->attestation_key);
    fields_hex(f, "qe_report_signature", q->qe_signature);
    fields_hex(f, "qe_auth_data", q->qe_auth);
    fields_close(f);
    fields_open(f, "qe_report");
    show_sgx(f, q->qe_report);
    fields_close(f);
    show_certification(f, q);
    fields_open(f, "sizes");
    fields_number(f, "signed_bytes", q->signed_bytes.n);
    fields_number(f, "trailing_bytes", q->trailing);
    fields_close(f);
}

tl_err teelog_quote_show(char **out, const uint8_t *quote, size_t size, bool json, char *message,
                         size_t message_size)
{
    struct tl_why why = {0};
    struct fields f;
    struct quote q;
    buf b;
    char *text = NULL;
    buf_init(&b, RENDER_MAX);
    tl_err err = quote_read(&q, slice_of(quote, size), &why);
    if (err == TL_OK) {
        if (!json)
            buf_str(&b, "not verified: use teelog quote verify\n");
        fields_begin(&f, &b, json);
        if (json)
            fields_bool(&f, "verified", false);
        show_quote(&f, &q);
        fields_end(&f);
        text = render_take(&b);
        err = text ? TL_OK : TL_E_MEMORY;
    }
    if (err != TL_OK) {
        if (message && message_size)
            snprintf(message, message_size, "%s", tl_why_text(&why, err));
        return err;
    }
    *out = text;
    return TL_OK;
}
