/* Every bit of a small bundle, flipped, in each scope: REJECTED, always.
 *
 * There are no bytes that do not matter: the bundles have no signature line of
 * a key that the verifier does not know (docs/format.md section 10 lets it
 * ignore those), and everything else is under a digest, a signature, a count
 * or an order. */
#include "testlib.h"

#include "fakecase.h"

/* Checking one piece of evidence takes longer than all else here, and the same
 * ones come again with nearly every bit: what was found of a piece is kept. */
static struct {
    slice quote;
    struct evidence_report report;
} known[8];
static size_t known_count;

void __real_evidence_verify(struct evidence_report *out, const struct evidence *e, slice collateral,
                            const struct evidence_context *context);
void __wrap_evidence_verify(struct evidence_report *out, const struct evidence *e, slice collateral,
                            const struct evidence_context *context);

void __wrap_evidence_verify(struct evidence_report *out, const struct evidence *e, slice collateral,
                            const struct evidence_context *context)
{
    bool plain = slice_eq(collateral, fakelog_collateral()) && !e->event_log.p &&
                 slice_eq_str(e->platform, "simulator");
    for (size_t i = 0; plain && i < known_count; i++) {
        if (slice_eq(known[i].quote, e->quote)) {
            *out = known[i].report;
            return;
        }
    }
    __real_evidence_verify(out, e, collateral, context);
    if (plain && known_count < sizeof known / sizeof known[0]) {
        known[known_count].quote = fake_keep(e->quote);
        known[known_count++].report = *out;
    }
}

/* The same of signatures: one that was found good under a key is good again. */
static struct {
    hash32 digest, key;
    uint8_t signature[64];
} sound[16];
static size_t sound_count;

void __real_verify_jobs(struct sign_job *jobs, size_t n);
void __wrap_verify_jobs(struct sign_job *jobs, size_t n);

static bool is_known(const struct sign_job *job, const hash32 *key)
{
    for (size_t i = 0; i < sound_count; i++)
        if (hash_eq(&sound[i].digest, &job->digest) && hash_eq(&sound[i].key, key) &&
            memcmp(sound[i].signature, job->signature, sizeof job->signature) == 0)
            return true;
    return false;
}

void __wrap_verify_jobs(struct sign_job *jobs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        hash32 key = fake_kid(&jobs[i].key);
        jobs[i].ok = is_known(&jobs[i], &key);
        if (jobs[i].ok)
            continue;
        __real_verify_jobs(&jobs[i], 1);
        if (!jobs[i].ok || sound_count == sizeof sound / sizeof sound[0])
            continue;
        sound[sound_count].digest = jobs[i].digest;
        sound[sound_count].key = key;
        memcpy(sound[sound_count++].signature, jobs[i].signature, sizeof jobs[i].signature);
    }
}

static struct fakelog *f;
static struct teelog_policy *pinned;

static int set_up(void **state)
{
    (void)state;
    f = fakelog_new(FAKE_ORIGIN);
    fakelog_boot(f);
    fakelog_session(f, "a");
    fakelog_record(f, "a", "one");
    f->alg = COSE_ES256K;
    fakelog_session(f, "b");
    fakelog_record(f, "b", "one and a half");
    fakelog_answer(f, "a", "two", 2);
    fakelog_heads(f);
    pinned = fake_policy_of(f);
    known_count = 0; /* what was found without the policy */
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    teelog_policy_free(pinned);
    fakelog_free(f);
    fakelog_done();
    return 0;
}

/* Where the evidence items stand. */
static slice evidence_items(const struct fake_bundle *b, const buf *bytes)
{
    buf before, items;
    buf_init(&before, SIZE_MAX / 2);
    buf_init(&items, SIZE_MAX / 2);
    bundle_item_put(&before, &b->items[0]);
    for (size_t i = 1; b->items[i].kind == BUNDLE_EVIDENCE; i++)
        bundle_item_put(&items, &b->items[i]);
    slice s = slice_of(bytes->p + before.n, items.n);
    assert_memory_equal(s.p, items.p, items.n);
    buf_finish(&before);
    buf_finish(&items);
    return s;
}

/* fresh: with an answer over a nonce, which is given, or not. */
static void flip_all(enum bundle_scope scope, bool fresh, bool asked)
{
    static const uint8_t nonce[16] = "a nonce of one's";
    const uint64_t picks[] = {4, 5};
    struct fake_bundle *b = fakelog_export(f, scope, scope == SCOPE_CHAIN ? "a" : NULL, picks,
                                           scope == SCOPE_RECORDS ? 2 : 0);
    const struct fresh answer = {.mode = FRESH_FENCED,
                                 .has_cosigned = true,
                                 .cosigned = 4,
                                 .agent = slice_str("a"),
                                 .count = 3,
                                 .last = f->leaves[5].digest,
                                 .nonce = SLICE_ARRAY(nonce)};
    const slice given = asked ? answer.nonce : (slice){NULL, 0};
    buf bytes;
    if (scope == SCOPE_RECORDS)
        fake_bundle_anchor(b, f, 3);
    if (fresh) {
        const struct fresh_binding binding = fake_fresh_binding(f, b, &answer);
        fake_bundle_fresh(b, &binding);
    }
    buf_init(&bytes, SIZE_MAX / 2);
    fake_bundle_put(&bytes, b);
    expect_verdict(fake_verify_asked(buf_slice(&bytes), pinned, given), TEELOG_TRUSTED);
    /* Evidence is read alike in every scope: once is enough. Collateral has texts
     * of more than one spelling; which bytes matter there is for test_quote_bits. */
    slice collateral = fakelog_collateral();
    slice pass = slice_of(memmem(bytes.p, bytes.n, collateral.p, collateral.n), collateral.n);
    if (scope != SCOPE_WHOLE)
        pass = evidence_items(b, &bytes);
    print_message("%zu bytes\n", bytes.n - pass.n);
    for (size_t i = 0; i < bytes.n; i++) {
        if (bytes.p + i == pass.p)
            i += pass.n;
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes.p[i] ^= (uint8_t)(1u << bit);
            struct teelog_report *r = fake_verify_asked(buf_slice(&bytes), pinned, given);
            if (teelog_report_verdict(r) != TEELOG_REJECTED)
                fail_msg("bit %u of byte %zu does not matter", bit, i);
            bool failed = false;
            for (size_t c = 0; c < teelog_report_check_count(r); c++)
                failed |= !teelog_report_check(r, c)->ok;
            assert_true(failed); /* and the report says why */
            teelog_report_free(r);
            bytes.p[i] ^= (uint8_t)(1u << bit);
        }
    }
    expect_verdict(fake_verify_asked(buf_slice(&bytes), pinned, given), TEELOG_TRUSTED);
    buf_finish(&bytes);
    fake_bundle_free(b);
}

static void test_whole(void **state)
{
    (void)state;
    flip_all(SCOPE_WHOLE, false, false);
}

static void test_chain(void **state)
{
    (void)state;
    flip_all(SCOPE_CHAIN, false, false);
}

static void test_records(void **state)
{
    (void)state;
    flip_all(SCOPE_RECORDS, false, false);
}

static void test_fresh(void **state)
{
    (void)state;
    flip_all(SCOPE_RECORDS, true, true);
}

/* An answer over somebody else's nonce is no looser. */
static void test_fresh_not_asked(void **state)
{
    (void)state;
    flip_all(SCOPE_RECORDS, true, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),           cmocka_unit_test(test_chain),
        cmocka_unit_test(test_records),         cmocka_unit_test(test_fresh),
        cmocka_unit_test(test_fresh_not_asked),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
