/* QE identity: what it holds, that each rule is kept, and which enclaves it is of. */
#include "tcb_texts.h"

static const char qe[] =
    "{\"id\":\"QE\",\"version\":2,\"issueDate\":\"2026-06-01T00:00:00Z\","
    "\"nextUpdate\":\"2026-07-01T00:00:00Z\",\"tcbEvaluationDataNumber\":17,"
    "\"miscselect\":\"01020304\",\"miscselectMask\":\"FFfffF7F\","
    "\"attributes\":\"11000000000000000600000000000000\","
    "\"attributesMask\":\"FBFFFFFFFFFFFFFF0700000000000000\","
    "\"mrsigner\":\"8C4F5775D796503E96137F77C68A829A0056AC8DED70140B081B094490C57BFF\","
    "\"isvprodid\":1,\"tcbLevels\":["
    "{\"tcb\":{\"isvsvn\":6},\"tcbDate\":\"2023-02-15T00:00:00Z\",\"tcbStatus\":\"OutOfDate\","
    "\"advisoryIDs\":[\"INTEL-SA-00615\"]},"
    "{\"tcb\":{\"isvsvn\":8},\"tcbDate\":\"2024-03-13T00:00:00Z\",\"tcbStatus\":\"UpToDate\"},"
    "{\"tcb\":{\"isvsvn\":5},\"tcbDate\":\"2020-03-13T00:00:00Z\","
    "\"tcbStatus\":\"ConfigurationNeeded\"},"
    "{\"tcb\":{\"isvsvn\":4},\"tcbDate\":\"2020-03-13T00:00:00Z\","
    "\"tcbStatus\":\"OutOfDateConfigurationNeeded\"},"
    "{\"tcb\":{\"isvsvn\":1},\"tcbDate\":\"2019-05-15T00:00:00Z\",\"tcbStatus\":\"Revoked\"}]}";

static void qe_identity_is_read(void **state)
{
    (void)state;
    static const uint8_t attributes[16] = {0x11, 0, 0, 0, 0, 0, 0, 0, 6};
    static const uint8_t mask[16] = {0xfb, 255, 255, 255, 255, 255, 255, 255, 7};
    static const struct {
        unsigned svn;
        enum tcb_status status;
    } want[] = {{8, TCB_UP_TO_DATE},
                {6, TCB_OUT_OF_DATE},
                {5, TCB_CONFIGURATION_NEEDED},
                {4, TCB_OUT_OF_DATE_CONFIGURATION_NEEDED},
                {1, TCB_REVOKED}};
    struct qe_identity q;
    struct tl_why why = {0};
    assert_ok(qe_identity_read(&q, slice_str(qe), &why));
    assert_false(q.td_qe);
    assert_int_equal(q.issue_date, 1780272000);
    assert_int_equal(q.next_update, 1782864000);
    assert_int_equal(q.evaluation_number, 17);
    assert_int_equal(q.misc_select, 0x04030201);
    assert_int_equal(q.misc_select_mask, 0x7fffffff);
    assert_memory_equal(q.attributes, attributes, 16);
    assert_memory_equal(q.attributes_mask, mask, 16);
    assert_int_equal(q.mr_signer[0], 0x8c);
    assert_int_equal(q.mr_signer[31], 0xff);
    assert_int_equal(q.isv_prod_id, 1);
    assert_int_equal(q.level_count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(q.levels[i].isv_svn, want[i].svn);
        assert_int_equal(q.levels[i].status, want[i].status);
    }
    assert_int_equal(q.levels[1].date, 1676419200);
    assert_int_equal(q.levels[1].advisories.count, 1);
    qe_identity_finish(&q);
    qe_identity_finish(NULL);
    char *text = edited(qe, "\"QE\"", "\"TD_QE\"");
    assert_ok(qe_identity_read(&q, slice_str(text), &why));
    assert_true(q.td_qe);
    qe_identity_finish(&q);
    free(text);
}

