/* A quorum of witnesses under a policy: met, missed, too old, and what it dates. */
#include "testlib.h"

#include "fakeverify.h"
#include "fakewitness.h"

#include <jansson.h>

#define NOWHERE UINT64_MAX
#define DAY     UINT64_C(86400)
#define MAX_AGE 600

/* Leaves: 0 boot, 1 session, 2 and 3 records, 4 boot, 5 session, 6 record. */
static struct fakelog *log_;
static struct teelog_policy *two_of_three;
static uint64_t now; /* when the collateral was made, which is good for 30 days */
static const uint8_t nonce_bytes[32] = "0123456789abcdefABCDEFGHIJKLMNO";
static slice nonce;

/* The log's policy with this in the place of "unwitnessed". */
static char *policy_text(const char *quorum, unsigned faulty)
{
    char *plain = fake_policy_text(log_), *at = strstr(plain, "\"unwitnessed\"");
    json_t *text = json_string(quorum);
    char *quoted = json_dumps(text, JSON_ENCODE_ANY);
    buf b;
    assert_non_null(at);
    buf_init(&b, 100000);
    buf_bytes(&b, slice_of(plain, (size_t)(at - plain)));
    buf_printf(&b, "{\"quorum\": %s, \"faulty\": %u, \"max_age_s\": %d}", quoted, faulty, MAX_AGE);
    buf_str(&b, at + strlen("\"unwitnessed\""));
    buf_u8(&b, 0);
    assert_ok(buf_err(&b));
    free(quoted);
    json_decref(text);
    free(plain);
    return (char *)b.p;
}

static int set_up(void **state)
{
    (void)state;
    buf b;
    nonce = SLICE_ARRAY(nonce_bytes);
    log_ = fakelog_new("example.org/witnessed");
    fakelog_boot(log_);
    fakelog_session(log_, "a");
    fakelog_record(log_, "a", "one");
    fakelog_record(log_, "a", "two");
    fakelog_boot(log_);
    fakelog_session(log_, "a");
    fakelog_record(log_, "a", "three");
    now = fake_time();
    buf_init(&b, 10000);
    fake_quorum_text(&b, 2, 3);
    buf_u8(&b, 0);
    char *json = policy_text((const char *)b.p, 0);
    two_of_three = fake_policy(json);
    free(json);
    buf_finish(&b);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    teelog_policy_free(two_of_three);
    fakelog_free(log_);
    fakelog_done();
    return 0;
}

/* A checkpoint of that size, cosigned by witnesses 1, 2, … at these times; 0: not. */
static slice cosigned(uint64_t size, const uint64_t times[3])
{
    slice plain = fakelog_checkpoint(log_, size);
    buf b;
    buf_init(&b, 10000);
    buf_bytes(&b, plain);
    for (uint8_t i = 0; i < 3; i++)
        if (times[i])
            fake_cosign(&b, (uint8_t)(i + 1), times[i]);
    slice kept = fake_keep(buf_slice(&b));
    buf_finish(&b);
    return kept;
}

/* The whole log, its checkpoint cosigned so. */
static struct fake_bundle *whole(const uint64_t times[3])
{
    struct fake_bundle *b = fakelog_export(log_, SCOPE_WHOLE, NULL, NULL, 0);
    b->items[0].u.header.checkpoint = cosigned(log_->count, times);
    return b;
}

static void anchor(struct fake_bundle *b, uint64_t size, const uint64_t times[3])
{
    fake_bundle_anchor(b, log_, size);
    b->items[b->count - 1].u.anchor.checkpoint = cosigned(size, times);
}

static void answer(struct fake_bundle *b, enum fresh_mode mode)
{
    const struct fresh f = {.mode = mode, .nonce = nonce};
    struct fresh_binding binding = fake_fresh_binding(log_, b, &f);
    fake_bundle_fresh(b, &binding);
}

static struct teelog_report *judge(struct fake_bundle *b, bool asked, uint64_t time)
{
    struct teelog_report *r = NULL;
    buf bytes;
    buf_init(&bytes, SIZE_MAX / 2);
    fake_bundle_put(&bytes, b);
    slice s = buf_slice(&bytes);
    const struct teelog_verify_options options = {
        .policy = two_of_three,
        .time = time,
        .nonce = asked ? nonce.p : NULL,
        .nonce_size = nonce.n,
        .threads = 1,
        .read = slice_source_read,
        .ctx = &s,
    };
    assert_ok(teelog_verify(&r, &options));
    buf_finish(&bytes);
    fake_bundle_free(b);
    return r;
}

