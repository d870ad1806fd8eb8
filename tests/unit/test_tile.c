#include "testlib.h"
#include "vector_json.h"

#include "tlog/tile.h"

static hash32 leaf(const char *name, size_t i)
{
    char text[32];
    snprintf(text, sizeof text, "%s %zu", name, i);
    return merkle_leaf_hash(slice_str(text));
}

static void path_is(int level, uint64_t n, unsigned width, const char *want)
{
    uint8_t mem[64];
    buf b;
    int l = -9;
    uint64_t got_n = 99;
    unsigned w = 99;
    buf_init_fixed(&b, mem, sizeof mem);
    tile_path_put(&b, level, n, width);
    assert_true(slice_eq_str(buf_slice(&b), want));
    assert_ok(tile_path_read(slice_str(want), &l, &got_n, &w));
    assert_int_equal(l, level);
    assert_int_equal(got_n, n);
    assert_int_equal(w, width);
}

static void paths(void **state)
{
    (void)state;
    path_is(0, 0, 256, "tile/0/000");
    path_is(0, 1, 44, "tile/0/001.p/44");
    path_is(1, 999, 1, "tile/1/999.p/1");
    path_is(1, 1000, 255, "tile/1/x001/000.p/255");
    path_is(2, 1234067, 256, "tile/2/x001/x234/067");
    path_is(63, 1, 256, "tile/63/001");
    path_is(-1, 0, 256, "tile/entries/000");
    path_is(-1, 1000000, 3, "tile/entries/x001/x000/000.p/3");
    path_is(7, INT64_MAX / 256, 256, "tile/7/x036/x028/x797/x018/x963/967");
}

static void bad_paths(void **state)
{
    (void)state;
    const char *bad[] = {
        "",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/000",
        "/tile/0/000",
        "0/000",
        "tile/0/000/",
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/+0/000",
        "tile/-1/000",
        "tile/64/000",
        "tile/4294967296/000",
        "tile/0/x000/001",
        "tile/0/x001",
        "tile/0/001/001",
        "tile/0/x001x002/003",
        "tile/0/X001/000",
        "tile/0/x1/000",
        "tile/0/x0001/000",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/000.p/4294967301",
        "tile/0/000.p/5/",
        "tile/0/000.p/5.p/5",
        "tile/0/000\n",
        "tile/entries0/000",
        "tile/entries",
        "tile/entries/000.p/0",
        "tile/data/000",
        "tile/0/x036/x028/x797/x018/x963/968",      /* its last leaf would be 2^63 */
        "tile/0/x018/x446/x744/x073/x709/x551/616", /* 2^64 */
        "tile/0/x018/x446/x744/x073/x709/x551/617",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/999",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int l = 77;
        uint64_t n = 77;
        unsigned w = 77;
        if (tile_path_read(slice_str(bad[i]), &l, &n, &w) != TL_E_RANGE)
            fail_msg("accepted: %s", bad[i]);
        assert_true(l == 77 && n == 77 && w == 77);
    }
}

static void entries(void **state)
{
    (void)state;
    static uint8_t big[UINT16_MAX + 1];
    buf b;
    buf_init(&b, UINT16_MAX + 10);
    assert_ok(tile_entry_put(&b, slice_str("ab")));
    assert_ok(tile_entry_put(&b, slice_of(NULL, 0)));
    assert_memory_equal(b.p, "\0\2ab\0\0", 6);
    assert_int_equal(b.n, 6);
    assert_err(tile_entry_put(&b, slice_of(big, UINT16_MAX + 1)), TL_E_LIMIT);
    assert_int_equal(b.n, 6);
    assert_ok(tile_entry_put(&b, slice_of(big, UINT16_MAX)));
    assert_memory_equal(b.p + 6, "\xff\xff\0", 3);
    assert_int_equal(b.n, 6 + 2 + UINT16_MAX);
    /* No room: nothing is appended. */
    assert_err(tile_entry_put(&b, slice_str("abcd")), TL_E_LIMIT);
    assert_int_equal(b.n, 6 + 2 + UINT16_MAX);
    buf_finish(&b);
}

struct seen {
    const char *name;
    size_t count, level1;
};

