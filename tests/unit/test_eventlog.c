/* dstack event logs: three real ones and one of our own replay to the RTMRs of
 * their quotes, and what happens to each when one event of it changes. */
#include "testlib.h"

#include "attest/eventlog.h"
#include "attest/quote.h"
#include "vector_json.h"

#define RUNTIME 0x08000001

/* A log, and what its quote says. */
struct fixture {
    json_t *log;
    struct td_report td;
    bool every_bit; /* flips all bits; otherwise one of each byte */
};

static tl_err read_text(struct eventlog *out, slice text)
{
    struct tl_why why = {0};
    tl_err err = eventlog_read(out, text, &why);
    assert_int_equal(err != TL_OK, why.text[0] != 0);
    return err;
}

static tl_err read_log(struct eventlog *out, const json_t *log)
{
    char *text = json_dumps(log, JSON_COMPACT);
    assert_non_null(text);
    tl_err err = read_text(out, slice_str(text));
    free(text);
    return err;
}

static bool accepted(struct eventlog *out, const json_t *log, const struct td_report *td)
{
    if (read_log(out, log) != TL_OK)
        return false;
    if (eventlog_check(out, td, NULL) == TL_OK)
        return true;
    eventlog_finish(out);
    return false;
}

static void assert_slice(slice a, slice b)
{
    assert_int_equal(!a.p, !b.p);
    assert_true(slice_eq(a, b));
}

/* Changes are judged here: refused, or so harmless that everything is as before. */
static void judge(const struct fixture *f, const json_t *changed, bool harmless, const char *what,
                  size_t i)
{
    struct eventlog before, after;
    if (accepted(&after, changed, &f->td) != harmless)
        fail_msg("event %zu, %s: %s", i, what, harmless ? "refused" : "accepted");
    if (!harmless)
        return;
    assert_ok(read_log(&before, f->log));
    assert_slice(after.app_id, before.app_id);
    assert_slice(after.compose_hash, before.compose_hash);
    assert_slice(after.instance_id, before.instance_id);
    assert_slice(after.os_image_hash, before.os_image_hash);
    assert_slice(after.key_provider, before.key_provider);
    assert_slice(after.key_provider_name, before.key_provider_name);
    assert_int_equal(after.ready_at, before.ready_at);
    assert_int_equal(after.event_count, before.event_count);
    eventlog_finish(&before);
    eventlog_finish(&after);
}

static json_t *event_of(const json_t *log, size_t i)
{
    json_t *e = json_array_get(log, i);
    assert_non_null(e);
    return e;
}

static uint64_t number(const json_t *log, size_t i, const char *member)
{
    return vector_int(event_of(log, i), member);
}

static const char *text(const json_t *log, size_t i, const char *member)
{
    return vector_str(event_of(log, i), member);
}

static bool is_runtime(const json_t *log, size_t i)
{
    return number(log, i, "imr") == 3;
}

/* The types whose digest is the payload's hash. */
static bool is_hashed(uint64_t type)
{
    return type == 4 || type == 0x80000001 || type == 0x80000007;
}

static bool is_acpi(const json_t *log, size_t i)
{
    return number(log, i, "event_type") == 10 &&
           strcmp(text(log, i, "event_payload"), "414350492044415441") == 0;
}

/* Takes the new value. NULL takes the member out. */
static void change(const struct fixture *f, size_t i, const char *member, json_t *value,
                   bool harmless, const char *what)
{
    json_t *log = json_deep_copy(f->log);
    if (value)
        assert_int_equal(json_object_set_new(event_of(log, i), member, value), 0);
    else
        assert_int_equal(json_object_del(event_of(log, i), member), 0);
    judge(f, log, harmless, what, i);
    json_decref(log);
}

/* Order. */

