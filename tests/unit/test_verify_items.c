/* Bundles whose items were dropped, repeated, put elsewhere or exchanged. */
#include "testlib.h"

#include "fakecase.h"

static struct fakelog *good, *other; /* the same story in another log */
static struct teelog_policy *pinned;
#define NOWHERE UINT64_MAX

static int set_up(void **state)
{
    (void)state;
    good = fake_case_log(NULL, NULL);
    pinned = fake_policy_of(good);
    other = fakelog_new("example.org/other");
    fakelog_boot(other);
    fakelog_session(other, "a");
    fakelog_record(other, "a", "one");
    fakelog_session(other, "b");
    fakelog_record(other, "b", "two");
    fakelog_record(other, "a", "three");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    teelog_policy_free(pinned);
    fakelog_free(good);
    fakelog_free(other);
    fakelog_done();
    return 0;
}

static struct fake_bundle *bundle(enum bundle_scope scope)
{
    struct fake_bundle *b = fake_case_bundle(good, scope);
    fake_bundle_anchor(b, good, 4);
    fake_bundle_anchor(b, good, 9);
    return b;
}

/* Consumes the bundle. */
static void rejected(struct fake_bundle *b, const char *check, uint64_t index)
{
    expect_failure(fake_verify(b, pinned), check, index);
    fake_bundle_free(b);
}

static void trusted(struct fake_bundle *b)
{
    expect_verdict(fake_verify(b, pinned), TEELOG_TRUSTED);
    fake_bundle_free(b);
}

static bool is_rejected(struct fake_bundle *b)
{
    struct teelog_report *r = fake_verify(b, pinned);
    bool yes = teelog_report_verdict(r) == TEELOG_REJECTED;
    if (!yes) {
        char *text = teelog_report_text(r);
        print_error("%s\n", text);
        free(text);
    }
    teelog_report_free(r);
    fake_bundle_free(b);
    return yes;
}

/* Each item dropped, doubled, or exchanged with the next, with counts that tell
 * of it and with counts that do not. */
static void test_every_item(void **state)
{
    (void)state;
    for (int scope = SCOPE_WHOLE; scope <= SCOPE_RECORDS; scope++) {
        struct fake_bundle *b = bundle((enum bundle_scope)scope);
        size_t n = b->count, anchor = fake_bundle_find(b, BUNDLE_ANCHOR, 0);
        fake_bundle_free(b);
        for (size_t i = 0; i < n; i++) {
            for (int keep = 0; keep < 2; keep++) {
                b = bundle((enum bundle_scope)scope);
                b->keep_counts = keep;
                fake_bundle_insert(b, i, &b->items[i]);
                assert_true(is_rejected(b));
                b = bundle((enum bundle_scope)scope);
                b->keep_counts = keep;
                if (i + 1 < n) {
                    struct bundle_item item = b->items[i];
                    b->items[i] = b->items[i + 1];
                    b->items[i + 1] = item;
                    assert_true(is_rejected(b));
                } else {
                    fake_bundle_free(b);
                }
                if (i >= anchor && !keep)
                    continue; /* an earlier checkpoint may be there or not */
                b = bundle((enum bundle_scope)scope);
                b->keep_counts = keep;
                fake_bundle_remove(b, i);
                assert_true(is_rejected(b));
            }
        }
    }
}

/* The bytes cut short anywhere, and bytes after the end. */
static void test_truncated(void **state)
{
    (void)state;
    for (int scope = SCOPE_WHOLE; scope <= SCOPE_RECORDS; scope++) {
        struct fake_bundle *b = bundle((enum bundle_scope)scope);
        buf bytes;
        buf_init(&bytes, SIZE_MAX / 2);
        fake_bundle_put(&bytes, b);
        for (size_t n = 0; n < bytes.n; n += n < 400 ? 1 : 97)
            expect_failure(fake_verify_bytes(slice_of(bytes.p, n), pinned), "format", NOWHERE);
        buf_u8(&bytes, 0);
        expect_failure(fake_verify_bytes(buf_slice(&bytes), pinned), "format", NOWHERE);
        buf_finish(&bytes);
        fake_bundle_free(b);
    }
}

