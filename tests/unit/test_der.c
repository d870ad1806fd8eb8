/* DER and PEM, strict: what is read, what is refused, and that what is written
 * reads back. */
#include "testlib.h"

#include "base/encoding.h"
#include "codec/der.h"
#include "codec/pem.h"

static uint64_t got; /* what the operation returned */
static slice got_bytes;

static void op_uint(reader *r)
{
    got = der_uint(r, 300);
}

static void op_uint64(reader *r)
{
    got = der_uint(r, UINT64_MAX);
}

static void op_enum(reader *r)
{
    got = der_enum(r, 2);
}

static void op_magnitude(reader *r)
{
    got_bytes = der_magnitude(r);
}

static void op_bool(reader *r)
{
    got = der_bool(r);
}

static void op_octets(reader *r)
{
    got_bytes = der_take(r, DER_OCTET_STRING);
}

static void op_bits(reader *r)
{
    unsigned unused;
    got_bytes = der_bits(r, &unused);
    got = unused;
}

static void op_named(reader *r)
{
    got = der_named_bits(r);
}

static void op_time(reader *r)
{
    got = der_time(r);
}

static void op_sequence(reader *r)
{
    reader in = der_enter(r, DER_SEQUENCE);
    got = der_uint(&in, 300);
    der_leave(r, &in);
}

static tl_err run(const char *hex, void (*op)(reader *))
{
    size_t n;
    uint8_t *p = test_hex(hex, &n);
    reader r = reader_of(slice_of(p, n));
    got = UINT64_MAX;
    op(&r);
    tl_err err = reader_end(&r);
    free(p);
    return err;
}

static void integers(void **state)
{
    (void)state;
    assert_ok(run("020100", op_uint));
    assert_int_equal(got, 0);
    assert_ok(run("02017f", op_uint));
    assert_int_equal(got, 127);
    assert_ok(run("020200c8", op_uint)); /* as Intel writes the SVN 200 */
    assert_int_equal(got, 200);
    assert_ok(run("0202012c", op_uint));
    assert_int_equal(got, 300);
    assert_err(run("0202012d", op_uint), TL_E_DER); /* above the maximum */
    assert_err(run("0200", op_uint), TL_E_DER);     /* no octet */
    assert_err(run("0201ff", op_uint), TL_E_DER);   /* negative */
    assert_err(run("02020001", op_uint), TL_E_DER); /* not minimal */
    assert_err(run("020204", op_uint), TL_E_SHORT);
    assert_err(run("02010400", op_uint), TL_E_TRAILING);
    assert_err(run("030104", op_uint), TL_E_DER); /* another tag */
    assert_err(run("", op_uint), TL_E_DER);
    assert_err(run("02", op_uint), TL_E_SHORT);
    assert_ok(run("020900ffffffffffffffff", op_uint64));
    assert_true(got == UINT64_MAX);
    assert_err(run("0209010000000000000000", op_uint64), TL_E_DER); /* nine bytes */
    assert_ok(run("0a0102", op_enum));
    assert_int_equal(got, 2);
    assert_err(run("0a0103", op_enum), TL_E_DER);
    assert_err(run("020102", op_enum), TL_E_DER);
    assert_ok(run("020200ff", op_magnitude));
    assert_int_equal(got_bytes.n, 1);
    assert_ok(run("020100", op_magnitude));
    assert_int_equal(got_bytes.n, 1);
}

/* Octet strings of n bytes behind the header that hex gives. */
static tl_err with_header(const char *hex, size_t n)
{
    size_t head_n;
    uint8_t *head = test_hex(hex, &head_n);
    uint8_t *p = calloc(1, head_n + n);
    assert_non_null(p);
    memcpy(p, head, head_n);
    reader r = reader_of(slice_of(p, head_n + n));
    op_octets(&r);
    tl_err err = reader_end(&r);
    if (err == TL_OK)
        assert_int_equal(got_bytes.n, n);
    free(head);
    free(p);
    return err;
}

