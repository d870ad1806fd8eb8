/* Opening a session: a fresh key, a quote over its binding, a statement. */
#include "crypto/secret.h"
#include "log/internal.h"

#include <stdlib.h>

/* A session on its way. */
struct opening {
    struct log *log;
    struct subject *subject;
    struct session session;
    struct body_session body;
    struct log_peer *peer; /* a reference, or NULL */
    bool quoted;
    tl_err err; /* what became of the quote: the quoter's until the job runs */
    struct tl_why why;
    buf item; /* evidence */
    struct owner_job job;
    struct log_batch *waiting, **last;
    struct opening *next, **from;
};

tl_err evidence_keep(struct group *g, slice item, hash32 *digest)
{
    struct side_row row = {.kind = SIDE_EVIDENCE, .key = sha256(item)};
    tl_err err = group_keep(g, item, &row.value);
    if (err == TL_OK)
        err = group_row(g, row);
    if (err == TL_OK)
        *digest = row.key;
    return err;
}

/* The preimage of label 5: what the agent is called and how it was started.
 * Kept sealed beside the statement, so that it can be disclosed later. */
static tl_err about(struct log *log, struct group *g, const struct subject *s, hash32 *digest,
                    slice *sealed)
{
    buf b, out;
    uint8_t salt[BODY_SALT];
    size_t words = 0;
    buf_init(&b, 1u << 20);
    buf_init(&out, 1u << 20);
    while (log->command && log->command[words])
        words++;
    tl_err err = random_bytes(salt, sizeof salt);
    if (err != TL_OK)
        goto out;
    cbor_put_array(&b, 3);
    cbor_put_bytes(&b, SLICE_ARRAY(salt));
    cbor_put_text(&b, s->name);
    cbor_put_array(&b, words);
    for (size_t i = 0; i < words; i++)
        cbor_put_str(&b, log->command[i]);
    err = buf_err(&b);
    if (err != TL_OK)
        goto out;
    *digest = sha256(buf_slice(&b));
    err = body_seal(log->bodies, &out, digest, buf_slice(&b));
    if (err == TL_OK)
        err = group_keep(g, buf_slice(&out), sealed);
out:
    buf_finish_secret(&b);
    buf_finish(&out);
    return err;
}

static void binding(struct log *log, const struct subject *s, const struct body_session *v,
                    const hash32 *agent_tp, enum cose_alg alg, uint8_t report_data[64])
{
    struct session_binding b = {.origin = slice_str(log->keys.origin),
                                .log_tp = log->log_tp,
                                .boot_leaf = log->boot_leaf,
                                .agent = s->name,
                                .agent_tp = *agent_tp,
                                .alg = alg,
                                .size = v->size,
                                .root = v->root};
    binding_session(report_data, &b);
}

static void opening_free(struct opening *o)
{
    session_close(&o->session);
    log_peer_unref(o->peer);
    buf_finish(&o->item);
    *o->from = o->next;
    if (o->next)
        o->next->from = o->from;
    o->log->opening_count--;
    free(o);
}

void session_forget(struct subject *s)
{
    opening_free(s->opening);
    s->opening = NULL;
}

void sessions_free(struct log *log)
{
    for (struct opening *o = log->openings, *next; o; o = next) {
        next = o->next;
        opening_free(o);
    }
}

bool session_is_quoted(const struct subject *s)
{
    return s->opening && s->opening->quoted;
}

bool session_is_for(const struct subject *s, const struct log_batch *b, enum cose_alg alg)
{
    const struct session *f = &s->opening->session;
    return f->key.alg == alg && f->admission == b->admission &&
           hash_eq(&f->peer, peer_digest(b->peer));
}

/* A batch waits, or does no longer. */
static void count_stalled(struct log *log, const struct log_batch *b, bool waits)
{
    log->stall_bytes += waits ? b->arena.n : 0 - b->arena.n;
    log->stalled[b->lane % STALL_LANES] += waits ? 1 : UINT32_MAX;
}

bool session_has_room(const struct log *log, const struct log_batch *b)
{
    return log->stall_bytes == 0 || log->stall_bytes + b->arena.n <= log->stall_bytes_max;
}

struct subject *session_of_lane(const struct log *log, uint64_t lane)
{
    if (lane == 0 || log->stalled[lane % STALL_LANES] == 0)
        return NULL;
    for (const struct opening *o = log->openings; o; o = o->next)
        for (const struct log_batch *b = o->waiting; b; b = b->next)
            if (b->lane == lane)
                return o->subject;
    return NULL;
}

void session_wait(struct log *log, struct subject *s, struct log_batch *b)
{
    b->next = NULL;
    *s->opening->last = b;
    s->opening->last = &b->next;
    count_stalled(log, b, true);
}

struct log_batch *sessions_pop(struct log *log)
{
    for (struct opening *o = log->openings; o; o = o->next) {
        struct log_batch *b = o->waiting;
        if (!b)
            continue;
        o->waiting = b->next;
        if (!o->waiting)
            o->last = &o->waiting;
        count_stalled(log, b, false);
        return b;
    }
    return NULL;
}

