#include "fakelog.h"

#include "testlib.h"

void fake_bundle_insert(struct fake_bundle *b, size_t at, const struct bundle_item *item)
{
    struct bundle_item copy = *item; /* may lie in the array */
    if (b->count == b->capacity) {
        b->capacity = b->capacity ? 2 * b->capacity : 64;
        b->items = realloc(b->items, b->capacity * sizeof *b->items);
        assert_non_null(b->items);
    }
    memmove(b->items + at + 1, b->items + at, (b->count - at) * sizeof *b->items);
    b->items[at] = copy;
    b->count++;
}

void fake_bundle_remove(struct fake_bundle *b, size_t at)
{
    memmove(b->items + at, b->items + at + 1, (b->count - at - 1) * sizeof *b->items);
    b->count--;
}

void fake_bundle_free(struct fake_bundle *b)
{
    if (b)
        free(b->items);
    free(b);
}

static void push(struct fake_bundle *b, const struct bundle_item *item)
{
    fake_bundle_insert(b, b->count, item);
}

static int compare_evidence(const void *a, const void *b)
{
    const struct bundle_item *x = a, *y = b;
    return memcmp(x->u.evidence.digest.b, y->u.evidence.digest.b, 32);
}

static void fix_collateral(struct fake_bundle *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->count; i++)
        if (b->items[i].kind == BUNDLE_EVIDENCE && b->items[i].u.evidence.collateral.p)
            b->collateral = b->items[i].u.evidence.collateral;
    if (!b->collateral.p)
        return; /* a real log's, which gave none */
    for (size_t i = 0; i < b->count; i++) {
        if (b->items[i].kind != BUNDLE_EVIDENCE)
            continue;
        b->items[i].u.evidence.collateral = n ? (slice){NULL, 0} : b->collateral;
        b->items[i].u.evidence.has_collateral_at = n > 0;
        b->items[i].u.evidence.collateral_at = 0;
        n++;
    }
}

static bool opens(const struct fake_leaf *l)
{
    return l->kind == ST_BOOT || l->kind == ST_SESSION;
}

/* Each piece of evidence once, though hooks may make several leaves name it. */
static void put_evidence(struct fake_bundle *b, const struct fakelog *f, const bool *in)
{
    size_t from = b->count;
    for (size_t e = 0; e < f->evidence_count; e++) {
        bool named = false;
        for (size_t i = 0; i < f->count && !named; i++)
            named = in[i] && opens(&f->leaves[i]) &&
                    (hash_eq(&f->leaves[i].evidence, &f->evidence[e].digest) ||
                     hash_eq(&f->leaves[i].peer, &f->evidence[e].digest));
        struct bundle_item item = {.kind = BUNDLE_EVIDENCE};
        item.u.evidence.digest = f->evidence[e].digest;
        item.u.evidence.item = f->evidence[e].item;
        if (named)
            push(b, &item);
    }
    qsort(b->items + from, b->count - from, sizeof *b->items, compare_evidence);
    if (b->count > from)
        b->items[from].u.evidence.collateral = fakelog_collateral();
    fix_collateral(b);
}

static void put_leaves(struct fake_bundle *b, const struct fakelog *f, const bool *in)
{
    for (size_t i = 0; i < f->count; i++) {
        struct bundle_item item = {.kind = BUNDLE_LEAF};
        item.u.leaf.index = i;
        item.u.leaf.statement = f->leaves[i].statement;
        item.u.leaf.body = f->leaves[i].body;
        if (in[i])
            push(b, &item);
    }
}

static struct merkle_leaves tree_of(const struct fakelog *f)
{
    return (struct merkle_leaves){f->hashes, f->count};
}

static void put_fills(struct fake_bundle *b, const struct fakelog *f, const bool *in)
{
    struct merkle_leaves leaves = tree_of(f);
    for (uint64_t at = 0; at < f->count;) {
        uint64_t end = at;
        while (end < f->count && !in[end])
            end++;
        if (end == at) {
            at++;
            continue;
        }
        struct bundle_item item = {.kind = BUNDLE_PROOF};
        item.u.proof.type = PROOF_FILL;
        item.u.proof.level = merkle_cover_level(at, end);
        item.u.proof.n = at >> item.u.proof.level;
        assert_ok(
            merkle_leaves_get(&leaves, item.u.proof.level, item.u.proof.n, &item.u.proof.hash));
        push(b, &item);
        at += UINT64_C(1) << item.u.proof.level;
    }
}