static void lengths(void **state)
{
    (void)state;
    assert_ok(with_header("0400", 0));
    assert_ok(with_header("047f", 127));
    assert_ok(with_header("048180", 128));
    assert_ok(with_header("0481ff", 255));
    assert_ok(with_header("04820100", 256));
    assert_ok(with_header("0483010000", 65536));
    assert_err(with_header("04817f", 127), TL_E_DER);        /* short form would do */
    assert_err(with_header("048200ff", 255), TL_E_DER);      /* one octet would do */
    assert_err(with_header("0483000100", 256), TL_E_DER);    /* two would do */
    assert_err(with_header("0480", 2), TL_E_DER);            /* indefinite */
    assert_err(with_header("04ff", 0), TL_E_DER);            /* reserved */
    assert_err(with_header("0484ffffffff", 16), TL_E_SHORT); /* more than is there */
    assert_err(with_header("04890000000000000000"
                           "80",
                           128),
               TL_E_DER);                                     /* nine octets */
    assert_err(with_header("04850000000080", 128), TL_E_DER); /* five octets */
    assert_err(with_header("0482", 0), TL_E_SHORT);
    assert_err(with_header("0405", 4), TL_E_SHORT);
    assert_err(with_header("0404", 5), TL_E_TRAILING);
}

static void booleans_and_bits(void **state)
{
    (void)state;
    assert_ok(run("0101ff", op_bool));
    assert_true(got);
    assert_ok(run("010100", op_bool));
    assert_false(got);
    assert_err(run("010101", op_bool), TL_E_DER);
    assert_err(run("0100", op_bool), TL_E_DER);
    assert_err(run("0102ffff", op_bool), TL_E_DER);

    assert_ok(run("030100", op_bits));
    assert_int_equal(got_bytes.n, 0);
    assert_ok(run("030206c0", op_bits));
    assert_int_equal(got, 6);
    assert_err(run("0300", op_bits), TL_E_DER);     /* no octet for the unused bits */
    assert_err(run("030101", op_bits), TL_E_DER);   /* unused bits of no octet */
    assert_err(run("03020800", op_bits), TL_E_DER); /* more than seven */
    assert_err(run("030206e0", op_bits), TL_E_DER); /* an unused bit is set */

    assert_ok(run("03020106", op_named)); /* keyCertSign, cRLSign */
    assert_int_equal(got, 1 << 5 | 1 << 6);
    assert_ok(run("030206c0", op_named)); /* digitalSignature, nonRepudiation */
    assert_int_equal(got, 1 | 1 << 1);
    assert_ok(run("0303070080", op_named)); /* decipherOnly */
    assert_int_equal(got, 1 << 8);
    assert_ok(run("030100", op_named));
    assert_int_equal(got, 0);
    assert_err(run("03020006", op_named), TL_E_DER);     /* a trailing zero bit */
    assert_err(run("03020100", op_named), TL_E_DER);     /* no bit set */
    assert_err(run("030400000001", op_named), TL_E_DER); /* more than 16 */
}

static tl_err time_of(uint8_t tag, const char *text)
{
    char hex[80] = {0};
    snprintf(hex, sizeof hex, "%02x%02zx", tag, strlen(text));
    hex_text(hex + 4, (const uint8_t *)text, strlen(text));
    return run(hex, op_time);
}

