/* Certificates and the SGX extension: our profile against made defects, and
 * against OpenSSL's X509 over real chains. */
#include "testlib.h"

#include "attest/cert.h"
#include "codec/der.h"
#include "codec/pem.h"
#include "tee/sim_pki.h"

#include <dirent.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define NOW 1790000000

static struct sim_chain_keys keys;
static struct sim_cert plan[3];

static int make_keys(void **state)
{
    (void)state;
    assert_ok(es256_generate(&keys.root));
    assert_ok(es256_generate(&keys.intermediate));
    assert_ok(es256_generate(&keys.pck));
    assert_ok(sim_chain_plan(plan, &keys, NOW));
    return 0;
}

static int drop_keys(void **state)
{
    (void)state;
    es256_free(keys.root);
    es256_free(keys.intermediate);
    es256_free(keys.pck);
    return 0;
}

static void put(buf *b, const struct sim_cert *c)
{
    buf_init(b, 65536);
    assert_ok(sim_cert_put(b, c));
}

static void sim_certificates_read_back(void **state)
{
    (void)state;
    struct cert c[3];
    buf b[3], spki;
    for (size_t i = 0; i < 3; i++) {
        put(&b[i], &plan[i]);
        assert_ok(cert_read(&c[i], buf_slice(&b[i])));
        assert_true(slice_eq(c[i].serial, SLICE_ARRAY(plan[i].serial)));
        assert_true(c[i].not_before == NOW - 86400);
        assert_true(c[i].not_after == NOW - 86400 + UINT64_C(10957) * 86400);
        assert_int_equal(c[i].key_usage, plan[i].key_usage);
        assert_int_equal(c[i].ca, i > 0);
        assert_int_equal(c[i].has_sgx, i == 0);
        buf_init(&spki, 100);
        sim_spki_put(&spki, plan[i].key);
        assert_true(slice_eq(c[i].spki, buf_slice(&spki)));
        buf_finish(&spki);
    }
    assert_false(c[0].has_path_length);
    assert_true(c[1].has_path_length && c[1].path_length == 0);
    assert_true(c[2].has_path_length && c[2].path_length == 1);
    assert_memory_equal(c[0].sgx.fmspc, "teelog", 6);
    assert_true(slice_eq(c[0].issuer, c[1].subject));
    assert_true(slice_eq(c[1].issuer, c[2].subject));
    assert_ok(cert_verify(&c[0], &c[1]));
    assert_ok(cert_verify(&c[1], &c[2]));
    assert_ok(cert_verify(&c[2], &c[2]));
    assert_err(cert_verify(&c[0], &c[2]), TL_E_SIGNATURE);
    c[2].y[31] ^= 1; /* off the curve */
    assert_err(cert_verify(&c[1], &c[2]), TL_E_KEY);
    for (size_t i = 0; i < 3; i++)
        buf_finish(&b[i]);
}

/* A certificate taken apart, so that one part can be exchanged. */
enum { VERSION, SERIAL, ALGORITHM, ISSUER, VALIDITY, SUBJECT, SPKI, EXTENSIONS, FIELDS };
struct parts {
    slice field[FIELDS + 2]; /* two more may follow */
    size_t count;
    slice outer_algorithm, signature, after;
};

static size_t split(slice contents, slice *out, size_t max)
{
    size_t n = 0;
    reader r = reader_of(contents);
    for (; r.rest.n && n < max; n++)
        out[n] = der_whole(&r, der_peek(&r));
    assert_ok(reader_end(&r));
    return n;
}

static slice inside(slice element)
{
    reader r = reader_of(element);
    return der_take(&r, der_peek(&r));
}

static void join(buf *b, uint8_t tag, const slice *parts, size_t n)
{
    size_t start = der_begin(b);
    for (size_t i = 0; i < n; i++)
        buf_bytes(b, parts[i]);
    der_end(b, start, tag);
}

static struct parts take_apart(slice der)
{
    struct parts p = {.count = FIELDS};
    slice top[3];
    assert_int_equal(split(inside(der), top, 3), 3);
    assert_int_equal(split(inside(top[0]), p.field, FIELDS), FIELDS);
    p.outer_algorithm = top[1];
    p.signature = top[2];
    return p;
}

