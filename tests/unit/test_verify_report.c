/* What is said of a bundle: verdicts under policies of every kind, the JSON and
 * the text, and the policy that pins what was seen. */
#include "testlib.h"

#include "fakecase.h"

#include <jansson.h>
#include <time.h>

/* Evidence of hardware cannot be made here, so that its checking is stood in
 * for: simulated evidence passes as SGX where a test says so. */
static unsigned as_sgx; /* bit i: the i-th evidence checked */
static unsigned checked;
static unsigned vary; /* how many codes to show */
static bool no_memory;

void __real_evidence_verify(struct evidence_report *out, const struct evidence *e, slice collateral,
                            const struct evidence_context *context);
void __wrap_evidence_verify(struct evidence_report *out, const struct evidence *e, slice collateral,
                            const struct evidence_context *context);

/* The rule about code, for codes that were never quoted. */
static bool names(const struct policy *p, const uint8_t *mrenclave)
{
    const struct measurement_list *list = &p->evidence[0].mrenclave;
    for (size_t i = 0; i < list->count; i++)
        if (memcmp(list->bytes + 32 * i, mrenclave, 32) == 0)
            return true;
    return false;
}

void __wrap_evidence_verify(struct evidence_report *out, const struct evidence *e, slice collateral,
                            const struct evidence_context *context)
{
    bool sgx = as_sgx >> (checked & 31) & 1;
    struct evidence_context other = *context;
    struct evidence as = *e;
    hash32 root;
    if (sgx) {
        /* The simulator's root in the place of Intel's. */
        other.policy = NULL;
        __real_evidence_verify(out, e, collateral, &other);
        root = out->code.root;
        other = *context;
        other.hardware_root = &root;
        as.platform = slice_str("sgx-gramine");
    }
    __real_evidence_verify(out, &as, collateral, &other);
    if (vary) {
        out->code.mrenclave[0] = (uint8_t)(checked % vary);
        out->code.mrenclave[1] = (uint8_t)(checked % vary >> 8);
        out->code_ok = !context->policy || names(context->policy, out->code.mrenclave);
        out->pin = context->policy ? CODE_PINNED : CODE_OPEN;
    }
    if (no_memory) {
        out->genuine = false;
        out->stage = "memory";
    }
    checked++;
}

static struct fakelog *good;
static char *pinned; /* JSON */

static int set_up(void **state)
{
    (void)state;
    good = fake_case_log(NULL, NULL);
    pinned = fake_policy_text(good);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(pinned);
    fakelog_free(good);
    fakelog_done();
    return 0;
}

static struct teelog_report *judge_bundle(struct fake_bundle *b, const char *policy)
{
    struct teelog_policy *p = policy ? fake_policy(policy) : NULL;
    checked = 0;
    struct teelog_report *r = fake_verify(b, p);
    fake_bundle_free(b);
    teelog_policy_free(p);
    return r;
}

static struct teelog_report *judge(const struct fakelog *f, enum bundle_scope scope,
                                   const char *policy)
{
    return judge_bundle(fake_case_bundle(f, scope), policy);
}

/* The pinned policy with one member's text replaced, or without it (NULL). */
static char *edited(const char *member, const char *value)
{
    json_t *top = json_loads(pinned, 0, NULL);
    assert_non_null(top);
    if (value)
        assert_int_equal(json_object_set_new(top, member, json_loads(value, JSON_DECODE_ANY, NULL)),
                         0);
    else
        assert_int_equal(json_object_del(top, member), 0);
    char *text = json_dumps(top, 0);
    json_decref(top);
    return text;
}

static json_t *parse(const struct teelog_report *r)
{
    char *text = teelog_report_json(r);
    json_error_t error;
    json_t *top = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!top)
        fail_msg("%s at %d: %s", error.text, error.position, text);
    free(text);
    return top;
}

static const char *text_of(const json_t *o, const char *name)
{
    const char *s = json_string_value(json_object_get(o, name));
    assert_non_null(s);
    return s;
}

static void expect_answer(const struct teelog_report *r, size_t question, int ok)
{
    json_t *top = parse(r);
    json_t *q = json_array_get(json_object_get(top, "questions"), question);
    json_t *v = json_object_get(q, "ok");
    assert_int_equal(json_is_true(v) ? 1 : json_is_false(v) ? 0 : -1, ok);
    assert_true(json_is_true(v) || json_is_false(v) || json_is_null(v));
    json_decref(top);
}

