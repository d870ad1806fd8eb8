/* A log followed by its statements alone: sound ones, ones with one deep defect each, and what
 * the follower keeps of it. */
#include "testlib.h"

#include "fakecase.h"
#include "verify/follow.h"

static int tear_down(void **state)
{
    (void)state;
    fakelog_done();
    return 0;
}

static struct follow *begin(unsigned threads)
{
    struct follow *f = NULL;
    assert_ok(follow_new(&f, slice_str(FAKE_ORIGIN), threads));
    return f;
}

static tl_err feed(struct follow *f, const struct fakelog *log, size_t from, size_t to)
{
    tl_err err = TL_OK;
    for (size_t i = from; i < to && err == TL_OK; i++)
        err = follow_leaf(f, log->leaves[i].statement);
    return err == TL_OK ? follow_settle(f) : err;
}

static void expect_failed(const struct follow *f, const char *check, uint64_t index)
{
    const char *name = "none";
    const struct report_result *r = follow_failure(f, &name);
    assert_non_null(r);
    assert_string_equal(name, check);
    assert_int_equal(r->index, index);
}

static void test_sound(void **state)
{
    (void)state;
    struct fakelog *log = fake_case_log(NULL, NULL);
    for (unsigned threads = 1; threads <= 2; threads++) {
        struct follow *f = begin(threads);
        struct follow_totals t;
        struct subject *const *agents;
        const char *check;
        assert_ok(feed(f, log, 0, log->count));
        follow_totals(f, &t);
        assert_int_equal(t.leaves, log->count);
        assert_int_equal(t.agents, 2);
        assert_int_equal(t.boots, 2);
        assert_int_equal(t.sessions, 3);
        assert_int_equal(t.records, 4);
        assert_int_equal(t.refs_unseen, 0);
        assert_int_equal(t.time_ms, log->time_ms - 1); /* that of the next is there already */
        assert_int_equal(follow_agents(f, &agents), 3);
        assert_string_equal(agents[0]->id, "a");
        assert_int_equal(agents[0]->count, log->subjects[fakelog_subject(log, "a")].count);
        assert_int_equal(agents[0]->last_index, 11);
        assert_int_equal(agents[0]->sessions, 2);
        assert_string_equal(agents[1]->id, "b");
        assert_string_equal(agents[2]->id, FAKE_ORIGIN);
        assert_null(follow_failure(f, &check));
        follow_free(f);
    }
    fakelog_free(log);
    follow_free(NULL);
}

/* ---- one defect each ---- */

static void other_origin(struct fake_step *s)
{
    s->st.origin = slice_str("example.org/other");
}
static void seq_skipped(struct fake_step *s)
{
    s->st.seq++;
}
static void seq_again(struct fake_step *s)
{
    s->st.seq--;
}
static void seq_huge(struct fake_step *s)
{
    s->st.seq = 99;
}
static void time_back(struct fake_step *s)
{
    s->st.time_ms -= 1000;
}
static void prev_other(struct fake_step *s)
{
    s->st.prev.b[0] ^= 1;
}
static void ref_self(struct fake_step *s)
{
    s->st.ref = s->index;
}
static void ref_later(struct fake_step *s)
{
    s->st.ref = s->index + 1;
}
static void ref_boot(struct fake_step *s)
{
    s->st.ref = 0;
}
static void ref_session(struct fake_step *s)
{
    s->st.ref = 1;
}
static void session_0(struct fake_step *s)
{
    s->st.session = 0;
}
static void session_1(struct fake_step *s)
{
    s->st.session = 1;
}
static void other_kid(struct fake_step *s)
{
    s->st.kid.b[31] ^= 1;
}
static void sign_as(struct fake_step *s, const char *subject)
{
    s->key = fake_current->subjects[fakelog_subject(fake_current, subject)].key;
    s->st.kid = fake_kid(&s->key);
}
static void by_service(struct fake_step *s)
{
    sign_as(s, FAKE_ORIGIN);
}
static void by_a(struct fake_step *s)
{
    sign_as(s, "a");
}
static void alg_es256k(struct fake_step *s)
{
    s->st.alg = COSE_ES256K;
}
static void alg_es256(struct fake_step *s)
{
    s->st.alg = COSE_ES256;
}
static void alg_p256(struct fake_step *s)
{
    s->st.alg = COSE_ES256_P256;
}
static void signature_bit(struct fake_step *s)
{
    s->st.signature[63] ^= 1;
}
static void no_r(struct fake_step *s)
{
    memset(s->st.signature, 0, 32);
}
static void no_s(struct fake_step *s)
{
    memset(s->st.signature + 32, 0, 32);
}
static void r_is_the_order(struct fake_step *s)
{
    size_t n;
    uint8_t *order =
        test_hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", &n);
    memcpy(s->st.signature, order, n);
    free(order);
}
static void another_body(struct fake_step *s)
{
    s->body = slice_str("\xa1\x01\x02");
}
static void other_heads(struct fake_step *s)
{
    s->heads.root.b[0] ^= 1;
}
static void one_head_more(struct fake_step *s)
{
    s->heads.n++;
}

