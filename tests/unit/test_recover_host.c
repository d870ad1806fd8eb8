/* A recovery on the disk of a host that means harm: databases that the test itself forges. */
#include "fakecase.h"
#include "fakestore.h"

#include "tee/tee.h"

#include <fcntl.h>
#include <unistd.h>

/* fake_case_log: 0 boot, 1 session a, 2 one, 3 session b (ES256K), 4 two (erased), 5 three,
 * 6 heads, 7 end a, 8 erasure, 9 boot, 10 session a, 11 four, 12 heads. */
#define LEAVES 13

static struct es256_key *owner, *stranger;
static struct fakelog *good;
static struct fakestore s;
static bool made;

static int set_up_all(void **state)
{
    (void)state;
    assert_ok(es256_generate(&owner));
    assert_ok(es256_generate(&stranger));
    good = fake_case_log(NULL, NULL);
    return 0;
}

static int tear_down_all(void **state)
{
    (void)state;
    es256_free(owner);
    es256_free(stranger);
    fakelog_free(good);
    fakelog_done();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (made)
        fakestore_finish(&s);
    made = false;
    return 0;
}

/* A database of it; noted: the size of the checkpoint there. */
static void make(const struct fakelog *f, uint64_t noted)
{
    tear_down(NULL);
    fakestore_make(&s, f, owner, noted);
    made = true;
}

/* The same log, altered on its way by a hook, from the boot on. */
static struct fakelog *with(fake_hook *hook)
{
    return fake_case_log(hook, NULL);
}

static void unaltered(void **state)
{
    (void)state;
    make(good, LEAVES);
    fakestore_expect(&s, owner, "PPPPEPPPPPPPP");
    assert_true(s.found.has_checkpoint && s.found.simulated);
    assert_int_equal(s.found.size, LEAVES);
    assert_int_equal(s.found.rows, LEAVES);
    assert_string_equal(s.found.origin, good->origin);
    assert_string_equal(s.found.log_key, good->log_key_text);
    assert_null(s.found.stored_trouble);
    assert_null(s.found.given_trouble);
}

/* Beyond the checkpoint, or without one, signatures speak for statements. */
static void signatures_alone(void **state)
{
    (void)state;
    make(good, 6);
    fakestore_expect(&s, owner, "PPPPpPSSSSSSS"); /* the erasure is not proven */
    assert_non_null(strstr(s.lost[0], "missing"));
    make(good, 9);
    fakestore_expect(&s, owner, "PPPPEPPPPSSSS");
    make(good, 0);
    fakestore_expect(&s, owner, "SSSSsSSSSSSSS");
    assert_false(s.found.has_checkpoint);
    assert_string_equal(s.found.stored_trouble, "it is not there");
}

static void wrong_owner(void **state)
{
    (void)state;
    make(good, LEAVES);
    assert_err(fakestore_read(&s, stranger), TL_E_SEALED);
    assert_non_null(strstr(s.why.text, "does not open under this recovery key"));
    host_sql(&s.w, "UPDATE meta SET value = zeroblob(5000) WHERE name = 'recovery'");
    assert_err(fakestore_read(&s, owner), TL_E_SEALED);
    host_sql(&s.w, "UPDATE meta SET value = zeroblob(111) WHERE name = 'recovery'");
    assert_err(fakestore_read(&s, owner), TL_E_SEALED);
    host_sql(&s.w, "UPDATE meta SET value = 'text' WHERE name = 'recovery'");
    assert_err(fakestore_read(&s, owner), TL_E_SEALED);
    host_sql(&s.w, "DELETE FROM meta WHERE name = 'recovery'");
    assert_err(fakestore_read(&s, owner), TL_E_NOT_FOUND);
    assert_non_null(strstr(s.why.text, "never started with --recovery-key"));
}

