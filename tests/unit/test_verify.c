/* The verifier on sound logs, and on logs with one deep defect each: signed,
 * hashed and quoted as if all were well. */
#include "testlib.h"

#include "fakeverify.h"

#define ORIGIN "example.org/log"

/* The log that most tests alter:
 *  0 boot            1 session a   2 a record     3 session b   4 b record
 *  5 a answer to 2   6 heads       7 a end        8 erasure of 4
 *  9 boot           10 session a  11 a answer to 5             12 heads */
static struct fakelog *make_log(fake_hook *hook, void *ctx)
{
    struct fakelog *f = fakelog_new(ORIGIN);
    f->hook = hook;
    f->hook_ctx = ctx;
    fakelog_boot(f);
    fakelog_session(f, "a");
    fakelog_record(f, "a", "one");
    fakelog_session(f, "b");
    fakelog_record(f, "b", "two");
    fakelog_answer(f, "a", "three", 2);
    fakelog_heads(f);
    fakelog_end(f, "a");
    const uint64_t erased[] = {4};
    fakelog_erasure(f, erased, 1);
    fakelog_boot(f);
    fakelog_session(f, "a");
    fakelog_answer(f, "a", "four", 5);
    fakelog_heads(f);
    return f;
}

static struct fakelog *good; /* unaltered, and the policy that pins it */
static struct teelog_policy *pinned;

static int set_up(void **state)
{
    (void)state;
    good = make_log(NULL, NULL);
    pinned = fake_policy_of(good);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    teelog_policy_free(pinned);
    fakelog_free(good);
    fakelog_done();
    return 0;
}

static struct teelog_report *verify_scope(const struct fakelog *f, enum bundle_scope scope)
{
    const uint64_t picks[] = {5, 11};
    struct fake_bundle *b = fakelog_export(f, scope, scope == SCOPE_CHAIN ? "a" : NULL, picks,
                                           scope == SCOPE_RECORDS ? 2 : 0);
    struct teelog_report *r = fake_verify(b, pinned);
    fake_bundle_free(b);
    return r;
}

static void test_sound(void **state)
{
    (void)state;
    for (int scope = SCOPE_WHOLE; scope <= SCOPE_RECORDS; scope++)
        expect_verdict(verify_scope(good, (enum bundle_scope)scope), TEELOG_TRUSTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
