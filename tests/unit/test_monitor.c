/* A monitor and whatever a folder gives out in place of a log. The same over HTTP, and what
 * witnesses show: tests/integration/test_monitor.py. */
#include "testlib.h"

#include "cli/cli.h"
#include "cli/monitor_own.h"
#include "cli/tile_files.h"
#include "cli/web_address.h"
#include "fakelog.h"
#include "fakewitness.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ORIGIN "example.org/log"
#define LEAVES 700

static struct fakelog *logs[2]; /* of two histories, which differ from index FORK on */
#define FORK 300
static char *public_dir, *state_dir;
static struct monitor_options options;
static struct tl_why why;
static int shouts;

void cli_say(const char *fmt, ...)
{
    (void)fmt;
    shouts++;
}

/* No HTTP here, but for what each witness shows. */
static slice witness_shows;

tl_err client_send(struct client *c, const char *method, const char *target, slice body,
                   struct tl_why *w)
{
    (void)c, (void)method, (void)target, (void)body, (void)w;
    return witness_shows.p ? TL_OK : TL_E_IO;
}
tl_err client_head(struct client *c, struct client_answer *out, struct tl_why *w)
{
    (void)c, (void)w;
    *out = (struct client_answer){.status = 200};
    return witness_shows.p ? TL_OK : TL_E_IO;
}
tl_err client_body_all(struct client *c, buf *out, struct tl_why *w)
{
    (void)c, (void)w;
    buf_bytes(out, witness_shows);
    return buf_err(out);
}
tl_err client_refusal(struct client *c, const struct client_answer *a, struct tl_why *w)
{
    (void)c, (void)a, (void)w;
    return TL_E_IO;
}
tl_err client_open_url(struct client **out, const struct link_url *url,
                       const struct link_trust *trust, const char *token, struct tl_why *w)
{
    (void)url, (void)trust, (void)token, (void)w;
    *out = NULL;
    return witness_shows.p ? TL_OK : TL_E_IO;
}
void client_set_patience(struct client *c, int milliseconds)
{
    (void)c, (void)milliseconds;
}
void client_set_limit(struct client *c, int milliseconds)
{
    (void)c, (void)milliseconds;
}
void client_close(struct client *c)
{
    (void)c;
}

/* ---- what the folder gives out ---- */

static int public_fd = -1;

static void put_file(int level, uint64_t n, unsigned width, slice bytes)
{
    assert_ok(tile_files_stage(public_fd, level, n, width, bytes, NULL));
    assert_ok(tile_files_publish(public_fd, level, n, width, NULL));
}

static hash32 hash_at(const struct fakelog *f, unsigned level, uint64_t i)
{
    struct merkle_leaves leaves = {f->hashes, f->count};
    hash32 h;
    assert_ok(merkle_leaves_get(&leaves, 8 * level, i, &h));
    return h;
}

static void put_hashes(const struct fakelog *f, unsigned level, uint64_t size)
{
    uint64_t count = size >> (8 * level);
    for (uint64_t n = 0; n * TILE_WIDTH < count; n++) {
        hash32 hashes[TILE_WIDTH];
        unsigned width = tile_width(n, count);
        for (unsigned i = 0; i < width; i++)
            hashes[i] = hash_at(f, level, n * TILE_WIDTH + i);
        put_file((int)level, n, width, slice_of(hashes[0].b, width * sizeof hashes[0]));
    }
}

static void put_entries(const struct fakelog *f, uint64_t size)
{
    buf b;
    buf_init(&b, TILE_FILE_MAX);
    for (uint64_t n = 0; n * TILE_WIDTH < size; n++) {
        buf_reset(&b);
        for (uint64_t i = n * TILE_WIDTH; i < size && i < (n + 1) * TILE_WIDTH; i++)
            assert_ok(tile_entry_put(&b, f->leaves[i].statement));
        put_file(-1, n, tile_width(n, size), buf_slice(&b));
    }
    buf_finish(&b);
}

static void sign_note(buf *b, const struct fakelog *f, uint64_t size)
{
    struct merkle_leaves leaves = {f->hashes, f->count};
    const struct merkle_nodes nodes = {merkle_leaves_get, &leaves};
    hash32 root;
    assert_ok(merkle_root(&nodes, size, &root));
    assert_ok(checkpoint_sign(b, slice_str(ORIGIN), size, &root, &f->log_key, f->seed));
}