/* It lies there twice; one copy will do. */
static void identity(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "UPDATE meta SET value = zeroblob(32) WHERE name = 'log_id'",
        "UPDATE meta SET value = zeroblob(31) WHERE name = 'log_id'",
        "UPDATE meta SET value = CAST('other/log' AS BLOB) WHERE name = 'origin'",
        "DELETE FROM meta WHERE name = 'origin'",
        "DELETE FROM meta WHERE name IN ('origin', 'log_id')",
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        make(good, LEAVES);
        host_sql(&s.w, changes[i]);
        fakestore_expect(&s, owner, "PPPPEPPPPPPPP");
        assert_string_equal(s.found.origin, good->origin);
        host_sql(&s.w, "UPDATE leaf SET body = NULL WHERE idx = 0");
        tl_err err = fakestore_read(&s, owner);
        if (err == TL_OK || !s.why.text[0])
            fail_msg("%s: %s %s", changes[i], tl_err_name(err), s.why.text);
    }
}

/* Without the genesis nobody says which key the checkpoint is signed by, but the owner. */
static void lost_genesis(void **state)
{
    (void)state;
    make(good, LEAVES);
    host_sql(&s.w, "UPDATE leaf SET body = NULL WHERE idx = 0");
    fakestore_expect(&s, owner, "-SSSsS-S-SSSS");
    assert_non_null(strstr(s.lost[0], "names the key that signs it"));
    assert_non_null(strstr(s.lost[2], "opened its session is lost"));
    assert_non_null(strstr(s.found.stored_trouble, "--log-key"));
    assert_string_equal(s.found.log_key, "");
    assert_true(s.found.simulated); /* the other boot says so */
    s.log_key = &good->log_key;
    fakestore_expect(&s, owner, "pPPPEPPPPPPPP");
    assert_string_equal(s.found.log_key, good->log_key_text);
    host_sql(&s.w, "DELETE FROM leaf WHERE idx = 0"); /* with less than a tile, the tree too */
    s.checkpoint = fakelog_checkpoint(good, 7);
    fakestore_expect(&s, owner, "-SSSsS-S-SSSS");
    assert_non_null(strstr(s.lost[0], "it is missing"));
    assert_non_null(strstr(s.found.stored_trouble, "do not give its root"));
    assert_non_null(strstr(s.found.given_trouble, "do not give its root"));
}

/* ---- statements ---- */

static void garbage(void **state)
{
    (void)state;
    make(good, 0);
    host_sql(&s.w, "UPDATE leaf SET statement = zeroblob(200) WHERE idx = 11");
    fakestore_expect(&s, owner, "SSSSsSSSSSS-S");
    assert_non_null(strstr(s.lost[1], "no statement of this log"));
    host_sql(&s.w, "UPDATE leaf SET statement = zeroblob(70000) WHERE idx = 11");
    fakestore_expect(&s, owner, "SSSSsSSSSSS-S"); /* the engine cannot read it */
    host_sql(&s.w, "UPDATE leaf SET statement = NULL WHERE idx = 12");
    fakestore_expect(&s, owner, "SSSSsSSSSSS-");
    assert_non_null(strstr(s.lost[1], "cannot be read"));
}

static void another_log(void **state)
{
    (void)state;
    struct fakelog *f = fakelog_new("other.example/log");
    fakelog_boot(f);
    fakelog_session(f, "a");
    make(good, 0);
    fakestore_put(&s, f, 1, 1);
    fakestore_expect(&s, owner, "S--Ss-S-SSSSS");
    assert_non_null(strstr(s.lost[0], "no statement of this log"));
    fakelog_free(f);
    /* Of the same name: its boot says another log_id. */
    f = fakelog_new(good->origin);
    f->log_id.b[0] ^= 1;
    fakelog_boot(f);
    make(good, 0);
    fakestore_put(&s, f, 0, 0);
    fakestore_expect(&s, owner, "-SSSsS-S-SSSS");
    assert_non_null(strstr(s.lost[0], "not this log's"));
    fakelog_free(f);
}

static void swapped_and_moved(void **state)
{
    (void)state;
    static const char swap[] = "UPDATE leaf SET idx = -1 WHERE idx = 2;"
                               "UPDATE leaf SET idx = 2 WHERE idx = 5;"
                               "UPDATE leaf SET idx = 5 WHERE idx = -1";
    make(good, 0);
    host_sql(&s.w, swap);
    fakestore_expect(&s, owner, "SSSSs-SSSSSSS");
    assert_non_null(strstr(s.lost[1], "out of order"));
    make(good, 0); /* a session's own index is signed */
    host_sql(&s.w, "UPDATE leaf SET idx = 20 WHERE idx = 10");
    fakestore_expect(&s, owner, "SSSSsSSSSS--S--");
    assert_non_null(strstr(s.lost[4], "made for another index"));
    make(good, 0); /* once more */
    host_sql(&s.w, "INSERT INTO leaf SELECT 13, statement, body, extra FROM leaf WHERE idx = 11");
    fakestore_expect(&s, owner, "SSSSsSSSSSSSS-");
    assert_non_null(strstr(s.lost[1], "was here already"));
}