static tl_err read_parts(const struct parts *p, struct cert *out)
{
    struct cert ignored;
    buf tbs, all;
    buf_init(&tbs, 65536);
    buf_init(&all, 65536);
    join(&tbs, DER_SEQUENCE, p->field, p->count);
    slice top[4] = {buf_slice(&tbs), p->outer_algorithm, p->signature, p->after};
    join(&all, DER_SEQUENCE, top, 4);
    tl_err err = cert_read(out ? out : &ignored, buf_slice(&all));
    buf_finish(&tbs);
    buf_finish(&all);
    return err;
}

/* Puts hex in place of one field; the certificate must then be refused so. */
static void field_refused(const struct parts *good, size_t field, const char *hex, tl_err want)
{
    struct parts p = *good;
    size_t n;
    uint8_t *bytes = test_hex(hex, &n);
    p.field[field] = slice_of(bytes, n);
    if (field >= p.count)
        p.count = field + 1;
    assert_err(read_parts(&p, NULL), want);
    free(bytes);
}

static void fields(void **state)
{
    (void)state;
    buf b;
    struct cert c;
    put(&b, &plan[1]);
    struct parts good = take_apart(buf_slice(&b));
    assert_ok(read_parts(&good, &c));
    field_refused(&good, VERSION, "a003020101", TL_E_CERT); /* version 2 */
    field_refused(&good, VERSION, "a003020103", TL_E_CERT);
    field_refused(&good, VERSION, "", TL_E_DER); /* version 1 is the default */
    field_refused(&good, VERSION, "a00402010200", TL_E_TRAILING);
    field_refused(&good, SERIAL, "0215010203040506070809101112131415161718192021", TL_E_CERT);
    field_refused(&good, SERIAL, "0201ff", TL_E_DER);
    field_refused(&good, ALGORITHM, "300a06082a8648ce3d040303", TL_E_CERT); /* SHA-384 */
    field_refused(&good, ALGORITHM, "300c06082a8648ce3d0403020500", TL_E_CERT);
    field_refused(&good, ISSUER, "3100", TL_E_DER);
    field_refused(&good, VALIDITY, "300f170d3138303532313130343531315a", TL_E_DER);
    field_refused(&good, VALIDITY,
                  "3020170d3138303532313130343531315a170d3138303532313130343531315a0500",
                  TL_E_TRAILING);
    field_refused(&good, SUBJECT, "0500", TL_E_DER);
    field_refused(&good, EXTENSIONS, "", TL_E_DER);
    field_refused(&good, EXTENSIONS, "a100", TL_E_DER); /* a unique id, not extensions */
    field_refused(&good, FIELDS, "0500", TL_E_TRAILING);

    /* 20 bytes of serial, with a sign octet before them. */
    struct parts p = good;
    static const uint8_t long_serial[] = {2, 21, 0, 0x80, 1, 1, 1, 1, 1, 1, 1, 1,
                                          1, 1,  1, 1,    1, 1, 1, 1, 1, 1, 1};
    p.field[SERIAL] = SLICE_ARRAY(long_serial);
    assert_ok(read_parts(&p, &c));
    assert_int_equal(c.serial.n, 20);

    /* Another curve by name, and a compressed point. */
    uint8_t spki[91];
    memcpy(spki, good.field[SPKI].p, sizeof spki);
    p = good;
    p.field[SPKI] = SLICE_ARRAY(spki);
    assert_ok(read_parts(&p, NULL));
    for (size_t i = 2; i < 27; i++) {
        spki[i] ^= 1;
        assert_err(read_parts(&p, NULL), TL_E_CERT);
        spki[i] ^= 1;
    }
    buf_finish(&b);
}