/* Each tile is complete when it is given, in order. */
static void take_tile(void *ctx, unsigned level, uint64_t n, const hash32 hashes[TILE_WIDTH])
{
    struct seen *s = ctx;
    if (level == 1) {
        s->level1++;
        assert_int_equal(n, s->level1 - 1);
        return;
    }
    assert_int_equal(level, 0);
    assert_int_equal(n, s->count++);
    hash32 first = leaf(s->name, (size_t)n * TILE_WIDTH);
    hash32 last = leaf(s->name, (size_t)n * TILE_WIDTH + TILE_WIDTH - 1);
    assert_true(hash_eq(&hashes[0], &first));
    assert_true(hash_eq(&hashes[TILE_WIDTH - 1], &last));
}

static void edge_follows_tree(void **state)
{
    (void)state;
    static struct tile_edge e;
    struct merkle_frontier f = {0};
    struct seen seen = {.name = "leaf"};
    memset(&e, 0, sizeof e);
    hash32 a = tile_edge_root(&e), b = merkle_empty_root();
    assert_true(hash_eq(&a, &b));
    for (size_t i = 0; i < 66100; i++) {
        hash32 h = leaf("leaf", i);
        merkle_frontier_add(&f, &h);
        tile_edge_add(&e, &h, take_tile, &seen);
        if (i > 600 && i % 4099 && (i < 65530 || i > 65540))
            continue;
        a = tile_edge_root(&e);
        b = merkle_frontier_root(&f);
        assert_true(hash_eq(&a, &b));
        assert_int_equal(e.size, i + 1);
    }
    assert_int_equal(seen.count, 66100 / 256);
    assert_int_equal(seen.level1, 1);
    assert_int_equal(tile_edge_width(e.size, 0), 66100 % 256);
    assert_int_equal(tile_edge_width(e.size, 1), 66100 / 256 % 256);
    assert_int_equal(tile_edge_width(e.size, 2), 1);
    assert_int_equal(tile_edge_width(e.size, 7), 0);
    assert_int_equal(tile_edge_width(UINT64_MAX, 7), 255);
}

static void subtrees(void **state)
{
    (void)state;
    hash32 hashes[TILE_WIDTH];
    for (size_t i = 0; i < TILE_WIDTH; i++)
        hashes[i] = leaf("leaf", i);
    struct merkle_leaves all = {hashes, TILE_WIDTH};
    for (unsigned level = 0; level <= 8; level++) {
        for (size_t n = 0; n < (size_t)TILE_WIDTH >> level; n++) {
            hash32 want, got = tile_subtree(hashes, n << level, level);
            assert_ok(merkle_leaves_get(&all, level, n, &want));
            assert_true(hash_eq(&got, &want));
        }
    }
    hash32 got = tile_root(hashes), want = tile_subtree(hashes, 0, 8);
    assert_true(hash_eq(&got, &want));
}

/* The resource at a path, of the log whose leaves are "leaf <i>". */
static void put_resource(buf *b, const char *path, size_t size)
{
    int level;
    uint64_t n;
    unsigned width;
    assert_ok(tile_path_read(slice_str(path), &level, &n, &width));
    for (size_t i = 0; i < width; i++) {
        char text[32];
        size_t at = (size_t)n * TILE_WIDTH + i;
        snprintf(text, sizeof text, "leaf %zu", at);
        if (level < 0) {
            assert_true(at < size);
            assert_ok(tile_entry_put(b, slice_str(text)));
            continue;
        }
        hash32 h = leaf("leaf", at), tile[TILE_WIDTH];
        for (size_t j = 0; level == 1 && j < TILE_WIDTH; j++)
            tile[j] = leaf("leaf", at * TILE_WIDTH + j);
        if (level == 1)
            h = tile_root(tile);
        buf_bytes(b, hash_slice(&h));
    }
}

static void generated_tiles(void **state)
{
    (void)state;
    const char *path = test_vectors("tlog/generated/rfc6962-tree.json"), *key;
    if (!path)
        skip();
    json_t *file = vector_file(path), *v;
    size_t count = 0;
    json_object_foreach(vector_member(file, "tiles_at_300"), key, v)
    {
        buf b;
        buf_init(&b, 65536);
        put_resource(&b, key, 300);
        hash32 want = vector_hash(json_string_value(v)), got = sha256(buf_slice(&b));
        assert_true(hash_eq(&got, &want));
        buf_finish(&b);
        count++;
    }
    assert_int_equal(count, 5);
    json_decref(file);
}