static void test_anchors(void **state)
{
    (void)state;
    trusted(bundle(SCOPE_WHOLE));
    struct fake_bundle *b = bundle(SCOPE_CHAIN);
    size_t at = fake_bundle_find(b, BUNDLE_ANCHOR, 0);
    b->items[at].u.anchor.path[0].b[0] ^= 1;
    rejected(b, "consistency", NOWHERE);
    b = bundle(SCOPE_CHAIN);
    b->items[at].u.anchor.size = 5;
    rejected(b, "checkpoint", NOWHERE);
    b = bundle(SCOPE_CHAIN);
    b->items[at].u.anchor.checkpoint = fakelog_checkpoint(other, 4);
    rejected(b, "checkpoint", NOWHERE);
    b = bundle(SCOPE_CHAIN);
    b->items[at].u.anchor.checkpoint = slice_str("not a note");
    rejected(b, "checkpoint", NOWHERE);
    b = bundle(SCOPE_WHOLE);
    fake_bundle_anchor(b, good, good->count);
    rejected(b, "checkpoint", NOWHERE);
    b = fake_case_bundle(good, SCOPE_WHOLE);
    fake_bundle_anchor(b, good, 0);
    rejected(b, "checkpoint", NOWHERE);
}

/* A signed checkpoint with this root in place of the log's own. */
static slice checkpoint_over(const hash32 *root, uint64_t size, const char *origin)
{
    buf b;
    buf_init(&b, NOTE_MAX);
    assert_ok(checkpoint_sign(&b, slice_str(origin), size, root, &good->log_key, good->seed));
    slice s = fake_keep(buf_slice(&b));
    buf_finish(&b);
    return s;
}

static void test_checkpoint(void **state)
{
    (void)state;
    const hash32 zero = {{0}};
    struct fake_bundle *b = bundle(SCOPE_WHOLE);
    b->items[0].u.header.checkpoint = fakelog_checkpoint(other, 6);
    rejected(b, "statement", 0); /* of another log */
    b = bundle(SCOPE_WHOLE);
    b->items[0].u.header.checkpoint = slice_str("");
    rejected(b, "checkpoint", NOWHERE);
    b = bundle(SCOPE_WHOLE);
    b->items[0].u.header.checkpoint =
        slice_str("example.org/log\n13\nAA==\n\n\xe2\x80\x94 x AAAAAAA=\n");
    rejected(b, "checkpoint", NOWHERE);
    /* An origin that none can be, in an otherwise good checkpoint. */
    char name[200];
    memset(name, 'o', 199);
    name[199] = 0;
    b = bundle(SCOPE_WHOLE);
    b->items[0].u.header.checkpoint = checkpoint_over(&zero, 13, name);
    rejected(b, "checkpoint", NOWHERE);
    /* Signed, but over another tree. */
    for (int scope = SCOPE_WHOLE; scope <= SCOPE_RECORDS; scope++) {
        b = fake_case_bundle(good, (enum bundle_scope)scope);
        b->items[0].u.header.checkpoint = checkpoint_over(&zero, good->count, FAKE_ORIGIN);
        rejected(b, "tree", NOWHERE);
    }
    /* Signed, but of another size: a tail is cut, or stands beyond. */
    b = bundle(SCOPE_WHOLE);
    b->items[0].u.header.checkpoint = checkpoint_over(&zero, 14, FAKE_ORIGIN);
    rejected(b, "tree", 13);
    b = bundle(SCOPE_WHOLE);
    b->items[0].u.header.checkpoint = fakelog_checkpoint(good, 12);
    rejected(b, "tree", 12);
    b = bundle(SCOPE_CHAIN);
    b->items[0].u.header.checkpoint = fakelog_checkpoint(good, 12);
    rejected(b, "tree", 12);
    /* Signed by another key under the log's name. */
    struct note_key key;
    uint8_t seed[32] = {1}, public_key[32];
    ed25519_public(seed, public_key);
    assert_ok(note_key_make(&key, slice_str(FAKE_ORIGIN), public_key));
    struct merkle_leaves leaves = {good->hashes, good->count};
    const struct merkle_nodes nodes = {merkle_leaves_get, &leaves};
    hash32 root;
    assert_ok(merkle_root(&nodes, good->count, &root));
    buf note;
    buf_init(&note, NOTE_MAX);
    assert_ok(checkpoint_sign(&note, slice_str(FAKE_ORIGIN), good->count, &root, &key, seed));
    b = bundle(SCOPE_WHOLE);
    b->items[0].u.header.checkpoint = buf_slice(&note);
    rejected(b, "checkpoint", 0);
    buf_finish(&note);
}