/* The pins, each missing or contradicted. */
static void test_pins(void **state)
{
    (void)state;
    static const struct {
        const char *member, *value;
        size_t question;
    } open[] = {
        {"log", NULL, 1}, {"evidence", NULL, 1}, {"evidence", "[]", 1}, {"history", NULL, 4}};
    for (size_t i = 0; i < sizeof open / sizeof open[0]; i++) {
        char *policy = edited(open[i].member, open[i].value);
        struct teelog_report *r = judge(good, SCOPE_WHOLE, policy);
        expect_answer(r, open[i].question, -1);
        expect_answer(r, 0, 1);
        expect_verdict(r, TEELOG_UNPINNED);
        free(policy);
    }
    char *policy = edited("log", "{\"origin\": \"example.org/other\", \"keys\": "
                                 "[\"example.org/other+5ef33a3c+AYqI49354hXLlLHQ8WfW+S5kSnl3gd0"
                                 "YxYqI49354hXL\"]}");
    struct teelog_policy *p = NULL;
    char message[100];
    assert_int_not_equal(teelog_policy_read(&p, policy, strlen(policy), message, sizeof message),
                         TL_OK); /* the key id is not that key's */
    assert_non_null(strstr(message, "log.keys[0]"));
    assert_null(p);
    assert_int_not_equal(teelog_policy_read(&p, policy, strlen(policy), NULL, 0), TL_OK);
    free(policy);
    teelog_policy_free(NULL);
    teelog_report_free(NULL);
}

static char *policy_for_key(const char *origin, const char *key)
{
    char value[900];
    snprintf(value, sizeof value, "{\"origin\": \"%s\", \"keys\": [\"%s\"]}", origin, key);
    return edited("log", value);
}

static void test_other_log(void **state)
{
    (void)state;
    struct fakelog *other = fakelog_new("example.org/other");
    char *policy = policy_for_key(other->origin, other->log_key_text);
    expect_failure(judge(good, SCOPE_WHOLE, policy), "log", 0);
    free(policy);
    /* The right key, under another log's name. */
    struct note_key key;
    char text[400] = "";
    buf b;
    assert_ok(note_key_make(&key, slice_str(other->origin), good->log_key.public_key));
    buf_init_fixed(&b, (uint8_t *)text, sizeof text - 1);
    note_key_put(&b, &key);
    policy = policy_for_key(other->origin, text);
    expect_failure(judge(good, SCOPE_WHOLE, policy), "log", 0);
    free(policy);
    /* The right origin, and a key that another made for it. */
    memset(text, 0, sizeof text);
    assert_ok(note_key_make(&key, slice_str(FAKE_ORIGIN), other->log_key.public_key));
    buf_init_fixed(&b, (uint8_t *)text, sizeof text - 1);
    note_key_put(&b, &key);
    policy = policy_for_key(FAKE_ORIGIN, text);
    expect_failure(judge(good, SCOPE_RECORDS, policy), "log", 0);
    free(policy);
    /* Among several keys the right one is enough. */
    char value[1200];
    snprintf(value, sizeof value, "{\"origin\": \"%s\", \"keys\": [\"%s\", \"%s\"]}", FAKE_ORIGIN,
             text, good->log_key_text);
    policy = edited("log", value);
    expect_verdict(judge(good, SCOPE_CHAIN, policy), TEELOG_TRUSTED);
    free(policy);
    fakelog_free(other);
}

static json_t *pinned_evidence(void)
{
    json_t *top = json_loads(pinned, 0, NULL);
    json_t *e = json_incref(json_array_get(json_object_get(top, "evidence"), 0));
    json_decref(top);
    return e;
}

static char *with_evidence(json_t *entry)
{
    json_t *list = json_array();
    json_array_append_new(list, entry);
    char *value = json_dumps(list, 0), *policy = edited("evidence", value);
    free(value);
    json_decref(list);
    return policy;
}

