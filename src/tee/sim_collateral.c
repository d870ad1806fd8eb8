#include "tee/sim_collateral.h"

#include "base/calendar.h"

#define EVALUATION_NUMBER 17
/* When the simulated TCB was assessed: 2025-01-01T00:00:00Z. */
#define TCB_DATE          UINT64_C(1735689600)
#define TEXT_MAX          65536

void sim_tcb_info_plan(struct sim_tcb_info *out, bool tdx, const struct sgx_extension *platform,
                       uint64_t now)
{
    struct sim_tcb_info v = {
        .id = tdx ? "TDX" : "SGX",
        .version = 3,
        .issue_date = now,
        .next_update = now + UINT64_C(86400) * SIM_COLLATERAL_DAYS,
        .evaluation_number = EVALUATION_NUMBER,
        .has_module = tdx,
        .module_count = tdx ? 1 : 0,
        .has_tdx = tdx,
        .level_count = 1,
    };
    struct sim_level *level = &v.levels[0];
    memcpy(v.fmspc, platform->fmspc, sizeof v.fmspc);
    memcpy(v.pce_id, platform->pce_id, sizeof v.pce_id);
    level->pce_svn = platform->pce_svn;
    level->date = TCB_DATE;
    level->status = "UpToDate";
    for (size_t i = 0; i < 16; i++)
        level->sgx[i] = platform->components[i];
    /* The module's major version is not compared where its identity is. */
    for (size_t i = 0; tdx && i < 16; i++)
        level->tdx[i] = i == 1 ? 0 : sim_tdx_svn[i];
    memset(v.module.attributes_mask, 0xff, sizeof v.module.attributes_mask);
    v.modules[0] = v.module;
    v.modules[0].id = "TDX_01";
    v.modules[0].level_count = 1;
    v.modules[0].levels[0] =
        (struct sim_svn_level){.svn = sim_tdx_svn[0], .date = TCB_DATE, .status = "UpToDate"};
    *out = v;
}