static void moved(const struct fixture *f, size_t i)
{
    json_t *log = json_deep_copy(f->log), *e = json_deep_copy(event_of(f->log, i));
    bool last = i + 1 == json_array_size(f->log);
    assert_int_equal(json_array_remove(log, i), 0);
    judge(f, log, false, "dropped", i);
    if (!last) {
        /* Where neighbours are in different RTMRs nothing fixes which came first, but
         * that the firmware's come before the running system's. */
        bool harmless = number(f->log, i, "imr") != number(f->log, i + 1, "imr") &&
                        is_runtime(f->log, i) == is_runtime(f->log, i + 1);
        assert_int_equal(json_array_insert(log, i + 1, e), 0);
        judge(f, log, harmless, "swapped with the next", i);
        assert_int_equal(json_array_remove(log, i + 1), 0);
    }
    assert_int_equal(json_array_insert(log, i, e), 0);
    judge(f, log, true, "as it was", i);
    assert_int_equal(json_array_insert(log, i, e), 0);
    judge(f, log, false, "repeated", i);
    assert_int_equal(json_array_remove(log, i), 0);
    for (int imr = 0; imr < 4; imr++) {
        char digest[97];
        memset(digest, '5', 96);
        digest[96] = 0;
        json_t *other =
            json_pack("{s:i,s:I,s:s,s:s,s:s}", "imr", imr, "event_type",
                      (json_int_t)(imr == 3 ? RUNTIME : 6), "digest", imr == 3 ? "" : digest,
                      "event", imr == 3 ? "other" : "", "event_payload", "00");
        assert_int_equal(json_array_insert_new(log, i, other), 0);
        judge(f, log, false, "one before it", i);
        assert_int_equal(json_array_remove(log, i), 0);
    }
    json_decref(e);
    json_decref(log);
}

/* Numbers. */

static void other_numbers(const struct fixture *f, size_t i)
{
    uint64_t imr = number(f->log, i, "imr"), type = number(f->log, i, "event_type");
    for (int other = 0; other <= 4; other++)
        if ((uint64_t)other != imr)
            change(f, i, "imr", json_integer(other), false, "imr");
    for (unsigned bit = 0; bit < 33; bit++) {
        uint64_t other = type ^ UINT64_C(1) << bit;
        bool empty = text(f->log, i, "event_payload")[0] == 0;
        /* Nothing binds a firmware event's type. Refused is one that would have to be
         * the payload's hash and is not, and one that loses its label. */
        bool harmless = !is_runtime(f->log, i) && bit < 32 && !(is_hashed(other) && !empty) &&
                        !(is_acpi(f->log, i) && text(f->log, i, "event")[0]);
        change(f, i, "event_type", json_integer((json_int_t)other), harmless, "event_type");
    }
    change(f, i, "event_type", json_integer(is_runtime(f->log, i) ? 6 : RUNTIME), false,
           "the other kind's type");
}

/* Hex. */

static void flip(const struct fixture *f, size_t i, const char *member, bool harmless)
{
    const char *hex = text(f->log, i, member);
    size_t n;
    uint8_t *bytes = test_hex(hex, &n);
    char *other = malloc(2 * n + 1);
    assert_non_null(other);
    for (size_t bit = 0; bit < 8 * n; bit += f->every_bit ? 1 : 9) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        hex_text(other, bytes, n);
        change(f, i, member, json_string(other), harmless, member);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    free(other);
    free(bytes);
}

static json_t *longer(const char *hex, const char *more)
{
    char both[8192];
    snprintf(both, sizeof both, "%s%s", hex, more);
    return json_string(both);
}

static json_t *upper(const char *hex)
{
    char other[8192];
    size_t n = strlen(hex);
    assert_true(n < sizeof other);
    for (size_t k = 0; k <= n; k++)
        other[k] = (char)(hex[k] >= 'a' && hex[k] <= 'f' ? hex[k] - 'a' + 'A' : hex[k]);
    return json_string(other);
}

static void other_digests(const struct fixture *f, size_t i)
{
    const char *digest = text(f->log, i, "digest");
    bool runtime = is_runtime(f->log, i);
    flip(f, i, "digest", false);
    change(f, i, "digest", json_string(""), runtime, "no digest");
    change(f, i, "digest", upper(digest), true, "digest in upper case");
    change(f, i, "digest", longer(digest, "00"), false, "a longer digest");
    change(f, i, "digest", longer("0", digest), false, "half a byte more of digest");
    if (digest[0]) {
        change(f, i, "digest", json_string(digest + 2), false, "a shorter digest");
        change(f, i, "digest", longer("zz", digest + 2), false, "a digest that is not hex");
    }
}