static bool says(const struct teelog_report *r, const char *words)
{
    char *text = teelog_report_text(r), *page = teelog_report_html(r);
    bool found = strstr(text, words) != NULL;
    if (!found)
        print_error("%s\n", text);
    free(text);
    free(page);
    return found;
}

/* Consume the bundle. */
static void rejected(struct fake_bundle *b, bool asked, const char *check, uint64_t index,
                     const char *words)
{
    struct teelog_report *r = judge(b, asked, now);
    assert_true(says(r, words));
    expect_failure(r, check, index);
}

static void trusted(struct fake_bundle *b, bool asked, uint64_t time)
{
    expect_verdict(judge(b, asked, time), TEELOG_TRUSTED);
}

static const uint64_t none[3] = {0};

static void test_quorum(void **state)
{
    (void)state;
    const uint64_t first[3] = {now + 10, now + 30, 0}, all[3] = {now + 30, now + 10, now + 20};
    struct teelog_report *r = judge(whole(first), false, now);
    char wanted[200];
    assert_true(says(r,
                     "history: yes; at least 2 of 3 witnesses have cosigned the tree of size 7 as "
                     "the only one, as of "));
    assert_true(says(r, "; the policy allows for 0 faulty witnesses\n"));
    char *text = teelog_report_json(r);
    json_t *top = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *h = NULL;
    free(text);
    assert_non_null(top);
    h = json_object_get(top, "history");
    assert_int_equal(json_integer_value(json_object_get(h, "needed")), 2);
    assert_int_equal(json_integer_value(json_object_get(h, "witnesses")), 3);
    assert_int_equal(json_integer_value(json_object_get(h, "faulty")), 0);
    assert_int_equal(json_integer_value(json_object_get(h, "size")), 7);
    assert_true((uint64_t)json_integer_value(json_object_get(h, "time")) == now + 30);
    assert_true((uint64_t)json_integer_value(json_object_get(h, "current")) == now + 10);
    h = json_object_get(h, "evidence");
    assert_int_equal(json_integer_value(json_object_get(h, "count")), 4);
    assert_true((uint64_t)json_integer_value(json_object_get(h, "from")) == now + 30);
    assert_int_equal(json_integer_value(json_object_get(h, "beyond")), 0);
    json_decref(top);
    expect_verdict(r, TEELOG_TRUSTED);
    /* The second smallest of three. */
    r = judge(whole(all), false, now);
    text = teelog_report_json(r);
    snprintf(wanted, sizeof wanted, "\"time\": %llu, \"current\": %llu,\n  \"evidence\"",
             (unsigned long long)now + 20, (unsigned long long)now + 20);
    assert_non_null(strstr(text, wanted));
    free(text);
    expect_verdict(r, TEELOG_TRUSTED);
}

static void test_no_quorum(void **state)
{
    (void)state;
    const uint64_t one[3] = {0, now + 10, 0}, two[3] = {now + 10, now + 10, 0};
    rejected(whole(none), false, "history", NOWHERE,
             "history: NO; the policy needs 2 of 3 witnesses, and the checkpoint of size 7 is "
             "cosigned by 0 of them");
    rejected(whole(one), false, "history", NOWHERE, "cosigned by 1 of them");
    /* Strangers do not count, and a witness's failing line is worse than none. */
    struct fake_bundle *b = whole(one);
    buf note;
    buf_init(&note, 10000);
    buf_bytes(&note, b->items[0].u.header.checkpoint);
    fake_cosign(&note, 9, now);
    b->items[0].u.header.checkpoint = fake_keep(buf_slice(&note));
    rejected(b, false, "history", NOWHERE, "cosigned by 1 of them");
    b = whole(two);
    buf_reset(&note);
    buf_bytes(&note, b->items[0].u.header.checkpoint);
    struct cosigner w3 = fake_cosigner(3);
    uint8_t seed[32];
    fake_seed(seed, 3);
    assert_ok(cosignature_sign(&note, slice_str("another\n"), now, &w3, seed));
    b->items[0].u.header.checkpoint = fake_keep(buf_slice(&note));
    rejected(b, false, "history", NOWHERE,
             "the checkpoint of size 7 has a line of a witness that the policy names, and it does "
             "not verify");
    /* The same under an earlier one. */
    b = whole(two);
    fake_bundle_anchor(b, log_, 4);
    buf_reset(&note);
    buf_bytes(&note, cosigned(4, two));
    assert_ok(cosignature_sign(&note, slice_str("another\n"), now, &w3, seed));
    b->items[b->count - 1].u.anchor.checkpoint = fake_keep(buf_slice(&note));
    rejected(b, false, "history", NOWHERE, "the checkpoint of size 4 has a line");
    buf_finish(&note);
}