/* Nothing of it is left but the answer for those who wait. */
static void come_to_nothing(struct opening *o, struct log_batch *waiting)
{
    struct log *log = o->log;
    struct subject *s = o->subject;
    struct tl_why why = {{0}, {0}};
    tl_err err = tl_explain(&why, o->err, NULL,
                            "no session could be opened for this agent: %s; nothing of this "
                            "record was stored, repeat it later",
                            tl_why_text(&o->why, o->err));
    for (struct log_batch *b = waiting; b; b = b->next) {
        b->session_err = err;
        b->session_why = why;
    }
    session_forget(s);
    if (s->count == 0)
        roster_remove(log->roster, s);
}

/* On the owner thread, once the quoter has answered. */
static void answered(void *arg)
{
    struct opening *o = arg;
    struct log *log = o->log;
    struct log_batch *waiting = o->waiting, **last = o->last;
    o->waiting = NULL;
    o->last = &o->waiting;
    for (const struct log_batch *b = waiting; b; b = b->next)
        count_stalled(log, b, false);
    o->quoted = o->err == TL_OK;
    if (!o->quoted)
        come_to_nothing(o, waiting);
    if (waiting)
        owner_resume(log, waiting, last);
}

/* On the quoter's thread. */
static void quoted(void *ctx, tl_err err, const struct evidence *evidence, const struct tl_why *why)
{
    struct opening *o = ctx;
    if (err == TL_OK) {
        evidence_put(&o->item, evidence);
        err = buf_err(&o->item);
    }
    o->err = err;
    o->why = *why;
    if (owner_submit(o->log, &o->job) != TL_OK)
        return; /* the log is dead, and nobody waits any more */
}

static tl_err opening_new(struct opening **out, struct log *log, struct subject *s,
                          const struct log_batch *b, enum cose_alg alg)
{
    struct opening *o = calloc(1, sizeof *o);
    if (!o)
        return TL_E_MEMORY;
    *o = (struct opening){.log = log, .subject = s, .peer = log_peer_ref(b->peer)};
    o->session.admission = b->admission;
    o->session.peer = *peer_digest(b->peer);
    o->body = (struct body_session){.boot = log->boot_index,
                                    .size = log->durable_size,
                                    .root = log->durable_root,
                                    .admission = b->admission};
    o->job = (struct owner_job){.run = answered, .arg = o};
    o->last = &o->waiting;
    buf_init(&o->item, EVIDENCE_MAX);
    o->next = log->openings;
    o->from = &log->openings;
    if (o->next)
        o->next->from = &o->next;
    log->openings = o;
    log->opening_count++;
    tl_err err = sign_key_generate(&o->session.key, alg);
    if (err != TL_OK) {
        opening_free(o);
        return err;
    }
    sign_key_point(&o->session.key, &o->body.agent);
    o->session.kid = cose_ec2_thumbprint(&o->body.agent);
    *out = o;
    return TL_OK;
}

tl_err session_begin(struct log *log, struct subject *s, const struct log_batch *b,
                     enum cose_alg alg, struct tl_why *why)
{
    uint8_t report_data[64];
    struct opening *o = NULL;
    if (!(log->admissions >> b->admission & 1) ||
        (b->admission == ADMISSION_ATTESTED) != (b->peer != NULL))
        return tl_explain(why, TL_E_FORBIDDEN, NULL,
                          "this log's configuration does not admit callers of this kind");
    tl_err err = opening_new(&o, log, s, b, alg);
    if (err != TL_OK)
        return err;
    binding(log, s, &o->body, &o->session.kid, alg, report_data);
    err = quoter_own(log->quoter, report_data, quoted, o, why);
    if (err != TL_OK)
        opening_free(o);
    else
        s->opening = o;
    return err;
}

tl_err session_place(struct log *log, struct group *g, struct subject *s)
{
    uint8_t mem[640];
    struct opening *o = s->opening;
    struct placing p = {.kind = ST_SESSION, .subject = s, .session = UINT64_MAX};
    buf body;
    buf_init_fixed(&body, mem, sizeof mem);
    tl_err err = evidence_keep(g, buf_slice(&o->item), &o->body.evidence);
    if (err == TL_OK)
        err = peer_keep(g, o->peer, &o->body);
    if (err == TL_OK)
        err = about(log, g, s, &o->body.about, &p.extra);
    if (err == TL_OK) {
        body_session_put(&body, &o->body);
        err = buf_err(&body);
    }
    if (err == TL_OK)
        err = group_keep(g, buf_slice(&body), &p.body);
    if (err != TL_OK)
        return err;
    p.payload = sha256(p.body);
    p.key = o->session.key;
    p.kid = o->session.kid;
    o->session.index = place(log, g, &p)->index;
    o->session.opened_ms = stats_now_us() / 1000;
    session_close(&s->session);
    s->session = o->session;
    o->session = (struct session){0};
    session_forget(s);
    return TL_OK;
}
