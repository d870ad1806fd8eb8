/* What a provisioning service answers, taken apart: headers, percent encoding,
 * chains, CRLs in three encodings, signed JSON, statuses; and the platform that a
 * quote comes from. */
#include "codec/pem.h"
#include "fakedcap.h"
#include "faults.h"
#include "pcs/answer.h"
#include "pcs/platform.h"
#include "testlib.h"

static struct fake_dcap fake;

static int make_fake(void **state)
{
    (void)state;
    return fake_dcap_init(&fake, SIM_SGX_V3) != TL_OK || fake_dcap_make(&fake) != TL_OK;
}

static int finish_fake(void **state)
{
    (void)state;
    fake_dcap_finish(&fake);
    return 0;
}

static struct pcs_answer answer_of(unsigned status, const char *headers)
{
    struct pcs_answer a;
    pcs_answer_init(&a);
    a.status = status;
    buf_str(&a.headers, headers);
    return a;
}

static void test_headers(void **state)
{
    (void)state;
    struct pcs_answer a = answer_of(200, "HTTP/1.1 200 OK\r\n"
                                         "X-Name: not this\r\n"
                                         "Name-X: nor this\r\n"
                                         "nAmE: \t value with: colon \t\r\n"
                                         "Name: a second one\r\n"
                                         "Empty:\r\n"
                                         "No-Colon\r\n"
                                         "Last: end");
    assert_slice(pcs_header(&a, "Name"), slice_str("value with: colon"));
    assert_slice(pcs_header(&a, "NAME"), slice_str("value with: colon"));
    assert_slice(pcs_header(&a, "Last"), slice_str("end"));
    assert_int_equal(pcs_header(&a, "Empty").n, 0);
    assert_non_null(pcs_header(&a, "Empty").p);
    assert_null(pcs_header(&a, "Absent").p);
    assert_null(pcs_header(&a, "No-Colon").p);
    assert_null(pcs_header(&a, "Nam").p);
    pcs_answer_finish(&a);
    a = answer_of(200, "");
    assert_null(pcs_header(&a, "Name").p);
    pcs_answer_finish(&a);
}

