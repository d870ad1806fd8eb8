#include "fakewitness.h"
#include "vector_json.h"

#define VKEY "witness.example/w1+2b855886+BDEsst9hi/mRcXbtbXEDDQXWSsbo7LBmyaN+QClwP93n"
#define SEED "278fe957d9568c0d53e4fd8ade299803a0ff5dc8e4625d346ee9b8e0a01a0d7f"
#define TEXT "log.example/agents/1\n300\n56/ILTiUT8eTBUUygJHUWCMojB9zTL2sBjlnE+vUtdU=\n"
#define LINE                                                                                       \
    "\xe2\x80\x94 witness.example/w1 K4VYhgAAAABq494A6zjjUDsuT68hbwflsNb+cmDbfLKdoYZdM/3WN+8ljVV9" \
    "Nx3WdCxwMU34DCaCntY7XZMZg8zrJDugOGkK2Al6CQ==\n"
#define TIME UINT64_C(1793318400)

static struct note *note; /* large, so not on the stack */

static int set_up(void **state)
{
    (void)state;
    note = malloc(sizeof *note);
    return note ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    free(note);
    return 0;
}

static struct cosigner key_of(const char *vkey)
{
    struct cosigner key;
    assert_ok(cosigner_read(&key, slice_str(vkey)));
    return key;
}

/* The note of that text and these lines, read. */
static void read_note(buf *b, const char *text, slice lines)
{
    buf_reset(b);
    buf_str(b, text);
    buf_str(b, "\n");
    buf_bytes(b, lines);
    assert_ok(note_read(note, buf_slice(b)));
}

/* What a Python program made of the same keys (shared vectors, generated). */
static void known_answer(void **state)
{
    (void)state;
    uint8_t seed[32];
    uint64_t time = 0;
    struct cosigner key = key_of(VKEY);
    buf b, whole;
    buf_init(&b, 1000);
    buf_init(&whole, 1000);
    vector_bytes(seed, sizeof seed, SEED);
    assert_ok(cosignature_sign(&b, slice_str(TEXT), TIME, &key, seed));
    assert_true(slice_eq_str(buf_slice(&b), LINE));
    read_note(&whole, TEXT, buf_slice(&b));
    assert_ok(cosignature_verify(note, &key, &time));
    assert_true(time == TIME);
    buf_reset(&b);
    cosigner_put(&b, &key);
    assert_true(slice_eq_str(buf_slice(&b), VKEY));
    buf_finish(&b);
    buf_finish(&whole);
}

static void every_bit(void **state)
{
    (void)state;
    struct cosigner key = key_of(VKEY);
    const char good[] = TEXT "\n" LINE;
    char bytes[sizeof good];
    for (size_t bit = 0; bit < 8 * (sizeof good - 1); bit++) {
        uint64_t time = 5;
        memcpy(bytes, good, sizeof good);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        if (note_read(note, slice_of(bytes, sizeof good - 1)) != TL_OK)
            continue;
        /* In the name or the id it is another's line. */
        tl_err err = cosignature_verify(note, &key, &time);
        if (err != TL_E_SIGNATURE && err != TL_E_NOT_FOUND)
            fail_msg("bit %zu: %s", bit, tl_err_name(err));
        assert_true(time == 5);
    }
}

static void times(void **state)
{
    (void)state;
    uint8_t seed[32], public_key[32];
    uint64_t time = 0;
    struct cosigner key = fake_cosigner(1);
    buf b, whole;
    fake_seed(seed, 1);
    ed25519_public(seed, public_key);
    buf_init(&b, 1000);
    buf_init(&whole, 5000);
    assert_err(cosignature_sign(&b, slice_str(TEXT), 0, &key, seed), TL_E_RANGE);
    assert_err(cosignature_sign(&b, slice_str(TEXT), UINT64_C(1) << 63, &key, seed), TL_E_RANGE);
    assert_int_equal(b.n, 0);
    assert_ok(cosignature_sign(&b, slice_str(TEXT), INT64_MAX, &key, seed));
    read_note(&whole, TEXT, buf_slice(&b));
    assert_ok(cosignature_verify(note, &key, &time));
    assert_true(time == INT64_MAX);
    /* Of two lines of one witness the earlier time counts, in either order. */
    assert_ok(cosignature_sign(&b, slice_str(TEXT), 7, &key, seed));
    assert_ok(cosignature_sign(&b, slice_str(TEXT), 9, &key, seed));
    read_note(&whole, TEXT, buf_slice(&b));
    assert_ok(cosignature_verify(note, &key, &time));
    assert_true(time == 7);
    buf_finish(&b);
    buf_finish(&whole);
}

/* A line with that time and those bytes for a signature, by witness 1. */
static void put_line(buf *b, uint64_t time, const uint8_t *signature, size_t size)
{
    uint8_t mem[200];
    buf payload;
    struct cosigner key = fake_cosigner(1);
    buf_reset(b);
    buf_init_fixed(&payload, mem, sizeof mem);
    buf_bytes(&payload, SLICE_ARRAY(key.id));
    buf_u64be(&payload, time);
    buf_bytes(&payload, slice_of(signature, size));
    note_line_put(b, slice_str(key.name), buf_slice(&payload));
    assert_ok(buf_err(b));
}

