/* Whatever DER, PEM, CBOR or quote somebody sends, up to 1 MiB of it, its readers are
 * done with in bounded time and memory, and so is a whole verification with all that
 * it may be given (bounds.h says how it is measured). */
#include "attest/chain.h"
#include "attest/evidence.h"
#include "attest/x509.h"
#include "bounds.h"
#include "codec/der.h"
#include "fakedcap.h"
#include "tee/sim_der.h"

static tl_err read_crl(slice in)
{
    static const uint8_t serial[] = {0x7f, 0xff, 0xff, 0xff};
    struct crl v;
    tl_err err = crl_read(&v, in);
    return err == TL_OK && crl_revokes(&v, SLICE_ARRAY(serial)) ? TL_E_CERT : err;
}

static tl_err read_cert(slice in)
{
    struct cert v;
    return cert_read(&v, in);
}

static tl_err read_extension(slice in)
{
    struct sgx_extension v;
    return sgx_extension_read(&v, in);
}

static tl_err read_chain(slice in)
{
    struct chain v;
    tl_err err = chain_read_pck(&v, in, NULL);
    if (err == TL_OK)
        chain_finish(&v);
    return err;
}

static tl_err read_quote(slice in)
{
    struct quote v;
    return quote_read(&v, in, NULL);
}

static tl_err read_evidence(slice in)
{
    struct evidence v;
    return evidence_read(&v, in);
}

static void fill_bytes(buf *b, slice piece)
{
    while (b->n + piece.n <= SIZE)
        buf_bytes(b, piece);
}

static const struct {
    const char *name;
    reading *read;
} readers[] = {
    {"CRL", read_crl},     {"certificate", read_cert}, {"SGX extension", read_extension},
    {"chain", read_chain}, {"quote", read_quote},      {"evidence", read_evidence},
};

#define PIECE(text)                                                                                \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }

/* None of these is what any of them wants. */
static const struct {
    slice start, piece;
} shapes[] = {
    {PIECE(""), PIECE("\0")},
    {PIECE(""), PIECE("\xff")},
    {PIECE(""), PIECE("\x30\x80")},
    {PIECE(""), PIECE("\x30\x83\x0f\x00\x00")},
    {PIECE("\x30\x83\x0f\xff\xfb"), PIECE("\x30\x00")},
    {PIECE("\x30\x83\x0f\xff\xfb\x30\x83\x0f\xf0\x00"), PIECE("\x31\x00")},
    {PIECE(""), PIECE("\x83")},
    {PIECE(""), PIECE("\x5a\x00\x0f\xff\xfb")},
    {PIECE(""), PIECE("-----BEGIN CERTIFICATE-----\n")},
    {PIECE(""), PIECE("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")},
    {PIECE("-----BEGIN CERTIFICATE-----\n"), PIECE("A")},
    {PIECE("-----BEGIN CERTIFICATE-----\n"), PIECE("AAAA\n")},
    {PIECE("-----BEGIN CERTIFICATE-----\n"),
     PIECE("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n")},
    {PIECE("\x03\x00\x02\x00\x00\x00\x00\x00"), PIECE("\xff")},
    {PIECE("\x04\x00\x02\x00\x81\x00\x00\x00"), PIECE("\xff")},
    {PIECE("\x05\x00\x02\x00\x81\x00\x00\x00"), PIECE("\x03\x00")},
};

static void test_shapes(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, SIZE);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        buf_reset(&b);
        buf_bytes(&b, shapes[i].start);
        fill_bytes(&b, shapes[i].piece);
        for (size_t k = 0; k < sizeof readers / sizeof *readers; k++) {
            char name[60];
            snprintf(name, sizeof name, "%s, shape %zu", readers[k].name, i);
            check_bounds(readers[k].read, &b, false, MEMORY, name);
        }
    }
    buf_finish(&b);
}

/* Extensions that nobody knows, each with an OID of its own. */
static void put_extensions(buf *b, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const uint8_t oid[] = {0x55, 0x1e, (uint8_t)(i / 100), (uint8_t)(i % 100)};
        struct sim_extension e = sim_extension_begin(b, SLICE_ARRAY(oid), false);
        sim_extension_end(b, e);
    }
}

/* count entries, each with so many extensions besides its reason. */
static void put_crl(buf *b, struct es256_key *key, size_t count, unsigned extensions)
{
    uint8_t serials[4] = {1, 2, 3, 4};
    struct sim_crl plan;
    struct sim_revoked *revoked = calloc(count, sizeof *revoked);
    buf more;
    assert_non_null(revoked);
    buf_init(&more, SIZE);
    put_extensions(&more, extensions);
    assert_ok(buf_err(&more));
    for (size_t i = 0; i < count; i++)
        revoked[i] = (struct sim_revoked){SLICE_ARRAY(serials), FAKE_TIME, buf_slice(&more)};
    sim_crl_plan(&plan, sim_root_name, key, FAKE_TIME);
    plan.revoked = revoked;
    plan.revoked_count = count;
    buf_reset(b);
    assert_ok(sim_crl_put(b, &plan));
    buf_finish(&more);
    free(revoked);
}