static void put_note(const struct fakelog *f, uint64_t size)
{
    buf b;
    buf_init(&b, NOTE_MAX);
    sign_note(&b, f, size);
    assert_ok(tile_files_checkpoint(public_fd, buf_slice(&b), NULL));
    buf_finish(&b);
}

static void give(const struct fakelog *f, uint64_t size)
{
    put_entries(f, size);
    put_hashes(f, 0, size);
    put_hashes(f, 1, size);
    put_note(f, size);
}

/* ---- looking ---- */

static tl_err open_folder(void *ctx, struct tile_source *out, struct tl_why *w)
{
    (void)ctx, (void)w;
    int fd = open(public_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    *out = (struct tile_source){.dir = fd, .prefix = ""};
    return TL_OK;
}

static void close_folder(void *ctx, struct tile_source *s)
{
    (void)ctx;
    if (s->dir >= 0)
        close(s->dir);
}

/* By a monitor that has just begun, each time; what it found is in raised. */
static bool raised[ALARM_COUNT];

static tl_err look(void)
{
    static const struct monitor_reach reach = {NULL, open_folder, close_folder};
    struct monitor *m = NULL;
    why = (struct tl_why){{0}, {0}};
    memset(raised, 0, sizeof raised);
    tl_err err = monitor_open(&m, &options, &why);
    if (err != TL_OK)
        return err;
    err = monitor_look(m, &reach, &why);
    for (int i = 0; i < ALARM_COUNT; i++)
        raised[i] = m->raised[i].now;
    monitor_close(m);
    return err;
}

static void expect_alarm(enum alarm want)
{
    shouts = 0;
    assert_err(look(), TL_E_PROOF);
    for (int i = 0; i < ALARM_COUNT; i++)
        if (raised[i] != (i == (int)want))
            fail_msg("%s: %d", alarm_name((enum alarm)i), raised[i]);
    assert_int_equal(shouts, 1);
}

static void forget(void)
{
    test_rmdir(state_dir);
    state_dir = test_tmpdir();
    options.state = state_dir;
}

/* As an operator does who has seen to it. */
static void take_away(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", state_dir, name);
    assert_int_equal(unlink(path), 0);
}

static void empty_public(void)
{
    if (public_fd >= 0)
        close(public_fd);
    if (public_dir)
        test_rmdir(public_dir);
    public_dir = test_tmpdir();
    public_fd = open(public_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(public_fd >= 0);
}

static struct fakelog *make_log(int history)
{
    struct fakelog *f = fakelog_new(ORIGIN);
    fakelog_boot(f);
    fakelog_session(f, "a");
    while (f->count < LEAVES)
        fakelog_record(f, "a", history && f->count >= FORK ? "paid 50" : "paid 5");
    return f;
}

/* Signatures are random and sessions' keys fresh: the second log is the first up to FORK. */
static void fork_log(void)
{
    logs[1] = make_log(1);
    for (size_t i = 0; i < FORK; i++) {
        logs[1]->leaves[i].statement = logs[0]->leaves[i].statement;
        logs[1]->hashes[i] = logs[0]->hashes[i];
    }
}

static int set_up_all(void **state)
{
    (void)state;
    logs[0] = make_log(0);
    fork_log();
    return 0;
}

static int tear_down_all(void **state)
{
    (void)state;
    fakelog_free(logs[1]);
    fakelog_free(logs[0]);
    fakelog_done();
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    state_dir = test_tmpdir();
    empty_public();
    options = (struct monitor_options){.key = logs[0]->log_key, .state = state_dir, .threads = 1};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(public_fd);
    public_fd = -1;
    test_rmdir(public_dir);
    public_dir = NULL;
    test_rmdir(state_dir);
    return 0;
}

/* ---- files, altered ---- */

static uint8_t *read_file(const char *dir, const char *name, size_t *n)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    uint8_t *p = test_file(path, n);
    assert_non_null(p);
    return p;
}

static void write_file(const char *dir, const char *name, const uint8_t *p, size_t n)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* One file at a time: another bit, a byte less, one more, nothing, and not there. */
static void each_alteration(const char *name, void (*expect)(void))
{
    size_t n;
    uint8_t *good = read_file(public_dir, name, &n);
    uint8_t *p = calloc(1, n + 1);
    assert_non_null(p);
    memcpy(p, good, n);
    p[n - 1] ^= 1;
    write_file(public_dir, name, p, n);
    expect();
    p[n - 1] ^= 1;
    write_file(public_dir, name, p, n - 1);
    expect();
    write_file(public_dir, name, p, n + 1);
    expect();
    write_file(public_dir, name, p, 0);
    expect();
    write_file(public_dir, name, good, n);
    free(p);
    free(good);
}

static void expect_some_alarm(void)
{
    assert_err(look(), TL_E_PROOF);
    assert_true(raised[ALARM_GAP] || raised[ALARM_REWRITE]);
}

static void test_grows(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1, 2, 255, 256, 257, 511, 512, 513, 700};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        give(logs[0], sizes[i]);
        assert_ok(look());
        assert_ok(look());
    }
}

