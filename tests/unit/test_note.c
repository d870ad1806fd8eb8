#include "testlib.h"
#include "vector_json.h"

#include "crypto/sign.h"
#include "tlog/note.h"

static json_t *own;
static struct note *note; /* large, so not on the stack */

static int set_up(void **state)
{
    (void)state;
    own = vector_file(test_source("vectors/note.json"));
    note = malloc(sizeof *note);
    return note ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    json_decref(own);
    free(note);
    return 0;
}

static struct note_key key_of(const char *text)
{
    struct note_key key;
    assert_ok(note_key_read(&key, slice_str(text)));
    return key;
}

static tl_err open_note(slice bytes, const struct note_key *key)
{
    tl_err err = note_read(note, bytes);
    return err == TL_OK ? note_verify(note, key) : err;
}

static void keys(void **state)
{
    (void)state;
    uint8_t seed[32], public_key[32], mem[512];
    vector_bytes(seed, sizeof seed, vector_str(own, "seed"));
    ed25519_public(seed, public_key);
    struct note_key key;
    assert_ok(note_key_make(&key, slice_str(vector_str(own, "name")), public_key));
    buf b;
    buf_init_fixed(&b, mem, sizeof mem);
    note_key_put(&b, &key);
    assert_true(slice_eq_str(buf_slice(&b), vector_str(own, "key")));
    hash32 want = vector_hash(vector_str(own, "thumbprint")), got = note_key_thumbprint(&key);
    assert_true(hash_eq(&want, &got));
    vector_bytes(mem, 32, vector_str(own, "public_key"));
    assert_memory_equal(mem, key.public_key, 32);
}

static void good_keys(void **state)
{
    (void)state;
    size_t i;
    json_t *v;
    json_array_foreach(vector_member(own, "good_keys"), i, v)
    {
        uint8_t mem[512];
        buf b;
        struct note_key key = key_of(json_string_value(v));
        buf_init_fixed(&b, mem, sizeof mem);
        note_key_put(&b, &key);
        assert_true(slice_eq_str(buf_slice(&b), json_string_value(v)));
    }
    assert_int_equal(i, 4);
}

static void bad_keys(void **state)
{
    (void)state;
    size_t i;
    json_t *v;
    struct note_key key, before;
    memset(&key, 0xaa, sizeof key);
    before = key;
    json_array_foreach(vector_member(own, "bad_keys"), i, v)
    {
        if (note_key_read(&key, slice_str(vector_str(v, "text"))) != TL_E_KEY)
            fail_msg("accepted: %s", vector_str(v, "name"));
        assert_memory_equal(&key, &before, sizeof key);
    }
    uint8_t public_key[32] = {1};
    char long_name[NOTE_NAME_MAX + 1];
    memset(long_name, 'n', sizeof long_name);
    assert_err(note_key_make(&key, SLICE_ARRAY(long_name), public_key), TL_E_KEY);
    assert_err(note_key_make(&key, slice_of("a\0b", 3), public_key), TL_E_KEY);
    assert_err(note_key_make(&key, slice_str("a\xff"), public_key), TL_E_KEY);
    assert_err(note_key_make(&key, slice_str("a\nb"), public_key), TL_E_KEY);
    assert_err(note_key_make(&key, slice_str("a+b"), public_key), TL_E_KEY);
    assert_memory_equal(&key, &before, sizeof key);
}

/* All of Unicode's white space; its neighbours are not. */
static void spaces(void **state)
{
    (void)state;
    const char *space[] = {" ",
                           "\t",
                           "\x0b",
                           "\xc2\x85",
                           "\xc2\xa0",
                           "\xe1\x9a\x80",
                           "\xe2\x80\x80",
                           "\xe2\x80\x8a",
                           "\xe2\x80\xa8",
                           "\xe2\x80\xa9",
                           "\xe2\x80\xaf",
                           "\xe2\x81\x9f",
                           "\xe3\x80\x80"};
    const char *other[] = {"\xc2\x84",     "\xc2\x86",         "\xe1\x9a\x81", "\xe1\x9f\xbf",
                           "\xe2\x80\x8b", "\xf0\x9f\x8c\xb3", "\xe2\x80\xaa", "\xe3\x80\x81"};
    struct note_key key;
    uint8_t public_key[32] = {1};
    for (size_t i = 0; i < sizeof space / sizeof space[0]; i++)
        assert_err(note_key_make(&key, slice_str(space[i]), public_key), TL_E_KEY);
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
        assert_ok(note_key_make(&key, slice_str(other[i]), public_key));
}