static void put_consistency(struct fake_bundle *b, const struct fakelog *f, const bool *in)
{
    struct merkle_leaves leaves = tree_of(f);
    const struct merkle_nodes nodes = {merkle_leaves_get, &leaves};
    for (uint64_t size = 1; size < f->count; size++) {
        bool named = false;
        for (size_t i = 0; i < f->count && !named; i++)
            named = in[i] && opens(&f->leaves[i]) && f->leaves[i].size == size;
        if (!named)
            continue;
        struct bundle_item item = {.kind = BUNDLE_PROOF};
        item.u.proof.type = PROOF_CONSISTENCY;
        item.u.proof.n = size;
        assert_ok(merkle_prove_consistency(&nodes, size, f->count, item.u.proof.path,
                                           &item.u.proof.path_count));
        push(b, &item);
    }
}

/* The two head proofs of a chain, where the last heads know the agent. */
static void put_heads(struct fake_bundle *b, const struct fakelog *f, size_t agent)
{
    uint64_t at = f->count - 1;
    while (f->leaves[at].kind != ST_BOOT && f->leaves[at].kind != ST_HEADS)
        at--;
    struct head heads[64] = {{.subject = {NULL, 0}}};
    hash32 hashes[64];
    size_t n = 0;
    for (size_t s = 0; s < f->subject_count; s++) {
        struct head h = {.subject = slice_str(f->subjects[s].id)};
        for (uint64_t i = 0; i < f->leaves[at].heads.size; i++) {
            if (f->leaves[i].subject != s)
                continue;
            h.count++;
            h.last_index = i;
            h.last_hash = f->leaves[i].digest;
        }
        if (h.count)
            heads[n++] = h;
        else if (s == agent)
            return;
    }
    qsort(heads, n, sizeof heads[0], head_cmp);
    for (size_t i = 0; i < n; i++)
        hashes[i] = head_leaf_hash(&heads[i]);
    struct merkle_leaves leaves = {hashes, n};
    const struct merkle_nodes nodes = {merkle_leaves_get, &leaves};
    for (size_t i = 0; i < n; i++) {
        if (!slice_eq_str(heads[i].subject, f->subjects[agent].id) &&
            !slice_eq_str(heads[i].subject, f->origin))
            continue;
        struct bundle_item item = {.kind = BUNDLE_PROOF};
        item.u.proof.type = PROOF_HEAD;
        item.u.proof.n = at;
        item.u.proof.subject = fake_keep(heads[i].subject);
        item.u.proof.position = i;
        assert_ok(
            merkle_prove_inclusion(&nodes, i, n, item.u.proof.path, &item.u.proof.path_count));
        push(b, &item);
    }
}

static size_t find_subject(const struct fakelog *f, const char *id)
{
    for (size_t i = 0; i < f->subject_count; i++)
        if (strcmp(f->subjects[i].id, id) == 0)
            return i;
    fail_msg("no subject %s", id);
    return 0;
}

struct fake_bundle *fakelog_export(const struct fakelog *f, enum bundle_scope scope,
                                   const char *agent, const uint64_t *picks, size_t pick_count)
{
    struct fake_bundle *b = calloc(1, sizeof *b);
    bool *in = calloc(f->count, sizeof *in);
    assert_non_null(b);
    assert_non_null(in);
    size_t subject = agent ? find_subject(f, agent) : 0;
    for (size_t i = 0; i < f->count; i++)
        in[i] = scope == SCOPE_WHOLE || (scope == SCOPE_CHAIN && (f->leaves[i].subject == 0 ||
                                                                  f->leaves[i].subject == subject));
    for (size_t i = 0; i < pick_count; i++) {
        in[picks[i]] = in[f->leaves[picks[i]].session] = in[f->leaves[picks[i]].boot] = true;
    }
    struct bundle_item header = {.kind = BUNDLE_HEADER};
    header.u.header.scope = scope;
    header.u.header.checkpoint = fakelog_checkpoint(f, f->count);
    push(b, &header);
    put_evidence(b, f, in);
    put_leaves(b, f, in);
    put_fills(b, f, in);
    put_consistency(b, f, in);
    if (scope == SCOPE_CHAIN)
        put_heads(b, f, subject);
    free(in);
    return b;
}

