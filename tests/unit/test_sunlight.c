/* Another log's files as it serves them (Sunlight's, in the shared vectors): notes with lines of
 * keys that we do not know, cosignatures, tiles and the roots that they give. */
#include "testlib.h"
#include "vector_json.h"

#include "tlog/checkpoint.h"
#include "tlog/tile.h"
#include "tlog/tlog_policy.h"

#define TREE    "tlog/sunlight/cmd/skylight/testdata/tree"
#define WITNESS "tlog/sunlight/cmd/skylight/testdata/witness"
#define ROME    "000de184301123b9278c086a7d9f68c9577e83872224c197058fd90784ea9706"
#define MILAN   "88ad7a28caeb0b2aa890fdf0304c2fcaf59fca2ee140134ff8c1300bac493482"
#define REAL    "tlog/sunlight/testdata/navigli2025h2/tile/0"
#define SIZE    300

static struct note note;

/* Owned by the caller. */
static uint8_t *file(const char *folder, const char *name, size_t *n)
{
    char below[256];
    snprintf(below, sizeof below, "%s/%s", folder, name);
    uint8_t *p = test_file(test_vectors(below), n);
    assert_non_null(p);
    return p;
}

static void complete(void *ctx, unsigned level, uint64_t n, const hash32 hashes[TILE_WIDTH])
{
    (void)ctx;
    (void)level;
    (void)n;
    (void)hashes;
}

static hash32 tiles_root(const char *folder)
{
    static hash32 hashes[SIZE];
    size_t full = 0, part = 0, above = 0;
    uint8_t *p = file(folder, "tile/0/000", &full), *q = file(folder, "tile/0/001.p/44", &part),
            *top = file(folder, "tile/1/000.p/1", &above);
    assert_true(full == 256 * 32 && part == 44 * 32 && above == 32);
    memcpy(hashes, p, full);
    memcpy(hashes[256].b, q, part);
    hash32 first = tile_root(hashes), root;
    assert_memory_equal(first.b, top, 32);
    struct merkle_leaves leaves = {hashes, SIZE};
    const struct merkle_nodes nodes = {merkle_leaves_get, &leaves};
    assert_ok(merkle_root(&nodes, SIZE, &root));
    struct tile_edge *edge = calloc(1, sizeof *edge);
    assert_non_null(edge);
    for (size_t i = 0; i < SIZE; i++)
        tile_edge_add(edge, &hashes[i], complete, NULL);
    hash32 again = tile_edge_root(edge);
    assert_true(hash_eq(&root, &again));
    free(edge);
    free(p);
    free(q);
    free(top);
    return root;
}

/* The mirror's tiles are real; those of the log beside it say that they are none. */
static void trees(void **state)
{
    (void)state;
    if (!test_vectors("tlog/sunlight"))
        skip();
    for (int mirrored = 0; mirrored < 2; mirrored++) {
        struct checkpoint c;
        size_t n = 0;
        uint8_t *p = file(mirrored ? WITNESS "/mirror/" ROME : TREE, "checkpoint", &n);
        assert_ok(note_read(&note, slice_of(p, n)));
        assert_ok(checkpoint_read_foreign(&c, note.text));
        assert_true(c.size == SIZE && slice_eq_str(c.origin, "rome2026h1.example.org"));
        if (mirrored) {
            hash32 root = tiles_root(WITNESS "/mirror/" ROME);
            assert_true(hash_eq(&root, &c.root));
        }
        free(p);
    }
}

/* A log's own line is of a type that we do not have; the witnesses' are good. */
static void cosignatures(void **state)
{
    (void)state;
    static const struct {
        const char *path, *keys;
    } rows[] = {
        {WITNESS "/" ROME "/checkpoint", WITNESS "/witness.v0.json"},
        {WITNESS "2/" MILAN "/checkpoint", WITNESS "2/witness.v0.json"},
        {WITNESS "/mirror/" ROME "/checkpoint", WITNESS "/mirror/mirror.v0.json"},
    };
    if (!test_vectors("tlog/sunlight"))
        skip();
    for (size_t i = 0; i < 3; i++) {
        size_t n = 0;
        uint8_t *p = test_file(test_vectors(rows[i].path), &n);
        assert_non_null(p);
        for (size_t k = 0; k < 3; k++) {
            json_t *known = vector_file(test_vectors(rows[k].keys));
            const char *key =
                json_string_value(json_array_get(vector_member(known, "verifier_keys"), 0));
            struct cosigner by;
            uint64_t time = 0;
            assert_ok(cosigner_read(&by, slice_str(key)));
            assert_ok(note_read(&note, slice_of(p, n)));
            assert_err(cosignature_verify(&note, &by, &time), i == k ? TL_OK : TL_E_NOT_FOUND);
            if (i == k)
                assert_int_equal(time, 1767139200);
            json_decref(known);
        }
        free(p);
    }
}

/* Each bit of the text and of the witness's line matters, and those of the log's line, which
 * nobody here can check, do not. */
static void changed(void **state)
{
    (void)state;
    if (!test_vectors("tlog/sunlight"))
        skip();
    size_t n = 0;
    uint8_t *p = test_file(test_vectors(WITNESS "/" ROME "/checkpoint"), &n);
    assert_non_null(p);
    json_t *known = vector_file(test_vectors(WITNESS "/witness.v0.json"));
    struct cosigner by;
    assert_ok(cosigner_read(&by, slice_str(json_string_value(
                                     json_array_get(vector_member(known, "verifier_keys"), 0)))));
    json_decref(known);
    assert_ok(note_read(&note, slice_of(p, n)));
    size_t text = note.text.n, line = (size_t)(note.signatures[1].line.p - p);
    assert_int_equal(note.signature_count, 2);
    for (size_t i = 0; i < n; i++) {
        uint64_t time;
        p[i] ^= 1;
        bool good = note_read(&note, slice_of(p, n)) == TL_OK &&
                    cosignature_verify(&note, &by, &time) == TL_OK;
        if (good && (i < text || i >= line))
            fail_msg("byte %zu does not matter", i);
        p[i] ^= 1;
    }
    free(p);
}

static void no_notes(void **state)
{
    (void)state;
    static const char *const decoys[] = {WITNESS "/checkpoint", WITNESS "/mirror/checkpoint"};
    if (!test_vectors("tlog/sunlight"))
        skip();
    for (size_t i = 0; i < 2; i++) {
        size_t n = 0;
        uint8_t *p = test_file(test_vectors(decoys[i]), &n);
        assert_non_null(p);
        assert_err(note_read(&note, slice_of(p, n)), TL_E_NOTE);
        free(p);
    }
}

/* Of a real log: a partial tile is the beginning of the full one. */
static void real_tiles(void **state)
{
    (void)state;
    if (!test_vectors("tlog/sunlight"))
        skip();
    size_t whole = 0, part = 0;
    uint8_t *p = file(REAL, "003", &whole), *q = file(REAL, "003.p/10", &part);
    assert_true(whole == 256 * 32 && part == 10 * 32);
    assert_memory_equal(p, q, part);
    free(p);
    free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees),    cmocka_unit_test(cosignatures), cmocka_unit_test(changed),
        cmocka_unit_test(no_notes), cmocka_unit_test(real_tiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