static void signs(void **state)
{
    (void)state;
    uint8_t seed[32];
    vector_bytes(seed, sizeof seed, vector_str(own, "seed"));
    struct note_key key = key_of(vector_str(own, "key"));
    slice text = slice_str(vector_str(own, "text"));
    buf b;
    buf_init(&b, 1000);
    assert_err(note_sign(&b, slice_of(NULL, 0), &key, seed), TL_E_NOTE);
    assert_err(note_sign(&b, slice_str("one"), &key, seed), TL_E_NOTE);
    assert_int_equal(b.n, 0);
    assert_ok(note_sign(&b, text, &key, seed));
    assert_true(slice_eq_str(buf_slice(&b), vector_str(own, "signed")));
    assert_ok(note_read(note, buf_slice(&b)));
    assert_true(slice_eq(note->text, text));
    assert_int_equal(note->signature_count, 1);
    const struct note_signature *s = &note->signatures[0];
    assert_true(slice_eq_str(s->name, key.name));
    assert_memory_equal(s->id, key.id, 4);
    assert_int_equal(s->size, 64);
    assert_true(ed25519_verify(key.public_key, text, s->bytes));
    assert_true(s->line.p == b.p + text.n + 1 && s->line.p + s->line.n == b.p + b.n);
    buf_finish(&b);
    buf_init(&b, 100);
    assert_err(note_sign(&b, text, &key, seed), TL_E_LIMIT);
    buf_finish(&b);
}

static void good_notes(void **state)
{
    (void)state;
    size_t i;
    json_t *v;
    struct note_key key = key_of(vector_str(own, "key"));
    json_array_foreach(vector_member(own, "good"), i, v)
    {
        tl_err err = open_note(slice_str(vector_str(v, "note")), &key);
        if (err != TL_OK)
            fail_msg("%s: %s", vector_str(v, "name"), tl_err_name(err));
    }
    assert_int_equal(i, 8);
}

static void bad_notes(void **state)
{
    (void)state;
    size_t i;
    json_t *v;
    struct note_key key = key_of(vector_str(own, "key"));
    json_array_foreach(vector_member(own, "bad"), i, v)
    {
        tl_err err = open_note(slice_str(vector_str(v, "note")), &key);
        if (strcmp(tl_err_name(err), vector_str(v, "error")) != 0)
            fail_msg("%s: %s", vector_str(v, "name"), tl_err_name(err));
    }
    assert_int_equal(i, 26);
}

/* A foreign signature of more bytes than are kept; and one of fewer. */
static void foreign_sizes(void **state)
{
    (void)state;
    buf b;
    uint8_t bytes[604];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    buf_init(&b, 2000);
    buf_str(&b, "x\n\n\xe2\x80\x94 w ");
    base64_put(&b, SLICE_ARRAY(bytes));
    buf_str(&b, "\n\xe2\x80\x94 v AQIDBAU=\n");
    assert_ok(note_read(note, buf_slice(&b)));
    assert_int_equal(note->signature_count, 2);
    assert_int_equal(note->signatures[0].size, 600);
    assert_memory_equal(note->signatures[0].bytes, bytes + 4, 128);
    assert_int_equal(note->signatures[1].size, 1);
    assert_memory_equal(note->signatures[1].id, "\1\2\3\4", 4);
    assert_memory_equal(note->signatures[1].bytes, "\5\0\0", 3);
    assert_true(slice_eq_str(note->signatures[1].line, "\xe2\x80\x94 v AQIDBAU=\n"));
    buf_finish(&b);
}

static void sizes(void **state)
{
    (void)state;
    static uint8_t big[NOTE_MAX + 1];
    const char *good = vector_str(own, "signed");
    size_t n = strlen(good);
    for (size_t extra = 0; extra < 2; extra++) {
        memset(big, 'a', sizeof big);
        memcpy(big + NOTE_MAX + extra - n, good, n);
        assert_err(note_read(note, slice_of(big, NOTE_MAX + extra)), extra ? TL_E_NOTE : TL_OK);
    }
    uint8_t bad[256];
    memcpy(bad, good, n);
    bad[0] = 0xff; /* not UTF-8 */
    assert_err(note_read(note, slice_of(bad, n)), TL_E_NOTE);
    bad[0] = 0;
    assert_err(note_read(note, slice_of(bad, n)), TL_E_NOTE);
    bad[0] = '\t';
    assert_err(note_read(note, slice_of(bad, n)), TL_E_NOTE);
}

static void untouched_on_failure(void **state)
{
    (void)state;
    memset(note, 0xaa, sizeof *note);
    assert_err(note_read(note, slice_str("a\n\n\xe2\x80\x94 v AQIDBAU=\nx\n")), TL_E_NOTE);
    for (size_t i = 0; i < sizeof *note; i++)
        assert_int_equal(((const uint8_t *)note)[i], 0xaa);
}