void sim_qe_identity_plan(struct sim_qe_identity *out, bool td, uint64_t now)
{
    struct sim_qe_identity v = {
        .id = td ? "TD_QE" : "QE",
        .version = 2,
        .issue_date = now,
        .next_update = now + UINT64_C(86400) * SIM_COLLATERAL_DAYS,
        .evaluation_number = EVALUATION_NUMBER,
        .misc_select_mask = UINT32_MAX,
        .attributes = {SGX_FLAG_INIT | SGX_FLAG_PROVISION_KEY},
        /* All flags but MODE64BIT; no feature of XFRM. */
        .attributes_mask = {0xfb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
        .isv_prod_id = td ? SIM_TD_QE_PROD_ID : SIM_QE_PROD_ID,
        .level_count = 1,
        .levels = {{.svn = SIM_QE_SVN, .date = TCB_DATE, .status = "UpToDate"}},
    };
    sim_qe_signer(v.mr_signer, td);
    *out = v;
}

/* Members whose value is in quotes. Intel writes most hex in capitals; readers
 * take both. */
static void put_hex(buf *b, const char *name, slice value, const char *after)
{
    buf_printf(b, "\"%s\":\"", name);
    for (size_t i = 0; i < value.n; i++)
        buf_printf(b, "%02X", value.p[i]);
    buf_printf(b, "\"%s", after);
}

static void put_time(buf *b, const char *name, uint64_t seconds)
{
    char text[CALENDAR_TEXT];
    buf_printf(b, "\"%s\":\"%s\",", name, calendar_rfc3339(text, seconds));
}

/* A level's members after "tcb". */
static void put_assessment(buf *b, uint64_t date, const char *status,
                           const char *const advisories[SIM_MAX_ADVISORIES])
{
    put_time(b, "tcbDate", date);
    buf_printf(b, "\"tcbStatus\":\"%s\"", status);
    for (size_t i = 0; i < SIM_MAX_ADVISORIES && advisories[i]; i++)
        buf_printf(b, "%s\"%s\"", i ? "," : ",\"advisoryIDs\":[", advisories[i]);
    buf_str(b, advisories[0] ? "]}" : "}");
}

static void put_svn_levels(buf *b, const struct sim_svn_level *levels, size_t n)
{
    buf_str(b, "\"tcbLevels\":[");
    for (size_t i = 0; i < n; i++) {
        buf_printf(b, "%s{\"tcb\":{\"isvsvn\":%u},", i ? "," : "", levels[i].svn);
        put_assessment(b, levels[i].date, levels[i].status, levels[i].advisories);
    }
    buf_str(b, "]");
}

static void put_module(buf *b, const struct sim_module *m)
{
    buf_str(b, "{");
    if (m->id)
        buf_printf(b, "\"id\":\"%s\",", m->id);
    put_hex(b, "mrsigner", SLICE_ARRAY(m->mr_signer), ",");
    put_hex(b, "attributes", SLICE_ARRAY(m->attributes), ",");
    put_hex(b, "attributesMask", SLICE_ARRAY(m->attributes_mask), m->id ? "," : "");
    if (m->id)
        put_svn_levels(b, m->levels, m->level_count);
    buf_str(b, "}");
}

/* Version 3: an array; version 2: members with the component's number. */
static void put_components(buf *b, unsigned version, const char *name, const unsigned svn[16])
{
    if (version == 2) {
        for (size_t i = 0; i < 16; i++)
            buf_printf(b, "%s\"%s%02zusvn\":%u", i ? "," : "", name, i + 1, svn[i]);
        return;
    }
    buf_printf(b, "\"%scomponents\":[", name);
    for (size_t i = 0; i < 16; i++)
        buf_printf(b, "%s{\"svn\":%u}", i ? "," : "", svn[i]);
    buf_str(b, "]");
}

static void put_level(buf *b, const struct sim_tcb_info *t, const struct sim_level *l)
{
    buf_str(b, "{\"tcb\":{");
    put_components(b, t->version, t->version == 2 ? "sgxtcbcomp" : "sgxtcb", l->sgx);
    buf_printf(b, ",\"pcesvn\":%u", l->pce_svn);
    if (t->has_tdx) {
        buf_str(b, ",");
        put_components(b, 3, "tdxtcb", l->tdx);
    }
    buf_str(b, "},");
    put_assessment(b, l->date, l->status, l->advisories);
}

static void put_dates(buf *b, const char *id, unsigned version, uint64_t issued, uint64_t next)
{
    buf_str(b, "{");
    if (id)
        buf_printf(b, "\"id\":\"%s\",", id);
    buf_printf(b, "\"version\":%u,", version);
    put_time(b, "issueDate", issued);
    put_time(b, "nextUpdate", next);
}

void sim_tcb_info_put(buf *b, const struct sim_tcb_info *t)
{
    put_dates(b, t->id, t->version, t->issue_date, t->next_update);
    put_hex(b, "fmspc", SLICE_ARRAY(t->fmspc), ",");
    put_hex(b, "pceId", SLICE_ARRAY(t->pce_id), ",");
    buf_printf(b, "\"tcbType\":%u,\"tcbEvaluationDataNumber\":%u,", t->tcb_type,
               t->evaluation_number);
    if (t->has_module) {
        buf_str(b, "\"tdxModule\":");
        put_module(b, &t->module);
        buf_str(b, ",");
    }
    for (size_t i = 0; i < t->module_count; i++) {
        buf_str(b, i ? "," : "\"tdxModuleIdentities\":[");
        put_module(b, &t->modules[i]);
    }
    if (t->module_count)
        buf_str(b, "],");
    buf_str(b, "\"tcbLevels\":[");
    for (size_t i = 0; i < t->level_count; i++) {
        if (i)
            buf_str(b, ",");
        put_level(b, t, &t->levels[i]);
    }
    buf_str(b, "]}");
}

/* MISCSELECT as the bytes lie in memory. */
static void put_misc(buf *b, const char *name, uint32_t v)
{
    uint8_t mem[4];
    buf le;
    buf_init_fixed(&le, mem, sizeof mem);
    buf_u32le(&le, v);
    put_hex(b, name, buf_slice(&le), ",");
}

void sim_qe_identity_put(buf *b, const struct sim_qe_identity *q)
{
    put_dates(b, q->id, q->version, q->issue_date, q->next_update);
    buf_printf(b, "\"tcbEvaluationDataNumber\":%u,", q->evaluation_number);
    put_misc(b, "miscselect", q->misc_select);
    put_misc(b, "miscselectMask", q->misc_select_mask);
    put_hex(b, "attributes", SLICE_ARRAY(q->attributes), ",");
    put_hex(b, "attributesMask", SLICE_ARRAY(q->attributes_mask), ",");
    put_hex(b, "mrsigner", SLICE_ARRAY(q->mr_signer), ",");
    buf_printf(b, "\"isvprodid\":%u,", q->isv_prod_id);
    put_svn_levels(b, q->levels, q->level_count);
    buf_str(b, "}");
}

tl_err sim_text_sign(uint8_t signature[64], slice text, struct es256_key *signer)
{
    hash32 digest = sha256(text);
    return es256_sign(signer, &digest, signature);
}

/* The four made pieces, while the JSON that has them is written. */
struct pieces {
    buf tcb_info, qe_identity, root_crl, pck_crl;
};

static tl_err make_pieces(struct pieces *p, struct collateral *out, const struct sim_collateral *c)
{
    sim_tcb_info_put(&p->tcb_info, &c->tcb_info);
    sim_qe_identity_put(&p->qe_identity, &c->qe_identity);
    tl_err err = buf_err(&p->tcb_info) != TL_OK ? buf_err(&p->tcb_info) : buf_err(&p->qe_identity);
    if (err == TL_OK)
        err = sim_crl_put(&p->root_crl, &c->root_crl);
    if (err == TL_OK)
        err = sim_crl_put(&p->pck_crl, &c->pck_crl);
    if (err == TL_OK)
        err = sim_text_sign(out->tcb_info_signature, buf_slice(&p->tcb_info), c->signer);
    if (err == TL_OK)
        err = sim_text_sign(out->qe_identity_signature, buf_slice(&p->qe_identity), c->signer);
    return err;
}

tl_err sim_collateral_put(buf *json, const struct sim_collateral *c)
{
    struct pieces p;
    struct collateral out = {
        .tcb_info_chain = c->signer_chain,
        .qe_identity_chain = c->signer_chain,
        .pck_crl_chain = c->pck_crl_chain,
    };
    buf *const all[4] = {&p.tcb_info, &p.qe_identity, &p.root_crl, &p.pck_crl};
    for (size_t i = 0; i < 4; i++)
        buf_init(all[i], TEXT_MAX);
    tl_err err = make_pieces(&p, &out, c);
    if (err == TL_OK) {
        out.tcb_info = buf_slice(&p.tcb_info);
        out.qe_identity = buf_slice(&p.qe_identity);
        out.root_ca_crl = buf_slice(&p.root_crl);
        out.pck_crl = buf_slice(&p.pck_crl);
        collateral_put(json, &out);
        err = buf_err(json);
    }
    for (size_t i = 0; i < 4; i++)
        buf_finish(all[i]);
    return err;
}