/* Leaves that are not where, or not what, they should be. */
static void test_leaves(void **state)
{
    (void)state;
    struct fake_bundle *b;
    for (uint64_t i = 0; i < good->count - 1; i++) {
        b = fake_case_bundle(good, SCOPE_WHOLE);
        fake_bundle_remove(b, fake_bundle_find_leaf(b, i));
        rejected(b, "tree", i);
    }
    b = fake_case_bundle(good, SCOPE_WHOLE);
    fake_bundle_remove(b, fake_bundle_find_leaf(b, 12));
    rejected(b, "tree", 12);
    /* The tail of one agent cut: it shows in the next leaf. */
    b = fake_case_bundle(good, SCOPE_WHOLE);
    size_t at = fake_bundle_find_leaf(b, 11);
    fake_bundle_remove(b, at);
    b->items[at].u.leaf.index = 11;
    rejected(b, "heads", 11);
    /* A leaf of another log, and one of the same log in another place. */
    b = fake_case_bundle(good, SCOPE_WHOLE);
    at = fake_bundle_find_leaf(b, 2);
    b->items[at].u.leaf.statement = other->leaves[2].statement;
    b->items[at].u.leaf.body = other->leaves[2].body;
    rejected(b, "statement", 2);
    b = fake_case_bundle(good, SCOPE_WHOLE);
    at = fake_bundle_find_leaf(b, 5);
    b->items[at].u.leaf.statement = good->leaves[2].statement;
    b->items[at].u.leaf.body = good->leaves[2].body;
    rejected(b, "order", 5);
    b = fake_case_bundle(good, SCOPE_WHOLE);
    b->items[at].u.leaf.statement = slice_str("\xd2\x84");
    rejected(b, "statement", 5);
    /* Bodies exchanged, missing, and withheld where that is allowed. */
    b = fake_case_bundle(good, SCOPE_WHOLE);
    b->items[at].u.leaf.body = good->leaves[2].body;
    rejected(b, "body", 5);
    for (uint64_t i = 0; i < good->count; i++) {
        b = fake_case_bundle(good, SCOPE_WHOLE);
        b->items[fake_bundle_find_leaf(b, i)].u.leaf.body = (slice){NULL, 0};
        if (good->leaves[i].kind == ST_RECORD)
            trusted(b);
        else
            rejected(b, "body", i);
    }
    b = fake_case_bundle(good, SCOPE_WHOLE);
    b->items[at].u.leaf.body = slice_str(""); /* empty is not withheld */
    rejected(b, "body", 5);
    /* A statement of another session of the same agent, signature exchanged. */
    b = fake_case_bundle(good, SCOPE_WHOLE);
    slice copy = fake_keep(good->leaves[5].statement);
    memcpy((uint8_t *)(uintptr_t)copy.p + copy.n - 64,
           good->leaves[2].statement.p + good->leaves[2].statement.n - 64, 64);
    b->items[at].u.leaf.statement = copy;
    rejected(b, "signature", 5);
}

