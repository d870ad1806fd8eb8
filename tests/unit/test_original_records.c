/* What was wrong in the original (elizaOS pull request 1470, plugin-tee-log), as
 * attacks on ours. Here: finding 4. Deleting, truncating, duplicating, reordering
 * or rolling back records was invisible, and a restart's key had no link to the
 * one before. */
#include "testedit.h"

#include "tlog/merkle.h"

/* Each later leaf moves up to close the gap, or down to open one. */
static void move_leaves(struct fake_bundle *b, uint64_t from, int by)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->items[i].kind == BUNDLE_LEAF && b->items[i].u.leaf.index >= from)
            b->items[i].u.leaf.index += (uint64_t)(int64_t)by;
}

static void finding_4_deleted(void **state)
{
    (void)state;
    struct fake_bundle *b = edit_export(&edited, &edit_whole);
    fake_bundle_remove(b, fake_bundle_find_leaf(b, 6));
    edit_rejected(b, edited.policy, "tree", 6);
    b = edit_export(&edited, &edit_whole);
    fake_bundle_remove(b, fake_bundle_find_leaf(b, 6));
    move_leaves(b, 7, -1);
    edit_rejected(b, edited.policy, "order", ANY_INDEX);
}

static size_t leaf_hashes(const struct fake_bundle *b, hash32 *out, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < b->count; i++)
        if (b->items[i].kind == BUNDLE_LEAF) {
            assert_true(n < max);
            out[n++] = merkle_leaf_hash(b->items[i].u.leaf.statement);
        }
    return n;
}

/* The fills that belong to the leaves that b has, out of the whole tree. */
static void refill(struct fake_bundle *b, const hash32 *hashes, size_t n)
{
    struct merkle_leaves leaves = {hashes, n};
    size_t put = fake_bundle_find(b, BUNDLE_PROOF, 0), next = fake_bundle_find(b, BUNDLE_LEAF, 0);
    while (b->items[put].kind == BUNDLE_PROOF && b->items[put].u.proof.type == PROOF_FILL)
        fake_bundle_remove(b, put);
    for (uint64_t at = 0; at < n;) {
        uint64_t end = b->items[next].kind == BUNDLE_LEAF ? b->items[next].u.leaf.index : n;
        if (at == end) {
            next++;
            at++;
            continue;
        }
        struct bundle_item fill = {.kind = BUNDLE_PROOF};
        fill.u.proof.type = PROOF_FILL;
        fill.u.proof.level = merkle_cover_level(at, end);
        fill.u.proof.n = at >> fill.u.proof.level;
        assert_ok(
            merkle_leaves_get(&leaves, fill.u.proof.level, fill.u.proof.n, &fill.u.proof.hash));
        fake_bundle_insert(b, put++, &fill);
        at += UINT64_C(1) << fill.u.proof.level;
    }
}

/* In a chain a leaf may be left out behind its hash, but not the agent's own:
 * not from the middle, and not from the end. */
static void finding_4_deleted_behind_its_hash(void **state)
{
    const struct log_export_options chain = {.agent = slice_str("alice")};
    hash32 hashes[64];
    (void)state;
    struct fake_bundle *b = edit_export(&edited, &edit_whole);
    size_t n = leaf_hashes(b, hashes, 64);
    fake_bundle_free(b);
    b = edit_export(&edited, &chain);
    refill(b, hashes, n);
    expect_verdict(fake_verify(b, edited.policy), TEELOG_TRUSTED); /* refilling is faithful */
    fake_bundle_remove(b, fake_bundle_find_leaf(b, 7));
    refill(b, hashes, n);
    edit_rejected(b, edited.policy, "order", 9);
    b = edit_export(&edited, &chain);
    fake_bundle_remove(b, fake_bundle_find_leaf(b, 13));
    refill(b, hashes, n);
    edit_rejected(b, edited.policy, "heads", ANY_INDEX);
}

