/* An event log beside the RTMRs of a quote. The quote is not verified here. */
#include "verify/eventlog_show.h"

#include "attest/eventlog.h"
#include "attest/quote.h"
#include "base/encoding.h"
#include "base/refuse.h"
#include "codec/json.h"
#include "teelog/quote.h"
#include "verify/render.h"

#include <stdio.h>

struct shown {
    const char *stage; /* that failed; NULL where ok */
    struct tl_why why;
    bool has_td, has_events;
    bool bound; /* the events are the quote's, so that they may be shown */
    bool has_compose, compose_ok;
    struct td_report td;
    struct eventlog events;
};

tl_err eventlog_find(slice *out, buf *decoded, slice text, struct tl_why *why)
{
    js j = js_of(text);
    slice found = {NULL, 0};
    uint32_t seen = 0;
    if (js_peek(&j) != JS_OBJECT) {
        *out = text;
        return TL_OK;
    }
    js_object(&j);
    for (slice key; js_member(&j, &key);) {
        if (!js_named(&j, key, "event_log", &seen, 0)) {
            js_skip(&j);
        } else if (js_peek(&j) == JS_STRING) {
            js_text(&j, decoded);
            found = buf_slice(decoded);
        } else {
            found = js_raw(&j);
        }
    }
    tl_err err = js_end(&j);
    if (REFUSED(err != TL_OK))
        return tl_explain(why, err, "event_log", "the file around it: %s", tl_err_text(err));
    if (REFUSED(!seen))
        return tl_explain(why, TL_E_EVIDENCE, "event_log", "no member event_log in this object");
    *out = found;
    return TL_OK;
}

/* Keeps the first failure. */
static void failed(struct shown *s, const char *stage, tl_err err, const struct tl_why *why)
{
    if (s->stage)
        return;
    s->stage = stage;
    s->why = *why;
    (void)tl_explain(&s->why, err, "", "%s", tl_err_text(err));
}

static tl_err read_quote(struct shown *s, slice bytes)
{
    struct quote q;
    struct tl_why why = {0};
    tl_err err = quote_read(&q, bytes, &why);
    if (err == TL_OK && REFUSED(!quote_is_tdx(&q)))
        err = tl_explain(&why, TL_E_QUOTE, "tee_type", "an SGX enclave has no event log");
    if (err == TL_OK) {
        td_report_read(&s->td, q.body);
        s->has_td = true;
    } else {
        failed(s, "quote", err, &why);
    }
    return err == TL_E_MEMORY ? err : TL_OK;
}

static tl_err read_log(struct shown *s, slice bytes)
{
    struct tl_why why = {0};
    slice array;
    buf decoded;
    buf_init(&decoded, EVENTLOG_MAX_BYTES);
    tl_err err = eventlog_find(&array, &decoded, bytes, &why);
    if (err == TL_OK)
        err = eventlog_read(&s->events, array, &why);
    s->has_events = err == TL_OK;
    if (err == TL_OK && s->has_td)
        err = eventlog_check(&s->events, &s->td, &why);
    s->bound = err == TL_OK && s->has_td;
    if (err != TL_OK)
        failed(s, "event-log", err, &why);
    buf_finish(&decoded);
    return err == TL_E_MEMORY ? err : TL_OK;
}

static void check_compose(struct shown *s, slice compose)
{
    struct tl_why why = {0};
    if (!compose.p || !s->bound)
        return;
    s->has_compose = true;
    s->compose_ok = eventlog_compose_ok(&s->events, compose);
    if (REFUSED(!s->compose_ok)) {
        tl_err err = tl_explain(&why, TL_E_EVIDENCE, "compose",
                                "SHA-256 of the compose file is not the compose-hash that was "
                                "measured");
        failed(s, "compose", err, &why);
    }
}

/* The names in both renderings, in order. */
enum { APP_ID, COMPOSE_HASH, INSTANCE_ID, OS_IMAGE_HASH, NAMED };
static const char *const member_names[NAMED] = {"app_id", "compose_hash", "instance_id",
                                                "os_image_hash"};
static const char *const labels[NAMED] = {"app id", "compose hash", "instance id", "os image hash"};

static slice named(const struct shown *s, size_t i)
{
    const struct eventlog *e = &s->events;
    const slice all[NAMED] = {e->app_id, e->compose_hash, e->instance_id, e->os_image_hash};
    return s->bound ? all[i] : (slice){NULL, 0};
}

static bool rtmr_ok(const struct shown *s, size_t i)
{
    return s->has_td && s->has_events && memcmp(s->td.rtmr[i], s->events.rtmr[i], TD_MR_SIZE) == 0;
}

static slice rtmr_of(bool there, const uint8_t rtmr[48])
{
    return there ? slice_of(rtmr, TD_MR_SIZE) : (slice){NULL, 0};
}

/* The provider's id is the host's text until the log is bound, and dstack's after. */
static void provider_text(buf *out, const struct shown *s)
{
    slice name = s->bound ? s->events.key_provider_name : (slice){NULL, 0};
    buf_init(out, RENDER_MAX);
    buf_bytes(out, name);
    buf_u8(out, 0);
}

