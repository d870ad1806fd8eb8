/* The report as one page of HTML, to be filed, printed or mailed. It refers to
 * nothing outside itself and runs nothing: its policy (CSP) forbids both. */
#include "base/encoding.h"
#include "verify/render.h"

#include <inttypes.h>

static const char head[] =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
    "style-src 'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"referrer\" content=\"no-referrer\">\n";

static const char style[] =
    "<style>\n"
    ":root{color-scheme:light dark;--ok:#0a6b2d;--open:#8a5a00;--bad:#b00020;--line:#8884}\n"
    "@media(prefers-color-scheme:dark){:root{--ok:#5fd08a;--open:#e0b050;--bad:#ff7b88}}\n"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}\n"
    "h1{border-left:.5rem solid;padding:.2rem 0 .2rem 1rem;margin:0 0 1rem}\n"
    "h1 small{display:block;font-size:1rem;font-weight:normal}\n"
    "h2{font-size:1.1rem;margin:2rem 0 .5rem}\n"
    ".ok{color:var(--ok)}.open{color:var(--open)}.bad{color:var(--bad)}\n"
    ".sim{border:2px solid var(--open);padding:.5rem 1rem}\n"
    "table{border-collapse:collapse;width:100%}\n"
    "th,td{border-bottom:1px solid var(--line);padding:.3rem .6rem .3rem 0;text-align:left;"
    "vertical-align:top}\n"
    "td.n{text-align:right;font-variant-numeric:tabular-nums}\n"
    "code{font:.85em ui-monospace,monospace;overflow-wrap:anywhere}\n"
    "footer{margin-top:3rem;border-top:1px solid var(--line);font-size:.9rem}\n"
    "</style>\n</head>\n<body>\n";

static const char *verdict_class(enum teelog_verdict v)
{
    return v == TEELOG_TRUSTED ? "ok" : v == TEELOG_UNPINNED ? "open" : "bad";
}

static void put_verdict(buf *b, const struct teelog_report *r)
{
    const char *name = teelog_verdict_name(r->verdict);
    buf_printf(b, "<title>%s%s: teelog report</title>\n", name, r->simulated ? " (simulated)" : "");
    buf_str(b, style);
    buf_printf(b, "<h1 class=\"%s\">%s%s<small>%s</small></h1>\n", verdict_class(r->verdict), name,
               r->simulated ? " (simulated)" : "", report_verdict_text(r));
    if (r->simulated)
        buf_str(b, "<p class=\"sim\">The platform is simulated: this proves nothing about "
                   "hardware.</p>\n");
    if (r->foreign_root)
        buf_str(b, "<p class=\"sim\">Evidence of hardware was taken under a root that is not "
                   "Intel&#39;s.</p>\n");
    if (report_frozen_text(r))
        buf_printf(b, "<p class=\"sim\">%s.</p>\n", report_frozen_text(r));
}

static void put_answers(buf *b, const struct teelog_report *r)
{
    buf_str(b, "<h2>Five questions</h2>\n<table>\n");
    for (size_t i = 0; i < QUESTION_COUNT; i++) {
        struct report_answer a;
        report_answer(r, i, &a);
        buf_str(b, "<tr><th>");
        render_html(b, a.question);
        buf_printf(b, "</th><td class=\"%s\">%s</td><td>",
                   a.ok < 0 ? "open"
                   : a.ok   ? "ok"
                            : "bad",
                   report_answer_word(&a));
        render_html(b, a.detail);
        buf_str(b, "</td></tr>\n");
    }
    buf_str(b, "</table>\n");
}

static void put_failures(buf *b, const struct teelog_report *r)
{
    if (r->verdict != TEELOG_REJECTED)
        return;
    buf_str(b, "<h2>What failed</h2>\n<table>\n<tr><th>check</th><th>index</th><th></th></tr>\n");
    for (size_t i = 0; i < r->check_count; i++) {
        const struct teelog_check *c = &r->checks[i];
        if (c->ok)
            continue;
        buf_str(b, "<tr><th class=\"bad\">");
        render_html(b, c->name);
        buf_str(b, "</th><td>");
        if (c->index != NO_INDEX)
            buf_printf(b, "%" PRIu64, c->index);
        buf_str(b, "</td><td>");
        render_html(b, c->detail);
        buf_str(b, "</td></tr>\n");
    }
    buf_str(b, "</table>\n");
}

