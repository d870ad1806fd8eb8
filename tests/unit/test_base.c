#include "testlib.h"

static void hex_round_trip(void **state)
{
    (void)state;
    uint8_t out[2] = {9, 9};
    assert_ok(hex_read(out, 2, slice_str("00fF")));
    assert_int_equal(out[1], 0xff);
    assert_err(hex_read(out, 2, slice_str("00f")), TL_E_ENCODING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
