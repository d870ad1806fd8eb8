/* A policy that pins what a bundle shows, for a person to review. */
#include "verify/render.h"

#include <stdio.h>
#include <stdlib.h>

/* Whose code an entry of the policy is about: the log's, or that of attested peers. */
static bool is_own(const struct report_code *c)
{
    return c->count > 0;
}

static bool is_peers(const struct report_code *c)
{
    return c->peers > 0;
}

/* Whether one entry for a simulator can be about c and all others of its kind. */
static bool alike(const struct teelog_report *r, const struct report_code *c,
                  bool (*is)(const struct report_code *c))
{
    for (size_t i = 0; is(c) && i < r->code_count; i++) {
        const struct report_code *other = &r->codes[i];
        if (is(other) &&
            (c->seen.tdx != other->seen.tdx || !hash_eq(&c->seen.root, &other->seen.root)))
            return false;
    }
    return true;
}

/* What stands in the way of a policy; NULL if nothing. */
static const char *obstacle(const struct teelog_report *r)
{
    if (r->verdict == TEELOG_REJECTED)
        return "the bundle fails a check, and nothing in it can be relied on";
    for (size_t i = 0; i < r->code_count; i++) {
        const struct report_code *c = &r->codes[i];
        /* Such a policy has one entry alone, and one of peers. */
        if (r->simulated && (!c->simulated || !alike(r, c, is_own) || !alike(r, c, is_peers)))
            return "the bundle shows a simulated platform and another one beside it";
        size_t n = strlen(c->seen.key_provider);
        if (c->seen.platform == PLATFORM_TDX_DSTACK &&
            (n == 0 || n == sizeof c->seen.key_provider - 1))
            return "a dstack platform's key provider is missing or too long to be named in a "
                   "policy";
    }
    return NULL;
}

/* The values of one member of n codes, each once; offset: in struct evidence_code. */
static void put_values(buf *b, const char *name, const struct report_code *const *codes, size_t n,
                       size_t offset, size_t size)
{
    buf_printf(b, ",\n   \"%s\": [", name);
    for (size_t i = 0; i < n; i++) {
        const uint8_t *value = (const uint8_t *)&codes[i]->seen + offset;
        bool again = false;
        for (size_t j = 0; j < i && !again; j++)
            again = memcmp((const uint8_t *)&codes[j]->seen + offset, value, size) == 0;
        if (again)
            continue;
        buf_str(b, i ? ", " : "");
        render_json_hex(b, slice_of(value, size));
    }
    buf_str(b, "]");
}

/* An entry for n codes of one platform, with all that it needs. */
static void put_entry(buf *b, const struct report_code *const *codes, size_t n)
{
    static const char *const rtmr[4] = {"rtmr0", "rtmr1", "rtmr2", "rtmr3"};
    const struct evidence_code *c = &codes[0]->seen;
    bool dstack = c->platform == PLATFORM_TDX_DSTACK;
    buf_printf(b, "  {\"platform\": \"%s\"", platform_name(c->platform));
    if (codes[0]->simulated) {
        buf_str(b, ",\n   \"root\": ");
        render_json_hex(b, hash_slice(&c->root));
    }
    if (!c->tdx) {
        put_values(b, "mrenclave", codes, n, offsetof(struct evidence_code, mrenclave), 32);
    } else {
        put_values(b, "mrtd", codes, n, offsetof(struct evidence_code, mr_td), 48);
        for (size_t i = 0; i < (dstack ? 3u : 4u); i++)
            put_values(b, rtmr[i], codes, n, offsetof(struct evidence_code, rtmr) + 48 * i, 48);
    }
    if (dstack) {
        put_values(b, "compose_hash", codes, n, offsetof(struct evidence_code, compose_hash), 32);
        buf_str(b, ",\n   \"key_provider\": [");
        render_json_text(b, c->key_provider);
        buf_str(b, "]");
    }
    buf_str(b, "}");
}

/* A simulator's entry stands alone. Hardware's pin each code for itself, since
 * values of two that were never seen together are not trusted together. */
static tl_err put_entries(buf *b, const struct teelog_report *r,
                          bool (*is)(const struct report_code *c))
{
    const struct report_code **codes = calloc(r->code_count + 1, sizeof *codes);
    size_t n = 0;
    if (!codes)
        return TL_E_MEMORY;
    for (size_t i = 0; i < r->code_count; i++)
        if (is(&r->codes[i]))
            codes[n++] = &r->codes[i];
    size_t step = r->simulated ? n : 1;
    for (size_t i = 0; i < n; i += step) {
        buf_str(b, i ? ",\n" : "");
        put_entry(b, codes + i, step);
    }
    free(codes);
    return TL_OK;
}

char *teelog_report_policy(const struct teelog_report *r, char *message, size_t message_size)
{
    const char *why = obstacle(r);
    if (why) {
        snprintf(message, message_size, "%s", why);
        return NULL;
    }
    buf b;
    buf_init(&b, RENDER_MAX);
    buf_str(&b, "{\"teelog_policy\": 1,\n \"log\": {\"origin\": ");
    render_json_text(&b, r->origin);
    buf_str(&b, ", \"keys\": [");
    render_json_text(&b, r->key);
    buf_str(&b, "]},\n \"evidence\": [\n");
    tl_err err = put_entries(&b, r, is_own);
    buf_printf(&b, "],\n \"admission\": {\"child\": %s, \"bearer\": %s",
               render_json_bool(r->admitted[ADMISSION_CHILD]),
               render_json_bool(r->admitted[ADMISSION_BEARER]));
    if (r->admitted[ADMISSION_ATTESTED]) {
        buf_str(&b, ", \"attested\": [\n");
        if (err == TL_OK)
            err = put_entries(&b, r, is_peers);
        buf_str(&b, "]");
    }
    buf_str(&b, "},\n \"history\": \"unwitnessed\"}\n");
    if (err != TL_OK)
        buf_fail(&b, err);
    char *text = render_take(&b);
    if (!text)
        snprintf(message, message_size, "%s", tl_err_text(TL_E_MEMORY));
    return text;
}
