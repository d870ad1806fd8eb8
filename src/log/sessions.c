#include "log/sessions.h"

#include "attest/evidence.h"
#include "base/refuse.h"
#include "log/internal.h"

#include <stdlib.h>

struct log_sessions {
    struct log *log;
    bool latest;
    char (*agents)[SUBJECT_MAX + 1]; /* sorted, each once */
    size_t agent_count;
    uint64_t skip, total, size;
    hash32 root;
    uint64_t *leaves; /* of sessions; latest: the last statements of agents */
    size_t count, limit, read;
    struct log_session *rows;
    uint8_t **kept; /* what each row borrows from */
    size_t kept_bytes;
    bool planned;
    struct owner_job job;
    log_sessions_done_fn *done;
    void *ctx;
};

void log_sessions_free(struct log_sessions *s)
{
    if (!s)
        return;
    for (size_t i = 0; s->kept && i < s->limit; i++)
        free(s->kept[i]);
    free(s->kept);
    free(s->rows);
    free(s->leaves);
    free(s->agents);
    free(s);
}

static tl_err sessions_new(struct log_sessions **out, struct log *log, size_t limit)
{
    struct log_sessions *s = calloc(1, sizeof *s);
    if (!s)
        return TL_E_MEMORY;
    s->log = log;
    s->limit = limit;
    size_t n = limit ? limit : 1;
    s->leaves = calloc(n, sizeof *s->leaves);
    s->rows = calloc(n, sizeof *s->rows);
    s->kept = calloc(n, sizeof *s->kept);
    if (!s->leaves || !s->rows || !s->kept) {
        log_sessions_free(s);
        return TL_E_MEMORY;
    }
    *out = s;
    return TL_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static tl_err copy_agents(struct log_sessions *s, const slice *agents, size_t count)
{
    s->agents = calloc(count, sizeof *s->agents);
    if (!s->agents)
        return TL_E_MEMORY;
    for (size_t i = 0; i < count; i++)
        /* No agent has a longer name, and one with a NUL would be cut there. */
        if (agents[i].n <= SUBJECT_MAX && !memchr(agents[i].p, 0, agents[i].n))
            memcpy(s->agents[s->agent_count++], agents[i].p, agents[i].n);
    qsort(s->agents, s->agent_count, sizeof *s->agents, by_name);
    return TL_OK;
}

tl_err log_sessions_latest(struct log_sessions **out, struct log *log, const slice *agents,
                           size_t count, uint64_t skip, size_t limit)
{
    struct log_sessions *s = NULL;
    tl_err err = sessions_new(&s, log, limit);
    if (err != TL_OK)
        return err;
    s->latest = true;
    s->skip = skip;
    if (count)
        err = copy_agents(s, agents, count);
    if (err != TL_OK) {
        log_sessions_free(s);
        return err;
    }
    *out = s;
    return TL_OK;
}

tl_err log_sessions_at(struct log_sessions **out, struct log *log, const uint64_t *indexes,
                       size_t count)
{
    tl_err err = sessions_new(out, log, count);
    if (err != TL_OK)
        return err;
    if (count)
        memcpy((*out)->leaves, indexes, count * sizeof *indexes);
    (*out)->count = count;
    (*out)->planned = true;
    return TL_OK;
}

/* Of these agents: those that are named come one by one. */
static void plan_these(struct log_sessions *s, struct subject *const *agents, size_t n)
{
    size_t skip = s->skip > s->total ? (size_t)(s->skip - s->total) : 0;
    for (size_t i = skip; i < n && s->count < s->limit; i++)
        s->leaves[s->count++] = agents[i]->durable_last;
    s->total += n;
}

/* On the owner thread, which alone moves what is durable: a view of one moment. */
static void plan(struct log_sessions *s)
{
    s->planned = true;
    s->size = s->log->durable_size;
    s->root = s->log->durable_root;
    size_t n;
    struct subject *const *all = roster_agents(s->log->roster, &n);
    if (!s->agents)
        plan_these(s, all, n);
    for (size_t i = 0; s->agents && i < s->agent_count; i++) {
        bool twice = i && strcmp(s->agents[i - 1], s->agents[i]) == 0;
        struct subject *subject = roster_find(s->log->roster, slice_str(s->agents[i]));
        if (subject && !twice && subject != s->log->origin && subject->durable_count)
            plan_these(s, &subject, 1);
    }
}

/* Copies what a row borrows into one piece of memory. */
static tl_err keep(struct log_sessions *s, struct log_session *row, slice evidence,
                   const struct evidence *e)
{
    size_t n = row->statement.n + row->body.n + evidence.n;
    uint8_t *p = malloc(n);
    if (!p)
        return TL_E_MEMORY;
    s->kept[s->read] = p;
    s->kept_bytes += n;
    size_t agent = (size_t)(row->agent.p - row->statement.p);
    memcpy(p, row->statement.p, row->statement.n);
    row->statement.p = p;
    row->agent.p = p + agent;
    p += row->statement.n;
    memcpy(p, row->body.p, row->body.n);
    row->body.p = p;
    p += row->body.n;
    if (!evidence.n)
        return TL_OK;
    memcpy(p, evidence.p, evidence.n);
    row->quote = slice_of(p + (e->quote.p - evidence.p), e->quote.n);
    if (e->event_log.p)
        row->event_log = slice_of(p + (e->event_log.p - evidence.p), e->event_log.n);
    return TL_OK;
}

static tl_err read_evidence(struct log *log, const hash32 *digest, buf *item, struct evidence *out)
{
    tl_err err = store_get_evidence(log->store, digest, item);
    hash32 again = sha256(buf_slice(item));
    if (err == TL_E_NOT_FOUND || (err == TL_OK && REFUSED(!hash_eq(&again, digest))))
        return TL_E_STORED;
    return err == TL_OK ? evidence_read(out, buf_slice(item)) : err;
}

static tl_err read_row(struct log_sessions *s, const struct store_leaf *leaf,
                       const struct statement *st)
{
    struct log_session row = {.index = leaf->index,
                              .time_ms = st->time_ms,
                              .alg = st->alg,
                              .agent = st->subject,
                              .statement = leaf->statement,
                              .body = leaf->body};
    struct body_session body;
    struct evidence e = {.quote = {NULL, 0}};
    buf item;
    hash32 digest = sha256(leaf->body);
    if (REFUSED(!hash_eq(&digest, &st->payload)) || body_session_read(&body, leaf->body) != TL_OK)
        return TL_E_STORED;
    cose_ec2_compressed(row.public_key, &body.agent);
    buf_init(&item, EVIDENCE_MAX);
    tl_err err = tree_leaf(s->log->tree, body.boot, &row.boot_leaf);
    if (err == TL_OK && s->latest)
        err = read_evidence(s->log, &body.evidence, &item, &e);
    if (err == TL_OK)
        err = keep(s, &row, buf_slice(&item), &e);
    buf_finish(&item);
    if (err == TL_OK)
        s->rows[s->read++] = row;
    return err;
}

static tl_err read_next(struct log_sessions *s, struct tl_why *why)
{
    struct store_leaf leaf;
    struct statement st;
    uint64_t index = s->leaves[s->read];
    tl_err err = stored_leaf(s->log, index, &leaf, &st);
    if (err == TL_OK && st.kind != ST_SESSION && s->latest) {
        index = st.session;
        err = stored_leaf(s->log, index, &leaf, &st);
    }
    if (err == TL_OK)
        err = read_row(s, &leaf, &st);
    if (err == TL_OK && s->read > 1 && s->kept_bytes > SESSIONS_BYTES_MAX)
        return tl_explain(why, TL_E_LIMIT, "pageSize",
                          "these agents' statements and quotes have more than %u bytes together; "
                          "ask for a smaller page",
                          SESSIONS_BYTES_MAX);
    return err == TL_OK ? err
                        : tl_explain(why, err, NULL,
                                     "session %llu or its evidence: %s; `teelog fsck` says more",
                                     (unsigned long long)index, tl_err_text(err));
}

static void run_slice(void *arg)
{
    struct log_sessions *s = arg;
    struct tl_why why = {{0}, {0}};
    tl_err err = TL_OK;
    uint64_t end = owner_slice_end();
    if (!s->planned)
        plan(s);
    while (s->read < s->count && err == TL_OK && !owner_slice_over(end))
        err = read_next(s, &why);
    if (err == TL_OK && s->read < s->count) {
        err = owner_submit(s->log, &s->job);
        if (err == TL_OK)
            return;
    }
    s->done(s->ctx, err, &why);
}

tl_err log_sessions_submit(struct log_sessions *s, log_sessions_done_fn *done, void *ctx)
{
    s->done = done;
    s->ctx = ctx;
    s->job = (struct owner_job){.run = run_slice, .arg = s};
    return owner_submit(s->log, &s->job);
}

const struct log_session *log_sessions_rows(const struct log_sessions *s, size_t *count)
{
    *count = s->read;
    return s->rows;
}

uint64_t log_sessions_total(const struct log_sessions *s)
{
    return s->total;
}

uint64_t log_sessions_tree(const struct log_sessions *s, hash32 *root)
{
    *root = s->root;
    return s->size;
}
