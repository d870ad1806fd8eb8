/* dstack event logs. One that is taken is replayed again over jansson's tree, and
 * must give the same RTMRs and the same events. */
#include "attest/eventlog.h"
#include "crypto/hash.h"
#include "fuzz.h"

#include <jansson.h>
#include <string.h>

static slice text_of(const json_t *event, const char *name)
{
    const json_t *v = json_object_get(event, name);
    return slice_of(json_string_value(v), json_string_length(v));
}

/* As a buffer to finish. */
static buf bytes_of(slice hex)
{
    buf b;
    buf_init(&b, 1 << 20);
    uint8_t *p = buf_grow(&b, hex.n / 2);
    MUST(buf_err(&b) == TL_OK && hex_read(p, hex.n / 2, hex) == TL_OK);
    return b;
}

static void hash(slice bytes, uint8_t out[48])
{
    sha384_parts(&bytes, 1, out);
}

/* Jansson writes other control characters than RFC 8785 in upper-case hex. */
static void v2_digest(const json_t *event, uint8_t out[48])
{
    slice payload = text_of(event, "event_payload"), name = text_of(event, "event");
    buf lower;
    buf_init(&lower, payload.n + 1);
    for (size_t i = 0; i < payload.n; i++)
        buf_u8(&lower,
               payload.p[i] >= 'A' && payload.p[i] <= 'F' ? payload.p[i] | 0x20 : payload.p[i]);
    json_t *o =
        json_pack("{s:o,s:o,s:i}", "name", json_stringn((const char *)name.p, name.n), "payload",
                  json_stringn(lower.n ? (char *)lower.p : "", lower.n), "type", 134217729);
    char *dumped = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
    MUST(dumped);
    for (char *u = dumped; (u = strchr(u, '\\')); u += u[1] == 'u' ? 6 : 2)
        if (u[1] == 'u' && u[5] >= 'A' && u[5] <= 'F')
            u[5] = (char)(u[5] | 0x20);
    hash(slice_str(dumped), out);
    free(dumped);
    json_decref(o);
    buf_finish(&lower);
}

static void v1_digest(const json_t *event, uint8_t out[48])
{
    buf payload = bytes_of(text_of(event, "event_payload"));
    slice parts[] = {slice_of("\1\0\0\x08:", 5), text_of(event, "event"), slice_str(":"),
                     buf_slice(&payload)};
    sha384_parts(parts, 4, out);
    buf_finish(&payload);
}

static void replay(const json_t *events, uint8_t rtmr[4][48])
{
    size_t i;
    const json_t *event;
    json_array_foreach(events, i, event)
    {
        uint8_t digest[48];
        json_int_t imr = json_integer_value(json_object_get(event, "imr"));
        MUST((imr == 3) == (json_integer_value(json_object_get(event, "event_type")) == 134217729));
        if (imr != 3)
            MUST(hex_read(digest, 48, text_of(event, "digest")) == TL_OK);
        else if (json_integer_value(json_object_get(event, "version")) == 2)
            v2_digest(event, digest);
        else
            v1_digest(event, digest);
        slice parts[] = {slice_of(rtmr[imr], 48), slice_of(digest, 48)};
        sha384_parts(parts, 2, rtmr[imr]);
    }
}

static bool named(const json_t *event, const char *name)
{
    return json_integer_value(json_object_get(event, "imr")) == 3 &&
           slice_eq_str(text_of(event, "event"), name);
}

/* That of the events before the first system-ready exactly one, or none, has the
 * name, and that it is the one which was taken. */
static void same_event(const json_t *events, const char *name, slice taken)
{
    size_t i, n = 0;
    const json_t *event;
    json_array_foreach(events, i, event)
    {
        if (named(event, "system-ready"))
            break;
        if (!named(event, name))
            continue;
        buf payload = bytes_of(text_of(event, "event_payload"));
        MUST(++n == 1 && taken.p && slice_eq(taken, buf_slice(&payload)));
        buf_finish(&payload);
    }
    MUST((n == 1) == (taken.p != NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct eventlog e;
    struct tl_why why = {0};
    struct td_report td = {0};
    tl_err err = eventlog_read(&e, slice_of(data, size), &why);
    MUST(utf8_valid(slice_str(why.text)) && utf8_valid(slice_str(why.field)));
    if (err != TL_OK) {
        MUST(why.text[0]);
        return 0;
    }
    json_error_t error;
    json_t *events =
        json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    MUST(json_is_array(events) && json_array_size(events) == e.event_count);
    replay(events, td.rtmr);
    bool complete = e.system_ready && e.app_id.n == 20 && e.compose_hash.n == 32;
    MUST((eventlog_check(&e, &td, NULL) == TL_OK) == complete);
    MUST(memcmp(td.rtmr, e.rtmr, sizeof td.rtmr) == 0);
    same_event(events, "app-id", e.app_id);
    same_event(events, "compose-hash", e.compose_hash);
    same_event(events, "instance-id", e.instance_id);
    same_event(events, "os-image-hash", e.os_image_hash);
    same_event(events, "key-provider", e.key_provider);
    MUST(utf8_valid(e.key_provider_name));
    json_decref(events);
    eventlog_finish(&e);
    return 0;
}