static void test_code(void **state)
{
    (void)state;
    static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
    json_t *e = pinned_evidence();
    json_object_set_new(e, "mrenclave", json_pack("[s]", zeros));
    char *policy = with_evidence(e);
    expect_failure(judge(good, SCOPE_WHOLE, policy), "code", 0);
    free(policy);
    e = pinned_evidence();
    json_object_set_new(e, "root", json_string(zeros));
    policy = with_evidence(e);
    expect_failure(judge(good, SCOPE_WHOLE, policy), "genuine", 0);
    free(policy);
    e = pinned_evidence();
    json_object_del(e, "mrenclave");
    policy = with_evidence(e);
    expect_verdict(judge(good, SCOPE_WHOLE, policy), TEELOG_UNPINNED);
    free(policy);
    /* A policy for hardware trusts no simulator. */
    e = pinned_evidence();
    json_object_del(e, "root");
    json_object_set_new(e, "platform", json_string("sgx-gramine"));
    policy = with_evidence(e);
    expect_failure(judge(good, SCOPE_WHOLE, policy), "code", 0);
    free(policy);
}

/* ---- recovery keys ---- */

/* A log of boots alone, each of which names a recovery key: 0 none, else one by number. */
static struct fakelog *log_with_keys(const uint8_t *keys, size_t n, hash32 *thumbprints)
{
    struct fakelog *f = fakelog_new(FAKE_ORIGIN);
    for (size_t i = 0; i < n; i++) {
        f->config.has_recovery = keys[i] != 0;
        if (keys[i]) {
            uint8_t scalar[32] = {[31] = keys[i]};
            struct es256_key *key = NULL;
            assert_ok(es256_private(&key, scalar));
            es256_point(key, &f->config.recovery);
            thumbprints[i] = es256_thumbprint(key);
            es256_free(key);
        }
        fakelog_boot(f);
    }
    return f;
}

static void says_everywhere(const struct teelog_report *r, const char *words)
{
    char *text = teelog_report_text(r), *html = teelog_report_html(r);
    if (!strstr(text, words) || !strstr(html, words))
        fail_msg("no \"%s\" in %s or %s", words, text, html);
    free(text);
    free(html);
}

