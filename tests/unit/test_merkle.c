#include "testlib.h"
#include "vector_json.h"

#include "tlog/merkle.h"

#define MANY 300

static hash32 leaves[MANY];
static struct merkle_leaves all = {leaves, MANY};
static const struct merkle_nodes nodes = {merkle_leaves_get, &all};
static json_t *own;

static void fill(const char *name)
{
    for (size_t i = 0; i < MANY; i++) {
        char text[32];
        snprintf(text, sizeof text, "%s %zu", name, i);
        leaves[i] = merkle_leaf_hash(slice_str(text));
    }
}

static int set_up(void **state)
{
    (void)state;
    fill("entry");
    own = vector_file(test_source("vectors/merkle.json"));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    json_decref(own);
    return 0;
}

static hash32 root_of(uint64_t size)
{
    hash32 h;
    assert_ok(merkle_root(&nodes, size, &h));
    return h;
}

static tl_err check_inclusion(const json_t *v)
{
    hash32 path[MERKLE_MAX_PATH];
    size_t n = vector_hashes(path, MERKLE_MAX_PATH, vector_member(v, "path"));
    hash32 leaf = vector_hash(vector_str(v, "leaf")), root = vector_hash(vector_str(v, "root"));
    return merkle_verify_inclusion(vector_int(v, "index"), vector_int(v, "size"), &leaf, path, n,
                                   &root);
}

static tl_err check_consistency(const json_t *v)
{
    hash32 path[MERKLE_MAX_PATH];
    size_t n = vector_hashes(path, MERKLE_MAX_PATH, vector_member(v, "path"));
    hash32 old_root = vector_hash(vector_str(v, "old_root"));
    hash32 new_root = vector_hash(vector_str(v, "new_root"));
    /* No path is NULL, so that reading one that is not there shows. */
    return merkle_verify_consistency(vector_int(v, "old"), vector_int(v, "new"), &old_root,
                                     &new_root, n ? path : NULL, n);
}

static void own_roots(void **state)
{
    (void)state;
    size_t i;
    json_t *v;
    struct merkle_frontier f = {0};
    json_array_foreach(vector_member(own, "leaves"), i, v)
    {
        hash32 want = vector_hash(json_string_value(v));
        assert_true(hash_eq(&leaves[i], &want));
    }
    json_array_foreach(vector_member(own, "roots"), i, v)
    {
        hash32 want = vector_hash(json_string_value(v));
        hash32 a = merkle_frontier_root(&f), b = root_of(i);
        assert_true(hash_eq(&want, &a));
        assert_true(hash_eq(&want, &b));
        assert_int_equal(f.size, i);
        merkle_frontier_add(&f, &leaves[i]);
    }
    assert_true(i > 64);
}

static void same_path(const hash32 *got, size_t n, const json_t *want_array)
{
    hash32 want[MERKLE_MAX_PATH];
    assert_int_equal(n, vector_hashes(want, MERKLE_MAX_PATH, want_array));
    assert_memory_equal(got, want, n * sizeof want[0]);
}

static void inclusion_path_is(uint64_t index, uint64_t size, const json_t *want)
{
    hash32 path[MERKLE_MAX_PATH], root = root_of(size);
    size_t n;
    assert_ok(merkle_prove_inclusion(&nodes, index, size, path, &n));
    same_path(path, n, want);
    assert_ok(merkle_verify_inclusion(index, size, &leaves[index], path, n, &root));
}

static void consistency_path_is(uint64_t m, uint64_t n, const json_t *want)
{
    hash32 path[MERKLE_MAX_PATH], old_root = root_of(m), new_root = root_of(n);
    size_t count;
    assert_ok(merkle_prove_consistency(&nodes, m, n, path, &count));
    same_path(path, count, want);
    assert_ok(merkle_verify_consistency(m, n, &old_root, &new_root, path, count));
}

static void own_proofs(void **state)
{
    (void)state;
    size_t i;
    json_t *v;
    json_array_foreach(vector_member(own, "inclusion"), i, v)
        inclusion_path_is(vector_int(v, "index"), vector_int(v, "size"), vector_member(v, "path"));
    json_array_foreach(vector_member(own, "consistency"), i, v)
        consistency_path_is(vector_int(v, "old"), vector_int(v, "new"), vector_member(v, "path"));
}

static void own_negatives(void **state)
{
    (void)state;
    size_t i;
    json_t *v;
    json_array_foreach(vector_member(own, "bad_inclusion"), i, v)
    {
        if (check_inclusion(v) != TL_E_PROOF)
            fail_msg("accepted: %s", vector_str(v, "name"));
    }
    json_array_foreach(vector_member(own, "bad_consistency"), i, v)
    {
        if (check_consistency(v) != TL_E_PROOF)
            fail_msg("accepted: %s", vector_str(v, "name"));
    }
}

