/* Giving statements their place: index, seq, prev, time, session. Everything
 * here is serial by nature, and cheap; signing comes after it. */
#include "base/refuse.h"
#include "log/internal.h"

#define AHEAD 64 /* records */

/* One of the log's own statements without secrets in its body. */
static tl_err place_plain(struct log *log, struct group *g, struct placing p, slice body)
{
    tl_err err = group_keep(g, body, &p.body);
    if (err != TL_OK)
        return err;
    p.payload = sha256(body);
    (void)place(log, g, &p);
    return TL_OK;
}

bool heads_due(const struct log *log, uint64_t least)
{
    return log->since_heads >= least && log->since_heads * HEADS_WORK >= roster_count(log->roster);
}

tl_err sequence_heads(struct log *log, struct group *g)
{
    uint8_t mem[80];
    buf body;
    /* The heads and their rows are taken before the statement itself counts. */
    tl_err err = roster_heads(log->roster, log->next_index, &log->heads);
    if (err == TL_OK)
        err = heads_rows(log, g, log->next_index);
    if (err != TL_OK)
        return err;
    buf_init_fixed(&body, mem, sizeof mem);
    body_heads_put(&body, &log->heads);
    struct placing p = {.kind = ST_HEADS,
                        .subject = log->origin,
                        .key = sign_key_es256(log->service),
                        .kid = log->service_kid,
                        .session = log->boot_index};
    return place_plain(log, g, p, buf_slice(&body));
}

tl_err sequence_erasure(struct log *log, struct group *g, const uint64_t *indexes, size_t count,
                        slice reason)
{
    buf body;
    buf_init(&body, 1u << 20);
    body_erasure_put(&body, indexes, count, reason);
    struct placing p = {.kind = ST_ERASURE,
                        .subject = log->origin,
                        .key = sign_key_es256(log->service),
                        .kid = log->service_kid,
                        .session = log->boot_index};
    tl_err err = buf_err(&body);
    if (err == TL_OK)
        err = place_plain(log, g, p, buf_slice(&body));
    buf_finish(&body);
    return err;
}

struct end_walk {
    struct log *log;
    struct group *g;
    tl_err err;
};

static void end_one(void *ctx, struct subject *s)
{
    struct end_walk *w = ctx;
    uint8_t mem[8];
    buf body;
    if (!s->session.key.alg || w->err != TL_OK || group_full(w->g))
        return;
    buf_init_fixed(&body, mem, sizeof mem);
    body_end_put(&body);
    struct placing p = {.kind = ST_END,
                        .subject = s,
                        .key = s->session.key,
                        .kid = s->session.kid,
                        .session = s->session.index};
    w->err = place_plain(w->log, w->g, p, buf_slice(&body));
    session_close(&s->session);
}

/* As many as fit; the caller comes again until none is open. */
tl_err sequence_ends(struct log *log, struct group *g)
{
    struct end_walk w = {log, g, TL_OK};
    roster_each(log->roster, end_one, &w);
    return w.err;
}

/* Where in the group's table a tag is, or the free slot where it would be. */
static uint16_t *request_slot(struct group *g, const uint8_t tag[16])
{
    size_t mask = sizeof g->requests / sizeof g->requests[0] - 1;
    size_t at = (tag[0] | (size_t)tag[1] << 8) & mask;
    for (;; at = (at + 1) & mask) {
        uint16_t number = g->requests[at];
        if (!number)
            return &g->requests[at];
        const struct entry *e = &g->entries[number - 1];
        if (memcmp(e->batch->items[e->record].request_tag, tag, 16) == 0)
            return &g->requests[at];
    }
}

/* The entry on its way that has this request id, or NULL. */
static const struct entry *request_in_flight(struct log *log, const uint8_t tag[16])
{
    for (size_t i = 0; i < 2; i++) {
        uint16_t number = *request_slot(log->groups[i], tag);
        if (number)
            return &log->groups[i]->entries[number - 1];
    }
    return NULL;
}

/* A ref must name a durable statement of the same agent. */
static tl_err ref_check(struct log *log, slice agent, uint64_t ref, struct tl_why *why)
{
    struct store_leaf leaf;
    struct statement st;
    if (ref >= log->durable_size)
        return tl_explain(why, TL_E_FIELD, "ref", "there is no statement %llu yet",
                          (unsigned long long)ref);
    tl_err err = stored_leaf(log, ref, &leaf, &st);
    if (err != TL_OK)
        return tl_explain(why, err, "ref", "statement %llu cannot be read back",
                          (unsigned long long)ref);
    if (!slice_eq(st.subject, agent))
        return tl_explain(why, TL_E_FIELD, "ref", "statement %llu is not this agent's",
                          (unsigned long long)ref);
    return TL_OK;
}

static slice in_arena(const struct log_batch *b, size_t at, size_t n)
{
    return slice_of(b->arena.p + at, n);
}