static const struct fake_case cases[] = {
    {"another log's record", 5, FAKE_HEADER, other_origin, "statement", 0, 0},
    {"a seq skipped", 5, FAKE_HEADER, seq_skipped, "order", 0, 0},
    {"a seq twice", 11, FAKE_HEADER, seq_again, "order", 0, 0},
    {"a seq out of reach", 11, FAKE_HEADER, seq_huge, "order", 0, 0},
    {"the origin's seq", 12, FAKE_HEADER, seq_skipped, "order", 0, 0},
    {"time going back", 5, FAKE_HEADER, time_back, "order", 0, 0},
    {"another prev", 5, FAKE_HEADER, prev_other, "chain", 0, 0},
    {"another prev in a boot", 9, FAKE_HEADER, prev_other, "chain", 0, 0},
    {"another prev in a session", 10, FAKE_HEADER, prev_other, "chain", 0, 0},
    {"a ref to itself", 5, FAKE_HEADER, ref_self, "order", 0, 0},
    {"a ref to what comes later", 5, FAKE_HEADER, ref_later, "order", 0, 0},
    {"a ref to a boot", 5, FAKE_HEADER, ref_boot, "order", 0, 0},
    {"a ref to its own session", 5, FAKE_HEADER, ref_session, NULL, 0, 0},
    {"a record of a closed session", 11, FAKE_HEADER, session_1, "session", 0, 0},
    {"a session that names another", 10, FAKE_HEADER, session_1, "session", 0, 0},
    {"a boot that names another", 9, FAKE_HEADER, session_0, "session", 0, 0},
    {"heads of the boot before", 12, FAKE_HEADER, session_0, "session", 0, 0},
    {"another key in a record", 5, FAKE_HEADER, by_service, "role", 0, 0},
    {"another key in an end", 7, FAKE_HEADER, by_service, "role", 0, 0},
    {"another key in an erasure", 8, FAKE_HEADER, by_a, "role", 0, 0},
    {"another key in heads", 6, FAKE_HEADER, by_a, "role", 0, 0},
    {"another kid", 11, FAKE_HEADER, other_kid, "role", 0, 0},
    {"ES256K in a session by P-256", 5, FAKE_HEADER, alg_es256k, "role", 0, 0},
    {"ES256 in a session by secp256k1", 11, FAKE_HEADER, alg_es256, "role", 0, 0},
    {"ES256 by its other name", 5, FAKE_HEADER, alg_p256, NULL, 0, 0},
    {"the same in a session", 1, FAKE_FIELDS, alg_p256, NULL, 0, 0},
    {"the same in a boot", 9, FAKE_FIELDS, alg_p256, NULL, 0, 0},
    {"a session's key on another curve", 10, FAKE_HEADER, alg_es256, "signature", 0, 0},
    {"the kid of a boot", 0, FAKE_HEADER, other_kid, "signature", 0, 0},
    {"the kid of a session", 10, FAKE_HEADER, other_kid, "signature", 0, 0},
    {"a boot's signature", 9, FAKE_SIGNED, signature_bit, "signature", 0, 0},
    {"a session's signature", 1, FAKE_SIGNED, signature_bit, "signature", 0, 0},
    {"a session's by secp256k1", 10, FAKE_SIGNED, signature_bit, "signature", 0, 0},
    {"r = 0", 10, FAKE_SIGNED, no_r, "signature", 0, 0},
    {"s = 0", 1, FAKE_SIGNED, no_s, "signature", 0, 0},
    {"r = n", 10, FAKE_SIGNED, r_is_the_order, "signature", 0, 0},
    {"a record's signature", 5, FAKE_SIGNED, signature_bit, "signature", 0, 0},
    {"the last signature", 12, FAKE_SIGNED, signature_bit, "signature", 0, 0},
    {"the body of an end", 7, FAKE_BODY, another_body, "body", 0, 0},
    {"heads of another root", 6, FAKE_FIELDS, other_heads, "heads", 0, 0},
    {"one head too many", 12, FAKE_FIELDS, one_head_more, "heads", 0, 0},
    {"a record's body, which nobody sees", 5, FAKE_BODY, another_body, NULL, 0, 0},
};

