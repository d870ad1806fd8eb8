/* Sessions of attested peers: what a bundle has to show of them, and what a policy has to
 * say. The log is a boot, a session of a, and a record. */
#include "testlib.h"

#include "attest/ratls.h"
#include "fakecase.h"
#include "tee/tee.h"

#include <jansson.h>

static struct tee *other_tee; /* another simulator, with a root of its own */
static char *other_dir;

static int set_up(void **state)
{
    (void)state;
    struct tl_why why = {{0}, {0}};
    other_dir = test_tmpdir();
    assert_ok(tee_open(&other_tee, "sim", other_dir, &why));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tee_close(other_tee);
    test_rmdir(other_dir);
    fakelog_done();
    return 0;
}

static struct fakelog *begin(void)
{
    struct fakelog *f = fakelog_new(FAKE_ORIGIN);
    f->config.admissions = 1 << ADMISSION_ATTESTED | 1 << ADMISSION_BEARER;
    f->admission = ADMISSION_ATTESTED;
    fakelog_boot(f);
    return f;
}

static struct fakelog *let_in(struct fakelog *f)
{
    fakelog_session(f, "a");
    fakelog_record(f, "a", "one");
    return f;
}

static struct teelog_report *judge(const struct fakelog *f, const char *policy)
{
    struct teelog_policy *p = policy ? fake_policy(policy) : NULL;
    struct fake_bundle *b = fakelog_export(f, SCOPE_WHOLE, NULL, NULL, 0);
    struct teelog_report *r = fake_verify(b, p);
    fake_bundle_free(b);
    teelog_policy_free(p);
    return r;
}

/* The policy that pins all of f, with its entry for peers changed: a member is set to that
 * value, or taken out (NULL). */
static char *policy_with(const struct fakelog *f, const char *member, const char *value)
{
    char *text = fake_policy_text(f);
    json_t *top = json_loads(text, 0, NULL);
    free(text);
    json_t *list = json_object_get(json_object_get(top, "admission"), "attested");
    json_t *entry = json_array_get(list, 0);
    assert_int_equal(json_array_size(list), 1);
    if (value)
        assert_int_equal(
            json_object_set_new(entry, member, json_loads(value, JSON_DECODE_ANY, NULL)), 0);
    else
        assert_int_equal(json_object_del(entry, member), 0);
    text = json_dumps(top, 0);
    json_decref(top);
    return text;
}

static void test_good(void **state)
{
    (void)state;
    struct fakelog *f = let_in(begin());
    expect_verdict(judge(f, NULL), TEELOG_UNPINNED);
    char *policy = fake_policy_text(f);
    assert_non_null(strstr(policy, "\"attested\": ["));
    expect_verdict(judge(f, policy), TEELOG_TRUSTED);
    /* The same peer again, and another agent of it. */
    fakelog_session(f, "a");
    fakelog_session(f, "b");
    expect_verdict(judge(f, policy), TEELOG_TRUSTED);
    /* With a new key, and after a new boot. */
    fakelog_peer(f, (slice){NULL, 0}, NULL, NULL);
    fakelog_session(f, "a");
    fakelog_boot(f);
    let_in(f);
    expect_verdict(judge(f, policy), TEELOG_TRUSTED);
    free(policy);
    fakelog_free(f);
}

/* A key of the other curve, as Gramine's library makes it. */
static void test_p384(void **state)
{
    (void)state;
    static const char head[] = "3076301006072a8648ce3d020106052b8104002203620004";
    uint8_t spki[120];
    size_t n;
    uint8_t *bytes = test_hex(head, &n);
    memset(spki, 7, sizeof spki);
    memcpy(spki, bytes, n);
    free(bytes);
    struct fakelog *f = begin();
    fakelog_peer(f, SLICE_ARRAY(spki), NULL, NULL);
    char *policy = fake_policy_text(let_in(f));
    expect_verdict(judge(f, policy), TEELOG_TRUSTED);
    free(policy);
    fakelog_free(f);
}