/* The tree knows each leaf's place. Its last, incomplete tile is the leaves themselves, so
 * this takes more of them. */
static void tree_knows_places(void **state)
{
    (void)state;
    struct fakelog *f = fakelog_new(FAKE_ORIGIN);
    fakelog_boot(f);
    fakelog_session(f, "a");
    char want[261] = "", content[20];
    for (int i = 2; i < 260; i++) {
        snprintf(content, sizeof content, "%d", i);
        fakelog_record(f, "a", content);
    }
    make(f, 260);
    host_sql(&s.w, "DELETE FROM leaf WHERE idx BETWEEN 20 AND 39");
    host_sql(&s.w, "UPDATE leaf SET statement = (SELECT statement FROM leaf WHERE idx = 50) WHERE "
                   "idx = 51");
    host_sql(&s.w, "UPDATE leaf SET statement = zeroblob(100) WHERE idx = 1");
    host_sql(&s.w, "UPDATE leaf SET body = (SELECT body FROM leaf WHERE idx = 60) WHERE idx = 61");
    memset(want, 'P', 260 - 19);
    want[260 - 19] = 0;
    want[1] = '-';
    want[20] = '-';
    want[51 - 19] = '-';
    want[61 - 19] = 'p';
    fakestore_expect(&s, owner, want);
    assert_int_equal(s.lost_count, 4);
    assert_non_null(strstr(s.lost[0], "tree has another statement there"));
    assert_non_null(strstr(s.lost[1], "it is missing"));
    assert_non_null(strstr(s.lost[2], "tree has another statement there"));
    assert_non_null(strstr(s.lost[3], "does not open"));
    /* Where the tile is damaged too, signatures; the session's statement is lost here. */
    host_sql(&s.w, "UPDATE tile SET hashes = zeroblob(length(hashes)) WHERE id = 0");
    assert_ok(fakestore_read(&s, owner));
    assert_int_equal(strspn(s.rows, "S"), 1);
    assert_string_equal(strchr(s.rows, 'P'), "PPPP");
    make(f, 260);
    host_sql(&s.w, "UPDATE tile SET hashes = zeroblob(length(hashes)) WHERE id = 0");
    assert_ok(fakestore_read(&s, owner));
    assert_int_equal(strspn(s.rows, "S"), 256);
    assert_string_equal(s.rows + 256, "PPPP");
    fakelog_free(f);
}

/* ---- signatures ---- */

static void flipped(void **state)
{
    (void)state;
    for (int i = 0; i < LEAVES; i++) {
        char where[40];
        make(good, 0);
        snprintf(where, sizeof where, "idx = %d", i);
        host_flip(&s.w, "leaf", "statement", where, -1);
        assert_ok(fakestore_read(&s, owner));
        assert_int_equal(s.rows[i], '-');
        bool found = false;
        for (size_t k = 0; k < s.lost_count; k++)
            found = found || strstr(s.lost[k], "not signed by the key");
        assert_true(found);
    }
}

static void other_kid(void *ctx, enum fake_point point, struct fake_step *step)
{
    (void)ctx;
    if (point == FAKE_HEADER && step->index == 11)
        step->st.kid.b[0] ^= 1;
}

static void other_alg(void *ctx, enum fake_point point, struct fake_step *step)
{
    (void)ctx;
    if (point == FAKE_HEADER && step->index == 11)
        step->st.alg = COSE_ES256; /* it is ES256K */
}

static void no_point(void *ctx, enum fake_point point, struct fake_step *step)
{
    (void)ctx;
    if (point == FAKE_MEMBERS && step->index == 10)
        step->session.agent.y[31] ^= 1;
    if (point == FAKE_HEADER && step->index == 10)
        step->st.kid = cose_ec2_thumbprint(&step->session.agent);
}

