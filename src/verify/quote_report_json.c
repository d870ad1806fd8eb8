/* The report on a quote as JSON, for programs. */
#include "verify/quote_report.h"
#include "verify/render.h"

#include <inttypes.h>

static void put_name(buf *b, const char *name)
{
    buf_printf(b, ",\n \"%s\": ", name);
}

static void put_text(buf *b, const char *name, const char *value)
{
    put_name(b, name);
    render_json_text(b, value);
}

static void put_hex(buf *b, const char *name, slice bytes)
{
    put_name(b, name);
    render_json_hex(b, bytes);
}

static void put_number(buf *b, const char *name, uint64_t v)
{
    put_name(b, name);
    buf_printf(b, "%" PRIu64, v);
}

static void put_bool(buf *b, const char *name, bool v)
{
    put_name(b, name);
    buf_str(b, render_json_bool(v));
}

static void put_time(buf *b, const char *name, uint64_t seconds)
{
    put_name(b, name);
    render_json_time(b, seconds);
}

/* Bits that were read as a number, as they stood. */
static void put_bits(buf *b, const char *name, uint64_t v)
{
    uint8_t mem[8];
    buf bytes;
    buf_init_fixed(&bytes, mem, sizeof mem);
    buf_u64le(&bytes, v);
    put_hex(b, name, buf_slice(&bytes));
}

static void put_tcb(buf *b, const struct teelog_quote_report *r)
{
    const struct tcb_verdict *t = &r->quote.tcb;
    put_text(b, "tcb_status", teelog_quote_tcb_status(r));
    if (r->ok && t->qe_apart)
        put_text(b, "qe_status", tcb_status_name(t->qe_status));
    if (r->ok && t->has_now)
        put_text(b, "tcb_status_now", tcb_status_name(t->now));
    buf_str(b, ",\n \"advisories\": [");
    for (size_t i = 0; r->ok && i < t->advisory_count; i++) {
        buf_str(b, i ? ", " : "");
        render_json_text(b, t->advisories[i]);
    }
    buf_str(b, "]");
    if (r->ok)
        put_time(b, "tcb_date", t->date);
    else
        put_text(b, "tcb_date", NULL);
}

static void put_rules(buf *b, const struct teelog_quote_report *r)
{
    buf_str(b, ",\n \"policy\": [");
    for (size_t i = 0; r->ok && i < r->rules.count; i++) {
        const struct rule *rule = &r->rules.rule[i];
        buf_printf(b, "%s\n  {\"rule\": \"%s\", \"ok\": %s, \"detail\": ", i ? "," : "", rule->name,
                   render_json_bool(rule->ok));
        render_json_text(b, rule->detail);
        buf_str(b, "}");
    }
    buf_str(b, "]");
}

static void put_sgx(buf *b, const struct sgx_report *s)
{
    put_number(b, "isv_prod_id", s->isv_prod_id);
    put_number(b, "isv_svn", s->isv_svn);
    put_bits(b, "attributes", s->flags);
    put_bits(b, "xfrm", s->xfrm);
}

static void put_td(buf *b, const struct td_report *t)
{
    put_hex(b, "tee_tcb_svn", SLICE_ARRAY(t->tee_tcb_svn));
    put_bits(b, "td_attributes", t->td_attributes);
    put_bits(b, "xfam", t->xfam);
    if (t->has_15)
        put_hex(b, "tee_tcb_svn2", SLICE_ARRAY(t->tee_tcb_svn2));
}

static void put_measurements(buf *b, const struct teelog_quote_report *r)
{
    const char *name;
    for (size_t i = 0; (name = quote_measurement_name(r, i)); i++) {
        struct teelog_bytes m = teelog_quote_measurement(r, name);
        put_hex(b, name, slice_of(m.p, m.n));
    }
}

static void put_events(buf *b, const struct teelog_quote_report *r)
{
    put_text(b, "compose_hash", r->compose_hash);
    put_text(b, "app_id", r->app_id);
    put_text(b, "instance_id", r->instance_id);
    put_text(b, "os_image_hash", r->os_image_hash[0] ? r->os_image_hash : NULL);
    put_text(b, "key_provider", r->key_provider[0] ? r->key_provider : NULL);
}

static void put_proven(buf *b, const struct teelog_quote_report *r)
{
    const struct dcap_report *q = &r->quote;
    bool tdx = quote_is_tdx(&q->quote);
    put_text(b, "tee", tdx ? "tdx" : "sgx");
    put_number(b, "version", q->quote.version);
    put_hex(b, "root", hash_slice(&q->root));
    put_hex(b, "fmspc", SLICE_ARRAY(q->pck.fmspc));
    put_hex(b, "pce_id", SLICE_ARRAY(q->pck.pce_id));
    put_hex(b, "ppid", SLICE_ARRAY(q->pck.ppid));
    put_number(b, "tcb_evaluation_number", q->tcb_evaluation_number);
    put_number(b, "qe_evaluation_number", q->qe_evaluation_number);
    put_time(b, "collateral_issued", q->collateral_issued);
    put_time(b, "collateral_expires", q->collateral_expires);
    put_measurements(b, r);
    if (tdx)
        put_td(b, &q->td);
    else
        put_sgx(b, &q->sgx);
    put_hex(b, "report_data", slice_of(teelog_quote_report_data(r), sizeof q->td.report_data));
    if (r->has_events)
        put_events(b, r);
}

char *teelog_quote_report_json(const struct teelog_quote_report *r)
{
    buf b;
    buf_init(&b, RENDER_MAX);
    buf_printf(&b, "{\"ok\": %s", render_json_bool(r->ok));
    put_text(&b, "stage", teelog_quote_stage(r));
    put_text(&b, "detail", r->detail);
    put_tcb(&b, r);
    put_rules(&b, r);
    put_text(&b, "verdict", teelog_quote_accepted(r) ? "accept" : "reject");
    put_bool(&b, "pinned", teelog_quote_pinned(r));
    put_text(&b, "pin", quote_pin_name(teelog_quote_pin(r)));
    put_bool(&b, "simulated", teelog_quote_simulated(r));
    put_number(&b, "time", r->time);
    if (r->ok)
        put_proven(&b, r);
    buf_str(&b, "}\n");
    return render_take(&b);
}
