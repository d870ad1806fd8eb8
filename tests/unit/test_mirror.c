/* A mirror keeps what is the log's and nothing else, whatever the service says. */
#include "fakewitness.h"

/* The service is this file. */
#include "cli/mirror.c"
#include "cli/progress.c"
#include "cli/tile_files.c"
#include "cli/tile_source.c"
#include "cli/tile_walk.c"

#define LEAVES 1000
#define LOG    100

static hash32 leaves[LEAVES];
static uint8_t entries[LEAVES][8];
static uint64_t size; /* of the log now */
static uint64_t asked_for[TILE_SOURCE_AHEAD];
static size_t waiting;
static void (*lie)(buf *b);
static int
    shifted; /* 1: the second bundle has an entry of the third too; -1: the other way round */
static int alarms;
static char *dir;
static struct tl_why why;

void cli_say(const char *fmt, ...)
{
    (void)fmt;
    alarms++;
}

static void show_note(buf *out)
{
    struct merkle_leaves tree = {leaves, LEAVES};
    const struct merkle_nodes nodes = {merkle_leaves_get, &tree};
    hash32 root;
    assert_ok(merkle_root(&nodes, size, &root));
    fake_checkpoint(out, FAKE_ORIGIN, LOG, size, &root);
}

void client_close(struct client *c)
{
    assert_null(c); /* nothing here ends a connection */
}

tl_err client_get(struct client *c, const char *target, buf *out, struct tl_why *w)
{
    (void)c, (void)w;
    assert_string_equal(target, "/checkpoint");
    show_note(out);
    return TL_OK;
}

tl_err client_send(struct client *c, const char *method, const char *target, slice body,
                   struct tl_why *w)
{
    int level;
    uint64_t n;
    unsigned width;
    (void)c, (void)method, (void)body, (void)w;
    assert_ok(tile_path_read(slice_str(target + 1), &level, &n, &width));
    assert_int_equal(level, -1);
    assert_true(n * TILE_WIDTH + width <= size && waiting < TILE_SOURCE_AHEAD);
    asked_for[waiting++] = n;
    return TL_OK;
}

tl_err client_head(struct client *c, struct client_answer *out, struct tl_why *w)
{
    (void)c, (void)w;
    *out = (struct client_answer){.status = 200};
    return TL_OK;
}

static void prepend(buf *out, const uint8_t entry[8])
{
    assert_non_null(buf_grow(out, 10));
    memmove(out->p + 10, out->p, out->n - 10);
    memcpy(out->p + 2, entry, 8);
    out->p[0] = 0;
    out->p[1] = 8;
}

tl_err client_body_all(struct client *c, buf *out, struct tl_why *w)
{
    (void)c, (void)w;
    uint64_t n = asked_for[0];
    memmove(asked_for, asked_for + 1, --waiting * sizeof asked_for[0]);
    for (uint64_t i = n * TILE_WIDTH; i < (n + 1) * TILE_WIDTH && i < size; i++)
        assert_ok(tile_entry_put(out, slice_of(entries[i], sizeof entries[i])));
    if (shifted == 1 && n == 1)
        assert_ok(tile_entry_put(out, slice_of(entries[512], sizeof entries[512])));
    if (shifted == -1 && n == 1)
        out->n -= 10;
    if (shifted == -1 && n == 2)
        prepend(out, entries[511]);
    if (lie && (n + 1) * TILE_WIDTH >= size)
        lie(out);
    return TL_OK;
}

tl_err client_refusal(struct client *c, const struct client_answer *a, struct tl_why *w)
{
    (void)c, (void)a, (void)w;
    return TL_E_IO;
}

static void make_leaves(uint64_t from, uint8_t history)
{
    for (uint64_t i = from; i < LEAVES; i++) {
        entries[i][0] = (uint8_t)i;
        entries[i][1] = (uint8_t)(i >> 8);
        entries[i][2] = history;
        leaves[i] = merkle_leaf_hash(slice_of(entries[i], sizeof entries[i]));
    }
}

static struct mirror *m;

static tl_err try_open(void)
{
    struct note_key key = fake_log_key(FAKE_ORIGIN, LOG);
    memset(&why, 0, sizeof why);
    return mirror_open(&m, dir, &key, &why);
}

static tl_err grow_to(uint64_t n)
{
    size = n;
    waiting = 0;
    memset(&why, 0, sizeof why);
    return mirror_grow(m, (struct client *)&waiting,
                       &why); /* whichever: the service is this file */
}

static void reopen(void)
{
    mirror_close(m);
    m = NULL;
    assert_ok(try_open());
}

