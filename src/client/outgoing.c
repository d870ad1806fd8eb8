#include "client/outgoing.h"

#include "base/encoding.h"
#include "base/refuse.h"
#include "client/client.h"
#include "codec/json_put.h"
#include "crypto/secret.h"
#include "tlog/attributes.h"
#include "tlog/body.h"

#include <jansson.h>
#include <stdlib.h>

#define BODY_BYTES_MAX (8u << 20) /* as the service has it */
#define RECEIPT_BYTES                                                                              \
    (256u << 10) /* of a line: a statement, a note and a path, and JSON's escapes */
#define ANSWER_MAX (64u << 20)

/* ---- the request ---- */

/* A member of the record, and where its text is kept for the check. */
static tl_err put_member(buf *b, const char *name, const char *text, slice *kept,
                         struct tl_why *why)
{
    *kept = text ? slice_str(text) : slice_of("", 0);
    if (!utf8_valid(*kept))
        return tl_explain(why, TL_E_USAGE, name, "%s is not valid UTF-8", name);
    json_put_slice(b, name, *kept);
    return TL_OK;
}

/* As one line, and as the map that the service will make of it. */
static tl_err put_attributes(buf *b, struct outgoing_record *r, const char *text,
                             struct tl_why *why)
{
    json_error_t e;
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);
    if (!object)
        return tl_explain(why, TL_E_USAGE, "attributes", "attributes are not valid JSON: %.*s", 160,
                          e.text);
    tl_err err = attributes_put(&r->attributes, object, why);
    char *line = err == TL_OK ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (err != TL_OK)
        return err == TL_E_MEMORY ? err : TL_E_USAGE;
    if (!line)
        return TL_E_MEMORY;
    r->sent.attributes = buf_slice(&r->attributes);
    json_put_name(b, "attributes");
    buf_str(b, line);
    free(line);
    return TL_OK;
}

static tl_err give_id(struct teelog_client_record *r, const struct receipt_seen *seen)
{
    uint8_t random[16];
    if (r->request_id[0])
        return TL_OK;
    tl_err err = random_bytes(random, sizeof random);
    if (err != TL_OK)
        return err;
    hex_text(r->request_id, random, sizeof random);
    r->least = seen->size;
    return TL_OK;
}

static tl_err put_record(struct outgoing *o, struct outgoing_record *r,
                         const struct teelog_client_record *from, struct tl_why *why)
{
    buf *b = &o->body;
    slice id;
    const struct {
        const char *name, *text;
        slice *kept;
    } members[] = {
        {"agentId", from->agent, &r->sent.agent},     {"roomId", from->room, &r->sent.room},
        {"userId", from->user, &r->sent.user},        {"type", from->type, &r->sent.type},
        {"content", from->content, &r->sent.content}, {"requestId", from->request_id, &id},
    };
    tl_err err = TL_OK;
    const size_t begin = b->n;
    for (size_t i = 0; i < sizeof members / sizeof *members && err == TL_OK; i++)
        err = put_member(b, members[i].name, members[i].text, members[i].kept, why);
    if (err == TL_OK && from->has_ref)
        json_put_number(b, "ref", from->ref);
    if (err == TL_OK && from->attributes)
        err = put_attributes(b, r, from->attributes, why);
    buf_str(b, "}\n");
    if (buf_err(b) == TL_OK)
        b->p[begin] = '{'; /* in place of the first comma */
    r->request_id = from->request_id;
    r->sent.has_ref = from->has_ref;
    r->sent.ref = from->has_ref ? from->ref : 0;
    r->sent.least = from->least;
    return err;
}

tl_err outgoing_make(struct outgoing *o, struct teelog_client_record *records, size_t count,
                     const struct receipt_seen *seen, struct tl_why *why)
{
    *o = (struct outgoing){.count = 0};
    buf_init(&o->body, BODY_BYTES_MAX);
    if (count == 0 || count > TEELOG_CLIENT_RECORDS)
        return tl_explain(why, TL_E_USAGE, "count", "a call logs 1 to %d records",
                          TEELOG_CLIENT_RECORDS);
    o->records = calloc(count, sizeof *o->records);
    if (!o->records)
        return TL_E_MEMORY;
    tl_err err = TL_OK;
    for (; o->count < count && err == TL_OK; o->count++) {
        struct outgoing_record *r = &o->records[o->count];
        buf_init(&r->attributes, RECORD_ATTRIBUTES_MAX);
        err = give_id(&records[o->count], seen);
        if (err == TL_OK)
            err = put_record(o, r, &records[o->count], why);
    }
    if (err == TL_OK && buf_err(&o->body) == TL_E_LIMIT)
        return tl_explain(why, TL_E_USAGE, "content", "a call logs at most 8 MiB of JSON");
    return err == TL_OK ? buf_err(&o->body) : err;
}