static void show_json(buf *b, const struct shown *s, const char *provider)
{
    buf_printf(b, "{\"ok\": %s,\n \"stage\": ", render_json_bool(!s->stage));
    render_json_text(b, s->stage);
    buf_str(b, ",\n \"detail\": ");
    render_json_text(b, s->why.text);
    buf_str(b, ",\n \"verified_quote\": false,\n \"rtmr\": [");
    for (unsigned i = 0; i < 4; i++) {
        buf_printf(b, "%s\n  {\"index\": %u, \"replayed\": ", i ? "," : "", i);
        render_json_hex(b, rtmr_of(s->has_events, s->events.rtmr[i]));
        buf_str(b, ", \"quoted\": ");
        render_json_hex(b, rtmr_of(s->has_td, s->td.rtmr[i]));
        buf_printf(b, ", \"ok\": %s}", render_json_bool(rtmr_ok(s, i)));
    }
    buf_str(b, "]");
    for (size_t i = 0; i < NAMED; i++) {
        buf_printf(b, ",\n \"%s\": ", member_names[i]);
        render_json_hex(b, named(s, i));
    }
    buf_str(b, ",\n \"key_provider\": ");
    render_json_text(b, provider[0] ? provider : NULL);
    buf_printf(b, ",\n \"compose_ok\": %s",
               s->has_compose ? render_json_bool(s->compose_ok) : "null");
    if (s->bound)
        buf_printf(b, ",\n \"events\": {\"before_system_ready\": %zu, \"after_system_ready\": %zu}",
                   s->events.ready_at, s->events.event_count - s->events.ready_at - 1);
    else
        buf_str(b, ",\n \"events\": null");
    buf_str(b, "}\n");
}

static void text_rtmr(buf *b, const struct shown *s, unsigned i)
{
    buf_printf(b, "rtmr%u           %s", i, rtmr_ok(s, i) ? "ok        " : "DIFFERS   ");
    if (s->has_td)
        hex_put(b, SLICE_ARRAY(s->td.rtmr[i]));
    if (s->has_td && s->has_events && !rtmr_ok(s, i)) {
        buf_str(b, "  quoted\n                          ");
        hex_put(b, SLICE_ARRAY(s->events.rtmr[i]));
        buf_str(b, "  replayed");
    }
    buf_str(b, "\n");
}

static void show_text(buf *b, const struct shown *s, const char *provider)
{
    buf_str(b, "the quote is not verified here: use teelog quote verify\n");
    if (s->stage) {
        buf_printf(b, "REJECTED (%s): ", s->stage);
        render_plain(b, s->why.text);
        buf_str(b, "\n");
    } else {
        buf_str(b, "ok: the events give the four RTMRs of the quote\n");
    }
    for (unsigned i = 0; s->has_td && s->has_events && i < 4; i++)
        text_rtmr(b, s, i);
    if (!s->bound)
        return;
    for (size_t i = 0; i < NAMED; i++) {
        slice v = named(s, i);
        buf_printf(b, "%-15s ", labels[i]);
        hex_put(b, v);
        buf_str(b, !v.p ? "none" : v.n == 0 ? "empty" : "");
        if (i == COMPOSE_HASH && s->has_compose)
            buf_str(b, s->compose_ok ? " (the compose file's)" : " (NOT the compose file's)");
        buf_str(b, "\n");
    }
    buf_printf(b, "%-15s ", "key provider");
    render_plain(b, provider[0] ? provider : "none");
    buf_printf(b, "\n%-15s %zu before system-ready, %zu after it, which are the application's\n",
               "events", s->events.ready_at, s->events.event_count - s->events.ready_at - 1);
}

static tl_err render(char **out, const struct shown *s, bool json)
{
    buf provider, b;
    char *text = NULL;
    provider_text(&provider, s);
    buf_init(&b, RENDER_MAX);
    if (buf_err(&provider) == TL_OK) {
        if (json)
            show_json(&b, s, (const char *)provider.p);
        else
            show_text(&b, s, (const char *)provider.p);
        text = render_take(&b);
    }
    buf_finish(&provider);
    if (!text)
        return TL_E_MEMORY;
    *out = text;
    return TL_OK;
}

tl_err teelog_eventlog_show(char **out, bool *ok, const uint8_t *log, size_t log_size,
                            const uint8_t *quote, size_t quote_size, const uint8_t *compose,
                            size_t compose_size, bool json, char *message, size_t message_size)
{
    struct shown s = {0};
    tl_err err = read_quote(&s, slice_of(quote, quote_size));
    if (err == TL_OK)
        err = read_log(&s, slice_of(log, log_size));
    check_compose(&s, slice_of(compose, compose_size));
    if (!s.stage)
        snprintf(s.why.text, sizeof s.why.text, "the events give the four RTMRs of the quote");
    if (err == TL_OK)
        err = render(out, &s, json);
    if (err == TL_OK)
        *ok = !s.stage;
    else if (message && message_size)
        snprintf(message, message_size, "%s", tl_err_text(err));
    if (s.has_events)
        eventlog_finish(&s.events);
    return err;
}
