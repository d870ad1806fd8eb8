#include "testlib.h"

#include "tlog/merkle.h"

static void sizes_agree(void **state)
{
    (void)state;
    hash32 leaves[300], path[MERKLE_MAX_PATH];
    struct merkle_leaves all = {leaves, 300};
    struct merkle_nodes nodes = {merkle_leaves_get, &all};
    struct merkle_frontier f = {0};
    for (size_t i = 0; i < 300; i++) {
        char text[16];
        snprintf(text, sizeof text, "leaf %zu", i);
        leaves[i] = merkle_leaf_hash(slice_str(text));
        merkle_frontier_add(&f, &leaves[i]);
        hash32 a = merkle_frontier_root(&f), b;
        assert_ok(merkle_root(&nodes, i + 1, &b));
        assert_true(hash_eq(&a, &b));
        size_t n;
        assert_ok(merkle_prove_inclusion(&nodes, i / 2, i + 1, path, &n));
        assert_ok(merkle_verify_inclusion(i / 2, i + 1, &leaves[i / 2], path, n, &a));
        hash32 old;
        assert_ok(merkle_root(&nodes, i / 2 + 1, &old));
        assert_ok(merkle_prove_consistency(&nodes, i / 2 + 1, i + 1, path, &n));
        assert_ok(merkle_verify_consistency(i / 2 + 1, i + 1, &old, &a, path, n));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
