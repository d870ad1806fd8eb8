/* The probes of transparency-dev's Merkle library. */
#include "testlib.h"
#include "vector_json.h"

#include <dirent.h>
#include <sys/stat.h>

#include "tlog/merkle.h"

/* Jansson's integers stop at 2^63: these files are read with reals for integers,
 * which hold all of their values exactly, but for one: 2^64 - 1. */
static uint64_t probe_int(const json_t *v, const char *key)
{
    double d = json_real_value(vector_member(v, key));
    return d < 18446744073709551615.0 ? (uint64_t)d : UINT64_MAX;
}

/* Some probes have a hash of no bytes, which ours cannot be: *ok turns false.
 * Other odd lengths stand for any hash, and are filled with zeros. */
static hash32 base64_hash(const json_t *v, bool *ok)
{
    hash32 h = {{0}};
    buf b;
    buf_init_fixed(&b, h.b, sizeof h.b);
    const char *text = json_string_value(v);
    if (text)
        assert_ok(base64_read(&b, slice_str(text)));
    *ok = *ok && b.n;
    return h;
}

static size_t base64_path(hash32 *out, const json_t *v, bool *ok)
{
    const json_t *array = json_object_get(v, "proof"); /* may be null */
    for (size_t i = 0; i < json_array_size(array); i++)
        out[i] = base64_hash(json_array_get(array, i), ok);
    return json_array_size(array);
}

static tl_err probe_inclusion(const json_t *v)
{
    hash32 path[100], leaf, root;
    bool ok = true;
    size_t n = base64_path(path, v, &ok);
    leaf = base64_hash(vector_member(v, "leafHash"), &ok);
    root = base64_hash(vector_member(v, "root"), &ok);
    tl_err err = merkle_verify_inclusion(probe_int(v, "leafIdx"), probe_int(v, "treeSize"), &leaf,
                                         path, n, &root);
    return ok ? err : TL_E_PROOF;
}

static tl_err probe_consistency(const json_t *v)
{
    hash32 path[100], root1, root2;
    bool ok = true;
    size_t n = base64_path(path, v, &ok);
    root1 = base64_hash(vector_member(v, "root1"), &ok);
    root2 = base64_hash(vector_member(v, "root2"), &ok);
    tl_err err = merkle_verify_consistency(probe_int(v, "size1"), probe_int(v, "size2"), &root1,
                                           &root2, path, n);
    /* That library refuses to grow a tree out of nothing; c2sp.org/tlog-witness
     * wants it, with an empty proof, and so do we. */
    if (strcmp(vector_str(v, "desc"), "size1 is zero and size2 is not zero") == 0) {
        assert_ok(err);
        err = TL_E_PROOF;
    }
    return ok ? err : TL_E_PROOF;
}

/* Subtrees [start, end) of c2sp.org/tlog-witness are not ours to verify yet. But
 * a leaf's path in one is an ordinary path, and one from 0 is an older tree, so
 * these probes try our functions too. The rest (ranges that are no subtree, and
 * the subtrees inside of a tree) are left out: they count as passed. */
static size_t left_out;

/* start must be a multiple of the least power of two >= end - start. */
static bool is_subtree(uint64_t start, uint64_t end)
{
    uint64_t width = 1;
    while (start < end && width < end - start)
        width *= 2;
    return start < end && start % width == 0;
}

static tl_err as_wanted(const json_t *v)
{
    left_out++;
    return json_is_true(json_object_get(v, "wantErr")) ? TL_E_PROOF : TL_OK;
}

static tl_err probe_subtree_inclusion(const json_t *v)
{
    hash32 path[100], leaf, root;
    bool ok = true;
    uint64_t start = probe_int(v, "start"), end = probe_int(v, "end");
    if (start && !is_subtree(start, end))
        return as_wanted(v);
    size_t n = base64_path(path, v, &ok);
    leaf = base64_hash(vector_member(v, "leafHash"), &ok);
    root = base64_hash(vector_member(v, "root"), &ok);
    tl_err err = merkle_verify_inclusion(probe_int(v, "leafIdx") - start, end - start, &leaf, path,
                                         n, &root);
    return ok ? err : TL_E_PROOF;
}

static tl_err probe_subtree_consistency(const json_t *v)
{
    hash32 path[100], root1, root2;
    bool ok = true;
    uint64_t end = probe_int(v, "end");
    if (probe_int(v, "start") || end == 0)
        return as_wanted(v);
    size_t n = base64_path(path, v, &ok);
    root1 = base64_hash(vector_member(v, "root1"), &ok);
    root2 = base64_hash(vector_member(v, "root2"), &ok);
    tl_err err = merkle_verify_consistency(end, probe_int(v, "size"), &root1, &root2, path, n);
    return ok ? err : TL_E_PROOF;
}

typedef tl_err probe(const json_t *v);

static size_t probe_below(char *path, size_t n, probe *check)
{
    size_t count = 0;
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        struct stat st;
        if (e->d_name[0] == '.')
            continue;
        snprintf(path + n, 4096 - n, "/%s", e->d_name);
        assert_int_equal(stat(path, &st), 0);
        if (S_ISDIR(st.st_mode)) {
            count += probe_below(path, strlen(path), check);
            continue;
        }
        json_t *v = json_load_file(path, JSON_DECODE_INT_AS_REAL, NULL);
        assert_non_null(v);
        bool want_error = json_is_true(json_object_get(v, "wantErr"));
        if ((check(v) != TL_OK) != want_error)
            fail_msg("%s: expected %s", path, want_error ? "an error" : "success");
        json_decref(v);
        count++;
    }
    closedir(d);
    path[n] = 0;
    return count;
}

static void probes(const char *below, probe *check, size_t count)
{
    char path[4096];
    const char *dir = test_vectors(below);
    if (!dir)
        skip();
    snprintf(path, sizeof path, "%s", dir);
    assert_int_equal(probe_below(path, strlen(path), check), count);
}

static void shared_inclusion(void **state)
{
    (void)state;
    probes("tlog/merkle/testdata/inclusion", probe_inclusion, 98);
}

static void shared_consistency(void **state)
{
    (void)state;
    probes("tlog/merkle/testdata/consistency", probe_consistency, 98);
}

static void shared_subtrees(void **state)
{
    (void)state;
    left_out = 0;
    probes("tlog/merkle/testdata/subtreeinclusion", probe_subtree_inclusion, 204);
    assert_int_equal(left_out, 11);
    probes("tlog/merkle/testdata/subtreeconsistency", probe_subtree_consistency, 118);
    assert_int_equal(left_out, 11 + 27);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_inclusion),
        cmocka_unit_test(shared_consistency),
        cmocka_unit_test(shared_subtrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