/* Tessera's log of 15 entries: its partial tiles and its roots. */
static void tessera_tiles(void **state)
{
    (void)state;
    const char *path = test_vectors("tlog/tessera/KEY.json");
    if (!path)
        skip();
    json_t *file = vector_file(path), *v;
    size_t i;
    buf tile, bundle;
    buf_init(&tile, 8192);
    buf_init(&bundle, 8192);
    json_array_foreach(vector_member(file, "leaves"), i, v)
    {
        char below[96];
        size_t n;
        slice entry = slice_str(json_string_value(v));
        hash32 h = merkle_leaf_hash(entry);
        buf_bytes(&tile, hash_slice(&h));
        assert_ok(tile_entry_put(&bundle, entry));
        snprintf(below, sizeof below, "tlog/tessera/testdata/log/tile/0/000.p/%zu", i + 1);
        uint8_t *p = test_file(test_vectors(below), &n);
        assert_non_null(p);
        assert_true(slice_eq(slice_of(p, n), buf_slice(&tile)));
        free(p);
        snprintf(below, sizeof below, "tlog/tessera/testdata/log/tile/entries/000.p/%zu", i + 1);
        p = test_file(test_vectors(below), &n);
        assert_non_null(p);
        assert_true(slice_eq(slice_of(p, n), buf_slice(&bundle)));
        free(p);
    }
    assert_int_equal(i, 15);
    buf_finish(&tile);
    buf_finish(&bundle);
    json_decref(file);
}

/* Go's paths carry the tile's height after "tile/"; that member left out, they
 * are ours where the width is that of the same height. */
static void golang_paths(void **state)
{
    (void)state;
    const char *path = test_vectors("tlog/golang-sumdb/note-and-tlog.json");
    if (!path)
        skip();
    json_t *file = vector_file(path), *v;
    size_t i;
    json_array_foreach(vector_member(file, "tile_paths"), i, v)
    {
        char text[128], partial[16] = "";
        const char *theirs = json_string_value(json_array_get(v, 0));
        uint64_t height = (uint64_t)json_integer_value(json_array_get(v, 1));
        uint64_t n = (uint64_t)json_integer_value(json_array_get(v, 3));
        unsigned width = (unsigned)json_integer_value(json_array_get(v, 4));
        snprintf(text, sizeof text, "tile/%s", strchr(theirs + 5, '/') + 1);
        if (width == 1u << height)
            width = TILE_WIDTH;
        else
            snprintf(partial, sizeof partial, ".p/%u", width);
        assert_string_equal(text + strlen(text) - strlen(partial), partial);
        path_is((int)json_integer_value(json_array_get(v, 2)), n, width, text);
    }
    json_array_foreach(vector_member(file, "bad_tile_paths"), i, v)
    {
        char text[128];
        int l;
        uint64_t n;
        unsigned w;
        snprintf(text, sizeof text, "tile/%s", strchr(json_string_value(v) + 5, '/') + 1);
        assert_err(tile_path_read(slice_str(text), &l, &n, &w), TL_E_RANGE);
    }
    json_decref(file);
}

static void spec_example(void **state)
{
    (void)state;
    const char *path = test_vectors("tlog/c2sp-spec-examples/examples.json");
    if (!path)
        skip();
    json_t *file = vector_file(path), *e = vector_member(file, "tile_example");
    uint64_t size = vector_int(e, "size");
    assert_int_equal(tile_edge_width(size, 0), vector_int(e, "level0_partial"));
    assert_int_equal(tile_edge_width(size, 1), vector_int(e, "level1_partial"));
    assert_int_equal(tile_edge_width(size, 2), vector_int(e, "level2_partial"));
    const json_t *p = vector_member(file, "tile_index_path");
    char want[64];
    snprintf(want, sizeof want, "tile/0/%s", json_string_value(json_array_get(p, 1)));
    path_is(0, strtoull(json_string_value(json_array_get(p, 0)), NULL, 10), 256, want);
    json_decref(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),         cmocka_unit_test(bad_paths),
        cmocka_unit_test(entries),       cmocka_unit_test(edge_follows_tree),
        cmocka_unit_test(subtrees),      cmocka_unit_test(generated_tiles),
        cmocka_unit_test(tessera_tiles), cmocka_unit_test(golang_paths),
        cmocka_unit_test(spec_example),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
