#include "attest/eventlog.h"

#include "base/encoding.h"
#include "base/refuse.h"
#include "codec/json.h"
#include "crypto/hash.h"

/* dstack's own event type: the events of the running system, in RTMR3. */
#define RUNTIME_EVENT          0x08000001u

/* TCG PC Client Platform Firmware Profile, section 10.4.1. */
#define EV_SEPARATOR           0x00000004u
#define EV_PLATFORM_CONFIG     0x0000000au
#define EV_EFI_VARIABLE_DRIVER 0x80000001u
#define EV_EFI_ACTION          0x80000007u

#define EVENT_NAME_MAX         256 /* bytes */

enum { APP_ID, COMPOSE_HASH, INSTANCE_ID, OS_IMAGE_HASH, KEY_PROVIDER, NAMED };

static const struct {
    const char *name;
    size_t size; /* 0: any */
    bool or_empty;
} named[NAMED] = {
    [APP_ID] = {"app-id", 20, false},           [COMPOSE_HASH] = {"compose-hash", 32, false},
    [INSTANCE_ID] = {"instance-id", 20, true},  [OS_IMAGE_HASH] = {"os-image-hash", 32, false},
    [KEY_PROVIDER] = {"key-provider", 0, true},
};

enum { IMR, TYPE, DIGEST, EVENT, PAYLOAD, VERSION, PREIMAGE };
#define REQUIRED (1u << IMR | 1u << TYPE | 1u << DIGEST | 1u << EVENT | 1u << PAYLOAD)

struct event {
    uint32_t imr, type, version, seen;
    slice digest, payload, preimage; /* hex, borrowed from the text */
    slice name;
};

struct reading {
    struct eventlog log;
    struct tl_why *why;
    buf name, payload, preimage, scratch; /* of one event */
    struct {
        size_t at, n; /* in log.memory */
        bool there;
    } found[NAMED];
    size_t acpi; /* events that ACPI tables were measured in */
    bool acpi_labelled, runtime;
};

static tl_err refuse(const struct reading *r, const char *what)
{
    return tl_explain(r->why, TL_E_EVIDENCE, "event_log", "event %zu %s", r->log.event_count, what);
}

static bool read_member(js *j, slice key, struct event *e, buf *name)
{
    if (js_named(j, key, "imr", &e->seen, IMR))
        e->imr = (uint32_t)js_uint(j, 3);
    else if (js_named(j, key, "event_type", &e->seen, TYPE))
        e->type = (uint32_t)js_uint(j, UINT32_MAX);
    else if (js_named(j, key, "digest", &e->seen, DIGEST))
        e->digest = js_plain(j);
    else if (js_named(j, key, "event", &e->seen, EVENT))
        js_text(j, name);
    else if (js_named(j, key, "event_payload", &e->seen, PAYLOAD))
        e->payload = js_plain(j);
    else if (js_named(j, key, "version", &e->seen, VERSION))
        e->version = (uint32_t)js_uint(j, 2);
    else if (js_named(j, key, "preimage", &e->seen, PREIMAGE))
        e->preimage = js_plain(j);
    else
        return false;
    return true;
}

/* A member that we do not know may say how the digest is made, as version does: an
 * event that has one is not read as if it had not. */
static tl_err read_event(struct reading *r, js *j, struct event *e)
{
    bool known = true;
    buf_reset(&r->name);
    js_object(j);
    for (slice key; js_member(j, &key);)
        if (!read_member(j, key, e, &r->name)) {
            known = false;
            js_skip(j);
        }
    if (j->err != TL_OK)
        return j->err;
    e->name = buf_slice(&r->name);
    if (REFUSED(!known))
        return refuse(r, "has a member that is not known");
    if (REFUSED((e->seen & REQUIRED) != REQUIRED))
        return refuse(r, "lacks a member");
    if (REFUSED(e->version == 0))
        return refuse(r, "has no known version");
    return TL_OK;
}