static void outside_the_tbs(void **state)
{
    (void)state;
    buf b;
    struct cert c;
    put(&b, &plan[1]);
    struct parts good = take_apart(buf_slice(&b)), p = good;
    static const uint8_t sha384[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                     0x48, 0xce, 0x3d, 0x04, 0x03, 0x03};
    p.outer_algorithm = SLICE_ARRAY(sha384);
    assert_err(read_parts(&p, NULL), TL_E_CERT);
    p = good;
    p.after = slice_of("\x05\x00", 2);
    assert_err(read_parts(&p, NULL), TL_E_TRAILING);

    static const struct {
        const char *hex;
        tl_err want;
    } signatures[] = {
        {"03090030060201050202"
         "0102",
         TL_E_SHORT},
        {"0309003006020105020106", TL_OK},
        {"0309013006020105020106", TL_E_DER}, /* an unused bit that is zero */
        {"030a00300602010502010600", TL_E_TRAILING},
        {"030c003009020105020106020107", TL_E_TRAILING},
        {"0309003006020105020186", TL_E_DER},
        {"03290030260221010000000000000000000000000000000000000000000000000000000000000000020106",
         TL_E_CERT}, /* 33 bytes */
    };
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++) {
        size_t n;
        uint8_t *bytes = test_hex(signatures[i].hex, &n);
        p = good;
        p.signature = slice_of(bytes, n);
        assert_err(read_parts(&p, &c), signatures[i].want);
        free(bytes);
    }
    assert_int_equal(c.signature[31], 5);
    assert_int_equal(c.signature[63], 6);

    uint8_t *longer = malloc(b.n + 1);
    memcpy(longer, b.p, b.n);
    longer[b.n] = 0;
    assert_err(cert_read(&c, slice_of(longer, b.n + 1)), TL_E_TRAILING);
    for (size_t n = 0; n < b.n; n++)
        assert_true(cert_read(&c, slice_of(longer, n)) != TL_OK);
    free(longer);
    buf_finish(&b);
}

/* A certificate whose extensions are these alone. */
static tl_err with_extensions(const char *hex, struct cert *out)
{
    buf b, ext;
    size_t n;
    uint8_t *bytes = test_hex(hex, &n);
    put(&b, &plan[1]);
    struct parts p = take_apart(buf_slice(&b));
    buf_init(&ext, 4096);
    size_t outer = der_begin(&ext);
    der_put(&ext, DER_SEQUENCE, slice_of(bytes, n));
    der_end(&ext, outer, DER_CONTEXT_3);
    p.field[EXTENSIONS] = buf_slice(&ext);
    tl_err err = read_parts(&p, out);
    buf_finish(&ext);
    buf_finish(&b);
    free(bytes);
    return err;
}

#define BC_CA   "300f0603551d130101ff040530030101ff"
#define BC_PATH "30120603551d130101ff040830060101ff02010" /* and a digit */
#define KU      "300e0603551d0f0101ff040403020106"
#define UNKNOWN "30080603551d7f04010" /* not critical; and a digit */

static void extensions(void **state)
{
    (void)state;
    struct cert c;
    assert_ok(with_extensions(BC_CA KU, &c));
    assert_true(c.ca);
    assert_false(c.has_path_length);
    assert_int_equal(c.key_usage, KEY_USAGE_CERT_SIGN | KEY_USAGE_CRL_SIGN);
    assert_ok(with_extensions(BC_PATH "3", &c));
    assert_true(c.has_path_length && c.path_length == 3);
    assert_int_equal(c.key_usage, 0);
    assert_ok(with_extensions("30090603551d1304023000", &c)); /* an empty BasicConstraints */
    assert_false(c.ca);
    assert_ok(with_extensions("300a0603551d7f040301ffff" BC_CA, &c)); /* unknown, not critical */

    static const struct {
        const char *hex;
        tl_err want;
    } bad[] = {
        {"300d0603551d7f0101ff0403010203" BC_CA, TL_E_CERT}, /* unknown and critical */
        {"300d0603551d7f0101000403010203" BC_CA, TL_E_DER},  /* critical FALSE is not written */
        {"300c0603551d1304053003010100", TL_E_DER},          /* cA FALSE is not written */
        {"300d0603551d130406300401010100", TL_E_DER},
        {"300f0603551d130101ff040530030101ff" BC_CA, TL_E_CERT}, /* twice */
        {"300a0603551d7f0403010203300a0603551d7f0403010203", TL_E_CERT},
        {KU BC_CA KU, TL_E_CERT},
        {"30130603551d130101ff04093007"
         "0101ff02020100",
         TL_E_DER},                                              /* path length 256 */
        {"30100603551d130101ff040630030101ff00", TL_E_TRAILING}, /* inside the octets */
        {"300f0603551d0f0101ff04050302010600", TL_E_TRAILING},
        {"30110603551d130101ff040530030101ff0500", TL_E_TRAILING}, /* after the octets */
        {"30050603551d7f", TL_E_DER},
        {"3100", TL_E_DER},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tl_err err = with_extensions(bad[i].hex, &c);
        if (err == TL_OK)
            fail_msg("accepted %s", bad[i].hex);
        assert_err(err, bad[i].want);
    }
}

