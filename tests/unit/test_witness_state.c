/* What a witness keeps: every answer that it may give, given once it is on the disk, and never
 * one that contradicts another, whatever becomes of its folder. */
#include "fakewitness.h"

#include "base/encoding.h"
#include "witness/state.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEAVES 12
#define LOG    100 /* the byte that the log's key is made of */
#define NAME   "witness.example/one"
#define NOW    1700000000

static hash32 leaves[LEAVES], others[LEAVES];
static char *dir;
static struct witness_state *w;
static struct tl_why why;

/* The n-th fsync or renameat from now fails, once; 0: none. */
static int fail_sync, fail_rename;
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    if (fail_sync && --fail_sync == 0) {
        errno = EIO;
        return -1;
    }
    return __real_fsync(fd);
}
int __real_renameat(int a, const char *from, int b, const char *to);
int __wrap_renameat(int a, const char *from, int b, const char *to);
int __wrap_renameat(int a, const char *from, int b, const char *to)
{
    if (fail_rename && --fail_rename == 0) {
        errno = ENOSPC;
        return -1;
    }
    return __real_renameat(a, from, b, to);
}

static void start(void)
{
    struct note_key key = fake_log_key(FAKE_ORIGIN, LOG);
    char *path = NULL;
    assert_true(asprintf(&path, "%s/witness", dir) > 0);
    assert_ok(witness_state_open(&w, path, NAME, NULL));
    assert_ok(witness_state_add(w, &key, NULL));
    free(path);
}

static void again(void)
{
    witness_state_close(w);
    w = NULL;
    start();
}

static int set_up(void **state)
{
    (void)state;
    dir = test_tmpdir();
    for (size_t i = 0; i < LEAVES; i++) {
        leaves[i] = merkle_leaf_hash(slice_of(&i, 1));
        others[i] = merkle_leaf_hash(slice_of(&i, i < 6 ? 1 : 2)); /* the same up to 6 */
    }
    memset(&why, 0, sizeof why);
    start();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    witness_state_close(w);
    w = NULL;
    test_rmdir(dir);
    return 0;
}

/* What a log with these leaves, signing with this key, is told. The body of a 200 or a 409 is
 * left in answer. */
static buf answer;
static int ask_of(const hash32 *of, const char *origin, uint8_t log, uint64_t old, uint64_t size)
{
    struct merkle_leaves tree = {of, LEAVES};
    const struct merkle_nodes nodes = {merkle_leaves_get, &tree};
    hash32 path[MERKLE_MAX_PATH], root;
    size_t n = 0;
    int status = 0;
    buf note, body;
    buf_init(&note, 2000);
    buf_init(&body, 100000);
    buf_finish(&answer);
    buf_init(&answer, 10000);
    assert_ok(merkle_root(&nodes, size, &root));
    if (old && old <= size)
        assert_ok(merkle_prove_consistency(&nodes, old, size, path, &n));
    fake_checkpoint(&note, origin, log, size, &root);
    witness_request_put(&body, old, path, n, buf_slice(&note));
    tl_err err = witness_state_submit(w, buf_slice(&body), NOW + size, &status, &answer);
    buf_finish(&note);
    buf_finish(&body);
    if (err != TL_OK)
        assert_int_equal(status, 0);
    return err == TL_OK ? status : -1;
}

static int ask(uint64_t old, uint64_t size)
{
    return ask_of(leaves, FAKE_ORIGIN, LOG, old, size);
}

static slice latest(void)
{
    slice note = {NULL, 0};
    hash32 origin = sha256(slice_str(FAKE_ORIGIN));
    if (witness_state_latest(w, &origin, &note) != TL_OK)
        return (slice){NULL, 0};
    return note;
}

/* The latest checkpoint, signed by its log and cosigned by us. */
static uint64_t latest_size(void)
{
    struct note *n = malloc(sizeof *n);
    struct note_key key = fake_log_key(FAKE_ORIGIN, LOG);
    struct checkpoint c;
    uint64_t time;
    assert_non_null(n);
    assert_non_null(latest().p);
    assert_ok(note_read(n, latest()));
    assert_ok(note_verify(n, &key));
    assert_ok(cosignature_verify(n, witness_state_key(w), &time));
    assert_ok(checkpoint_read(&c, n->text));
    assert_int_equal(time, NOW + c.size);
    free(n);
    return c.size;
}

