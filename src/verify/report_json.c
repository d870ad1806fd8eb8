/* The report as JSON, for programs. */
#include "verify/render.h"

#include <inttypes.h>

static void put_member(buf *b, const char *name, const char *text)
{
    buf_printf(b, "\"%s\": ", name);
    render_json_text(b, text);
}

static void put_recovery(buf *b, const struct teelog_report *r)
{
    buf_printf(b, ", \"boots\": %" PRIu64 ", \"recovery_keys\": [", r->boots);
    for (size_t i = 0; i < r->recovery_count; i++) {
        buf_printf(b, "%s{\"thumbprint\": ", i ? ", " : "");
        render_json_hex(b, hash_slice(&r->recovery[i].thumbprint));
        buf_printf(b, ", \"boots\": %" PRIu64 "}", r->recovery[i].boots);
    }
    buf_printf(b, "], \"recovery_keys_left_out\": %" PRIu64, r->recovery_left_out);
}

static void put_succeeds(buf *b, const struct teelog_report *r)
{
    const struct report_succeeds *s = &r->succeeds;
    buf_str(b, ", \"succeeds\": ");
    if (!s->there) {
        buf_str(b, "null");
        return;
    }
    buf_str(b, "{");
    put_member(b, "origin", s->read ? s->origin : NULL);
    if (s->read) {
        buf_printf(b, ", \"size\": %" PRIu64 ", \"root\": ", s->size);
        render_json_hex(b, hash_slice(&s->root));
    } else {
        buf_str(b, ", \"size\": null, \"root\": null");
    }
    buf_str(b, "}");
}

static void put_log(buf *b, const struct teelog_report *r)
{
    bool shown = r->has_log && r->verdict != TEELOG_REJECTED;
    buf_str(b, " \"log\": {");
    put_member(b, "origin", shown ? r->origin : NULL);
    buf_str(b, ", ");
    put_member(b, "key", shown ? r->key : NULL);
    if (shown) {
        buf_printf(b, ", \"size\": %" PRIu64 ", \"root\": ", r->size);
        render_json_hex(b, hash_slice(&r->root));
        put_recovery(b, r);
        put_succeeds(b, r);
    } else {
        buf_str(b, ", \"size\": null, \"root\": null, \"boots\": null, \"recovery_keys\": null, "
                   "\"recovery_keys_left_out\": null, \"succeeds\": null");
    }
    buf_str(b, "},\n");
}

static void put_fresh(buf *b, const struct teelog_report *r)
{
    const struct report_fresh *f = &r->fresh;
    buf_str(b, " \"fresh\": ");
    if (!f->there || r->verdict == TEELOG_REJECTED) {
        buf_str(b, "null,\n");
        return;
    }
    buf_str(b, "{\"nonce\": ");
    render_json_hex(b, slice_of(f->nonce, f->nonce_size));
    buf_printf(b, ", \"asked\": %s, \"size\": %" PRIu64 ", ", render_json_bool(f->asked), r->size);
    put_member(b, "agent", f->agent[0] ? f->agent : NULL);
    if (f->agent[0])
        buf_printf(b, ", \"count\": %" PRIu64 ", ", f->count);
    else
        buf_str(b, ", \"count\": null, ");
    put_member(b, "mode", report_mode_name(f->mode));
    if (f->has_cosigned)
        buf_printf(b, ", \"cosigned\": %" PRIu64 "},\n", f->cosigned);
    else
        buf_str(b, ", \"cosigned\": null},\n");
}

static void put_history(buf *b, const struct teelog_report *r)
{
    const struct report_history *h = &r->history;
    buf_str(b, " \"history\": ");
    if (!h->wanted || !h->met || r->verdict == TEELOG_REJECTED) {
        buf_str(b, "null,\n");
        return;
    }
    buf_printf(b, "{\"needed\": %zu, \"witnesses\": %zu, \"faulty\": %" PRIu64 ", ", h->need,
               h->witnesses, h->faulty);
    buf_printf(b, "\"size\": %" PRIu64 ", \"time\": %" PRIu64 ", \"current\": %" PRIu64 ",\n  ",
               h->size, h->time, h->current);
    buf_printf(b, "\"evidence\": {\"count\": %" PRIu64 ", \"from\": ", h->judged);
    if (h->judged)
        buf_printf(b, "%" PRIu64 ", \"to\": %" PRIu64, h->judged_from, h->judged_to);
    else
        buf_str(b, "null, \"to\": null");
    buf_printf(b, ", \"beyond\": %" PRIu64 "}},\n", h->judged_now);
}

