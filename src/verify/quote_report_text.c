/* The report on a quote, for people. */
#include "base/encoding.h"
#include "verify/quote_report.h"
#include "verify/render.h"

static void put_line(buf *b, const char *name, slice bytes)
{
    buf_printf(b, "  %-14s ", name);
    hex_put(b, bytes);
    buf_str(b, "\n");
}

static void put_measurements(buf *b, const struct teelog_quote_report *r)
{
    const struct dcap_report *q = &r->quote;
    if (!quote_is_tdx(&q->quote)) {
        put_line(b, "MRENCLAVE", SLICE_ARRAY(q->sgx.mrenclave));
        put_line(b, "MRSIGNER", SLICE_ARRAY(q->sgx.mrsigner));
        buf_printf(b, "  %-14s %u\n  %-14s %u\n", "ISVPRODID", (unsigned)q->sgx.isv_prod_id,
                   "ISVSVN", (unsigned)q->sgx.isv_svn);
        put_line(b, "report data", SLICE_ARRAY(q->sgx.report_data));
        return;
    }
    static const char *const names[4] = {"RTMR0", "RTMR1", "RTMR2", "RTMR3"};
    put_line(b, "MRTD", SLICE_ARRAY(q->td.mr_td));
    for (size_t i = 0; i < 4; i++)
        put_line(b, names[i], SLICE_ARRAY(q->td.rtmr[i]));
    put_line(b, "report data", SLICE_ARRAY(q->td.report_data));
    if (!r->has_events)
        return;
    buf_printf(b, "  %-14s %s%s\n", "compose hash", r->compose_hash,
               r->compose_ok ? " (the compose file's)" : "");
    buf_printf(b, "  %-14s %s\n", "app id", r->app_id);
    buf_printf(b, "  %-14s ", "key provider");
    render_plain(b, r->key_provider);
    buf_str(b, "\n");
}

/* What to do where a stage fails for harmless reasons (docs/verification.md); NULL
 * where there is nothing to be done. */
static const char *advice(const char *stage)
{
    static const char again[] = "fetch the collateral again (teelog quote collateral)";
    static const char same[] = "fetch collateral for this very quote (teelog quote collateral)";
    static const struct {
        const char *stage, *advice;
    } known[] = {
        {"quote", "give the quote itself, in bytes or hex; teelog quote show shows what is in one"},
        {"collateral", "teelog quote collateral fetches it"},
        {"tcb-info-chain", again},
        {"qe-identity-chain", again},
        {"root-crl", again},
        {"tcb-info", again},
        {"qe-identity", again},
        {"pck-crl", same},
        {"mismatch", same},
        {"validity", "fetch newer collateral (teelog quote collateral), or say with --at as of "
                     "which time to judge"},
        {"event-log", "bring the event log that was taken with this very quote"},
        {"compose", "bring the app-compose file that was deployed, byte for byte"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(stage, known[i].stage) == 0)
            return known[i].advice;
    return NULL;
}

/* Who has something against a genuine quote: the policy before the caller. */
static const char *refusal(const struct teelog_quote_report *r)
{
    for (size_t i = 0; i < r->rules.count; i++)
        if (!r->rules.rule[i].ok && strcmp(r->rules.rule[i].name, "report-data") != 0)
            return r->has_policy ? "the policy refuses it" : "the default policy refuses it";
    return "its report data is not what was asked for";
}

static void put_verdict(buf *b, const struct teelog_quote_report *r)
{
    static const char *const pins[] = {
        [TEELOG_PIN_NONE] = ", not pinned: genuine, and nothing says which code it must be",
        [TEELOG_PIN_SIGNER] = ": genuine, and the policy names its signer, who can sign other code",
        [TEELOG_PIN_CODE] = ": genuine, and the policy names its code",
    };
    const char *simulated = teelog_quote_simulated(r) ? " (simulated)" : "";
    if (!r->ok) {
        buf_printf(b, "REJECT: not genuine, at %s: ", r->stage);
        render_plain(b, r->detail);
        buf_str(b, "\n");
        const char *next = advice(r->stage);
        if (next)
            buf_printf(b, "What to do: %s.\n", next);
    } else if (!r->rules.accept) {
        buf_printf(b, "REJECT%s: genuine, and %s\n", simulated, refusal(r));
    } else {
        buf_printf(b, "ACCEPT%s%s\n", simulated, pins[teelog_quote_pin(r)]);
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
    render_time(&b, t->date);
    for (size_t i = 0; i < t->advisory_count; i++)
        buf_printf(&b, "%s%s", i ? " " : "; advisories: ", t->advisories[i]);
    if (t->qe_apart)
        buf_printf(&b, "; the QE: %s", tcb_status_name(t->qe_status));
    if (t->has_now && t->now != t->status)
        buf_printf(&b, "; now: %s", tcb_status_name(t->now));
    buf_str(&b, "\n");
    if (teelog_quote_simulated(r))
        buf_str(&b, "The root is not Intel's: simulated, this proves nothing about hardware.\n");
    for (size_t i = 0; i < r->rules.count; i++) {
        const struct rule *rule = &r->rules.rule[i];
        buf_printf(&b, "%-22s %s; ", rule->name, rule->ok ? "ok" : "NO");
        render_plain(&b, rule->detail);
        buf_str(&b, "\n");
    }
    if (!r->report_data_asked)
        buf_str(&b, "Report data was not compared: whom the quote is for is not known.\n");
    buf_str(&b, "\n");
    put_measurements(&b, r);
    buf_str(&b, "judged as of ");
    render_time(&b, r->time);
    buf_str(&b, "; collateral good until ");
    render_time(&b, r->quote.collateral_expires);
    buf_str(&b, "\n");
    return render_take(&b);
}