static void test_every_file_is_looked_at(void **state)
{
    (void)state;
    static const char *const names[] = {"tile/entries/000", "tile/entries/002.p/188",
                                        "tile/0/000",       "tile/0/001",
                                        "tile/0/002.p/188", "tile/1/000.p/2"};
    give(logs[0], 700);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        each_alteration(names[i], expect_some_alarm);
    assert_ok(look());
    forget();
    give(logs[0], 300);
    assert_ok(look());
    put_note(logs[0], 700);
    for (size_t i = 1; i < sizeof names / sizeof names[0]; i++)
        if (i != 2)
            each_alteration(names[i], expect_some_alarm);
    assert_ok(look());
}

static void test_missing_files(void **state)
{
    (void)state;
    char path[512];
    give(logs[0], 300);
    snprintf(path, sizeof path, "%s/tile/0/001.p/44", public_dir);
    assert_int_equal(unlink(path), 0);
    expect_alarm(ALARM_GAP);
    snprintf(path, sizeof path, "%s/checkpoint", public_dir);
    assert_int_equal(unlink(path), 0);
    assert_err(look(), TL_E_NOT_FOUND);
}

/* More than the longest that there can be is not read to its end. */
static void test_long_files(void **state)
{
    (void)state;
    char path[512];
    give(logs[0], 300);
    snprintf(path, sizeof path, "%s/tile/entries/000", public_dir);
    assert_int_equal(truncate(path, TILE_FILE_MAX + 1), 0);
    expect_alarm(ALARM_GAP);
    give(logs[0], 300);
    snprintf(path, sizeof path, "%s/checkpoint", public_dir);
    assert_int_equal(truncate(path, NOTE_MAX + 1), 0);
    expect_alarm(ALARM_CHECKPOINT);
}

/* The notes that prove a fork are taken away. */
static void see_to_it(void)
{
    char path[512];
    snprintf(path, sizeof path, "%s/fork.shown", state_dir);
    write_file(state_dir, "fork.shown", (const uint8_t *)"junk", 4); /* which proves nothing */
    assert_ok(look());
    assert_int_equal(unlink(path), 0);
}

static void test_other_histories(void **state)
{
    (void)state;
    give(logs[0], 400);
    assert_ok(look());
    static const uint64_t sizes[] = {400, 401, 600, 700};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        empty_public();
        give(logs[1], sizes[i]);
        expect_alarm(ALARM_FORK);
    }
    give(logs[0], 400); /* it shows the first again, and that does not undo it */
    expect_alarm(ALARM_FORK);
    static const char *const kept[] = {"fork.shown", "fork.2.shown", "fork.3.shown",
                                       "fork.4.shown"};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        take_away(kept[i]);
    see_to_it();
    assert_ok(look());
    put_note(logs[1], 700);
    put_hashes(logs[0], 0, 700); /* the note is the other's */
    put_hashes(logs[0], 1, 700);
    expect_alarm(ALARM_REWRITE);
    put_note(logs[0], 700); /* and now the entries are */
    expect_alarm(ALARM_GAP);
    give(logs[0], 399);
    expect_alarm(ALARM_ROLLBACK);
    give(logs[0], 700);
    assert_ok(look());
}

/* Of nothing known: entries and tiles fit each other, and not what was signed. */
static void test_another_root(void **state)
{
    (void)state;
    give(logs[0], 700);
    put_note(logs[1], 700);
    expect_alarm(ALARM_GAP);
}

/* The log has signed a tree with a statement that must not be there. */
static void test_statements(void **state)
{
    (void)state;
    give(logs[1], 700); /* whose statement at FORK has another prev than the one before it */
    expect_alarm(ALARM_STATEMENT);
    /* The same bytes, and not the tree's: it is they that are at fault. */
    put_hashes(logs[0], 0, 700);
    put_hashes(logs[0], 1, 700);
    put_note(logs[0], 700);
    expect_alarm(ALARM_GAP);
}

