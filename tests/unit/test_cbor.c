#include "testlib.h"

#include "cbor_copy.h"
#include "codec/cbor.h"

#include <jansson.h>

#define HEX(name, text)                                                                            \
    size_t name##_n;                                                                               \
    uint8_t *name = test_hex(text, &name##_n)

/* Reads hex as one item to the end; where it is taken, it must encode to the
 * same bytes again. */
static tl_err item_error(const char *hex)
{
    HEX(in, hex);
    cbor c = cbor_of(slice_of(in, in_n));
    slice item = cbor_item(&c);
    tl_err err = cbor_end(&c);
    if (err == TL_OK) {
        assert_int_equal(item.n, in_n);
        buf b;
        buf_init(&b, in_n);
        cbor again = cbor_of(item);
        cbor_copy(&b, &again);
        assert_ok(cbor_end(&again));
        assert_ok(buf_err(&b));
        assert_true(slice_eq(buf_slice(&b), item));
        buf_finish(&b);
    }
    free(in);
    return err;
}

static json_t *load(const char *path)
{
    json_error_t e;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &e);
    if (!root)
        fail_msg("%s: %s", path, e.text);
    return root;
}

static void own_vectors(void **state)
{
    (void)state;
    json_t *root = load(test_source("vectors/cbor.json")), *v;
    size_t i;
    json_array_foreach(json_object_get(root, "items"), i, v)
    {
        const char *want = json_string_value(json_object_get(v, "error"));
        const char *got = tl_err_name(item_error(json_string_value(json_object_get(v, "hex"))));
        if (strcmp(got, want ? want : "OK") != 0)
            fail_msg("%s: %s, not %s", json_string_value(json_object_get(v, "name")), got,
                     want ? want : "OK");
    }
    assert_true(i > 100);
    json_decref(root);
}

/* Why teelog refuses an example of RFC 8949 appendix A; TL_OK where it does not. */
static tl_err appendix_want(const char *hex)
{
    static const struct {
        const char *prefix;
        tl_err err;
    } table[] = {
        {"1bffffffffffffffff", TL_E_RANGE}, /* beyond 2^53 - 1 */
        {"3bffffffffffffffff", TL_E_RANGE},
        {"c", TL_E_TYPE},  /* dates and bignums */
        {"d7", TL_E_TYPE}, /* other tags */
        {"d8", TL_E_TYPE},
        {"f9", TL_E_TYPE}, /* floats */
        {"fa", TL_E_TYPE},
        {"fb", TL_E_TYPE},
        {"f7", TL_E_TYPE}, /* undefined */
        {"f0", TL_E_TYPE}, /* simple values */
        {"f8", TL_E_TYPE},
        {"5f", TL_E_CBOR}, /* indefinite lengths */
        {"7f", TL_E_CBOR},
        {"9f", TL_E_CBOR},
        {"bf", TL_E_CBOR},
        {"83018202039f", TL_E_CBOR},
        {"83019f", TL_E_CBOR},
        {"826161bf", TL_E_CBOR},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strncmp(hex, table[i].prefix, strlen(table[i].prefix)) == 0)
            return table[i].err;
    return TL_OK;
}

static void rfc8949_appendix_a(void **state)
{
    (void)state;
    const char *path = test_vectors("tlog/cbor/appendix_a.json");
    if (!path)
        skip();
    json_t *root = load(path), *v;
    size_t i, taken = 0;
    json_array_foreach(root, i, v)
    {
        const char *hex = json_string_value(json_object_get(v, "hex"));
        tl_err err = item_error(hex), want = appendix_want(hex);
        if (err != want)
            fail_msg("%s: %s, not %s", hex, tl_err_name(err), tl_err_name(want));
        taken += err == TL_OK;
    }
    assert_int_equal(i, 82);
    assert_int_equal(taken, 35);
    json_decref(root);
}

/* Runs `call` over the bytes of hex; the result must be err, and where it is
 * not TL_OK the reader must give nothing more. */
#define READS(hex, call, want_err)                                                                 \
    do {                                                                                           \
        HEX(in_, hex);                                                                             \
        cbor c_ = cbor_of(slice_of(in_, in__n)), *c = &c_;                                         \
        call;                                                                                      \
        assert_err(cbor_end(c), want_err);                                                         \
        if ((want_err) != TL_OK && (want_err) != TL_E_TRAILING) {                                  \
            assert_int_equal(cbor_peek(c), CBOR_NONE);                                             \
            assert_int_equal(cbor_bytes(c).n, 0);                                                  \
            assert_err(cbor_end(c), want_err);                                                     \
        }                                                                                          \
        free(in_);                                                                                 \
    } while (0)

