#include "testlib.h"

#include "codec/cose.h"
#include "crypto/sign.h"
#include "tlog/note.h"

#include <jansson.h>

static json_t *load(const char *path)
{
    json_error_t e;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &e);
    if (!root)
        fail_msg("%s: %s", path, e.text);
    return root;
}

static const char *string(const json_t *o, const char *name)
{
    return json_string_value(json_object_get(o, name));
}

/* The bytes of a hex member; the caller frees .p. */
static slice bytes(const json_t *o, const char *name)
{
    slice s;
    s.p = test_hex(string(o, name), &s.n);
    return s;
}

static void drop(slice s)
{
    free((void *)(uintptr_t)s.p);
}

static hash32 sig_structure_digest(slice protected_header, slice payload)
{
    buf b;
    buf_init(&b, 65536);
    cose_sig_structure_put(&b, protected_header, payload);
    assert_ok(buf_err(&b));
    hash32 h = sha256(buf_slice(&b));
    buf_finish(&b);
    return h;
}

static bool verifies(struct es256_key *key, const struct cose_sign1 *s)
{
    hash32 h = sig_structure_digest(s->protected_header, s->payload);
    return es256_verify(key, &h, s->signature.p) == TL_OK;
}

static void assert_rebuilds(const struct cose_sign1 *s, slice whole)
{
    buf b;
    buf_init(&b, whole.n);
    cose_sign1_put(&b, s->protected_header, s->payload, s->signature.p);
    assert_ok(buf_err(&b));
    assert_true(slice_eq(buf_slice(&b), whole));
    buf_finish(&b);
}

static struct es256_key *key_of(slice x, slice y)
{
    struct es256_key *key = NULL;
    assert_int_equal(x.n, 32);
    assert_int_equal(y.n, 32);
    assert_ok(es256_public(&key, x.p, y.p));
    return key;
}

static void own_sign1(void **state)
{
    (void)state;
    json_t *root = load(test_source("vectors/cose.json")), *v;
    slice x = bytes(root, "x"), y = bytes(root, "y");
    struct es256_key *key = key_of(x, y);
    size_t i;
    json_array_foreach(json_object_get(root, "sign1"), i, v)
    {
        slice whole = bytes(v, "hex");
        struct cose_sign1 s = {.payload = {whole.p, 12345}};
        tl_err err = cose_sign1_read(&s, whole);
        const char *want = string(v, "error");
        if (strcmp(tl_err_name(err), want ? want : "OK") != 0)
            fail_msg("%s: %s", string(v, "name"), tl_err_name(err));
        if (err != TL_OK) {
            assert_int_equal(s.payload.n, 12345); /* untouched */
        } else {
            assert_rebuilds(&s, whole);
            if (verifies(key, &s) != json_is_true(json_object_get(v, "verifies")))
                fail_msg("%s: the signature", string(v, "name"));
        }
        drop(whole);
    }
    assert_true(i > 30);
    es256_free(key);
    drop(x), drop(y);
    json_decref(root);
}

static void own_sig_structure(void **state)
{
    (void)state;
    json_t *root = load(test_source("vectors/cose.json"));
    slice header = bytes(root, "protected"), payload = bytes(root, "payload");
    slice want = bytes(root, "sig_structure");
    buf b;
    buf_init(&b, 1000);
    cose_sig_structure_put(&b, header, payload);
    assert_true(slice_eq(buf_slice(&b), want));
    buf_finish(&b);
    drop(header), drop(payload), drop(want);
    json_decref(root);
}

static void own_keys(void **state)
{
    (void)state;
    json_t *root = load(test_source("vectors/cose.json")), *v;
    size_t i;
    json_array_foreach(json_object_get(root, "keys"), i, v)
    {
        slice whole = bytes(v, "hex");
        struct cose_ec2 key = {.curve = COSE_P256, .x = {77}};
        cbor c = cbor_of(whole);
        cose_ec2_read(&c, &key);
        const char *want = string(v, "error"), *got = tl_err_name(cbor_end(&c));
        if (strcmp(got, want ? want : "OK") != 0)
            fail_msg("%s: %s", string(v, "name"), got);
        if (want) {
            assert_int_equal(key.x[0], 77); /* untouched */
        } else {
            uint8_t mem[COSE_EC2_SIZE];
            buf b;
            buf_init_fixed(&b, mem, sizeof mem);
            cose_ec2_put(&b, &key);
            assert_true(slice_eq(buf_slice(&b), whole));
        }
        drop(whole);
    }
    assert_true(i > 20);
    /* The thumbprint is over the first of them. */
    slice x = bytes(root, "x"), y = bytes(root, "y"), want = bytes(root, "thumbprint");
    struct es256_key *key = key_of(x, y);
    hash32 tp = es256_thumbprint(key);
    assert_true(slice_eq(hash_slice(&tp), want));
    es256_free(key);
    drop(x), drop(y), drop(want);
    json_decref(root);
}