static void test_checkpoints(void **state)
{
    (void)state;
    size_t n;
    give(logs[0], 300);
    uint8_t *good = read_file(public_dir, "checkpoint", &n);
    for (size_t i = 0; i < n; i++) {
        good[i] ^= 1;
        write_file(public_dir, "checkpoint", good, n);
        good[i] ^= 1;
        expect_alarm(ALARM_CHECKPOINT);
    }
    free(good);
}

/* ---- the state folder ---- */

static tl_err try_state(uint64_t version, slice note, slice edge, slice agents)
{
    buf b;
    buf_init(&b, 1000000);
    cbor_put_array(&b, 4);
    cbor_put_uint(&b, version);
    cbor_put_bytes(&b, note);
    cbor_put_bytes(&b, edge);
    cbor_put_bytes(&b, agents);
    write_file(state_dir, "state", b.p, b.n);
    buf_finish(&b);
    return look();
}

static void test_state(void **state)
{
    (void)state;
    size_t n;
    give(logs[0], 300);
    assert_ok(look());
    uint8_t *good = read_file(state_dir, "state", &n);
    cbor c = cbor_of(slice_of(good, n));
    cbor_array_of(&c, 4);
    assert_int_equal(cbor_uint(&c, 1), 1);
    slice note = cbor_bytes(&c), edge = cbor_bytes(&c), agents = cbor_bytes(&c);
    assert_ok(cbor_end(&c));
    assert_int_equal(edge.n, (44 + 1) * 32);
    uint8_t *more = calloc(1, edge.n + 32);
    assert_non_null(more);
    memcpy(more, edge.p, edge.n);
    assert_ok(try_state(1, note, edge, agents));
    assert_err(try_state(0, note, edge, agents), TL_E_STORED);
    assert_err(try_state(1, note, slice_of(edge.p, edge.n - 32), agents), TL_E_STORED);
    assert_err(try_state(1, note, slice_of(edge.p, 0), agents), TL_E_STORED);
    assert_err(try_state(1, note, slice_of(more, edge.n + 32), agents), TL_E_STORED);
    more[0] ^= 1;
    assert_err(try_state(1, note, slice_of(more, edge.n), agents), TL_E_STORED);
    assert_err(try_state(1, slice_of(note.p, note.n - 1), edge, agents), TL_E_STORED);
    assert_err(try_state(1, note, edge, slice_of(agents.p, agents.n - 1)), TL_E_STORED);
    assert_ok(try_state(1, note, edge, agents));
    free(more);
    free(good);
}

/* The first two notes of a kind stay. */
static void test_proofs_are_kept(void **state)
{
    (void)state;
    size_t n, m;
    give(logs[0], 400);
    assert_ok(look());
    empty_public();
    give(logs[1], 500);
    expect_alarm(ALARM_FORK);
    uint8_t *shown = read_file(public_dir, "checkpoint", &n), *kept;
    kept = read_file(state_dir, "fork.shown", &m);
    assert_int_equal(n, m);
    assert_memory_equal(shown, kept, n);
    free(kept);
    give(logs[1], 600);
    expect_alarm(ALARM_FORK);
    kept = read_file(state_dir, "fork.shown", &m);
    assert_memory_equal(shown, kept, n);
    free(kept);
    free(shown);
    kept = read_file(state_dir, "fork.known", &m);
    shown = read_file(state_dir, "checkpoint", &n);
    assert_int_equal(n, m);
    assert_memory_equal(shown, kept, n);
    free(kept);
    free(shown);
}

/* There is room for so many of a kind, and what is known to be a fork stays one. */
static void test_more_proofs(void **state)
{
    (void)state;
    size_t n;
    give(logs[0], 400);
    assert_ok(look());
    empty_public();
    for (unsigned i = 0; i < PROOFS_MAX + 1; i++) {
        char name[32];
        give(logs[1], 400 + i);
        shouts = 0;
        assert_err(look(), TL_E_PROOF);
        assert_int_equal(shouts, i < PROOFS_MAX ? 1 : 2); /* the alarm, and what is not kept */
        snprintf(name, sizeof name, i ? "fork.%u.shown" : "fork.shown", i + 1);
        if (i < PROOFS_MAX)
            free(read_file(state_dir, name, &n));
        give(logs[1], 400); /* one that is kept */
        expect_alarm(ALARM_FORK);
    }
    give(logs[0], 400);
    expect_alarm(ALARM_FORK);
    for (unsigned i = 0; i < PROOFS_MAX; i++) {
        char name[32];
        snprintf(name, sizeof name, i ? "fork.%u.shown" : "fork.shown", i + 1);
        expect_alarm(ALARM_FORK);
        take_away(name);
    }
    assert_ok(look());
}