static void change(void *ctx, enum fake_point point, struct fake_step *s)
{
    const struct fake_case *c = ctx;
    if (point == c->point && s->index == c->index)
        c->change(s);
}

static void test_defects(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake_case c = cases[i];
        print_message("  %s\n", c.name);
        struct fakelog *log = fake_case_log(change, &c);
        struct follow *f = begin(1);
        tl_err err = feed(f, log, 0, log->count);
        if (c.check) {
            assert_err(err, VERDICT);
            expect_failed(f, c.check, c.index);
        } else {
            assert_ok(err);
        }
        follow_free(f);
        fakelog_free(log);
    }
}

/* ---- what is missing, or stands in another place ---- */

static void test_places(void **state)
{
    (void)state;
    struct fakelog *log = fake_case_log(NULL, NULL);
    /* Left out, and where the next is found to fit no more. */
    static const struct {
        size_t without;
        const char *check;
        uint64_t index;
    } gaps[] = {{0, "boot", 0},  {1, "order", 1},   {2, "session", 2}, {4, "heads", 5},
                {5, "heads", 5}, {9, "session", 9}, {11, "heads", 11}};
    for (size_t i = 0; i < sizeof gaps / sizeof gaps[0]; i++) {
        struct follow *f = begin(1);
        tl_err err = feed(f, log, 0, gaps[i].without);
        assert_ok(err);
        assert_err(feed(f, log, gaps[i].without + 1, log->count), VERDICT);
        expect_failed(f, gaps[i].check, gaps[i].index);
        follow_free(f);
    }
    struct follow *f = begin(1);
    assert_err(follow_leaf(f, slice_str("junk")), VERDICT);
    expect_failed(f, "statement", 0);
    follow_free(f);
    fakelog_free(log);
}

/* Sessions that a boot, an end, or another session closed. */
static void test_closed(void **state)
{
    (void)state;
    struct fakelog *log = fakelog_new(FAKE_ORIGIN);
    fakelog_boot(log);
    fakelog_session(log, "a");
    fakelog_session(log, "b");
    fakelog_boot(log);
    fakelog_record(log, "b", "after the boot");
    struct follow *f = begin(1);
    assert_err(feed(f, log, 0, log->count), VERDICT);
    expect_failed(f, "session", 4);
    follow_free(f);
    fakelog_free(log);

    log = fakelog_new(FAKE_ORIGIN);
    fakelog_boot(log);
    fakelog_session(log, "a");
    fakelog_end(log, "a");
    fakelog_record(log, "a", "after the end");
    f = begin(1);
    assert_err(feed(f, log, 0, log->count), VERDICT);
    expect_failed(f, "session", 3);
    follow_free(f);
    fakelog_free(log);
}