static void place_record(struct log *log, struct group *g, struct log_batch *b, size_t i,
                         struct subject *s)
{
    const struct record_item *item = &b->items[i];
    struct placing p = {.kind = ST_RECORD,
                        .subject = s,
                        .type = in_arena(b, item->type, item->type_size),
                        .payload = item->payload,
                        .body = in_arena(b, item->body, item->body_size),
                        .key = s->session.key,
                        .kid = s->session.kid,
                        .session = s->session.index,
                        .has_ref = item->has_ref,
                        .ref = item->ref};
    struct entry *e = place(log, g, &p);
    e->batch = b;
    e->record = i;
    if (item->has_request)
        *request_slot(g, item->request_tag) = (uint16_t)(e - g->entries + 1);
}

/* What the batch's caller wants its agents to sign by, or else what they sign by already. */
static enum cose_alg batch_alg(const struct log_batch *b, const struct session *open)
{
    return b->alg ? b->alg : open->key.alg ? open->key.alg : COSE_ES256;
}

static bool session_fits(const struct session *open, const struct log_batch *b)
{
    return open->key.alg == batch_alg(b, open) && open->admission == b->admission &&
           open->index >= b->sessions_from && hash_eq(&open->peer, peer_digest(b->peer));
}

/* Two callers who want different sessions of one agent would otherwise open them by turns,
 * one for each record, and leave none of the log's to others. */
static bool too_young(const struct session *open, uint64_t least_ms, uint64_t now_ms)
{
    return open->key.alg && now_ms - open->opened_ms < least_ms;
}

/* An attested peer that was started again has a new key, and need not wait so long. */
static unsigned session_least_ms(const struct session *open, const struct log_batch *b)
{
    bool peers = open->admission == ADMISSION_ATTESTED && b->admission == ADMISSION_ATTESTED;
    return peers && open->key.alg == batch_alg(b, open) ? PEER_LEAST_MS : SESSION_LEAST_MS;
}

static tl_err new_session(struct log *log, const struct log_batch *b, struct subject *s,
                          struct tl_why *why)
{
    unsigned rate = log->session_rate;
    uint64_t now_ms = stats_now_us() / 1000;
    unsigned least_ms = session_least_ms(&s->session, b);
    if (b->limited && too_young(&s->session, least_ms, now_ms))
        return tl_explain(why, TL_E_RATE, "agentId",
                          "this agent's session, for another algorithm, another kind of caller or "
                          "an agent that was started again, was opened less than %u seconds ago; "
                          "nothing of this record was stored, repeat it later",
                          least_ms / 1000);
    if (b->limited && bucket_take(&log->sessions, rate, 10 * rate, 1, now_ms))
        return tl_explain(why, TL_E_RATE, "agentId",
                          "this log opens %u new sessions a second for callers of this kind; "
                          "nothing of this record was stored, repeat it later",
                          rate);
    return session_begin(log, s, b, batch_alg(b, &s->session), why);
}

static tl_err no_room(struct tl_why *why)
{
    return tl_explain(why, TL_E_BUSY, NULL,
                      "too much waits for new sessions already; nothing of this record was "
                      "stored, repeat it later");
}

/* Opens the one that has its quote, if it is for this caller; else the batch is to wait
 * for the one that is on its way, or begins now. */
static tl_err next_session(struct log *log, struct group *g, const struct log_batch *b,
                           struct subject *s, bool *waits, struct tl_why *why)
{
    if (session_is_quoted(s)) {
        if (session_is_for(s, b, batch_alg(b, &s->session)))
            return session_place(log, g, s);
        session_forget(s);
    }
    if (!s->opening && b->session_err != TL_OK) {
        *why = b->session_why;
        return b->session_err;
    }
    if (!session_has_room(log, b))
        return no_room(why);
    *waits = true;
    return s->opening ? TL_OK : new_session(log, b, s, why);
}

/* The origin is a subject too. */
static tl_err enter_agent(struct log *log, slice name, struct subject **out)
{
    if (REFUSED(roster_count(log->roster) > log->agents_max))
        return TL_E_LIMIT;
    return roster_get(log->roster, name, out);
}

/* The record's agent, with a session open for its caller, or one on its way. An agent is
 * entered only once it has something to say: what is refused leaves no trace. */
static tl_err open_agent(struct log *log, struct group *g, const struct log_batch *b,
                         const struct record_item *item, struct subject **out, bool *waits,
                         struct tl_why *why)
{
    slice name = in_arena(b, item->agent, item->agent_size);
    struct subject *s = roster_find(log->roster, name);
    tl_err err = TL_OK;
    if (item->has_ref)
        err = ref_check(log, name, item->ref, why);
    if (err == TL_OK && !s)
        err = enter_agent(log, name, &s);
    if (err == TL_E_LIMIT)
        (void)tl_explain(why, err, "agentId", "this log holds %zu agents and takes no more",
                         log->agents_max);
    if (err == TL_OK && !session_fits(&s->session, b))
        err = next_session(log, g, b, s, waits, why);
    if (err != TL_OK && s && s->count == 0 && !s->opening)
        roster_remove(log->roster, s);
    if (err == TL_OK)
        *out = s;
    else
        *waits = false;
    return err;
}