static void extensions_are_bounded(void **state)
{
    (void)state;
    char hex[20 * 20 + 1] = "";
    struct cert c;
    for (unsigned i = 0; i < 17; i++) {
        assert_err(with_extensions(hex, &c), TL_OK);
        snprintf(hex + strlen(hex), sizeof hex - strlen(hex), "30080603551d%02x0401aa", 0x40 + i);
    }
    assert_err(with_extensions(hex, &c), TL_E_TRAILING);
}

static void sgx_extension_must_be_sound(void **state)
{
    (void)state;
    struct sgx_extension broken = *plan[0].sgx;
    struct sim_cert leaf = plan[0];
    struct cert c;
    buf b;
    broken.type = (enum sgx_type)3;
    leaf.sgx = &broken;
    put(&b, &leaf);
    assert_err(cert_read(&c, buf_slice(&b)), TL_E_DER);
    buf_finish(&b);
}

/* The SGX extension taken apart, down to the members of its TCB. */
struct sgx_parts {
    slice element[12];
    size_t count;
};

static tl_err read_sgx(const slice *elements, size_t count, struct sgx_extension *out)
{
    struct sgx_extension ignored;
    buf b;
    buf_init(&b, 4096);
    join(&b, DER_SEQUENCE, elements, count);
    tl_err err = sgx_extension_read(out ? out : &ignored, buf_slice(&b));
    buf_finish(&b);
    return err;
}

/* Exchanges the list inside element number at: {OID, SEQUENCE of members}. */
static tl_err read_sgx_with_list(const struct sgx_parts *p, size_t at, const slice *members,
                                 size_t count, struct sgx_extension *out)
{
    slice pair[2], elements[12];
    buf list, element;
    memcpy(elements, p->element, sizeof elements);
    assert_int_equal(split(inside(elements[at]), pair, 2), 2);
    buf_init(&list, 4096);
    buf_init(&element, 4096);
    join(&list, DER_SEQUENCE, members, count);
    pair[1] = buf_slice(&list);
    join(&element, DER_SEQUENCE, pair, 2);
    elements[at] = buf_slice(&element);
    tl_err err = read_sgx(elements, p->count, out);
    buf_finish(&element);
    buf_finish(&list);
    return err;
}

static struct sgx_extension full_extension(void)
{
    struct sgx_extension v = *plan[0].sgx;
    for (unsigned i = 0; i < 16; i++)
        v.components[i] = (uint8_t)(i * 16 + 8); /* some above 127 */
    v.pce_svn = 0xfedc;
    v.platform_ca = true;
    v.type = SGX_SCALABLE_INTEGRITY;
    memset(v.instance_id, 0x77, sizeof v.instance_id);
    v.cached_keys = true;
    return v;
}

static struct sgx_parts sgx_apart(buf *b, const struct sgx_extension *v)
{
    struct sgx_parts p;
    buf_init(b, 4096);
    sgx_extension_put(b, v);
    assert_ok(buf_err(b));
    p.count = split(inside(buf_slice(b)), p.element, 12);
    return p;
}