static void other_payloads(const struct fixture *f, size_t i)
{
    const char *payload = text(f->log, i, "event_payload");
    bool runtime = is_runtime(f->log, i), acpi = is_acpi(f->log, i) && text(f->log, i, "event")[0];
    bool free_text = !runtime && !acpi && !is_hashed(number(f->log, i, "event_type"));
    flip(f, i, "event_payload", free_text);
    change(f, i, "event_payload", longer(payload, "00"), free_text, "a longer payload");
    change(f, i, "event_payload", longer(payload, "0"), false, "half a byte more of payload");
    change(f, i, "event_payload", longer(payload, "zz"), false, "a payload that is not hex");
    change(f, i, "event_payload", upper(payload), true, "payload in upper case");
    if (payload[0])
        change(f, i, "event_payload", json_string(""), !runtime && !acpi, "no payload");
}

/* Names. */

static void other_names(const struct fixture *f, size_t i)
{
    static const char *const names[] = {"acpi-loader",  "acpi-rsdp", "acpi-tables", "app-id",
                                        "system-ready", "other",     ":",           ""};
    const char *name = text(f->log, i, "event");
    char other[512];
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
        change(f, i, "event", json_string(names[k]), strcmp(name, names[k]) == 0, names[k]);
    for (size_t k = 0; name[k]; k++)
        for (unsigned bit = 0; bit < 7; bit++) {
            snprintf(other, sizeof other, "%s", name);
            other[k] = (char)(name[k] ^ (1 << bit));
            if (name[k] & 0x80 || (uint8_t)other[k] < 0x20)
                continue;
            change(f, i, "event", json_string(other), false, "a bit of the name");
        }
    snprintf(other, sizeof other, "%s ", name);
    change(f, i, "event", json_string(other), false, "a longer name");
}

/* Versions, preimages, and members that are missing or unknown. */

static void other_members(const struct fixture *f, size_t i)
{
    static const char *const required[] = {"imr", "event_type", "digest", "event", "event_payload"};
    bool runtime = is_runtime(f->log, i);
    json_t *version = json_object_get(event_of(f->log, i), "version");
    json_t *preimage = json_object_get(event_of(f->log, i), "preimage");
    bool v2 = json_integer_value(version) == 2;
    for (int v = 0; v <= 3; v++)
        change(f, i, "version", json_integer(v), v == (v2 ? 2 : 1), "version");
    if (version)
        change(f, i, "version", NULL, !v2, "no version");
    if (preimage) {
        flip(f, i, "preimage", false);
        change(f, i, "preimage", NULL, true, "no preimage");
        change(f, i, "preimage", upper(json_string_value(preimage)), true, "upper-case preimage");
    }
    change(f, i, "preimage", json_string(""), false, "an empty preimage");
    change(f, i, "preimage", json_string("0"), false, "a preimage that is not hex");
    if (runtime && !v2) {
        size_t n;
        const char *name = text(f->log, i, "event");
        uint8_t *payload = test_hex(text(f->log, i, "event_payload"), &n);
        buf bytes, hex;
        buf_init(&bytes, 4096);
        buf_init(&hex, 8193);
        buf_bytes(&bytes, slice_of("\1\0\0\x08:", 5));
        buf_str(&bytes, name);
        buf_u8(&bytes, ':');
        buf_bytes(&bytes, slice_of(payload, n));
        hex_put(&hex, buf_slice(&bytes));
        buf_u8(&hex, 0);
        assert_ok(buf_err(&hex));
        change(f, i, "preimage", json_string((char *)hex.p), true, "its preimage");
        buf_finish(&bytes);
        buf_finish(&hex);
        free(payload);
    }
    for (size_t k = 0; k < sizeof required / sizeof required[0]; k++) {
        change(f, i, required[k], NULL, false, "lacks a member");
        change(f, i, required[k], json_null(), false, "null");
        change(f, i, required[k], json_array(), false, "an array");
        bool is_number = json_is_integer(json_object_get(event_of(f->log, i), required[k]));
        change(f, i, required[k], is_number ? json_string("3") : json_integer(3), false, "type");
        change(f, i, required[k], json_real(3.5), false, "a fraction");
    }
    change(f, i, "pcr", json_integer(3), false, "an unknown member");
    change(f, i, "IMR", json_integer(3), false, "an unknown member");
}

static void every_change(const struct fixture *f)
{
    for (size_t i = 0; i < json_array_size(f->log); i++) {
        moved(f, i);
        other_numbers(f, i);
        other_digests(f, i);
        other_payloads(f, i);
        other_names(f, i);
        other_members(f, i);
    }
}

/* The logs. */

static json_t *small_file(void)
{
    return vector_file(test_source("vectors/eventlog.json"));
}

