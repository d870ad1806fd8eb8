#include "http/filters.h"

#include "base/calendar.h"
#include "base/encoding.h"
#include "base/refuse.h"
#include "codec/cbor.h"

/* The version of cursors, the position, and a digest of what was asked. */
#define CURSOR_VERSION 1
#define CURSOR_DIGEST  16
#define CURSOR_BYTES   (1 + 8 + CURSOR_DIGEST)

static tl_err index_read(uint64_t *out, const struct http_param *p, struct tl_why *why)
{
    if (!p->value.p || decimal_read(out, p->value, TL_INT_MAX) == TL_OK)
        return TL_OK;
    return tl_explain(why, TL_E_FIELD, p->name, "%s must be the index of a statement", p->name);
}

static tl_err time_read(uint64_t *out, const struct http_param *p, struct tl_why *why)
{
    uint64_t seconds;
    if (!p->value.p || decimal_read(out, p->value, TL_INT_MAX) == TL_OK)
        return TL_OK;
    if (calendar_rfc3339_read(&seconds, p->value) != TL_OK)
        return tl_explain(why, TL_E_FIELD, p->name,
                          "%s must be milliseconds since 1970, or a time in UTC such as "
                          "2026-01-31T08:00:00Z",
                          p->name);
    *out = seconds * 1000;
    return TL_OK;
}

static bool type_known(slice type)
{
    if (record_type_valid(type))
        return true;
    for (enum statement_kind k = ST_BOOT; k < ST_RECORD; k++)
        if (slice_eq_str(type, statement_kind_type(k)))
            return true;
    return false;
}

static tl_err text_check(const char *name, slice text, size_t max, struct tl_why *why)
{
    if (REFUSED(text.n > max) || REFUSED(!utf8_valid(text)))
        return tl_explain(why, TL_E_FIELD, name, "%s must be UTF-8 of at most %zu bytes", name,
                          max);
    return TL_OK;
}

/* What no statement can have is refused rather than not found. */
static tl_err texts_check(const struct log_query_options *o, struct tl_why *why)
{
    if (o->agent.p && REFUSED(!origin_valid(o->agent)))
        return tl_explain(why, TL_E_FIELD, "agent", "agent must be an agent id");
    if (o->type.p && REFUSED(!type_known(o->type)))
        return tl_explain(why, TL_E_FIELD, "type",
                          "type must be a record's type, or one of the log's own, such as "
                          "teelog.session");
    tl_err err = text_check("room", o->room, RECORD_ID_MAX, why);
    if (err == TL_OK)
        err = text_check("user", o->user, RECORD_ID_MAX, why);
    return err == TL_OK ? text_check("text", o->text, QUERY_TEXT_MAX, why) : err;
}

tl_err filters_read(struct log_query_options *o, const struct http_param *params, size_t count,
                    struct tl_why *why)
{
    *o = (struct log_query_options){.agent = params[BY_AGENT].value,
                                    .room = params[BY_ROOM].value,
                                    .user = params[BY_USER].value,
                                    .type = params[BY_TYPE].value,
                                    .text = params[BY_TEXT].value,
                                    .to = TL_INT_MAX,
                                    .before_ms = UINT64_MAX};
    tl_err err = texts_check(o, why);
    if (err == TL_OK)
        err = index_read(&o->from, &params[BY_FROM], why);
    if (err == TL_OK && count == FILTERS)
        err = index_read(&o->to, &params[BY_TO], why);
    if (err == TL_OK && count == FILTERS)
        err = time_read(&o->after_ms, &params[BY_AFTER], why);
    if (err == TL_OK && count == FILTERS)
        err = time_read(&o->before_ms, &params[BY_BEFORE], why);
    if (err != TL_OK)
        return err;
    if (REFUSED(o->from >= o->to))
        return tl_explain(why, TL_E_FIELD, "to", "to must be larger than from");
    if (REFUSED(o->after_ms >= o->before_ms))
        return tl_explain(why, TL_E_FIELD, "before", "before must be later than after");
    return TL_OK;
}

hash32 cursor_query(const struct log_query_options *o)
{
    const slice texts[] = {o->agent, o->room, o->user, o->type, o->text};
    uint8_t mem[8 * sizeof(hash32)];
    buf b;
    buf_init_fixed(&b, mem, sizeof mem);
    cbor_put_array(&b, 10);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        hash32 h = sha256(texts[i]);
        if (texts[i].p)
            cbor_put_bytes(&b, hash_slice(&h));
        else
            cbor_put_null(&b);
    }
    cbor_put_uint(&b, o->from);
    cbor_put_uint(&b, o->to);
    cbor_put_uint(&b, o->after_ms);
    /* Any time is more than an integer of ours. */
    if (o->before_ms <= TL_INT_MAX)
        cbor_put_uint(&b, o->before_ms);
    else
        cbor_put_null(&b);
    cbor_put_bool(&b, o->newest_first);
    return sha256(buf_slice(&b));
}

const char *cursor_text(char out[CURSOR_TEXT], const hash32 *query, uint64_t next)
{
    uint8_t mem[CURSOR_BYTES];
    buf b;
    buf_init_fixed(&b, mem, sizeof mem);
    buf_u8(&b, CURSOR_VERSION);
    buf_u64be(&b, next);
    buf_bytes(&b, slice_of(query->b, CURSOR_DIGEST));
    hex_text(out, mem, sizeof mem);
    return out;
}

tl_err cursor_read(struct log_query_options *o, slice text, struct tl_why *why)
{
    uint8_t bytes[CURSOR_BYTES];
    hash32 query = cursor_query(o);
    if (hex_read(bytes, sizeof bytes, text) != TL_OK || REFUSED(bytes[0] != CURSOR_VERSION))
        return tl_explain(why, TL_E_FIELD, "cursor",
                          "this is no cursor; give what \"next\" of a page says, or none");
    if (REFUSED(memcmp(bytes + 9, query.b, CURSOR_DIGEST) != 0))
        return tl_explain(why, TL_E_FIELD, "cursor",
                          "the cursor is of another query; repeat every filter and the order");
    uint64_t next = 0;
    for (size_t i = 1; i < 9; i++)
        next = next << 8 | bytes[i];
    bool within =
        o->newest_first ? o->from < next && next <= o->to : o->from <= next && next < o->to;
    if (REFUSED(!within))
        return tl_explain(why, TL_E_FIELD, "cursor", "the cursor does not lie within the query");
    if (o->newest_first)
        o->to = next;
    else
        o->from = next;
    return TL_OK;
}
