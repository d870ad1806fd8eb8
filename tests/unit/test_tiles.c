/* Tiles of a log: of what is durable, and only of what was logged. */
#include "testlog.h"

#include "log/tiles.h"
#include "log/waiter.h"
#include "tlog/tile.h"

#include "http/tile_cache.h"

static struct world w;

/* Every slice is as short as it gets. */
bool __wrap_owner_slice_over(uint64_t end);
bool __wrap_owner_slice_over(uint64_t end)
{
    (void)end;
    return true;
}

static int set_up(void **state)
{
    (void)state;
    world_init(&w);
    world_open(&w);
    grow_log(&w, 600);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_finish(&w);
    return 0;
}

static void wake(void *ctx, tl_err err)
{
    waiter_done(ctx, err, NULL);
}

/* Its size, and its hash; the error that kept it from us. */
static tl_err get(int level, uint64_t n, unsigned width, size_t *size, hash32 *digest)
{
    struct log_tile *t;
    struct waiter waiter;
    tl_err err = log_tile_new(&t, w.log, level, n, width);
    if (err != TL_OK)
        return err;
    waiter_init(&waiter);
    err = waiter_wait(&waiter, log_tile_submit(t, wake, &waiter), NULL);
    *size = log_tile_bytes(t).n;
    *digest = sha256(log_tile_bytes(t));
    log_tile_free(t);
    return err;
}

static void is_there_as_far_as_the_log_goes(void **state)
{
    (void)state;
    struct log_info info;
    size_t size;
    hash32 digest;
    log_info(w.log, &info);
    unsigned width = (unsigned)(info.size % TILE_WIDTH);
    assert_ok(get(0, 0, 256, &size, &digest));
    assert_int_equal(size, 8192);
    assert_ok(get(0, 2, width, &size, &digest));
    assert_int_equal(size, 32 * width);
    assert_ok(get(1, 0, 2, &size, &digest));
    assert_int_equal(size, 64);
    assert_err(get(0, 2, width + 1, &size, &digest), TL_E_NOT_FOUND);
    assert_err(get(0, 3, 1, &size, &digest), TL_E_NOT_FOUND);
    assert_err(get(-1, 2, width + 1, &size, &digest), TL_E_NOT_FOUND);
    assert_err(get(1, 0, 3, &size, &digest), TL_E_NOT_FOUND);
    assert_err(get(7, 0, 1, &size, &digest), TL_E_NOT_FOUND);
    assert_err(get(8, 0, 1, &size, &digest), TL_E_NOT_FOUND);
    assert_err(get(63, 0, 1, &size, &digest), TL_E_NOT_FOUND);
    /* n * 256 + 1 is 1 in 64 bits */
    assert_err(get(0, UINT64_C(1) << 56, 1, &size, &digest), TL_E_NOT_FOUND);
}

static void holds_each_entry(void **state)
{
    (void)state;
    struct log_tile *t;
    struct waiter waiter;
    hash32 hashes[TILE_WIDTH];
    size_t size, count = 0;
    hash32 digest;
    assert_ok(log_tile_new(&t, w.log, -1, 1, 256));
    waiter_init(&waiter);
    assert_ok(waiter_wait(&waiter, log_tile_submit(t, wake, &waiter), NULL));
    slice rest = log_tile_bytes(t);
    while (rest.n) {
        size_t n = (size_t)(rest.p[0] << 8 | rest.p[1]);
        hashes[count++] = merkle_leaf_hash(slice_of(rest.p + 2, n));
        rest = slice_of(rest.p + 2 + n, rest.n - 2 - n);
    }
    assert_int_equal(count, 256);
    assert_ok(get(0, 1, 256, &size, &digest));
    hash32 want = sha256(slice_of(hashes[0].b, sizeof hashes));
    assert_memory_equal(want.b, digest.b, 32);
    log_tile_free(t);
}

/* After the host did this to the stopped log. */
static void altered(const char *sql, int level)
{
    size_t size;
    hash32 digest;
    world_stop(&w);
    host_sql(&w, sql);
    world_open(&w);
    assert_err(get(level, 0, 256, &size, &digest), TL_E_STORED);
}

static void an_altered_entry_is_not_given(void **state)
{
    (void)state;
    altered("update leaf set statement = (select statement from leaf where idx = 7) where idx = 8",
            -1);
}

static void a_missing_entry_is_not_passed_over(void **state)
{
    (void)state;
    altered("delete from leaf where idx = 8", -1);
}

static void an_altered_tile_is_not_given(void **state)
{
    (void)state;
    altered("update tile set hashes = zeroblob(8192) where id = 0", 0);
}

static void keeps_no_more_than_its_room(void **state)
{
    (void)state;
    struct tile_cache *c;
    static uint8_t bytes[100000];
    size_t kept = 0;
    assert_ok(tile_cache_new(&c));
    for (uint64_t n = 0; n < 2000; n++) {
        bytes[0] = (uint8_t)n;
        tile_cache_put(c, -1, n, 256, slice_of(bytes, sizeof bytes));
        slice got = tile_cache_get(c, -1, n, 256);
        assert_int_equal(got.n, sizeof bytes);
        assert_int_equal(got.p[0], (uint8_t)n);
        assert_null(tile_cache_get(c, 0, n, 256).p);
        assert_null(tile_cache_get(c, -1, n, 255).p);
    }
    for (uint64_t n = 0; n < 2000; n++)
        kept += tile_cache_get(c, -1, n, 256).n;
    assert_in_range(kept, TILE_CACHE_MAX / 2, TILE_CACHE_MAX);
    tile_cache_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(is_there_as_far_as_the_log_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(holds_each_entry, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_altered_entry_is_not_given, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_missing_entry_is_not_passed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_altered_tile_is_not_given, set_up, tear_down),
        cmocka_unit_test(keeps_no_more_than_its_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