/* Sizes 0 and n == m: what needs no path (a refresh with an equal root is
 * allowed, and every tree grows out of the empty one). */
static void nothing_to_prove(void **state)
{
    (void)state;
    hash32 empty = merkle_empty_root(), root = root_of(5);
    assert_ok(merkle_verify_consistency(0, 0, &empty, &empty, NULL, 0));
    assert_ok(merkle_verify_consistency(0, 5, &empty, &root, NULL, 0));
    assert_ok(merkle_verify_consistency(5, 5, &root, &root, NULL, 0));
}

static void large_sizes(void **state)
{
    (void)state;
    /* The longest path there is: the first leaf of a tree of 2^63 - 1. */
    hash32 path[MERKLE_MAX_PATH + 1], r = leaves[0];
    for (size_t i = 0; i <= MERKLE_MAX_PATH; i++)
        path[i] = leaves[i + 1];
    for (size_t i = 0; i < MERKLE_MAX_PATH; i++)
        r = merkle_node_hash(&r, &path[i]);
    assert_ok(merkle_verify_inclusion(0, INT64_MAX, &leaves[0], path, MERKLE_MAX_PATH, &r));
    r = merkle_node_hash(&r, &path[MERKLE_MAX_PATH]);
    assert_err(merkle_verify_inclusion(0, INT64_MAX, &leaves[0], path, MERKLE_MAX_PATH + 1, &r),
               TL_E_PROOF);
}

static void subtrees_join(void **state)
{
    (void)state;
    for (uint64_t end = 1; end <= 70; end++) {
        for (uint64_t start = 0; start < end; start++) {
            struct merkle_frontier f = {0};
            for (uint64_t i = 0; i < start; i++)
                merkle_frontier_add(&f, &leaves[i]);
            while (f.size < end) {
                unsigned level = merkle_cover_level(f.size, end);
                hash32 part;
                assert_ok(nodes.get(&all, level, f.size >> level, &part));
                /* The largest: one more level is not aligned, or too long. */
                uint64_t twice = UINT64_C(2) << level;
                assert_true(f.size % twice != 0 || f.size + twice > end);
                assert_ok(merkle_frontier_add_subtree(&f, level, &part));
            }
            hash32 a = merkle_frontier_root(&f), b = root_of(end);
            assert_true(hash_eq(&a, &b));
        }
    }
}

static void subtrees_refused(void **state)
{
    (void)state;
    struct merkle_frontier f = {0}, before;
    assert_err(merkle_frontier_add_subtree(&f, 64, &leaves[0]), TL_E_PROOF);
    assert_err(merkle_frontier_add_subtree(&f, 63, &leaves[0]), TL_E_PROOF);
    merkle_frontier_add(&f, &leaves[0]);
    before = f;
    assert_err(merkle_frontier_add_subtree(&f, 1, &leaves[0]), TL_E_PROOF);
    assert_memory_equal(&f, &before, sizeof f);
    /* 2^63 - 1 leaves fit, no more. */
    f = (struct merkle_frontier){0};
    for (unsigned level = 63; level-- > 0;)
        assert_ok(merkle_frontier_add_subtree(&f, level, &leaves[level]));
    assert_int_equal(f.size, INT64_MAX);
    assert_err(merkle_frontier_add_subtree(&f, 0, &leaves[0]), TL_E_PROOF);
}

static tl_err any_node(void *ctx, unsigned level, uint64_t n, hash32 *out)
{
    (void)ctx;
    *out = leaves[(level + n) % MANY];
    return TL_OK;
}

static void proofs_refused(void **state)
{
    (void)state;
    const struct merkle_nodes any = {any_node, NULL};
    hash32 path[MERKLE_MAX_PATH], out;
    size_t n = 77;
    const uint64_t big = UINT64_C(1) << 63;
    assert_err(merkle_prove_inclusion(&any, 5, 5, path, &n), TL_E_RANGE);
    assert_err(merkle_prove_inclusion(&any, 0, big, path, &n), TL_E_RANGE);
    assert_err(merkle_prove_consistency(&any, 0, 5, path, &n), TL_E_RANGE);
    assert_err(merkle_prove_consistency(&any, 6, 5, path, &n), TL_E_RANGE);
    assert_err(merkle_prove_consistency(&any, big, big, path, &n), TL_E_RANGE);
    assert_err(merkle_leaves_get(&all, 0, MANY, &out), TL_E_RANGE);
    assert_err(merkle_leaves_get(&all, 8, 1, &out), TL_E_RANGE);
    assert_err(merkle_leaves_get(&all, 64, 0, &out), TL_E_RANGE);
    assert_int_equal(n, 77);
}