/* ---- several looks of one monitor ---- */

static bool cut; /* the log cannot be reached any more */

static tl_err open_or_not(void *ctx, struct tile_source *out, struct tl_why *w)
{
    return cut ? TL_E_IO : open_folder(ctx, out, w);
}

static tl_err look_again(struct monitor *m)
{
    static const struct monitor_reach reach = {NULL, open_or_not, close_folder};
    why = (struct tl_why){{0}, {0}};
    shouts = 0;
    return monitor_look(m, &reach, &why);
}

static void block(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", public_dir, name);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600),
                     0); /* which cannot be read: no answer, and not "not here" */
}

/* A tree that is not shown whole for long is an alarm; a copy that is mended is none. */
static void test_an_unread_tree(void **state)
{
    (void)state;
    struct monitor *m = NULL;
    give(logs[0], 300);
    assert_ok(monitor_open(&m, &options, &why));
    assert_ok(look_again(m));
    give(logs[0], 700);
    block("tile/entries/001");
    for (int i = 0; i < 2; i++) {
        assert_err(look_again(m), TL_E_IO);
        m->unread_since -= i ? 0 : 601; /* for long, but these were two looks */
        cut = true;
        assert_err(look_again(m), TL_E_IO); /* a log that is away is none */
        cut = false;
    }
    m->unread_since += 601; /* or three in a short time */
    assert_err(look_again(m), TL_E_IO);
    m->unread_since -= 601;
    assert_err(look_again(m), TL_E_PROOF);
    assert_true(m->raised[ALARM_GAP].now);
    assert_int_equal(shouts, 1);
    empty_public();
    give(logs[0], 700);
    assert_ok(look_again(m));
    assert_false(m->raised[ALARM_GAP].now);
    block("tile/entries/001");
    put_note(logs[0], 650);
    assert_err(look_again(m), TL_E_PROOF); /* another time begins another count */
    assert_false(m->raised[ALARM_GAP].now);
    give(logs[0], 300);
    assert_err(look_again(m), TL_E_PROOF);
    assert_true(m->raised[ALARM_ROLLBACK].now);
    monitor_close(m);
}

/* A witness shows more than a log that is away: it may be started again, or hide that. */
static void test_a_witness_is_ahead(void **state)
{
    (void)state;
    struct monitor *m = NULL;
    struct tlog_policy *policy = NULL;
    buf b;
    buf_init(&b, NOTE_MAX);
    fake_witness_lines(&b, 1, 1);
    b.n--; /* its end of line */
    buf_str(&b, " http://127.0.0.1:1/\nquorum none\n");
    assert_ok(tlog_policy_read(&policy, buf_slice(&b), NULL));
    options.policy = policy;
    assert_ok(monitor_open(&m, &options, &why));
    give(logs[0], 300);
    assert_ok(look_again(m));
    assert_int_equal(shouts, 1); /* that the witness is away */
    assert_ok(look_again(m));
    assert_int_equal(shouts, 0);
    buf_reset(&b);
    sign_note(&b, logs[0], 400);
    witness_shows = buf_slice(&b);
    cut = true;
    assert_err(look_again(m), TL_E_IO);
    m->ahead_since -= 500;
    assert_err(look_again(m), TL_E_IO);
    /* It has come so far, though its tree is not to be had yet; and the witness further. */
    cut = false;
    give(logs[0], 400);
    block("tile/entries/001.p/144");
    m->ahead_since -= 500;
    buf_reset(&b);
    sign_note(&b, logs[0], 410);
    witness_shows = buf_slice(&b);
    assert_err(look_again(m), TL_E_IO);
    cut = true;
    assert_err(look_again(m), TL_E_IO);
    m->ahead_since -= 601;
    assert_err(look_again(m), TL_E_PROOF);
    assert_true(m->raised[ALARM_ROLLBACK].now);
    assert_int_equal(shouts, 1);
    cut = false;
    empty_public();
    give(logs[0], 410);
    assert_ok(look_again(m));
    /* Of one size and another tree: it needs no log. */
    cut = true;
    buf_reset(&b);
    sign_note(&b, logs[1], 410);
    witness_shows = buf_slice(&b);
    assert_err(look_again(m), TL_E_IO);
    assert_true(m->raised[ALARM_FORK].now);
    cut = false;
    witness_shows = (slice){NULL, 0};
    monitor_close(m);
    tlog_policy_free(policy);
    buf_finish(&b);
}

