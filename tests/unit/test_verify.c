/* The verifier on sound logs, and on logs with one deep defect each: signed,
 * hashed and quoted as if all were well. */
#include "testlib.h"

#include "fakecase.h"

static struct fakelog *good; /* unaltered, and the policy that pins it */
static struct teelog_policy *pinned;

static int set_up(void **state)
{
    (void)state;
    good = fake_case_log(NULL, NULL);
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

static void run(const struct fake_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fake_case_run(&cases[i], pinned);
}
#define RUN(cases) run(cases, sizeof(cases) / sizeof(cases)[0])

static void test_sound(void **state)
{
    (void)state;
    for (int scope = SCOPE_WHOLE; scope <= SCOPE_RECORDS; scope++) {
        struct fake_bundle *b = fake_case_bundle(good, (enum bundle_scope)scope);
        expect_verdict(fake_verify(b, pinned), TEELOG_TRUSTED);
        expect_verdict(fake_verify(b, NULL), TEELOG_UNPINNED);
        fake_bundle_free(b);
    }
}

/* statement */

static void other_origin(struct fake_step *s)
{
    s->st.origin = slice_str("example.org/other");
}

static void subject_is_origin(struct fake_step *s)
{
    s->st.subject = slice_str(FAKE_ORIGIN);
}

static void test_statement(void **state)
{
    (void)state;
    static const struct fake_case cases[] = {
        {"another log's record", 5, FAKE_HEADER, other_origin, "statement", EVERY, 0},
        {"an agent named as the origin", 10, FAKE_HEADER, subject_is_origin, "statement", EVERY, 0},
    };
    RUN(cases);
}

/* body */

static void body_junk(struct fake_step *s)
{
    s->body = slice_str("\xa1\x18\x63\x01"); /* {99: 1} */
}

static void key_of_other_curve(struct fake_step *s)
{
    s->boot.service.curve = COSE_SECP256K1;
}

static void note_in_second_boot(struct fake_step *s)
{
    s->boot.old_note = slice_str("note");
}

static void test_body(void **state)
{
    (void)state;
    static const struct fake_case cases[] = {
        {"a genesis", 0, FAKE_BODY, body_junk, "body", EVERY, 0},
        {"a boot", 9, FAKE_BODY, body_junk, "body", EVERY, 0},
        {"a session", 10, FAKE_BODY, body_junk, "body", EVERY, 0},
        {"a record", 5, FAKE_BODY, body_junk, "body", EVERY, 0},
        {"heads", 6, FAKE_BODY, body_junk, "body", WHOLE | CHAIN, 0},
        {"an end", 7, FAKE_BODY, body_junk, "body", WHOLE | CHAIN, 0},
        {"an erasure", 8, FAKE_BODY, body_junk, "body", WHOLE | CHAIN, 0},
        {"a service key of another curve", 9, FAKE_FIELDS, key_of_other_curve, "body", EVERY, 0},
        {"an old note, not in a genesis", 9, FAKE_FIELDS, note_in_second_boot, "body", EVERY, 0},
    };
    RUN(cases);
}

/* role and signature */

static void sign_as(struct fake_step *s, const char *subject)
{
    s->key = fake_current->subjects[fakelog_subject(fake_current, subject)].key;
    s->st.kid = fake_kid(&s->key);
}

static void signed_by_service(struct fake_step *s)
{
    sign_as(s, FAKE_ORIGIN);
}

static void signed_by_a(struct fake_step *s)
{
    sign_as(s, "a");
}

static void signed_by_b(struct fake_step *s)
{
    sign_as(s, "b");
}

static void other_kid(struct fake_step *s)
{
    s->st.kid.b[31] ^= 1;
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

static void other_key(struct fake_step *s)
{
    s->key = fake_current->subjects[fakelog_subject(fake_current, "b")].key;
}

/* What is in the place of the signature's r, resp. s. */
static void put_number(struct fake_step *s, size_t at, const char *hex)
{
    size_t n;
    uint8_t *p = test_hex(hex, &n);
    memcpy(s->st.signature + at, p, n);
    free(p);
}

#define ORDER_K "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
#define ORDER_P "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"

static void r_zero(struct fake_step *s)
{
    memset(s->st.signature, 0, 32);
}

static void s_zero(struct fake_step *s)
{
    memset(s->st.signature + 32, 0, 32);
}

static void r_order(struct fake_step *s)
{
    put_number(s, 0, ORDER_K);
}

static void s_order(struct fake_step *s)
{
    put_number(s, 32, ORDER_K);
}

/* n - s for s: the other form of the same signature. */
static void other_form(struct fake_step *s, const char *order)
{
    size_t n;
    uint8_t *minuend = test_hex(order, &n), *p = s->st.signature + 32;
    int borrow = 0;
    for (size_t i = n; i-- > 0;) {
        int d = minuend[i] - p[i] - borrow;
        borrow = d < 0;
        p[i] = (uint8_t)(d & 255);
    }
    free(minuend);
}

static void high_s(struct fake_step *s)
{
    other_form(s, ORDER_K);
}

static void other_s(struct fake_step *s)
{
    other_form(s, ORDER_P);
}

static void signature_bit(struct fake_step *s)
{
    s->st.signature[63] ^= 1;
}

static void test_role(void **state)
{
    (void)state;
    static const struct fake_case cases[] = {
        {"a record by the service key", 5, FAKE_HEADER, signed_by_service, "role", EVERY, 0},
        {"a record by another agent", 5, FAKE_HEADER, signed_by_b, "role", EVERY, 0},
        {"an end by the service key", 7, FAKE_HEADER, signed_by_service, "role", WHOLE | CHAIN, 0},
        {"heads by an agent", 6, FAKE_HEADER, signed_by_a, "role", WHOLE | CHAIN, 0},
        {"an erasure by an agent", 8, FAKE_HEADER, signed_by_a, "role", WHOLE | CHAIN, 0},
        {"a boot by an agent", 9, FAKE_HEADER, signed_by_a, "role", EVERY, 0},
        {"a session by the service key", 10, FAKE_HEADER, signed_by_service, "role", EVERY, 0},
        {"another kid", 11, FAKE_HEADER, other_kid, "role", EVERY, 0},
        {"another kid in the genesis", 0, FAKE_HEADER, other_kid, "role", EVERY, 0},
        {"ES256K with a P-256 key", 5, FAKE_HEADER, alg_es256k, "role", EVERY, 0},
        {"ES256K in a session with a P-256 key", 1, FAKE_FIELDS, alg_es256k, "role", EVERY, 0},
        {"ES256 with a secp256k1 key", 11, FAKE_HEADER, alg_es256, "role", EVERY, 0},
        {"the same by its other name", 11, FAKE_HEADER, alg_p256, "role", EVERY, 0},
        {"ES256 in a session with a secp256k1 key", 10, FAKE_FIELDS, alg_es256, "role", EVERY, 0},
        {"the same by its other name", 10, FAKE_FIELDS, alg_p256, "role", EVERY, 0},
        {"ES256K in a boot", 9, FAKE_FIELDS, alg_es256k, "statement", EVERY, 0},
        {"ES256K in heads", 6, FAKE_HEADER, alg_es256k, "statement", WHOLE | CHAIN, 0},
        {"ES256K in an erasure", 8, FAKE_HEADER, alg_es256k, "statement", WHOLE | CHAIN, 0},
        {"ES256 by its other name", 5, FAKE_HEADER, alg_p256, NULL, EVERY, 0},
        {"the same in a session", 1, FAKE_FIELDS, alg_p256, NULL, EVERY, 0},
        {"the same in a boot", 9, FAKE_FIELDS, alg_p256, NULL, EVERY, 0},
        {"another key's signature", 5, FAKE_HEADER, other_key, "signature", EVERY, 0},
        {"a boot's signature", 9, FAKE_SIGNED, signature_bit, "signature", EVERY, 0},
        {"a session's signature", 10, FAKE_SIGNED, signature_bit, "signature", EVERY, 0},
        {"a record's signature", 11, FAKE_SIGNED, signature_bit, "signature", EVERY, 0},
        {"the last signature", 12, FAKE_SIGNED, signature_bit, "signature", WHOLE | CHAIN, 0},
    };
    RUN(cases);
}

/* Of the two forms of an ES256K signature one is taken; ES256 has no such rule. */
static void test_numbers(void **state)
{
    (void)state;
    static const struct fake_case cases[] = {
        {"s in its upper half", 11, FAKE_SIGNED, high_s, "signature", EVERY, 0},
        {"the same of a session", 10, FAKE_SIGNED, high_s, "signature", EVERY, 0},
        {"r = 0", 11, FAKE_SIGNED, r_zero, "signature", EVERY, 0},
        {"s = 0", 11, FAKE_SIGNED, s_zero, "signature", EVERY, 0},
        {"r = n", 11, FAKE_SIGNED, r_order, "signature", EVERY, 0},
        {"s = n", 11, FAKE_SIGNED, s_order, "signature", EVERY, 0},
        {"the other form of an ES256 signature", 5, FAKE_SIGNED, other_s, NULL, EVERY, 0},
    };
    RUN(cases);
}

/* order and chain */

static void seq_again(struct fake_step *s)
{
    s->st.seq--;
}

static void seq_skipped(struct fake_step *s)
{
    s->st.seq++;
}

static void seq_zero(struct fake_step *s)
{
    s->st.seq = 0;
    s->st.has_prev = false;
}

static void seq_huge(struct fake_step *s)
{
    s->st.seq = 12;
}

static void time_back(struct fake_step *s)
{
    s->st.time_ms -= 1000;
}

static void time_same(struct fake_step *s)
{
    s->st.time_ms--;
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

static void ref_other_agent(struct fake_step *s)
{
    s->st.ref = 4;
}

static void ref_session(struct fake_step *s)
{
    s->st.ref = 1;
}

static void erases_itself(struct fake_step *s)
{
    s->erased[0] = s->index;
}

static void erases_later(struct fake_step *s)
{
    s->erased[s->erased_count++] = s->index + 1;
}

static void erases_session(struct fake_step *s)
{
    s->erased[0] = 1;
}

static void prev_other(struct fake_step *s)
{
    s->st.prev.b[0] ^= 1;
}

static void test_order(void **state)
{
    (void)state;
    static const struct fake_case cases[] = {
        {"a seq twice", 5, FAKE_HEADER, seq_again, "order", WHOLE | CHAIN, 0},
        {"a seq twice", 11, FAKE_HEADER, seq_again, "order", EVERY, 0},
        {"a seq skipped", 5, FAKE_HEADER, seq_skipped, "order", WHOLE | CHAIN, 0},
        {"seq 0 in a second session", 10, FAKE_HEADER, seq_zero, "order", EVERY, 0},
        {"seq 0 in a second boot", 9, FAKE_HEADER, seq_zero, "order", EVERY, 0},
        {"a seq that nothing leaves room for", 11, FAKE_HEADER, seq_huge, "order", EVERY, 0},
        {"the origin's seq", 12, FAKE_HEADER, seq_skipped, "order", WHOLE | CHAIN, 0},
        {"time going back", 5, FAKE_HEADER, time_back, "order", EVERY, 0},
        {"time going back in a boot", 9, FAKE_HEADER, time_back, "order", EVERY, 0},
        {"time standing still", 5, FAKE_HEADER, time_same, NULL, EVERY, 0},
        {"a ref to itself", 5, FAKE_HEADER, ref_self, "order", EVERY, 0},
        {"a ref to what comes later", 5, FAKE_HEADER, ref_later, "order", EVERY, 0},
        {"a ref to a boot", 5, FAKE_HEADER, ref_boot, "order", EVERY, 0},
        {"a ref to another agent's", 5, FAKE_HEADER, ref_other_agent, "order", WHOLE | CHAIN, 0},
        {"a ref to its own session", 5, FAKE_HEADER, ref_session, NULL, EVERY, 0},
        {"an erasure of itself", 8, FAKE_FIELDS, erases_itself, "order", WHOLE | CHAIN, 0},
        {"an erasure of what comes later", 8, FAKE_FIELDS, erases_later, "order", WHOLE | CHAIN, 0},
        {"an erasure of a session", 8, FAKE_FIELDS, erases_session, "order", WHOLE | CHAIN, 0},
        {"another prev", 5, FAKE_HEADER, prev_other, "chain", WHOLE | CHAIN, 0},
        {"another prev", 11, FAKE_HEADER, prev_other, "chain", EVERY, 0},
        {"another prev in a boot", 9, FAKE_HEADER, prev_other, "chain", WHOLE | CHAIN, 0},
    };
    RUN(cases);
}

/* session and boot */

static void session_0(struct fake_step *s)
{
    s->st.session = 0;
}

static void session_1(struct fake_step *s)
{
    s->st.session = 1;
}

static void session_later(struct fake_step *s)
{
    s->st.session = 11;
}

static void boot_0(struct fake_step *s)
{
    s->session.boot = 0;
    s->boot_leaf = fake_current->hashes[0];
}

static void boot_is_session(struct fake_step *s)
{
    s->session.boot = 1;
    s->boot_leaf = fake_current->hashes[1];
}

static void tree_too_large(struct fake_step *s)
{
    s->session.size = s->index + 1;
}

static void tree_before(struct fake_step *s)
{
    struct merkle_leaves leaves = {fake_current->hashes, fake_current->count};
    const struct merkle_nodes nodes = {merkle_leaves_get, &leaves};
    s->session.size = s->index - 1; /* greater than the boot's index */
    assert_ok(merkle_root(&nodes, s->session.size, &s->session.root));
}

static void agent_off_curve(struct fake_step *s)
{
    s->session.agent.y[31] ^= 1;
}

/* Good points, of the other curve than the one that is named. */
static void agent_on(struct fake_step *s, enum cose_alg alg)
{
    enum cose_curve named = s->session.agent.curve;
    struct sign_key key;
    assert_ok(sign_key_generate(&key, alg));
    sign_key_point(&key, &s->session.agent);
    s->session.agent.curve = named;
    sign_key_free(&key);
}

static void agent_on_p256(struct fake_step *s)
{
    agent_on(s, COSE_ES256);
}

static void agent_on_k256(struct fake_step *s)
{
    agent_on(s, COSE_ES256K);
}

static void service_off_curve(struct fake_step *s)
{
    s->boot.service.y[31] ^= 1;
}

static void size_other(struct fake_step *s)
{
    s->boot.size = s->boot.heads.size = s->index - 1;
}

static void log_id_other(struct fake_step *s)
{
    s->boot.log_id.b[0] ^= 1;
}

static struct note_key key_named(const char *name, uint8_t seed_byte, slice *text)
{
    struct note_key key;
    uint8_t public_key[32], seed[32] = {seed_byte};
    buf b;
    ed25519_public(seed, public_key);
    assert_ok(note_key_make(&key, slice_str(name), public_key));
    buf_init(&b, 400);
    note_key_put(&b, &key);
    *text = fake_keep(buf_slice(&b));
    buf_finish(&b);
    return key;
}

static void log_key_other(struct fake_step *s)
{
    s->boot.key = key_named(FAKE_ORIGIN, 7, &s->boot.log_key);
}

static void log_key_other_name(struct fake_step *s)
{
    struct note_key same = s->boot.key;
    buf b;
    assert_ok(note_key_make(&s->boot.key, slice_str("example.org/other"), same.public_key));
    buf_init(&b, 400);
    note_key_put(&b, &s->boot.key);
    s->boot.log_key = fake_keep(buf_slice(&b));
    buf_finish(&b);
}

static void platform_other(struct fake_step *s)
{
    s->boot.config.platform = slice_str("sgx-gramine");
}

static void platform_empty(struct fake_step *s)
{
    s->boot.config.platform = slice_str("");
}

static void test_session(void **state)
{
    (void)state;
    static const struct fake_case cases[] = {
        {"a record of a former session", 11, FAKE_HEADER, session_1, "session", EVERY, 0},
        {"a record of a later session", 5, FAKE_HEADER, session_later, "session", EVERY, 0},
        {"a record of a boot", 5, FAKE_HEADER, session_0, "session", EVERY, 0},
        {"heads of a former boot", 12, FAKE_HEADER, session_0, "session", WHOLE | CHAIN, 0},
        {"a boot of a former boot", 9, FAKE_HEADER, session_0, "session", EVERY, 0},
        {"a session of a former session", 10, FAKE_HEADER, session_1, "session", EVERY, 0},
        {"a session of a former boot", 10, FAKE_FIELDS, boot_0, "session", EVERY, 0},
        {"a session of a session", 10, FAKE_FIELDS, boot_is_session, "session", EVERY, 0},
        {"a tree larger than the index", 10, FAKE_FIELDS, tree_too_large, "session", EVERY, 0},
        {"a smaller tree", 3, FAKE_FIELDS, tree_before, NULL, WHOLE, 0},
        {"a key off secp256k1", 10, FAKE_FIELDS, agent_off_curve, "session", EVERY, 0},
        {"a key off P-256", 1, FAKE_FIELDS, agent_off_curve, "session", EVERY, 0},
        {"a P-256 key on secp256k1", 10, FAKE_FIELDS, agent_on_p256, "session", EVERY, 0},
        {"a secp256k1 key on P-256", 1, FAKE_FIELDS, agent_on_k256, "session", EVERY, 0},
    };
    RUN(cases);
}

static void test_boot(void **state)
{
    (void)state;
    static const struct fake_case cases[] = {
        {"a size other than its index", 9, FAKE_FIELDS, size_other, "boot", EVERY, 0},
        {"another log_id", 9, FAKE_FIELDS, log_id_other, "boot", EVERY, 0},
        {"another log key", 9, FAKE_FIELDS, log_key_other, "boot", EVERY, 0},
        {"the log key by another name", 0, FAKE_FIELDS, log_key_other_name, "boot", EVERY, 0},
        {"a key off the curve", 9, FAKE_FIELDS, service_off_curve, "boot", EVERY, 0},
        {"another platform in the configuration", 9, FAKE_FIELDS, platform_other, "boot", EVERY, 0},
        {"no platform in the configuration", 9, FAKE_FIELDS, platform_empty, "boot", EVERY, 0},
        {"a genesis with another log key", 0, FAKE_FIELDS, log_key_other, "checkpoint", EVERY, 0},
    };
    RUN(cases);
}

/* A statement after its session was closed, in each of the three ways. */
static void test_closed_session(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        struct fakelog *f = fakelog_new(FAKE_ORIGIN);
        fakelog_boot(f);
        fakelog_session(f, "a"); /* 1 */
        fakelog_record(f, "a", "in time");
        struct fake_subject old = f->subjects[1];
        old.key = sign_key_ref(&old.key);
        if (way == 0)
            fakelog_end(f, "a");
        else if (way == 1)
            fakelog_boot(f);
        else
            fakelog_session(f, "a");
        sign_key_free(&f->subjects[1].key);
        f->subjects[1].key = old.key;
        f->subjects[1].session = old.session;
        fakelog_record(f, "a", "too late"); /* 4 */
        struct fake_bundle *whole = fakelog_export(f, SCOPE_WHOLE, NULL, NULL, 0);
        struct fake_bundle *chain = fakelog_export(f, SCOPE_CHAIN, "a", NULL, 0);
        const uint64_t picks[] = {0, 3, 4};
        struct fake_bundle *records = fakelog_export(f, SCOPE_RECORDS, NULL, picks, 3);
        expect_failure(fake_verify(whole, pinned), "session", 4);
        expect_failure(fake_verify(chain, pinned), "session", 4);
        expect_failure(fake_verify(records, pinned), "session", 4);
        fake_bundle_free(whole);
        fake_bundle_free(chain);
        fake_bundle_free(records);
        fakelog_free(f);
    }
}

/* A log that does not begin with a boot. */
static void test_genesis(void **state)
{
    (void)state;
    struct fakelog *f = fakelog_new(FAKE_ORIGIN);
    assert_ok(sign_key_generate(&f->subjects[0].key, COSE_ES256));
    fakelog_heads(f);
    fakelog_boot(f);
    fakelog_session(f, "a");
    struct fake_bundle *b = fakelog_export(f, SCOPE_WHOLE, NULL, NULL, 0);
    expect_failure(fake_verify(b, pinned), "boot", 0);
    fake_bundle_free(b);
    fakelog_free(f);
    /* The same, where the bundle leaves leaf 0 out. */
    f = fakelog_new(FAKE_ORIGIN);
    fakelog_session(f, "b");
    fakelog_boot(f);
    fakelog_session(f, "a");
    fakelog_record(f, "a", "one");
    b = fakelog_export(f, SCOPE_CHAIN, "a", NULL, 0);
    expect_failure(fake_verify(b, pinned), "boot", 0);
    fake_bundle_free(b);
    fakelog_free(f);
}

/* consistency and heads */

static void boot_root(struct fake_step *s)
{
    s->boot.root.b[5] ^= 1;
}

static void session_root(struct fake_step *s)
{
    s->session.root.b[5] ^= 1;
}

/* The size that session a names at 1, with another root. */
static void root_of_known_size(struct fake_step *s)
{
    s->session.size = 1;
}

static void heads_root(struct fake_step *s)
{
    s->heads.root.b[0] ^= 1;
}

static void heads_n(struct fake_step *s)
{
    s->heads.n++;
}

static void heads_later(struct fake_step *s)
{
    s->heads.size++;
}

static void heads_earlier(struct fake_step *s)
{
    s->heads.size--;
    s->heads.root.b[0] ^= 1; /* nothing relies on it */
}

static void boot_heads_root(struct fake_step *s)
{
    s->boot.heads.root.b[0] ^= 1;
}

static void boot_heads_n(struct fake_step *s)
{
    s->boot.heads.n = 9;
}

static void test_trees(void **state)
{
    (void)state;
    static const struct fake_case cases[] = {
        {"a boot's root", 9, FAKE_FIELDS, boot_root, "consistency", EVERY, 0},
        {"a genesis's root", 0, FAKE_FIELDS, boot_root, "consistency", EVERY, 0},
        {"a session's root", 10, FAKE_FIELDS, session_root, "consistency", EVERY, 0},
        {"two roots for one size", 3, FAKE_FIELDS, root_of_known_size, "consistency", WHOLE, 0},
        {"the root of heads", 6, FAKE_FIELDS, heads_root, "heads", WHOLE, 0},
        {"the number of heads", 6, FAKE_FIELDS, heads_n, "heads", WHOLE, 0},
        {"heads of the future", 6, FAKE_FIELDS, heads_later, "heads", WHOLE | CHAIN, 0},
        {"heads of the past", 6, FAKE_FIELDS, heads_earlier, NULL, WHOLE | CHAIN, 0},
        {"the root of a boot's heads", 9, FAKE_FIELDS, boot_heads_root, "heads", WHOLE, 0},
        {"the number of a boot's heads", 9, FAKE_FIELDS, boot_heads_n, "heads", WHOLE, 0},
        {"the number of a genesis's heads", 0, FAKE_FIELDS, boot_heads_n, "heads", WHOLE, 0},
        {"heads that a chain relies on", 12, FAKE_FIELDS, heads_root, "heads", CHAIN, 0},
        {"a chain that ends with heads of the past", 12, FAKE_FIELDS, heads_earlier, "heads", CHAIN,
         UINT64_MAX},
    };
    RUN(cases);
}

/* evidence, genuine and binding */

static void evidence_other(struct fake_step *s)
{
    s->boot.evidence.b[0] ^= 1;
    s->session.evidence.b[0] ^= 1;
}

static void evidence_of_first_session(struct fake_step *s)
{
    s->session.evidence = fake_current->leaves[1].evidence;
}

static void evidence_of_other_agent(struct fake_step *s)
{
    s->session.evidence = fake_current->leaves[3].evidence;
}

static void evidence_of_first_boot(struct fake_step *s)
{
    s->boot.evidence = fake_current->leaves[0].evidence;
    s->session.evidence = fake_current->leaves[0].evidence;
}

static void quote_bit(struct fake_step *s)
{
    slice copy = fake_keep(s->evidence.quote);
    ((uint8_t *)(uintptr_t)copy.p)[600] ^= 1;
    s->evidence.quote = copy;
}

static void quote_short(struct fake_step *s)
{
    s->evidence.quote.n -= 40;
}

static void platform_sgx(struct fake_step *s)
{
    s->evidence.platform = slice_str("sgx-gramine");
}

static void platform_unknown(struct fake_step *s)
{
    s->evidence.platform = slice_str("abacus");
}

static void event_log(struct fake_step *s)
{
    s->evidence.event_log = slice_str("log");
}

static void data_first(struct fake_step *s)
{
    s->report_data[0] ^= 0x80;
}

static void data_last(struct fake_step *s)
{
    s->report_data[63] ^= 1;
}

static void after_boot_id(struct fake_step *s)
{
    s->boot.boot_id.b[31] ^= 1;
}

static void after_root(struct fake_step *s)
{
    s->boot.root.b[31] ^= 1;
    s->session.root.b[31] ^= 1;
}

static void after_config(struct fake_step *s)
{
    s->boot.config.bodies_public = true;
}

static void after_admissions(struct fake_step *s)
{
    s->boot.config.admissions |= 1 << ADMISSION_BEARER;
}

static void after_service(struct fake_step *s)
{
    struct sign_key key; /* another one, on the curve */
    assert_ok(sign_key_generate(&key, s->key.alg));
    sign_key_point(&key, &s->boot.service);
    sign_key_point(&key, &s->session.agent);
    sign_key_free(&key);
}

static void after_log_key(struct fake_step *s)
{
    s->boot.key = key_named(FAKE_ORIGIN, 9, &s->boot.log_key);
}

static void after_log_id(struct fake_step *s)
{
    s->boot.log_id.b[31] ^= 1;
}

static void after_size(struct fake_step *s)
{
    s->session.size--;
}

static void after_agent(struct fake_step *s)
{
    s->st.subject = slice_str("c");
    s->st.seq = 0;
    s->st.has_prev = false;
}

static void after_alg(struct fake_step *s)
{
    s->st.alg = COSE_ES256_P256;
}

static void other_boot_leaf(struct fake_step *s)
{
    s->boot_leaf = fake_current->hashes[0];
}

static void test_evidence(void **state)
{
    (void)state;
    static const struct fake_case cases[] = {
        {"a digest of nothing", 9, FAKE_MEMBERS, evidence_other, "evidence", EVERY, 0},
        {"a digest of nothing in a session", 10, FAKE_MEMBERS, evidence_other, "evidence", EVERY,
         0},
        {"a former session's quote", 10, FAKE_MEMBERS, evidence_of_first_session, "binding", EVERY,
         0},
        {"another agent's quote", 10, FAKE_MEMBERS, evidence_of_other_agent, "binding", WHOLE, 0},
        {"a former boot's quote", 9, FAKE_MEMBERS, evidence_of_first_boot, "binding", EVERY, 0},
        {"a boot's quote in a session", 10, FAKE_MEMBERS, evidence_of_first_boot, "binding", EVERY,
         0},
        {"a quote's signature", 10, FAKE_EVIDENCE, quote_bit, "genuine", EVERY, 0},
        {"a quote cut short", 9, FAKE_EVIDENCE, quote_short, "genuine", EVERY, 0},
        {"hardware that this version cannot check", 10, FAKE_EVIDENCE, platform_sgx, "genuine",
         EVERY, 0},
        {"an unknown platform", 10, FAKE_EVIDENCE, platform_unknown, "genuine", EVERY, 0},
        {"an event log", 10, FAKE_EVIDENCE, event_log, "genuine", EVERY, 0},
        {"the first byte of report data", 9, FAKE_BINDING, data_first, "binding", EVERY, 0},
        {"the last byte of report data", 9, FAKE_BINDING, data_last, "binding", EVERY, 0},
        {"the first byte, in a session", 10, FAKE_BINDING, data_first, "binding", EVERY, 0},
        {"the last byte, in a session", 10, FAKE_BINDING, data_last, "binding", EVERY, 0},
        {"boot_id", 9, FAKE_MEMBERS, after_boot_id, "binding", EVERY, 0},
        {"root", 9, FAKE_MEMBERS, after_root, "binding", EVERY, 0},
        {"root of a session", 10, FAKE_MEMBERS, after_root, "binding", EVERY, 0},
        {"size of a session", 3, FAKE_MEMBERS, after_size, "binding", WHOLE, 0},
        {"configuration", 9, FAKE_MEMBERS, after_config, "binding", EVERY, 0},
        {"admissions", 9, FAKE_MEMBERS, after_admissions, "binding", EVERY, 0},
        {"service key", 9, FAKE_MEMBERS, after_service, "binding", EVERY, 0},
        {"agent key", 10, FAKE_MEMBERS, after_service, "binding", EVERY, 0},
        {"agent id", 10, FAKE_HEADER, after_agent, "binding", WHOLE | RECORDS, 0},
        {"algorithm", 10, FAKE_HEADER, after_alg, "binding", EVERY, 0},
        {"another boot's leaf", 10, FAKE_FIELDS, other_boot_leaf, "binding", EVERY, 0},
        {"log_id in a genesis", 0, FAKE_MEMBERS, after_log_id, "binding", EVERY, 0},
        {"log key in a genesis", 0, FAKE_MEMBERS, after_log_key, "checkpoint", EVERY, 0},
    };
    RUN(cases);
}

/* A session that takes the former one's key and quote again. */
static void reuse_key(void *ctx, enum fake_point point, struct fake_step *s)
{
    struct fake_step *first = ctx;
    if (s->index == 1 && point == FAKE_HEADER) {
        *first = *s;
        first->key = sign_key_ref(&s->key);
    }
    if (s->index != 2)
        return;
    if (point == FAKE_FIELDS || point == FAKE_MEMBERS)
        s->session = first->session;
    if (point == FAKE_HEADER) {
        s->key = first->key;
        s->st.kid = first->st.kid;
    }
}

static void test_reused_key(void **state)
{
    (void)state;
    struct fake_step first = {0};
    struct fakelog *f = fakelog_new(FAKE_ORIGIN);
    f->hook = reuse_key;
    f->hook_ctx = &first;
    fakelog_boot(f);
    fakelog_session(f, "a");
    fakelog_session(f, "a");
    f->evidence_count = 2; /* the second session's own is named by nobody */
    f->leaves[2].evidence = f->leaves[1].evidence;
    f->leaves[2].size = f->leaves[1].size;
    struct fake_bundle *b = fakelog_export(f, SCOPE_WHOLE, NULL, NULL, 0);
    expect_failure(fake_verify(b, NULL), "evidence", 2);
    fake_bundle_free(b);
    fakelog_free(f);
    sign_key_free(&first.key);
}

static void swap_log_key(void *ctx, enum fake_point point, struct fake_step *s)
{
    (void)ctx;
    if (point == FAKE_MEMBERS)
        after_log_key(s);
}

/* A genuine quote for a genesis that names another log key, with a checkpoint
 * signed under that key: nothing but the binding stands against it. */
static void test_stolen_quote(void **state)
{
    (void)state;
    slice text;
    const uint8_t seed[32] = {9};
    struct fakelog *f = fakelog_new(FAKE_ORIGIN);
    f->hook = swap_log_key;
    fakelog_boot(f);
    f->log_key = key_named(FAKE_ORIGIN, 9, &text);
    memcpy(f->seed, seed, sizeof seed);
    struct fake_bundle *b = fakelog_export(f, SCOPE_WHOLE, NULL, NULL, 0);
    expect_failure(fake_verify(b, NULL), "binding", 0);
    fake_bundle_free(b);
    fakelog_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),          cmocka_unit_test(test_statement),
        cmocka_unit_test(test_body),           cmocka_unit_test(test_role),
        cmocka_unit_test(test_numbers),        cmocka_unit_test(test_order),
        cmocka_unit_test(test_session),        cmocka_unit_test(test_boot),
        cmocka_unit_test(test_closed_session), cmocka_unit_test(test_genesis),
        cmocka_unit_test(test_trees),          cmocka_unit_test(test_evidence),
        cmocka_unit_test(test_stolen_quote),   cmocka_unit_test(test_reused_key),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