struct failing {
    unsigned calls;
};

static tl_err fail_later(void *ctx, unsigned level, uint64_t n, hash32 *out)
{
    struct failing *f = ctx;
    return f->calls-- == 0 ? TL_E_STORED : merkle_leaves_get(&all, level, n, out);
}

static void missing_nodes(void **state)
{
    (void)state;
    for (unsigned calls = 0; calls < 3; calls++) {
        struct failing f;
        const struct merkle_nodes bad = {fail_later, &f};
        hash32 path[MERKLE_MAX_PATH], out;
        size_t n = 77;
        memset(path, 0xaa, sizeof path);
        memset(&out, 0xaa, sizeof out);
        f.calls = calls;
        assert_err(merkle_prove_inclusion(&bad, 2, 7, path, &n), TL_E_STORED);
        f.calls = calls;
        assert_err(merkle_prove_consistency(&bad, 3, 7, path, &n), TL_E_STORED);
        f.calls = calls;
        assert_err(merkle_root(&bad, 7, &out), TL_E_STORED);
        assert_int_equal(n, 77);
        assert_memory_equal(&path[0], &out, sizeof out);
        assert_int_equal(out.b[31], 0xaa);
    }
}

/* Property tests. A fixed seed: a failure can be looked at again. */
static uint64_t random_state = 88172645463325252u;

static uint64_t random_below(uint64_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % n;
}

struct proof {
    uint64_t a, size; /* index, or the older size */
    size_t n;
    hash32 path[MERKLE_MAX_PATH], first, root;
};

static tl_err verify(bool inclusion, const struct proof *p)
{
    if (inclusion)
        return merkle_verify_inclusion(p->a, p->size, &p->first, p->path, p->n, &p->root);
    return merkle_verify_consistency(p->a, p->size, &p->first, &p->root, p->path, p->n);
}

/* Which side each hash of a path joins on, from the recursive definitions. */
static void shape(char *out, size_t *n, bool inclusion, uint64_t a, uint64_t size, bool whole)
{
    if (inclusion ? size == 1 : a == size) {
        if (!inclusion && !whole)
            out[(*n)++] = 'S';
        return;
    }
    uint64_t k = 1;
    while (k < size - k) /* size may be close to 2^64 */
        k *= 2;
    bool left = inclusion ? a < k : a <= k;
    shape(out, n, inclusion, left ? a : a - k, left ? k : size - k, left && whole);
    out[(*n)++] = left ? 'R' : 'L';
}

/* A path alone does not tell all sizes apart: in trees of 6 and of 7 leaves the
 * first leaf's path joins alike, and so does the one from 4 to either. Whoever
 * trusts a root must know its size by other means (a checkpoint has both). */
static bool same_shape(bool inclusion, const struct proof *p, const struct proof *q)
{
    char x[200], y[200];
    size_t nx = 0, ny = 0;
    if (inclusion ? q->a >= q->size : q->a > q->size || q->a == 0)
        return false;
    shape(x, &nx, inclusion, p->a, p->size, true);
    shape(y, &ny, inclusion, q->a, q->size, true);
    return nx == ny && memcmp(x, y, nx) == 0;
}

static void every_bit(bool inclusion, const struct proof *good)
{
    assert_ok(verify(inclusion, good));
    for (size_t bit = 0; bit < 256; bit++) {
        for (size_t i = 0; i < good->n + 2; i++) {
            struct proof p = *good;
            hash32 *h = i < p.n ? &p.path[i] : i == p.n ? &p.first : &p.root;
            h->b[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_err(verify(inclusion, &p), TL_E_PROOF);
        }
    }
    for (size_t bit = 0; bit < 64; bit++) {
        struct proof p = *good, q = *good;
        p.a ^= UINT64_C(1) << bit;
        assert_err(verify(inclusion, &p), TL_E_PROOF);
        q.size ^= UINT64_C(1) << bit;
        assert_int_equal(verify(inclusion, &q) == TL_OK, same_shape(inclusion, good, &q));
    }
}

static void altered_inclusion(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++) {
        struct proof p = {.size = 1 + random_below(i < 20 ? 9 : MANY)};
        p.a = random_below(p.size);
        p.first = leaves[p.a];
        p.root = root_of(p.size);
        assert_ok(merkle_prove_inclusion(&nodes, p.a, p.size, p.path, &p.n));
        every_bit(true, &p);
    }
}

