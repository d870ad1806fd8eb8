#include "faults.h"
#include "http/rest_json.h"
#include "tlog/body.h"
#include "tlog/fresh.h"

static hash32 hash_member(const json_t *v, const char *key)
{
    return vector_hash(vector_str(v, key));
}

static void boot_report_data(void **state)
{
    (void)state;
    json_t *all = vector_file(test_source("vectors/binding.json"));
    const json_t *boots = vector_member(all, "boot");
    assert_int_equal(json_array_size(boots), 2);
    for (size_t i = 0; i < 2; i++) {
        const json_t *v = json_array_get(boots, i);
        struct bytes config = bytes_of(v, "config");
        struct boot_binding b = {
            .origin = slice_str(vector_str(v, "origin")),
            .log_id = hash_member(v, "log_id"),
            .log_tp = hash_member(v, "log_tp"),
            .service_tp = hash_member(v, "service_tp"),
            .boot_id = hash_member(v, "boot_id"),
            .size = vector_int(v, "size"),
            .root = hash_member(v, "root"),
            .config_digest = sha256(bytes_slice(config)),
        };
        uint8_t out[64];
        binding_boot(out, &b);
        assert_hex(SLICE_ARRAY(out), vector_str(v, "report_data"));
        free(config.p);
    }
    json_decref(all);
}

static void session_report_data(void **state)
{
    (void)state;
    json_t *all = vector_file(test_source("vectors/binding.json"));
    const json_t *sessions = vector_member(all, "session");
    assert_int_equal(json_array_size(sessions), 2);
    for (size_t i = 0; i < 2; i++) {
        const json_t *v = json_array_get(sessions, i);
        struct session_binding s = {
            .origin = slice_str(vector_str(v, "origin")),
            .log_tp = hash_member(v, "log_tp"),
            .boot_leaf = hash_member(v, "boot_leaf"),
            .agent = slice_str(vector_str(v, "agent")),
            .agent_tp = hash_member(v, "agent_tp"),
            .alg = json_integer_value(vector_member(v, "alg")),
            .size = vector_int(v, "size"),
            .root = hash_member(v, "root"),
        };
        uint8_t out[64];
        binding_session(out, &s);
        assert_hex(SLICE_ARRAY(out), vector_str(v, "report_data"));
    }
    json_decref(all);
}

static void fresh_report_data(void **state)
{
    (void)state;
    json_t *all = vector_file(test_source("vectors/binding.json"));
    const json_t *answers = vector_member(all, "fresh");
    assert_int_equal(json_array_size(answers), 4);
    for (size_t i = 0; i < 4; i++) {
        const json_t *v = json_array_get(answers, i);
        struct bytes members = bytes_of(v, "members"), text = bytes_of(v, "text");
        struct fresh answer;
        uint8_t out[64];
        cbor c = cbor_of(bytes_slice(members));
        cbor_array_of(&c, 6);
        fresh_read(&c, &answer);
        assert_ok(cbor_end(&c));
        struct fresh_binding b = {
            .origin = slice_str(vector_str(v, "origin")),
            .log_tp = hash_member(v, "log_tp"),
            .boot_leaf = hash_member(v, "boot_leaf"),
            .text = sha256(bytes_slice(text)),
            .answer = &answer,
        };
        binding_fresh(out, &b);
        assert_hex(SLICE_ARRAY(out), vector_str(v, "report_data"));
        free(members.p);
        free(text.p);
    }
    json_decref(all);
}

/* The longest names and largest numbers that a statement can bring fit. */
static void longest_fits(void **state)
{
    (void)state;
    uint8_t name[SUBJECT_MAX], want[64], got[64];
    memset(name, 'n', sizeof name);
    struct session_binding s = {
        .origin = SLICE_ARRAY(name),
        .agent = SLICE_ARRAY(name),
        .alg = -(int64_t)TL_INT_MAX,
        .size = TL_INT_MAX,
    };
    buf b;
    buf_init(&b, 4096);
    buf_bytes(&b, slice_of("teelog/session/v1", 18)); /* with its zero byte */
    cbor_put_array(&b, 8);
    cbor_put_text(&b, s.origin);
    for (int i = 0; i < 2; i++)
        cbor_put_bytes(&b, hash_slice(&s.root));
    cbor_put_text(&b, s.agent);
    cbor_put_bytes(&b, hash_slice(&s.root));
    cbor_put_int(&b, s.alg);
    cbor_put_uint(&b, s.size);
    cbor_put_bytes(&b, hash_slice(&s.root));
    sha512(buf_slice(&b), want);
    binding_session(got, &s);
    assert_memory_equal(got, want, 64);
    buf_finish(&b);
}

static void rest_answers(void **state)
{
    (void)state;
    json_t *all = vector_file(test_source("vectors/binding.json"));
    const json_t *answers = vector_member(all, "rest");
    assert_int_equal(json_array_size(answers), 3);
    for (size_t i = 0; i < 3; i++) {
        const json_t *v = json_array_get(answers, i);
        struct bytes answer = bytes_of(v, "answer"), given = bytes_of(v, "nonce");
        struct rest_nonce nonce = {.n = given.n};
        uint8_t out[64];
        if (given.n)
            memcpy(nonce.bytes, given.p, given.n);
        hash32 hash = sha256(bytes_slice(answer));
        rest_report_data(out, &hash, &nonce);
        assert_hex(SLICE_ARRAY(out), vector_str(v, "report_data"));
        free(answer.p);
        free(given.p);
    }
    json_decref(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boot_report_data),  cmocka_unit_test(session_report_data),
        cmocka_unit_test(fresh_report_data), cmocka_unit_test(rest_answers),
        cmocka_unit_test(longest_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