static void test_recovery_keys(void **state)
{
    (void)state;
    static const uint8_t keys[] = {1, 0, 2, 1}, many[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 3};
    hash32 tp[11];
    char words[300], hex[65] = "";
    struct teelog_report *r = judge(good, SCOPE_WHOLE, pinned);
    says_everywhere(r, "none is named by the boots here");
    json_t *top = parse(r), *log = json_object_get(top, "log");
    assert_int_equal(json_array_size(json_object_get(log, "recovery_keys")), 0);
    assert_int_equal(json_integer_value(json_object_get(log, "boots")), 2);
    json_decref(top);
    teelog_report_free(r);

    struct fakelog *f = log_with_keys(keys, 4, tp);
    r = judge_bundle(fakelog_export(f, SCOPE_WHOLE, NULL, NULL, 0), pinned);
    for (size_t i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", tp[0].b[i]);
    snprintf(words, sizeof words,
             "bodies can be read by the holder of %s (named by 2 of 4 boots), and of ", hex);
    says_everywhere(r, words);
    says_everywhere(r, " (named by 1 of 4 boots)");
    top = parse(r);
    log = json_object_get(top, "log");
    json_t *first = json_array_get(json_object_get(log, "recovery_keys"), 0);
    assert_int_equal(json_array_size(json_object_get(log, "recovery_keys")), 2);
    assert_string_equal(text_of(first, "thumbprint"), hex);
    assert_int_equal(json_integer_value(json_object_get(first, "boots")), 2);
    assert_int_equal(json_integer_value(json_object_get(log, "recovery_keys_left_out")), 0);
    json_decref(top);
    teelog_report_free(r);
    fakelog_free(f);

    f = log_with_keys(many, 11, tp);
    r = judge_bundle(fakelog_export(f, SCOPE_WHOLE, NULL, NULL, 0), pinned);
    says_everywhere(r, "and of others that 2 boots name");
    says_everywhere(r, "named by 2 of 11 boots");
    teelog_report_free(r);
    fakelog_free(f);
}

/* A log whose quotes pass as SGX; the boot's configuration must say so too. */
static void say_sgx(void *ctx, enum fake_point point, struct fake_step *s)
{
    (void)ctx;
    if (point == FAKE_FIELDS)
        s->boot.config.platform = slice_str("sgx-gramine");
}

static void test_hardware(void **state)
{
    (void)state;
    struct fakelog *f = fake_case_log(say_sgx, NULL);
    as_sgx = UINT32_MAX;
    struct teelog_report *r = judge(f, SCOPE_WHOLE, NULL);
    char message[200];
    char *policy = teelog_report_policy(r, message, sizeof message);
    assert_non_null(policy);
    char *text = teelog_report_text(r);
    assert_null(strstr(text, "imulated"));
    free(text);
    expect_verdict(r, TEELOG_UNPINNED);
    r = judge(f, SCOPE_WHOLE, policy);
    json_t *top = parse(r);
    assert_true(json_is_false(json_object_get(top, "simulated")));
    assert_true(json_is_true(json_object_get(top, "foreign_root")));
    json_decref(top);
    text = teelog_report_text(r);
    /* The root that stands for Intel's here is not, and that is never left unsaid. */
    assert_non_null(strstr(text, "TRUSTED (under a root that is not Intel's): every check passed"));
    assert_null(strstr(text, "imulated"));
    free(text);
    expect_verdict(r, TEELOG_TRUSTED);
    /* A policy for the simulator trusts nothing else. */
    expect_failure(judge(f, SCOPE_WHOLE, pinned), "code", 0);
    /* One simulated quote among them: its boot's configuration says otherwise. */
    for (unsigned i = 0; i < 5; i++) {
        as_sgx = ~(1u << i);
        r = judge(f, SCOPE_WHOLE, i % 2 ? policy : NULL);
        top = parse(r);
        assert_true(json_is_true(json_object_get(top, "simulated")));
        json_decref(top);
        assert_null(teelog_report_policy(r, message, sizeof message));
        expect_failure(r, "boot", ANY_INDEX);
    }
    as_sgx = 0;
    free(policy);
    fakelog_free(f);
}

static void let_in(struct fakelog *f, uint64_t admission, uint8_t allowed)
{
    f->config.admissions = allowed;
    f->admission = admission;
    fakelog_boot(f);
    fakelog_session(f, "a");
    fakelog_record(f, "a", "one");
}

static struct teelog_report *judge_small(const struct fakelog *f, const char *policy)
{
    struct teelog_policy *p = policy ? fake_policy(policy) : NULL;
    struct fake_bundle *b = fakelog_export(f, SCOPE_WHOLE, NULL, NULL, 0);
    struct teelog_report *r = fake_verify(b, p);
    fake_bundle_free(b);
    teelog_policy_free(p);
    return r;
}

static void test_admission(void **state)
{
    (void)state;
    char message[200];
    struct fakelog *f = fakelog_new(FAKE_ORIGIN);
    let_in(f, ADMISSION_BEARER, 1 << ADMISSION_CHILD);
    expect_failure(judge_small(f, NULL), "admission", 1);
    fakelog_free(f);

    f = fakelog_new(FAKE_ORIGIN);
    let_in(f, ADMISSION_BEARER, 1 << ADMISSION_CHILD | 1 << ADMISSION_BEARER);
    expect_verdict(judge_small(f, NULL), TEELOG_UNPINNED);
    expect_failure(judge_small(f, pinned), "admission", 1);
    char *policy = edited("admission", "{\"child\": false, \"bearer\": true}");
    expect_verdict(judge_small(f, policy), TEELOG_TRUSTED);
    expect_failure(judge(good, SCOPE_WHOLE, policy), "admission", 1);
    free(policy);
    struct teelog_report *r = judge_small(f, NULL);
    policy = teelog_report_policy(r, message, sizeof message);
    assert_non_null(strstr(policy, "{\"child\": false, \"bearer\": true}"));
    teelog_report_free(r);
    expect_verdict(judge_small(f, policy), TEELOG_TRUSTED);
    free(policy);
    fakelog_free(f);
}

/* More codes of peers than a report lists. */
static void test_many_peers(void **state)
{
    (void)state;
    struct fakelog *f = fakelog_new(FAKE_ORIGIN);
    f->config.admissions = 1 << ADMISSION_ATTESTED;
    f->admission = ADMISSION_ATTESTED;
    fakelog_boot(f);
    for (int i = 0; i < 10; i++) {
        fakelog_peer(f, (slice){NULL, 0}, NULL, NULL);
        fakelog_session(f, "a");
    }
    vary = 64;
    struct teelog_report *r = judge_small(f, NULL);
    char *text = teelog_report_text(r);
    assert_non_null(strstr(text, "; and others)"));
    free(text);
    json_t *top = parse(r);
    json_t *a = json_array_get(json_object_get(json_object_get(top, "scope"), "agents"), 0);
    assert_int_equal(json_array_size(json_object_get(a, "peers")), 8);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(a, "admitted"), "attested")), 10);
    json_decref(top);
    expect_verdict(r, TEELOG_UNPINNED);
    vary = 0;
    fakelog_free(f);
}