static void test_chain(void **state)
{
    (void)state;
    /* Every leaf of the chain is needed: what is left out shows at the next of
     * its subject, or in the heads. */
    static const struct {
        uint64_t index;
        const char *check;
        uint64_t at;
    } cut[] = {{0, "boot", 0},  {1, "order", 2},    {2, "order", 5},
               {5, "order", 7}, {6, "order", 8},    {7, "order", 10},
               {8, "order", 9}, {9, "session", 10}, {10, "order", 11}};
    struct fake_bundle *b;
    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++) {
        b = fake_case_bundle(good, SCOPE_CHAIN);
        fake_bundle_remove(b, fake_bundle_find_leaf(b, cut[i].index));
        rejected(b, cut[i].check, cut[i].at);
    }
    /* The agent's tail cut, and filled with the hash that belongs there. */
    b = fake_case_bundle(good, SCOPE_CHAIN);
    fake_bundle_remove(b, fake_bundle_find_leaf(b, 11));
    struct bundle_item fill = {.kind = BUNDLE_PROOF};
    fill.u.proof.type = PROOF_FILL;
    fill.u.proof.n = 11;
    fill.u.proof.hash = good->hashes[11];
    fake_bundle_insert(b, fake_bundle_find_proof(b, PROOF_CONSISTENCY, 0), &fill);
    rejected(b, "heads", 12);
    /* The same without head proofs is a chain that may go on. */
    b = fake_case_bundle(good, SCOPE_CHAIN);
    fake_bundle_remove(b, fake_bundle_find_leaf(b, 11));
    fake_bundle_insert(b, fake_bundle_find_proof(b, PROOF_CONSISTENCY, 0), &fill);
    fake_bundle_remove(b, b->count - 1);
    fake_bundle_remove(b, b->count - 1);
    struct teelog_report *r = fake_verify(b, pinned);
    char *json = teelog_report_json(r);
    assert_non_null(strstr(json, "\"complete\": false, \"complete_up_to\": null"));
    free(json);
    expect_verdict(r, TEELOG_TRUSTED);
    fake_bundle_free(b);
    /* Another agent's leaf among them. */
    b = fake_case_bundle(good, SCOPE_CHAIN);
    struct fake_bundle *whole = fake_case_bundle(good, SCOPE_WHOLE);
    fake_bundle_insert(b, fake_bundle_find_leaf(b, 5),
                       &whole->items[fake_bundle_find_leaf(whole, 3)]);
    rejected(b, "format", 3);
    fake_bundle_free(whole);
    /* No agent at all. */
    b = fakelog_export(good, SCOPE_CHAIN, FAKE_ORIGIN, NULL, 0);
    rejected(b, "format", NOWHERE);
}

static void test_fills(void **state)
{
    (void)state;
    struct fake_bundle *b = fake_case_bundle(good, SCOPE_CHAIN);
    size_t at = fake_bundle_find_proof(b, PROOF_FILL, 0); /* leaves 3 and 4, one by one */
    b->items[at].u.proof.hash.b[0] ^= 1;
    rejected(b, "tree", NOWHERE);
    b = fake_case_bundle(good, SCOPE_CHAIN);
    fake_bundle_remove(b, at);
    rejected(b, "tree", 3);
    b = fake_case_bundle(good, SCOPE_CHAIN);
    fake_bundle_remove(b, at + 1);
    rejected(b, "tree", 4);
    b = fake_case_bundle(good, SCOPE_CHAIN);
    struct bundle_item extra = b->items[at + 1];
    extra.u.proof.n = 12;
    fake_bundle_insert(b, at + 2, &extra);
    rejected(b, "tree", NOWHERE);
    b = fake_case_bundle(good, SCOPE_CHAIN);
    b->items[at + 1].u.proof.n = 5;
    rejected(b, "tree", 4);
    /* In records [2, 5) is leaves 2 and 3, then 4; [6, 9) is 6 and 7, then 8. */
    b = fake_case_bundle(good, SCOPE_RECORDS);
    at = fake_bundle_find_proof(b, PROOF_FILL, 0);
    assert_int_equal(b->items[at].u.proof.level, 1);
    struct bundle_item half = b->items[at];
    half.u.proof.level = 0;
    half.u.proof.n = 2;
    half.u.proof.hash = good->hashes[2];
    b->items[at] = half;
    half.u.proof.n = 3;
    half.u.proof.hash = good->hashes[3];
    fake_bundle_insert(b, at + 1, &half);
    rejected(b, "tree", 2); /* the hashes are right, the form is not the one */
    /* A hash in the place of leaves of a whole log. */
    b = fake_case_bundle(good, SCOPE_WHOLE);
    size_t leaf = fake_bundle_find_leaf(b, 12);
    b->items[leaf].kind = BUNDLE_PROOF;
    b->items[leaf].u.proof.type = PROOF_FILL;
    b->items[leaf].u.proof.level = 0;
    b->items[leaf].u.proof.n = 12;
    b->items[leaf].u.proof.hash = good->hashes[12];
    rejected(b, "tree", 12);
}