static void integers(void **state)
{
    (void)state;
    READS("17", assert_true(cbor_uint(c, 23) == 23), TL_OK);
    READS("17", assert_true(cbor_uint(c, 22) == 0), TL_E_RANGE);
    READS("1bffffffffffffffff", assert_true(cbor_uint(c, UINT64_MAX) == UINT64_MAX), TL_OK);
    READS("1b0020000000000000", assert_true(cbor_uint(c, TL_INT_MAX) == 0), TL_E_RANGE);
    READS("20", assert_true(cbor_uint(c, 9) == 0), TL_E_TYPE);
    READS("60", assert_true(cbor_uint(c, 9) == 0), TL_E_TYPE);
    READS("", assert_true(cbor_uint(c, 9) == 0), TL_E_SHORT);
    READS("18", assert_true(cbor_uint(c, 99) == 0), TL_E_SHORT);
    READS("1817", assert_true(cbor_uint(c, 99) == 0), TL_E_CBOR);
    READS("1c", assert_true(cbor_uint(c, 99) == 0), TL_E_CBOR);
    READS("1b001fffffffffffff", assert_true(cbor_int(c) == (int64_t)TL_INT_MAX), TL_OK);
    READS("1b0020000000000000", assert_true(cbor_int(c) == 0), TL_E_RANGE);
    READS("3b001ffffffffffffe", assert_true(cbor_int(c) == -(int64_t)TL_INT_MAX), TL_OK);
    READS("3b001fffffffffffff", assert_true(cbor_int(c) == 0), TL_E_RANGE);
    READS("3bffffffffffffffff", assert_true(cbor_int(c) == 0), TL_E_RANGE);
    READS("26", assert_true(cbor_int(c) == -7), TL_OK);
    READS("40", assert_true(cbor_int(c) == 0), TL_E_TYPE);
    READS("f6", assert_true(cbor_int(c) == 0), TL_E_TYPE);
    READS("0000", assert_true(cbor_int(c) == 0), TL_E_TRAILING);
}

static void simple_values(void **state)
{
    (void)state;
    READS("f4", assert_false(cbor_bool(c)), TL_OK);
    READS("f5", assert_true(cbor_bool(c)), TL_OK);
    READS("f6", assert_false(cbor_bool(c)), TL_E_TYPE);
    READS("01", assert_false(cbor_bool(c)), TL_E_TYPE);
    READS("", assert_false(cbor_bool(c)), TL_E_SHORT);
    READS("f6", assert_true(cbor_try_null(c)), TL_OK);
    READS("f7", assert_false(cbor_try_null(c)), TL_E_TRAILING);
    READS("", assert_false(cbor_try_null(c)), TL_OK);
    READS("f601", assert_true(cbor_try_null(c)), TL_E_TRAILING);
}

static void strings(void **state)
{
    (void)state;
    uint8_t out[2] = {9, 9};
    READS("42aabb", assert_memory_equal(cbor_bytes(c).p, "\xaa\xbb", 2), TL_OK);
    READS("40", assert_int_equal(cbor_bytes(c).n, 0), TL_OK);
    READS("62aabb", assert_null(cbor_bytes(c).p), TL_E_TYPE);
    READS("42aa", assert_null(cbor_bytes(c).p), TL_E_SHORT);
    READS("5bffffffffffffffff", assert_null(cbor_bytes(c).p), TL_E_SHORT);
    READS("42aabb", cbor_bytes_copy(c, out, 2), TL_OK);
    assert_memory_equal(out, "\xaa\xbb", 2);
    READS("41cc", cbor_bytes_copy(c, out, 2), TL_E_RANGE);
    assert_memory_equal(out, "\0\0", 2);
    READS("43aabbcc", cbor_bytes_copy(c, out, 2), TL_E_RANGE);
    assert_memory_equal(out, "\0\0", 2);
    READS("6161", cbor_bytes_copy(c, out, 2), TL_E_TYPE);
    READS("63e282ac", assert_int_equal(cbor_text(c).n, 3), TL_OK);
    READS("62c328", assert_null(cbor_text(c).p), TL_E_UTF8);
    READS("43e282ac", assert_null(cbor_text(c).p), TL_E_TYPE);
}

static void containers_and_tags(void **state)
{
    (void)state;
    READS("80", assert_int_equal(cbor_array(c), 0), TL_OK);
    READS("820000", assert_int_equal(cbor_array(c), 2), TL_E_TRAILING);
    READS("8200", assert_int_equal(cbor_array(c), 0), TL_E_SHORT);
    READS("a0", assert_int_equal(cbor_array(c), 0), TL_E_TYPE);
    READS("9bffffffffffffffff", assert_int_equal(cbor_array(c), 0), TL_E_SHORT);
    READS("a10000", assert_int_equal(cbor_map(c), 1), TL_E_TRAILING);
    READS("a100", assert_int_equal(cbor_map(c), 0), TL_E_SHORT);
    READS("a200000001", assert_int_equal(cbor_map(c), 2), TL_E_TRAILING);
    READS("a2000000", assert_int_equal(cbor_map(c), 0), TL_E_SHORT);
    READS("bb8000000000000000", assert_int_equal(cbor_map(c), 0), TL_E_SHORT);
    READS("80", assert_int_equal(cbor_map(c), 0), TL_E_TYPE);
    READS("8100", (cbor_array_of(c, 1), (void)cbor_int(c)), TL_OK);
    READS("8100", cbor_array_of(c, 2), TL_E_TYPE);
    READS("80", cbor_array_of(c, 0), TL_OK);
    READS("a10000", (cbor_map_of(c, 1), (void)cbor_int(c), (void)cbor_int(c)), TL_OK);
    READS("a10000", cbor_map_of(c, 2), TL_E_TYPE);
    READS("d2", cbor_tag(c, 18), TL_OK);
    READS("d2", cbor_tag(c, 17), TL_E_TYPE);
    READS("d812", cbor_tag(c, 18), TL_E_CBOR);
    READS("12", cbor_tag(c, 18), TL_E_TYPE);
}