static void test_json(void **state)
{
    (void)state;
    struct teelog_report *r = judge(good, SCOPE_WHOLE, pinned);
    json_t *top = parse(r);
    assert_string_equal(text_of(top, "verdict"), "TRUSTED");
    assert_true(json_is_true(json_object_get(top, "simulated")));
    assert_true(json_integer_value(json_object_get(top, "time")) >= (json_int_t)fake_time() - 60);
    json_t *log = json_object_get(top, "log");
    assert_string_equal(text_of(log, "origin"), FAKE_ORIGIN);
    assert_string_equal(text_of(log, "key"), good->log_key_text);
    assert_int_equal(json_integer_value(json_object_get(log, "size")), 13);
    assert_int_equal(strlen(text_of(log, "root")), 64);
    json_t *scope = json_object_get(top, "scope");
    assert_string_equal(text_of(scope, "kind"), "whole");
    json_t *agents = json_object_get(scope, "agents");
    assert_int_equal(json_array_size(agents), 2);
    json_t *a = json_array_get(agents, 0);
    assert_string_equal(text_of(a, "agent"), "a");
    assert_int_equal(json_integer_value(json_object_get(a, "count")), 6);
    assert_int_equal(json_integer_value(json_object_get(a, "first_seq")), 0);
    assert_int_equal(json_integer_value(json_object_get(a, "last_seq")), 5);
    assert_int_equal(json_integer_value(json_object_get(a, "sessions")), 2);
    assert_int_equal(json_integer_value(json_object_get(a, "withheld")), 0);
    assert_true(json_is_true(json_object_get(a, "complete")));
    assert_int_equal(json_integer_value(json_object_get(a, "complete_up_to")), 13);
    json_t *checks = json_object_get(top, "checks");
    static const char *const names[] = {
        "format",  "checkpoint", "statement", "body", "role",        "order",  "chain",
        "session", "boot",       "signature", "tree", "consistency", "heads",  "evidence",
        "genuine", "binding",    "code",      "log",  "admission",   "history"};
    assert_int_equal(json_array_size(checks), 20);
    for (size_t i = 0; i < 20; i++) {
        json_t *c = json_array_get(checks, i);
        assert_string_equal(text_of(c, "name"), names[i]);
        assert_true(json_is_true(json_object_get(c, "ok")));
        assert_true(strlen(text_of(c, "detail")) > 5);
        assert_null(json_object_get(c, "index"));
    }
    json_t *evidence = json_array_get(json_object_get(top, "evidence"), 0);
    assert_string_equal(text_of(evidence, "platform"), "simulator");
    assert_int_equal(json_integer_value(json_object_get(evidence, "count")), 5);
    assert_int_equal(strlen(text_of(evidence, "mrenclave")), 64);
    json_t *history = json_array_get(json_object_get(top, "questions"), 4);
    assert_string_equal(text_of(history, "detail"),
                        "not required by the policy; rollback and forks are not excluded");
    json_decref(top);
    expect_verdict(r, TEELOG_TRUSTED);
}

static void lie(void *ctx, enum fake_point point, struct fake_step *s)
{
    (void)ctx;
    if (point == FAKE_SIGNED && s->index == 5)
        s->st.signature[0] ^= 1;
}

