#include "testlib.h"

#include <jansson.h>

#include "crypto/sign.h"
#include "tlog/checkpoint.h"
#include "tlog/merkle.h"

static void round_trip(void **state)
{
    (void)state;
    uint8_t seed[32] = {7}, public_key[32];
    struct note_key key;
    struct checkpoint c;
    hash32 root = merkle_leaf_hash(slice_str("x"));
    ed25519_public(seed, public_key);
    assert_ok(note_key_make(&key, slice_str("log.example/one"), public_key));
    buf b;
    buf_init(&b, NOTE_MAX);
    assert_ok(checkpoint_sign(&b, slice_str("log.example/one"), 1, &root, &key, seed));
    assert_ok(checkpoint_open(&c, buf_slice(&b), &key));
    assert_int_equal(c.size, 1);
    assert_true(hash_eq(&c.root, &root));
    assert_true(slice_eq_str(c.origin, "log.example/one"));
    buf_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