static tl_err verdict(buf *whole, const buf *line)
{
    uint64_t time = 0;
    struct cosigner key = fake_cosigner(1);
    read_note(whole, TEXT, buf_slice(line));
    return cosignature_verify(note, &key, &time);
}

/* Signed as they stand: only the rule itself refuses them. */
static void odd_times_and_sizes(void **state)
{
    (void)state;
    static const uint64_t odd[] = {0, UINT64_C(1) << 63, UINT64_MAX};
    uint8_t seed[32], signature[65] = {0};
    char message[500];
    buf b, whole;
    buf_init(&b, 1000);
    buf_init(&whole, 5000);
    fake_seed(seed, 1);
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        int n = snprintf(message, sizeof message, "cosignature/v1\ntime %llu\n%s",
                         (unsigned long long)odd[i], TEXT);
        assert_ok(ed25519_sign(seed, slice_of(message, (size_t)n), signature));
        put_line(&b, odd[i], signature, 64);
        assert_err(verdict(&whole, &b), TL_E_SIGNATURE);
    }
    int n = snprintf(message, sizeof message, "cosignature/v1\ntime 5\n%s", TEXT);
    assert_ok(ed25519_sign(seed, slice_of(message, (size_t)n), signature));
    put_line(&b, 5, signature, 64);
    assert_ok(verdict(&whole, &b));
    put_line(&b, 5, signature, 65);
    assert_err(verdict(&whole, &b), TL_E_SIGNATURE);
    put_line(&b, 5, signature, 63);
    assert_err(verdict(&whole, &b), TL_E_SIGNATURE);
    /* A log's signature under a witness's name and id is none. */
    assert_ok(ed25519_sign(seed, slice_str(TEXT), signature));
    put_line(&b, 5, signature, 64);
    assert_err(verdict(&whole, &b), TL_E_SIGNATURE);
    buf_finish(&b);
    buf_finish(&whole);
}

/* The text is signed whole, extension lines and all. */
static void extension_lines(void **state)
{
    (void)state;
    uint8_t seed[32];
    uint64_t time = 0;
    struct cosigner key = fake_cosigner(1);
    buf b, whole;
    fake_seed(seed, 1);
    buf_init(&b, 1000);
    buf_init(&whole, 5000);
    assert_ok(cosignature_sign(&b, slice_str(TEXT "more\n"), 5, &key, seed));
    read_note(&whole, TEXT "more\n", buf_slice(&b));
    assert_ok(cosignature_verify(note, &key, &time));
    read_note(&whole, TEXT, buf_slice(&b));
    assert_err(cosignature_verify(note, &key, &time), TL_E_SIGNATURE);
    buf_finish(&b);
    buf_finish(&whole);
}

static void bad_keys(void **state)
{
    (void)state;
    static const uint8_t types[] = {0, 1, 2, 5, 7, 0xff};
    struct cosigner key, before;
    uint8_t bytes[VKEY_MAX + 3] = {0}, id[VKEY_ID_SIZE];
    slice name = slice_str("w.example");
    buf b;
    buf_init(&b, 10000);
    memset(&key, 0xaa, sizeof key);
    before = key;
    for (size_t i = 0; i < sizeof types; i++) {
        bytes[0] = types[i];
        slice k = slice_of(bytes, 33);
        assert_ok(vkey_id(id, name, k));
        buf_reset(&b);
        vkey_put(&b, name, id, k);
        assert_err(cosigner_read(&key, buf_slice(&b)), TL_E_KEY);
    }
    static const size_t sizes[][2] = {{4, 1},    {4, 32},   {4, 34},   {6, 33},
                                      {6, 1312}, {6, 1314}, {4, 1313}, {4, 0}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        bytes[0] = (uint8_t)sizes[i][0];
        slice k = slice_of(bytes, sizes[i][1]);
        assert_ok(vkey_id(id, name, k));
        buf_reset(&b);
        vkey_put(&b, name, id, k);
        if (cosigner_read(&key, buf_slice(&b)) != TL_E_KEY)
            fail_msg("accepted: %zu bytes of type %zu", sizes[i][1], sizes[i][0]);
    }
    assert_memory_equal(&key, &before, sizeof key);
    assert_err(cosigner_make(&key, slice_str("a b"), bytes), TL_E_KEY);
    assert_memory_equal(&key, &before, sizeof key);
    buf_finish(&b);
}