/* One record; its own failures go into its receipt. Where it is to wait, *wants is its
 * agent. */
static tl_err sequence_record(struct log *log, struct group *g, struct log_batch *b, size_t i,
                              struct subject **wants)
{
    const struct record_item *item = &b->items[i];
    struct log_receipt *receipt = &b->receipts[i];
    struct subject *s = NULL;
    bool repeated = false, waits = false;
    if (item->has_request) {
        tl_err err = request_lookup(log, item, receipt, &repeated);
        if (err != TL_OK || repeated)
            return err;
    }
    receipt->err = open_agent(log, g, b, item, &s, &waits, &receipt->why);
    if (waits)
        *wants = s;
    else if (receipt->err == TL_OK)
        place_record(log, g, b, i, s);
    return TL_OK;
}

/* Whether a record that the batch comes to later is the first of its agent, to all
 * appearances: one that answers another is not. */
static tl_err is_first(struct log *log, const struct log_batch *b, const struct record_item *item,
                       bool *first)
{
    struct log_receipt receipt = {.err = TL_OK};
    bool repeated = false;
    tl_err err = TL_OK;
    *first =
        !item->has_ref && !roster_find(log->roster, in_arena(b, item->agent, item->agent_size));
    if (*first && item->has_request)
        err = request_lookup(log, item, &receipt, &repeated);
    *first = *first && !repeated;
    return err;
}

/* While the batch waits, the quotes of new agents further on are asked for too: it would
 * otherwise be stored agent by agent. */
static tl_err begin_ahead(struct log *log, const struct log_batch *b)
{
    size_t end = b->taken + AHEAD < b->count ? b->taken + AHEAD : b->count;
    for (size_t i = b->taken + 1; i < end && log->opening_count < OWN_QUOTES_MAX / 2; i++) {
        const struct record_item *item = &b->items[i];
        struct subject *s = NULL;
        bool first = false;
        tl_err err = is_first(log, b, item, &first);
        if (err != TL_OK)
            return err;
        if (!first)
            continue;
        if (enter_agent(log, in_arena(b, item->agent, item->agent_size), &s) != TL_OK)
            break;
        if (new_session(log, b, s, NULL) != TL_OK) {
            roster_remove(log->roster, s);
            break; /* the record will be told why */
        }
    }
    return TL_OK;
}

/* A request id that stands twice in one batch: the first one's receipt answers
 * both, once there is one. */
static void repeat_in_batch(struct log_batch *b, size_t i, size_t first)
{
    struct log_receipt *receipt = &b->receipts[i];
    if (hash_eq(&b->items[i].content_mac, &b->items[first].content_mac)) {
        b->items[i].repeats = true;
        b->items[i].first = first;
    } else {
        receipt->err = tl_explain(&receipt->why, TL_E_REQUEST_REUSED, "requestId",
                                  "this request id was used for another record");
    }
}

/* Whether the batch is to wait behind another one of its lane; where there is no room for
 * that, no record of it is stored. */
static bool waits_in_lane(struct log *log, struct log_batch *b)
{
    struct subject *s = session_of_lane(log, b->lane);
    if (s && session_has_room(log, b)) {
        session_wait(log, s, b);
        return true;
    }
    for (; s && b->taken < b->count; b->taken++)
        b->receipts[b->taken].err = no_room(&b->receipts[b->taken].why);
    return false;
}

tl_err sequence_batch(struct log *log, struct group *g, struct log_batch *b, bool *waits)
{
    struct subject *wants = NULL;
    if (b->anew)
        b->sessions_from = log->next_index;
    b->anew = false;
    if (waits_in_lane(log, b)) {
        *waits = true;
        return TL_OK;
    }
    while (b->taken < b->count && !group_full(g)) {
        const struct record_item *item = &b->items[b->taken];
        const struct entry *first =
            item->has_request ? request_in_flight(log, item->request_tag) : NULL;
        if (first && first->batch != b) {
            g->blocked = true;
            break;
        }
        tl_err err = TL_OK;
        if (first)
            repeat_in_batch(b, b->taken, first->record);
        else
            err = sequence_record(log, g, b, b->taken, &wants);
        if (err != TL_OK)
            return err;
        if (wants) {
            session_wait(log, wants, b);
            *waits = true;
            return begin_ahead(log, b);
        }
        b->taken++;
    }
    if (b->taken == b->count) {
        b->next = NULL;
        *g->last_done = b;
        g->last_done = &b->next;
    }
    return TL_OK;
}
