#include "faults.h"
#include "tlog/statement.h"

static json_t *vectors;

static int load(void **state)
{
    (void)state;
    vectors = vector_file(test_source("vectors/statement.json"));
    return 0;
}

static int unload(void **state)
{
    (void)state;
    json_decref(vectors);
    return 0;
}

static slice str_of(const json_t *v, const char *key)
{
    return slice_str(vector_str(v, key));
}

static void check_fields(const struct statement *st, const json_t *v)
{
    assert_int_equal(st->alg, json_integer_value(vector_member(v, "alg")));
    assert_hex(hash_slice(&st->kid), vector_str(v, "kid"));
    assert_slice(st->origin, str_of(vectors, "origin"));
    assert_slice(st->subject, str_of(v, "subject"));
    assert_slice(st->type, str_of(v, "type"));
    assert_int_equal(st->seq, vector_int(v, "seq"));
    assert_int_equal(st->time_ms, vector_int(v, "time_ms"));
    assert_int_equal(st->session, vector_int(v, "session"));
    assert_int_equal(st->has_prev, !json_is_null(vector_member(v, "prev")));
    if (st->has_prev)
        assert_hex(hash_slice(&st->prev), vector_str(v, "prev"));
    assert_int_equal(st->has_ref, !json_is_null(vector_member(v, "ref")));
    if (st->has_ref)
        assert_int_equal(st->ref, vector_int(v, "ref"));
    assert_hex(hash_slice(&st->payload), vector_str(v, "payload"));
    assert_hex(SLICE_ARRAY(st->signature), vector_str(v, "signature"));
    assert_hex(st->protected_header, vector_str(v, "header"));
}

/* What was read, written again. */
static void assert_written_again(const struct statement *st, slice statement)
{
    buf header, whole;
    buf_init(&header, STATEMENT_MAX);
    buf_init(&whole, STATEMENT_MAX);
    statement_header_put(&header, st);
    statement_put(&whole, buf_slice(&header), &st->payload, st->signature);
    assert_ok(buf_err(&header));
    assert_ok(buf_err(&whole));
    assert_slice(buf_slice(&whole), statement);
    buf_finish(&header);
    buf_finish(&whole);
}

static void reads_and_writes(void **state)
{
    (void)state;
    const char *name;
    json_t *v;
    size_t count = 0;
    json_object_foreach(vector_member(vectors, "statements"), name, v)
    {
        struct bytes in = bytes_of(v, "statement");
        struct statement st;
        assert_ok(statement_read(&st, bytes_slice(in)));
        check_fields(&st, v);
        hash32 digest = statement_digest(st.protected_header, &st.payload);
        assert_hex(hash_slice(&digest), vector_str(v, "digest"));
        assert_written_again(&st, bytes_slice(in));
        free(in.p);
        count++;
    }
    assert_int_equal(count, 9);
}

static struct bytes vector_statement(const char *name)
{
    return bytes_of(vector_member(vector_member(vectors, "statements"), name), "statement");
}

static void knows_the_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum statement_kind kind;
        bool service;
    } want[] = {
        {"genesis", ST_BOOT, true},     {"heads", ST_HEADS, true}, {"erasure", ST_ERASURE, true},
        {"session", ST_SESSION, false}, {"end", ST_END, false},    {"record", ST_RECORD, false},
        {"longest", ST_RECORD, false},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        struct bytes in = vector_statement(want[i].name);
        struct statement st;
        assert_ok(statement_read(&st, bytes_slice(in)));
        assert_int_equal(st.kind, want[i].kind);
        assert_int_equal(st.service, want[i].service);
        if (st.kind != ST_RECORD)
            assert_slice(st.type, slice_str(statement_kind_type(st.kind)));
        free(in.p);
    }
}

static tl_err read_error(slice s, const json_t *fault)
{
    (void)fault;
    struct statement st, before;
    memset(&st, 0xa5, sizeof st);
    memcpy(&before, &st, sizeof st);
    tl_err err = statement_read(&st, s);
    if (err != TL_OK)
        assert_memory_equal(&st, &before, sizeof st);
    return err;
}

static void refuses_faults(void **state)
{
    (void)state;
    json_t *v = vector_file(test_source("vectors/statement_refused.json"));
    check_faults(v, 250, read_error);
    json_decref(v);
}

static void refuses_every_cut(void **state)
{
    (void)state;
    struct bytes in = vector_statement("record with ref");
    for (size_t n = 0; n < in.n; n++) {
        struct bytes cut = bytes_copy(slice_of(in.p, n));
        assert_err(read_error(bytes_slice(cut), NULL), TL_E_SHORT);
        free(cut.p);
    }
    free(in.p);
}