static void test_consistency(void **state)
{
    (void)state;
    struct fake_bundle *b = fake_case_bundle(good, SCOPE_WHOLE);
    size_t at = fake_bundle_find_proof(b, PROOF_CONSISTENCY, 0); /* for sizes 1, 3, 9, 10 */
    fake_bundle_remove(b, at);
    rejected(b, "consistency", 1);
    b = fake_case_bundle(good, SCOPE_WHOLE);
    fake_bundle_remove(b, at + 3);
    rejected(b, "consistency", 10);
    b = fake_case_bundle(good, SCOPE_WHOLE);
    b->items[at + 2].u.proof.path[0].b[0] ^= 1;
    rejected(b, "consistency", 9);
    b = fake_case_bundle(good, SCOPE_WHOLE);
    b->items[at + 2].u.proof.path_count--;
    rejected(b, "consistency", 9);
    b = fake_case_bundle(good, SCOPE_WHOLE);
    struct bundle_item extra = b->items[at + 3];
    extra.u.proof.n = 11;
    fake_bundle_insert(b, at + 4, &extra);
    rejected(b, "consistency", NOWHERE);
    b = fake_case_bundle(good, SCOPE_WHOLE);
    b->items[at + 1].u.proof.n = 2;
    rejected(b, "consistency", 3);
    b = fake_case_bundle(good, SCOPE_WHOLE);
    extra = b->items[at];
    extra.u.proof.n = 2;
    fake_bundle_insert(b, at + 1, &extra); /* beside all that are needed */
    rejected(b, "consistency", 3);
}

static void test_head_proofs(void **state)
{
    (void)state;
    struct fake_bundle *b = fake_case_bundle(good, SCOPE_CHAIN);
    size_t at = fake_bundle_find_proof(b, PROOF_HEAD, 0); /* a, then the origin */
    struct bundle_item a = b->items[at];
    b->items[at].u.proof.path[0].b[0] ^= 1;
    rejected(b, "heads", 12);
    b = fake_case_bundle(good, SCOPE_CHAIN);
    b->items[at].u.proof.position ^= 1;
    rejected(b, "heads", 12);
    b = fake_case_bundle(good, SCOPE_CHAIN);
    fake_bundle_remove(b, at);
    rejected(b, "heads", 12);
    b = fake_case_bundle(good, SCOPE_CHAIN);
    fake_bundle_remove(b, at + 1);
    rejected(b, "heads", 12);
    b = fake_case_bundle(good, SCOPE_CHAIN);
    struct bundle_item third = b->items[at + 1];
    third.u.proof.subject = slice_str("z");
    fake_bundle_insert(b, at + 2, &third);
    rejected(b, "heads", 12);
    b = fake_case_bundle(good, SCOPE_CHAIN);
    b->items[at].u.proof.n = 6;
    rejected(b, "heads", 12);
    b = fake_case_bundle(good, SCOPE_CHAIN);
    b->items[at].u.proof.subject = slice_str("b");
    rejected(b, "heads", 12);
    /* Where no chain is, no head proof has a meaning. */
    b = fake_case_bundle(good, SCOPE_WHOLE);
    fake_bundle_insert(b, b->count, &a);
    rejected(b, "heads", NOWHERE);
    b = fake_case_bundle(good, SCOPE_RECORDS);
    fake_bundle_insert(b, b->count, &a);
    rejected(b, "heads", NOWHERE);
}

/* Heads that were made before the agent had said anything prove nothing of it. */
static void test_heads_before_agent(void **state)
{
    (void)state;
    struct fakelog *f = fakelog_new(FAKE_ORIGIN);
    fakelog_boot(f);
    fakelog_heads(f);
    fakelog_session(f, "a");
    fakelog_record(f, "a", "one");
    /* Nor may a whole log pass for a chain, or for single records. */
    const uint64_t picks[] = {0, 1, 2, 3};
    rejected(fakelog_export(f, SCOPE_CHAIN, "a", NULL, 0), "format", NOWHERE);
    rejected(fakelog_export(f, SCOPE_RECORDS, NULL, picks, 4), "format", NOWHERE);
    fakelog_session(f, "b");
    struct fake_bundle *b = fakelog_export(f, SCOPE_CHAIN, "a", NULL, 0);
    struct bundle_item head = {.kind = BUNDLE_PROOF};
    head.u.proof.type = PROOF_HEAD;
    head.u.proof.n = 1;
    head.u.proof.subject = slice_str(FAKE_ORIGIN);
    struct teelog_report *r = fake_verify(b, pinned);
    char *text = teelog_report_text(r);
    assert_non_null(strstr(text, "contiguous 0..1; nothing shows that it does not go on"));
    free(text);
    expect_verdict(r, TEELOG_TRUSTED);
    fake_bundle_insert(b, b->count, &head);
    rejected(b, "heads", NOWHERE);
    fakelog_free(f);
}