static void finding_4_truncated(void **state)
{
    (void)state;
    for (uint64_t kept = 15; kept > 0; kept -= 5) {
        struct fake_bundle *b = edit_export(&edited, &edit_whole);
        for (uint64_t i = kept; i <= 15; i++)
            fake_bundle_remove(b, fake_bundle_find_leaf(b, i));
        edit_rejected(b, edited.policy, "tree", kept);
    }
}

static void finding_4_duplicated(void **state)
{
    (void)state;
    struct fake_bundle *b = edit_export(&edited, &edit_whole);
    fake_bundle_insert(b, fake_bundle_find_leaf(b, 6), edit_leaf(b, 6));
    edit_rejected(b, edited.policy, "format", ANY_INDEX);
    b = edit_export(&edited, &edit_whole);
    struct bundle_item again = *edit_leaf(b, 6);
    again.u.leaf.index = 7;
    move_leaves(b, 7, 1);
    fake_bundle_insert(b, fake_bundle_find_leaf(b, 6) + 1, &again);
    edit_rejected(b, edited.policy, "order", 7);
}

static void exchange(struct fake_bundle *b, uint64_t i, uint64_t k)
{
    struct bundle_item *one = edit_leaf(b, i), *other = edit_leaf(b, k), keep = *one;
    *one = *other;
    *other = keep;
    one->u.leaf.index = i;
    other->u.leaf.index = k;
}

static void finding_4_reordered(void **state)
{
    (void)state;
    struct fake_bundle *b = edit_export(&edited, &edit_whole);
    exchange(b, 6, 8); /* of one agent */
    edit_rejected(b, edited.policy, "order", 6);
    b = edit_export(&edited, &edit_whole);
    exchange(b, 6, 7); /* of two */
    edit_rejected(b, edited.policy, "tree", ANY_INDEX);
}

/* An old bundle is an old bundle: it says how far it goes, and that nothing here
 * excludes a rollback. Whoever holds a later checkpoint sees that it goes back. */
static void finding_4_rolled_back(void **state)
{
    (void)state;
    size_t old_size, new_size;
    uint8_t *old = export_all(&edited, &edit_whole, &old_size);
    append_one(&edited, "alice", "what the host regrets");
    uint8_t *new = export_all(&edited, &edit_whole, &new_size);
    struct teelog_report *r = report_of(old, old_size, edited.policy);
    char *text = teelog_report_text(r);
    assert_int_equal(teelog_report_verdict(r), TEELOG_TRUSTED);
    assert_non_null(strstr(text, "rollback and forks are not excluded"));
    assert_non_null(strstr(text, "size 16"));
    free(text);
    teelog_report_free(r);
    struct history before, after;
    history_read(&before, old, old_size);
    history_read(&after, new, new_size);
    assert_true(before.size < after.size);
    history_finish(&before);
    history_finish(&after);
    free(old);
    free(new);
    /* The later checkpoint over the older leaves, or the other way, is nothing. */
    struct fake_bundle *now = edit_export(&edited, &edit_whole);
    fake_bundle_remove(now, fake_bundle_find_leaf(now, 16));
    edit_rejected(now, edited.policy, "tree", ANY_INDEX);
}

/* After a rollback the log is another: a checkpoint from before is no part of it. */
static void finding_4_checkpoint_from_before_a_rollback(void **state)
{
    struct world kept;
    buf seen;
    struct log_info info;
    (void)state;
    world_stop(&edited);
    world_copy(&kept, &edited);
    world_open(&edited);
    append_one(&edited, "alice", "what the host regrets");
    buf_init(&seen, NOTE_MAX);
    assert_ok(log_checkpoint(edited.log, &seen));
    log_info(edited.log, &info);
    world_stop(&edited);
    world_restore(&edited, &kept);
    world_open(&edited);
    append_one(&edited, "alice", "something else");
    grow_log(&edited, 4);
    struct fake_bundle *b = edit_export(&edited, &edit_whole);
    struct bundle_item anchor = {.kind = BUNDLE_ANCHOR};
    anchor.u.anchor.size = info.size;
    anchor.u.anchor.checkpoint = fake_keep(buf_slice(&seen));
    hash32 hashes[64];
    size_t n = leaf_hashes(b, hashes, 64);
    struct merkle_leaves leaves = {hashes, n};
    const struct merkle_nodes nodes = {merkle_leaves_get, &leaves};
    assert_ok(merkle_prove_consistency(&nodes, info.size, n, anchor.u.anchor.path,
                                       &anchor.u.anchor.path_count));
    expect_verdict(fake_verify(b, edited.policy), TEELOG_TRUSTED);
    fake_bundle_insert(b, b->count, &anchor);
    edit_rejected(b, edited.policy, "consistency", ANY_INDEX);
    buf_finish(&seen);
    world_finish(&kept);
}

