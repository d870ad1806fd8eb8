/* A policy that pins what a bundle shows, for a person to review. */
#include "base/encoding.h"
#include "verify/render.h"

#include <stdio.h>

static const char *truth(bool v)
{
    return v ? "true" : "false";
}

/* What stands in the way of a policy; NULL if nothing. */
static const char *obstacle(const struct teelog_report *r)
{
    if (r->verdict == TEELOG_REJECTED)
        return "the bundle fails a check, and nothing in it can be relied on";
    if (r->admitted[ADMISSION_ATTESTED])
        return "an agent was let in as an attested peer, and this version cannot check the peer's "
               "evidence";
    for (size_t i = 0; i < r->code_count; i++) {
        const struct evidence_report *e = &r->codes[i].seen;
        if (e->platform != PLATFORM_SIMULATOR && e->platform != PLATFORM_SGX_GRAMINE)
            return "this version cannot pin the code of this platform";
        /* Such a policy has one entry alone. */
        if (r->simulated && (!e->simulated || !hash_eq(&e->root, &r->codes[0].seen.root)))
            return "the bundle shows a simulated platform and another one beside it";
    }
    return NULL;
}

static void put_code(buf *b, const struct teelog_report *r)
{
    const struct evidence_report *first = &r->codes[0].seen;
    buf_printf(b, "  {\"platform\": \"%s\",\n", platform_name(first->platform));
    if (r->simulated) {
        buf_str(b, "   \"root\": \"");
        hex_put(b, hash_slice(&first->root));
        buf_str(b, "\",\n");
    }
    buf_str(b, "   \"mrenclave\": [");
    for (size_t i = 0; i < r->code_count; i++) {
        const uint8_t *code = r->codes[i].seen.mrenclave;
        bool again = false;
        for (size_t j = 0; j < i && !again; j++)
            again = memcmp(r->codes[j].seen.mrenclave, code, sizeof first->mrenclave) == 0;
        if (again)
            continue;
        buf_str(b, i ? ", \"" : "\"");
        hex_put(b, slice_of(code, sizeof first->mrenclave));
        buf_str(b, "\"");
    }
    buf_str(b, "]}");
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
    put_code(&b, r);
    buf_printf(&b,
               "],\n \"admission\": {\"child\": %s, \"bearer\": %s},\n"
               " \"history\": \"unwitnessed\"}\n",
               truth(r->admitted[ADMISSION_CHILD]), truth(r->admitted[ADMISSION_BEARER]));
    char *text = render_take(&b);
    if (!text)
        snprintf(message, message_size, "%s", tl_err_text(TL_E_MEMORY));
    return text;
}
