#include "testlib.h"

#include "attest/collateral.h"

#include <dirent.h>
#include <jansson.h>

#define SIGNATURE_1                                                                                \
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"                             \
    "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
#define SIGNATURE_2                                                                                \
    "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"                             \
    "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3eff"

enum { MEMBERS = 10 };
static const struct {
    const char *name, *value;
    bool optional, hex;
} sample[MEMBERS] = {
    {"pck_crl_issuer_chain", "\"pck crl chain\\n\"", true, false},
    {"root_ca_crl", "\"3000ff\"", false, true},
    {"pck_crl", "\"3001\"", false, true},
    {"tcb_info_issuer_chain", "\"tcb\\nchain\\n\"", false, false},
    {"tcb_info", "\"{\\\"id\\\":\\\"SGX\\\"}\"", false, false},
    {"tcb_info_signature", "\"" SIGNATURE_1 "\"", false, true},
    {"qe_identity_issuer_chain", "\"qe\\nchain\\n\"", false, false},
    {"qe_identity", "\"{\\\"id\\\":\\\"\xc3\xa9\\\\\\\"}\"", false, false},
    {"qe_identity_signature", "\"" SIGNATURE_2 "\"", false, true},
    {"pck_certificate_chain", "\"leaf\"", true, false},
};

/* The sample; with the value of one member another one (NULL: left out), and
 * with more text before the end. */
static void put_sample(buf *b, size_t which, const char *value, const char *more)
{
    buf_init(b, 100000);
    for (size_t i = 0; i < MEMBERS; i++) {
        const char *v = i == which ? value : sample[i].value;
        if (v) {
            buf_str(b, b->n ? ",\"" : "{\"");
            buf_str(b, sample[i].name);
            buf_str(b, "\":");
            buf_str(b, v);
        }
    }
    buf_str(b, more);
    buf_str(b, "}");
    assert_ok(buf_err(b));
}

/* Reads a copy of exactly that size; a failure changes nothing, and says why. */
static tl_err read_exactly(struct collateral *out, slice json, struct tl_why *why)
{
    uint8_t *copy = malloc(json.n ? json.n : 1);
    struct collateral before;
    assert_non_null(copy);
    memset(&before, 0xa5, sizeof before);
    memset(out, 0xa5, sizeof *out);
    *why = (struct tl_why){0};
    if (json.n)
        memcpy(copy, json.p, json.n);
    tl_err err = collateral_read(out, slice_of(copy, json.n), why);
    if (err != TL_OK) {
        assert_memory_equal(out, &before, sizeof before);
        assert_true(why->text[0]);
    }
    free(copy); /* nothing borrows it */
    return err;
}

/* The sample with that change must be refused, with that field named. */
static void refused(size_t which, const char *value, const char *more, tl_err err,
                    const char *field)
{
    buf b;
    struct collateral c;
    struct tl_why why;
    put_sample(&b, which, value, more);
    tl_err got = read_exactly(&c, buf_slice(&b), &why);
    if (got != err || strcmp(why.field, field) != 0)
        fail_msg("%.*s: %s, %s: %s", (int)b.n, (const char *)b.p, tl_err_name(got), why.field,
                 why.text);
    buf_finish(&b);
}

static void taken(struct collateral *c, size_t which, const char *value, const char *more)
{
    buf b;
    struct tl_why why;
    put_sample(&b, which, value, more);
    tl_err err = read_exactly(c, buf_slice(&b), &why);
    if (err != TL_OK)
        fail_msg("%.*s: %s", (int)b.n, (const char *)b.p, why.text);
    buf_finish(&b);
}