/* What a quorum has seen is older than what the bundle holds. */
static void test_beyond(void **state)
{
    (void)state;
    const uint64_t two[3] = {now + 10, now + 10, 0};
    struct fake_bundle *b = whole(none);
    anchor(b, 5, two);
    rejected(b, false, "history", NOWHERE,
             "a quorum has cosigned the tree of size 5, and the bundle's is of size 7");
    static const enum fresh_mode modes[] = {FRESH_FENCED, FRESH_DEGRADED, FRESH_UNWITNESSED};
    for (size_t i = 0; i < 3; i++) {
        b = whole(none);
        anchor(b, 5, two);
        answer(b, modes[i]);
        struct teelog_report *r = judge(b, true, now + 20);
        if (modes[i] != FRESH_FENCED) {
            assert_true(says(r, "started without its witnesses"));
            expect_failure(r, "history", NOWHERE);
            continue;
        }
        assert_true(says(r, "; no quorum has seen the 2 statements after that; the running log "
                            "answered the nonce given: size 7, fenced\n"));
        assert_true(says(r, " (when a quorum had cosigned it), and 2 of it as of "));
        expect_verdict(r, TEELOG_TRUSTED);
    }
    /* Nobody can tell when an answer to an unknown nonce was made. */
    b = whole(none);
    anchor(b, 5, two);
    answer(b, FRESH_FENCED);
    rejected(b, false, "history", NOWHERE, "ask for a bundle of a checkpoint");
}

