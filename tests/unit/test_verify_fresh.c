/* Fresh answers: what the running log said over a nonce, sound and replayed, cut from
 * elsewhere, or lied about. */
#include "testlib.h"

#include "fakecase.h"

#include <jansson.h>

#define NOWHERE UINT64_MAX

static struct fakelog *good, *other; /* the same story in another log */
static struct teelog_policy *pinned;
static const uint8_t nonce_bytes[FRESH_NONCE_MAX] = "0123456789abcdefABCDEFGHIJKLMNOPQRSTUVWXYZ";
static slice nonce;

static int set_up(void **state)
{
    (void)state;
    nonce = slice_of(nonce_bytes, 32);
    good = fake_case_log(NULL, NULL);
    pinned = fake_policy_of(good);
    other = fakelog_new("example.org/other");
    fakelog_boot(other);
    fakelog_session(other, "a");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    teelog_policy_free(pinned);
    fakelog_free(good);
    fakelog_free(other);
    fakelog_done();
    return 0;
}

static struct teelog_report *judge(struct fake_bundle *b, slice asked)
{
    buf bytes;
    buf_init(&bytes, SIZE_MAX / 2);
    fake_bundle_put(&bytes, b);
    struct teelog_report *r = fake_verify_asked(buf_slice(&bytes), pinned, asked);
    buf_finish(&bytes);
    return r;
}

/* Consume the bundle. */
static void rejected(struct fake_bundle *b, const char *check)
{
    expect_failure(judge(b, nonce), check, NOWHERE);
    fake_bundle_free(b);
}

static void trusted(struct fake_bundle *b)
{
    expect_verdict(judge(b, nonce), TEELOG_TRUSTED);
    fake_bundle_free(b);
}

/* The answer that the log would give about agent a: leaves 1, 2, 5, 7, 10, 11. */
static struct fresh about_a(void)
{
    return (struct fresh){
        .mode = FRESH_UNWITNESSED,
        .agent = slice_str("a"),
        .count = 6,
        .last = good->leaves[11].digest,
        .nonce = nonce,
    };
}

static struct fresh about_nobody(void)
{
    return (struct fresh){.mode = FRESH_UNWITNESSED, .nonce = nonce};
}

/* The scope's bundle with this answer, quoted as it stands. */
static struct fake_bundle *with(enum bundle_scope scope, const struct fresh *answer)
{
    struct fake_bundle *b = fake_case_bundle(good, scope);
    struct fresh_binding binding = fake_fresh_binding(good, b, answer);
    fake_bundle_fresh(b, &binding);
    return b;
}

static struct fresh *answer_of(struct fake_bundle *b)
{
    assert_int_equal(b->items[b->count - 1].kind, BUNDLE_FRESH);
    return &b->items[b->count - 1].u.fresh.answer;
}

static json_t *parse(const struct teelog_report *r)
{
    char *text = teelog_report_json(r);
    json_t *top = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(top);
    free(text);
    return top;
}

static bool says(const struct teelog_report *r, const char *words)
{
    char *text = teelog_report_text(r);
    bool found = strstr(text, words) != NULL;
    if (!found)
        print_error("%s\n", text);
    free(text);
    return found;
}

static bool lists_fresh(const struct teelog_report *r)
{
    for (size_t i = 0; i < teelog_report_check_count(r); i++)
        if (strcmp(teelog_report_check(r, i)->name, "fresh") == 0)
            return true;
    return false;
}

static void test_sound(void **state)
{
    (void)state;
    const struct fresh forms[] = {about_a(),
                                  about_nobody(),
                                  {.mode = FRESH_UNWITNESSED,
                                   .agent = slice_str("nobody-yet"),
                                   .nonce = slice_of(nonce_bytes, 16)},
                                  {.mode = FRESH_FENCED,
                                   .has_cosigned = true,
                                   .cosigned = 13,
                                   .nonce = slice_of(nonce_bytes, 64)}};
    for (int scope = SCOPE_WHOLE; scope <= SCOPE_RECORDS; scope++)
        for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
            struct fake_bundle *b = with((enum bundle_scope)scope, &forms[i]);
            struct teelog_report *r = judge(b, forms[i].nonce);
            assert_true(lists_fresh(r));
            expect_verdict(r, TEELOG_TRUSTED);
            fake_bundle_free(b);
        }
}