static void reads_each(void **state)
{
    (void)state;
    struct collateral c;
    uint8_t signature[64];
    taken(&c, MEMBERS, NULL, "");
    assert_true(slice_eq_str(c.pck_crl_chain, "pck crl chain\n"));
    assert_true(slice_eq(c.root_ca_crl, slice_of("\x30\0\xff", 3)));
    assert_true(slice_eq(c.pck_crl, slice_of("\x30\x01", 2)));
    assert_true(slice_eq_str(c.tcb_info_chain, "tcb\nchain\n"));
    assert_true(slice_eq_str(c.tcb_info, "{\"id\":\"SGX\"}"));
    assert_true(slice_eq_str(c.qe_identity_chain, "qe\nchain\n"));
    assert_true(slice_eq_str(c.qe_identity, "{\"id\":\"\xc3\xa9\\\"}"));
    assert_true(slice_eq_str(c.pck_chain, "leaf"));
    assert_ok(hex_read(signature, 64, slice_str(SIGNATURE_1)));
    assert_memory_equal(c.tcb_info_signature, signature, 64);
    assert_ok(hex_read(signature, 64, slice_str(SIGNATURE_2)));
    assert_memory_equal(c.qe_identity_signature, signature, 64);
    collateral_finish(&c);
    assert_null(c.tcb_info.p);
    collateral_finish(&c);
    collateral_finish(NULL);
}

static void any_order(void **state)
{
    (void)state;
    struct collateral c;
    struct tl_why why;
    buf b;
    buf_init(&b, 10000);
    for (size_t i = MEMBERS; i-- > 0;)
        buf_printf(&b, "%s\n\t\"%s\" : %s", i == MEMBERS - 1 ? " {" : " ,", sample[i].name,
                   sample[i].value);
    buf_str(&b, "\r\n}\n");
    assert_ok(read_exactly(&c, buf_slice(&b), &why));
    assert_true(slice_eq_str(c.tcb_info, "{\"id\":\"SGX\"}"));
    assert_true(slice_eq_str(c.pck_chain, "leaf"));
    collateral_finish(&c);
    buf_finish(&b);
}

static void needed_and_optional(void **state)
{
    (void)state;
    struct collateral c;
    for (size_t i = 0; i < MEMBERS; i++) {
        if (!sample[i].optional) {
            refused(i, NULL, "", TL_E_FIELD, sample[i].name);
            refused(i, "null", "", TL_E_JSON, sample[i].name);
            continue;
        }
        static const char *const without[] = {NULL, "null", "\"\""};
        for (size_t k = 0; k < 3; k++) {
            taken(&c, i, without[k], "");
            assert_int_equal(i ? c.pck_chain.n : c.pck_crl_chain.n, 0);
            assert_true(slice_eq_str(c.tcb_info, "{\"id\":\"SGX\"}"));
            collateral_finish(&c);
        }
    }
}

static void wrong_values(void **state)
{
    (void)state;
    static const char *const wrong[] = {"1",       "true",        "{}",       "[\"\"]",   "nul",
                                        "\"\\x\"", "\"\\ud800\"", "\"\xff\"", "\"a\nb\"", ""};
    for (size_t i = 0; i < MEMBERS; i++)
        for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++)
            refused(i, wrong[k], "", TL_E_JSON, sample[i].name);
}

static void wrong_hex(void **state)
{
    (void)state;
    for (size_t i = 0; i < MEMBERS; i++) {
        if (!sample[i].hex)
            continue;
        refused(i, "\"300\"", "", TL_E_ENCODING, sample[i].name);
        refused(i, "\"30 0\"", "", TL_E_ENCODING, sample[i].name);
        refused(i, "\"0x30\"", "", TL_E_ENCODING, sample[i].name);
        refused(i, "\"\\u0033\\u0030\"", "", TL_E_JSON, sample[i].name);
    }
    static const size_t signatures[] = {5, 8};
    for (size_t k = 0; k < 2; k++) {
        size_t i = signatures[k];
        refused(i, "\"\"", "", TL_E_ENCODING, sample[i].name);
        refused(i, "\"00\"", "", TL_E_ENCODING, sample[i].name);
        refused(i, "\"" SIGNATURE_1 "00\"", "", TL_E_ENCODING, sample[i].name);
    }
    struct collateral c;
    taken(&c, 1, "\"AbCdEF\"", "");
    assert_true(slice_eq_str(c.root_ca_crl, "\xab\xcd\xef"));
    collateral_finish(&c);
    taken(&c, 2, "\"\"", "");
    assert_int_equal(c.pck_crl.n, 0);
    assert_int_equal(c.root_ca_crl.n, 3);
    collateral_finish(&c);
}

