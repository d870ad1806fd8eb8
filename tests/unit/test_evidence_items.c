/* Evidence items, read and written. */
#include "testlib.h"

#include "attest/evidence.h"
#include "base/encoding.h"

static void items(void **state)
{
    (void)state;
    struct evidence e = {slice_str("tdx-dstack"), slice_str("quote"), slice_str("log")}, v;
    buf b;
    buf_init(&b, 100);
    evidence_put(&b, &e);
    assert_ok(evidence_read(&v, buf_slice(&b)));
    assert_true(slice_eq(v.platform, e.platform));
    assert_true(slice_eq(v.quote, e.quote));
    assert_true(slice_eq(v.event_log, e.event_log));
    for (size_t n = 0; n < b.n; n++)
        assert_true(evidence_read(&v, slice_of(b.p, n)) != TL_OK);
    buf_u8(&b, 0);
    assert_err(evidence_read(&v, buf_slice(&b)), TL_E_TRAILING);
    buf_reset(&b);
    e.event_log = slice_of("", 0); /* empty is not null */
    evidence_put(&b, &e);
    assert_ok(evidence_read(&v, buf_slice(&b)));
    assert_non_null(v.event_log.p);
    assert_int_equal(v.event_log.n, 0);
    buf_finish(&b);

    static const char *const bad[] = {
        "826161"
        "40", /* two members */
        "846161"
        "40f6f6", /* four */
        "8341"
        "6140f6", /* the platform in bytes */
        "836161"
        "6161f6", /* the quote as text */
        "836161"
        "40f4", /* false */
        "836161"
        "40f7", /* undefined */
        "836161"
        "40"
        "60", /* a text for a log */
        "8361ff"
        "40f6",         /* not UTF-8 */
        "9f616140f6ff", /* indefinite */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t n;
        uint8_t *p = test_hex(bad[i], &n);
        if (evidence_read(&v, slice_of(p, n)) == TL_OK)
            fail_msg("accepted %s", bad[i]);
        free(p);
    }
}

static void items_are_bounded(void **state)
{
    (void)state;
    struct evidence v, e = {slice_str("a"), {NULL, 0}, {NULL, 0}};
    uint8_t *bytes = calloc(1, EVIDENCE_MAX);
    buf b;
    /* 1 array, 2 platform, 5 the quote's head, 1 null */
    for (size_t more = 0; more < 2; more++) {
        buf_init(&b, EVIDENCE_MAX + 100);
        e.quote = slice_of(bytes, EVIDENCE_MAX - 9 + more);
        evidence_put(&b, &e);
        assert_int_equal(b.n, EVIDENCE_MAX + more);
        assert_err(evidence_read(&v, buf_slice(&b)), more ? TL_E_EVIDENCE : TL_OK);
        buf_finish(&b);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items),
        cmocka_unit_test(items_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