static void test_report(void **state)
{
    (void)state;
    struct fresh a = about_a();
    struct fake_bundle *b = with(SCOPE_RECORDS, &a);
    struct teelog_report *r = judge(b, nonce);
    assert_true(says(r, "history: not required by the policy; rollback and forks are not excluded; "
                        "the running log answered the nonce given: size 13, a at 6 statements, "
                        "unwitnessed\n"));
    json_t *top = parse(r);
    const json_t *f = json_object_get(top, "fresh");
    assert_string_equal(json_string_value(json_object_get(f, "mode")), "unwitnessed");
    assert_string_equal(json_string_value(json_object_get(f, "agent")), "a");
    assert_int_equal(json_integer_value(json_object_get(f, "count")), 6);
    assert_int_equal(json_integer_value(json_object_get(f, "size")), 13);
    assert_true(json_is_true(json_object_get(f, "asked")));
    assert_true(json_is_null(json_object_get(f, "cosigned")));
    assert_memory_equal(json_string_value(json_object_get(f, "nonce")), "3031323334", 10);
    assert_int_equal(json_string_length(json_object_get(f, "nonce")), 64);
    const json_t *five = json_array_get(json_object_get(top, "questions"), 4);
    assert_true(json_is_true(json_object_get(five, "ok")));
    assert_non_null(strstr(json_string_value(json_object_get(five, "detail")), "size 13"));
    json_decref(top);
    expect_verdict(r, TEELOG_TRUSTED);
    fake_bundle_free(b);
}

/* Who did not ask cannot tell when it was made; it is judged, and not shown as ok. */
static void test_not_asked(void **state)
{
    (void)state;
    const struct fresh nobody = about_nobody();
    struct fake_bundle *b = with(SCOPE_WHOLE, &nobody);
    struct teelog_report *r = judge(b, (slice){NULL, 0});
    assert_true(says(r, "nobody can tell when that was made (give --nonce): size 13, unwitnessed"));
    assert_false(lists_fresh(r));
    json_t *top = parse(r);
    const json_t *f = json_object_get(top, "fresh");
    assert_true(json_is_false(json_object_get(f, "asked")));
    assert_true(json_is_null(json_object_get(f, "agent")));
    assert_true(json_is_null(json_object_get(f, "count")));
    json_decref(top);
    expect_verdict(r, TEELOG_TRUSTED);
    answer_of(b)->mode = FRESH_FENCED;
    expect_failure(judge(b, (slice){NULL, 0}), "fresh", NOWHERE);
    fake_bundle_free(b);
    /* And a bundle without one says nothing of all this. */
    b = fake_case_bundle(good, SCOPE_WHOLE);
    r = judge(b, (slice){NULL, 0});
    assert_true(says(r, "rollback and forks are not excluded\n"));
    assert_false(lists_fresh(r));
    top = parse(r);
    assert_true(json_is_null(json_object_get(top, "fresh")));
    json_decref(top);
    expect_verdict(r, TEELOG_TRUSTED);
    fake_bundle_free(b);
}