static void test_crl(void **state)
{
    (void)state;
    struct es256_key *key;
    buf b;
    buf_init(&b, 2 * SIZE);
    assert_ok(es256_generate(&key));
    put_crl(&b, key, 27000, 0);
    check_bounds(read_crl, &b, true, MEMORY, "a list of many entries");
    put_crl(&b, key, 4000, 15);
    check_bounds(read_crl, &b, true, MEMORY, "a list of many extensions");
    put_crl(&b, key, 10, 8000);
    check_bounds(read_crl, &b, false, MEMORY, "a list of too many extensions");
    put_crl(&b, key, 40000, 0);
    check_bounds(read_crl, &b, false, MEMORY, "a list above 1 MiB");
    es256_free(key);
    buf_finish(&b);
}

/* A name of as many attributes as there is room for. */
static void put_long_name(buf *b)
{
    static const uint8_t one[] = {0x31, 0x09, 0x30, 0x07, 0x06, 0x03, 0x55, 0x04, 0x03, 0x13, 0x00};
    size_t name = der_begin(b);
    while (b->n + 200 < SIZE)
        buf_bytes(b, SLICE_ARRAY(one));
    der_end(b, name, DER_SEQUENCE);
}

static void test_names(void **state)
{
    (void)state;
    static const uint8_t serial[] = {1};
    buf b;
    buf_init(&b, SIZE);
    for (int certificate = 0; certificate < 2; certificate++) {
        buf_reset(&b);
        size_t whole = der_begin(&b), tbs = der_begin(&b), version = der_begin(&b);
        der_put_uint(&b, certificate ? 2 : 1);
        if (certificate) {
            der_end(&b, version, DER_CONTEXT_0);
            der_put_magnitude(&b, SLICE_ARRAY(serial));
        }
        buf_bytes(&b, SLICE_ARRAY(x509_ecdsa_sha256));
        put_long_name(&b);
        der_end(&b, tbs, DER_SEQUENCE);
        der_end(&b, whole, DER_SEQUENCE);
        check_bounds(certificate ? read_cert : read_crl, &b, false, MEMORY, "a long name");
    }
    buf_finish(&b);
}

static void test_quote(void **state)
{
    (void)state;
    static uint8_t bytes[SIZE - 8000];
    struct fake_dcap f;
    assert_ok(fake_dcap_init(&f, SIM_TDX_V5_15));
    f.cert_is_set = true;
    f.quote.cert_type = QUOTE_CERT_PCK_CHAIN;
    f.quote.cert_data = SLICE_ARRAY(bytes);
    assert_ok(fake_dcap_make(&f));
    check_bounds(read_quote, &f.quote_bytes, true, MEMORY, "a quote with a long chain");
    f.cert_is_set = false;
    f.quote_trailing = SLICE_ARRAY(bytes);
    assert_ok(fake_dcap_make(&f));
    check_bounds(read_quote, &f.quote_bytes, true, MEMORY, "a quote with much behind it");
    fake_dcap_finish(&f);
}

static slice the_quote;
static hash32 the_root;

static tl_err verify(slice collateral)
{
    static struct dcap_report r;
    const struct dcap_input in = {.quote = the_quote,
                                  .collateral = collateral,
                                  .time = FAKE_TIME,
                                  .roots = &the_root,
                                  .root_count = 1};
    dcap_verify(&r, &in);
    return r.ok ? TL_OK : r.stage && strcmp(r.stage, "memory") == 0 ? TL_E_MEMORY : TL_E_QUOTE;
}

/* A text with as many members that nobody knows as there is room for. */
static slice padded(buf *b, size_t n)
{
    b->n--; /* the brace */
    while (b->n + 6 < n)
        buf_str(b, ",\"\":0");
    buf_str(b, "}");
    return buf_slice(b);
}

static void test_whole(void **state)
{
    (void)state;
    static uint8_t trailing[SIZE - 8000], serial[] = {1, 2, 3};
    static struct sim_revoked revoked[5000];
    struct fake_dcap f;
    buf info, identity;
    buf_init(&info, SIZE);
    buf_init(&identity, SIZE);
    assert_ok(fake_dcap_init(&f, SIM_TDX_V4));
    for (size_t i = 0; i < 5000; i++)
        revoked[i] = (struct sim_revoked){.serial = SLICE_ARRAY(serial), .time = FAKE_TIME};
    f.root_crl.revoked = f.pck_crl.revoked = revoked;
    f.root_crl.revoked_count = f.pck_crl.revoked_count = 5000;
    sim_tcb_info_put(&info, &f.tcb_info);
    sim_qe_identity_put(&identity, &f.qe_identity);
    f.tcb_info_signed.text = padded(&info, 100000);
    f.qe_identity_signed.text = padded(&identity, 100000);
    f.quote_trailing = SLICE_ARRAY(trailing);
    assert_ok(fake_dcap_make(&f));
    assert_true(f.collateral_json.n > 9 * SIZE / 10 && f.collateral_json.n <= SIZE);
    the_quote = buf_slice(&f.quote_bytes);
    the_root = f.root_hash;
    check_bounds(verify, &f.collateral_json, true, MEMORY, "a whole verification");
    fake_dcap_finish(&f);
    buf_finish(&info);
    buf_finish(&identity);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes), cmocka_unit_test(test_crl),   cmocka_unit_test(test_names),
        cmocka_unit_test(test_quote),  cmocka_unit_test(test_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