static void altered_consistency(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++) {
        struct proof p = {.size = 1 + random_below(i < 20 ? 9 : MANY)};
        p.a = 1 + random_below(p.size);
        p.first = root_of(p.a);
        p.root = root_of(p.size);
        assert_ok(merkle_prove_consistency(&nodes, p.a, p.size, p.path, &p.n));
        every_bit(false, &p);
    }
}

static void all_small_proofs(void **state)
{
    (void)state;
    struct proof p;
    for (p.size = 1; p.size <= 40; p.size++) {
        p.root = root_of(p.size);
        for (uint64_t i = 0; i < p.size; i++) {
            p.a = i;
            p.first = leaves[i];
            assert_ok(merkle_prove_inclusion(&nodes, p.a, p.size, p.path, &p.n));
            assert_ok(verify(true, &p));
            p.a = i + 1;
            p.first = root_of(p.a);
            assert_ok(merkle_prove_consistency(&nodes, p.a, p.size, p.path, &p.n));
            assert_ok(verify(false, &p));
        }
    }
}

static void generated_tree(void **state)
{
    (void)state;
    const char *path = test_vectors("tlog/generated/rfc6962-tree.json"), *key;
    if (!path)
        skip();
    json_t *file = vector_file(path), *v;
    size_t i;
    fill("leaf");
    hash32 empty = vector_hash(vector_str(file, "empty_root")), got = merkle_empty_root();
    assert_true(hash_eq(&empty, &got));
    json_object_foreach(vector_member(file, "leaf_hash"), key, v)
    {
        hash32 want = vector_hash(json_string_value(v));
        assert_true(hash_eq(&leaves[atoi(key)], &want));
    }
    json_object_foreach(vector_member(file, "root"), key, v)
    {
        hash32 want = vector_hash(json_string_value(v)), root = root_of((uint64_t)atoi(key));
        assert_true(hash_eq(&root, &want));
    }
    json_array_foreach(vector_member(file, "inclusion"), i, v)
        inclusion_path_is(vector_int(v, "index"), vector_int(v, "size"), vector_member(v, "proof"));
    json_array_foreach(vector_member(file, "consistency"), i, v)
        consistency_path_is(vector_int(v, "old"), vector_int(v, "new"), vector_member(v, "proof"));
    fill("entry");
    json_decref(file);
}

/* The roots that paths lead to, which say nothing by themselves. */
static void roots_of_paths(void **state)
{
    (void)state;
    hash32 a = sha256(slice_str("a")), b = sha256(slice_str("b")), got = b;
    hash32 node = merkle_node_hash(&a, &b);
    assert_ok(merkle_root_of_inclusion(&got, 0, 2, &a, &b, 1));
    assert_true(hash_eq(&got, &node));
    assert_ok(merkle_root_of_consistency(&got, 1, 2, &a, &b, 1));
    assert_true(hash_eq(&got, &node));
    assert_ok(merkle_root_of_consistency(&got, 2, 2, &a, NULL, 0));
    assert_true(hash_eq(&got, &a));
    got = b;
    assert_err(merkle_root_of_consistency(&got, 2, 2, &a, &b, 1), TL_E_PROOF);
    assert_err(merkle_root_of_consistency(&got, 3, 2, &a, NULL, 0), TL_E_PROOF);
    assert_err(merkle_root_of_consistency(&got, 0, 2, &a, NULL, 0), TL_E_PROOF);
    assert_err(merkle_root_of_consistency(&got, 0, 0, &a, NULL, 0), TL_E_PROOF);
    assert_err(merkle_root_of_consistency(&got, 1, 2, &a, NULL, 0), TL_E_PROOF);
    assert_err(merkle_root_of_inclusion(&got, 2, 2, &a, &b, 1), TL_E_PROOF);
    assert_true(hash_eq(&got, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_of_paths),    cmocka_unit_test(own_roots),
        cmocka_unit_test(own_proofs),        cmocka_unit_test(own_negatives),
        cmocka_unit_test(nothing_to_prove),  cmocka_unit_test(large_sizes),
        cmocka_unit_test(subtrees_join),     cmocka_unit_test(subtrees_refused),
        cmocka_unit_test(proofs_refused),    cmocka_unit_test(missing_nodes),
        cmocka_unit_test(altered_inclusion), cmocka_unit_test(altered_consistency),
        cmocka_unit_test(all_small_proofs),  cmocka_unit_test(generated_tree),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
