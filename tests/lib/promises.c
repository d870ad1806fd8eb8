#include "promises.h"

#include "log/erase.h"
#include "log/query.h"
#include "tlog/checkpoint.h"
#include "tlog/statement.h"

#define BATCH 8

/* slot: of the memory that the content is made in. */
static struct log_record record_of(const struct promise *m, size_t slot)
{
    static char contents[BATCH][PROMISE_PAD + 32];
    struct log_record r = record(m->agent, contents[slot]);
    int n = snprintf(contents[slot], sizeof contents[slot], "%s%*s", m->name, (int)m->pad, "");
    r.content = slice_of(contents[slot], (size_t)n);
    r.request = slice_str(m->name);
    return r;
}

static void see(struct promises *p, slice bytes)
{
    static struct note note;
    struct checkpoint c;
    if (p->seen_count == sizeof p->seen / sizeof p->seen[0])
        return;
    assert_ok(note_read(&note, bytes));
    assert_ok(checkpoint_read(&c, note.text));
    p->seen[p->seen_count++] = (struct seen_checkpoint){c.size, c.root};
}

void promise_look(struct promises *p, struct world *w)
{
    buf b;
    buf_init(&b, 1024);
    assert_ok(log_checkpoint(w->log, &b));
    see(p, buf_slice(&b));
    buf_finish(&b);
}

/* What one record's answer means for it. */
static void note_answer(struct promise *m, tl_err err, const struct log_receipt *r, bool fresh)
{
    if (err == TL_OK && r->err == TL_OK) {
        if (m->state == PROMISE_KEPT) {
            assert_true(r->repeated);
            assert_int_equal(r->index, m->receipt.index);
            assert_true(hash_eq(&r->leaf, &m->receipt.leaf));
        }
        m->state = PROMISE_KEPT;
        m->receipt = *r;
    } else if (fresh && err != TL_E_COMMIT) {
        m->state = PROMISE_REFUSED; /* a refused repeat says nothing of the first */
    }
}

static void note_answers(struct promises *p, struct promise *made, const struct answer *a, size_t n,
                         bool fresh)
{
    for (size_t i = 0; i < n; i++)
        note_answer(&made[i], a->err, &a->receipts[i], fresh);
    if (a->err == TL_OK)
        see(p, slice_of(a->checkpoint, a->checkpoint_size));
    else
        p->ended = true;
}

void promise_append(struct promises *p, struct world *w, const char *const *agents, size_t n,
                    size_t pad)
{
    struct log_record records[BATCH];
    struct answer a;
    struct promise *made = &p->made[p->count];
    assert_true(n <= BATCH && p->count + n <= PROMISES_MAX && pad <= PROMISE_PAD);
    for (size_t i = 0; i < n; i++) {
        snprintf(made[i].agent, sizeof made[i].agent, "%s", agents[i]);
        snprintf(made[i].name, sizeof made[i].name, "record %u", p->next++);
        made[i].pad = pad;
        records[i] = record_of(&made[i], i);
    }
    p->count += n;
    append(w, records, n, &a);
    note_answers(p, made, &a, n, true);
}

void promise_repeat(struct promises *p, struct world *w, size_t i)
{
    struct log_record r = record_of(&p->made[i], 0);
    struct answer a;
    do /* what was erased may have to be read first, by slices */
        append(w, &r, 1, &a);
    while (a.err == TL_OK && a.receipts[0].err == TL_E_BUSY);
    note_answers(p, &p->made[i], &a, 1, false);
}

void promise_settle(struct promises *p, struct world *w)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->made[i].state != PROMISE_UNKNOWN)
            continue;
        promise_repeat(p, w, i);
        assert_int_equal(p->made[i].state, PROMISE_KEPT);
    }
}

void promise_erase(struct promises *p, struct world *w)
{
    struct tl_why why = {{0}, {0}};
    struct log_erase *e = NULL;
    size_t i = p->count;
    while (i-- > 0 && (p->made[i].state != PROMISE_KEPT || p->made[i].erasure != ERASE_NEVER))
        ;
    if (i > p->count)
        return;
    struct promise *m = &p->made[i];
    assert_ok(log_erase_new(&e, w->log, &m->receipt.index, 1, slice_str("asked to"), &why));
    m->erasure = log_erase_run(e, &why) == TL_OK ? ERASE_PROMISED : ERASE_TRIED;
    log_erase_free(e);
}

void promise_token(struct promises *p, struct world *w)
{
    struct promised_token *t = &p->tokens[p->token_count];
    struct token token = {.scopes = SCOPE_READ};
    struct tl_why why = {{0}, {0}};
    assert_true(p->token_count < PROMISES_MAX);
    *t = (struct promised_token){.revoked = false};
    if (log_token_create(w->log, &token, t->text, &why) == TL_OK)
        p->token_count++;
}

static const struct token *find_token(struct tokens *table, const struct promised_token *t)
{
    return tokens_find(table, slice_str(t->text), 0);
}

