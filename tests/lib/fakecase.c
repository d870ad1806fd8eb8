#include "fakecase.h"

#include "testlib.h"

struct fakelog *fake_current;

struct fakelog *fake_case_log(fake_hook *hook, void *ctx)
{
    struct fakelog *f = fake_current = fakelog_new(FAKE_ORIGIN);
    const uint64_t erased[] = {4};
    f->hook = hook;
    f->hook_ctx = ctx;
    fakelog_boot(f);
    fakelog_session(f, "a");
    fakelog_record(f, "a", "one");
    f->alg = COSE_ES256K;
    fakelog_session(f, "b");
    fakelog_record(f, "b", "two");
    fakelog_answer(f, "a", "three", 2);
    fakelog_heads(f);
    fakelog_end(f, "a");
    fakelog_erasure(f, erased, 1);
    fakelog_boot(f);
    fakelog_session(f, "a");
    fakelog_answer(f, "a", "four", 5);
    fakelog_heads(f);
    return f;
}

struct fake_bundle *fake_case_bundle(const struct fakelog *f, enum bundle_scope scope)
{
    static const uint64_t picks[] = {5, 11};
    return fakelog_export(f, scope, scope == SCOPE_CHAIN ? "a" : NULL, picks,
                          scope == SCOPE_RECORDS ? 2 : 0);
}

static void change(void *ctx, enum fake_point point, struct fake_step *s)
{
    const struct fake_case *c = ctx;
    if (point == c->point && s->index == c->index)
        c->change(s);
}

void fake_case_run(const struct fake_case *c, const struct teelog_policy *policy)
{
    struct fake_case copy = *c;
    struct fakelog *f = fake_case_log(change, &copy);
    for (int scope = SCOPE_WHOLE; scope <= SCOPE_RECORDS; scope++) {
        if (!(c->scopes >> scope & 1))
            continue;
        print_message("  %s, scope %d\n", c->name, scope);
        struct fake_bundle *b = fake_case_bundle(f, (enum bundle_scope)scope);
        struct teelog_report *r = fake_verify(b, policy);
        if (c->check)
            expect_failure(r, c->check, c->at ? c->at : c->index);
        else
            expect_verdict(r, TEELOG_TRUSTED);
        fake_bundle_free(b);
    }
    fakelog_free(f);
}