/* ML-DSA-44: known by its id, and never found to have cosigned. */
static void ml_dsa(void **state)
{
    (void)state;
    uint8_t bytes[VKEY_MAX] = {VKEY_ML_DSA_44, 1, 2, 3}, id[VKEY_ID_SIZE];
    uint8_t payload[VKEY_ID_SIZE + 8 + 2420] = {0};
    uint64_t time = 0;
    slice name = slice_str("w2.example");
    struct cosigner key;
    buf b, whole;
    buf_init(&b, 10000);
    buf_init(&whole, 10000);
    assert_ok(vkey_id(id, name, SLICE_ARRAY(bytes)));
    vkey_put(&b, name, id, SLICE_ARRAY(bytes));
    assert_ok(cosigner_read(&key, buf_slice(&b)));
    assert_false(key.verifiable);
    assert_string_equal(key.name, "w2.example");
    assert_memory_equal(key.id, id, sizeof id);
    memcpy(payload, id, sizeof id);
    buf_reset(&b);
    note_line_put(&b, name, SLICE_ARRAY(payload));
    read_note(&whole, TEXT, buf_slice(&b));
    assert_err(cosignature_verify(note, &key, &time), TL_E_NOT_FOUND);
    buf_finish(&b);
    buf_finish(&whole);
}

/* The same vectors where they lie. */
static void shared_vectors(void **state)
{
    (void)state;
    const char *path = test_vectors("tlog/generated/checkpoints-and-witness.json");
    if (!path)
        skip();
    json_t *file = vector_file(path);
    struct cosigner w1 = key_of(vector_str(file, "w1_vkey")),
                    w2 = key_of(vector_str(file, "w2_vkey"));
    struct note_key log;
    uint64_t time = 0;
    assert_ok(note_key_read(&log, slice_str(vector_str(file, "log_vkey"))));
    assert_ok(note_read(note, slice_str(vector_str(file, "cosigned_300"))));
    assert_ok(note_verify(note, &log));
    assert_ok(cosignature_verify(note, &w1, &time));
    assert_true(time == vector_int(file, "time"));
    assert_true(w1.verifiable && !w2.verifiable);
    assert_err(cosignature_verify(note, &w2, &time), TL_E_NOT_FOUND);
    json_decref(file);
}

/* transparency-dev/formats takes a log's key (type 01) for a witness's and turns it into one;
 * ours must be of type 04 as they stand. The id of its ML-DSA key is wrong there. */
static void formats_keys(void **state)
{
    (void)state;
    const char *path = test_vectors("tlog/formats/formats.json");
    if (!path)
        skip();
    json_t *file = vector_file(path), *v;
    size_t i, taken = 0;
    struct cosigner key;
    json_array_foreach(vector_member(file, "cosig_v1_vkeys"), i, v)
    {
        bool native = strstr(vector_str(v, "name"), "native algEd25519Cosig") != NULL;
        assert_err(cosigner_read(&key, slice_str(vector_str(v, "vkey"))),
                   native ? TL_OK : TL_E_KEY);
        taken += native;
    }
    assert_int_equal(taken, 1);
    json_decref(file);
}

/* A real witness's cosignature over a log of CT, whose own signature is not ours to check. */
static void sunlight_witness(void **state)
{
    (void)state;
    static const char folder[] = "tlog/sunlight/cmd/skylight/testdata/witness/"
                                 "000de184301123b9278c086a7d9f68c9577e83872224c197058fd90784ea9706/"
                                 "checkpoint";
    const char *path = test_vectors(folder);
    if (!path)
        skip();
    size_t n = 0;
    uint64_t time = 0;
    uint8_t *bytes = test_file(path, &n);
    struct cosigner key =
        key_of("witness.example.org+b8a2cf20+BFLN3yikSfFkVAJtrnh/CiY3Zozkoy7clp+P7XB28qUN");
    assert_non_null(bytes);
    assert_ok(note_read(note, slice_of(bytes, n)));
    assert_ok(cosignature_verify(note, &key, &time));
    assert_true(time == 0x69546780);
    free(bytes);
}

static void allocations(void **state)
{
    (void)state;
    uint8_t seed[32];
    uint64_t time = 5;
    struct cosigner key = fake_cosigner(1);
    buf b, whole;
    fake_seed(seed, 1);
    buf_init(&b, 1000);
    test_fail_alloc(1);
    assert_err(cosignature_sign(&b, slice_str(TEXT), 7, &key, seed), TL_E_MEMORY);
    assert_true(test_alloc_failed());
    assert_int_equal(b.n, 0);
    assert_ok(cosignature_sign(&b, slice_str(TEXT), 7, &key, seed));
    buf_init(&whole, 5000);
    read_note(&whole, TEXT, buf_slice(&b));
    test_fail_alloc(1);
    assert_err(cosignature_verify(note, &key, &time), TL_E_MEMORY);
    assert_true(test_alloc_failed() && time == 5);
    test_fail_alloc(0);
    buf_finish(&b);
    buf_finish(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answer),    cmocka_unit_test(every_bit),
        cmocka_unit_test(times),           cmocka_unit_test(odd_times_and_sizes),
        cmocka_unit_test(extension_lines), cmocka_unit_test(bad_keys),
        cmocka_unit_test(ml_dsa),          cmocka_unit_test(shared_vectors),
        cmocka_unit_test(formats_keys),    cmocka_unit_test(sunlight_witness),
        cmocka_unit_test(allocations),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