static void members_stand_once(void **state)
{
    (void)state;
    static const char *const identity[] = {"id",
                                           "version",
                                           "issueDate",
                                           "nextUpdate",
                                           "tcbEvaluationDataNumber",
                                           "miscselect",
                                           "attributes",
                                           "miscselectMask",
                                           "attributesMask",
                                           "mrsigner",
                                           "isvprodid",
                                           "tcbLevels",
                                           "tcb",
                                           "isvsvn",
                                           "tcbDate",
                                           "tcbStatus",
                                           NULL};
    static const char *const optional[] = {"advisoryIDs", NULL};
    try_members(IDENTITY, qe, identity, true);
    try_members(IDENTITY, qe, optional, false);
}

static void identity_rules(void **state)
{
    (void)state;
    static const struct edit edits[] = {
        {"\"QE\"", "\"QVE\"", TL_E_FIELD, "id"},
        {"\"QE\"", "\"\"", TL_E_FIELD, "id"},
        {"\"version\":2", "\"version\":1", TL_E_FIELD, "version"},
        {"\"version\":2", "\"version\":3", TL_E_FIELD, "version"},
        {"\"2026-07-01T", "\"2026-05-31T", TL_E_FIELD, "nextUpdate"},
        {"01020304", "010203", TL_E_ENCODING, "miscselect"},
        {"FFfffF7F", "FFfffF7F00", TL_E_ENCODING, "miscselectMask"},
        {"\"1100", "\"11", TL_E_ENCODING, "attributes"},
        {"\"FBFF", "\"FBF", TL_E_ENCODING, "attributesMask"},
        {"8C4F", "8C4", TL_E_ENCODING, "mrsigner"},
        {"\"isvprodid\":1", "\"isvprodid\":65536", TL_E_RANGE, "isvprodid"},
        {"\"isvsvn\":6", "\"isvsvn\":8", TL_E_FIELD, "tcbLevels"},
        {"\"isvsvn\":6", "\"isvsvn\":4294967295", TL_OK, NULL},
        {"\"isvsvn\":6", "\"isvsvn\":4294967296", TL_E_RANGE, "isvsvn"},
        {"\"UpToDate\"", "\"SWHardeningNeeded\"", TL_E_FIELD, "tcbStatus"},
        {"\"UpToDate\"", "\"ConfigurationAndSWHardeningNeeded\"", TL_E_FIELD, "tcbStatus"},
        {"\"UpToDate\"", "\"TDRelaunchAdvised\"", TL_E_FIELD, "tcbStatus"},
        {"\"tcbLevels\":[", "\"tcbLevels\":[],\"x\":[", TL_E_FIELD, "tcbLevels"},
        {"{\"id\"", "{\"x\":null,\"id\"", TL_OK, NULL},
    };
    TRY(IDENTITY, qe, edits);
}

static void lists_are_bounded(void **state)
{
    (void)state;
    static const char svn_level[] = "{\"tcb\":{\"isvsvn\":~},\"tcbDate\":\"2024-03-13T00:00:00Z\","
                                    "\"tcbStatus\":\"UpToDate\"}";
    try_bound(IDENTITY, qe, "tcbLevels", 0, svn_level, TCB_MAX_LEVELS);
    try_bound(IDENTITY, qe, "advisoryIDs", 0, "\"A-~\"", TCB_LEVEL_ADVISORIES);

    struct tl_why why = {0};
    struct qe_identity q;
    char *most = with_list(qe, "tcbLevels", 0, svn_level, TCB_MAX_LEVELS);
    assert_ok(qe_identity_read(&q, slice_str(most), &why));
    assert_int_equal(q.level_count, TCB_MAX_LEVELS);
    for (size_t i = 0; i < TCB_MAX_LEVELS; i++)
        assert_int_equal(q.levels[i].isv_svn, TCB_MAX_LEVELS - 1 - i);
    qe_identity_finish(&q);
    free(most);
}

