/* An older checkpoint that the caller kept: the bundle's log has to have grown out of it. */
#include "testlib.h"

#include "fakeverify.h"

#define NOWHERE UINT64_MAX

/* Eight leaves: 0 boot, 1 session, 2 to 7 records. The other log is the same up to its key. */
static struct fakelog *log_, *other;
static struct teelog_policy *policy;

static int set_up(void **state)
{
    (void)state;
    struct fakelog **logs[] = {&log_, &other};
    for (size_t i = 0; i < 2; i++) {
        *logs[i] = fakelog_new(i ? "example.org/other" : "example.org/since");
        fakelog_boot(*logs[i]);
        fakelog_session(*logs[i], "a");
        for (size_t k = 0; k < 6; k++)
            fakelog_record(*logs[i], "a", "one");
    }
    policy = fake_policy_of(log_);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    teelog_policy_free(policy);
    fakelog_free(log_);
    fakelog_free(other);
    fakelog_done();
    return 0;
}

static tl_err judge(struct teelog_report **r, struct fake_bundle *b, slice since)
{
    buf bytes;
    buf_init(&bytes, SIZE_MAX / 2);
    fake_bundle_put(&bytes, b);
    slice s = buf_slice(&bytes);
    const struct teelog_verify_options options = {
        .policy = policy,
        .time = fake_time(),
        .since = {since.p, since.n},
        .threads = 1,
        .read = slice_source_read,
        .ctx = &s,
    };
    tl_err err = teelog_verify(r, &options);
    buf_finish(&bytes);
    fake_bundle_free(b);
    return err;
}

static struct fake_bundle *bundle(enum bundle_scope scope)
{
    static const uint64_t picks[] = {6};
    return fakelog_export(log_, scope, "a", picks, 1);
}

/* Consume the bundle. words: NULL for TRUSTED. */
static void expect(struct fake_bundle *b, slice since, const char *words)
{
    struct teelog_report *r = NULL;
    assert_ok(judge(&r, b, since));
    char *text = teelog_report_text(r), *json = teelog_report_json(r);
    if (!strstr(words ? text : json, words ? words : "and so is the checkpoint that was given"))
        fail_msg("%s", text);
    free(text);
    free(json);
    if (words)
        expect_failure(r, "consistency", NOWHERE);
    else
        expect_verdict(r, TEELOG_TRUSTED);
}

/* A checkpoint of any size and root, signed by the log. */
static slice made_up(uint64_t size, const hash32 *root, const char *origin)
{
    buf b;
    buf_init(&b, NOTE_MAX);
    const struct checkpoint c = {slice_str(origin), size, *root};
    uint8_t mem[500];
    buf text;
    buf_init_fixed(&text, mem, sizeof mem);
    checkpoint_put(&text, &c);
    assert_ok(note_sign(&b, buf_slice(&text), &log_->log_key, log_->seed));
    slice kept = fake_keep(buf_slice(&b));
    buf_finish(&b);
    return kept;
}

static void test_whole(void **state)
{
    (void)state;
    for (uint64_t size = 0; size <= 8; size++)
        expect(bundle(SCOPE_WHOLE), fakelog_checkpoint(log_, size), NULL);
    hash32 root = sha256(slice_str("another tree"));
    for (uint64_t size = 1; size <= 8; size++)
        expect(bundle(SCOPE_WHOLE), made_up(size, &root, log_->origin),
               "has another tree than the bundle shows: the log has two histories");
    expect(bundle(SCOPE_WHOLE), made_up(9, &root, log_->origin),
           "is of size 9, and the bundle's of 8: the bundle is older, or the log was rolled back");
}

static void test_whose(void **state)
{
    (void)state;
    hash32 root = log_->hashes[0];
    expect(bundle(SCOPE_WHOLE), fakelog_checkpoint(other, 8), "is not this log's");
    expect(bundle(SCOPE_WHOLE), made_up(1, &root, "example.org/other"), "is not this log's");
    /* The right text under a key of the same name. */
    uint8_t seed[32] = {5}, public_key[32];
    struct note_key key;
    buf text, note;
    buf_init(&text, 1000);
    buf_init(&note, 1000);
    const struct checkpoint c = {slice_str(log_->origin), 1, root};
    checkpoint_put(&text, &c);
    ed25519_public(seed, public_key);
    assert_ok(note_key_make(&key, slice_str(log_->origin), public_key));
    assert_ok(note_sign(&note, buf_slice(&text), &key, seed));
    expect(bundle(SCOPE_WHOLE), buf_slice(&note), "is not this log's");
    buf_finish(&text);
    buf_finish(&note);
}

/* Of single records only some trees are shown: those that end where a hash or leaf does. */
static void test_records(void **state)
{
    (void)state;
    expect(bundle(SCOPE_RECORDS), fakelog_checkpoint(log_, 8), NULL);
    expect(bundle(SCOPE_RECORDS), fakelog_checkpoint(log_, 4), NULL); /* a fill's end */
    expect(bundle(SCOPE_RECORDS), fakelog_checkpoint(log_, 7), NULL); /* behind the record */
    expect(bundle(SCOPE_RECORDS), fakelog_checkpoint(log_, 3),
           "the bundle does not show the tree of size 3 that was given");
    struct fake_bundle *b = bundle(SCOPE_RECORDS);
    fake_bundle_anchor(b, log_, 3);
    expect(b, fakelog_checkpoint(log_, 3), NULL);
    b = bundle(SCOPE_RECORDS);
    fake_bundle_anchor(b, log_, 3);
    hash32 root = sha256(slice_str("another tree"));
    expect(b, made_up(3, &root, log_->origin), "the log has two histories");
}

/* What is wrong with the bundle itself is no second history. */
static void test_broken_bundle(void **state)
{
    (void)state;
    struct teelog_report *r = NULL;
    struct fake_bundle *b = bundle(SCOPE_RECORDS);
    b->items[fake_bundle_find_proof(b, PROOF_FILL, 0)].u.proof.hash.b[0] ^= 1;
    assert_ok(judge(&r, b, fakelog_checkpoint(log_, 4)));
    expect_failure(r, "tree", NOWHERE);
}

static void test_no_checkpoint(void **state)
{
    (void)state;
    struct teelog_report *r = NULL;
    assert_err(judge(&r, bundle(SCOPE_WHOLE), slice_str("")), TL_E_NOTE);
    assert_err(judge(&r, bundle(SCOPE_WHOLE), slice_str("no note\n")), TL_E_NOTE);
    buf b;
    buf_init(&b, 1000);
    assert_ok(note_sign(&b, slice_str("no checkpoint\n"), &log_->log_key, log_->seed));
    assert_err(judge(&r, bundle(SCOPE_WHOLE), buf_slice(&b)), TL_E_CHECKPOINT);
    assert_null(r);
    buf_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),         cmocka_unit_test(test_whose),
        cmocka_unit_test(test_records),       cmocka_unit_test(test_broken_bundle),
        cmocka_unit_test(test_no_checkpoint),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
