/* A log that follows an older one: which note of it will do, and the genesis that quotes it. */
#include "fakefence.h"
#include "fakehistory.h"

#include "codec/cbor.h"
#include "log/internal.h"
#include "log/successor.h"

#include <time.h>

static struct tlog_policy *two_of_three;

static int set_up(void **state)
{
    static struct world w;
    two_of_three = fence_policy();
    world_init(&w);
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    world_finish(*state);
    tlog_policy_free(two_of_three);
    submit_witnessing = (struct log_witnessing){.policy = NULL};
    return 0;
}

/* ---- one note ---- */

static tl_err judge(slice note, const struct tlog_policy *policy, bool unwitnessed,
                    struct log_last_note *out, struct tl_why *why)
{
    const struct note_key key = fake_log_key("old.example/log", 9);
    const struct log_last_options o = {.key = &key, .policy = policy, .unwitnessed = unwitnessed};
    *why = (struct tl_why){{0}, {0}};
    return log_last_note_judge(out, note, &o, why);
}

static void test_judge(void **state)
{
    (void)state;
    const hash32 root = {{1, 2, 3}};
    struct log_last_note out;
    struct tl_why why;
    buf note, other;
    two_of_three = fence_policy();
    log_last_note_init(&out);
    buf_init(&note, NOTE_MAX);
    fake_checkpoint(&note, "old.example/log", 9, 70, &root);
    fake_cosign(&note, 1, 1000);
    /* Not enough of them, or nobody knows of whom. */
    assert_err(judge(buf_slice(&note), two_of_three, false, &out, &why), TL_E_NOT_COSIGNED);
    assert_non_null(strstr(why.text, "2 of 3 witnesses have to have cosigned the older log's note, "
                                     "and 1 have cosigned that of size 70"));
    assert_err(judge(buf_slice(&note), NULL, false, &out, &why), TL_E_NOT_COSIGNED);
    assert_non_null(strstr(why.text, "--old-witnesses"));
    assert_int_equal(out.note.n, 0);
    /* By a quorum of none nothing is cosigned. */
    struct tlog_policy *none = NULL;
    assert_ok(tlog_policy_read(&none, slice_str("quorum none\n"), NULL));
    assert_err(judge(buf_slice(&note), none, false, &out, &why), TL_E_NOT_COSIGNED);
    assert_non_null(strstr(why.text, "k at least 1"));
    assert_ok(judge(buf_slice(&note), none, true, &out, &why));
    assert_false(out.cosigned);
    tlog_policy_free(none);
    /* On the owner's word. */
    for (int i = 0; i < 2; i++) {
        assert_ok(judge(buf_slice(&note), i ? two_of_three : NULL, true, &out, &why));
        assert_false(out.cosigned);
        assert_int_equal(out.size, 70);
        assert_true(hash_eq(&out.root, &root));
        assert_string_equal(out.origin, "old.example/log");
        assert_true(slice_eq(buf_slice(&out.note), buf_slice(&note)));
    }
    fake_cosign(&note, 3, 2000);
    for (int i = 0; i < 2; i++) {
        assert_ok(judge(buf_slice(&note), two_of_three, i != 0, &out, &why));
        assert_true(out.cosigned);
        assert_int_equal(out.quorum.valid, 2);
        assert_true(slice_eq(buf_slice(&out.note), buf_slice(&note)));
    }
    /* A line that fails, another's note, none at all: whatever the owner says. */
    struct cosigner w2 = fake_cosigner(2);
    uint8_t seed[32];
    fake_seed(seed, 2);
    size_t n = note.n;
    assert_ok(cosignature_sign(&note, slice_str("another\n"), 1000, &w2, seed));
    assert_err(judge(buf_slice(&note), two_of_three, true, &out, &why), TL_E_SIGNATURE);
    assert_non_null(strstr(why.text, "has a line of one of its witnesses that does not verify"));
    note.n = n;
    buf_init(&other, NOTE_MAX);
    fake_checkpoint(&other, "old.example/log", 8, 70, &root);
    fake_cosign(&other, 1, 1000);
    fake_cosign(&other, 2, 1000);
    assert_err(judge(buf_slice(&other), two_of_three, true, &out, &why), TL_E_SIGNATURE);
    buf_reset(&other);
    fake_checkpoint(&other, "new.example/log", 9, 70, &root);
    assert_err(judge(buf_slice(&other), two_of_three, true, &out, &why), TL_E_SIGNATURE);
    assert_err(judge(slice_str("no note"), two_of_three, true, &out, &why), TL_E_SIGNATURE);
    assert_non_null(strstr(why.text, "is no checkpoint under the key of old.example/log"));
    assert_int_equal(out.size, 70); /* as it was */
    log_last_note_finish(&out);
    buf_finish(&note);
    buf_finish(&other);
    tlog_policy_free(two_of_three);
}