static tl_err decode(buf *b, slice hex)
{
    buf_reset(b);
    uint8_t *p = buf_grow(b, hex.n / 2);
    return buf_err(b) != TL_OK ? buf_err(b) : hex_read(p, hex.n / 2, hex);
}

/* RFC 8785 section 3.2.2.2. */
static void put_canonical_text(buf *b, slice text)
{
    static const char short_form[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        if (c == '"' || c == '\\')
            buf_u8(b, '\\');
        if (c >= 0x20) {
            buf_u8(b, c);
        } else if (short_form[c]) {
            buf_u8(b, '\\');
            buf_u8(b, (uint8_t)short_form[c]);
        } else {
            buf_printf(b, "\\u%04x", c);
        }
    }
}

/* What a runtime event's digest is the hash of. */
static void put_preimage(buf *b, const struct event *e, slice payload)
{
    buf_reset(b);
    if (e->version == 1) {
        buf_u32le(b, RUNTIME_EVENT);
        buf_u8(b, ':');
        buf_bytes(b, e->name);
        buf_u8(b, ':');
        buf_bytes(b, payload);
        return;
    }
    buf_str(b, "{\"name\":\"");
    put_canonical_text(b, e->name);
    buf_str(b, "\",\"payload\":\"");
    hex_put(b, payload);
    buf_printf(b, "\",\"type\":%u}", RUNTIME_EVENT);
}

/* Takes down the events that a verdict is about. All of them stand before
 * system-ready: what comes after it is the application's word, which may repeat
 * these names as it likes. */
static tl_err remember(struct reading *r, const struct event *e)
{
    struct eventlog *log = &r->log;
    slice payload = buf_slice(&r->payload);
    if (log->system_ready)
        return TL_OK;
    /* Version 1 hashes "name:payload". Only where a name has no colon does the
     * digest fix where it ends: "key-provider" could be hidden in another name. */
    if (REFUSED(e->version == 1 && e->name.n && memchr(e->name.p, ':', e->name.n)))
        return refuse(r, "has a colon in its name");
    if (slice_eq_str(e->name, "system-ready")) {
        log->system_ready = true;
        log->ready_at = log->event_count;
    }
    for (size_t i = 0; i < NAMED; i++) {
        if (!slice_eq_str(e->name, named[i].name))
            continue;
        if (REFUSED(r->found[i].there))
            return refuse(r, "repeats one before system-ready");
        if (REFUSED(named[i].size && payload.n != named[i].size &&
                    !(named[i].or_empty && payload.n == 0)))
            return refuse(r, "has a payload of the wrong size");
        r->found[i].there = true;
        r->found[i].at = log->memory.n;
        r->found[i].n = payload.n;
        buf_bytes(&log->memory, payload);
        buf_u8(&log->memory, 0); /* so that an empty payload has an address too */
    }
    return buf_err(&log->memory);
}

static tl_err runtime_event(struct reading *r, const struct event *e, uint8_t digest[48])
{
    r->runtime = true;
    put_preimage(&r->preimage, e, buf_slice(&r->payload));
    if (buf_err(&r->preimage) != TL_OK)
        return buf_err(&r->preimage);
    slice preimage = buf_slice(&r->preimage);
    sha384_parts(&preimage, 1, digest);
    uint8_t given[48];
    if (e->digest.n && REFUSED(hex_read(given, sizeof given, e->digest) != TL_OK ||
                               memcmp(given, digest, sizeof given) != 0))
        return refuse(r, "has another digest than its name and payload have");
    if (e->seen >> PREIMAGE & 1) {
        tl_err err = decode(&r->scratch, e->preimage);
        if (err == TL_E_MEMORY)
            return err;
        if (REFUSED(err != TL_OK || !slice_eq(buf_slice(&r->scratch), preimage)))
            return refuse(r, "has a preimage that is not its own");
    }
    return remember(r, e);
}

/* The names that dstack gives boot events: none, but for the first three that
 * ACPI tables were measured in, all of which it labels, or (older) none. */