static void test_frozen(void **state)
{
    (void)state;
    struct fresh a = about_a();
    a.mode = FRESH_FROZEN;
    struct fake_bundle *b = with(SCOPE_CHAIN, &a);
    struct teelog_report *r = judge(b, nonce);
    assert_true(says(r, "\nTHE LOG SAYS THAT IT IS FROZEN: "));
    assert_true(says(r, "a at 6 statements, frozen\n"));
    char *page = teelog_report_html(r);
    assert_non_null(strstr(page, ">THE LOG SAYS THAT IT IS FROZEN: "));
    free(page);
    expect_verdict(r, TEELOG_TRUSTED);
    a.mode = FRESH_DEGRADED;
    a.has_cosigned = true;
    a.cosigned = 4;
    fake_bundle_free(b);
    b = with(SCOPE_CHAIN, &a);
    r = judge(b, nonce);
    assert_true(says(r, "a at 6 statements, degraded, last cosigned at size 4\n"));
    json_t *top = parse(r);
    const json_t *cosigned = json_object_get(json_object_get(top, "fresh"), "cosigned");
    assert_int_equal(json_integer_value(cosigned), 4);
    json_decref(top);
    expect_verdict(r, TEELOG_TRUSTED);
    fake_bundle_free(b);
}

static void test_nonces(void **state)
{
    (void)state;
    /* Asked, and no answer there. */
    rejected(fake_case_bundle(good, SCOPE_WHOLE), "fresh");
    /* An old answer, to another nonce; or to one that begins alike. */
    struct fresh old = about_a();
    old.nonce = slice_of(nonce_bytes + 1, 32);
    rejected(with(SCOPE_RECORDS, &old), "fresh");
    old.nonce = slice_of(nonce_bytes, 31);
    rejected(with(SCOPE_RECORDS, &old), "fresh");
    /* The same with the nonce put in. */
    struct fake_bundle *b = with(SCOPE_RECORDS, &old);
    answer_of(b)->nonce = nonce;
    rejected(b, "fresh");
    struct fresh a = about_a();
    b = with(SCOPE_RECORDS, &a);
    struct teelog_report *r = judge(b, slice_of(nonce_bytes + 1, 32));
    assert_true(says(r, "history: NO; not required by the policy; rollback and forks are not "
                        "excluded; fresh: the answer in the bundle is over another nonce"));
    json_t *top = parse(r);
    const json_t *five = json_array_get(json_object_get(top, "questions"), 4);
    assert_true(json_is_false(json_object_get(five, "ok")));
    assert_true(json_is_null(json_object_get(top, "fresh")));
    json_decref(top);
    expect_failure(r, "fresh", NOWHERE);
    fake_bundle_free(b);
}

/* Wrong usage is no verdict. */
static void test_nonce_lengths(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 15, 65};
    for (size_t i = 0; i < 3; i++) {
        struct teelog_report *r = NULL;
        const struct teelog_verify_options o = {.nonce = nonce_bytes, .nonce_size = sizes[i]};
        assert_err(teelog_verify(&r, &o), TL_E_USAGE);
        assert_null(r);
    }
}

/* Each member changed after the quote: the binding is over all of them. */
static void test_members(void **state)
{
    (void)state;
    struct fresh a = about_a();
    for (int what = 0; what < 6; what++) {
        struct fake_bundle *b = with(SCOPE_WHOLE, &a);
        struct fresh *f = answer_of(b);
        if (what == 0)
            f->mode = FRESH_DEGRADED;
        if (what == 1) {
            f->mode = FRESH_FENCED;
            f->has_cosigned = true;
        }
        if (what == 2)
            f->agent = (slice){NULL, 0};
        if (what == 3) { /* one that has as many statements */
            f->agent = slice_str("b");
            f->count = 2;
            f->last = good->leaves[4].digest;
        }
        if (what == 4) { /* one that has none */
            f->agent = slice_str("c");
            f->count = 0;
        }
        if (what == 5)
            f->nonce = slice_of(nonce_bytes, 33);
        rejected(b, "fresh");
    }
}