static void test_policies(void **state)
{
    (void)state;
    static const char other[] = "[\"0000000000000000000000000000000000000000000000000000000000000"
                                "000\"]";
    struct fakelog *f = let_in(begin());
    char *policy = policy_with(f, "mrenclave", NULL);
    struct teelog_report *r = judge(f, policy);
    char *text = teelog_report_text(r);
    assert_non_null(strstr(text, "whose code the policy does not pin"));
    free(text);
    expect_verdict(r, TEELOG_UNPINNED);
    free(policy);
    policy = policy_with(f, "mrenclave", other);
    expect_failure(judge(f, policy), "admission", 1);
    free(policy);
    policy = policy_with(f, "root",
                         "\"00000000000000000000000000000000000000000000000000000000000"
                         "00000\"");
    expect_failure(judge(f, policy), "admission", 1);
    free(policy);
    /* One that admits bearers, and has no word of peers. */
    char *whole = fake_policy_text(f);
    json_t *top = json_loads(whole, 0, NULL);
    assert_int_equal(
        json_object_set_new(top, "admission", json_pack("{s:b,s:b}", "child", 1, "bearer", 1)), 0);
    policy = json_dumps(top, 0);
    expect_failure(judge(f, policy), "admission", 1);
    json_decref(top);
    free(policy);
    /* The log's own code is pinned apart from its peers'. */
    top = json_loads(whole, 0, NULL);
    json_t *own = json_array_get(json_object_get(top, "evidence"), 0);
    assert_int_equal(
        json_object_set_new(own, "mrenclave", json_loads(other, JSON_DECODE_ANY, NULL)), 0);
    policy = json_dumps(top, 0);
    expect_failure(judge(f, policy), "code", 0);
    json_decref(top);
    free(policy);
    free(whole);
    fakelog_free(f);
    /* What the boot's configuration does not allow, no policy makes good. */
    f = begin();
    policy = fake_policy_text(let_in(f));
    fakelog_free(f);
    f = fakelog_new(FAKE_ORIGIN);
    f->admission = ADMISSION_ATTESTED;
    fakelog_boot(f);
    expect_failure(judge(let_in(f), policy), "admission", 1);
    free(policy);
    fakelog_free(f);
}

static uint8_t data[64];
static slice spki, claims;
static hash32 evidence;

static void change(void *ctx, enum fake_point point, struct fake_step *s)
{
    (void)ctx;
    if (s->st.kind != ST_SESSION || point != FAKE_FIELDS)
        return;
    if (spki.p)
        s->session.peer_spki = spki;
    if (claims.p)
        s->session.peer_claims = claims;
    if (evidence.b[0])
        s->session.peer_evidence = evidence;
}

/* A log whose one session is changed; consumes f. */
static void expect(struct fakelog *f, const char *check, uint64_t index)
{
    f->hook = change;
    let_in(f);
    expect_failure(judge(f, NULL), check, index);
    fakelog_free(f);
    spki = claims = (slice){NULL, 0};
    evidence = (hash32){{0}};
}

/* The evidence is another key's, the claims say another thing, the key is none: whatever
 * a service has not looked at. */
