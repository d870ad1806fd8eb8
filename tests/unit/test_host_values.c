/* The host against the store: rows of the table in docs/threat-model.md, "The
 * host's side of the store", done to a stopped log's database.
 *
 * Here: the head, who the log is, bodies, evidence, request ids. */
#include "testhost.h"

#include "log/sessions.h"

/* ---- the head, and who the log is ---- */

static void altered_head_is_refused(void **state)
{
    static const int at[] = {0, 1, 2, 3, 20, 34, -1, -16, -32, -33};
    static const char *const sql[] = {
        "DELETE FROM meta WHERE name = 'head'",
        "UPDATE meta SET value = NULL WHERE name = 'head'",
        "UPDATE meta SET value = x'' WHERE name = 'head'",
        "UPDATE meta SET value = substr(value, 2) WHERE name = 'head'",
        "UPDATE meta SET value = zeroblob(69) WHERE name = 'head'",
        /* The MAC stays that of what is read. */
        "UPDATE meta SET value = CAST(x'85' || substr(value, 2) AS BLOB) WHERE name = 'head'",
        ("UPDATE meta SET value = CAST(substr(value, 1, length(value) - 32) || x'00' || "
         "substr(value, -32) AS BLOB) WHERE name = 'head'"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        begin_again(&small);
        host_flip(&small, "meta", "value", "name = 'head'", at[i]);
        refuses(&small, TL_E_HEAD, "no head written under this platform's key");
    }
    for (size_t i = 0; i < sizeof sql / sizeof sql[0]; i++) {
        begin_again(&small);
        host_sql(&small, sql[i]);
        refuses(&small, TL_E_HEAD, "no head written under this platform's key");
        fsck_says(&small, "no head written under this platform's key");
    }
}

static void copy_meta(struct world *to, const struct world *from, const char *name)
{
    char sql[5000];
    snprintf(sql, sizeof sql,
             "ATTACH '%s/teelog.db' AS other; UPDATE main.meta SET value = (SELECT value FROM"
             " other.meta WHERE name = '%s') WHERE name = '%s'",
             from->dir, name, name);
    host_sql(to, sql);
}

/* Another log of the same platform: the same sealing key, another log_id. */
static void make_sibling(struct world *sibling, struct world *w)
{
    *sibling = (struct world){.dir = test_tmpdir(), .tee = w->tee};
    world_open(sibling);
    grow_log(sibling, SMALL);
    world_stop(sibling);
}

static void end_sibling(struct world *sibling)
{
    sibling->tee = NULL;
    world_finish(sibling);
}

static void parts_of_another_log_are_refused(void **state)
{
    struct world sibling;
    (void)state;
    make_sibling(&sibling, &small);
    copy_meta(&small, &sibling, "head");
    refuses(&small, TL_E_HEAD, "no head written");
    begin_again(&small);
    copy_meta(&small, &sibling, "log_id");
    refuses(&small, TL_E_HEAD, "no head written");
    begin_again(&small);
    copy_meta(&small, &sibling, "data_key");
    refuses(&small, TL_E_SEALED, "data key");
    begin_again(&small);
    copy_meta(&small, &sibling, "head");
    copy_meta(&small, &sibling, "log_id");
    copy_meta(&small, &sibling, "data_key");
    refuses(&small, TL_E_STORED, ""); /* the other log's identity over this one's leaves */
    end_sibling(&sibling);
}

static void identity_is_bound_to_the_head(void **state)
{
    static const struct {
        const char *sql;
        tl_err err;
        const char *words;
    } cases[] = {
        {"UPDATE meta SET value = randomblob(32) WHERE name = 'log_id'", TL_E_HEAD, "no head"},
        {"UPDATE meta SET value = zeroblob(31) WHERE name = 'log_id'", TL_E_STORED, "which log"},
        {"DELETE FROM meta WHERE name = 'log_id'", TL_E_HEAD, "which log"},
        {"UPDATE meta SET value = CAST('test/gol' AS BLOB) WHERE name = 'origin'", TL_E_HEAD,
         "no head"},
        {"UPDATE meta SET value = CAST('a b' AS BLOB) WHERE name = 'origin'", TL_E_STORED,
         "which log"},
        {"UPDATE meta SET value = zeroblob(500) WHERE name = 'origin'", TL_E_STORED, "which log"},
        {"DELETE FROM meta WHERE name = 'origin'", TL_E_HEAD, "which log"},
        {"DELETE FROM meta WHERE name = 'data_key'", TL_E_SEALED, "data key"},
        {"UPDATE meta SET value = zeroblob(60) WHERE name = 'data_key'", TL_E_SEALED, "data key"},
        {"UPDATE meta SET value = x'' WHERE name = 'data_key'", TL_E_SEALED, "data key"},
        {"DELETE FROM meta", TL_E_HEAD, "which log"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin_again(&small);
        host_sql(&small, cases[i].sql);
        refuses(&small, cases[i].err, cases[i].words);
    }
    begin_again(&small);
    host_flip(&small, "meta", "value", "name = 'data_key'", 20);
    refuses(&small, TL_E_SEALED, "data key");
}

/* An authentic head of this log, but not of these rows. */
static void older_head_does_not_drop_newer_rows(void **state)
{
    (void)state;
    world_open(&small);
    grow_log(&small, 10);
    world_stop(&small);
    copy_meta(&small, &small_kept, "head");
    refuses(&small, TL_E_STORED, "beyond the authenticated head");
}

static void another_platform_does_not_open_it(void **state)
{
    struct tl_why why = {{0}, {0}};
    struct world other;
    (void)state;
    world_init(&other);
    struct world there = {.dir = small.dir, .tee = other.tee};
    assert_err(world_try(&there, &why), TL_E_HEAD);
    world_finish(&other);
}

/* ---- bodies, evidence ---- */

/* Record 2 is alice's with the request id. */
static void data_key_of_another_length(void **state)
{
    static const char *const sql[] = {
        "UPDATE meta SET value = zeroblob(200) WHERE name = 'data_key'",
        "UPDATE meta SET value = x'00' WHERE name = 'data_key'",
    };
    (void)state;
    for (size_t i = 0; i < sizeof sql / sizeof sql[0]; i++) {
        begin_again(&small);
        host_sql(&small, sql[i]);
        refuses(&small, TL_E_SEALED, "data key is damaged");
    }
}

static void bodies_removed_altered_and_swapped(void **state)
{
    const struct log_export_options withheld = {.withhold_bodies = true};
    static const char *const swapped =
        "UPDATE leaf SET body = (SELECT body FROM leaf WHERE idx = 5) WHERE idx = 2";
    (void)state;
    host_sql(&small, "UPDATE leaf SET body = NULL WHERE idx = 2");
    fsck_says(&small, "statement 2: its body is missing, and no erasure says so");
    world_open(&small);
    export_fails(&small, &whole, TL_E_STORED, "statement 2:");
    assert_err(pay_again(&small).err, TL_E_SEALED);
    assert_int_equal(verdict_now(&small, &withheld, NULL), TEELOG_TRUSTED);
    for (int i = 0; i < 4; i++) {
        begin_again(&small);
        if (i == 0)
            host_sql(&small, swapped);
        else if (i == 1)
            host_sql(&small, "UPDATE leaf SET body = x'00' WHERE idx = 2");
        else
            host_flip(&small, "leaf", "body", "idx = 2", i == 2 ? -20 : 5);
        fsck_says(&small, "statement 2: its body");
        world_open(&small);
        export_fails(&small, &whole, TL_E_SEALED, "statement 2:");
        assert_err(pay_again(&small).err, TL_E_SEALED);
        assert_int_equal(verdict_now(&small, &withheld, NULL), TEELOG_TRUSTED);
    }
}

/* The log's own statements have no secret in their bodies, and none is withheld. */
static void own_bodies_removed_and_altered(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        begin_again(&small);
        if (i == 0)
            host_sql(&small, "UPDATE leaf SET body = NULL WHERE idx = 1");
        else
            host_flip(&small, "leaf", "body", "idx = 1", 20);
        fsck_says(&small, "statement 1: its body");
        world_open(&small);
        export_fails(&small, &whole, TL_E_STORED, "statement 1:");
    }
    begin_again(&small);
    int64_t last = host_int(&small, "SELECT max(idx) FROM leaf"); /* heads */
    char sql[100], words[40];
    snprintf(sql, sizeof sql, "UPDATE leaf SET body = NULL WHERE idx = %d", (int)last);
    snprintf(words, sizeof words, "statement %d:", (int)last);
    host_sql(&small, sql);
    world_open(&small); /* the whole log is read instead */
    export_fails(&small, &whole, TL_E_STORED, words);
}

static void salts_of_body_keys_removed(void **state)
{
    const struct log_export_options withheld = {.withhold_bodies = true};
    (void)state;
    for (int i = 0; i < 2; i++) {
        begin_again(&small);
        if (i == 0)
            host_sql(&small, "DELETE FROM body_key");
        else
            host_flip(&small, "body_key", "salt", "number = 0", 3);
        fsck_says(&small, "statement 2: its body");
        world_open(&small);
        struct log_receipt r = append_one(&small, "alice", "new");
        const struct log_export_options new_one = {
            .has_range = true, .from = r.index, .to = r.index + 1};
        assert_int_equal(verdict_now(&small, &new_one, NULL), TEELOG_TRUSTED);
        export_fails(&small, &whole, TL_E_SEALED, "statement 2:");
        assert_int_equal(verdict_now(&small, &withheld, NULL), TEELOG_TRUSTED);
    }
}

struct asked {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool done;
    tl_err err;
};

static void asked_done(void *ctx, tl_err err, const struct tl_why *why)
{
    struct asked *a = ctx;
    (void)why;
    pthread_mutex_lock(&a->lock);
    a->err = err;
    a->done = true;
    pthread_cond_signal(&a->wake);
    pthread_mutex_unlock(&a->lock);
}

/* What becomes of asking the running log for these sessions, which are freed. */
static tl_err sessions_asked(struct log_sessions *s)
{
    struct asked a = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, TL_OK};
    assert_ok(log_sessions_submit(s, asked_done, &a));
    pthread_mutex_lock(&a.lock);
    while (!a.done)
        pthread_cond_wait(&a.wake, &a.lock);
    pthread_mutex_unlock(&a.lock);
    log_sessions_free(s);
    return a.err;
}