/* What an honest log never says, under a sound quote. */
static void test_contradictions(void **state)
{
    (void)state;
    const struct fresh a = about_a();
    struct fresh wrong[9] = {a, a, a, a, a, a, a, a, a};
    wrong[0].has_cosigned = true;
    wrong[0].cosigned = 1;
    wrong[1].mode = FRESH_FENCED;
    wrong[1].has_cosigned = true;
    wrong[1].cosigned = 14;
    wrong[2].agent = slice_str(FAKE_ORIGIN);
    wrong[2].count = 5;
    wrong[2].last = good->leaves[12].digest;
    wrong[3].agent = slice_str("");
    wrong[3].count = 0;
    wrong[4].count = 5; /* an older state, with its own last statement */
    wrong[4].last = good->leaves[10].digest;
    wrong[5].count = 7;
    wrong[6].last = good->leaves[10].digest;
    wrong[7].count = 0;
    wrong[8].agent = slice_str("c"); /* who has no statement */
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        print_message("  %zu\n", i);
        rejected(with(SCOPE_WHOLE, &wrong[i]), "fresh");
        rejected(with(SCOPE_RECORDS, &wrong[i]), "fresh");
    }
}

/* The answer's agent, and nothing later: without its last statement, or with it and
 * an answer that is older. */
static void test_last_statement(void **state)
{
    (void)state;
    static const uint64_t older[] = {5, 9}, last[] = {11};
    const struct fresh a = about_a();
    struct fake_bundle *b = fakelog_export(good, SCOPE_RECORDS, NULL, older, 2);
    struct fresh_binding binding = fake_fresh_binding(good, b, &a);
    fake_bundle_fresh(b, &binding);
    expect_failure(judge(b, nonce), "fresh", NOWHERE);
    /* The same, told to be about that older statement. */
    answer_of(b)->count = 3;
    answer_of(b)->last = good->leaves[5].digest;
    rejected(b, "fresh");
    b = fakelog_export(good, SCOPE_RECORDS, NULL, last, 1);
    binding = fake_fresh_binding(good, b, &a);
    fake_bundle_fresh(b, &binding);
    trusted(b);
}

static struct fake_bundle *bound_to(enum bundle_scope scope, const struct fakelog *f,
                                    const hash32 *boot_leaf, const hash32 *text,
                                    const struct fresh *answer)
{
    struct fake_bundle *b = fake_case_bundle(good, scope);
    struct fresh_binding binding = fake_fresh_binding(good, b, answer);
    if (f) {
        binding.origin = slice_str(f->origin);
        binding.log_tp = note_key_thumbprint(&f->log_key);
    }
    if (boot_leaf)
        binding.boot_leaf = *boot_leaf;
    if (text)
        binding.text = *text;
    fake_bundle_fresh(b, &binding);
    return b;
}

static hash32 text_of(const struct fakelog *f, uint64_t size)
{
    static struct note note;
    assert_ok(note_read(&note, fakelog_checkpoint(f, size)));
    return sha256(note.text);
}

/* Answers of another log, of the boot before, and about another checkpoint. */
static void test_moved(void **state)
{
    (void)state;
    const struct fresh a = about_a(), nobody = about_nobody();
    const hash32 now = text_of(good, 13), before = text_of(good, 12), there = text_of(other, 2);
    for (int scope = SCOPE_WHOLE; scope <= SCOPE_RECORDS; scope++) {
        enum bundle_scope s = (enum bundle_scope)scope;
        trusted(bound_to(s, good, &good->hashes[9], &now, &a));
        rejected(bound_to(s, NULL, &good->hashes[0], NULL, &a), "fresh");
        rejected(bound_to(s, NULL, NULL, &before, &a), "fresh");
        rejected(bound_to(s, other, NULL, NULL, &a), "fresh");
        rejected(bound_to(s, other, &other->hashes[0], &there, &nobody), "fresh");
    }
    /* One name alone is another's. */
    struct fakelog *namesake = fakelog_new("example.org/other");
    snprintf(namesake->origin, sizeof namesake->origin, "%s", FAKE_ORIGIN);
    rejected(bound_to(SCOPE_WHOLE, namesake, NULL, NULL, &a), "fresh");
    fakelog_free(namesake);
    /* The newer boot left out of the bundle, so that the answer's is not there. */
    static const uint64_t older[] = {5};
    struct fake_bundle *b = fakelog_export(good, SCOPE_RECORDS, NULL, older, 1);
    struct fresh_binding binding = fake_fresh_binding(good, b, &nobody);
    binding.boot_leaf = good->hashes[9];
    fake_bundle_fresh(b, &binding);
    rejected(b, "fresh");
}