static void test_binding(void **state)
{
    (void)state;
    uint8_t longer[RATLS_CLAIMS + 1], bad[91];
    struct fakelog *f = begin();
    fakelog_peer(f, (slice){NULL, 0}, NULL, data);
    expect(f, "binding", 1);

    f = begin();
    fakelog_peer(f, (slice){NULL, 0}, NULL, NULL);
    ratls_report_data(data, f->peer.spki);
    data[63] = 1; /* the half that Gramine's own verifier does not look at */
    slice own = f->peer.spki;
    fakelog_peer(f, own, NULL, data);
    expect(f, "binding", 1);

    /* Two peers' parts in one. */
    f = begin();
    fakelog_peer(f, (slice){NULL, 0}, NULL, NULL);
    struct fake_peer first = f->peer;
    fakelog_peer(f, (slice){NULL, 0}, NULL, NULL);
    evidence = first.evidence;
    expect(f, "binding", 1);
    f = begin();
    fakelog_peer(f, (slice){NULL, 0}, NULL, NULL);
    spki = first.spki;
    expect(f, "binding", 1);
    f = begin();
    fakelog_peer(f, (slice){NULL, 0}, NULL, NULL);
    claims = first.claims;
    expect(f, "binding", 1);

    f = begin();
    fakelog_peer(f, (slice){NULL, 0}, NULL, NULL);
    memcpy(longer, f->peer.claims.p, RATLS_CLAIMS);
    longer[RATLS_CLAIMS] = 0;
    claims = SLICE_ARRAY(longer);
    expect(f, "binding", 1);

    /* Everything fits, and it is no key. */
    memcpy(bad, first.spki.p, sizeof bad);
    bad[26] = 2; /* a compressed point has another length */
    f = begin();
    fakelog_peer(f, SLICE_ARRAY(bad), NULL, NULL);
    expect(f, "binding", 1);
}

static void test_evidence(void **state)
{
    (void)state;
    /* It is not there. */
    struct fakelog *f = begin();
    memset(&evidence, 9, sizeof evidence);
    expect(f, "evidence", 1);
    /* It is there, and no session names it. */
    f = begin();
    f->admission = ADMISSION_BEARER;
    struct fake_bundle *b = fakelog_export(let_in(f), SCOPE_WHOLE, NULL, NULL, 0);
    memset(data, 3, sizeof data);
    fake_bundle_evidence(b, data);
    expect_failure(fake_verify(b, NULL), "evidence", UINT64_MAX);
    fake_bundle_free(b);
    fakelog_free(f);
    /* The boot's in its place. */
    f = begin();
    evidence = f->leaves[0].evidence;
    expect(f, "binding", 1);
    /* Its quote is altered. */
    f = begin();
    fakelog_peer(f, (slice){NULL, 0}, NULL, NULL);
    struct fake_evidence *e = &f->evidence[f->evidence_count - 1];
    uint8_t *item = (uint8_t *)(uintptr_t)e->item.p;
    item[100] ^= 1; /* of the header: it is signed, and not judged */
    f->peer.evidence = e->digest = sha256(e->item);
    let_in(f);
    expect_failure(judge(f, NULL), "genuine", 1);
    fakelog_free(f);
}

/* Each item with collateral of its own: the peer's with this. */
static struct teelog_report *judge_with(const struct fakelog *f, const char *policy,
                                        slice collateral)
{
    struct teelog_policy *p = fake_policy(policy);
    struct fake_bundle *b = fakelog_export(f, SCOPE_WHOLE, NULL, NULL, 0);
    b->keep_collateral = true;
    for (size_t i = 0; i < b->count; i++) {
        if (b->items[i].kind != BUNDLE_EVIDENCE)
            continue;
        bool peers = hash_eq(&b->items[i].u.evidence.digest, &f->peer.evidence);
        b->items[i].u.evidence.has_collateral_at = false;
        b->items[i].u.evidence.collateral = peers ? collateral : fakelog_collateral();
    }
    struct teelog_report *r = fake_verify(b, p);
    fake_bundle_free(b);
    teelog_policy_free(p);
    return r;
}

static slice collateral_of(struct tee *t, uint64_t time)
{
    buf b;
    buf_init(&b, 1u << 20);
    assert_ok(tee_collateral(t, time, &b, NULL));
    slice s = fake_keep(buf_slice(&b));
    buf_finish(&b);
    return s;
}