static bool boot_name_ok(struct reading *r, const struct event *e)
{
    static const char *const label[] = {"acpi-loader", "acpi-rsdp", "acpi-tables"};
    bool acpi = e->imr == 0 && e->type == EV_PLATFORM_CONFIG &&
                slice_eq_str(buf_slice(&r->payload), "ACPI DATA");
    if (!acpi || r->acpi == sizeof label / sizeof label[0])
        return e->name.n == 0;
    size_t i = r->acpi++;
    if (i == 0)
        r->acpi_labelled = e->name.n != 0;
    return slice_eq_str(e->name, r->acpi_labelled ? label[i] : "");
}

/* Firmware events: the digest is as the firmware gave it. Of three types it is the
 * hash of the payload (TCG profile, as above), where dstack has not stripped that;
 * of the others the payload is some description, nothing binds it, and nothing here
 * shows or uses it. */
static tl_err boot_event(struct reading *r, const struct event *e, uint8_t digest[48])
{
    if (REFUSED(r->runtime))
        return refuse(r, "is of the firmware, after one of the running system");
    if (REFUSED(e->version != 1) || REFUSED(e->seen >> PREIMAGE & 1))
        return refuse(r, "is of the firmware and has a runtime event's members");
    if (REFUSED(hex_read(digest, 48, e->digest) != TL_OK))
        return refuse(r, "has no digest of 48 bytes in hex");
    if (REFUSED(!boot_name_ok(r, e)))
        return refuse(r, "is of the firmware and has a name of its own");
    slice payload = buf_slice(&r->payload);
    bool hashed =
        e->type == EV_SEPARATOR || e->type == EV_EFI_VARIABLE_DRIVER || e->type == EV_EFI_ACTION;
    if (!hashed || payload.n == 0)
        return TL_OK;
    uint8_t computed[48];
    sha384_parts(&payload, 1, computed);
    if (REFUSED(memcmp(computed, digest, sizeof computed) != 0))
        return refuse(r, "has another digest than its payload has");
    return TL_OK;
}

static tl_err take_event(struct reading *r, js *j)
{
    struct event e = {.version = 1};
    tl_err err = read_event(r, j, &e);
    if (err != TL_OK)
        return err;
    if (REFUSED((e.imr == 3) != (e.type == RUNTIME_EVENT)))
        return refuse(r, "has a type that its RTMR does not go with");
    err = decode(&r->payload, e.payload);
    if (err == TL_E_MEMORY)
        return err;
    if (REFUSED(err != TL_OK))
        return refuse(r, "has a payload that is not hex");
    uint8_t digest[48];
    err = e.imr == 3 ? runtime_event(r, &e, digest) : boot_event(r, &e, digest);
    if (err != TL_OK)
        return err;
    uint8_t *rtmr = r->log.rtmr[e.imr];
    slice parts[] = {slice_of(rtmr, 48), SLICE_ARRAY(digest)};
    sha384_parts(parts, 2, rtmr);
    return TL_OK;
}

/* "NAME:ID" into the scratch buffer; nothing where it is not what dstack writes. A
 * colon in the name would give one text two readings. */
static void key_provider_name(buf *out, slice json)
{
    slice name = {NULL, 0}, id = name;
    uint32_t seen = 0;
    js j = js_of(json);
    js_object(&j);
    for (slice key; js_member(&j, &key);)
        if (js_named(&j, key, "name", &seen, 0))
            name = js_plain(&j);
        else if (js_named(&j, key, "id", &seen, 1))
            id = js_plain(&j);
        else
            js_skip(&j);
    buf_reset(out);
    if (REFUSED(js_end(&j) != TL_OK) || REFUSED(seen != 3) || REFUSED(name.n == 0) ||
        REFUSED(memchr(name.p, ':', name.n)))
        return;
    buf_bytes(out, name);
    buf_u8(out, ':');
    buf_bytes(out, id);
}