static struct fixture small_fixture(json_t *file)
{
    struct fixture f = {.log = vector_member(file, "event_log"), .every_bit = true};
    for (size_t i = 0; i < 4; i++)
        vector_bytes(f.td.rtmr[i], 48,
                     json_string_value(json_array_get(vector_member(file, "rtmr"), i)));
    return f;
}

/* A quote in hex, or (near-mpc) as an array of numbers. */
static void real_report(struct td_report *td, const json_t *quote)
{
    uint8_t *bytes;
    size_t n = json_array_size(quote);
    struct quote q;
    if (json_is_string(quote)) {
        bytes = test_hex(json_string_value(quote), &n);
    } else {
        bytes = malloc(n);
        assert_non_null(bytes);
        for (size_t i = 0; i < n; i++)
            bytes[i] = (uint8_t)json_integer_value(json_array_get(quote, i));
    }
    assert_ok(quote_read(&q, slice_of(bytes, n), NULL));
    assert_true(quote_is_tdx(&q));
    td_report_read(td, q.body);
    free(bytes);
}

static json_t *vector_log(const char *name)
{
    const char *path = test_vectors(name);
    return path ? vector_file(path) : NULL;
}

/* GetQuote answers with the log as a string, tcb_info has the array. */
static json_t *log_of(const json_t *file)
{
    json_t *log = vector_member(file, "event_log");
    return json_is_string(log) ? json_loads(json_string_value(log), 0, NULL) : json_incref(log);
}

enum { REPORT, LITE, NEAR, REAL };

static const struct {
    const char *log, *quote;
    size_t events, ready_at;
    const char *compose_hash, *os_image_hash, *key_provider; /* their beginnings */
} real[REAL] = {
    [REPORT] = {"dcap/eventlog/dstack-quote-report.json", NULL, 28, 26, "3763bc34552cf3a27ff71ad5",
                NULL, "local-sgx:1b7a4937840324"},
    [LITE] = {"dcap/eventlog/dstack-tdx-lite-getquote.json", NULL, 29, 28,
              "86b0e55f2fa8e4fb69d890f1", "07a2388c7a6a1b6a646d443f", "kms:3059301306072a8648ce"},
    [NEAR] = {"dcap/eventlog/near-mpc-tcb-info.json", "dcap/eventlog/near-mpc-quote.json", 29, 27,
              "2911e1f733466216dedb862d6d669e11256ee7a34ce4dbc66c4b807ba7a9c895", NULL,
              "local-sgx:6b5ed02e549a1c"},
};

static bool real_fixture(struct fixture *f, size_t i)
{
    json_t *file = vector_log(real[i].log);
    if (!file)
        return false;
    json_t *other = real[i].quote ? vector_log(real[i].quote) : NULL;
    *f = (struct fixture){.log = log_of(file)};
    real_report(&f->td, other ? other : vector_member(file, "quote"));
    json_decref(other);
    json_decref(file);
    return true;
}

static void assert_prefix(slice s, const char *hex)
{
    char text_of[512];
    assert_true(2 * s.n < sizeof text_of);
    hex_text(text_of, s.p, s.n);
    if (!slice_starts(slice_str(text_of), slice_str(hex)))
        fail_msg("%s, not %s", text_of, hex);
}

static void real_logs_replay(void **state)
{
    (void)state;
    for (size_t i = 0; i < REAL; i++) {
        struct fixture f;
        struct eventlog e;
        if (!real_fixture(&f, i))
            skip();
        assert_ok(read_log(&e, f.log));
        assert_ok(eventlog_check(&e, &f.td, NULL));
        assert_int_equal(e.event_count, real[i].events);
        assert_int_equal(e.ready_at, real[i].ready_at);
        assert_int_equal(e.app_id.n, 20);
        assert_true(slice_starts(e.compose_hash, e.app_id));
        assert_int_equal(e.instance_id.n, i == NEAR ? 0 : 20);
        assert_non_null(e.instance_id.p);
        assert_true(slice_starts(e.key_provider_name, slice_str(real[i].key_provider)));
        assert_int_equal(e.os_image_hash.p != NULL, real[i].os_image_hash != NULL);
        if (real[i].os_image_hash)
            assert_prefix(e.os_image_hash, real[i].os_image_hash);
        assert_prefix(e.compose_hash, real[i].compose_hash);
        eventlog_finish(&e);
        json_decref(f.log);
    }
}

