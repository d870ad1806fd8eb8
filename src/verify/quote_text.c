/* The report on a quote, as JSON and as text for people. */
#include "base/encoding.h"
#include "verify/quote_report.h"
#include "verify/render.h"

#include <inttypes.h>
#include <time.h>

static const char *const rtmr_names[4] = {"rtmr0", "rtmr1", "rtmr2", "rtmr3"};

static const char *truth(bool v)
{
    return v ? "true" : "false";
}

static void put_text(buf *b, const char *name, const char *value)
{
    buf_printf(b, ",\n \"%s\": ", name);
    if (value)
        render_json_text(b, value);
    else
        buf_str(b, "null");
}

static void put_hex(buf *b, const char *name, const void *p, size_t n)
{
    buf_printf(b, ",\n \"%s\": \"", name);
    hex_put(b, slice_of(p, n));
    buf_str(b, "\"");
}

static void put_date(buf *b, uint64_t seconds)
{
    struct tm tm;
    char text[40];
    time_t t = (time_t)seconds;
    if (seconds <= INT64_MAX && gmtime_r(&t, &tm) &&
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm))
        buf_str(b, text);
    else
        buf_printf(b, "%" PRIu64 " seconds since 1970", seconds);
}

static void put_time(buf *b, const char *name, uint64_t seconds)
{
    buf_printf(b, ",\n \"%s\": \"", name);
    put_date(b, seconds);
    buf_str(b, "\"");
}

static void put_tcb(buf *b, const struct teelog_quote_report *r)
{
    const struct tcb_verdict *t = &r->quote.tcb;
    put_text(b, "tcb_status", teelog_quote_tcb_status(r));
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
                   truth(rule->ok));
        render_json_text(b, rule->detail);
        buf_str(b, "}");
    }
    buf_str(b, "]");
}

static void put_sgx(buf *b, const struct sgx_report *s)
{
    put_hex(b, "mrenclave", s->mrenclave, sizeof s->mrenclave);
    put_hex(b, "mrsigner", s->mrsigner, sizeof s->mrsigner);
    buf_printf(b, ",\n \"isv_prod_id\": %u,\n \"isv_svn\": %u", (unsigned)s->isv_prod_id,
               (unsigned)s->isv_svn);
    buf_printf(b, ",\n \"attributes\": \"%016" PRIx64 "\",\n \"xfrm\": \"%016" PRIx64 "\"",
               s->flags, s->xfrm);
    put_hex(b, "report_data", s->report_data, sizeof s->report_data);
}

static void put_td(buf *b, const struct td_report *t)
{
    put_hex(b, "mrtd", t->mr_td, sizeof t->mr_td);
    for (size_t i = 0; i < 4; i++)
        put_hex(b, rtmr_names[i], t->rtmr[i], sizeof t->rtmr[i]);
    put_hex(b, "mrconfigid", t->mr_config_id, sizeof t->mr_config_id);
    put_hex(b, "mrowner", t->mr_owner, sizeof t->mr_owner);
    put_hex(b, "mrownerconfig", t->mr_owner_config, sizeof t->mr_owner_config);
    put_hex(b, "mrseam", t->mr_seam, sizeof t->mr_seam);
    put_hex(b, "mrsignerseam", t->mr_signer_seam, sizeof t->mr_signer_seam);
    put_hex(b, "tee_tcb_svn", t->tee_tcb_svn, sizeof t->tee_tcb_svn);
    buf_printf(b, ",\n \"td_attributes\": \"%016" PRIx64 "\",\n \"xfam\": \"%016" PRIx64 "\"",
               t->td_attributes, t->xfam);
    if (t->has_15) {
        put_hex(b, "tee_tcb_svn2", t->tee_tcb_svn2, sizeof t->tee_tcb_svn2);
        put_hex(b, "mrservicetd", t->mr_service_td, sizeof t->mr_service_td);
    }
    put_hex(b, "report_data", t->report_data, sizeof t->report_data);
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
    buf_printf(b, ",\n \"version\": %u", (unsigned)q->quote.version);
    put_hex(b, "root", q->root.b, sizeof q->root.b);
    put_hex(b, "fmspc", q->pck.fmspc, sizeof q->pck.fmspc);
    put_hex(b, "pce_id", q->pck.pce_id, sizeof q->pck.pce_id);
    put_hex(b, "ppid", q->pck.ppid, sizeof q->pck.ppid);
    buf_printf(b, ",\n \"tcb_evaluation_number\": %u,\n \"qe_evaluation_number\": %u",
               (unsigned)q->tcb_evaluation_number, (unsigned)q->qe_evaluation_number);
    put_time(b, "collateral_issued", q->collateral_issued);
    put_time(b, "collateral_expires", q->collateral_expires);
    if (tdx)
        put_td(b, &q->td);
    else
        put_sgx(b, &q->sgx);
    if (r->has_events)
        put_events(b, r);
}