static void labels(void **state)
{
    (void)state;
    slice order = {NULL, 0};
    READS("0118182039ffff",
          (assert_int_equal(cbor_label(c, &order), 1), assert_int_equal(cbor_label(c, &order), 24),
           assert_int_equal(cbor_label(c, &order), -1),
           assert_int_equal(cbor_label(c, &order), -65536)),
          TL_OK);
    order = (slice){NULL, 0};
    READS("0101", (cbor_label_is(c, &order, 1), cbor_label_is(c, &order, 1)), TL_E_CBOR);
    order = (slice){NULL, 0};
    READS("0201", (cbor_label_is(c, &order, 2), cbor_label_is(c, &order, 1)), TL_E_CBOR);
    order = (slice){NULL, 0};
    READS("201818", (cbor_label_is(c, &order, -1), cbor_label_is(c, &order, 24)), TL_E_CBOR);
    order = (slice){NULL, 0};
    READS("02", cbor_label_is(c, &order, 1), TL_E_TYPE);
    order = (slice){NULL, 0};
    READS("6161", cbor_label_is(c, &order, 0), TL_E_TYPE);
    assert_null(order.p);
    READS("", cbor_label_is(c, &order, 0), TL_E_SHORT);
}

static void first_error_stays(void **state)
{
    (void)state;
    HEX(in, "00");
    cbor c = cbor_of(slice_of(in, in_n));
    assert_int_equal(cbor_peek(&c), CBOR_UINT);
    cbor_fail(&c, TL_E_BODY);
    cbor_fail(&c, TL_E_KEY);
    assert_err(cbor_end(&c), TL_E_BODY);
    assert_true(cbor_uint(&c, 9) == 0);
    assert_err(cbor_end(&c), TL_E_BODY);
    assert_null(cbor_item(&c).p);
    free(in);
}

/* An item inside a sequence: the rest stays to be read. */
static void items_follow_one_another(void **state)
{
    (void)state;
    HEX(in, "8101a0f6");
    cbor c = cbor_of(slice_of(in, in_n));
    slice first = cbor_item(&c), second = cbor_item(&c);
    assert_int_equal(first.n, 2);
    assert_ptr_equal(first.p, in);
    assert_int_equal(second.n, 1);
    assert_true(cbor_try_null(&c));
    assert_ok(cbor_end(&c));
    free(in);
}

static void encodes(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, 200);
    cbor_put_tag(&b, 18);
    cbor_put_array(&b, 24);
    cbor_put_map(&b, 256);
    cbor_put_uint(&b, 65535);
    cbor_put_uint(&b, 65536);
    cbor_put_uint(&b, UINT32_MAX);
    cbor_put_uint(&b, UINT64_C(1) << 32);
    cbor_put_uint(&b, 255);
    cbor_put_int(&b, INT64_MIN);
    cbor_put_int(&b, -70001);
    cbor_put_int(&b, 23);
    cbor_put_bytes(&b, slice_str("ab"));
    cbor_put_bytes(&b, (slice){NULL, 0});
    cbor_put_str(&b, "c");
    cbor_put_text(&b, slice_str("de"));
    cbor_put_null(&b);
    cbor_put_bool(&b, true);
    cbor_put_bool(&b, false);
    HEX(want, "d29818b9010019ffff1a000100001affffffff1b000000010000000018ff3b7fffffffffffffff"
              "3a000111701742616240616362"
              "6465f6f5f4");
    assert_ok(buf_err(&b));
    assert_int_equal(b.n, want_n);
    assert_memory_equal(b.p, want, want_n);
    free(want);
    buf_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_vectors),
        cmocka_unit_test(rfc8949_appendix_a),
        cmocka_unit_test(integers),
        cmocka_unit_test(simple_values),
        cmocka_unit_test(strings),
        cmocka_unit_test(containers_and_tags),
        cmocka_unit_test(labels),
        cmocka_unit_test(first_error_stays),
        cmocka_unit_test(items_follow_one_another),
        cmocka_unit_test(encodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