/* The COSE working group's examples all carry a kid in the unprotected map, so
 * none has teelog's form, and cose_sign1_read must refuse each. Since that map
 * is not signed, the same members in teelog's form must verify where the
 * example does, and fail where it fails. */
enum outcome { VERIFIES, FAILS, NOT_64 };

static const struct wg_example {
    const char *file;
    tl_err refused;
    enum outcome rebuilt;
    bool same_sig_structure; /* ours is the example's ToBeSign */
} wg_examples[] = {
    {"sign1-tests/sign-pass-01.json", TL_E_TYPE, FAILS, false},   /* h'a0' signed as h'' */
    {"sign1-tests/sign-pass-02.json", TL_E_TYPE, FAILS, false},   /* external_aad */
    {"sign1-tests/sign-pass-03.json", TL_E_TYPE, VERIFIES, true}, /* no tag */
    {"sign1-tests/sign-fail-01.json", TL_E_TYPE, VERIFIES, true}, /* wrong tag */
    {"sign1-tests/sign-fail-02.json", TL_E_TYPE, FAILS, false},
    {"sign1-tests/sign-fail-03.json", TL_E_TYPE, FAILS, false},
    {"sign1-tests/sign-fail-04.json", TL_E_TYPE, FAILS, false},
    {"sign1-tests/sign-fail-06.json", TL_E_TYPE, FAILS, false},
    {"sign1-tests/sign-fail-07.json", TL_E_TYPE, FAILS, false},
    {"ecdsa-examples/ecdsa-sig-01.json", TL_E_TYPE, VERIFIES, true},
    {"ecdsa-examples/ecdsa-sig-02.json", TL_E_TYPE, NOT_64, false}, /* P-384 */
    {"ecdsa-examples/ecdsa-sig-03.json", TL_E_TYPE, NOT_64, false}, /* P-521 */
    {"ecdsa-examples/ecdsa-sig-04.json", TL_E_TYPE, FAILS, true},   /* SHA-512 */
};

/* Members of a COSE_Sign1 with any tag or none, and any unprotected map. */
static bool loose_read(struct cose_sign1 *out, slice whole)
{
    while (whole.n && whole.p[0] >> 5 == CBOR_TAG) {
        size_t skip = whole.p[0] == 0xd9 ? 3 : whole.p[0] == 0xd8 ? 2 : 1;
        whole = slice_of(whole.p + skip, whole.n - skip);
    }
    cbor c = cbor_of(whole);
    cbor_array_of(&c, 4);
    out->protected_header = cbor_bytes(&c);
    (void)cbor_item(&c);
    out->payload = cbor_bytes(&c);
    out->signature = cbor_bytes(&c);
    return cbor_end(&c) == TL_OK && out->signature.n == 64;
}

static void check_wg_example(const struct wg_example *e, const json_t *root, struct es256_key *key)
{
    slice whole = bytes(json_object_get(root, "output"), "cbor");
    slice to_be_signed = bytes(json_object_get(root, "intermediates"), "ToBeSign_hex");
    struct cose_sign1 s;
    assert_err(cose_sign1_read(&s, whole), e->refused);
    struct cose_sign1 loose;
    if (!loose_read(&loose, whole)) {
        assert_int_equal(e->rebuilt, NOT_64);
    } else {
        buf b;
        buf_init(&b, 1000);
        cose_sign1_put(&b, loose.protected_header, loose.payload, loose.signature.p);
        assert_ok(cose_sign1_read(&s, buf_slice(&b)));
        if (verifies(key, &s) != (e->rebuilt == VERIFIES))
            fail_msg("%s: the signature", e->file);
        hash32 h = sig_structure_digest(s.protected_header, s.payload), want = sha256(to_be_signed);
        if (hash_eq(&h, &want) != e->same_sig_structure)
            fail_msg("%s: the Sig_structure", e->file);
        buf_finish(&b);
    }
    drop(whole), drop(to_be_signed);
}

static void cose_wg_examples(void **state)
{
    (void)state;
    if (!test_vectors(""))
        skip();
    size_t n;
    /* Key "11" of the examples. */
    uint8_t *xy = test_hex("bac5b11cad8f99f9c72b05cf4b9e26d244dc189f745228255a219a86d6a09eff"
                           "20138bf82dc1b6d562be0fa54ab7804a3a64b6d72ccfed6b6fb6ed28bbfc117e",
                           &n);
    struct es256_key *key = key_of(slice_of(xy, 32), slice_of(xy + 32, 32));
    for (size_t i = 0; i < sizeof wg_examples / sizeof wg_examples[0]; i++) {
        char below[200];
        snprintf(below, sizeof below, "tlog/cose-wg-examples/%s", wg_examples[i].file);
        json_t *root = load(test_vectors(below));
        check_wg_example(&wg_examples[i], root, key);
        json_decref(root);
    }
    es256_free(key);
    free(xy);
}