static void test_live(void **state)
{
    (void)state;
    const uint64_t two[3] = {now + 1000, now + 1000, 0};
    const struct {
        uint64_t time;
        bool good;
    } cases[] = {{now + 1000, true},
                 {now + 1000 + MAX_AGE, true},
                 {now + 1001 + MAX_AGE, false},
                 {now + 1000 - MAX_AGE, true},
                 {now + 999 - MAX_AGE, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake_bundle *b = whole(two);
        answer(b, FRESH_FENCED);
        struct teelog_report *r = judge(b, true, cases[i].time);
        if (cases[i].good) {
            expect_verdict(r, TEELOG_TRUSTED);
            continue;
        }
        assert_true(says(r, "the policy takes it for 600 seconds before and after"));
        expect_failure(r, "history", NOWHERE);
        /* As a bundle it is what it was then, whenever it is read. */
        b = whole(two);
        answer(b, FRESH_FENCED);
        trusted(b, false, cases[i].time);
    }
    /* An old checkpoint, which a witness that was cut off cosigned only now. */
    const uint64_t stale[3] = {now + 1000, now + 1001 + MAX_AGE, 0},
                   renewed[3] = {now + 1000, now + 1001 + MAX_AGE, now + 1002};
    struct fake_bundle *old = whole(stale);
    answer(old, FRESH_FENCED);
    struct teelog_report *told = judge(old, true, now + 1001 + MAX_AGE);
    assert_true(says(told, "the bundle is the only history as of "));
    expect_failure(told, "history", NOWHERE);
    old = whole(renewed);
    answer(old, FRESH_FENCED);
    trusted(old, true, now + 1001 + MAX_AGE);
    /* A degraded start, since when a quorum has cosigned all of it. */
    struct fake_bundle *b = whole(two);
    answer(b, FRESH_DEGRADED);
    trusted(b, true, now + 1000);
    b = whole(two);
    answer(b, FRESH_FROZEN);
    struct teelog_report *r = judge(b, true, now + 1000);
    assert_true(says(r, "history: NO; the log says that it has seen another history of itself"));
    expect_failure(r, "history", NOWHERE);
    b = whole(two);
    answer(b, FRESH_FROZEN);
    rejected(b, false, "history", NOWHERE, "it has seen another history of itself");
    /* What fails of the answer itself. */
    b = whole(two);
    r = judge(b, true, now + 1000);
    assert_true(says(r, "history: NO; fresh: a nonce was given"));
    expect_failure(r, "fresh", NOWHERE);
}

/* Each piece of evidence at the earliest quorum time over a checkpoint with its statement. */
static void test_evidence_times(void **state)
{
    (void)state;
    const uint64_t good[3] = {now + DAY, now + DAY, 0},
                   late[3] = {now + 40 * DAY, now + 40 * DAY, 0},
                   early[3] = {now - DAY, now - DAY, 0};
    /* Long after the collateral's end, by the verifier's clock. */
    trusted(whole(good), false, now + 400 * DAY);
    rejected(whole(late), false, "genuine", 0, "validity: its collateral is good from");
    rejected(whole(early), false, "genuine", 0, "validity: its collateral is good from");
    /* What was opened after the earlier checkpoint is dated by the later one alone. */
    struct fake_bundle *b = whole(late);
    anchor(b, 4, good);
    rejected(b, false, "genuine", ANY_INDEX, "validity: ");
    b = whole(late);
    anchor(b, 6, good);
    trusted(b, false, now + 400 * DAY);
    b = whole(late);
    anchor(b, 5, good);
    rejected(b, false, "genuine", 5, "validity: ");
    /* The earliest of them, not the one of the least size. */
    b = whole(good);
    anchor(b, 4, late);
    trusted(b, false, now + 400 * DAY);
    b = whole(good);
    anchor(b, 2, late);
    anchor(b, 4, none);
    anchor(b, 6, late);
    trusted(b, false, now + 400 * DAY);
    /* One that no quorum cosigned dates nothing. */
    const uint64_t one[3] = {now + DAY, 0, 0};
    b = whole(late);
    anchor(b, 6, one);
    rejected(b, false, "genuine", ANY_INDEX, "validity: ");
    /* What no quorum has seen, and the answer itself, are of now. */
    for (unsigned days = 1; days <= 50; days += 49) {
        const uint64_t then[3] = {now + days * DAY, now + days * DAY, 0};
        b = whole(none);
        anchor(b, 4, good);
        anchor(b, 5, then);
        answer(b, FRESH_FENCED);
        struct teelog_report *r = judge(b, true, now + days * DAY);
        if (days == 1)
            expect_verdict(r, TEELOG_TRUSTED);
        else
            expect_failure(r, "genuine", ANY_INDEX);
    }
}

/* The evidence of an attested peer is dated by the first session that it was let in for. */
static void test_peers(void **state)
{
    (void)state;
    const uint64_t good[3] = {now + DAY, now + DAY, 0},
                   late[3] = {now + 40 * DAY, now + 40 * DAY, 0};
    struct fakelog *kept_log = log_;
    struct teelog_policy *kept = two_of_three;
    buf quorum;
    buf_init(&quorum, 10000);
    fake_quorum_text(&quorum, 2, 3);
    buf_u8(&quorum, 0);
    log_ = fakelog_new("example.org/peers");
    log_->config.admissions = 1 << ADMISSION_ATTESTED;
    log_->admission = ADMISSION_ATTESTED;
    fakelog_boot(log_);
    fakelog_session(log_, "a");
    fakelog_record(log_, "a", "one");
    char *json = policy_text((const char *)quorum.p, 0);
    two_of_three = fake_policy(json);
    trusted(whole(good), false, now + 400 * DAY);
    rejected(whole(late), false, "genuine", 0, "validity: ");
    struct fake_bundle *b = whole(late);
    anchor(b, 2, good);
    trusted(b, false, now + 400 * DAY);
    teelog_policy_free(two_of_three);
    fakelog_free(log_);
    free(json);
    buf_finish(&quorum);
    log_ = kept_log;
    two_of_three = kept;
}

/* Without a quorum in the policy cosignatures are lines of strangers. */
static void test_unwitnessed(void **state)
{
    (void)state;
    const uint64_t two[3] = {now + 10, now + 10, 0};
    struct teelog_policy *p = fake_policy_of(log_);
    struct fake_bundle *b = whole(two);
    struct teelog_report *r = fake_verify(b, p);
    assert_true(says(r, "\nhistory: not required by the policy; rollback and forks are not "
                        "excluded\n"));
    char *text = teelog_report_json(r);
    assert_non_null(strstr(text, " \"history\": null,\n"));
    free(text);
    expect_verdict(r, TEELOG_TRUSTED);
    fake_bundle_free(b);
    teelog_policy_free(p);
}

/* Chains and single records are held to it as well. */
static void test_scopes(void **state)
{
    (void)state;
    const uint64_t two[3] = {now + 10, now + 10, 0};
    static const uint64_t pick[] = {6};
    for (int scope = SCOPE_CHAIN; scope <= SCOPE_RECORDS; scope++) {
        for (int good = 0; good < 2; good++) {
            struct fake_bundle *b = fakelog_export(log_, (enum bundle_scope)scope, "a", pick, 1);
            b->items[0].u.header.checkpoint = cosigned(7, good ? two : none);
            struct teelog_report *r = judge(b, false, now);
            if (good)
                expect_verdict(r, TEELOG_TRUSTED);
            else
                expect_failure(r, "history", NOWHERE);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quorum),         cmocka_unit_test(test_no_quorum),
        cmocka_unit_test(test_beyond),         cmocka_unit_test(test_live),
        cmocka_unit_test(test_evidence_times), cmocka_unit_test(test_unwitnessed),
        cmocka_unit_test(test_scopes),         cmocka_unit_test(test_peers),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