/* ---- what a directory has kept ---- */

static struct note_key key_of(struct world *w)
{
    struct log_info info;
    struct note_key key;
    log_info(w->log, &info);
    assert_ok(note_key_read(&key, slice_str(info.log_key)));
    return key;
}

static tl_err read_kept(struct world *w, const struct note_key *key, bool witnessed,
                        bool unwitnessed, struct log_last_note *out, struct tl_why *why)
{
    const struct log_last_options o = {
        .key = key, .policy = witnessed ? two_of_three : NULL, .unwitnessed = unwitnessed};
    *why = (struct tl_why){{0}, {0}};
    return log_last_note_read(out, w->dir, &o, why);
}

static void test_kept(void **state)
{
    struct world *w = *state;
    struct log_last_note out;
    struct tl_why why;
    log_last_note_init(&out);
    world_open(w);
    append_one(w, "alice", "one");
    struct note_key key = key_of(w);
    assert_err(read_kept(w, &key, true, true, &out, &why), TL_E_LOCKED);
    world_stop(w);
    /* It never had witnesses. */
    assert_err(read_kept(w, &key, true, false, &out, &why), TL_E_NOT_FOUND);
    assert_non_null(strstr(why.text, "--unwitnessed"));
    assert_ok(read_kept(w, &key, false, true, &out, &why));
    assert_false(out.cosigned);
    uint64_t all = out.size;
    assert_true(all >= 4);
    /* From here on it has. */
    submit_witnessing = (struct log_witnessing){.policy = two_of_three, .wait_ms = 60000};
    fence_open(w);
    uint64_t seen = fence_pass(w);
    append_one(w, "alice", "two");
    world_stop(w);
    assert_ok(read_kept(w, &key, true, true, &out, &why));
    assert_true(out.cosigned);
    assert_int_equal(out.size, seen);
    /* What it signed after that may have been cosigned as well: here nobody knows. */
    assert_err(read_kept(w, &key, true, false, &out, &why), TL_E_FROZEN);
    assert_non_null(strstr(why.text, "its database has a note of size"));
    /* Nobody knows its witnesses: then what the log signed last will do, where the owner says so.
     */
    assert_ok(read_kept(w, &key, false, true, &out, &why));
    assert_false(out.cosigned);
    assert_true(out.size > seen && seen > all);
    assert_err(read_kept(w, &key, false, false, &out, &why), TL_E_NOT_COSIGNED);
    /* Another's directory. */
    const struct note_key other = fake_log_key("test/log", 1);
    assert_err(read_kept(w, &other, true, true, &out, &why), TL_E_SIGNATURE);
    log_last_note_finish(&out);
}

/* ---- what stands against it ---- */

static void keep(struct world *w, const char *name, slice value)
{
    struct store *s = NULL;
    assert_ok(store_open(&s, w->dir, STORE_OPEN, NULL));
    assert_ok(store_begin(s));
    assert_ok(store_put_meta(s, name, value));
    assert_ok(store_commit(s));
    store_close(s);
}

static void keep_fork(struct world *w, slice ours, slice theirs)
{
    buf b;
    buf_init(&b, 3 * NOTE_MAX);
    cbor_put_array(&b, 3);
    cbor_put_str(&b, "w1");
    cbor_put_bytes(&b, ours);
    cbor_put_bytes(&b, theirs);
    keep(w, LOG_FORK, buf_slice(&b));
    buf_finish(&b);
}