static void put_agent(buf *b, const struct teelog_report *r, const struct report_agent *a)
{
    buf_str(b, "<tr><th>");
    render_html(b, a->id);
    buf_printf(b,
               "</th><td class=\"n\">%" PRIu64 "</td><td class=\"n\">%" PRIu64 "..%" PRIu64
               "</td><td class=\"n\">%" PRIu64,
               a->count, a->first_seq, a->last_seq, a->sessions);
    if (a->es256k)
        buf_printf(b, " (%" PRIu64 " by ES256K)", a->es256k);
    buf_printf(b, "</td><td class=\"n\">%" PRIu64 "</td><td>",
               a->bodies[BODY_WITHHELD] + a->bodies[BODY_ERASED]);
    if (a->complete_up_to != NO_SIZE)
        buf_printf(b, "complete up to size %" PRIu64 "%s", a->complete_up_to,
                   a->sessions ? ", " : "");
    report_admitted_text(b, r, a);
    report_bodies_text(b, r, a, a->complete_up_to != NO_SIZE || a->sessions ? ", " : "");
    buf_str(b, "</td></tr>\n");
}

static void put_scope(buf *b, const struct teelog_report *r)
{
    char text[SCOPE_TEXT_MAX];
    report_scope_text(r, text, sizeof text);
    buf_str(b, "<h2>Scope</h2>\n<p>");
    render_html(b, text);
    buf_str(b, "</p>\n");
    if (r->agent_count == 0)
        return;
    buf_str(b, "<table>\n<tr><th>agent</th><th>statements</th><th>seq</th><th>sessions</th>"
               "<th>bodies absent</th><th></th></tr>\n");
    for (size_t i = 0; i < r->agent_count; i++)
        put_agent(b, r, &r->agents[i]);
    buf_str(b, "</table>\n");
}

static void put_row(buf *b, const char *name, slice value)
{
    buf_printf(b, "<tr><th>%s</th><td><code>", name);
    hex_put(b, value);
    buf_str(b, "</code></td></tr>\n");
}

static void put_log(buf *b, const struct teelog_report *r)
{
    buf_str(b, "<h2>Log</h2>\n<table>\n");
    if (r->has_log && r->verdict != TEELOG_REJECTED) {
        buf_str(b, "<tr><th>key</th><td><code>");
        render_html(b, r->key);
        buf_printf(b, "</code></td></tr>\n<tr><th>size</th><td>%" PRIu64 "</td></tr>\n", r->size);
        put_row(b, "root", hash_slice(&r->root));
        buf_str(b, "<tr><th>recovery key</th><td>");
        report_recovery_text(b, r);
        buf_str(b, "</td></tr>\n");
    }
    buf_str(b, "<tr><th>evidence judged as of</th><td>");
    render_times(b, r);
    buf_str(b, "</td></tr>\n</table>\n");
    if (r->succeeds.there) {
        buf_str(b, "<p>");
        report_succession_text(b, r);
        buf_str(b, "</p>\n");
    }
}

static void put_code(buf *b, const struct report_code *e)
{
    static const char *const rtmr[4] = {"RTMR0", "RTMR1", "RTMR2", "RTMR3"};
    const struct evidence_code *c = &e->seen;
    buf_printf(b, "<table>\n<tr><th>platform</th><td>%s%s", platform_name(c->platform),
               e->simulated ? " (simulated)" : "");
    if (e->count)
        buf_printf(b, ", shown by the log %" PRIu64 " time%s", e->count, e->count == 1 ? "" : "s");
    if (e->peers)
        buf_printf(b, ", by attested peers in %" PRIu64 " session%s", e->peers,
                   e->peers == 1 ? "" : "s");
    buf_str(b, "</td></tr>\n");
    if (c->tdx) {
        put_row(b, "MRTD", SLICE_ARRAY(c->mr_td));
        for (size_t i = 0; i < 4; i++)
            put_row(b, rtmr[i], SLICE_ARRAY(c->rtmr[i]));
    } else {
        put_row(b, "MRENCLAVE", SLICE_ARRAY(c->mrenclave));
        put_row(b, "MRSIGNER", SLICE_ARRAY(c->mrsigner));
    }
    if (c->platform == PLATFORM_TDX_DSTACK)
        put_row(b, "compose hash", SLICE_ARRAY(c->compose_hash));
    buf_str(b, "<tr><th>TCB</th><td>");
    report_tcb(b, e->tcb_seen, "");
    buf_str(b, "</td></tr>\n</table>\n");
}

static void put_evidence(buf *b, const struct teelog_report *r)
{
    if (r->code_count)
        buf_str(b, "<h2>Code that the evidence shows</h2>\n");
    for (size_t i = 0; i < r->code_count; i++)
        put_code(b, &r->codes[i]);
}

char *teelog_report_html(const struct teelog_report *r)
{
    buf b;
    buf_init(&b, RENDER_MAX);
    buf_str(&b, head);
    put_verdict(&b, r);
    put_answers(&b, r);
    put_failures(&b, r);
    put_scope(&b, r);
    put_log(&b, r);
    put_evidence(&b, r);
    buf_str(&b, "<footer><p>What the verifier found when this page was written. The page is no "
                "evidence: whoever doubts it checks the bundle again, with <code>teelog "
                "verify</code> and a policy of their own.</p></footer>\n</body>\n</html>\n");
    return render_take(&b);
}