static void sgx_elements(void **state)
{
    (void)state;
    struct sgx_extension full = full_extension(), back;
    buf b;
    struct sgx_parts p = sgx_apart(&b, &full), q;
    assert_int_equal(p.count, 7);
    assert_ok(read_sgx(p.element, 7, &back));
    assert_memory_equal(back.components, full.components, 16);
    assert_int_equal(back.pce_svn, 0xfedc);
    assert_int_equal(back.type, SGX_SCALABLE_INTEGRITY);
    assert_memory_equal(back.instance_id, full.instance_id, 16);
    assert_true(back.platform_ca && back.cached_keys);
    assert_false(back.dynamic_platform || back.smt_enabled);
    assert_memory_equal(back.ppid, full.ppid, 16);
    assert_memory_equal(back.cpu_svn, full.cpu_svn, 16);

    assert_ok(read_sgx(p.element, 5, &back));
    assert_false(back.platform_ca);
    assert_err(read_sgx(p.element, 6, NULL), TL_E_CERT); /* neither form */
    assert_err(read_sgx(p.element, 4, NULL), TL_E_CERT);
    assert_err(read_sgx(p.element, 0, NULL), TL_E_CERT);
    q = p; /* order does not matter */
    q.element[0] = p.element[6];
    q.element[6] = p.element[0];
    assert_ok(read_sgx(q.element, 7, &back));
    assert_memory_equal(back.ppid, full.ppid, 16);
    for (size_t i = 0; i < 7; i++) { /* one twice */
        q = p;
        q.element[7] = p.element[i];
        assert_err(read_sgx(q.element, 8, NULL), TL_E_CERT);
    }
    /* Another OID, an unknown element with and without a value, a longer PPID. */
    static const char *const bad[] = {
        "301e060a2a864886f84d010d0201"
        "0410"
        "00000000000000000000000000000000",
        "300e060a2a864886f84d010d01080500",
        "300c060a2a864886f84d010d0108",
        "301f060a2a864886f84d010d0101"
        "0411"
        "0000000000000000000000000000000000",
        "301d060a2a864886f84d010d0101"
        "040f"
        "000000000000000000000000000000",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t n;
        uint8_t *bytes = test_hex(bad[i], &n);
        q = p;
        q.element[0] = slice_of(bytes, n);
        if (read_sgx(q.element, 7, NULL) == TL_OK)
            fail_msg("accepted element %s", bad[i]);
        q.element[0] = p.element[0];
        q.element[7] = slice_of(bytes, n);
        if (read_sgx(q.element, 8, NULL) == TL_OK)
            fail_msg("accepted more element %s", bad[i]);
        free(bytes);
    }
    static const uint8_t after[] = {0x30, 0x00, 0x00};
    assert_true(sgx_extension_read(&back, SLICE_ARRAY(after)) != TL_OK);
    uint8_t longer[4096];
    memcpy(longer, b.p, b.n);
    longer[b.n] = 0;
    assert_err(sgx_extension_read(&back, slice_of(longer, b.n + 1)), TL_E_TRAILING);
    for (size_t n = 0; n < b.n; n++)
        assert_true(sgx_extension_read(&back, slice_of(longer, n)) != TL_OK);
    buf_finish(&b);
}

