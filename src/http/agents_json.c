#include "http/agents_json.h"

#include "http/json_put.h"

#include <stdlib.h>

const char *admission_name(enum admission a)
{
    switch (a) {
    case ADMISSION_CHILD:
        return "child";
    case ADMISSION_ATTESTED:
        return "attested";
    case ADMISSION_BEARER:
        return "bearer";
    }
    return "unknown";
}

static void put_agent(buf *b, const struct log_agent *a)
{
    buf_str(b, "{\"id\":");
    json_put_str(b, a->id);
    json_put_number(b, "count", a->count);
    json_put_number(b, "lastIndex", a->last_index);
    json_put_bool(b, "open", a->open);
    if (a->open) {
        json_put_number(b, "session", a->session);
        json_put_member(b, "alg", cose_alg_name(a->alg));
        json_put_hex(b, "publicKey", SLICE_ARRAY(a->public_key));
        json_put_member(b, "admission", admission_name(a->admission));
    }
    buf_str(b, "}");
}

static int by_id(const void *a, const void *b)
{
    const struct log_agent *l = a, *r = b;
    return strcmp(l->id, r->id);
}

void agents_json_put(buf *b, bool simulated, struct log_agent *agents, size_t n)
{
    if (n)
        qsort(agents, n, sizeof *agents, by_id);
    buf_printf(b, "{\"simulated\":%s,\"agents\":[", simulated ? "true" : "false");
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_str(b, ",");
        put_agent(b, &agents[i]);
    }
    buf_str(b, "]}\n");
}