/* By its own session's key, under another agent's name. */
static void anothers_session(void *ctx, enum fake_point point, struct fake_step *step)
{
    (void)ctx;
    if (point == FAKE_HEADER && step->index == 11)
        step->st.subject = slice_str("mallory");
}

static void forged(void **state)
{
    (void)state;
    static const struct {
        fake_hook *hook;
        const char *rows, *words;
    } cases[] = {
        {other_kid, "SSSSsSSSSSS-S", "not signed by the key"},
        {other_alg, "SSSSsSSSSSS-S", "not signed by the key"},
        {no_point, "SSSSsSSSSS--S", "not signed by the key"},
        {anothers_session, "SSSSsSSSSSS-S", "its session is another's"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fakelog *f = with(cases[i].hook);
        make(f, 0);
        print_message("  %s\n", cases[i].words);
        fakestore_expect(&s, owner, cases[i].rows);
        assert_non_null(strstr(s.lost[1], cases[i].words));
        fakelog_free(f);
    }
}

/* A proven session, in whose body the host puts a key of his, and signs on. */
static void body_with_another_key(void **state)
{
    (void)state;
    struct fakelog *f = fakelog_new(good->origin);
    const uint64_t session = 10;
    /* The host's own log, as long, of which the session's body and what comes after it are
     * taken: the same indexes, names and numbers. */
    f->log_id = good->log_id;
    struct fakelog *other = fake_case_log(NULL, NULL);
    make(good, session + 1);
    fakestore_put(&s, other, 11, 11);
    sqlite3 *db = host_open(&s.w);
    sqlite3_stmt *st;
    assert_int_equal(
        sqlite3_prepare_v2(db, "UPDATE leaf SET body = ? WHERE idx = 10", -1, &st, NULL),
        SQLITE_OK);
    slice body = other->leaves[session].body;
    sqlite3_bind_blob(st, 1, body.p, (int)body.n, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(st), SQLITE_DONE);
    sqlite3_finalize(st);
    sqlite3_close(db);
    fakestore_expect(&s, owner, "PPPPEPPPPPp-S");
    assert_non_null(strstr(s.lost[1], "opened its session is lost"));
    fakelog_free(f);
    fakelog_free(other);
}

/* ---- bodies ---- */

static void bodies(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *rows, *words;
    } cases[] = {
        {"UPDATE leaf SET body = (SELECT body FROM leaf WHERE idx = 5) WHERE idx = 2",
         "PPpPEPPPPPPPP", "does not open"},
        {"UPDATE leaf SET body = NULL WHERE idx = 2", "PPpPEPPPPPPPP", "it is missing"},
        {"UPDATE leaf SET body = zeroblob(3) WHERE idx = 2", "PPpPEPPPPPPPP", "does not open"},
        {"UPDATE leaf SET body = zeroblob(2000000) WHERE idx = 2", "PPpPEPPPPPPPP",
         "does not open"},
        {"UPDATE leaf SET body = substr(body, 1, length(body) - 1) WHERE idx = 2", "PPpPEPPPPPPPP",
         "does not open"},
        /* The first boot's key, and the second's. */
        {"DELETE FROM body_key WHERE number = 0", "PPpPEpPPPPPPP", "does not open"},
        {"DELETE FROM body_key WHERE number = 1", "PPPPEPPPPPPpP", "does not open"},
        {"UPDATE body_key SET salt = zeroblob(32)", "PPpPEpPPPPPpP", "does not open"},
        {"UPDATE body_key SET salt = zeroblob(31)", "PPpPEpPPPPPpP", "does not open"},
        {"UPDATE leaf SET body = zeroblob(length(body)) WHERE idx = 6", "PPPPEPpPPPPPP", "altered"},
        {"UPDATE leaf SET body = NULL WHERE idx = 12", "PPPPEPPPPPPPp", "missing"},
        /* It is not known what was erased. */
        {"UPDATE leaf SET body = zeroblob(length(body)) WHERE idx = 8", "PPPPpPPPpPPPP", ""},
        /* What was erased stays so. */
        {"UPDATE leaf SET body = (SELECT body FROM leaf WHERE idx = 2) WHERE idx = 4",
         "PPPPEPPPPPPPP", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        make(good, LEAVES);
        host_sql(&s.w, cases[i].sql);
        if (cases[i].words)
            fakestore_expect_lost(&s, owner, cases[i].rows, cases[i].words);
        else
            fakestore_expect(&s, owner, cases[i].rows);
    }
}

static void no_record(void *ctx, enum fake_point point, struct fake_step *step)
{
    (void)ctx;
    if (point == FAKE_BODY && (step->index == 11 || step->index == 12))
        step->body = slice_str("no body of ours");
}

/* What opens, and is no body of its kind: a log that the host has made whole. */
static void malformed_bodies(void **state)
{
    (void)state;
    struct fakelog *f = with(no_record);
    make(f, LEAVES);
    fakestore_expect(&s, owner, "PPPPEPPPPPPpp");
    fakelog_free(f);
}

/* The host signs an erasure of all, by a boot of his own: it takes nothing away. */
static void erasures_of_the_host(void **state)
{
    (void)state;
    struct fakelog *f = fakelog_new(good->origin);
    const uint64_t all[] = {2, 5, 11};
    f->log_id = good->log_id;
    while (f->count < LEAVES)
        fakelog_boot(f);
    fakelog_boot(f);
    fakelog_erasure(f, all, 3);
    make(good, LEAVES);
    fakestore_put(&s, f, LEAVES, LEAVES);
    fakestore_put(&s, f, LEAVES + 1, LEAVES + 1);
    fakestore_expect(&s, owner, "PPPPEPPPPPPPPSS");
    host_sql(&s.w, "UPDATE leaf SET body = NULL WHERE idx = 2");
    fakestore_expect_lost(&s, owner, "PPpPEPPPPPPPPSS", "missing");
    fakelog_free(f);
}

/* ---- rows ---- */

static void gaps_and_more(void **state)
{
    (void)state;
    make(good, 0);
    host_sql(&s.w, "DELETE FROM leaf WHERE idx IN (2, 3)");
    fakestore_expect(&s, owner, "SS--SSSSSSSS");
    make(good, LEAVES); /* the end is cut off: the checkpoint knows */
    host_sql(&s.w, "DELETE FROM leaf WHERE idx > 8");
    fakestore_expect(&s, owner, "SSSSsSSSS");
    assert_non_null(strstr(s.found.stored_trouble, "do not give its root"));
    make(good, LEAVES); /* far beyond */
    host_sql(&s.w, "INSERT INTO leaf VALUES(1000000000000, zeroblob(200), NULL, NULL)");
    fakestore_expect(&s, owner, "PPPPEPPPPPPPP--");
    make(good, LEAVES);
    host_sql(&s.w, "DELETE FROM leaf");
    assert_err(fakestore_read(&s, owner), TL_OK);
    assert_string_equal(s.rows, "");
}

/* The engine's own tree, out of order: the first two cells of a page change places. */
static void rows_out_of_order(void **state)
{
    (void)state;
    char path[4200];
    uint8_t page[8192], t[2];
    make(good, LEAVES);
    int64_t at = host_int(&s.w, "SELECT rootpage FROM sqlite_master WHERE name = 'leaf'");
    snprintf(path, sizeof path, "%s/teelog.db", s.w.dir);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, page, sizeof page, (at - 1) * 8192), sizeof page);
    if (page[0] == 5) { /* an interior page: the child of its first cell */
        size_t cell = (size_t)page[12] << 8 | page[13];
        at =
            (int64_t)page[cell] << 24 | page[cell + 1] << 16 | page[cell + 2] << 8 | page[cell + 3];
        assert_int_equal(pread(fd, page, sizeof page, (at - 1) * 8192), sizeof page);
    }
    assert_int_equal(page[0], 13);
    memcpy(t, page + 8, 2);
    memcpy(page + 8, page + 10, 2);
    memcpy(page + 10, t, 2);
    assert_int_equal(pwrite(fd, page, sizeof page, (at - 1) * 8192), sizeof page);
    close(fd);
    fakestore_expect(&s, owner, "-SSSsS-S-SSSS");
}

