#include "http/agents_json.h"

#include "codec/json_put.h"

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

void agents_json_begin(buf *b, bool simulated)
{
    buf_printf(b, "{\"simulated\":%s,\"agents\":[", simulated ? "true" : "false");
}

void agents_json_row(buf *b, const struct log_agent *a, bool first)
{
    if (!first)
        buf_str(b, ",");
    put_agent(b, a);
}

void agents_json_end(buf *b)
{
    buf_str(b, "]}\n");
}