/* The kid is the key's RFC 9679 thumbprint. */
static void assert_ed25519_kid(const uint8_t public_key[32], slice kid)
{
    struct note_key key;
    assert_ok(note_key_make(&key, slice_str("any"), public_key));
    hash32 tp = note_key_thumbprint(&key);
    assert_true(slice_eq(hash_slice(&tp), kid));
}

static void check_statement(const json_t *v)
{
    slice seed = bytes(v, "agent_seed"), whole = bytes(v, "signed_statement_hex");
    slice want = bytes(v, "statement_sig_structure_hex"), payload = bytes(v, "payload_hex");
    slice kid = bytes(v, "agent_kid");
    uint8_t public_key[32], signature[64];
    ed25519_public(seed.p, public_key);
    assert_ed25519_kid(public_key, kid);
    struct cose_sign1 s;
    assert_ok(cose_sign1_read(&s, whole));
    assert_true(slice_eq(s.payload, payload));
    assert_rebuilds(&s, whole);
    buf b;
    buf_init(&b, 1000);
    cose_sig_structure_put(&b, s.protected_header, s.payload);
    assert_true(slice_eq(buf_slice(&b), want));
    assert_true(ed25519_verify(public_key, buf_slice(&b), s.signature.p));
    assert_ok(ed25519_sign(seed.p, buf_slice(&b), signature));
    assert_memory_equal(signature, s.signature.p, 64); /* Ed25519 is deterministic */
    b.p[b.n - 1] ^= 1;
    assert_false(ed25519_verify(public_key, buf_slice(&b), s.signature.p));
    buf_finish(&b);
    drop(seed), drop(whole), drop(want), drop(payload), drop(kid);
}

/* Receipts carry their proof in the unprotected map and have no payload. */
static void check_receipt_is_refused(const json_t *v, const char *name)
{
    slice whole = bytes(v, name);
    struct cose_sign1 s;
    assert_err(cose_sign1_read(&s, whole), TL_E_TYPE);
    drop(whole);
}

static void generated_statements(void **state)
{
    (void)state;
    const char *path = test_vectors("tlog/generated/cose-scitt.json");
    if (!path)
        skip();
    json_t *root = load(path);
    static const char *const algs[] = {"-8", "-19"};
    for (size_t i = 0; i < 2; i++) {
        const json_t *v = json_object_get(root, algs[i]);
        assert_non_null(v);
        check_statement(v);
        check_receipt_is_refused(v, "inclusion_receipt_hex");
        check_receipt_is_refused(v, "consistency_receipt_3_to_7_hex");
        check_receipt_is_refused(v, "transparent_statement_hex");
    }
    const json_t *envelope = json_object_get(root, "hash_envelope_rfc9995");
    slice whole = bytes(envelope, "statement_hex");
    struct cose_sign1 s;
    assert_ok(cose_sign1_read(&s, whole));
    hash32 h = sha256(slice_str(string(envelope, "preimage")));
    assert_true(slice_eq(s.payload, hash_slice(&h)));
    drop(whole);
    json_decref(root);
}

/* Labels of others' headers: in any order, each once, and not too many. */
static void labels_of_others(void **state)
{
    (void)state;
    uint8_t mem[256];
    buf b;
    for (int64_t count = COSE_LABELS_MAX; count <= COSE_LABELS_MAX + 1; count++) {
        struct cose_labels labels = {0};
        buf_init_fixed(&b, mem, sizeof mem);
        for (int64_t i = count; i > 0; i--)
            cbor_put_int(&b, i % 2 ? i : -i);
        cbor c = cbor_of(buf_slice(&b));
        for (int64_t i = count; i > 0; i--)
            assert_true(cose_label(&c, &labels) == (i % 2 ? i : -i) || c.err != TL_OK);
        assert_err(cbor_end(&c), count > COSE_LABELS_MAX ? TL_E_COSE : TL_OK);
    }
    struct cose_labels labels = {0};
    static const uint8_t twice[] = {0x04, 0x01, 0x04};
    cbor c = cbor_of(SLICE_ARRAY(twice));
    (void)cose_label(&c, &labels);
    (void)cose_label(&c, &labels);
    assert_ok(c.err);
    (void)cose_label(&c, &labels);
    assert_err(c.err, TL_E_COSE);
    static const uint8_t text[] = {0x61, 'a'};
    labels.count = 0;
    c = cbor_of(SLICE_ARRAY(text));
    (void)cose_label(&c, &labels);
    assert_true(c.err != TL_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_sign1),
        cmocka_unit_test(own_sig_structure),
        cmocka_unit_test(own_keys),
        cmocka_unit_test(cose_wg_examples),
        cmocka_unit_test(generated_statements),
        cmocka_unit_test(labels_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
