/* The routes of proofs and receipts: what is asked for, and errors in both of their forms. */
#include "testhttp.h"

#include "codec/problem.h"
#include "log/internal.h"
#include "tlog/key_set.h"
#include "tlog/proof.h"
#include "tlog/receipt.h"

static void grow(void)
{
    struct reply r = post("/v1/records", "", RECORD "\n" RECORD "\n");
    assert_int_equal(r.status, 200);
    finish(&r);
}

static slice body_of(const struct reply *r)
{
    return slice_of(r->body, r->size);
}

static void expect_problem(const char *request, int status, const char *title, const char *words)
{
    struct reply r = ask(request);
    struct problem p;
    assert_int_equal(r.status, status);
    assert_non_null(strstr(r.head, "Content-Type: " PROBLEM_TYPE "\r\n"));
    assert_ok(problem_read(&p, body_of(&r)));
    assert_true(slice_eq_str(p.title, title));
    if (!memmem(p.detail.p, p.detail.n, words, strlen(words)))
        fail_msg("%.*s", (int)p.detail.n, (const char *)p.detail.p);
    finish(&r);
}

static void receipts(void **state)
{
    (void)state;
    expect_problem(GET("/entries/0"), 404, "Not Found", "a tree of one entry");
    grow();
    struct receipt got;
    struct reply r = ask(GET("/entries/2"));
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.head, "Content-Type: application/cose\r\n"));
    assert_ok(receipt_read(&got, body_of(&r)));
    assert_true(got.kind == RECEIPT_INCLUSION && got.first == 2 && got.tree_size == log_size());
    finish(&r);
    r = ask(GET("/v1/consistency?from=1"));
    assert_int_equal(r.status, 200);
    assert_ok(receipt_read(&got, body_of(&r)));
    assert_true(got.kind == RECEIPT_CONSISTENCY && got.first == 1);
    finish(&r);
    expect_problem(GET("/entries/4"), 404, "Not Found", "the log has 4 statements");
    expect_problem(GET("/entries/x"), 400, "Invalid locator", "in decimal");
    expect_problem(GET("/entries/01"), 400, "Invalid locator", "in decimal");
    static const char *const wrong[] = {GET("/v1/consistency"), GET("/v1/consistency?from=0"),
                                        GET("/v1/consistency?from=x"),
                                        GET("/v1/consistency?from=01")};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        r = ask(wrong[i]);
        assert_refused(&r, 400, "from");
    }
    r = ask(GET("/v1/consistency?from=4"));
    assert_refused(&r, 404, "from");
}

static void texts(void **state)
{
    (void)state;
    grow();
    struct tlog_proof p;
    struct reply r = ask(GET("/v1/proof/2"));
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.head, "Content-Type: text/plain; charset=utf-8\r\n"));
    assert_ok(tlog_proof_read(&p, body_of(&r)));
    assert_true(p.index == 2 && p.has_extra);
    finish(&r);
    r = ask(GET("/v1/proof/4"));
    assert_refused(&r, 404, "index");
    r = ask(GET("/v1/proof/x"));
    assert_refused(&r, 400, "index");
}

static void keys(void **state)
{
    (void)state;
    struct cose_ec2 key;
    hash32 kid = world.log->service_kid;
    char request[200], text[64] = "";
    uint8_t mem[64];
    buf b;
    struct reply r;
    for (int again = 0; again < 2; again++) { /* the second time it is kept */
        r = ask(GET("/.well-known/scitt-keys"));
        assert_int_equal(r.status, 200);
        assert_non_null(strstr(r.head, "Content-Type: application/cbor\r\n"));
        assert_ok(key_set_find(&key, body_of(&r), hash_slice(&kid)));
        finish(&r);
    }
    buf_init_fixed(&b, mem, sizeof mem);
    base64_put(&b, hash_slice(&kid));
    for (size_t i = 0; i + 1 < b.n; i++)
        text[i] = (char)(mem[i] == '+' ? '-' : mem[i] == '/' ? '_' : mem[i]);
    snprintf(request, sizeof request, GET("/.well-known/scitt-keys/%s"), text);
    r = ask(request);
    assert_int_equal(r.status, 200);
    uint8_t one[200];
    buf want;
    buf_init_fixed(&want, one, sizeof one);
    key_set_put_key(&want, &key);
    assert_true(slice_eq(body_of(&r), buf_slice(&want)));
    finish(&r);
    snprintf(request, sizeof request, GET("/.well-known/scitt-keys/%sA"), text);
    expect_problem(request, 404, "No such key", "base64url");
    text[0] = text[0] == 'A' ? 'B' : 'A';
    snprintf(request, sizeof request, GET("/.well-known/scitt-keys/%s"), text);
    expect_problem(request, 404, "No such key", "no key of this log's boots");
    expect_problem(GET("/.well-known/scitt-keys?x=1"), 400, "Malformed request",
                   "x: this route has no such");
}

static void set_boot(uint64_t boot)
{
    pthread_mutex_lock(&world.log->lock);
    world.log->boot_index = boot;
    pthread_mutex_unlock(&world.log->lock);
}

/* Where the service has no boot there is no key to sign by. */
static void without_a_boot(void **state)
{
    (void)state;
    grow();
    uint64_t boot = world.log->boot_index;
    set_boot(UINT64_MAX);
    expect_problem(GET("/entries/2"), 503, "Service Unavailable", "no boot in the log");
    struct reply r = ask(GET("/v1/consistency?from=1"));
    assert_refused(&r, 503, NULL);
    r = ask(GET("/v1/proof/2"));
    assert_int_equal(r.status, 200);
    finish(&r);
    set_boot(boot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(receipts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(texts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_boot, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
