/* Concise problem details: what we write, and what others may. */
#include "testlib.h"

#include "codec/problem.h"

static void written(void **state)
{
    (void)state;
    uint8_t mem[64];
    buf b;
    struct problem p;
    buf_init_fixed(&b, mem, sizeof mem);
    problem_put(&b, "Not Found", "no such entry");
    static const char want[] = "\xa2\x20\x69Not Found\x21\x6dno such entry";
    assert_true(slice_eq(buf_slice(&b), slice_of(want, sizeof want - 1)));
    assert_ok(problem_read(&p, buf_slice(&b)));
    assert_true(slice_eq_str(p.title, "Not Found") && slice_eq_str(p.detail, "no such entry"));
    for (size_t n = 0; n < b.n; n++)
        assert_true(problem_read(&p, slice_of(mem, n)) != TL_OK);
}

static void others(void **state)
{
    (void)state;
    static const struct {
        const char *hex, *title, *detail;
        bool good;
    } rows[] = {
        {"a0", NULL, NULL, true},
        {"a1206161", "a", NULL, true},
        {"a1216161", NULL, "a", true},
        {"a3012020616121"
         "6162",
         "a", "b", true}, /* and another label */
        {"a220616120"
         "6162",
         NULL, NULL, false},                   /* twice */
        {"a2216161206162", NULL, NULL, false}, /* not in order */
        {"a12001", NULL, NULL, false},
        {"a1204161", NULL, NULL, false},
        {"a120616100", NULL, NULL, false},
        {"80", NULL, NULL, false},
        {"7b226572726f72223a2278227d", NULL, NULL, false}, /* JSON */
        {"a12061ff", NULL, NULL, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = 0;
        uint8_t *bytes = test_hex(rows[i].hex, &n);
        struct problem p = {{NULL, 0}, {NULL, 0}};
        tl_err err = problem_read(&p, slice_of(bytes, n));
        if ((err == TL_OK) != rows[i].good)
            fail_msg("%s: %s", rows[i].hex, tl_err_name(err));
        assert_true(rows[i].title ? slice_eq_str(p.title, rows[i].title) : !p.title.p);
        assert_true(rows[i].detail ? slice_eq_str(p.detail, rows[i].detail) : !p.detail.p);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(written), cmocka_unit_test(others)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