void fake_bundle_anchor(struct fake_bundle *b, const struct fakelog *f, uint64_t size)
{
    struct merkle_leaves leaves = tree_of(f);
    const struct merkle_nodes nodes = {merkle_leaves_get, &leaves};
    struct bundle_item item = {.kind = BUNDLE_ANCHOR};
    item.u.anchor.size = size;
    item.u.anchor.checkpoint = fakelog_checkpoint(f, size);
    if (size > 0)
        assert_ok(merkle_prove_consistency(&nodes, size, f->count, item.u.anchor.path,
                                           &item.u.anchor.path_count));
    push(b, &item);
}

size_t fake_bundle_evidence(struct fake_bundle *b, const uint8_t report_data[64])
{
    struct bundle_item item = {.kind = BUNDLE_EVIDENCE};
    item.u.evidence.item = fakelog_evidence(report_data);
    item.u.evidence.digest = sha256(item.u.evidence.item);
    size_t at = 1;
    while (at < b->count && b->items[at].kind == BUNDLE_EVIDENCE &&
           compare_evidence(&b->items[at], &item) < 0)
        at++;
    fake_bundle_insert(b, at, &item);
    return at;
}

struct fresh_binding fake_fresh_binding(const struct fakelog *f, const struct fake_bundle *b,
                                        const struct fresh *answer)
{
    static struct note note;
    struct fresh_binding v = {
        .origin = slice_str(f->origin),
        .log_tp = note_key_thumbprint(&f->log_key),
        .answer = answer,
    };
    assert_ok(note_read(&note, b->items[0].u.header.checkpoint));
    v.text = sha256(note.text);
    for (size_t i = 0; i < b->count; i++)
        if (b->items[i].kind == BUNDLE_LEAF && f->leaves[b->items[i].u.leaf.index].kind == ST_BOOT)
            v.boot_leaf = f->hashes[b->items[i].u.leaf.index];
    return v;
}

void fake_bundle_fresh(struct fake_bundle *b, const struct fresh_binding *quoted)
{
    uint8_t report_data[64];
    binding_fresh(report_data, quoted);
    struct bundle_item item = {.kind = BUNDLE_FRESH};
    item.u.fresh.evidence = b->items[fake_bundle_evidence(b, report_data)].u.evidence.digest;
    item.u.fresh.answer = *quoted->answer;
    push(b, &item);
}

size_t fake_bundle_find(const struct fake_bundle *b, enum bundle_kind kind, size_t n)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->items[i].kind == kind && n-- == 0)
            return i;
    fail_msg("no such item");
    return 0;
}

size_t fake_bundle_find_proof(const struct fake_bundle *b, enum bundle_proof type, size_t n)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->items[i].kind == BUNDLE_PROOF && b->items[i].u.proof.type == type && n-- == 0)
            return i;
    fail_msg("no such proof");
    return 0;
}

size_t fake_bundle_find_leaf(const struct fake_bundle *b, uint64_t index)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->items[i].kind == BUNDLE_LEAF && b->items[i].u.leaf.index == index)
            return i;
    fail_msg("no such leaf");
    return 0;
}

static void fix_counts(struct fake_bundle *b)
{
    uint64_t n[6] = {0};
    for (size_t i = 0; i < b->count; i++) {
        if (b->items[i].kind == BUNDLE_PROOF)
            b->items[i].u.proof.number = n[BUNDLE_PROOF];
        n[b->items[i].kind]++;
    }
    b->items[0].u.header.evidence_count = n[BUNDLE_EVIDENCE];
    b->items[0].u.header.leaf_count = n[BUNDLE_LEAF];
    b->items[0].u.header.proof_count = n[BUNDLE_PROOF];
    b->items[0].u.header.anchor_count = n[BUNDLE_ANCHOR];
}

void fake_bundle_put(buf *out, struct fake_bundle *b)
{
    if (!b->keep_collateral)
        fix_collateral(b);
    if (!b->keep_counts && b->count && b->items[0].kind == BUNDLE_HEADER)
        fix_counts(b);
    for (size_t i = 0; i < b->count; i++)
        bundle_item_put(out, &b->items[i]);
    assert_ok(buf_err(out));
}