static int set_up(void **state)
{
    (void)state;
    dir = test_tmpdir();
    make_leaves(0, 0);
    lie = NULL;
    alarms = 0;
    assert_ok(try_open());
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mirror_close(m);
    m = NULL;
    test_rmdir(dir);
    return 0;
}

static void goes_on_from_any_size(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1, 2, 255, 256, 257, 511, 512, 900, 901, 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_ok(grow_to(sizes[i]));
        assert_int_equal(m->size, sizes[i]);
        hash32 root = tile_edge_root(&m->edge);
        reopen();
        assert_int_equal(m->size, sizes[i]);
        assert_memory_equal(&root, &m->root, sizeof root);
    }
    assert_ok(grow_to(1000));
    assert_int_equal(alarms, 0);
}

static void altered(buf *b)
{
    b->p[b->n - 1] ^= 1;
}
static void first_altered(buf *b)
{
    b->p[2] ^= 1;
}
static void cut(buf *b)
{
    b->n--;
}
static void one_less(buf *b)
{
    b->n -= 10;
}
static void one_more(buf *b)
{
    assert_ok(tile_entry_put(b, slice_str("another!")));
}
static void empty_one_more(buf *b)
{
    assert_ok(tile_entry_put(b, (slice){NULL, 0}));
}
static void half_a_length(buf *b)
{
    buf_u8(b, 0);
}
static void nothing(buf *b)
{
    buf_reset(b);
}

static void keeps_nothing_that_is_not_the_logs(void **state)
{
    (void)state;
    static void (*const lies[])(buf *) = {altered,  first_altered,  cut,           one_less,
                                          one_more, empty_one_more, half_a_length, nothing};
    assert_ok(grow_to(300));
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        lie = lies[i];
        for (uint64_t to = 301; to < 800; to += 211) {
            assert_err(grow_to(to), TL_E_PROOF);
            assert_non_null(strstr(why.text, "what was mirrored, 300"));
            assert_int_equal(m->size, 300);
        }
        reopen();
        assert_int_equal(m->size, 300);
    }
    assert_int_equal(alarms, 24);
    lie = NULL;
    assert_ok(grow_to(800));
}

/* All entries are there, in their order: the tree is right, and the files would not be. */
static void each_entry_stays_in_its_bundle(void **state)
{
    (void)state;
    assert_ok(grow_to(100));
    for (shifted = -1; shifted <= 1; shifted += 2)
        assert_err(grow_to(700), TL_E_PROOF);
    shifted = 0;
    assert_ok(grow_to(700));
}

static void another_history_is_an_alarm(void **state)
{
    (void)state;
    assert_ok(grow_to(300));
    assert_err(grow_to(299), TL_E_PROOF);
    make_leaves(299, 1);
    assert_err(grow_to(300), TL_E_PROOF);
    assert_err(grow_to(301), TL_E_PROOF);
    assert_err(grow_to(600), TL_E_PROOF);
    /* It differs in a tile that is not looked at again. */
    make_leaves(299, 0);
    make_leaves(10, 1);
    make_leaves(256, 0);
    assert_err(grow_to(600), TL_E_PROOF);
    assert_int_equal(alarms, 5);
    assert_int_equal(m->size, 300);
}

static void change(const char *name, ssize_t at, ssize_t length)
{
    size_t n;
    char *path = NULL;
    assert_true(asprintf(&path, "%s/%s", dir, name) > 0);
    uint8_t *was = test_file(path, &n);
    assert_non_null(was);
    uint8_t *p = calloc(1, n + 1);
    assert_non_null(p);
    memcpy(p, was, n);
    if (at >= 0)
        p[at] ^= 1;
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, (size_t)((ssize_t)n + length), f), (ssize_t)n + length);
    fclose(f);
    mirror_close(m);
    m = NULL;
    assert_err(try_open(), TL_E_STORED);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(was, 1, n, f), n);
    fclose(f);
    assert_ok(try_open());
    free(p);
    free(was);
    free(path);
}

static void an_altered_folder_is_noticed(void **state)
{
    (void)state;
    assert_ok(grow_to(300));
    change("tile/0/001.p/44", 5, 0);
    change("tile/0/001.p/44", -1, -32);
    change("tile/0/001.p/44", -1, -1);
    change("tile/0/001.p/44", -1, 1);
    change("tile/1/000.p/1", 31, 0);
    change("checkpoint", 0, 0);
    change("checkpoint", 20, 0);
    change("checkpoint", -1, -1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(goes_on_from_any_size),          T(keeps_nothing_that_is_not_the_logs),
        T(each_entry_stays_in_its_bundle), T(another_history_is_an_alarm),
        T(an_altered_folder_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