static tl_err session_at_1(void)
{
    const uint64_t index = 1;
    struct log_sessions *s = NULL;
    assert_ok(log_sessions_at(&s, small.log, &index, 1));
    return sessions_asked(s);
}

static tl_err latest_sessions(void)
{
    struct log_sessions *s = NULL;
    assert_ok(log_sessions_latest(&s, small.log, NULL, 0, 0, 10));
    return sessions_asked(s);
}

/* In places where what was altered still reads well: in the name of the evidence, and
 * within a quote. */
static void altered_sessions_are_not_shown(void **state)
{
    (void)state;
    begin_again(&small);
    world_open(&small);
    assert_ok(session_at_1());
    assert_ok(latest_sessions());
    begin_again(&small);
    host_flip(&small, "leaf", "body", "idx = 1", -5);
    world_open(&small);
    assert_err(session_at_1(), TL_E_STORED);
    begin_again(&small);
    host_sql(&small, "UPDATE evidence SET item = CAST(substr(item, 1, 200) || x'a5a5a5a5' || "
                     "substr(item, 205) AS BLOB)");
    world_open(&small);
    assert_ok(session_at_1());
    assert_err(latest_sessions(), TL_E_STORED);
}

static void evidence_removed_and_altered(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        begin_again(&small);
        host_sql(&small, i == 0 ? "DELETE FROM evidence"
                                : "UPDATE evidence SET item = CAST(x'00' || item AS BLOB)");
        fsck_says(&small, "statement 0: its evidence");
        world_open(&small);
        export_fails(&small, &whole, TL_E_STORED, "evidence");
    }
}