static void test_evidence(void **state)
{
    (void)state;
    struct fake_bundle *b = fake_case_bundle(good, SCOPE_WHOLE);
    b->items[1].u.evidence.item = b->items[2].u.evidence.item;
    rejected(b, "evidence", NOWHERE);
    /* One that nothing names, in its place by the order of digests. */
    b = fake_case_bundle(good, SCOPE_WHOLE);
    size_t at = 1;
    struct bundle_item extra = b->items[1];
    extra.u.evidence.item = other->evidence[0].item;
    extra.u.evidence.digest = other->evidence[0].digest;
    while (b->items[at].kind == BUNDLE_EVIDENCE &&
           memcmp(b->items[at].u.evidence.digest.b, extra.u.evidence.digest.b, 32) < 0)
        at++;
    fake_bundle_insert(b, at, &extra);
    rejected(b, "evidence", NOWHERE);
    /* One that is not an evidence item, under its right digest. */
    b = fake_case_bundle(good, SCOPE_WHOLE);
    b->items[1].u.evidence.item = slice_str("\x83");
    b->items[1].u.evidence.digest = sha256(slice_str("\x83"));
    while (b->count > 2 && b->items[2].kind == BUNDLE_EVIDENCE)
        fake_bundle_remove(b, 2);
    rejected(b, "evidence", NOWHERE);
    /* Each missing: the one who names it is named. */
    for (uint64_t i = 0; i < good->count; i++) {
        if (good->leaves[i].kind != ST_BOOT && good->leaves[i].kind != ST_SESSION)
            continue;
        b = fake_case_bundle(good, SCOPE_WHOLE);
        at = 1;
        while (!hash_eq(&b->items[at].u.evidence.digest, &good->leaves[i].evidence))
            at++;
        fake_bundle_remove(b, at);
        rejected(b, "evidence", i);
        b = fake_case_bundle(good, SCOPE_WHOLE);
        b->items[at].u.evidence.has_collateral_at = false;
        b->items[at].u.evidence.collateral = slice_str("");
        b->keep_collateral = true;
        /* What the first carries is what the others point to. */
        rejected(b, "genuine", at == 1 ? 0 : i);
        b = fake_case_bundle(good, SCOPE_WHOLE);
        b->items[at].u.evidence.has_collateral_at = false;
        b->items[at].u.evidence.collateral = (slice){NULL, 0};
        b->keep_collateral = true;
        rejected(b, at == 1 ? "evidence" : "genuine", at == 1 ? NOWHERE : i);
    }
}

/* Collateral stands in the item itself or in an earlier one, and is bounded. */
static void test_collateral(void **state)
{
    (void)state;
    struct fake_bundle *b = fake_case_bundle(good, SCOPE_WHOLE);
    b->keep_collateral = true;
    for (size_t i = 1; i < b->count && b->items[i].kind == BUNDLE_EVIDENCE; i++) {
        b->items[i].u.evidence.collateral = fakelog_collateral();
        b->items[i].u.evidence.has_collateral_at = false;
    }
    trusted(b);
    for (uint64_t to = 1; to < 4; to++) {
        b = fake_case_bundle(good, SCOPE_WHOLE);
        b->keep_collateral = true;
        b->items[1].u.evidence.collateral = fakelog_collateral();
        b->items[2].u.evidence.has_collateral_at = true;
        b->items[2].u.evidence.collateral_at = to;
        rejected(b, "evidence", NOWHERE);
    }
    /* 256 items may carry one, and 16 MiB together. */
    struct fakelog *f = fakelog_new(FAKE_ORIGIN);
    fakelog_boot(f);
    for (int i = 0; i < 256; i++)
        fakelog_session(f, "a");
    uint8_t *large = calloc(1, 3u << 20);
    assert_non_null(large);
    for (int bytes = 0; bytes < 2; bytes++) {
        b = fakelog_export(f, SCOPE_WHOLE, NULL, NULL, 0);
        b->keep_collateral = true;
        for (size_t i = 1; i < b->count && b->items[i].kind == BUNDLE_EVIDENCE; i++) {
            b->items[i].u.evidence.has_collateral_at = false;
            b->items[i].u.evidence.collateral =
                bytes ? slice_of(i < 7 ? large : NULL, 3u << 20) : slice_str("{}");
        }
        rejected(b, "evidence", NOWHERE);
    }
    free(large);
    fakelog_free(f);
}