/* A shorter bundle of the same log has another checkpoint. */
static void test_checkpoint_swapped(void **state)
{
    (void)state;
    const struct fresh nobody = about_nobody();
    struct fake_bundle *b = with(SCOPE_WHOLE, &nobody);
    size_t heads = fake_bundle_find_leaf(b, 12);
    fake_bundle_remove(b, heads);
    b->items[0].u.header.checkpoint = fakelog_checkpoint(good, 12);
    for (size_t i = 0; i < b->count; i++) {
        struct bundle_item *item = &b->items[i];
        struct merkle_leaves leaves = {good->hashes, 12};
        const struct merkle_nodes nodes = {merkle_leaves_get, &leaves};
        if (item->kind == BUNDLE_PROOF)
            assert_ok(merkle_prove_consistency(&nodes, item->u.proof.n, 12, item->u.proof.path,
                                               &item->u.proof.path_count));
    }
    rejected(b, "fresh");
}

/* Quotes for one purpose are no evidence for another. */
static void test_evidence(void **state)
{
    (void)state;
    const struct fresh a = about_a();
    /* A session's, and nothing else. */
    struct fake_bundle *b = with(SCOPE_WHOLE, &a);
    const hash32 own = b->items[b->count - 1].u.fresh.evidence;
    size_t at = 1;
    while (!hash_eq(&b->items[at].u.evidence.digest, &own))
        at++;
    struct bundle_item mine = b->items[at];
    b->items[b->count - 1].u.fresh.evidence = good->leaves[10].evidence;
    fake_bundle_remove(b, at);
    expect_failure(judge(b, nonce), "fresh", NOWHERE);
    /* One that is not there. */
    b->items[b->count - 1].u.fresh.evidence = own;
    expect_failure(judge(b, nonce), "evidence", NOWHERE);
    /* There, and named by nothing. */
    fake_bundle_remove(b, b->count - 1);
    fake_bundle_insert(b, at, &mine);
    expect_failure(judge(b, (slice){NULL, 0}), "evidence", NOWHERE);
    fake_bundle_free(b);
}

/* An answer of the original's routes is quoted as SHA-256(JSON) || 32 zero bytes, or a
 * digest of the nonce. */
static void test_rest_quotes(void **state)
{
    (void)state;
    uint8_t report_data[64] = {0};
    const slice json = slice_str("[{\"agentId\":\"a\"}]");
    const slice parts[] = {slice_of("teelog/rest/v1", 15), nonce};
    const hash32 digest = sha256(json), asked = sha256_parts(parts, 2);
    memcpy(report_data, digest.b, 32);
    for (int with_nonce = 0; with_nonce < 2; with_nonce++) {
        if (with_nonce)
            memcpy(report_data + 32, asked.b, 32);
        struct fake_bundle *b = fake_case_bundle(good, SCOPE_WHOLE);
        struct bundle_item item = {.kind = BUNDLE_FRESH};
        item.u.fresh.evidence = b->items[fake_bundle_evidence(b, report_data)].u.evidence.digest;
        item.u.fresh.answer = about_a();
        fake_bundle_insert(b, b->count, &item);
        rejected(b, "fresh");
    }
}