/* Nothing of a rejected bundle is told as if it were so. */
static void test_rejected(void **state)
{
    (void)state;
    char message[100];
    struct fakelog *f = fake_case_log(lie, NULL);
    struct teelog_report *r = judge(f, SCOPE_WHOLE, pinned);
    json_t *top = parse(r);
    assert_string_equal(text_of(top, "verdict"), "REJECTED");
    assert_int_equal(json_array_size(json_object_get(json_object_get(top, "scope"), "agents")), 0);
    json_t *checks = json_object_get(top, "checks");
    assert_int_equal(json_array_size(checks), 1); /* the others were not finished */
    json_t *c = json_array_get(checks, 0);
    assert_string_equal(text_of(c, "name"), "signature");
    assert_int_equal(json_integer_value(json_object_get(c, "index")), 5);
    json_decref(top);
    expect_answer(r, 0, -1);
    expect_answer(r, 2, -1);
    expect_answer(r, 3, 0);
    assert_null(teelog_report_policy(r, message, sizeof message));
    assert_non_null(strstr(message, "fails a check"));
    char *text = teelog_report_text(r);
    assert_non_null(strstr(text, "REJECTED (simulated)"));
    assert_non_null(strstr(text, "\n  signature at index 5: "));
    assert_non_null(strstr(text, "nothing: a rejected bundle"));
    assert_null(strstr(text, "complete up to"));
    free(text);
    expect_failure(r, "signature", 5);
    fakelog_free(f);
    /* Not even a header: there is no log to speak of. */
    r = fake_verify_bytes(slice_str("junk"), NULL);
    top = parse(r);
    assert_true(json_is_null(json_object_get(json_object_get(top, "log"), "origin")));
    json_decref(top);
    expect_failure(r, "format", UINT64_MAX);
}

static void test_text(void **state)
{
    (void)state;
    struct teelog_report *r = judge(good, SCOPE_WHOLE, pinned);
    char *text = teelog_report_text(r);
    assert_true(strncmp(text, "TRUSTED (simulated): ", 21) == 0);
    assert_non_null(strstr(text, "\ngenuine: yes; "));
    assert_non_null(strstr(text, "\ncode and log: yes; "));
    assert_non_null(strstr(text, "\nkeys: yes; "));
    assert_non_null(strstr(text, "\nuntouched and complete: yes; "));
    assert_non_null(strstr(
        text, "\nhistory: not required by the policy; rollback and forks are not excluded\n"));
    assert_non_null(
        strstr(text, "  a: 6 statements, seq 0..5, 2 sessions (1 by ES256K), let in as a child of "
                     "the log, complete up to size 13"));
    assert_non_null(strstr(text, "  b: 2 statements, seq 0..1, 1 session (1 by ES256K), let in as "
                                 "a child of the log, complete "
                                 "up to size 13, 1 body erased later, but disclosed here (4)\n"));
    assert_null(strstr(text, "failed:"));
    free(text);
    teelog_report_free(r);
    r = judge(good, SCOPE_CHAIN, pinned);
    text = teelog_report_text(r);
    assert_non_null(strstr(text, "the chain of one agent, complete up to size 12 of 13"));
    free(text);
    teelog_report_free(r);
    r = judge(good, SCOPE_RECORDS, pinned);
    text = teelog_report_text(r);
    assert_non_null(strstr(text, "single statements, 6 of 13; session closure not checked"));
    assert_null(strstr(text, "complete up to"));
    free(text);
    teelog_report_free(r);
    r = judge(good, SCOPE_WHOLE, NULL);
    text = teelog_report_text(r);
    assert_non_null(strstr(text, "UNPINNED (simulated): sound, but no policy"));
    assert_non_null(
        strstr(text, "history: not required by the policy; rollback and forks are not excluded"));
    free(text);
    teelog_report_free(r);
}

/* Withheld bodies are counted, and long lists of agents cut. */
static void test_many_agents(void **state)
{
    (void)state;
    struct fakelog *f = fakelog_new(FAKE_ORIGIN);
    fakelog_boot(f);
    for (int i = 0; i < 23; i++) {
        char id[8];
        snprintf(id, sizeof id, "g%02d", (i * 7) % 23);
        fakelog_session(f, id);
        fakelog_record(f, id, "one");
    }
    fakelog_heads(f);
    struct fake_bundle *b = fakelog_export(f, SCOPE_WHOLE, NULL, NULL, 0);
    b->items[fake_bundle_find_leaf(b, 2)].u.leaf.body = (slice){NULL, 0};
    struct teelog_report *r = fake_verify(b, NULL);
    char *text = teelog_report_text(r);
    assert_non_null(strstr(text, "  and 3 agents more\n"));
    assert_non_null(strstr(text, "; 1 body withheld\n"));
    assert_non_null(strstr(text,
                           "g00: 2 statements, seq 0..1, 1 session, let in as a child of the log, "
                           "complete up to size 48, 1 body withheld (2)\n"));
    assert_non_null(strstr(text, "\n  g19: "));
    assert_null(strstr(text, "\n  g20: "));
    free(text);
    json_t *top = parse(r);
    json_t *agents = json_object_get(json_object_get(top, "scope"), "agents");
    assert_int_equal(json_array_size(agents), 23);
    for (size_t i = 1; i < 23; i++)
        assert_true(strcmp(text_of(json_array_get(agents, i - 1), "agent"),
                           text_of(json_array_get(agents, i), "agent")) < 0);
    json_decref(top);
    expect_verdict(r, TEELOG_UNPINNED);
    fake_bundle_free(b);
    fakelog_free(f);
}