void outgoing_finish(struct outgoing *o)
{
    for (size_t i = 0; i < o->count; i++)
        buf_finish(&o->records[i].attributes);
    free(o->records);
    buf_finish(&o->body);
}

size_t outgoing_answer_max(const struct outgoing *o)
{
    size_t n = o->count * RECEIPT_BYTES;
    return n < ANSWER_MAX ? n : ANSWER_MAX;
}

/* ---- the answer ---- */

/* Two records are two statements, unless they have one id. */
static bool taken_before(const struct outgoing *o, const struct teelog_client_receipt *receipts,
                         size_t i, uint64_t index)
{
    for (size_t j = 0; j < i; j++)
        if (receipts[j].err == TL_OK && receipts[j].index == index &&
            strcmp(o->records[j].request_id, o->records[i].request_id) != 0)
            return true;
    return false;
}

static void take(struct teelog_client_receipt *to, const struct receipt_checked *from)
{
    *to = (struct teelog_client_receipt){.err = TL_OK,
                                         .index = from->index,
                                         .seq = from->seq,
                                         .time_ms = from->time_ms,
                                         .tree_size = from->tree_size,
                                         .simulated = from->simulated,
                                         .repeated = from->repeated};
    memcpy(to->leaf, from->leaf.b, sizeof to->leaf);
    memcpy(to->class_name, from->class.p, from->class.n); /* receipt_check bounds it */
}

static tl_err answered_one(const struct outgoing *o, struct teelog_client_receipt *receipts,
                           size_t i, slice line, const struct note_key *log_key,
                           struct receipt_seen *seen, struct tl_why *why)
{
    struct receipt_checked got;
    if (client_is_refusal(line)) {
        receipts[i].err = client_refusal_of(line, 400, why);
        return receipts[i].err;
    }
    tl_err err = receipt_check(&got, line, &o->records[i].sent, log_key, seen, why);
    if (err == TL_OK && REFUSED(taken_before(o, receipts, i, got.index)))
        err = tl_explain(why, TL_E_PEER, "index",
                         "the receipt is of statement %llu, which is another record's of the same "
                         "request",
                         (unsigned long long)got.index);
    if (err == TL_OK)
        take(&receipts[i], &got);
    else
        receipts[i].err = err;
    return err;
}

tl_err outgoing_answered(const struct outgoing *o, struct teelog_client_receipt *receipts,
                         slice answer, const struct note_key *log_key, struct receipt_seen *seen,
                         struct tl_why *why)
{
    struct tl_why refusal = {{0}, {0}};
    tl_err first = TL_OK;
    for (size_t i = 0; i < o->count; i++) {
        const uint8_t *lf = answer.n ? memchr(answer.p, '\n', answer.n) : NULL;
        if (REFUSED(!lf))
            return tl_explain(why, TL_E_PEER, NULL, "%zu records were answered with %zu lines",
                              o->count, i);
        slice line = slice_of(answer.p, (size_t)(lf - answer.p));
        answer = slice_of(lf + 1, answer.n - line.n - 1);
        struct tl_why now = {{0}, {0}};
        tl_err err = answered_one(o, receipts, i, line, log_key, seen, &now);
        if (err != TL_OK && !client_is_refusal(line)) {
            *why = now;
            return err;
        }
        if (err != TL_OK && (first == TL_OK || (first == TL_E_USAGE && err == TL_E_BUSY))) {
            first = err;
            refusal = now;
        }
    }
    if (REFUSED(answer.n))
        return tl_explain(why, TL_E_PEER, NULL, "%zu records were answered with more lines",
                          o->count);
    if (first != TL_OK)
        *why = refusal;
    return first;
}