/* ---- what is kept ---- */

static struct follow *again(const struct follow *f, uint64_t leaves)
{
    struct follow *g = NULL;
    buf b;
    buf_init(&b, FOLLOW_STATE_MAX);
    follow_put(f, &b);
    assert_ok(buf_err(&b));
    assert_ok(follow_read(&g, buf_slice(&b), slice_str(FAKE_ORIGIN), leaves, 1));
    buf_finish(&b);
    return g;
}

/* From every place, and it ends as without. */
static void test_goes_on(void **state)
{
    (void)state;
    struct fakelog *log = fake_case_log(NULL, NULL);
    buf want, got;
    buf_init(&want, FOLLOW_STATE_MAX);
    buf_init(&got, FOLLOW_STATE_MAX);
    struct follow *whole = begin(1);
    assert_ok(feed(whole, log, 0, log->count));
    follow_put(whole, &want);
    for (size_t at = 1; at <= log->count; at++) {
        struct follow *f = begin(1);
        assert_ok(feed(f, log, 0, at));
        struct follow *g = again(f, at);
        assert_ok(feed(g, log, at, log->count));
        buf_reset(&got);
        follow_put(g, &got);
        assert_int_equal(got.n, want.n);
        assert_memory_equal(got.p, want.p, want.n);
        follow_free(g);
        follow_free(f);
    }
    follow_free(whole);
    buf_finish(&want);
    buf_finish(&got);
    fakelog_free(log);
}

/* Defects are seen from there as well. */
static void test_goes_on_watching(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake_case c = cases[i];
        if (!c.check || c.index == 0)
            continue;
        struct fakelog *log = fake_case_log(change, &c);
        struct follow *f = begin(1);
        assert_ok(feed(f, log, 0, c.index));
        struct follow *g = again(f, c.index);
        assert_err(feed(g, log, c.index, log->count), VERDICT);
        expect_failed(g, c.check, c.index);
        follow_free(g);
        follow_free(f);
        fakelog_free(log);
    }
}

static tl_err read_back(slice bytes, const char *origin, uint64_t leaves)
{
    struct follow *f = NULL;
    tl_err err = follow_read(&f, bytes, slice_str(origin), leaves, 1);
    assert_true((err == TL_OK) == (f != NULL));
    follow_free(f);
    return err;
}