static const char *old_note;

static void successor(void *ctx, enum fake_point point, struct fake_step *s)
{
    (void)ctx;
    if (point == FAKE_FIELDS && s->index == 0)
        s->boot.old_note = slice_str(old_note);
}

/* What its genesis says is told, whatever that is, and changes no verdict. */
static void test_successor(void **state)
{
    (void)state;
    static const struct {
        const char *note, *words, *json;
    } cases[] = {
        {"example.org/old\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n"
         "\u2014 example.org/old AAAAAAAA\n",
         "follows the log example.org/old, which was at size 5 with the root 0000",
         "\"succeeds\": {\"origin\": \"example.org/old\", \"size\": 5, \"root\": \"00"},
        {"a note", "by a note that is no checkpoint",
         "\"succeeds\": {\"origin\": null, \"size\": null, \"root\": null}"},
        {"no origin\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n"
         "\u2014 example.org/old AAAAAAAA\n",
         "by a note that is no checkpoint", "\"succeeds\": {\"origin\": null"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        old_note = cases[i].note;
        struct fakelog *f = fake_case_log(successor, NULL);
        struct teelog_report *r = judge(f, SCOPE_WHOLE, pinned);
        char *text = teelog_report_text(r), *json = teelog_report_json(r),
             *page = teelog_report_html(r);
        assert_non_null(strstr(text, cases[i].words));
        assert_non_null(strstr(page, cases[i].words));
        assert_non_null(strstr(json, cases[i].json));
        free(text);
        free(json);
        free(page);
        expect_verdict(r, TEELOG_TRUSTED);
        fakelog_free(f);
    }
}

/* More codes than a log has; and as many as are still allowed. */
static void test_many_codes(void **state)
{
    (void)state;
    struct fakelog *f = fakelog_new(FAKE_ORIGIN);
    fakelog_boot(f);
    for (int i = 0; i < 256; i++)
        fakelog_session(f, "a");
    struct fake_bundle *b = fakelog_export(f, SCOPE_WHOLE, NULL, NULL, 0);
    checked = 0;
    vary = 256;
    struct teelog_report *r = fake_verify(b, NULL);
    char message[100];
    char *policy = teelog_report_policy(r, message, sizeof message);
    expect_verdict(r, TEELOG_UNPINNED);
    struct teelog_policy *p = fake_policy(policy);
    checked = 0;
    expect_verdict(fake_verify(b, p), TEELOG_TRUSTED);
    teelog_policy_free(p);
    free(policy);
    checked = 0;
    vary = 257;
    expect_failure(fake_verify(b, NULL), "evidence", UINT64_MAX);
    vary = 0;
    fake_bundle_free(b);
    fakelog_free(f);
}

/* Evidence is judged at the caller's time and no other. */
static void test_time(void **state)
{
    (void)state;
    struct fake_bundle *b = fake_case_bundle(good, SCOPE_WHOLE);
    buf bytes;
    buf_init(&bytes, SIZE_MAX / 2);
    fake_bundle_put(&bytes, b);
    static const uint64_t times[] = {0, 1000000000, 9999999999, UINT64_MAX};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        slice source = buf_slice(&bytes);
        struct teelog_report *r = NULL;
        const struct teelog_verify_options o = {
            .time = times[i], .threads = 1, .read = slice_source_read, .ctx = &source};
        assert_ok(teelog_verify(&r, &o));
        char *text = teelog_report_text(r);
        assert_non_null(text);
        if (times[i] == 1000000000)
            assert_non_null(strstr(text, "as of 2001-09-09 01:46:40 UTC"));
        if (times[i] == UINT64_MAX)
            assert_non_null(strstr(text, "as of 18446744073709551615 seconds since 1970"));
        free(text);
        expect_failure(r, "genuine", 0);
    }
    buf_finish(&bytes);
    fake_bundle_free(b);
}