static void sgx_lists(void **state)
{
    (void)state;
    struct sgx_extension full = full_extension();
    slice pair[2], tcb[20], more[20];
    buf b;
    struct sgx_parts p = sgx_apart(&b, &full);
    assert_int_equal(split(inside(p.element[1]), pair, 2), 2);
    assert_int_equal(split(inside(pair[1]), tcb, 20), 18);
    assert_ok(read_sgx_with_list(&p, 1, tcb, 18, NULL));
    assert_err(read_sgx_with_list(&p, 1, tcb, 17, NULL), TL_E_CERT);
    assert_err(read_sgx_with_list(&p, 1, tcb + 1, 17, NULL), TL_E_CERT);
    for (size_t i = 0; i < 18; i++) { /* one twice */
        memcpy(more, tcb, sizeof more);
        more[18] = tcb[i];
        assert_err(read_sgx_with_list(&p, 1, more, 19, NULL), TL_E_CERT);
    }
    static const char *const bad[] = {
        "301f060b2a864886f84d010d010228"
        "0410"
        "00000000000000000000000000000000", /* 40 */
        "301f060b2a864886f84d010d010213"
        "0410"
        "00000000000000000000000000000000", /* 19 */
        "301f060b2a864886f84d010d010200"
        "0410"
        "00000000000000000000000000000000", /* 0 */
        "301f060b2a864886f84d010d010712"
        "0410"
        "00000000000000000000000000000000",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t n;
        uint8_t *bytes = test_hex(bad[i], &n);
        memcpy(more, tcb, sizeof more);
        more[18] = slice_of(bytes, n);
        if (read_sgx_with_list(&p, 1, more, 19, NULL) == TL_OK)
            fail_msg("accepted member %s", bad[i]);
        free(bytes);
    }
    size_t n;
    uint8_t *svn_256 = test_hex("3011060b2a864886f84d010d01020102020100", &n);
    memcpy(more, tcb, sizeof more);
    more[0] = slice_of(svn_256, n);
    assert_err(read_sgx_with_list(&p, 1, more, 18, NULL), TL_E_DER);
    free(svn_256);

    slice flags[5];
    assert_int_equal(split(inside(p.element[6]), pair, 2), 2);
    assert_int_equal(split(inside(pair[1]), flags, 5), 3);
    assert_ok(read_sgx_with_list(&p, 6, flags, 3, NULL));
    assert_err(read_sgx_with_list(&p, 6, flags, 2, NULL), TL_E_CERT);
    flags[3] = flags[0];
    assert_err(read_sgx_with_list(&p, 6, flags, 4, NULL), TL_E_CERT);
    buf_finish(&b);
}

/* OpenSSL's view of the same bytes, compared field by field. */
static void agrees_with_openssl(const struct cert *c, slice der)
{
    const unsigned char *at = der.p;
    X509 *x = d2i_X509(NULL, &at, (long)der.n);
    assert_non_null(x);
    assert_true(at == der.p + der.n);
    uint8_t serial[64], *name = NULL, *spki = NULL, *tbs = NULL;
    BIGNUM *bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
    assert_int_equal(BN_bn2binpad(bn, serial, (int)c->serial.n), c->serial.n);
    assert_memory_equal(serial, c->serial.p, c->serial.n);
    BN_free(bn);
    int n = i2d_X509_NAME(X509_get_issuer_name(x), &name);
    assert_true(slice_eq(slice_of(name, (size_t)n), c->issuer));
    OPENSSL_free(name);
    name = NULL;
    n = i2d_X509_NAME(X509_get_subject_name(x), &name);
    assert_true(slice_eq(slice_of(name, (size_t)n), c->subject));
    OPENSSL_free(name);
    n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &spki);
    assert_true(slice_eq(slice_of(spki, (size_t)n), c->spki));
    OPENSSL_free(spki);
    n = i2d_re_X509_tbs(x, &tbs);
    assert_true(n > 0);
    OPENSSL_free(tbs);
    struct tm tm;
    assert_int_equal(ASN1_TIME_to_tm(X509_get0_notBefore(x), &tm), 1);
    assert_true((uint64_t)timegm(&tm) == c->not_before);
    assert_int_equal(ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm), 1);
    assert_true((uint64_t)timegm(&tm) == c->not_after);
    assert_int_equal(X509_get_version(x), 2);
    uint32_t flags = X509_get_extension_flags(x);
    assert_int_equal(c->ca, (flags & EXFLAG_CA) != 0);
    assert_int_equal(c->has_path_length ? (long)c->path_length : -1, X509_get_pathlen(x));
    uint32_t usage = X509_get_key_usage(x);
    uint32_t ours = 0;
    for (unsigned i = 0; i < 8; i++)
        if (c->key_usage >> i & 1)
            ours |= UINT32_C(0x80) >> i;
    assert_int_equal(ours, usage == UINT32_MAX ? 0 : usage);
    X509_free(x);
}

