#include "fakeverify.h"

#include "testlib.h"

#include <time.h>

uint64_t fake_time(void)
{
    return (uint64_t)time(NULL);
}

struct teelog_report *fake_verify_bytes(slice bytes, const struct teelog_policy *policy)
{
    return fake_verify_asked(bytes, policy, (slice){NULL, 0});
}

struct teelog_report *fake_verify_asked(slice bytes, const struct teelog_policy *policy,
                                        slice nonce)
{
    struct teelog_report *r = NULL;
    const struct teelog_verify_options options = {
        .policy = policy,
        .time = fake_time(),
        .nonce = nonce.p,
        .nonce_size = nonce.n,
        .threads = 1,
        .read = slice_source_read,
        .ctx = &bytes,
    };
    assert_ok(teelog_verify(&r, &options));
    return r;
}

struct teelog_report *fake_verify(struct fake_bundle *b, const struct teelog_policy *policy)
{
    buf bytes;
    buf_init(&bytes, SIZE_MAX / 2);
    fake_bundle_put(&bytes, b);
    struct teelog_report *r = fake_verify_bytes(buf_slice(&bytes), policy);
    buf_finish(&bytes);
    return r;
}

struct teelog_policy *fake_policy(const char *json)
{
    struct teelog_policy *p = NULL;
    char message[400] = "";
    tl_err err = teelog_policy_read(&p, json, strlen(json), message, sizeof message);
    if (err != TL_OK)
        fail_msg("policy: %s", message);
    return p;
}

char *fake_policy_text(const struct fakelog *f)
{
    char message[400] = "";
    struct fake_bundle *b = fakelog_export(f, SCOPE_WHOLE, NULL, NULL, 0);
    struct teelog_report *r = fake_verify(b, NULL);
    char *json = teelog_report_policy(r, message, sizeof message);
    if (!json) {
        char *text = teelog_report_text(r);
        fail_msg("no policy: %s\n%s", message, text);
    }
    teelog_report_free(r);
    fake_bundle_free(b);
    return json;
}

struct teelog_policy *fake_policy_of(const struct fakelog *f)
{
    char *json = fake_policy_text(f);
    struct teelog_policy *p = fake_policy(json);
    free(json);
    return p;
}

static void show(const struct teelog_report *r)
{
    char *text = teelog_report_text(r);
    print_error("%s\n", text);
    free(text);
}

void expect_verdict(struct teelog_report *r, enum teelog_verdict want)
{
    if (teelog_report_verdict(r) != want)
        show(r);
    assert_string_equal(teelog_verdict_name(teelog_report_verdict(r)), teelog_verdict_name(want));
    for (size_t i = 0; i < teelog_report_check_count(r); i++)
        assert_int_equal(teelog_report_check(r, i)->ok, true);
    teelog_report_free(r);
}

void expect_failure(struct teelog_report *r, const char *check, uint64_t index)
{
    size_t failed = 0;
    bool found = false;
    for (size_t i = 0; i < teelog_report_check_count(r); i++) {
        const struct teelog_check *c = teelog_report_check(r, i);
        if (c->ok)
            continue;
        failed++;
        if (strcmp(c->name, check) == 0 && (index == ANY_INDEX || c->index == index))
            found = true;
    }
    if (!found || failed != 1 || teelog_report_verdict(r) != TEELOG_REJECTED) {
        print_error("wanted %s at %lld\n", check, (long long)index);
        show(r);
    }
    assert_string_equal(teelog_verdict_name(teelog_report_verdict(r)), "REJECTED");
    assert_true(found);
    assert_int_equal(failed, 1);
    teelog_report_free(r);
}