/* Of one size with what is known, and another root: nothing is said of that log but the alarm. */
static void test_the_same_size(void **state)
{
    (void)state;
    struct monitor *m = NULL;
    give(logs[0], 400);
    assert_ok(look());
    give(logs[1], 400);
    assert_ok(monitor_open(&m, &options, &why));
    assert_err(look_again(m), TL_E_PROOF);
    assert_true(m->raised[ALARM_FORK].now);
    assert_false(m->said);
    monitor_close(m);
}

/* What failed its check is not forgotten because the rest is withheld. */
static void test_a_fault_and_then_silence(void **state)
{
    (void)state;
    give(logs[0], 300);
    assert_ok(look());
    empty_public();
    give(logs[1], 700);
    block("tile/0/001"); /* asked for only once something is wrong */
    expect_alarm(ALARM_GAP);
    forget();
    empty_public();
    give(logs[1], 700);
    block("tile/1/000.p/2");
    expect_alarm(ALARM_GAP);
}

/* A checkpoint whose tree was not shown is held against what is shown later. */
static void test_a_checkpoint_that_is_taken_back(void **state)
{
    (void)state;
    struct monitor *m = NULL;
    give(logs[0], 400);
    assert_ok(monitor_open(&m, &options, &why));
    assert_ok(look_again(m));
    give(logs[0], 700);
    put_note(logs[1], 600);
    assert_int_equal(unlinkat(public_fd, "tile/entries/001", 0), 0);
    assert_int_equal(mkfifoat(public_fd, "tile/entries/001", 0600), 0);
    assert_err(look_again(m), TL_E_IO);
    give(logs[0], 400);
    assert_err(look_again(m), TL_E_PROOF);
    assert_true(m->raised[ALARM_ROLLBACK].now);
    give(logs[0], 700);
    assert_err(look_again(m), TL_E_PROOF);
    assert_true(m->raised[ALARM_FORK].now);
    assert_int_equal(m->known.size, 700);
    assert_err(look_again(m), TL_E_PROOF);
    assert_int_equal(shouts, 1); /* the rollback is over */
    assert_err(look_again(m), TL_E_PROOF);
    assert_int_equal(shouts, 0);
    m->raised[ALARM_FORK].said -= 3601;
    assert_err(look_again(m), TL_E_PROOF);
    assert_int_equal(shouts, 1);
    take_away("fork.shown");
    assert_ok(look_again(m));
    assert_int_equal(shouts, 0); /* a fork is not said to be over */
    monitor_close(m);
}

/* Nothing secret is sent there, so that http:// may leave this machine. */
static void test_addresses(void **state)
{
    (void)state;
    struct web_address at;
    static const char *const bad[] = {"ftp://log.example.org", "http://",
                                      "http://log.example.org/a b", "https://log.example.org/?x"};
    assert_ok(web_address_read(&at, slice_str("http://log.example.org/some/prefix/"), NULL));
    assert_string_equal(at.host.host, "log.example.org");
    assert_string_equal(at.prefix, "/some/prefix");
    assert_true(at.host.clear && !at.host.tls);
    assert_ok(web_address_read(&at, slice_str("https://log.example.org:8443"), NULL));
    assert_string_equal(at.prefix, "");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_err(web_address_read(&at, slice_str(bad[i]), NULL), TL_E_USAGE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_grows),
        T(test_every_file_is_looked_at),
        T(test_missing_files),
        T(test_long_files),
        T(test_other_histories),
        T(test_another_root),
        T(test_statements),
        T(test_checkpoints),
        T(test_state),
        T(test_proofs_are_kept),
        T(test_more_proofs),
        T(test_an_unread_tree),
        T(test_a_witness_is_ahead),
        T(test_a_fault_and_then_silence),
        T(test_a_checkpoint_that_is_taken_back),
        T(test_addresses),
        T(test_the_same_size),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
