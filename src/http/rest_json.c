#include "http/rest_json.h"

#include "base/encoding.h"
#include "codec/der.h"
#include "codec/json_put.h"

static void text_put(buf *b, const char *name, slice text)
{
    json_put_name(b, name);
    json_put_canonical(b, text);
}

/* The original's ids are texts. */
static void id_put(buf *b, uint64_t index)
{
    buf_str(b, "\"");
    json_put_uint(b, index);
    buf_str(b, "\"");
}

void rest_put_attestation(buf *b, slice quote, uint64_t time_ms)
{
    buf_str(b, "\"{\\\"quote\\\":\\\"0x");
    hex_put(b, quote);
    buf_str(b, "\\\",\\\"timestamp\\\":");
    json_put_uint(b, time_ms);
    buf_str(b, "}\"");
}

/* What a stranger needs to check it by himself. */
static void key_put(buf *b, const struct log_session *s, slice statement, slice body)
{
    text_put(b, "alg", slice_str(cose_alg_name((enum cose_alg)s->alg)));
    json_put_base64(b, "statement", statement);
    if (body.p)
        json_put_base64(b, "body", body);
    else
        buf_str(b, ",\"erased\":true");
}

void rest_put_agent(buf *b, const struct log_session *s)
{
    buf_str(b, "{\"id\":");
    id_put(b, s->index);
    text_put(b, "agentId", s->agent);
    text_put(b, "agentName", s->agent);
    json_put_number(b, "createdAt", s->time_ms);
    json_put_hex(b, "publicKey", SLICE_ARRAY(s->public_key));
    json_put_name(b, "attestation");
    rest_put_attestation(b, s->quote, s->time_ms);
    key_put(b, s, s->statement, s->body);
    json_put_hex(b, "bootLeaf", hash_slice(&s->boot_leaf));
    if (s->event_log.p)
        json_put_base64(b, "eventLog", s->event_log);
    buf_str(b, "}");
}

static void signature_put(buf *b, const uint8_t signature[64])
{
    uint8_t mem[80];
    buf der;
    buf_init_fixed(&der, mem, sizeof mem);
    size_t start = der_begin(&der);
    der_put_magnitude(&der, slice_of(signature, 32));
    der_put_magnitude(&der, slice_of(signature + 32, 32));
    der_end(&der, start, DER_SEQUENCE);
    buf_str(b, ",\"signature\":\"0x");
    hex_put(b, buf_slice(&der));
    buf_str(b, "\"");
}

void rest_put_row(buf *b, const struct log_row *row, const struct log_session *s)
{
    struct statement st;
    struct body_record body = {.content = {NULL, 0}};
    /* The query has checked it against its leaf. */
    if (statement_read(&st, row->statement) != TL_OK ||
        (row->body.p && body_record_read(&body, row->body) != TL_OK)) {
        buf_fail(b, TL_E_STORED);
        return;
    }
    buf_str(b, "{\"id\":");
    id_put(b, row->index);
    text_put(b, "agentId", row->agent);
    text_put(b, "roomId", body.room_id);
    text_put(b, "userId", body.user_id);
    text_put(b, "type", row->type);
    text_put(b, "content", body.content);
    json_put_number(b, "timestamp", row->time_ms);
    signature_put(b, st.signature);
    json_put_hex(b, "publicKey", SLICE_ARRAY(s->public_key));
    json_put_name(b, "session");
    id_put(b, s->index);
    key_put(b, s, row->statement, row->body);
    buf_str(b, "}");
}

void rest_put_ask(buf *b, const struct rest_ask *a)
{
    const struct {
        const char *name;
        slice text;
    } texts[] = {{"agentId", a->agent},
                 {"roomId", a->room},
                 {"userId", a->user},
                 {"type", a->type},
                 {"containsContent", a->text}};
    json_put_name(b, "query");
    size_t start = b->n;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].text.p)
            text_put(b, texts[i].name, texts[i].text);
    if (a->has_start)
        json_put_number(b, "startTimestamp", a->start_ms);
    if (a->has_end)
        json_put_number(b, "endTimestamp", a->end_ms);
    if (b->n == start)
        buf_str(b, "{");
    else if (buf_err(b) == TL_OK)
        b->p[start] = '{'; /* instead of the first comma */
    buf_str(b, "}");
}

void rest_put_log(buf *b, const struct log_info *info, uint64_t time_ms)
{
    json_put_name(b, "log");
    buf_str(b, "{\"logKey\":");
    json_put_canonical(b, slice_str(info->log_key));
    json_put_number(b, "size", info->size);
    json_put_hex(b, "root", hash_slice(&info->root));
    text_put(b, "platform", slice_str(info->platform));
    json_put_bool(b, "simulated", info->simulated);
    json_put_bool(b, "frozen", info->frozen);
    json_put_number(b, "timestamp", time_ms);
    buf_str(b, "}");
}

void rest_report_data(uint8_t out[64], const hash32 *answer, const struct rest_nonce *nonce)
{
    static const char label[] = "teelog/rest/v1"; /* and its NUL */
    memset(out, 0, 64);
    memcpy(out, answer->b, sizeof answer->b);
    if (!nonce->n)
        return;
    const slice parts[] = {slice_of(label, sizeof label), slice_of(nonce->bytes, nonce->n)};
    hash32 h = sha256_parts(parts, 2);
    memcpy(out + 32, h.b, sizeof h.b);
}