static void texts_are_bounded(void **state)
{
    (void)state;
    struct tl_why why;
    buf b;
    buf_init(&b, SIGNED_JSON_MAX + 1);
    buf_str(&b, qe);
    memset(buf_grow(&b, SIGNED_JSON_MAX - sizeof qe + 1), ' ', SIGNED_JSON_MAX - sizeof qe + 1);
    assert_ok(read_as(IDENTITY, buf_slice(&b), &why));
    buf_u8(&b, ' ');
    assert_err(read_as(IDENTITY, buf_slice(&b), &why), TL_E_LIMIT);
    buf_finish(&b);
}

/* Half a text is none. */
static void prefixes_are_refused(void **state)
{
    (void)state;
    struct tl_why why;
    for (size_t n = 0; n < sizeof qe - 1; n++)
        assert_true(read_as(IDENTITY, slice_of(qe, n), &why) != TL_OK);
}

static void allocations_fail(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        struct qe_identity t = {.evaluation_number = 77};
        struct tl_why why = {0};
        test_fail_alloc(n);
        tl_err err = qe_identity_read(&t, slice_str(qe), &why);
        bool failed = test_alloc_failed();
        test_fail_alloc(0);
        if (!failed) {
            assert_ok(err);
            assert_int_equal(n, 2);
            qe_identity_finish(&t);
            break;
        }
        assert_err(err, TL_E_MEMORY);
        assert_int_equal(t.evaluation_number, 77);
    }
}

static void check_report(const struct qe_identity *q, const struct sgx_report *r, const char *field)
{
    struct tl_why why = {0};
    assert_err(qe_identity_check(q, r, &why), field[0] ? TL_E_FIELD : TL_OK);
    assert_string_equal(why.field, field);
}

static void identity_checks_its_enclave(void **state)
{
    (void)state;
    struct qe_identity q;
    struct tl_why why = {0};
    assert_ok(qe_identity_read(&q, slice_str(qe), &why));
    struct sgx_report good = {
        .misc_select = 0x04030201, .flags = 0x11, .xfrm = 6, .isv_prod_id = 1};
    memcpy(good.mrsigner, q.mr_signer, 32);
    check_report(&q, &good, "");
    for (unsigned bit = 0; bit < 32; bit++) {
        struct sgx_report r = good;
        r.misc_select ^= UINT32_C(1) << bit;
        check_report(&q, &r, q.misc_select_mask >> bit & 1 ? "miscselect" : "");
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        struct sgx_report r = good;
        r.flags ^= UINT64_C(1) << bit;
        check_report(&q, &r, bit == 2 ? "" : "attributes"); /* MODE64BIT is masked out */
        r = good;
        r.xfrm ^= UINT64_C(1) << bit;
        check_report(&q, &r, bit > 2 ? "" : "attributes");
    }
    for (size_t i = 0; i < 32; i++) {
        struct sgx_report r = good;
        r.mrsigner[i] ^= 0x80;
        check_report(&q, &r, "mrsigner");
    }
    for (unsigned bit = 0; bit < 16; bit++) {
        struct sgx_report r = good;
        r.isv_prod_id ^= (uint16_t)(1u << bit);
        check_report(&q, &r, "isvprodid");
    }
    /* The identity's own values are taken without their masks: no report has a bit
     * that its mask takes out. */
    q.misc_select |= UINT32_C(1) << 31;
    struct sgx_report r = good;
    r.misc_select |= UINT32_C(1) << 31;
    check_report(&q, &r, "miscselect");
    q.misc_select &= UINT32_MAX >> 1;
    q.attributes[0] |= 4;
    r = good;
    r.flags |= 4;
    check_report(&q, &r, "attributes");
    q.attributes[0] = 0x11;
    q.attributes[15] = 1;
    r = good;
    r.xfrm |= UINT64_C(1) << 56;
    check_report(&q, &r, "attributes");
    qe_identity_finish(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(qe_identity_is_read), cmocka_unit_test(members_stand_once),
        cmocka_unit_test(identity_rules),      cmocka_unit_test(lists_are_bounded),
        cmocka_unit_test(texts_are_bounded),   cmocka_unit_test(prefixes_are_refused),
        cmocka_unit_test(allocations_fail),    cmocka_unit_test(identity_checks_its_enclave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