static void answers_as_the_specification_says(void **state)
{
    (void)state;
    int status = 0;
    assert_int_equal(ask_of(leaves, "log.example/unknown", LOG, 0, 3), 404);
    assert_null(latest().p);
    assert_int_equal(ask_of(leaves, FAKE_ORIGIN, LOG + 1, 0, 3), 403);
    assert_int_equal(ask(0, 3), 200);
    assert_int_equal(latest_size(), 3);
    assert_int_equal(ask(0, 5), 409);
    assert_true(slice_eq_str(buf_slice(&answer), "3\n"));
    assert_int_equal(ask(3, 3), 200);
    assert_int_equal(ask(3, 7), 200);
    assert_int_equal(latest_size(), 7);
    assert_int_equal(ask_of(others, FAKE_ORIGIN, LOG, 7, 9), 422);
    assert_int_equal(ask_of(others, FAKE_ORIGIN, LOG, 7, 7), 422);
    assert_int_equal(latest_size(), 7);
    assert_ok(witness_state_submit(w, slice_str("old 7\n"), NOW, &status, &answer));
    assert_int_equal(status, 400);
}

static void what_it_said_outlives_it(void **state)
{
    (void)state;
    assert_int_equal(ask(0, 5), 200);
    struct cosigner key = *witness_state_key(w);
    again();
    assert_memory_equal(&key, witness_state_key(w), sizeof key);
    assert_int_equal(latest_size(), 5);
    assert_int_equal(ask(0, 7), 409);
    assert_int_equal(ask_of(others, FAKE_ORIGIN, LOG, 5, 9), 200); /* one history up to 6 */
    again();
    assert_int_equal(ask(9, 10), 422);
}

/* The line of a 200, as the log gets it. */
static void is_a_cosignature(uint64_t size)
{
    struct merkle_leaves tree = {leaves, LEAVES};
    const struct merkle_nodes nodes = {merkle_leaves_get, &tree};
    struct note *n = malloc(sizeof *n);
    hash32 root;
    buf note;
    uint64_t time;
    assert_non_null(n);
    buf_init(&note, 4000);
    assert_ok(merkle_root(&nodes, size, &root));
    fake_checkpoint(&note, FAKE_ORIGIN, LOG, size, &root);
    buf_bytes(&note, buf_slice(&answer));
    assert_ok(note_read(n, buf_slice(&note)));
    assert_ok(cosignature_verify(n, witness_state_key(w), &time));
    buf_finish(&note);
    free(n);
}

static void says_nothing_that_is_not_on_the_disk(void **state)
{
    (void)state;
    assert_int_equal(ask(0, 3), 200);
    is_a_cosignature(3);
    for (int at = 1; at <= 3; at++) {
        fail_sync = at < 3 ? at : 0;
        fail_rename = at < 3 ? 0 : 1;
        assert_int_equal(ask(3, 5), -1);
        assert_int_equal(answer.n, 0);
        assert_int_equal(fail_sync + fail_rename, 0);
        assert_int_equal(latest_size(), 3);
    }
    assert_int_equal(ask(3, 6), 200);
    is_a_cosignature(6);
    again();
    assert_int_equal(latest_size(), 6);
}

/* The path of a file of the witness's. */
static char *file_of(const char *name)
{
    char *path = NULL;
    assert_true(asprintf(&path, "%s/witness/%s", dir, name) > 0);
    return path;
}

static void put_file(const char *path, const uint8_t *p, size_t n)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    fclose(f);
}

static tl_err try_start(void)
{
    struct note_key key = fake_log_key(FAKE_ORIGIN, LOG);
    char *path = file_of("");
    memset(&why, 0, sizeof why);
    tl_err err = witness_state_open(&w, path, NULL, &why);
    if (err == TL_OK)
        err = witness_state_add(w, &key, &why);
    free(path);
    return err;
}

/* Each byte of the file altered, and each cut of it: no witness, or the very same. */
static void is_noticed_in(const char *name)
{
    char *path = file_of(name);
    size_t n;
    uint8_t *was = test_file(path, &n);
    assert_non_null(was);
    witness_state_close(w);
    for (size_t i = 0; i < 2 * n; i++) {
        uint8_t *p = malloc(n);
        assert_non_null(p);
        memcpy(p, was, n);
        p[i % n] ^= 1;
        put_file(path, p, i < n ? n : i - n);
        w = NULL;
        assert_err(try_start(), TL_E_STORED);
        assert_non_null(strstr(why.text, "put back"));
        witness_state_close(w);
        free(p);
    }
    put_file(path, was, n);
    w = NULL;
    assert_ok(try_start());
    free(was);
    free(path);
}