/* ---- request ids ---- */

static void request_rows(void **state)
{
    (void)state;
    world_open(&small);
    struct log_receipt r = pay_again(&small);
    assert_true(r.repeated);
    assert_int_equal(r.index, 2);
    begin_again(&small);
    host_sql(&small, "DELETE FROM request");
    world_open(&small);
    r = pay_again(&small);
    assert_ok(r.err);
    assert_false(r.repeated);
}

static void altered_request_rows_fail_the_append(void **state)
{
    static const int at[] = {0, 1, 2, 10, -1, -40};
    struct log_info before, after;
    (void)state;
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        begin_again(&small);
        host_flip(&small, "request", "value", "1", at[i]);
        fsck_says(&small, "request id's row");
        world_open(&small);
        log_info(small.log, &before);
        struct log_receipt r = pay_again(&small);
        assert_err(r.err, TL_E_STORED);
        assert_string_equal(r.why.field, "requestId");
        log_info(small.log, &after);
        assert_int_equal(before.size, after.size);
    }
}

/* Rows that no start of ours wrote: of another type, empty, too long. */
static void request_rows_of_no_form_fail_the_append(void **state)
{
    static const char *const sql[] = {
        "UPDATE request SET value = NULL",
        "UPDATE request SET value = 'text'",
        "UPDATE request SET value = x''",
        "UPDATE request SET value = zeroblob(60000)",
        "UPDATE request SET value = zeroblob(100000)",
    };
    (void)state;
    for (size_t i = 0; i < sizeof sql / sizeof sql[0]; i++) {
        begin_again(&small);
        host_sql(&small, sql[i]);
        fsck_says(&small, "request id's row");
        world_open(&small);
        assert_err(pay_again(&small).err, TL_E_STORED);
        append_one(&small, "alice", "others go on");
    }
}