/* Single records need their session and boot, and no more. */
static void test_records(void **state)
{
    (void)state;
    static const struct {
        uint64_t index;
        const char *check;
        uint64_t at;
    } cut[] = {{0, "session", 1}, {1, "session", 5}, {9, "session", 10}, {10, "session", 11}};
    struct fake_bundle *b;
    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++) {
        b = fake_case_bundle(good, SCOPE_RECORDS);
        fake_bundle_remove(b, fake_bundle_find_leaf(b, cut[i].index));
        rejected(b, cut[i].check, cut[i].at);
    }
    b = fake_case_bundle(good, SCOPE_RECORDS);
    fake_bundle_remove(b, fake_bundle_find_leaf(b, 5));
    rejected(b, "tree", 4); /* the fills no longer fit the gap */
    const uint64_t neighbours[] = {2, 5, 4, 8};
    b = fakelog_export(good, SCOPE_RECORDS, NULL, neighbours, 4);
    trusted(b);
    /* Nothing at all. */
    struct fakelog *empty = fakelog_new(FAKE_ORIGIN);
    for (int scope = SCOPE_WHOLE; scope <= SCOPE_RECORDS; scope++) {
        b = calloc(1, sizeof *b);
        assert_non_null(b);
        struct bundle_item header = {.kind = BUNDLE_HEADER};
        header.u.header.scope = (uint64_t)scope;
        header.u.header.checkpoint = fakelog_checkpoint(empty, 0);
        fake_bundle_insert(b, 0, &header);
        rejected(b, "boot", NOWHERE);
    }
    b = fake_case_bundle(good, SCOPE_RECORDS);
    while (b->count > 1)
        fake_bundle_remove(b, 1);
    rejected(b, "boot", NOWHERE);
    fakelog_free(empty);
}

/* What a bundle of records can show on its own: an erasure that names a session,
 * a ref to another agent's record, neighbours that do not fit. */
static void alter(void *ctx, enum fake_point point, struct fake_step *s)
{
    int what = *(int *)ctx;
    if (point == FAKE_FIELDS && what == 0 && s->index == 8)
        s->erased[0] = 3;
    if (point == FAKE_HEADER && what == 1 && s->index == 5)
        s->st.ref = 4;
    if (point == FAKE_HEADER && what == 2 && s->index == 5)
        s->st.prev.b[0] ^= 1;
    if (point == FAKE_HEADER && what == 3 && s->index == 5)
        s->st.seq = 1;
}

static void test_records_together(void **state)
{
    (void)state;
    static const char *const checks[] = {"order", "order", "chain", "order"};
    static const uint64_t at[] = {8, 5, 5, 5}, picks[] = {2, 4, 5, 8};
    for (int what = 0; what < 4; what++) {
        struct fakelog *f = fake_case_log(alter, &what);
        rejected(fakelog_export(f, SCOPE_RECORDS, NULL, picks, 4), checks[what], at[what]);
        fakelog_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_item),  cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_anchors),     cmocka_unit_test(test_checkpoint),
        cmocka_unit_test(test_leaves),      cmocka_unit_test(test_chain),
        cmocka_unit_test(test_fills),       cmocka_unit_test(test_consistency),
        cmocka_unit_test(test_head_proofs), cmocka_unit_test(test_heads_before_agent),
        cmocka_unit_test(test_evidence),    cmocka_unit_test(test_collateral),
        cmocka_unit_test(test_records),     cmocka_unit_test(test_records_together),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