/* A statement has one encoding: whatever is taken is written alike. */
static void flips_are_refused_or_canonical(void **state)
{
    (void)state;
    struct bytes in = vector_statement("record with ref");
    size_t taken = 0;
    for (size_t bit = 0; bit < in.n * 8; bit++) {
        in.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct statement st;
        if (statement_read(&st, bytes_slice(in)) == TL_OK) {
            assert_written_again(&st, bytes_slice(in));
            taken++;
        }
        in.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    /* Digests, signature and numbers may be anything; the rest may not. */
    assert_in_range(taken, (32 + 32 + 32 + 64) * 8, in.n * 8 / 2 + 600);
    free(in.p);
}

/* Nothing may be longer than STATEMENT_MAX, by the limits of its fields. */
static void longest_is_below_the_limit(void **state)
{
    (void)state;
    struct bytes in = vector_statement("longest");
    assert_in_range(in.n, 500, 1000); /* every field but the origin at its limit */
    free(in.p);
    buf b;
    buf_init(&b, 2 * STATEMENT_MAX);
    uint8_t *big = calloc(1, STATEMENT_MAX);
    assert_non_null(big);
    const uint8_t signature[64] = {0};
    cose_sign1_put(&b, slice_of(big, STATEMENT_MAX), slice_of(big, 32), signature);
    assert_ok(buf_err(&b));
    assert_err(read_error(buf_slice(&b), NULL), TL_E_TYPE);
    buf_reset(&b);
    cose_sign1_put(&b, slice_of(big, 200), slice_of(big, STATEMENT_MAX), signature);
    assert_err(read_error(buf_slice(&b), NULL), TL_E_STATEMENT);
    free(big);
    buf_finish(&b);
}

static void names_keep_to_their_alphabets(void **state)
{
    (void)state;
    char id[256] = "", type[256] = "";
    for (int c = 0; c < 256; c++) {
        uint8_t one = (uint8_t)c;
        slice s = slice_of(&one, 1);
        if (origin_valid(s))
            id[strlen(id)] = (char)c;
        if (record_type_valid(s))
            type[strlen(type)] = (char)c;
        assert_int_equal(agent_id_valid(s, slice_str("origin")), origin_valid(s));
    }
    assert_string_equal(id, "-./0123456789:@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz");
    assert_string_equal(type,
                        " -./0123456789:ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz");
}

static void names_keep_to_their_lengths(void **state)
{
    (void)state;
    uint8_t name[SUBJECT_MAX + 1];
    memset(name, 'n', sizeof name);
    slice origin = slice_str("origin"), empty = {NULL, 0};
    assert_true(origin_valid(slice_of(name, SUBJECT_MAX)));
    assert_false(origin_valid(slice_of(name, SUBJECT_MAX + 1)));
    assert_false(origin_valid(empty));
    assert_true(agent_id_valid(slice_of(name, SUBJECT_MAX), origin));
    assert_false(agent_id_valid(slice_of(name, SUBJECT_MAX + 1), origin));
    assert_false(agent_id_valid(empty, origin));
    assert_false(agent_id_valid(slice_str("origin"), origin));
    assert_true(record_type_valid(slice_of(name, TYPE_MAX)));
    assert_false(record_type_valid(slice_of(name, TYPE_MAX + 1)));
    assert_false(record_type_valid(empty));
    assert_true(record_type_valid(slice_str("teelog")));
    assert_true(record_type_valid(slice_str("Teelog.boot")));
    assert_false(record_type_valid(slice_str("teelog.")));
    assert_false(record_type_valid(slice_str("teelog.boot")));
}

/* A header of any length is hashed whole (no buffer cuts it off). */
static void digest_takes_any_length(void **state)
{
    (void)state;
    static uint8_t header[70000];
    static const size_t lengths[] = {0, 23, 24, 255, 256, 65535, 65536, 70000};
    hash32 payload = {{7}};
    buf b;
    buf_init(&b, sizeof header + 100);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        slice h = slice_of(header, lengths[i]);
        buf_reset(&b);
        cose_sig_structure_put(&b, h, hash_slice(&payload));
        assert_ok(buf_err(&b));
        hash32 want = sha256(buf_slice(&b)), got = statement_digest(h, &payload);
        assert_true(hash_eq(&want, &got));
    }
    buf_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes),
        cmocka_unit_test(knows_the_kinds),
        cmocka_unit_test(refuses_faults),
        cmocka_unit_test(refuses_every_cut),
        cmocka_unit_test(flips_are_refused_or_canonical),
        cmocka_unit_test(longest_is_below_the_limit),
        cmocka_unit_test(names_keep_to_their_alphabets),
        cmocka_unit_test(names_keep_to_their_lengths),
        cmocka_unit_test(digest_takes_any_length),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