static void request_row_moved_to_another_tag_fails_the_append(void **state)
{
    struct log_record r = record("alice", "pay 6");
    struct answer a;
    (void)state;
    world_open(&small);
    r.request = slice_str("req-2");
    append(&small, &r, 1, &a);
    assert_ok(a.receipts[0].err);
    world_stop(&small);
    /* The row that is updated last finds its own value in the other's place. */
    host_sql(&small, "UPDATE request SET value = (SELECT o.value FROM request AS o"
                     " WHERE o.tag <> request.tag)");
    fsck_says(&small, "request id's row");
    world_open(&small);
    append(&small, &r, 1, &a);
    tl_err first = pay_again(&small).err, second = a.receipts[0].err;
    assert_true((first == TL_E_STORED && second == TL_OK) ||
                (first == TL_OK && second == TL_E_STORED));
}

/* An authentic row of a history that is no more must not acknowledge a record
 * that is not in this one. */
static void request_row_of_a_lost_history_acknowledges_nothing(void **state)
{
    struct log_record r = record("alice", "never in this history");
    struct answer a;
    struct world newer;
    char sql[5000];
    (void)state;
    r.request = slice_str("req-9");
    world_open(&small);
    append(&small, &r, 1, &a);
    assert_ok(a.receipts[0].err);
    world_stop(&small);
    world_copy(&newer, &small);
    for (int longer = 0; longer < 2; longer++) {
        begin_again(&small);
        snprintf(sql, sizeof sql,
                 "ATTACH '%s/teelog.db' AS new; DELETE FROM main.request;"
                 "INSERT INTO main.request SELECT * FROM new.request",
                 newer.dir);
        host_sql(&small, sql);
        fsck_says(&small, "request id's row");
        world_open(&small);
        if (longer) /* so that the index is one of this history too */
            grow_log(&small, 20);
        append(&small, &r, 1, &a);
        assert_ok(a.err);
        assert_err(a.receipts[0].err, TL_E_STORED);
        assert_true(pay_again(&small).repeated); /* a row that both have is good */
    }
    world_finish(&newer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(altered_head_is_refused, host_set_up),
        cmocka_unit_test_setup(parts_of_another_log_are_refused, host_set_up),
        cmocka_unit_test_setup(identity_is_bound_to_the_head, host_set_up),
        cmocka_unit_test_setup(older_head_does_not_drop_newer_rows, host_set_up),
        cmocka_unit_test_setup(another_platform_does_not_open_it, host_set_up),
        cmocka_unit_test_setup(data_key_of_another_length, host_set_up),
        cmocka_unit_test_setup(bodies_removed_altered_and_swapped, host_set_up),
        cmocka_unit_test_setup(own_bodies_removed_and_altered, host_set_up),
        cmocka_unit_test_setup(salts_of_body_keys_removed, host_set_up),
        cmocka_unit_test_setup(altered_sessions_are_not_shown, host_set_up),
        cmocka_unit_test_setup(evidence_removed_and_altered, host_set_up),
        cmocka_unit_test_setup(request_rows, host_set_up),
        cmocka_unit_test_setup(altered_request_rows_fail_the_append, host_set_up),
        cmocka_unit_test_setup(request_rows_of_no_form_fail_the_append, host_set_up),
        cmocka_unit_test_setup(request_row_moved_to_another_tag_fails_the_append, host_set_up),
        cmocka_unit_test_setup(request_row_of_a_lost_history_acknowledges_nothing, host_set_up),
    };
    return cmocka_run_group_tests(tests, host_set_up_all, host_tear_down_all);
}