static void put_bodies(buf *b, const struct teelog_report *r, const struct report_agent *a)
{
    for (int state = BODY_WITHHELD; state < BODY_STATES; state++)
        buf_printf(b, ", \"%s\": %" PRIu64, report_body_state((enum body_state)state),
                   a->bodies[state]);
    buf_str(b, ", \"bodies\": [");
    for (size_t i = 0; i < a->gap_count; i++) {
        const struct report_gap *g = &r->gaps[a->first_gap + i];
        buf_printf(b, "%s{\"state\": \"%s\", \"from\": %" PRIu64 ", \"to\": %" PRIu64 "}",
                   i ? ", " : "", report_body_state(g->state), g->from, g->to);
    }
    buf_printf(b, "], \"bodies_left_out\": %" PRIu64 "}", a->gaps_left_out);
}

static void put_admitted(buf *b, const struct report_agent *a)
{
    buf_printf(b,
               ",\n   \"admitted\": {\"child\": %" PRIu64 ", \"attested\": %" PRIu64
               ", \"bearer\": %" PRIu64 "}, \"peers\": [",
               a->admitted[ADMISSION_CHILD], a->admitted[ADMISSION_ATTESTED],
               a->admitted[ADMISSION_BEARER]);
    for (size_t i = 0; i < a->peer_count; i++)
        buf_printf(b, "%s{\"evidence\": %" PRIu32 ", \"sessions\": %" PRIu64 "}", i ? ", " : "",
                   a->peers[i].code, a->peers[i].sessions);
    buf_str(b, "]");
}

static void put_scope(buf *b, const struct teelog_report *r)
{
    char text[SCOPE_TEXT_MAX];
    report_scope_text(r, text, sizeof text);
    buf_str(b, " \"scope\": {");
    put_member(b, "kind", report_scope_name(r));
    buf_str(b, ", \"agents\": [");
    for (size_t i = 0; i < r->agent_count; i++) {
        const struct report_agent *a = &r->agents[i];
        bool complete = report_agent_complete(r, a);
        buf_printf(b, "%s\n  {", i ? "," : "");
        put_member(b, "agent", a->id);
        buf_printf(b,
                   ", \"count\": %" PRIu64 ", \"first_seq\": %" PRIu64 ", \"last_seq\": %" PRIu64
                   ", \"sessions\": %" PRIu64 ", \"sessions_es256k\": %" PRIu64
                   ", \"complete\": %s, \"complete_up_to\": ",
                   a->count, a->first_seq, a->last_seq, a->sessions, a->es256k,
                   render_json_bool(complete));
        if (a->complete_up_to != NO_SIZE)
            buf_printf(b, "%" PRIu64, a->complete_up_to);
        else
            buf_str(b, "null");
        put_admitted(b, a);
        put_bodies(b, r, a);
    }
    buf_str(b, "],\n  ");
    put_member(b, "text", text);
    buf_str(b, "},\n");
}

static void put_questions(buf *b, const struct teelog_report *r)
{
    buf_str(b, " \"questions\": [");
    for (size_t i = 0; i < QUESTION_COUNT; i++) {
        struct report_answer a;
        report_answer(r, i, &a);
        buf_printf(b, "%s\n  {", i ? "," : "");
        put_member(b, "question", a.question);
        buf_printf(b, ", \"ok\": %s, ", a.ok < 0 ? "null" : render_json_bool(a.ok));
        put_member(b, "detail", a.detail);
        buf_str(b, "}");
    }
    buf_str(b, "],\n");
}