static void names(void **state)
{
    (void)state;
    char more[300];
    for (size_t i = 0; i < MEMBERS; i++) {
        snprintf(more, sizeof more, ",\"%s\":%s", sample[i].name, sample[i].value);
        refused(MEMBERS, NULL, more, TL_E_JSON, sample[i].name);
        snprintf(more, sizeof more, ",\"%s\":null", sample[i].name);
        refused(MEMBERS, NULL, more, TL_E_JSON, sample[i].name);
    }
    /* An optional one that was null is there once, too. */
    refused(0, "null", ",\"pck_crl_issuer_chain\":null", TL_E_JSON, "pck_crl_issuer_chain");
    refused(MEMBERS, NULL, ",\"x\":1", TL_E_FIELD, "x");
    refused(MEMBERS, NULL, ",\"\":null", TL_E_FIELD, "");
    refused(MEMBERS, NULL, ",\"TCB_INFO\":null", TL_E_FIELD, "TCB_INFO");
    refused(MEMBERS, NULL, ",\"tcb_inf\":null", TL_E_FIELD, "tcb_inf");
    refused(MEMBERS, NULL,
            ",\"a_name_that_is_longer_than_any_field_that_there_may_be\xc3\xa9\":null", TL_E_FIELD,
            "a_name_that_is_longer_than_any_field_that_there");
    refused(4, NULL, ",\"tcb\\u005finfo\":\"{}\"", TL_E_JSON, "");
}

static void other_texts(void **state)
{
    (void)state;
    static const char *const none[] = {"", " ", "null", "[]", "\"\"", "[{}]", "}", "{}x"};
    struct collateral c;
    struct tl_why why;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_err(read_exactly(&c, slice_str(none[i]), &why), TL_E_JSON);
    assert_err(read_exactly(&c, slice_of(NULL, 0), &why), TL_E_JSON);
    assert_err(read_exactly(&c, slice_str("{}"), &why), TL_E_FIELD);
    assert_err(collateral_read(&c, slice_str("{}"), NULL), TL_E_FIELD);
    refused(MEMBERS, NULL, ",", TL_E_JSON, "");
    refused(MEMBERS, NULL, "}", TL_E_JSON, "");
    refused(MEMBERS, NULL, "]", TL_E_JSON, "");
    buf b;
    put_sample(&b, MEMBERS, NULL, "");
    for (size_t n = 0; n < b.n; n++)
        assert_err(read_exactly(&c, slice_of(b.p, n), &why), TL_E_JSON);
    buf_finish(&b);
}

static void largest(void **state)
{
    (void)state;
    struct collateral c;
    struct tl_why why;
    buf b, big;
    put_sample(&b, MEMBERS, NULL, "");
    buf_init(&big, COLLATERAL_MAX + 1);
    buf_bytes(&big, buf_slice(&b));
    memset(buf_grow(&big, COLLATERAL_MAX - b.n), ' ', COLLATERAL_MAX - b.n);
    assert_ok(read_exactly(&c, buf_slice(&big), &why));
    collateral_finish(&c);
    buf_u8(&big, ' ');
    assert_ok(buf_err(&big));
    assert_err(read_exactly(&c, buf_slice(&big), &why), TL_E_LIMIT);
    buf_finish(&big);
    buf_finish(&b);
}