static void times(void **state)
{
    (void)state;
    static const struct {
        uint8_t tag;
        const char *text;
        uint64_t unix_seconds;
    } good[] = {
        {DER_UTC_TIME, "700101000000Z", 0},
        {DER_UTC_TIME, "180521104511Z", 1526899511}, /* Intel's root, notBefore */
        {DER_UTC_TIME, "491231235959Z", 2524607999}, /* and notAfter */
        {DER_UTC_TIME, "000229120000Z", 951825600},  /* 2000 is a leap year */
        {DER_UTC_TIME, "991231235959Z", 946684799},
        {DER_GENERALIZED_TIME, "20500101000000Z", 2524608000},
        {DER_GENERALIZED_TIME, "21000301000000Z", 4107542400}, /* 2100 is none */
        {DER_GENERALIZED_TIME, "99991231235959Z", 253402300799},
    };
    static const struct {
        uint8_t tag;
        const char *text;
    } bad[] = {
        {DER_UTC_TIME, "691231235959Z"},           /* 2069? no: 1969 */
        {DER_GENERALIZED_TIME, "20491231235959Z"}, /* UTCTime through 2049 */
        {DER_UTC_TIME, "180521104511+"},
        {DER_UTC_TIME, "180521104511"},
        {DER_UTC_TIME, "1805211045Z"},
        {DER_UTC_TIME, "180521104511+0000"},
        {DER_UTC_TIME, "180021104511Z"},
        {DER_UTC_TIME, "181321104511Z"},
        {DER_UTC_TIME, "180500104511Z"},
        {DER_UTC_TIME, "180532104511Z"},
        {DER_UTC_TIME, "180431104511Z"},
        {DER_UTC_TIME, "190229104511Z"},
        {DER_GENERALIZED_TIME, "21000229000000Z"},
        {DER_UTC_TIME, "180521244511Z"},
        {DER_UTC_TIME, "180521106011Z"},
        {DER_UTC_TIME, "180521104560Z"},
        {DER_UTC_TIME, "18052110451:Z"},
        {DER_UTC_TIME, "18052110451/Z"},
        {DER_UTC_TIME, "180521104:11Z"},
        {DER_UTC_TIME, "180521104/11Z"},
        {DER_UTC_TIME, "180521104511ZZ"},
        {DER_OCTET_STRING, "180521104511Z"},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_ok(time_of(good[i].tag, good[i].text));
        assert_true(got == good[i].unix_seconds);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (time_of(bad[i].tag, bad[i].text) == TL_OK)
            fail_msg("accepted %s", bad[i].text);
}

static void nesting(void **state)
{
    (void)state;
    assert_ok(run("3003020105", op_sequence));
    assert_int_equal(got, 5);
    assert_err(run("300402010500", op_sequence), TL_E_TRAILING); /* inside */
    assert_err(run("300302010500", op_sequence), TL_E_TRAILING); /* after */
    assert_err(run("30020201", op_sequence), TL_E_SHORT);
    assert_err(run("3103020105", op_sequence), TL_E_DER);

    size_t n;
    uint8_t *p = test_hex("3003020105ff", &n);
    reader r = reader_of(slice_of(p, n));
    slice whole = der_whole(&r, DER_SEQUENCE);
    assert_true(whole.p == p && whole.n == 5);
    assert_int_equal(der_peek(&r), 0xff);
    assert_int_equal(der_whole(&r, DER_SEQUENCE).n, 0);
    assert_err(r.err, TL_E_DER);
    assert_int_equal(der_peek(&r), DER_NONE);
    free(p);
}

static void written_is_read(void **state)
{
    (void)state;
    static const uint64_t times_to_try[] = {0,          951782400,  951868799,
                                            1526899511, 2524607999, 2524608000,
                                            4107455999, 4107542400, 253402300799};
    static const uint64_t numbers[] = {0, 1, 127, 128, 255, 256, 32767, 32768, UINT64_MAX};
    static const uint16_t bits[] = {0, 1, 3, 0x60, 0x80, 0x100, 0x8000, 0xffff};
    static const size_t sizes[] = {0, 1, 127, 128, 255, 256, 65535, 65536};
    static const uint8_t zeros[65536];
    buf b;
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < sizeof times_to_try / sizeof *times_to_try; i++)
        der_put_time(&b, times_to_try[i]);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        der_put_uint(&b, numbers[i]);
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
        der_put_named_bits(&b, bits[i]);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        der_put(&b, DER_OCTET_STRING, slice_of(zeros, sizes[i]));
    der_put_bool(&b, true);
    der_put_bool(&b, false);
    assert_ok(buf_err(&b));

    reader r = reader_of(buf_slice(&b));
    for (size_t i = 0; i < sizeof times_to_try / sizeof *times_to_try; i++)
        assert_true(der_time(&r) == times_to_try[i]);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        assert_true(der_uint(&r, UINT64_MAX) == numbers[i]);
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
        assert_int_equal(der_named_bits(&r), bits[i]);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        assert_int_equal(der_take(&r, DER_OCTET_STRING).n, sizes[i]);
    assert_true(der_bool(&r));
    assert_false(der_bool(&r));
    assert_ok(reader_end(&r));
    buf_finish(&b);
}

