/* What is said of how agents were let in. */
#include "base/encoding.h"
#include "verify/render.h"

#include <inttypes.h>

#define SHOWN 8 /* bytes of a measurement, in a line for people */

const char *report_code_main(const struct evidence_code *c, slice *value)
{
    if (!c->tdx) {
        *value = SLICE_ARRAY(c->mrenclave);
        return "MRENCLAVE";
    }
    if (c->platform == PLATFORM_TDX_DSTACK) {
        *value = SLICE_ARRAY(c->compose_hash);
        return "compose hash";
    }
    *value = SLICE_ARRAY(c->rtmr[3]);
    return "RTMR3";
}

static void put_peers(buf *b, const struct teelog_report *r, const struct report_agent *a)
{
    uint64_t listed = 0;
    for (size_t i = 0; i < a->peer_count; i++) {
        const struct report_code *code = &r->codes[a->peers[i].code];
        slice value;
        const char *name = report_code_main(&code->seen, &value);
        buf_printf(b, "%s%s%s, %s ", i ? "; " : " (", code->simulated ? "SIMULATED " : "",
                   platform_name(code->seen.platform), name);
        hex_put(b, slice_of(value.p, SHOWN));
        buf_str(b, "...");
        listed += a->peers[i].sessions;
    }
    buf_str(b, listed < a->admitted[ADMISSION_ATTESTED] ? "; and others)" : ")");
}

void report_admitted_text(buf *b, const struct teelog_report *r, const struct report_agent *a)
{
    static const char *const how[ADMISSIONS] = {
        [ADMISSION_CHILD] = "as a child of the log",
        [ADMISSION_ATTESTED] = "as an attested peer",
        [ADMISSION_BEARER] = "by a bearer token",
    };
    const char *before = "let in ";
    for (int i = ADMISSION_CHILD; i < ADMISSIONS; i++) {
        if (a->admitted[i] == 0)
            continue;
        buf_printf(b, "%s%s", before, how[i]);
        if (i == ADMISSION_ATTESTED)
            put_peers(b, r, a);
        before = " and ";
    }
}