/* ---- checkpoints ---- */

static void stored_checkpoints(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "UPDATE meta SET value = zeroblob(200) WHERE name = 'checkpoint'",
        ("UPDATE meta SET value = CAST(replace(CAST(value AS TEXT), char(10)||'13'||char(10), "
         "char(10)||'12'||char(10)) AS BLOB) WHERE name = 'checkpoint'"),
        "UPDATE meta SET value = zeroblob(70000) WHERE name = 'checkpoint'",
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        make(good, LEAVES);
        host_sql(&s.w, changes[i]);
        fakestore_expect(&s, owner, "SSSSsSSSSSSSS");
        assert_non_null(s.found.stored_trouble);
        if (i < 2)
            assert_string_equal(s.found.stored_trouble, "it is not signed by the key of this log");
        s.checkpoint = fakelog_checkpoint(good, 9); /* the owner kept one */
        fakestore_expect(&s, owner, "PPPPEPPPPSSSS");
        assert_int_equal(s.found.size, 9);
        assert_null(s.found.given_trouble);
    }
}

static void given_checkpoints(void **state)
{
    (void)state;
    struct fakelog *other = fake_case_log(NULL, NULL); /* the same key, another history */
    struct fakelog *foreign = fakelog_new("other.example/log");
    fakelog_boot(foreign);
    make(good, 9);
    s.checkpoint = fakelog_checkpoint(good, LEAVES); /* the later one counts */
    fakestore_expect(&s, owner, "PPPPEPPPPPPPP");
    assert_null(s.found.given_trouble);
    assert_null(s.found.stored_trouble);
    make(good, LEAVES);
    s.checkpoint = fakelog_checkpoint(good, 9);
    fakestore_expect(&s, owner, "PPPPEPPPPPPPP");
    assert_null(s.found.given_trouble);
    s.checkpoint = fakelog_checkpoint(other, 9); /* two histories */
    fakestore_expect(&s, owner, "PPPPEPPPPPPPP");
    assert_non_null(strstr(s.found.given_trouble, "two histories"));
    make(good, 9);
    s.checkpoint = fakelog_checkpoint(other, LEAVES); /* the stored one is what fits */
    fakestore_expect(&s, owner, "PPPPEPPPPSSSS");
    assert_non_null(strstr(s.found.given_trouble, "do not give its root"));
    s.checkpoint = fakelog_checkpoint(foreign, 1);
    assert_err(fakestore_read(&s, owner), TL_E_STORED);
    assert_non_null(strstr(s.why.text, "that this database names"));
    s.checkpoint = (slice){NULL, 0};
    s.log_key = &foreign->log_key;
    fakestore_expect(&s, owner, "SSSSsSSSSSSSS");
    assert_string_equal(s.found.stored_trouble, "it is not signed by the key of this log");
    s.checkpoint = fakelog_checkpoint(good, 9);
    assert_err(fakestore_read(&s, owner), TL_E_STORED);
    assert_non_null(strstr(s.why.text, "that you gave"));
    fakelog_free(other);
    fakelog_free(foreign);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(unaltered, tear_down),
        cmocka_unit_test_teardown(signatures_alone, tear_down),
        cmocka_unit_test_teardown(wrong_owner, tear_down),
        cmocka_unit_test_teardown(identity, tear_down),
        cmocka_unit_test_teardown(lost_genesis, tear_down),
        cmocka_unit_test_teardown(garbage, tear_down),
        cmocka_unit_test_teardown(another_log, tear_down),
        cmocka_unit_test_teardown(swapped_and_moved, tear_down),
        cmocka_unit_test_teardown(tree_knows_places, tear_down),
        cmocka_unit_test_teardown(flipped, tear_down),
        cmocka_unit_test_teardown(forged, tear_down),
        cmocka_unit_test_teardown(body_with_another_key, tear_down),
        cmocka_unit_test_teardown(bodies, tear_down),
        cmocka_unit_test_teardown(malformed_bodies, tear_down),
        cmocka_unit_test_teardown(erasures_of_the_host, tear_down),
        cmocka_unit_test_teardown(gaps_and_more, tear_down),
        cmocka_unit_test_teardown(rows_out_of_order, tear_down),
        cmocka_unit_test_teardown(stored_checkpoints, tear_down),
        cmocka_unit_test_teardown(given_checkpoints, tear_down),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