static void full_buffers_stay_whole(void **state)
{
    (void)state;
    uint8_t mem[8] = {0};
    buf b;
    buf_init_fixed(&b, mem, 4);
    size_t start = der_begin(&b);
    buf_bytes(&b, slice_of("abc", 3));
    der_end(&b, start, DER_OCTET_STRING); /* the header does not fit any more */
    assert_err(buf_err(&b), TL_E_LIMIT);
    assert_memory_equal(mem, "abc", 3);
    der_put_uint(&b, 5);
    assert_int_equal(b.n, 3);
}

static tl_err pem(const char *text, size_t *count)
{
    struct pem_chain chain;
    tl_err err = pem_read(&chain, slice_str(text));
    if (err == TL_OK) {
        *count = chain.count;
        pem_finish(&chain);
    }
    return err;
}

#define B      "-----BEGIN CERTIFICATE-----\n"
#define E      "-----END CERTIFICATE-----\n"
#define COL64  "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\n"
#define PADDED "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=\n"

#define END    "-----END CERTIFICATE-----"

static void pem_blocks(void **state)
{
    (void)state;
    size_t n = 0;
    assert_ok(pem(B "QUFB\n" E, &n));
    assert_int_equal(n, 1);
    assert_ok(pem(B COL64 E B COL64 "QQ==\n" E, &n));
    assert_int_equal(n, 2);
    assert_ok(pem(B PADDED E, &n));
    assert_ok(pem(B "QQ==\n" E B "QQ==\n" E B "QQ==\n" E B "QQ==\n" E, &n));
    assert_int_equal(n, 4);
    static const char *const bad[] = {
        "",
        "\n",
        B,
        B E,            /* no content */
        B COL64 "\n" E, /* blank lines within a block */
        B "\n" COL64 E,
        B "\r\n" COL64 E,
        "-----BEGIN CERTIFICATE-----QUFB\n" E,
        B "QUFB" E, /* no line end */
        B "QUFB " E,
        B "QUFB\r" E, /* CR is none */
        B "QUFB\n-----END CERTIFICATE----",
        B "QUFB\n" END B "QUFB\n" E, /* no line end between */
        B "QUFB\n" END " " B "QUFB\n" E,
        B "QUFB\n" END "\t\r" B "QUFB\n" E,
        " " B "QUFB\n" E, /* BEGIN begins a line */
        "\n\t" B "QUFB\n" E,
        B "QUFB\n" E " " B "QUFB\n" E,
        B "QUFB\n" E "\n\r" B "QUFB\n" E,
        B "QUFB\n" END "x",
        B "QUFB\n" END " x",
        B "QU FB\n" E,
        B "QU\tFB\n" E,
        B " QUFB\n" E,
        B "QUFB\n " E,
        B "QUFB\v\n" E,
        B "QUFB\n" E "\f",
        B "QUF\n" E, /* not whole */
        B "QUF\nB\nQ\n" E,
        B "QUFC=\n" E,
        B "QR==\n" E,        /* leftover bits */
        B PADDED "QUFB\n" E, /* padding before the end */
        B "QQ==\nQQ==\n" E,
        "x" B "QUFB\n" E,
        "Subject: a text before it\n" B "QUFB\n" E,
        "-----BEGIN CERTIFICATE----=\nQUFB\n" E,
        B "Proc-Type: 4,ENCRYPTED\n\nQUFB\n" E,
        B "QUFB\n" E "x" B "QUFB\n" E,
        B "QUFB\n" E "x",
        "-----BEGIN X509 CRL-----\nQUFB\n-----END X509 CRL-----\n",
        B "QUFB\n" E "-----BEGIN X509 CRL-----\nQUFB\n-----END X509 CRL-----\n",
        B "QUFB\n-----END X509 CRL-----\n",
        B "QQ==\n" E B "QQ==\n" E B "QQ==\n" E B "QQ==\n" E B "QQ==\n" E,
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (pem(bad[i], &n) == TL_OK)
            fail_msg("accepted case %zu: %s", i, bad[i]);
    pem_finish(NULL);
}

/* What tools write and OpenSSL reads: all of it two certificates, "AAA" and "A". */
static void pem_forms(void **state)
{
    (void)state;
#define FORM(text)                                                                                 \
    {                                                                                              \
        text, sizeof text - 1                                                                      \
    }
    static const struct {
        char text[256];
        size_t n;
    } forms[] = {
        FORM(B "QUFB\n" E B "QQ==\n" E),
        FORM(B "QUFB\n" E B "QQ==\n" END), /* the last line end may be missing */
        FORM("-----BEGIN CERTIFICATE-----\r\nQUFB\r\n" END "\r\n"
             "-----BEGIN CERTIFICATE-----\r\nQQ==\r\n" END "\r\n"),
        FORM(B "QUFB\r\n" E "\r\n" B "QQ==\n" END "\r"),
        FORM("-----BEGIN CERTIFICATE----- \nQUFB\t\n" END " \t\r\n" B "QQ== \r\n" END " "),
        FORM("\n \t\r\n" B "QUFB\n" E "\n\r\n\t\n" B "QQ==\n" E "\n\n \r"),
        FORM(B "Q\nUF\nB\n" E B "Q\nQ=\n=\n" E), /* lines of any length */
        FORM(B "QUFB\n" E B "QQ==\n" E "\0"),    /* NULs, as C strings end */
        FORM(B "QUFB\n" E B "QQ==\n" END "\0"),
        FORM(B "QUFB\n" E B "QQ==\n" END " \0"),
        FORM(B "QUFB\n" E B "QQ==\n" E "\n\0\0\0"),
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct pem_chain chain;
        tl_err err = pem_read(&chain, slice_of(forms[i].text, forms[i].n));
        if (err != TL_OK)
            fail_msg("form %zu: %s", i, tl_err_text(err));
        assert_int_equal(chain.count, 2);
        assert_true(slice_eq_str(chain.certificates[0], "AAA"));
        assert_true(slice_eq_str(chain.certificates[1], "A"));
        pem_finish(&chain);
    }
    /* NULs stand at the very end alone. */
    static const struct {
        char text[128];
        size_t n;
    } bad[] = {
        FORM(B "QUFB\n" E "\0\n"),  FORM(B "QUFB\n" E "\0" B "QQ==\n" E),
        FORM("\0" B "QUFB\n" E),    FORM(B "QUFB\n\0" E),
        FORM(B "QUF\0B\n" E),       FORM("\0"),
        FORM(B "QUFB\n" E "\0\0x"),
    };
#undef FORM
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct pem_chain chain;
        if (pem_read(&chain, slice_of(bad[i].text, bad[i].n)) == TL_OK)
            fail_msg("accepted case %zu", i);
    }
}