static void assert_equal_parts(const struct collateral *a, const struct collateral *b)
{
    assert_true(slice_eq(a->tcb_info, b->tcb_info));
    assert_true(slice_eq(a->qe_identity, b->qe_identity));
    assert_memory_equal(a->tcb_info_signature, b->tcb_info_signature, 64);
    assert_memory_equal(a->qe_identity_signature, b->qe_identity_signature, 64);
    assert_true(slice_eq(a->tcb_info_chain, b->tcb_info_chain));
    assert_true(slice_eq(a->qe_identity_chain, b->qe_identity_chain));
    assert_true(slice_eq(a->root_ca_crl, b->root_ca_crl));
    assert_true(slice_eq(a->pck_crl, b->pck_crl));
    assert_true(slice_eq(a->pck_crl_chain, b->pck_crl_chain));
    assert_true(slice_eq(a->pck_chain, b->pck_chain));
}

static void writes_what_it_reads(void **state)
{
    (void)state;
    for (unsigned with = 0; with < 4; with++) {
        struct collateral c, again;
        struct tl_why why;
        buf want, got;
        taken(&c, MEMBERS, NULL, "");
        if (!(with & 1))
            c.pck_crl_chain = (slice){NULL, 0};
        if (!(with & 2))
            c.pck_chain = (slice){NULL, 0};
        buf_init(&want, 10000);
        buf_init(&got, 10000);
        for (size_t i = 0; i < MEMBERS; i++)
            if ((i || with & 1) && (i < MEMBERS - 1 || with & 2))
                buf_printf(&want, "%s\"%s\":%s", want.n ? "," : "{", sample[i].name,
                           sample[i].value);
        buf_str(&want, "}");
        collateral_put(&got, &c);
        assert_ok(buf_err(&got));
        assert_true(slice_eq(buf_slice(&got), buf_slice(&want)));
        assert_ok(read_exactly(&again, buf_slice(&got), &why));
        assert_equal_parts(&c, &again);
        collateral_finish(&again);
        collateral_finish(&c);
        buf_finish(&got);
        buf_finish(&want);
    }
}

static void escapes(void **state)
{
    (void)state;
    struct collateral c, again;
    struct tl_why why;
    uint8_t text[0x80 + 4] = {[0x80] = 0xf0, 0x9f, 0x98, 0x80};
    buf b;
    for (unsigned i = 0; i < 0x80; i++)
        text[i] = (uint8_t)i;
    taken(&c, MEMBERS, NULL, "");
    c.tcb_info = SLICE_ARRAY(text);
    c.qe_identity = (slice){NULL, 0};
    c.pck_chain = slice_str("\"\n\\");
    buf_init(&b, 10000);
    collateral_put(&b, &c);
    assert_ok(buf_err(&b));
    slice end = slice_str(":\"\\\"\\n\\\\\"}");
    assert_true(slice_eq(slice_of(b.p + b.n - end.n, end.n), end));
    for (size_t i = 0; i < b.n; i++)
        assert_true(b.p[i] >= 0x20);
    assert_ok(read_exactly(&again, buf_slice(&b), &why));
    assert_equal_parts(&c, &again);
    collateral_finish(&again);
    collateral_finish(&c);
    buf_finish(&b);
}

static void without_memory(void **state)
{
    (void)state;
    struct collateral c;
    struct tl_why why;
    buf b;
    put_sample(&b, MEMBERS, NULL, "");
    test_fail_alloc(2);
    assert_ok(collateral_read(&c, buf_slice(&b), &why));
    assert_false(test_alloc_failed()); /* it makes one allocation, and no more */
    collateral_finish(&c);
    test_fail_alloc(1);
    assert_err(collateral_read(&c, buf_slice(&b), NULL), TL_E_MEMORY);
    assert_true(test_alloc_failed());
    buf_finish(&b);
    taken(&c, MEMBERS, NULL, "");
    buf_init(&b, 100);
    collateral_put(&b, &c);
    assert_err(buf_err(&b), TL_E_LIMIT);
    buf_finish(&b);
    collateral_finish(&c);
}