/* There: a restart's key had no link to the one before. Here each boot names the
 * whole log before it, under one log key. */
static void finding_4_restart_goes_on(void **state)
{
    struct log_info before, after;
    struct statement st;
    struct body_boot boot;
    (void)state;
    log_info(edited.log, &before);
    world_stop(&edited);
    world_open(&edited);
    log_info(edited.log, &after);
    assert_string_equal(before.log_key, after.log_key);
    grow_log(&edited, 4);
    struct fake_bundle *b = edit_export(&edited, &edit_whole);
    const struct bundle_item *leaf = edit_leaf(b, after.boot);
    assert_ok(statement_read(&st, leaf->u.leaf.statement));
    assert_int_equal(st.kind, ST_BOOT);
    assert_true(st.has_prev);
    assert_ok(body_boot_read(&boot, leaf->u.leaf.body));
    assert_int_equal(boot.size, after.boot);
    expect_verdict(fake_verify(b, edited.policy), TEELOG_TRUSTED);
    fake_bundle_free(b);
}

/* The second boot of a log, exchanged for one of another log under the same
 * platform: the same code, but not this log. */
static void finding_4_boot_of_another_log(void **state)
{
    struct world other = {.dir = test_tmpdir(), .tee = edited.tee};
    struct log_info info;
    (void)state;
    world_open(&other);
    grow_log(&other, 12);
    world_pin(&other); /* and with it heads, as in ours */
    struct fake_bundle *foreign;
    for (int i = 0; i < 2; i++) {
        struct world *one = i ? &other : &edited;
        world_stop(one);
        world_open(one);
        append_one(one, "alice", "after the restart");
    }
    log_info(edited.log, &info);
    foreign = edit_export(&other, &edit_whole);
    struct fake_bundle *b = edit_export(&edited, &edit_whole);
    assert_int_equal(b->count, foreign->count);
    for (uint64_t i = info.boot; i <= info.boot + 2; i++)
        *edit_leaf(b, i) = *edit_leaf(foreign, i);
    edit_rejected(b, edited.policy, "chain", info.boot);
    fake_bundle_free(foreign);
    other.tee = NULL;
    world_finish(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finding_4_deleted, edit_set_up, edit_tear_down),
        cmocka_unit_test_setup_teardown(finding_4_deleted_behind_its_hash, edit_set_up,
                                        edit_tear_down),
        cmocka_unit_test_setup_teardown(finding_4_truncated, edit_set_up, edit_tear_down),
        cmocka_unit_test_setup_teardown(finding_4_duplicated, edit_set_up, edit_tear_down),
        cmocka_unit_test_setup_teardown(finding_4_reordered, edit_set_up, edit_tear_down),
        cmocka_unit_test_setup_teardown(finding_4_rolled_back, edit_set_up, edit_tear_down),
        cmocka_unit_test_setup_teardown(finding_4_checkpoint_from_before_a_rollback, edit_set_up,
                                        edit_tear_down),
        cmocka_unit_test_setup_teardown(finding_4_restart_goes_on, edit_set_up, edit_tear_down),
        cmocka_unit_test_setup_teardown(finding_4_boot_of_another_log, edit_set_up, edit_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