/* A quote that is not sound: a bit of its signature. */
static void test_not_genuine(void **state)
{
    (void)state;
    const struct fresh a = about_a();
    struct fake_bundle *b = with(SCOPE_WHOLE, &a);
    struct bundle_item *fresh = &b->items[b->count - 1];
    size_t at = 1;
    while (!hash_eq(&b->items[at].u.evidence.digest, &fresh->u.fresh.evidence))
        at++;
    struct evidence e;
    buf q, item;
    assert_ok(evidence_read(&e, b->items[at].u.evidence.item));
    buf_init(&q, EVIDENCE_MAX);
    buf_init(&item, EVIDENCE_MAX);
    buf_bytes(&q, e.quote);
    q.p[436] ^= 1; /* the quote's signature begins there */
    e.quote = buf_slice(&q);
    evidence_put(&item, &e);
    fake_bundle_remove(b, at);
    struct bundle_item changed = {.kind = BUNDLE_EVIDENCE};
    changed.u.evidence.item = fake_keep(buf_slice(&item));
    changed.u.evidence.digest = sha256(buf_slice(&item));
    b->items[b->count - 1].u.fresh.evidence = changed.u.evidence.digest;
    at = 1;
    while (b->items[at].kind == BUNDLE_EVIDENCE &&
           memcmp(b->items[at].u.evidence.digest.b, changed.u.evidence.digest.b, 32) < 0)
        at++;
    fake_bundle_insert(b, at, &changed);
    buf_finish(&q);
    buf_finish(&item);
    rejected(b, "genuine");
}

/* A session whose evidence was quoted for a fresh answer, or for the original's
 * routes. */
static struct fake_case session_case;
static uint8_t foreign[64];

static void quote_foreign(struct fake_step *s)
{
    memcpy(s->report_data, foreign, sizeof foreign);
}

static void test_as_a_session(void **state)
{
    (void)state;
    const struct fresh a = about_a();
    struct fake_bundle *b = fake_case_bundle(good, SCOPE_WHOLE);
    struct fresh_binding binding = fake_fresh_binding(good, b, &a);
    session_case = (struct fake_case){"a fresh answer's quote for a session",
                                      10,
                                      FAKE_BINDING,
                                      quote_foreign,
                                      "binding",
                                      EVERY,
                                      0};
    binding_fresh(foreign, &binding);
    fake_case_run(&session_case, pinned);
    memset(foreign, 0, sizeof foreign);
    const hash32 digest = sha256(slice_str("[]"));
    memcpy(foreign, digest.b, 32);
    session_case.name = "the original's answer for a session";
    fake_case_run(&session_case, pinned);
    session_case.name = "the original's answer for a boot";
    session_case.index = 9;
    fake_case_run(&session_case, pinned);
    fake_bundle_free(b);
}

/* Items of the answer dropped, doubled, and out of their place. */
static void test_place(void **state)
{
    (void)state;
    const struct fresh a = about_a();
    struct fake_bundle *b = with(SCOPE_WHOLE, &a);
    fake_bundle_insert(b, b->count, &b->items[b->count - 1]);
    rejected(b, "format");
    b = with(SCOPE_WHOLE, &a);
    fake_bundle_anchor(b, good, 4);
    rejected(b, "format"); /* after the answer */
    b = fake_case_bundle(good, SCOPE_WHOLE);
    fake_bundle_anchor(b, good, 4);
    struct fresh_binding binding = fake_fresh_binding(good, b, &a);
    fake_bundle_fresh(b, &binding);
    trusted(b);
    b = with(SCOPE_WHOLE, &a);
    struct bundle_item item = b->items[b->count - 1];
    fake_bundle_remove(b, b->count - 1);
    fake_bundle_insert(b, 1, &item);
    rejected(b, "boot"); /* all else would have to be over by then */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),
        cmocka_unit_test(test_report),
        cmocka_unit_test(test_not_asked),
        cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_nonces),
        cmocka_unit_test(test_nonce_lengths),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_last_statement),
        cmocka_unit_test(test_moved),
        cmocka_unit_test(test_checkpoint_swapped),
        cmocka_unit_test(test_evidence),
        cmocka_unit_test(test_rest_quotes),
        cmocka_unit_test(test_not_genuine),
        cmocka_unit_test(test_as_a_session),
        cmocka_unit_test(test_place),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