static tl_err broken_read(void *ctx, uint8_t *out, size_t cap, size_t *got)
{
    (void)ctx, (void)out, (void)cap, (void)got;
    return TL_E_IO;
}

/* Where this machine fails, there is no verdict. */
static void test_machine(void **state)
{
    (void)state;
    struct teelog_report *r = NULL;
    const struct teelog_verify_options o = {.threads = 1, .read = broken_read};
    assert_err(teelog_verify(&r, &o), TL_E_IO);
    assert_null(r);
    struct fake_bundle *b = fake_case_bundle(good, SCOPE_WHOLE);
    buf bytes;
    buf_init(&bytes, SIZE_MAX / 2);
    fake_bundle_put(&bytes, b);
    slice source = buf_slice(&bytes);
    const struct teelog_verify_options p = {
        .time = fake_time(), .threads = 1, .read = slice_source_read, .ctx = &source};
    no_memory = true;
    assert_err(teelog_verify(&r, &p), TL_E_MEMORY);
    no_memory = false;
    assert_null(r);
    buf_finish(&bytes);
    fake_bundle_free(b);
}

/* "untouched and complete" is a yes only where nothing can be missing. */
static void test_complete(void **state)
{
    (void)state;
    struct teelog_policy *p = fake_policy(pinned);
    struct teelog_report *r = judge(good, SCOPE_WHOLE, pinned);
    expect_answer(r, 3, 1);
    teelog_report_free(r);
    r = judge(good, SCOPE_CHAIN, pinned);
    expect_answer(r, 3, 1);
    teelog_report_free(r);
    r = judge(good, SCOPE_RECORDS, pinned);
    expect_answer(r, 3, -1);
    char *text = teelog_report_text(r);
    assert_non_null(strstr(text, "that nothing was left out is not shown"));
    free(text);
    expect_verdict(r, TEELOG_TRUSTED);

    /* A chain without its head proofs. */
    struct fake_bundle *b = fake_case_bundle(good, SCOPE_CHAIN);
    fake_bundle_remove(b, fake_bundle_find_proof(b, PROOF_HEAD, 1));
    fake_bundle_remove(b, fake_bundle_find_proof(b, PROOF_HEAD, 0));
    r = fake_verify(b, p);
    expect_answer(r, 3, -1);
    json_t *top = parse(r);
    json_t *agent = json_array_get(json_object_get(json_object_get(top, "scope"), "agents"), 0);
    assert_true(json_is_false(json_object_get(agent, "complete")));
    json_decref(top);
    expect_verdict(r, TEELOG_TRUSTED);
    fake_bundle_free(b);

    /* A chain whose heads are old: what came after them is not covered. */
    struct fakelog *f = fake_case_log(NULL, NULL);
    fakelog_session(f, "c");
    fakelog_record(f, "c", "later");
    r = judge(f, SCOPE_CHAIN, NULL);
    expect_answer(r, 3, -1);
    expect_verdict(r, TEELOG_UNPINNED);
    fakelog_free(f);
    teelog_policy_free(p);
}

/* More evidence than a bundle may hold is refused before any of it is read. */
static void test_evidence_count(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        struct fake_bundle *b = fake_case_bundle(good, SCOPE_WHOLE);
        b->keep_counts = true;
        b->items[0].u.header.evidence_count = (1u << 20) + (unsigned)over;
        struct teelog_report *r = fake_verify(b, NULL);
        const struct teelog_check *c = teelog_report_check(r, 0);
        assert_int_equal(strcmp(c->detail, "more evidence than a bundle may hold") == 0, over);
        teelog_report_free(r);
        fake_bundle_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_complete),      cmocka_unit_test(test_evidence_count),
        cmocka_unit_test(test_pins),          cmocka_unit_test(test_other_log),
        cmocka_unit_test(test_code),          cmocka_unit_test(test_hardware),
        cmocka_unit_test(test_admission),     cmocka_unit_test(test_many_peers),
        cmocka_unit_test(test_json),          cmocka_unit_test(test_rejected),
        cmocka_unit_test(test_text),          cmocka_unit_test(test_many_agents),
        cmocka_unit_test(test_successor),     cmocka_unit_test(test_many_codes),
        cmocka_unit_test(test_time),          cmocka_unit_test(test_machine),
        cmocka_unit_test(test_recovery_keys),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