/* A peer on another simulated platform, with another root. */
static void test_other_platform(void **state)
{
    (void)state;
    char hex[65], value[70];
    hash32 root;
    struct evidence_report seen;
    struct fakelog *f = begin();
    fakelog_peer(f, (slice){NULL, 0}, other_tee, NULL);
    let_in(f);
    slice fresh = collateral_of(other_tee, fake_time());
    struct evidence e;
    const struct evidence_context context = {.time = fake_time()};
    assert_ok(evidence_read(&e, f->evidence[1].item));
    evidence_verify(&seen, &e, fresh, &context);
    assert_true(seen.genuine);
    root = seen.code.root;
    for (size_t i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", root.b[i]);
    snprintf(value, sizeof value, "\"%s\"", hex);
    struct fakelog *same = begin();
    char *policy = policy_with(let_in(same), "root", value);
    expect_verdict(judge_with(f, policy, fresh), TEELOG_TRUSTED);
    /* Its collateral is stale, or another's. */
    expect_failure(judge_with(f, policy, collateral_of(other_tee, fake_time() - 90 * 86400)),
                   "genuine", 1);
    expect_failure(judge_with(f, policy, fakelog_collateral()), "genuine", 1);
    free(policy);
    /* That root is the peers' alone: neither does it vouch for the log, nor the log's for
     * peers. */
    policy = fake_policy_text(same);
    expect_failure(judge_with(f, policy, fresh), "genuine", 1);
    json_t *top = json_loads(policy, 0, NULL);
    json_t *own = json_array_get(json_object_get(top, "evidence"), 0);
    assert_int_equal(json_object_set_new(own, "root", json_string(hex)), 0);
    free(policy);
    policy = json_dumps(top, 0);
    expect_failure(judge_with(same, policy, fakelog_collateral()), "code", 0);
    json_decref(top);
    free(policy);
    fakelog_free(same);
    fakelog_free(f);
}

static void test_report(void **state)
{
    (void)state;
    struct fakelog *f = begin();
    fakelog_peer(f, (slice){NULL, 0}, other_tee, NULL);
    f->admission = ADMISSION_BEARER;
    let_in(f);
    f->admission = ADMISSION_ATTESTED;
    fakelog_peer(f, (slice){NULL, 0}, NULL, NULL);
    fakelog_session(f, "a");
    fakelog_session(f, "a");
    struct teelog_report *r = judge(f, NULL);
    char *text = teelog_report_text(r), *json = teelog_report_json(r),
         *html = teelog_report_html(r);
    assert_non_null(strstr(text, ", let in as an attested peer (SIMULATED simulator, MRENCLAVE "));
    assert_non_null(strstr(text, "and by a bearer token"));
    assert_non_null(strstr(text, "attested peer: SIMULATED simulator, MRENCLAVE "));
    assert_non_null(strstr(text, ", 2 sessions\n"));
    assert_non_null(strstr(html, "as an attested peer (SIMULATED simulator, MRENCLAVE "));
    assert_non_null(strstr(html, "by attested peers in 2 sessions"));
    json_t *top = json_loads(json, 0, NULL);
    json_t *a = json_array_get(json_object_get(json_object_get(top, "scope"), "agents"), 0);
    json_t *admitted = json_object_get(a, "admitted");
    assert_int_equal(json_integer_value(json_object_get(admitted, "child")), 0);
    assert_int_equal(json_integer_value(json_object_get(admitted, "attested")), 2);
    assert_int_equal(json_integer_value(json_object_get(admitted, "bearer")), 1);
    json_t *peer = json_array_get(json_object_get(a, "peers"), 0);
    assert_int_equal(json_integer_value(json_object_get(peer, "evidence")), 0);
    assert_int_equal(json_integer_value(json_object_get(peer, "sessions")), 2);
    json_t *code = json_array_get(json_object_get(top, "evidence"), 0);
    assert_int_equal(json_integer_value(json_object_get(code, "peer_sessions")), 2);
    assert_int_equal(json_integer_value(json_object_get(code, "count")), 4);
    json_decref(top);
    free(text);
    free(json);
    free(html);
    teelog_report_free(r);
    fakelog_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),     cmocka_unit_test(test_p384),
        cmocka_unit_test(test_policies), cmocka_unit_test(test_binding),
        cmocka_unit_test(test_evidence), cmocka_unit_test(test_other_platform),
        cmocka_unit_test(test_report),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