static void put_checks(buf *b, const struct teelog_report *r)
{
    buf_str(b, " \"checks\": [");
    for (size_t i = 0; i < r->check_count; i++) {
        const struct teelog_check *c = &r->checks[i];
        buf_printf(b, "%s\n  {", i ? "," : "");
        put_member(b, "name", c->name);
        buf_printf(b, ", \"ok\": %s, ", render_json_bool(c->ok));
        put_member(b, "detail", c->detail);
        if (c->index != NO_INDEX)
            buf_printf(b, ", \"index\": %" PRIu64, c->index);
        buf_str(b, "}");
    }
    buf_str(b, "],\n");
}

static void put_measurement(buf *b, const char *name, slice value)
{
    buf_printf(b, ", \"%s\": ", name);
    render_json_hex(b, value);
}

static void put_code(buf *b, const struct evidence_code *c)
{
    static const char *const rtmr[4] = {"rtmr0", "rtmr1", "rtmr2", "rtmr3"};
    bool dstack = c->platform == PLATFORM_TDX_DSTACK;
    if (!c->tdx) {
        put_measurement(b, "mrenclave", SLICE_ARRAY(c->mrenclave));
        put_measurement(b, "mrsigner", SLICE_ARRAY(c->mrsigner));
        buf_printf(b, ", \"isv_prod_id\": %u, \"isv_svn\": %u", (unsigned)c->isv_prod_id,
                   (unsigned)c->isv_svn);
        return;
    }
    put_measurement(b, "mrtd", SLICE_ARRAY(c->mr_td));
    for (size_t i = 0; i < (dstack ? 3u : 4u); i++)
        put_measurement(b, rtmr[i], SLICE_ARRAY(c->rtmr[i]));
    if (!dstack)
        return;
    put_measurement(b, "compose_hash", SLICE_ARRAY(c->compose_hash));
    put_measurement(b, "app_id", SLICE_ARRAY(c->app_id));
    if (c->has_os_image_hash)
        put_measurement(b, "os_image_hash", SLICE_ARRAY(c->os_image_hash));
    buf_str(b, ", ");
    put_member(b, "key_provider", c->key_provider);
}

static void put_evidence(buf *b, const struct teelog_report *r)
{
    buf_str(b, " \"evidence\": [");
    for (size_t i = 0; i < r->code_count; i++) {
        const struct report_code *e = &r->codes[i];
        buf_printf(b, "%s\n  {", i ? "," : "");
        put_member(b, "platform", platform_name(e->seen.platform));
        buf_printf(b, ", \"simulated\": %s", render_json_bool(e->simulated));
        put_code(b, &e->seen);
        put_measurement(b, "root", hash_slice(&e->seen.root));
        buf_str(b, ", \"tcb_status\": [");
        report_tcb(b, e->tcb_seen, "\"");
        buf_str(b, "], \"tcb_date\": ");
        render_json_time(b, e->tcb_date);
        buf_printf(b,
                   ", \"tcb_evaluation_number\": %u, \"count\": %" PRIu64
                   ", \"peer_sessions\": %" PRIu64 "}",
                   (unsigned)e->tcb_evaluation_number, e->count, e->peers);
    }
    buf_str(b, "]\n");
}

char *teelog_report_json(const struct teelog_report *r)
{
    buf b;
    buf_init(&b, RENDER_MAX);
    buf_str(&b, "{");
    put_member(&b, "verdict", teelog_verdict_name(r->verdict));
    buf_printf(&b,
               ",\n \"simulated\": %s,\n \"foreign_root\": %s,\n \"collateral_unused\": %zu,\n"
               " \"time\": %" PRIu64 ",\n",
               render_json_bool(r->simulated), render_json_bool(r->foreign_root), r->brought_unused,
               r->time);
    put_log(&b, r);
    put_fresh(&b, r);
    put_history(&b, r);
    put_scope(&b, r);
    put_questions(&b, r);
    put_checks(&b, r);
    put_evidence(&b, r);
    buf_str(&b, "}\n");
    return render_take(&b);
}
