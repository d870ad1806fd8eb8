#include "testlib.h"
#include "vector_json.h"

#include "tlog/heads.h"

static hash32 encoded_leaf_hash(const struct head *h)
{
    buf b;
    buf_init(&b, 1 << 20);
    cbor_put_array(&b, 4);
    cbor_put_text(&b, h->subject);
    cbor_put_uint(&b, h->count);
    cbor_put_uint(&b, h->last_index);
    cbor_put_bytes(&b, hash_slice(&h->last_hash));
    assert_ok(buf_err(&b));
    hash32 leaf = merkle_leaf_hash(buf_slice(&b));
    buf_finish(&b);
    return leaf;
}

/* Every length of a text's head, and of the integers. */
static void leaf_hashes(void **state)
{
    (void)state;
    static char subject[70000];
    memset(subject, 'a', sizeof subject);
    const size_t lengths[] = {0, 1, 23, 24, 128, 255, 256, 65535, 65536, sizeof subject};
    const uint64_t values[] = {0, 23, 24, 255, 256, 65536, UINT64_C(1) << 32, TL_INT_MAX};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        for (size_t j = 0; j < sizeof values / sizeof values[0]; j++) {
            struct head h = {slice_of(subject, lengths[i]), values[j], values[7 - j],
                             merkle_empty_root()};
            hash32 want = encoded_leaf_hash(&h), got = head_leaf_hash(&h);
            assert_true(hash_eq(&want, &got));
        }
    }
}

/* Each member counts. */
static void leaf_hashes_differ(void **state)
{
    (void)state;
    struct head h = {slice_str("agent"), 3, 9, merkle_empty_root()}, other = h;
    hash32 a = head_leaf_hash(&h), b;
    other.subject = slice_str("agenu");
    b = head_leaf_hash(&other);
    assert_false(hash_eq(&a, &b));
    other = h;
    other.count = 4;
    b = head_leaf_hash(&other);
    assert_false(hash_eq(&a, &b));
    other = h;
    other.last_index = 10;
    b = head_leaf_hash(&other);
    assert_false(hash_eq(&a, &b));
    other = h;
    other.last_hash.b[31] ^= 1;
    b = head_leaf_hash(&other);
    assert_false(hash_eq(&a, &b));
}

/* C["agent:1", 300, 70000, H("")] by hand. */
static void known_leaf(void **state)
{
    (void)state;
    const struct head h = {slice_str("agent:1"), 300, 70000, merkle_empty_root()};
    size_t n;
    uint8_t *bytes = test_hex("00"
                              "84676167656e743a3119012c1a000111705820"
                              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                              &n);
    hash32 want = sha256(slice_of(bytes, n)), got = head_leaf_hash(&h);
    assert_true(hash_eq(&want, &got));
    free(bytes);
}

static tl_err read_hex(struct heads *out, const char *hex)
{
    size_t n;
    uint8_t *bytes = test_hex(hex, &n);
    cbor c = cbor_of(slice_of(bytes, n));
    heads_read(&c, out);
    tl_err err = cbor_end(&c);
    free(bytes);
    return err;
}

#define ROOT "5820e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void reads(void **state)
{
    (void)state;
    struct heads h;
    hash32 empty = merkle_empty_root();
    assert_ok(read_hex(&h, "830000" ROOT));
    assert_true(h.size == 0 && h.n == 0 && hash_eq(&h.root, &empty));
    assert_ok(read_hex(&h, "831901001b001fffffffffffff" ROOT));
    assert_true(h.size == 256 && h.n == TL_INT_MAX);
    uint8_t mem[64];
    buf b;
    buf_init_fixed(&b, mem, sizeof mem);
    heads_put(&b, &h);
    size_t n;
    uint8_t *want = test_hex("831901001b001fffffffffffff" ROOT, &n);
    assert_true(slice_eq(buf_slice(&b), slice_of(want, n)));
    free(want);
}

static void refuses(void **state)
{
    (void)state;
    struct heads h, before;
    memset(&h, 0xaa, sizeof h);
    before = h;
    assert_err(read_hex(&h, "820000"), TL_E_TYPE);
    assert_err(read_hex(&h, "84000000" ROOT), TL_E_TYPE);
    assert_err(read_hex(&h, "832000" ROOT), TL_E_TYPE);
    assert_err(read_hex(&h, "830020" ROOT), TL_E_TYPE);
    assert_err(read_hex(&h, "83001b0020000000000000" ROOT), TL_E_RANGE);
    assert_err(read_hex(&h, "831b002000000000000000" ROOT), TL_E_RANGE);
    assert_err(read_hex(&h, "8300004100"), TL_E_RANGE);
    assert_err(read_hex(&h, "83000060"), TL_E_TYPE);
    assert_err(read_hex(&h, "830000f6"), TL_E_TYPE);
    assert_err(read_hex(&h, "8300"), TL_E_SHORT);
    assert_memory_equal(&h, &before, sizeof h);
}

static void order(void **state)
{
    (void)state;
    struct head h[] = {{.subject = slice_str("b")},
                       {.subject = slice_str("a:b")},
                       {.subject = slice_str("aa")},
                       {.subject = slice_str("B")},
                       {.subject = slice_str("a")}};
    const char *want[] = {"B", "a", "a:b", "aa", "b"};
    qsort(h, 5, sizeof h[0], head_cmp);
    for (size_t i = 0; i < 5; i++)
        assert_true(slice_eq_str(h[i].subject, want[i]));
    assert_int_equal(head_cmp(&h[0], &h[0]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaf_hashes), cmocka_unit_test(leaf_hashes_differ),
        cmocka_unit_test(known_leaf),  cmocka_unit_test(reads),
        cmocka_unit_test(refuses),     cmocka_unit_test(order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
