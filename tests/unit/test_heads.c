#include "testlib.h"

#include "tlog/heads.h"

static void leaf_hash(void **state)
{
    (void)state;
    struct head h = {slice_str("agent:1"), 300, 70000, merkle_empty_root()};
    uint8_t mem[256];
    buf b;
    buf_init_fixed(&b, mem, sizeof mem);
    cbor_put_array(&b, 4);
    cbor_put_text(&b, h.subject);
    cbor_put_uint(&b, h.count);
    cbor_put_uint(&b, h.last_index);
    cbor_put_bytes(&b, hash_slice(&h.last_hash));
    hash32 want = merkle_leaf_hash(buf_slice(&b)), got = head_leaf_hash(&h);
    assert_true(hash_eq(&want, &got));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaf_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