static slice text_of(const json_t *top, const char *name)
{
    const char *s = json_string_value(json_object_get(top, name));
    return s ? slice_str(s) : (slice){NULL, 0};
}

static bool is_hex_of(slice bytes, slice hex)
{
    buf b;
    buf_init(&b, 2 * bytes.n + 1);
    hex_put(&b, bytes);
    bool same = b.n == hex.n;
    for (size_t i = 0; same && i < b.n; i++)
        same = b.p[i] == (hex.p[i] >= 'A' && hex.p[i] <= 'F' ? hex.p[i] | 0x20 : hex.p[i]);
    buf_finish(&b);
    return same;
}

/* What jansson reads of the file. */
static void assert_same_as_jansson(const struct collateral *c, slice json)
{
    json_t *top = json_loadb((const char *)json.p, json.n, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(top);
    assert_true(slice_eq(c->tcb_info, text_of(top, "tcb_info")));
    assert_true(slice_eq(c->qe_identity, text_of(top, "qe_identity")));
    assert_true(slice_eq(c->tcb_info_chain, text_of(top, "tcb_info_issuer_chain")));
    assert_true(slice_eq(c->qe_identity_chain, text_of(top, "qe_identity_issuer_chain")));
    assert_true(slice_eq(c->pck_crl_chain, text_of(top, "pck_crl_issuer_chain")));
    assert_true(slice_eq(c->pck_chain, text_of(top, "pck_certificate_chain")));
    assert_true(is_hex_of(c->root_ca_crl, text_of(top, "root_ca_crl")));
    assert_true(is_hex_of(c->pck_crl, text_of(top, "pck_crl")));
    assert_true(is_hex_of(SLICE_ARRAY(c->tcb_info_signature), text_of(top, "tcb_info_signature")));
    assert_true(
        is_hex_of(SLICE_ARRAY(c->qe_identity_signature), text_of(top, "qe_identity_signature")));
    json_decref(top);
}

static void read_vector(const char *path)
{
    size_t n;
    uint8_t *p = test_file(path, &n);
    struct collateral c, again;
    struct tl_why why = {0};
    buf b;
    if (!p)
        fail_msg("%s is not there", path);
    tl_err err = collateral_read(&c, slice_of(p, n), &why);
    if (err != TL_OK)
        fail_msg("%s: %s: %s", path, tl_err_name(err), why.text);
    assert_same_as_jansson(&c, slice_of(p, n));
    free(p);
    buf_init(&b, COLLATERAL_MAX);
    collateral_put(&b, &c);
    assert_ok(buf_err(&b));
    assert_ok(collateral_read(&again, buf_slice(&b), &why));
    assert_equal_parts(&c, &again);
    collateral_finish(&again);
    collateral_finish(&c);
    buf_finish(&b);
}

static void vectors(void **state)
{
    (void)state;
    static const char *const folders[] = {"dcap/real", "dcap/synthetic"};
    size_t count = 0;
    for (size_t i = 0; i < 2; i++) {
        const char *found = test_vectors(folders[i]);
        if (!found)
            skip();
        char folder[2048], path[4096];
        snprintf(folder, sizeof folder, "%s", found);
        DIR *d = opendir(folder);
        assert_non_null(d);
        for (struct dirent *e; (e = readdir(d));) {
            if (e->d_name[0] == '.')
                continue;
            snprintf(path, sizeof path, "%s/%s/collateral.json", folder, e->d_name);
            read_vector(path);
            count++;
        }
        closedir(d);
    }
    assert_int_equal(count, 258);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_each),
        cmocka_unit_test(any_order),
        cmocka_unit_test(needed_and_optional),
        cmocka_unit_test(wrong_values),
        cmocka_unit_test(wrong_hex),
        cmocka_unit_test(names),
        cmocka_unit_test(other_texts),
        cmocka_unit_test(largest),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(escapes),
        cmocka_unit_test(without_memory),
        cmocka_unit_test(vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