void promise_revoke(struct promises *p, struct world *w)
{
    struct tl_why why = {{0}, {0}};
    if (p->token_count == 0 || p->tokens[p->token_count - 1].revoked)
        return;
    struct promised_token *t = &p->tokens[p->token_count - 1];
    struct tokens *table = log_tokens(w->log);
    const struct token *found = find_token(table, t);
    assert_non_null(found);
    if (log_token_revoke(w->log, found->id, &why) == TL_OK)
        t->revoked = true;
    else
        p->token_count--; /* either: nothing was promised */
    tokens_unref(table);
}

static void check_tokens(const struct promises *p, struct world *w)
{
    struct tokens *table = log_tokens(w->log);
    for (size_t i = 0; i < p->token_count; i++)
        assert_true((find_token(table, &p->tokens[i]) == NULL) == p->tokens[i].revoked);
    tokens_unref(table);
}

/* A query finds as many records of an agent as the bundle has statements of it. */
static void check_query(struct world *w, const char *agent, uint64_t count)
{
    const struct log_query_options o = {.agent = slice_str(agent),
                                        .to = TL_INT_MAX,
                                        .before_ms = UINT64_MAX,
                                        .limit = 1,
                                        .total = true};
    struct log_query *q = NULL;
    struct tl_why why = {{0}, {0}};
    assert_ok(log_query_new(&q, w->log, &o, &why));
    assert_ok(log_query_run(q, &why));
    assert_int_equal(log_query_total(q), count);
    log_query_free(q);
}

/* Where each promised record stands in a bundle: the one whose content begins with
 * its name, as often as it is there. */
struct found {
    unsigned times;
    uint64_t index;
};

#define COUNTED "alice" /* the agent whose records are counted */

static void find_record(const struct promises *p, struct found *found, uint64_t index, slice body)
{
    struct body_record r;
    assert_ok(body_record_read(&r, body));
    for (size_t i = 0; i < p->count; i++) {
        const struct promise *m = &p->made[i];
        size_t n = strlen(m->name);
        if (r.content.n == n + m->pad && memcmp(r.content.p, m->name, n) == 0) {
            found[i].times++;
            found[i].index = index;
        }
    }
}

static uint64_t find_records(const struct promises *p, struct found *found, slice bundle)
{
    uint64_t counted = 0;
    struct bundle_reader *r = NULL;
    struct bundle_item item;
    struct statement st;
    bool more = true;
    assert_ok(bundle_reader_new(&r, (struct byte_source){slice_source_read, &bundle}));
    for (;;) {
        assert_ok(bundle_next(r, &item, &more));
        if (!more)
            break;
        if (item.kind != BUNDLE_LEAF)
            continue;
        assert_ok(statement_read(&st, item.u.leaf.statement));
        counted += st.kind == ST_RECORD && slice_eq_str(st.subject, COUNTED);
        if (st.kind == ST_RECORD && item.u.leaf.body.p)
            find_record(p, found, item.u.leaf.index, item.u.leaf.body);
    }
    bundle_reader_free(r);
    return counted;
}

static void check_record(const struct promise *m, const struct found *found,
                         const struct history *h)
{
    uint64_t index = m->receipt.index;
    if (m->state == PROMISE_REFUSED && found->times)
        fail_msg("%s was refused, and is there", m->name);
    if (found->times > 1)
        fail_msg("%s is there %u times", m->name, found->times);
    if (m->state != PROMISE_KEPT)
        return;
    if (index >= h->size || !hash_eq(&h->leaves[index], &m->receipt.leaf))
        fail_msg("the statement of %s, acknowledged at %llu, is lost", m->name,
                 (unsigned long long)index);
    if (m->erasure == ERASE_PROMISED && found->times)
        fail_msg("the body of %s was erased, and is there", m->name);
    if (m->erasure == ERASE_NEVER && (found->times != 1 || found->index != index))
        fail_msg("%s, acknowledged at %llu, is lost", m->name, (unsigned long long)index);
}

static void check_checkpoint(const struct seen_checkpoint *c, const struct history *h)
{
    struct merkle_leaves leaves = {h->leaves, h->size};
    const struct merkle_nodes nodes = {merkle_leaves_get, &leaves};
    hash32 root;
    if (c->size <= h->size) {
        assert_ok(merkle_root(&nodes, c->size, &root));
        if (hash_eq(&root, &c->root))
            return;
    }
    fail_msg("the checkpoint of size %llu is of another history than the log, of size %llu",
             (unsigned long long)c->size, (unsigned long long)h->size);
}

void promise_audit(const struct promises *p, struct world *w, bool verify)
{
    const struct log_export_options all = {.withhold_bodies = false};
    struct found found[PROMISES_MAX] = {{0}};
    struct history h;
    size_t n;
    uint8_t *bundle = export_all(w, &all, &n);
    if (verify)
        assert_int_not_equal(verdict_of(bundle, n, NULL), TEELOG_REJECTED);
    history_read(&h, bundle, n);
    check_query(w, COUNTED, find_records(p, found, slice_of(bundle, n)));
    check_tokens(p, w);
    for (size_t i = 0; i < p->count; i++)
        check_record(&p->made[i], &found[i], &h);
    for (size_t i = 0; i < p->seen_count; i++)
        check_checkpoint(&p->seen[i], &h);
    history_finish(&h);
    free(bundle);
}