/* Lines of every length, those of one character and of all at once among them. */
static void pem_line_lengths(void **state)
{
    (void)state;
    uint8_t bytes[1000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    buf digits, text;
    buf_init(&digits, 4096);
    buf_init(&text, 8192);
    base64_put(&digits, SLICE_ARRAY(bytes));
    for (size_t columns = 1; columns <= digits.n; columns++) {
        struct pem_chain chain;
        buf_reset(&text);
        buf_str(&text, B);
        for (size_t i = 0; i < digits.n; i += columns) {
            size_t left = digits.n - i;
            buf_bytes(&text, slice_of(digits.p + i, left < columns ? left : columns));
            buf_str(&text, "\r\n");
        }
        buf_str(&text, E);
        assert_ok(pem_read(&chain, buf_slice(&text)));
        assert_int_equal(chain.count, 1);
        assert_true(slice_eq(chain.certificates[0], SLICE_ARRAY(bytes)));
        pem_finish(&chain);
    }
    buf_finish(&digits);
    buf_finish(&text);
}

static void pem_round_trip(void **state)
{
    (void)state;
    uint8_t bytes[200];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    for (size_t n = 1; n <= sizeof bytes; n++) {
        struct pem_chain chain;
        buf b;
        buf_init(&b, 4096);
        pem_put(&b, slice_of(bytes, n));
        pem_put(&b, slice_of(bytes + 1, 1));
        assert_ok(pem_read(&chain, buf_slice(&b)));
        assert_int_equal(chain.count, 2);
        assert_true(slice_eq(chain.certificates[0], slice_of(bytes, n)));
        assert_true(slice_eq(chain.certificates[1], slice_of(bytes + 1, 1)));
        pem_finish(&chain);
        buf_finish(&b);
    }
}

static void pem_put_all(buf *b, slice certificate)
{
    buf_str(b, B);
    base64_put(b, certificate);
    buf_str(b, "\n" E);
}

static void pem_is_bounded(void **state)
{
    (void)state;
    struct pem_chain chain;
    buf text;
    buf_init(&text, 1 << 20);
    /* Too much for one block's base64, and then for what two decode to. */
    for (size_t blocks = 1; blocks <= 2; blocks++) {
        buf_reset(&text);
        for (size_t j = 0; j < blocks; j++) {
            buf_str(&text, B);
            for (size_t i = 0; i < (blocks == 1 ? 3 : 1) * PEM_MAX_BYTES / 64; i++)
                buf_str(&text, COL64);
            buf_str(&text, E);
        }
        assert_err(pem_read(&chain, buf_slice(&text)), TL_E_LIMIT);
    }
    /* As much as there may be. */
    uint8_t *bytes = calloc(1, PEM_MAX_BYTES);
    assert_non_null(bytes);
    buf_reset(&text);
    pem_put_all(&text, slice_of(bytes, PEM_MAX_BYTES));
    assert_ok(pem_read(&chain, buf_slice(&text)));
    assert_int_equal(chain.certificates[0].n, PEM_MAX_BYTES);
    pem_finish(&chain);
    free(bytes);
    buf_finish(&text);
}

static void allocations_fail(void **state)
{
    (void)state;
    struct pem_chain chain;
    for (size_t i = 1;; i++) {
        test_fail_alloc(i);
        tl_err err = pem_read(&chain, slice_str(B COL64 E B COL64 E));
        bool failed = test_alloc_failed();
        test_fail_alloc(0);
        assert_err(err, failed ? TL_E_MEMORY : TL_OK);
        if (!failed)
            break;
    }
    pem_finish(&chain);
    for (size_t i = 1;; i++) {
        buf b;
        buf_init(&b, 4096);
        test_fail_alloc(i);
        pem_put(&b, slice_str("abc"));
        bool failed = test_alloc_failed();
        test_fail_alloc(0);
        assert_err(buf_err(&b), failed ? TL_E_MEMORY : TL_OK);
        buf_finish(&b);
        if (!failed)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(lengths),
        cmocka_unit_test(booleans_and_bits),
        cmocka_unit_test(times),
        cmocka_unit_test(nesting),
        cmocka_unit_test(written_is_read),
        cmocka_unit_test(full_buffers_stay_whole),
        cmocka_unit_test(pem_blocks),
        cmocka_unit_test(pem_forms),
        cmocka_unit_test(pem_line_lengths),
        cmocka_unit_test(pem_round_trip),
        cmocka_unit_test(pem_is_bounded),
        cmocka_unit_test(allocations_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