static bool openssl_verifies(slice der, slice issuer)
{
    const unsigned char *a = der.p, *b = issuer.p;
    X509 *x = d2i_X509(NULL, &a, (long)der.n), *y = d2i_X509(NULL, &b, (long)issuer.n);
    bool ok = x && y && X509_verify(x, X509_get0_pubkey(y)) == 1;
    X509_free(x);
    X509_free(y);
    return ok;
}

/* Every certificate in one quote; returns how many agree. */
static size_t compare_quote(slice quote)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----",
                      end[] = "-----END CERTIFICATE-----\n";
    const uint8_t *from = memmem(quote.p, quote.n, begin, sizeof begin - 1), *to = from;
    struct pem_chain chain;
    struct cert c[PEM_MAX_CERTIFICATES];
    if (!from)
        return 0;
    while (to + sizeof end <= quote.p + quote.n + 1) {
        const uint8_t *next = memmem(to, (size_t)(quote.p + quote.n - to), end, sizeof end - 1);
        if (!next)
            break;
        to = next + sizeof end - 1;
    }
    if (pem_read(&chain, slice_of(from, (size_t)(to - from))) != TL_OK)
        return 0;
    size_t agreed = 0;
    for (size_t i = 0; i < chain.count; i++) {
        if (cert_read(&c[i], chain.certificates[i]) != TL_OK) {
            pem_finish(&chain);
            return 0;
        }
        agrees_with_openssl(&c[i], chain.certificates[i]);
        agreed++;
    }
    for (size_t i = 0; i < chain.count; i++) {
        size_t up = i + 1 < chain.count ? i + 1 : i;
        assert_int_equal(cert_verify(&c[i], &c[up]) == TL_OK,
                         openssl_verifies(chain.certificates[i], chain.certificates[up]));
    }
    pem_finish(&chain);
    return agreed;
}

static size_t compare_folder(const char *below, size_t *quotes)
{
    char dir[4096], path[8192];
    size_t agreed = 0;
    snprintf(dir, sizeof dir, "%s", test_vectors(below));
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        size_t n;
        snprintf(path, sizeof path, "%s/%s/quote.bin", dir, e->d_name);
        uint8_t *bytes = test_file(path, &n);
        if (!bytes)
            continue;
        size_t got = compare_quote(slice_of(bytes, n));
        agreed += got;
        *quotes += got != 0;
        free(bytes);
    }
    closedir(d);
    return agreed;
}

static void real_chains(void **state)
{
    (void)state;
    size_t quotes = 0;
    if (!test_vectors("dcap/real"))
        skip();
    size_t agreed = compare_folder("dcap/real", &quotes);
    assert_int_equal(quotes, 130); /* of 132: two carry no chain */
    assert_int_equal(agreed, 3 * 130);
    quotes = 0;
    agreed = compare_folder("dcap/synthetic", &quotes);
    print_message("synthetic: %zu certificates of %zu quotes agree\n", agreed, quotes);
    assert_true(agreed > 300);
}

/* No bit of a certificate can change without its form or its signature failing. */
static void damaged_certificates(void **state)
{
    (void)state;
    buf b, above;
    struct cert c, issuer;
    size_t formed = 0;
    put(&b, &plan[0]);
    put(&above, &plan[1]);
    assert_ok(cert_read(&issuer, buf_slice(&above)));
    for (size_t bit = 0; bit < 8 * b.n; bit++) {
        b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (cert_read(&c, buf_slice(&b)) == TL_OK) {
            formed++;
            assert_err(cert_verify(&c, &issuer), TL_E_SIGNATURE);
        }
        b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(formed > 0);
    assert_ok(cert_read(&c, buf_slice(&b)));
    assert_ok(cert_verify(&c, &issuer));
    buf_finish(&above);
    buf_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sim_certificates_read_back),
        cmocka_unit_test(fields),
        cmocka_unit_test(outside_the_tbs),
        cmocka_unit_test(extensions),
        cmocka_unit_test(extensions_are_bounded),
        cmocka_unit_test(sgx_extension_must_be_sound),
        cmocka_unit_test(sgx_elements),
        cmocka_unit_test(sgx_lists),
        cmocka_unit_test(real_chains),
        cmocka_unit_test(damaged_certificates),
    };
    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