static void test_percent(void **state)
{
    (void)state;
    static const char cut[] = "ab%41";
    buf b;
    buf_init(&b, 64);
    buf_str(&b, "kept ");
    assert_ok(pcs_percent_decode(&b, slice_str("a%20b%2B+%0a%0A%00c")));
    assert_slice(buf_slice(&b), slice_of("kept a b++\n\n\0c", 14));
    const char *bad[] = {"%", "%4", "a%zz", "%4g", "%%41", "% 1", "%-1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_err(pcs_percent_decode(&b, slice_str(bad[i])), TL_E_ENCODING);
    /* What stands behind the end is not looked at. */
    assert_err(pcs_percent_decode(&b, slice_of(cut, 4)), TL_E_ENCODING);
    assert_int_equal(b.n, 14);
    assert_ok(buf_err(&b));
    assert_ok(pcs_percent_decode(&b, slice_of(cut, 2)));
    assert_int_equal(b.n, 16);
    buf_finish(&b);
    buf_init(&b, 3);
    assert_err(pcs_percent_decode(&b, slice_str("%41%42%43%44")), TL_E_LIMIT);
    buf_finish(&b);
}

static void put_percent(buf *b, slice text)
{
    for (size_t i = 0; i < text.n; i++)
        buf_printf(b, "%%%02X", text.p[i]);
}

static void test_chains(void **state)
{
    (void)state;
    slice pem = fake.parts.tcb_info_chain;
    struct pcs_answer a = answer_of(200, "SGX-TCB-Info-Issuer-Chain: ");
    struct tl_why why = {{0}, {0}};
    buf out;
    buf_init(&out, 65536);
    put_percent(&a.headers, pem);
    buf_str(&a.headers, "\r\nBad: %2\r\nNone: %41%42\r\nTwice: ");
    put_percent(&a.headers, slice_of(pem.p, pem.n - 10));
    buf_str(&a.headers, "\r\n");
    assert_ok(pcs_chain(&out, &a, "TCB-Info-Issuer-Chain", "SGX-TCB-Info-Issuer-Chain", &why));
    assert_slice(buf_slice(&out), pem);
    assert_ok(pcs_chain(&out, &a, "SGX-TCB-Info-Issuer-Chain", NULL, &why));
    assert_int_equal(out.n, 2 * pem.n);
    /* The first name counts, also where the second one would do. */
    assert_err(pcs_chain(&out, &a, "Bad", "SGX-TCB-Info-Issuer-Chain", &why), TL_E_ENCODING);
    assert_string_equal(why.field, "Bad");
    assert_err(pcs_chain(&out, &a, "None", NULL, NULL), TL_E_CERT);
    assert_err(pcs_chain(&out, &a, "Twice", NULL, NULL), TL_E_CERT);
    why = (struct tl_why){{0}, {0}};
    assert_err(pcs_chain(&out, &a, "Absent", "Absent-Too", &why), TL_E_FIELD);
    assert_string_equal(why.field, "Absent");
    assert_err(pcs_chain(&out, &a, "Absent", NULL, NULL), TL_E_FIELD);
    assert_int_equal(out.n, 2 * pem.n);
    assert_ok(buf_err(&out));
    buf_finish(&out);
    pcs_answer_finish(&a);
}

enum { CRL_TEXT_MAX = 65536 };

static void put_crl_pem(buf *b, slice der, const char *line_end, size_t columns)
{
    buf text;
    buf_init(&text, CRL_TEXT_MAX);
    base64_put(&text, der);
    buf_printf(b, "-----BEGIN X509 CRL-----%s", line_end);
    for (size_t i = 0; i < text.n; i += columns) {
        buf_bytes(b, slice_of(text.p + i, text.n - i < columns ? text.n - i : columns));
        buf_str(b, line_end);
    }
    buf_finish(&text);
}

static void expect_crl(slice body, slice der)
{
    struct tl_why why = {{0}, {0}};
    buf out;
    buf_init(&out, CRL_TEXT_MAX);
    buf_str(&out, "x");
    assert_ok(pcs_crl(&out, body, "the list", &why));
    assert_slice(slice_of(out.p + 1, out.n - 1), der);
    assert_string_equal(why.text, "");
    buf_finish(&out);
}

static void refuse_crl(slice body)
{
    struct tl_why why = {{0}, {0}};
    buf out;
    buf_init(&out, CRL_TEXT_MAX);
    buf_str(&out, "x");
    if (pcs_crl(&out, body, "the list", &why) == TL_OK)
        fail_msg("taken: %.*s", (int)body.n, (const char *)body.p);
    assert_string_equal(why.field, "the list");
    assert_int_equal(out.n, 1);
    assert_ok(buf_err(&out));
    buf_finish(&out);
}

static void test_crl_encodings(void **state)
{
    (void)state;
    slice der = fake.parts.pck_crl;
    buf b;
    buf_init(&b, CRL_TEXT_MAX);
    expect_crl(der, der);
    hex_put(&b, der);
    expect_crl(buf_slice(&b), der);
    refuse_crl(slice_of(b.p, b.n - 1));
    refuse_crl(slice_of(b.p, b.n - 2));
    buf_str(&b, " \r\n");
    expect_crl(buf_slice(&b), der);
    for (size_t i = 0; i < b.n; i++)
        b.p[i] = (uint8_t)(b.p[i] >= 'a' && b.p[i] <= 'f' ? b.p[i] - 32 : b.p[i]);
    expect_crl(buf_slice(&b), der);
    b.p[7] = 'g';
    refuse_crl(buf_slice(&b));
    const char *ends[] = {"\n", "\r\n"};
    for (size_t i = 0; i < 2; i++)
        for (size_t columns = 64; columns < 100; columns += 12) {
            buf_reset(&b);
            put_crl_pem(&b, der, ends[i], columns);
            refuse_crl(buf_slice(&b));
            buf_str(&b, "-----END X509 CRL-----");
            expect_crl(buf_slice(&b), der);
            buf_str(&b, ends[i]);
            expect_crl(buf_slice(&b), der);
            buf_str(&b, "more");
            refuse_crl(buf_slice(&b));
        }
    buf_reset(&b);
    put_crl_pem(&b, der, "\n", 64);
    b.p[40] = '!';
    buf_str(&b, "-----END X509 CRL-----\n");
    refuse_crl(buf_slice(&b));
    buf_finish(&b);
}

static void test_crl_refused(void **state)
{
    (void)state;
    slice der = fake.parts.pck_crl;
    const char *bad[] = {"",
                         "3",
                         "30",
                         "3000",
                         "\n",
                         "-----BEGIN X509 CRL-----",
                         "0",
                         "not found",
                         "<html></html>",
                         "-----BEGIN X509 CRL-----\n",
                         "-----BEGIN X509 CRL-----\n-----END X509 CRL-----\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refuse_crl(slice_str(bad[i]));
    refuse_crl((slice){NULL, 0});
    buf none;
    buf_init(&none, 16);
    assert_int_not_equal(pcs_crl(&none, slice_str("-"), "the list", NULL), TL_OK);
    buf_finish(&none);
    refuse_crl(slice_of(der.p, der.n - 1));
    buf b;
    buf_init(&b, CRL_TEXT_MAX);
    buf_bytes(&b, der);
    buf_u8(&b, 0);
    refuse_crl(buf_slice(&b));
    buf_finish(&b);
    buf_init(&b, der.n - 1);
    assert_err(pcs_crl(&b, der, "the list", NULL), TL_E_LIMIT);
    buf_finish(&b);
}

/* text with hex, or the first digits of it, in place of its '$'. */
static const char *filled(const char *text, const char *hex, int digits)
{
    static char out[1024];
    const char *at = strchr(text, '$');
    if (at)
        snprintf(out, sizeof out, "%.*s%.*s%s", (int)(at - text), text, digits, hex, at + 1);
    return at ? out : text;
}

static void test_signed_json(void **state)
{
    (void)state;
    uint8_t signature[64], before[64];
    char hex[129];
    struct tl_why why = {{0}, {0}};
    buf out;
    buf_init(&out, 4096);
    for (size_t i = 0; i < sizeof before; i++)
        before[i] = (uint8_t)(i + 1);
    hex_text(hex, before, sizeof before);
    const char *good[] = {
        "{\"tcbInfo\":{\"a\": [1 ,2]},\"signature\":\"$\"}",
        " { \"signature\" : \"$\" , \"more\":[{}], \"tcbInfo\" : {\"a\": [1 ,2]} }\r\n"};
    for (size_t i = 0; i < 2; i++) {
        memset(signature, 0, sizeof signature);
        buf_reset(&out);
        slice text = slice_str(filled(good[i], hex, 128));
        assert_ok(pcs_signed_json(&out, signature, text, "tcbInfo", &why));
        assert_slice(buf_slice(&out), slice_str("{\"a\": [1 ,2]}"));
        assert_memory_equal(signature, before, 64);
    }
    const struct {
        const char *text;
        tl_err want;
        int digits; /* 0: all */
    } bad[] = {
        {"", TL_E_JSON},
        {"[]", TL_E_JSON},
        {"not json", TL_E_JSON},
        {"{\"signature\":\"$\"}", TL_E_FIELD},
        {"{\"enclaveIdentity\":{},\"signature\":\"$\"}", TL_E_FIELD},
        {"{\"tcbInfo\":{}}", TL_E_ENCODING},
        {"{\"tcbInfo\":{},\"signature\":\"$\"}", TL_E_ENCODING, 126},
        {"{\"tcbInfo\":{},\"signature\":\"$00\"}", TL_E_ENCODING},
        {"{\"tcbInfo\":{},\"signature\":\"$x\"}", TL_E_ENCODING, 127},
        {"{\"tcbInfo\":{},\"signature\":1}", TL_E_JSON},
        {"{\"tcbInfo\":{},\"signature\":\"$\"", TL_E_JSON},
        {"{\"tcbInfo\":{},\"signature\":\"$\"} x", TL_E_JSON},
        {"{\"tcbInfo\":{},\"tcbInfo\":{},\"signature\":\"$\"}", TL_E_JSON},
        {"{\"tcbInfo\":{,\"signature\":\"$\"}", TL_E_JSON},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        memset(signature, 0, sizeof signature);
        why = (struct tl_why){{0}, {0}};
        const char *text = filled(bad[i].text, hex, bad[i].digits ? bad[i].digits : 128);
        tl_err err = pcs_signed_json(&out, signature, slice_str(text), "tcbInfo", &why);
        if (err != bad[i].want)
            fail_msg("%s: %s", text, tl_err_name(err));
        assert_int_equal(signature[0], 0);
        assert_int_equal(out.n, 13);
        assert_string_equal(why.field, "tcbInfo");
    }
    buf_finish(&out);
    buf_init(&out, 3);
    slice good_text = slice_str(filled(good[0], hex, 128));
    assert_err(pcs_signed_json(&out, signature, good_text, "tcbInfo", &why), TL_E_LIMIT);
    assert_int_equal(signature[0], 0);
    buf_finish(&out);
}

static void test_statuses(void **state)
{
    (void)state;
    const struct {
        unsigned status;
        tl_err want;
        const char *says;
    } all[] = {
        {200, TL_OK, ""},
        {204, TL_E_PEER, "HTTP 204"},
        {302, TL_E_PEER, "https://elsewhere.example/"},
        {400, TL_E_PEER, "HTTP 400"},
        {401, TL_E_AUTH, "subscription"},
        {403, TL_E_AUTH, "HTTP 403"},
        {404, TL_E_NOT_FOUND, "platform"},
        {410, TL_E_NOT_FOUND, "standard"},
        {429, TL_E_BUSY, "after 120 (its Retry-After)"},
        {461, TL_E_PEER, "HTTP 461"},
        {500, TL_E_BUSY, "HTTP 500"},
        {503, TL_E_BUSY, "after 120"},
        {0, TL_E_PEER, "HTTP 0"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct tl_why why = {{0}, {0}};
        struct pcs_answer a = answer_of(
            all[i].status, "Retry-After: 120\r\nLocation: https://elsewhere.example/\r\n");
        assert_err(pcs_status(&a, "the thing", &why), all[i].want);
        if (!strstr(why.text, all[i].says))
            fail_msg("%u: %s", all[i].status, why.text);
        assert_string_equal(why.field, all[i].want == TL_OK ? "" : "the thing");
        pcs_answer_finish(&a);
    }
    struct tl_why why = {{0}, {0}};
    struct pcs_answer a = answer_of(429, "");
    assert_err(pcs_status(&a, "the thing", &why), TL_E_BUSY);
    assert_non_null(strstr(why.text, "later"));
    pcs_answer_finish(&a);
    a = answer_of(301, "");
    assert_err(pcs_status(&a, "the thing", NULL), TL_E_PEER);
    pcs_answer_finish(&a);
}

/* The fake's PCK chain with one byte of the DER changed, and without a last NUL. */
static void put_changed_chain(buf *out, slice find, size_t at, uint8_t to)
{
    struct pem_chain chain;
    bool changed = false;
    assert_ok(pem_read(&chain, buf_slice(&fake.pck_pem)));
    for (size_t i = 0; i < chain.count; i++) {
        struct bytes der = bytes_copy(chain.certificates[i]);
        uint8_t *found = memmem(der.p, der.n, find.p, find.n);
        if (found)
            found[at] = to;
        changed = changed || found;
        pem_put(out, bytes_slice(der));
        free(der.p);
    }
    assert_true(changed);
    pem_finish(&chain);
}

static void one_pem(buf *out, const struct sim_cert *certificate)
{
    const struct sim_cert *const one[1] = {certificate};
    buf_init(out, 65536);
    assert_ok(sim_certs_put(out, one, 1));
}

static void test_platform_of_chain(void **state)
{
    (void)state;
    struct pcs_platform p = {.known = false};
    struct tl_why why = {{0}, {0}};
    buf pem;
    buf_init(&pem, 65536);
    assert_ok(pcs_platform_from_chain(&p, buf_slice(&fake.pck_pem), &why));
    assert_true(p.known);
    assert_int_equal(p.ca, PCS_CA_PROCESSOR);
    assert_string_equal(pcs_ca_name(p.ca), "processor");
    assert_memory_equal(p.fmspc, fake.platform.fmspc, 6);
    p.known = false;
    /* Neither a Platform nor a Processor CA. */
    put_changed_chain(&pem, slice_str("Processor CA"), 0, 'Q');
    assert_err(pcs_platform_from_chain(&p, buf_slice(&pem), &why), TL_E_CERT);
    assert_string_equal(why.field, "PCK chain");
    /* No SGX extension, but another one that is not critical. */
    buf_reset(&pem);
    put_changed_chain(&pem, SLICE_ARRAY(sgx_extension_oid), sizeof sgx_extension_oid - 1, 9);
    assert_err(pcs_platform_from_chain(&p, buf_slice(&pem), &why), TL_E_CERT);
    buf_finish(&pem);
    one_pem(&pem, &fake.ca);
    assert_err(pcs_platform_from_leaf(&p, buf_slice(&pem), &why), TL_E_CERT);
    assert_false(p.known);
    assert_err(pcs_platform_from_chain(&p, slice_str("nothing"), NULL), TL_E_CERT);
    assert_err(pcs_platform_from_leaf(&p, slice_str("nothing"), NULL), TL_E_CERT);
    buf_finish(&pem);
}

static void test_platform_ca(void **state)
{
    (void)state;
    static const char name[] = "teelog simulated SGX PCK Platform CA";
    struct fake_dcap f;
    struct pcs_platform p = {.known = false};
    assert_ok(fake_dcap_init(&f, SIM_TDX_V4));
    f.ca.subject = f.pck.issuer = name;
    f.platform.platform_ca = true;
    assert_ok(fake_dcap_make(&f));
    assert_ok(pcs_platform_from_chain(&p, buf_slice(&f.pck_pem), NULL));
    assert_int_equal(p.ca, PCS_CA_PLATFORM);
    assert_string_equal(pcs_ca_name(p.ca), "platform");
    p.ca = PCS_CA_PROCESSOR;
    buf pem;
    one_pem(&pem, &f.pck);
    assert_ok(pcs_platform_from_leaf(&p, buf_slice(&pem), NULL));
    assert_int_equal(p.ca, PCS_CA_PLATFORM);
    buf_finish(&pem);
    fake_dcap_finish(&f);
}

static void test_platform_of_quote(void **state)
{
    (void)state;
    struct quote q;
    struct pcs_platform p = {.known = true};
    struct tl_why why = {{0}, {0}};
    assert_ok(quote_read(&q, buf_slice(&fake.quote_bytes), NULL));
    assert_ok(pcs_platform_read(&p, &q, &why));
    assert_true(p.known);
    assert_false(p.tdx);
    q.cert_type = QUOTE_CERT_PCK_LEAF;
    assert_err(pcs_platform_read(&p, &q, NULL), TL_E_CERT); /* a chain */
    buf pem;
    one_pem(&pem, &fake.pck);
    q.cert_data = slice_of(pem.p, pem.n - 1);
    p.known = false;
    assert_ok(pcs_platform_read(&p, &q, &why));
    assert_true(p.known);
    assert_int_equal(p.ca, PCS_CA_PROCESSOR);
    buf_finish(&pem);
    q.tee_type = TEE_TYPE_TDX;
    q.cert_type = QUOTE_CERT_PPID_RSA3072;
    assert_ok(pcs_platform_read(&p, &q, &why));
    assert_false(p.known);
    assert_true(p.tdx);
    q.cert_type = QUOTE_CERT_PPID;
    assert_err(pcs_platform_read(&p, &q, &why), TL_E_QUOTE);
    assert_non_null(strstr(why.text, "type 1"));
}

static void test_pckcert_query(void **state)
{
    (void)state;
    uint8_t data[404], user[20];
    struct quote q = {.cert_type = QUOTE_CERT_PPID_RSA3072, .cert_data = SLICE_ARRAY(data)};
    struct tl_why why = {{0}, {0}};
    buf b;
    memset(data, 0xab, 384);
    for (size_t i = 384; i < sizeof data; i++)
        data[i] = (uint8_t)(i - 384);
    memset(user, 0x5c, 16);
    memset(user + 16, 0, 4);
    q.user_data = SLICE_ARRAY(user);
    buf_init(&b, 4096);
    assert_ok(pcs_pckcert_query(&b, &q, false, &why));
    assert_int_equal(b.n, 15 + 768 + 8 + 32 + 8 + 4 + 7 + 4);
    assert_slice(slice_of(b.p, 19), slice_str("encrypted_ppid=abab"));
    assert_slice(slice_of(b.p + 783, b.n - 783),
                 slice_str("&cpusvn=000102030405060708090a0b0c0d0e0f&pcesvn=1011&pceid=1213"));
    size_t n = b.n;
    buf_reset(&b);
    assert_ok(pcs_pckcert_query(&b, &q, true, &why));
    assert_slice(slice_of(b.p + n, b.n - n), slice_str("&qeid=5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c"));
    buf_reset(&b);
    q.cert_type = QUOTE_CERT_PPID_RSA2048;
    q.cert_data = slice_of(data, 276);
    assert_ok(pcs_pckcert_query(&b, &q, false, &why));
    assert_int_equal(b.n, 15 + 512 + 8 + 32 + 8 + 4 + 7 + 4);
    const size_t wrong[] = {0, 275, 277, 404};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        why = (struct tl_why){{0}, {0}};
        q.cert_data = slice_of(data, wrong[i]);
        assert_int_not_equal(pcs_pckcert_query(&b, &q, false, &why), TL_OK);
        assert_non_null(strstr(why.text, "type 2"));
    }
    buf_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),       cmocka_unit_test(test_percent),
        cmocka_unit_test(test_chains),        cmocka_unit_test(test_crl_encodings),
        cmocka_unit_test(test_crl_refused),   cmocka_unit_test(test_signed_json),
        cmocka_unit_test(test_statuses),      cmocka_unit_test(test_platform_of_chain),
        cmocka_unit_test(test_platform_ca),   cmocka_unit_test(test_platform_of_quote),
        cmocka_unit_test(test_pckcert_query),
    };
    return cmocka_run_group_tests(tests, make_fake, finish_fake);
}