static tl_err finish(struct reading *r)
{
    struct eventlog *log = &r->log;
    size_t provider = log->memory.n;
    if (r->found[KEY_PROVIDER].there) {
        key_provider_name(&r->scratch, slice_of(log->memory.p + r->found[KEY_PROVIDER].at,
                                                r->found[KEY_PROVIDER].n));
        buf_bytes(&log->memory, buf_slice(&r->scratch));
    }
    if (buf_err(&r->scratch) != TL_OK || buf_err(&log->memory) != TL_OK)
        return TL_E_MEMORY;
    /* The memory no longer moves. */
    slice *to[NAMED] = {&log->app_id, &log->compose_hash, &log->instance_id, &log->os_image_hash,
                        &log->key_provider};
    for (size_t i = 0; i < NAMED; i++)
        if (r->found[i].there)
            *to[i] = slice_of(log->memory.p + r->found[i].at, r->found[i].n);
    if (log->memory.n > provider)
        log->key_provider_name = slice_of(log->memory.p + provider, log->memory.n - provider);
    return TL_OK;
}

static tl_err read_events(struct reading *r, slice text)
{
    js j = js_of(text);
    js_array(&j);
    for (; js_element(&j); r->log.event_count++) {
        if (REFUSED(r->log.event_count == EVENTLOG_MAX_EVENTS))
            return tl_explain(r->why, TL_E_LIMIT, "event_log", "more than %d events",
                              EVENTLOG_MAX_EVENTS);
        tl_err err = take_event(r, &j);
        if (err != TL_OK)
            return tl_explain(r->why, err, "event_log", "event %zu: %s", r->log.event_count,
                              tl_err_text(err));
    }
    tl_err err = js_end(&j);
    if (err != TL_OK)
        return tl_explain(r->why, err, "event_log", "after %zu events: %s", r->log.event_count,
                          tl_err_text(err));
    return TL_OK;
}

tl_err eventlog_read(struct eventlog *out, slice text, struct tl_why *why)
{
    if (REFUSED(text.n > EVENTLOG_MAX_BYTES))
        return tl_explain(why, TL_E_LIMIT, "event_log", "longer than %d bytes", EVENTLOG_MAX_BYTES);
    struct reading r = {.why = why};
    uint8_t name[EVENT_NAME_MAX];
    buf_init_fixed(&r.name, name, sizeof name);
    buf_init(&r.payload, EVENTLOG_MAX_BYTES);
    buf_init(&r.preimage, 2 * EVENTLOG_MAX_BYTES);
    buf_init(&r.scratch, EVENTLOG_MAX_BYTES);
    buf_init(&r.log.memory, 2 * EVENTLOG_MAX_BYTES);
    tl_err err = read_events(&r, text);
    if (err == TL_OK)
        err = finish(&r);
    if (err == TL_OK)
        *out = r.log;
    else
        buf_finish(&r.log.memory);
    buf_finish(&r.payload);
    buf_finish(&r.preimage);
    buf_finish(&r.scratch);
    return err;
}

void eventlog_finish(struct eventlog *e)
{
    if (e)
        buf_finish(&e->memory);
}

tl_err eventlog_check(const struct eventlog *e, const struct td_report *td, struct tl_why *why)
{
    for (unsigned i = 0; i < 4; i++)
        if (REFUSED(memcmp(e->rtmr[i], td->rtmr[i], TD_MR_SIZE) != 0))
            return tl_explain(why, TL_E_EVIDENCE, "event_log",
                              "its events do not give RTMR%u of the quote", i);
    if (REFUSED(!e->system_ready))
        return tl_explain(why, TL_E_EVIDENCE, "event_log", "no event system-ready");
    if (REFUSED(!e->app_id.p))
        return tl_explain(why, TL_E_EVIDENCE, "event_log", "no event app-id before system-ready");
    if (REFUSED(!e->compose_hash.p))
        return tl_explain(why, TL_E_EVIDENCE, "event_log",
                          "no event compose-hash before system-ready");
    return TL_OK;
}

bool eventlog_compose_ok(const struct eventlog *e, slice compose)
{
    hash32 h = sha256(compose);
    if (REFUSED(!slice_eq(e->compose_hash, hash_slice(&h))))
        return false;
    return true;
}