static void test_against(void **state)
{
    (void)state;
    const hash32 root = {{1}}, another = {{2}};
    const struct note_key key = fake_log_key("old.example/log", 9);
    struct log_last_note n;
    struct tl_why why = {{0}, {0}};
    log_last_note_init(&n);
    n.size = 70;
    n.root = root;
    const struct {
        uint8_t key;
        uint64_t size;
        const hash32 *root;
        tl_err err;
    } cases[] = {
        {9, 70, &root, TL_OK},          {9, 69, &another, TL_OK},       {9, 71, &root, TL_E_FROZEN},
        {9, 70, &another, TL_E_FROZEN}, {8, 71, &root, TL_E_SIGNATURE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buf b;
        buf_init(&b, NOTE_MAX);
        fake_checkpoint(&b, "old.example/log", cases[i].key, cases[i].size, cases[i].root);
        assert_err(log_last_note_against(&n, &key, buf_slice(&b), "w1", &why), cases[i].err);
        buf_finish(&b);
    }
    log_last_note_finish(&n);
}

/* An older disk that froze keeps the larger note by which it did. */
static void test_froze(void **state)
{
    struct world *w = *state, old;
    struct log_last_note out;
    struct tl_why why;
    buf newer, note;
    log_last_note_init(&out);
    buf_init(&note, NOTE_MAX);
    submit_witnessing = (struct log_witnessing){.policy = two_of_three, .wait_ms = 60000};
    fence_open(w);
    (void)fence_pass(w);
    struct note_key key = key_of(w);
    world_stop(w);
    world_copy(&old, w);
    assert_ok(read_kept(&old, &key, true, false, &out, &why));
    const uint64_t seen = out.size;
    fence_open(w);
    append_one(w, "alice", "acknowledged");
    (void)fence_cosign(w, &newer, 0, 0);
    world_stop(w);
    fake_checkpoint(&note, "test/log", 8, 1000, &(hash32){{0}}); /* under another's key */
    for (int unwitnessed = 0; unwitnessed < 2; unwitnessed++) {
        for (int which = 0; which < 2; which++) {
            keep_fork(&old, buf_slice(which ? &newer : &note), buf_slice(which ? &note : &newer));
            assert_err(read_kept(&old, &key, true, unwitnessed, &out, &why), TL_E_FROZEN);
            assert_non_null(strstr(why.text, "the log froze, and its database has a note of size"));
            assert_non_null(strstr(why.text, "--note FILE"));
        }
        keep_fork(&old, buf_slice(&note), buf_slice(&note));
        assert_ok(read_kept(&old, &key, true, unwitnessed, &out, &why));
        assert_int_equal(out.size, seen);
    }
    /* One that no good cosignature is under is the log's all the same. */
    fake_cosign(&newer, 1, 1000);
    uint8_t *in_line = &newer.p[newer.n - 20];
    *in_line = *in_line == 'A' ? 'B' : 'A';
    keep(&old, LOG_COSIGNED, buf_slice(&newer));
    assert_err(read_kept(&old, &key, true, true, &out, &why), TL_E_FROZEN);
    assert_non_null(strstr(why.text, "its database has a note of size"));
    world_finish(&old);
    log_last_note_finish(&out);
    buf_finish(&newer);
    buf_finish(&note);
}

/* ---- the genesis ---- */

static tl_err open_after(struct world *w, slice note, struct tl_why *why)
{
    const struct log_config c = {.dir = w->dir,
                                 .origin = "test/successor",
                                 .admissions = 1 << ADMISSION_BEARER,
                                 .signers = 1,
                                 .succeeds = note};
    *why = (struct tl_why){{0}, {0}};
    return log_open(&w->log, w->tee, &c, why);
}

static void test_genesis(void **state)
{
    struct world *w = *state, next;
    struct tl_why why;
    const hash32 root = {{7}};
    const struct log_export_options all = {.has_range = false};
    size_t n;
    buf note;
    buf_init(&note, NOTE_MAX);
    fake_checkpoint(&note, "old.example/log", 9, 70, &root);
    /* As large as a note may be. */
    for (uint8_t i = 1; i <= 90; i++)
        fake_cosign(&note, i, 1000);
    world_open(w);
    world_pin(w);
    world_stop(w);
    /* Only a new log can follow another. */
    assert_err(open_after(w, buf_slice(&note), &why), TL_E_EXISTS);
    assert_null(w->log);
    world_init(&next);
    if (open_after(&next, buf_slice(&note), &why) != TL_OK)
        fail_msg("%s", why.text);
    append_one(&next, "alice", "one");
    world_stop(&next);
    assert_ok(open_after(&next, (slice){NULL, 0}, &why)); /* the next boot says no more of it */
    uint8_t *p = export_all(&next, &all, &n);
    struct teelog_report *r = report_of(p, n, NULL);
    char *text = teelog_report_text(r);
    assert_int_equal(teelog_report_verdict(r), TEELOG_UNPINNED);
    assert_non_null(strstr(text, "Its genesis says that it follows the log old.example/log, which "
                                 "was at size 70 with the root 07"));
    free(text);
    teelog_report_free(r);
    /* To who has pinned another log it is not that one. */
    assert_int_equal(verdict_of(p, n, w->policy), TEELOG_REJECTED);
    world_pin(&next);
    assert_int_equal(verdict_of(p, n, next.policy), TEELOG_TRUSTED);
    free(p);
    world_finish(&next);
    buf_finish(&note);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge),
        TEST(test_kept),
        cmocka_unit_test(test_against),
        TEST(test_froze),
        TEST(test_genesis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