/* Each bit of a small note: the text and our line are all signed or decide
 * what is checked, so nothing may pass. */
static void every_bit(void **state)
{
    (void)state;
    struct note_key key = key_of(vector_str(own, "key"));
    const char *good = vector_str(own, "signed");
    size_t n = strlen(good);
    uint8_t bytes[256];
    for (size_t bit = 0; bit < 8 * n; bit++) {
        memcpy(bytes, good, n);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (open_note(slice_of(bytes, n), &key) == TL_OK)
            fail_msg("bit %zu does not matter", bit);
    }
    for (size_t i = 0; i < n; i++)
        assert_int_not_equal(open_note(slice_of(good, i), &key), TL_OK);
}

static void allocations(void **state)
{
    (void)state;
    const char *good = vector_str(own, "signed");
    size_t n = 1;
    for (; n < 100; n++) {
        test_fail_alloc(n);
        tl_err err = note_read(note, slice_str(good));
        bool failed = test_alloc_failed();
        test_fail_alloc(0);
        assert_err(err, failed ? TL_E_MEMORY : TL_OK);
        if (!failed)
            break;
    }
    assert_true(n > 2 && n < 100);
}

static void golang_notes(void **state)
{
    (void)state;
    const char *path = test_vectors("tlog/golang-sumdb/note-and-tlog.json");
    if (!path)
        skip();
    json_t *file = vector_file(path), *v, *name;
    size_t i, j;
    struct note_key keys[] = {key_of(vector_str(file, "vkey")), key_of(vector_str(file, "vkey2"))};
    json_array_foreach(vector_member(file, "good"), i, v)
    {
        json_array_foreach(vector_member(v, "known"), j, name)
        {
            bool second = strcmp(json_string_value(name), "vkey2") == 0;
            assert_ok(open_note(slice_str(vector_str(v, "note")), &keys[second]));
        }
    }
    json_array_foreach(vector_member(file, "bad"), i, v)
    {
        uint8_t bytes[32768];
        const char *hex = json_string_value(json_object_get(v, "note_hex"));
        slice s = slice_str(hex ? "" : vector_str(v, "note"));
        if (hex) {
            s = slice_of(bytes, strlen(hex) / 2);
            vector_bytes(bytes, s.n, hex);
        }
        if (open_note(s, &keys[0]) == TL_OK)
            fail_msg("accepted: %s", vector_str(v, "why"));
    }
    assert_int_equal(i, 9);
    json_array_foreach(vector_member(file, "bad_vkeys"), i, v)
    {
        struct note_key key;
        assert_err(note_key_read(&key, slice_str(json_string_value(v))), TL_E_KEY);
    }
    json_decref(file);
}

static void spec_note(void **state)
{
    (void)state;
    const char *path = test_vectors("tlog/c2sp-spec-examples/examples.json");
    if (!path)
        skip();
    json_t *file = vector_file(path);
    struct note_key key = key_of(vector_str(file, "vkey"));
    assert_ok(open_note(slice_str(vector_str(file, "note")), &key));
    json_decref(file);
}

/* Keys of other types than 01 are not ours to read, right or wrong. */
static void formats_keys(void **state)
{
    (void)state;
    const char *path = test_vectors("tlog/formats/formats.json");
    if (!path)
        skip();
    json_t *file = vector_file(path), *v;
    size_t i, taken = 0;
    struct note_key key;
    json_array_foreach(vector_member(file, "cosig_v1_vkeys"), i, v)
    {
        tl_err err = note_key_read(&key, slice_str(vector_str(v, "vkey")));
        bool type1 = strstr(vector_str(v, "name"), "convert from algEd25519") != NULL;
        assert_err(err, type1 ? TL_OK : TL_E_KEY);
        taken += type1;
    }
    assert_int_equal(taken, 1);
    taken = 0;
    json_array_foreach(vector_member(file, "other_vkeys"), i, v)
    {
        taken += note_key_read(&key, slice_str(json_string_value(v))) == TL_OK;
    }
    assert_int_equal(taken, 2); /* PeterNeumann and logandmap */
    json_decref(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys),         cmocka_unit_test(good_keys),
        cmocka_unit_test(bad_keys),     cmocka_unit_test(spaces),
        cmocka_unit_test(signs),        cmocka_unit_test(good_notes),
        cmocka_unit_test(bad_notes),    cmocka_unit_test(foreign_sizes),
        cmocka_unit_test(sizes),        cmocka_unit_test(untouched_on_failure),
        cmocka_unit_test(every_bit),    cmocka_unit_test(allocations),
        cmocka_unit_test(golang_notes), cmocka_unit_test(spec_note),
        cmocka_unit_test(formats_keys),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