static void test_state_is_not_believed(void **state)
{
    (void)state;
    struct fakelog *log = fake_case_log(NULL, NULL);
    struct follow *f = begin(1);
    buf b;
    buf_init(&b, FOLLOW_STATE_MAX);
    assert_ok(feed(f, log, 0, log->count));
    follow_put(f, &b);
    assert_ok(read_back(buf_slice(&b), FAKE_ORIGIN, log->count));
    assert_err(read_back(buf_slice(&b), "example.org/other", log->count), TL_E_STORED);
    for (uint64_t leaves = 0; leaves < 2 * log->count; leaves++)
        if (leaves != log->count)
            assert_err(read_back(buf_slice(&b), FAKE_ORIGIN, leaves), TL_E_STORED);
    for (size_t n = 0; n < b.n; n++)
        assert_err(read_back(slice_of(b.p, n), FAKE_ORIGIN, log->count), TL_E_STORED);
    /* Any bit: refused, or another state that could be; never worse. */
    size_t taken = 0;
    for (size_t i = 0; i < 8 * b.n; i++) {
        b.p[i / 8] ^= (uint8_t)(1 << i % 8);
        tl_err err = read_back(buf_slice(&b), FAKE_ORIGIN, log->count);
        assert_true(err == TL_OK || err == TL_E_STORED);
        taken += err == TL_OK;
        b.p[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    assert_true(taken > 0 && taken < 8 * b.n);
    follow_free(f);
    buf_finish(&b);
    fakelog_free(log);
}

/* ---- states made by hand ---- */

struct made {
    uint64_t version, boots;
    size_t subjects, recent;
    struct {
        const char *id;
        uint64_t count, last, session;
        bool open;
    } s[4];
};

static const struct made sound = {
    .version = 1,
    .boots = 1,
    .subjects = 2,
    .recent = 12,
    .s = {{FAKE_ORIGIN, 1, 0, 0, true}, {"a", 2, 2, 1, true}},
};

static tl_err try_made(const struct made *m)
{
    static const uint8_t zeros[64];
    struct sign_key key;
    struct cose_ec2 point;
    buf b;
    buf_init(&b, 100000);
    assert_ok(sign_key_generate(&key, COSE_ES256));
    sign_key_point(&key, &point);
    cbor_put_array(&b, 9);
    cbor_put_uint(&b, m->version);
    cbor_put_uint(&b, 5);
    cbor_put_uint(&b, m->boots);
    for (int i = 0; i < 4; i++)
        cbor_put_uint(&b, 1);
    cbor_put_bytes(&b, slice_of(zeros, m->recent));
    cbor_put_array(&b, m->subjects);
    for (size_t i = 0; i < m->subjects && i < 4 && m->s[i].id; i++) {
        cbor_put_array(&b, 6);
        cbor_put_str(&b, m->s[i].id);
        cbor_put_uint(&b, m->s[i].count);
        cbor_put_uint(&b, m->s[i].last);
        cbor_put_bytes(&b, slice_of(zeros, 32));
        cbor_put_uint(&b, 1);
        if (!m->s[i].open) {
            cbor_put_null(&b);
            continue;
        }
        cbor_put_array(&b, 2);
        cbor_put_uint(&b, m->s[i].session);
        cose_ec2_put(&b, &point);
    }
    tl_err err = read_back(buf_slice(&b), FAKE_ORIGIN, 3);
    sign_key_free(&key);
    buf_finish(&b);
    return err;
}

static void test_states_that_cannot_be(void **state)
{
    (void)state;
    struct made m = sound;
    assert_ok(try_made(&m));
#define REFUSES(change)                                                                            \
    m = sound;                                                                                     \
    change;                                                                                        \
    assert_err(try_made(&m), TL_E_STORED)
    REFUSES(m.version = 0);
    REFUSES(m.boots = 4);
    REFUSES(m.recent = 8);
    REFUSES(m.recent = 16);
    REFUSES(m.subjects = 0);
    REFUSES(m.subjects = 1);                                      /* the sum */
    REFUSES((m.subjects = 3, m.s[2].id = "a", m.s[2].count = 1)); /* and the sum would fit */
    REFUSES((m.s[0].id = "a", m.s[1].id = FAKE_ORIGIN));
    REFUSES(m.s[1].id = FAKE_ORIGIN);
    REFUSES(m.s[1].id = "a b");
    REFUSES(m.s[1].id = "");
    REFUSES(m.s[1].count = 3);
    REFUSES(m.s[1].count = 1);
    REFUSES((m.s[0].count = 3, m.s[0].last = 2, m.s[1].count = 0));
    REFUSES(m.s[1].last = 3);
    REFUSES(m.s[1].last = 0); /* two up to index 0 */
    REFUSES(m.s[1].session = 3);
    REFUSES(m.s[0].open = false);
#undef REFUSES
    /* The same agent twice, and every other number as it has to be. */
    m = (struct made){
        .version = 1,
        .boots = 1,
        .subjects = 3,
        .recent = 12,
        .s = {{FAKE_ORIGIN, 1, 0, 0, true}, {"a", 1, 1, 1, true}, {"a", 1, 2, 1, true}}};
    assert_err(try_made(&m), TL_E_STORED);
    m.s[2].id = "b";
    assert_ok(try_made(&m));
    m = sound;
    m.subjects = FOLLOW_SUBJECTS_MAX + 1;
    assert_err(try_made(&m), TL_E_STORED);
}

/* ---- bounds ---- */

static void test_far_refs(void **state)
{
    (void)state;
    struct fakelog *log = fakelog_new(FAKE_ORIGIN);
    struct follow_totals t;
    fakelog_boot(log);
    fakelog_session(log, "a");
    fakelog_session(log, "b");
    for (size_t i = log->count; i < FOLLOW_RECENT + 1; i++)
        fakelog_record(log, "b", "between");
    /* Index 1 is as far back as is known; then too far for whose it is to be. */
    fakelog_answer(log, "a", "near", 1);
    fakelog_answer(log, "a", "far", 1);
    fakelog_answer(log, "a", "of another, and too far to see", 2);
    struct follow *f = begin(2);
    assert_ok(feed(f, log, 0, log->count));
    follow_totals(f, &t);
    assert_int_equal(t.refs_unseen, 2);
    struct follow *g = again(f, log->count);
    size_t n = log->count;
    fakelog_answer(log, "a", "near, of the other", n - FOLLOW_RECENT + 1);
    assert_err(feed(g, log, n, log->count), VERDICT);
    expect_failed(g, "order", n);
    follow_free(g);
    follow_free(f);
    fakelog_free(log);
}

/* A state with so many subjects, who said one thing each. */
static void put_full(buf *b, unsigned subjects)
{
    static const uint8_t zeros[4 * FOLLOW_RECENT];
    struct sign_key key;
    struct cose_ec2 point;
    char id[16];
    assert_ok(sign_key_generate(&key, COSE_ES256));
    sign_key_point(&key, &point);
    cbor_put_array(b, 9);
    cbor_put_uint(b, 1);
    for (int i = 0; i < 6; i++)
        cbor_put_uint(b, 1);
    cbor_put_bytes(b, slice_of(zeros, sizeof zeros));
    cbor_put_array(b, subjects);
    for (unsigned i = 0; i < subjects; i++) {
        snprintf(id, sizeof id, "agent-%u", i);
        cbor_put_array(b, 6);
        cbor_put_str(b, i ? id : FAKE_ORIGIN);
        cbor_put_uint(b, 1);
        cbor_put_uint(b, i);
        cbor_put_bytes(b, slice_of(zeros, 32));
        cbor_put_uint(b, 1);
        cbor_put_array(b, 2);
        cbor_put_uint(b, i);
        cose_ec2_put(b, &point);
    }
    sign_key_free(&key);
    assert_ok(buf_err(b));
}

static void at_the_end(void *ctx, enum fake_point point, struct fake_step *s)
{
    (void)ctx;
    if (point == FAKE_HEADER && s->st.kind == ST_SESSION)
        s->st.session = FOLLOW_SUBJECTS_MAX;
}

static void test_many_subjects(void **state)
{
    (void)state;
    struct fakelog *log = fakelog_new(FAKE_ORIGIN);
    struct follow *f = NULL;
    buf b;
    buf_init(&b, FOLLOW_STATE_MAX);
    put_full(&b, FOLLOW_SUBJECTS_MAX + 1);
    assert_err(read_back(buf_slice(&b), FAKE_ORIGIN, FOLLOW_SUBJECTS_MAX + 1), TL_E_STORED);
    buf_reset(&b);
    put_full(&b, FOLLOW_SUBJECTS_MAX);
    log->hook = at_the_end;
    fakelog_boot(log);
    fakelog_session(log, "another");
    assert_ok(follow_read(&f, buf_slice(&b), slice_str(FAKE_ORIGIN), FOLLOW_SUBJECTS_MAX, 1));
    assert_err(follow_leaf(f, log->leaves[1].statement), VERDICT);
    expect_failed(f, "statement", FOLLOW_SUBJECTS_MAX);
    follow_free(f);
    buf_finish(&b);
    fakelog_free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),
        cmocka_unit_test(test_defects),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_closed),
        cmocka_unit_test(test_goes_on),
        cmocka_unit_test(test_goes_on_watching),
        cmocka_unit_test(test_state_is_not_believed),
        cmocka_unit_test(test_states_that_cannot_be),
        cmocka_unit_test(test_far_refs),
        cmocka_unit_test(test_many_subjects),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