static void compose_files(void **state)
{
    (void)state;
    static const char *const files[] = {"dcap/eventlog/dstack-app-compose.json",
                                        "dcap/eventlog/near-mpc-app-compose.json"};
    for (size_t k = 0; k < 2; k++) {
        size_t n = 0;
        uint8_t *compose = test_file(test_vectors(files[k]), &n);
        if (!compose)
            skip();
        /* The first belongs to none of the three logs. */
        for (size_t i = 0; i < REAL; i++) {
            struct fixture f;
            struct eventlog e;
            assert_true(real_fixture(&f, i));
            assert_ok(read_log(&e, f.log));
            assert_int_equal(eventlog_compose_ok(&e, slice_of(compose, n)), k == 1 && i == NEAR);
            assert_false(eventlog_compose_ok(&e, slice_of(compose, n - 1)));
            eventlog_finish(&e);
            json_decref(f.log);
        }
        free(compose);
    }
}

static void one_change_of_a_real_log(void **state)
{
    (void)state;
    for (size_t i = 0; i < REAL; i++) {
        struct fixture f;
        if (!real_fixture(&f, i))
            skip();
        every_change(&f);
        json_decref(f.log);
    }
}

static void small_log_replays(void **state)
{
    (void)state;
    json_t *file = small_file();
    struct fixture f = small_fixture(file);
    struct eventlog e;
    assert_ok(read_log(&e, f.log));
    assert_ok(eventlog_check(&e, &f.td, NULL));
    for (size_t i = 0; i < 4; i++)
        assert_memory_equal(e.rtmr[i], f.td.rtmr[i], 48);
    const char *compose = vector_str(file, "compose");
    assert_true(eventlog_compose_ok(&e, slice_str(compose)));
    assert_false(eventlog_compose_ok(&e, slice_of(compose, strlen(compose) - 1)));
    assert_int_equal(e.app_id.n, 20);
    assert_int_equal(e.instance_id.n, 20);
    assert_int_equal(e.os_image_hash.n, 32);
    assert_true(slice_eq_str(e.key_provider, "{\"name\":\"kms\",\"id\":\"3059\"}"));
    assert_true(slice_eq_str(e.key_provider_name, vector_str(file, "key_provider")));
    assert_int_equal(e.ready_at, 19);
    assert_int_equal(e.event_count, 24);
    eventlog_finish(&e);
    eventlog_finish(NULL);
    json_decref(file);
}

static void one_change_of_the_small_log(void **state)
{
    (void)state;
    json_t *file = small_file();
    struct fixture f = small_fixture(file);
    every_change(&f);
    json_decref(file);
}

static void each_rtmr_counts(void **state)
{
    (void)state;
    json_t *file = small_file();
    struct fixture f = small_fixture(file);
    struct eventlog e;
    assert_ok(read_log(&e, f.log));
    for (size_t i = 0; i < 4; i++)
        for (size_t bit = 0; bit < 384; bit++) {
            struct td_report td = f.td;
            struct tl_why why = {0};
            td.rtmr[i][bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_err(eventlog_check(&e, &td, &why), TL_E_EVIDENCE);
            char name[] = "RTMR0";
            name[4] = (char)('0' + i);
            assert_non_null(strstr(why.text, name));
        }
    eventlog_finish(&e);
    json_decref(file);
}

static void allocations_fail(void **state)
{
    (void)state;
    json_t *file = small_file();
    struct fixture f = small_fixture(file);
    char *bytes = json_dumps(f.log, JSON_COMPACT);
    assert_non_null(bytes);
    size_t n = 1;
    for (;; n++) {
        struct eventlog e, before;
        memset(&e, 0x55, sizeof e);
        memcpy(&before, &e, sizeof e);
        test_fail_alloc(n);
        tl_err err = eventlog_read(&e, slice_str(bytes), NULL);
        test_fail_alloc(0);
        if (err == TL_OK) {
            eventlog_finish(&e);
            break;
        }
        assert_err(err, TL_E_MEMORY);
        assert_memory_equal(&e, &before, sizeof e);
    }
    assert_true(n > 4);
    free(bytes);
    json_decref(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_log_replays),        cmocka_unit_test(one_change_of_the_small_log),
        cmocka_unit_test(each_rtmr_counts),         cmocka_unit_test(allocations_fail),
        cmocka_unit_test(real_logs_replay),         cmocka_unit_test(compose_files),
        cmocka_unit_test(one_change_of_a_real_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