static void a_damaged_key_is_noticed(void **state)
{
    (void)state;
    assert_int_equal(ask(0, 3), 200);
    is_noticed_in("key");
    assert_int_equal(latest_size(), 3);
}

static void origin_file(char name[65], const char *origin)
{
    hash32 h = sha256(slice_str(origin));
    hex_text(name, h.b, sizeof h.b);
}

/* But for the log's own line, whose key may be another by now. */
static void a_damaged_checkpoint_is_noticed(void **state)
{
    (void)state;
    char name[65];
    assert_int_equal(ask(0, 3), 200);
    origin_file(name, FAKE_ORIGIN);
    char *path = file_of(name);
    size_t n;
    uint8_t *was = test_file(path, &n);
    const char *text = (const char *)was, *end = strstr(text, "\n\n");
    witness_state_close(w);
    for (size_t i = 0; i < (size_t)(end - text); i++) {
        was[i] ^= 1;
        put_file(path, was, n);
        was[i] ^= 1;
        w = NULL;
        assert_err(try_start(), TL_E_STORED);
        assert_non_null(strstr(why.text, "put back"));
        witness_state_close(w);
    }
    put_file(path, was, n - 1);
    w = NULL;
    assert_err(try_start(), TL_E_STORED);
    witness_state_close(w);
    w = NULL;
    free(was);
    free(path);
}

/* What it said of one log is not taken for what it said of another. */
static void logs_are_told_apart(void **state)
{
    (void)state;
    char name[65], other[65];
    struct note_key key = fake_log_key("log.example/other", LOG);
    assert_int_equal(ask(0, 3), 200);
    assert_ok(witness_state_add(w, &key, NULL));
    assert_int_equal(witness_state_count(w), 2);
    assert_int_equal(ask_of(others, "log.example/other", LOG, 0, 9), 200);
    assert_int_equal(latest_size(), 3);
    origin_file(name, FAKE_ORIGIN);
    origin_file(other, "log.example/other");
    char *to = file_of(name), *from = file_of(other);
    witness_state_close(w);
    w = NULL;
    assert_int_equal(rename(from, to), 0);
    assert_err(try_start(), TL_E_STORED);
    free(to);
    free(from);
}

static void a_log_may_change_its_key(void **state)
{
    (void)state;
    struct note_key key = fake_log_key(FAKE_ORIGIN, LOG + 1);
    assert_int_equal(ask(0, 3), 200);
    assert_ok(witness_state_add(w, &key, NULL));
    assert_int_equal(witness_state_count(w), 1);
    assert_int_equal(ask_of(leaves, FAKE_ORIGIN, LOG + 1, 3, 5), 200);
    for (uint8_t i = 2; i < 8; i++) {
        key = fake_log_key(FAKE_ORIGIN, (uint8_t)(LOG + i));
        assert_ok(witness_state_add(w, &key, NULL));
    }
    key = fake_log_key(FAKE_ORIGIN, LOG + 8);
    assert_err(witness_state_add(w, &key, NULL), TL_E_LIMIT);
    assert_int_equal(ask_of(leaves, FAKE_ORIGIN, LOG + 7, 5, 6), 200);
}

static void has_one_name_and_one_process(void **state)
{
    (void)state;
    struct witness_state *second = NULL;
    char *path = file_of(""), *none = file_of("none");
    assert_err(witness_state_open(&second, path, NAME, NULL), TL_E_LOCKED);
    witness_state_close(w);
    w = NULL;
    memset(&why, 0, sizeof why);
    assert_err(witness_state_open(&second, path, "other", &why), TL_E_USAGE);
    assert_non_null(strstr(why.text, NAME));
    assert_err(witness_state_open(&second, none, NULL, NULL), TL_E_USAGE);
    assert_err(witness_state_open(&second, none, "a b", NULL), TL_E_USAGE);
    assert_err(witness_state_open(&second, none, "", NULL), TL_E_USAGE);
    struct stat st;
    char *key = file_of("key");
    assert_int_equal(stat(key, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    free(key);
    free(none);
    free(path);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(answers_as_the_specification_says),
        T(what_it_said_outlives_it),
        T(says_nothing_that_is_not_on_the_disk),
        T(a_damaged_key_is_noticed),
        T(a_damaged_checkpoint_is_noticed),
        T(logs_are_told_apart),
        T(a_log_may_change_its_key),
        T(has_one_name_and_one_process),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_finish(&answer);
    return failed;
}
