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
    hash32 of;
    struct evidence_report report;
} known[8];
static size_t known_count;

void __real_evidence_verify(struct evidence_report *out, const struct evidence *e, slice collateral,
                            uint64_t time, const struct policy *policy);
void __wrap_evidence_verify(struct evidence_report *out, const struct evidence *e, slice collateral,
                            uint64_t time, const struct policy *policy);

void __wrap_evidence_verify(struct evidence_report *out, const struct evidence *e, slice collateral,
                            uint64_t time, const struct policy *policy)
{
    const slice parts[] = {e->platform, slice_of("", 1), e->quote};
    hash32 of = sha256_parts(parts, 3);
    bool plain = !collateral.p && !e->event_log.p;
    for (size_t i = 0; plain && i < known_count; i++) {
        if (hash_eq(&known[i].of, &of)) {
            *out = known[i].report;
            return;
        }
    }
    __real_evidence_verify(out, e, collateral, time, policy);
    if (plain && known_count < sizeof known / sizeof known[0]) {
        known[known_count].of = of;
        known[known_count++].report = *out;
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
    fakelog_session(f, "b");
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

static void flip_all(enum bundle_scope scope)
{
    const uint64_t picks[] = {4};
    struct fake_bundle *b = fakelog_export(f, scope, scope == SCOPE_CHAIN ? "a" : NULL, picks,
                                           scope == SCOPE_RECORDS ? 1 : 0);
    buf bytes;
    if (scope == SCOPE_RECORDS)
        fake_bundle_anchor(b, f, 3);
    buf_init(&bytes, SIZE_MAX / 2);
    fake_bundle_put(&bytes, b);
    expect_verdict(fake_verify_bytes(buf_slice(&bytes), pinned), TEELOG_TRUSTED);
    print_message("%zu bytes\n", bytes.n);
    for (size_t i = 0; i < bytes.n; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes.p[i] ^= (uint8_t)(1u << bit);
            struct teelog_report *r = fake_verify_bytes(buf_slice(&bytes), pinned);
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
    expect_verdict(fake_verify_bytes(buf_slice(&bytes), pinned), TEELOG_TRUSTED);
    buf_finish(&bytes);
    fake_bundle_free(b);
}

static void test_whole(void **state)
{
    (void)state;
    flip_all(SCOPE_WHOLE);
}

static void test_chain(void **state)
{
    (void)state;
    flip_all(SCOPE_CHAIN);
}

static void test_records(void **state)
{
    (void)state;
    flip_all(SCOPE_RECORDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_records),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