char *teelog_quote_report_json(const struct teelog_quote_report *r)
{
    buf b;
    buf_init(&b, RENDER_MAX);
    buf_printf(&b, "{\"ok\": %s", truth(r->ok));
    put_text(&b, "stage", teelog_quote_stage(r));
    put_text(&b, "detail", r->detail);
    put_tcb(&b, r);
    put_rules(&b, r);
    put_text(&b, "verdict", teelog_quote_accepted(r) ? "accept" : "reject");
    buf_printf(&b, ",\n \"pinned\": %s,\n \"simulated\": %s,\n \"time\": %" PRIu64,
               truth(teelog_quote_pinned(r)), truth(quote_report_simulated(r)), r->time);
    if (r->ok)
        put_proven(&b, r);
    buf_str(&b, "}\n");
    return render_take(&b);
}

static void put_line(buf *b, const char *name, const void *p, size_t n)
{
    buf_printf(b, "  %-14s ", name);
    hex_put(b, slice_of(p, n));
    buf_str(b, "\n");
}

static void put_measurements(buf *b, const struct teelog_quote_report *r)
{
    const struct dcap_report *q = &r->quote;
    if (!quote_is_tdx(&q->quote)) {
        put_line(b, "MRENCLAVE", q->sgx.mrenclave, sizeof q->sgx.mrenclave);
        put_line(b, "MRSIGNER", q->sgx.mrsigner, sizeof q->sgx.mrsigner);
        buf_printf(b, "  %-14s %u\n  %-14s %u\n", "ISVPRODID", (unsigned)q->sgx.isv_prod_id,
                   "ISVSVN", (unsigned)q->sgx.isv_svn);
        put_line(b, "report data", q->sgx.report_data, sizeof q->sgx.report_data);
        return;
    }
    static const char *const names[4] = {"RTMR0", "RTMR1", "RTMR2", "RTMR3"};
    put_line(b, "MRTD", q->td.mr_td, sizeof q->td.mr_td);
    for (size_t i = 0; i < 4; i++)
        put_line(b, names[i], q->td.rtmr[i], sizeof q->td.rtmr[i]);
    put_line(b, "report data", q->td.report_data, sizeof q->td.report_data);
    if (!r->has_events)
        return;
    buf_printf(b, "  %-14s %s%s\n", "compose hash", r->compose_hash,
               r->compose_ok ? " (the compose file's)" : "");
    buf_printf(b, "  %-14s %s\n", "app id", r->app_id);
    buf_printf(b, "  %-14s ", "key provider");
    render_plain(b, r->key_provider);
    buf_str(b, "\n");
}

static void put_verdict(buf *b, const struct teelog_quote_report *r)
{
    const char *simulated = quote_report_simulated(r) ? " (simulated)" : "";
    if (!r->ok) {
        buf_printf(b, "REJECT: not genuine, at %s: ", r->stage);
        render_plain(b, r->detail);
        buf_str(b, "\n");
    } else if (!r->rules.accept) {
        buf_printf(b, "REJECT%s: genuine, and %s refuses it\n", simulated,
                   r->has_policy ? "the policy" : "the default policy");
    } else if (r->rules.pin == CODE_OPEN) {
        buf_printf(b, "ACCEPT%s, not pinned: genuine, and nothing says which code it must be\n",
                   simulated);
    } else {
        buf_printf(b, "ACCEPT%s: genuine, and the policy names its code\n", simulated);
    }
}

char *teelog_quote_report_text(const struct teelog_quote_report *r)
{
    buf b;
    buf_init(&b, RENDER_MAX);
    put_verdict(&b, r);
    if (!r->ok)
        return render_take(&b);
    const struct tcb_verdict *t = &r->quote.tcb;
    buf_printf(&b, "\nTCB: %s as of ", tcb_status_name(t->status));
    put_date(&b, t->date);
    for (size_t i = 0; i < t->advisory_count; i++)
        buf_printf(&b, "%s%s", i ? " " : "; advisories: ", t->advisories[i]);
    buf_str(&b, "\n");
    if (quote_report_simulated(r))
        buf_str(&b, "The root is not Intel's: simulated, this proves nothing about hardware.\n");
    for (size_t i = 0; i < r->rules.count; i++) {
        const struct rule *rule = &r->rules.rule[i];
        buf_printf(&b, "%-22s %s; ", rule->name, rule->ok ? "ok" : "NO");
        render_plain(&b, rule->detail);
        buf_str(&b, "\n");
    }
    buf_str(&b, "\n");
    put_measurements(&b, r);
    buf_str(&b, "judged as of ");
    put_date(&b, r->time);
    buf_str(&b, "; collateral good until ");
    put_date(&b, r->quote.collateral_expires);
    buf_str(&b, "\n");
    return render_take(&b);
}
