/* Stores that do not open, or should not have: each ends as docs/operations.md says. */
#include "testhost.h"

#include "attest/collateral.h"
#include "crypto/sign.h"
#include "log/recover.h"
#include "tee/platform.h"

#include <time.h>

/* The simulated platform with a sealing key of the test's choice. */
struct keyed {
    struct tee tee;
    struct tee *sim;
    uint8_t sealing[32];
};

static tl_err keyed_key(struct tee *t, uint8_t out[32], struct tl_why *why)
{
    (void)why;
    memcpy(out, ((struct keyed *)t)->sealing, 32);
    return TL_OK;
}

static tl_err keyed_quote(struct tee *t, const uint8_t report_data[64], buf *quote, buf *event_log,
                          struct tl_why *why)
{
    struct tee *sim = ((struct keyed *)t)->sim;
    return sim->ops->quote(sim, report_data, quote, event_log, why);
}

static tl_err keyed_collateral(struct tee *t, uint64_t now, buf *json, struct tl_why *why)
{
    struct tee *sim = ((struct keyed *)t)->sim;
    return sim->ops->collateral(sim, now, json, why);
}

static void keyed_close(struct tee *t)
{
    tee_close(((struct keyed *)t)->sim);
    free(t);
}

static const struct tee_ops keyed_ops = {
    .platform = "simulator",
    .sealing = "simulator file",
    .simulated = true,
    .keeps_keys = true,
    .close = keyed_close,
    .sealing_key = keyed_key,
    .quote = keyed_quote,
    .collateral = keyed_collateral,
};

/* The same without keys that last. */
static const struct tee_ops memory_ops = {
    .platform = "simulator",
    .sealing = "memory",
    .simulated = true,
    .close = keyed_close,
    .sealing_key = keyed_key,
    .quote = keyed_quote,
    .collateral = keyed_collateral,
};

/* As a microcode update or a new build does it. */
static void set_key(struct world *w, uint8_t with)
{
    if (w->tee->ops != &keyed_ops && w->tee->ops != &memory_ops) {
        struct keyed *k = calloc(1, sizeof *k);
        assert_non_null(k);
        k->tee.ops = &keyed_ops;
        k->sim = w->tee;
        w->tee = &k->tee;
    }
    memset(((struct keyed *)w->tee)->sealing, with, 32);
}

static void make(struct world *w)
{
    world_init(w);
    set_key(w, 1);
    world_open(w);
    append_one(w, "alice", "before");
    world_pin(w);
    world_stop(w);
}

static void says(const struct tl_why *why, const char *words)
{
    if (!strstr(why->text, words))
        fail_msg("\"%s\" has not \"%s\"", why->text, words);
}

/* Each refusal names what else can be done, and fits into a sentence. */
static void says_choices(const struct tl_why *why)
{
    says(why, "Nothing was changed");
    says(why, "teelog recover");
    says(why, "--set-aside keeps this one");
    assert_string_equal(why->field, "data");
}

static void a_changed_key(void **state)
{
    (void)state;
    struct world w;
    struct tl_why why = {{0}, {0}};
    size_t n;
    make(&w);
    set_key(&w, 2);
    assert_err(world_try(&w, &why), TL_E_HEAD);
    says(&why, "the log is sealed under another");
    says_choices(&why);
    struct log *log = NULL;
    assert_err(log_open_read(&log, w.tee, w.dir, &why), TL_E_HEAD);
    set_key(&w, 1); /* the former build, on the former machine */
    world_open(&w);
    append_one(&w, "alice", "after");
    uint8_t *p = export_all(&w, &whole, &n);
    assert_int_equal(verdict_of(p, n, w.policy), TEELOG_TRUSTED);
    free(p);
    world_finish(&w);
}

static void another_machine(void **state)
{
    (void)state;
    struct world w, other;
    struct tl_why why = {{0}, {0}};
    char command[8400];
    make(&w);
    world_init(&other);
    set_key(&other, 7);
    snprintf(command, sizeof command, "cp '%s/teelog.db' '%s/'", w.dir, other.dir);
    assert_int_equal(system(command), 0);
    assert_err(world_try(&other, &why), TL_E_HEAD);
    says(&why, "another machine");
    says_choices(&why);
    world_finish(&other);
    world_finish(&w);
}

static void recovered(void **state)
{
    (void)state;
    struct world w;
    struct es256_key *owner = NULL, *other = NULL;
    struct log_recovery *r = NULL;
    struct log_recovered found;
    struct tl_why why = {{0}, {0}};
    size_t n;
    bool more = true;
    assert_ok(es256_generate(&owner));
    assert_ok(es256_generate(&other));
    world_init(&w);
    set_key(&w, 1);
    const struct log_config c = {.dir = w.dir,
                                 .origin = "test/log",
                                 .admissions = 1 << ADMISSION_BEARER,
                                 .signers = 2,
                                 .recovery = owner};
    assert_ok(log_open(&w.log, w.tee, &c, &why));
    append_one(&w, "alice", "before");
    world_pin(&w);
    world_stop(&w);
    set_key(&w, 2);
    assert_err(world_try(&w, &why), TL_E_HEAD);
    struct log_recover_options o = {.dir = w.dir, .owner = other};
    assert_err(log_recovery_new(&r, &o, &found, &why), TL_E_SEALED);
    o.owner = owner;
    assert_ok(log_recovery_new(&r, &o, &found, &why));
    for (struct log_recover_row row; more;) {
        assert_ok(log_recovery_next(r, &row, &more));
        assert_true(!more || (row.proven && !row.lost && !row.body_lost));
    }
    buf json;
    buf_init(&json, COLLATERAL_MAX);
    assert_ok(tee_collateral(w.tee, (uint64_t)time(NULL), &json, NULL));
    struct world as = {.log = log_recovery_log(r)};
    assert_ok(log_put_collateral(as.log, buf_slice(&json)));
    uint8_t *p = export_all(&as, &whole, &n);
    assert_int_equal(verdict_of(p, n, w.policy), TEELOG_TRUSTED);
    free(p);
    log_recovery_free(r);
    assert_err(world_try(&w, &why), TL_E_HEAD); /* and still it does not go on */
    buf_finish(&json);
    es256_free(owner);
    es256_free(other);
    world_finish(&w);
}

/* A platform that keeps no keys sets the log before aside; its recovery key reads it. */
static void without_keys(void **state)
{
    (void)state;
    struct world w;
    struct es256_key *owner = NULL;
    struct log_recovery *r = NULL;
    struct log_recovered found;
    struct tl_why why = {{0}, {0}};
    char aside[4200];
    bool more = true;
    size_t opened = 0;
    assert_ok(es256_generate(&owner));
    world_init(&w);
    const struct log_config c = {.dir = w.dir,
                                 .origin = "test/log",
                                 .admissions = 1 << ADMISSION_BEARER,
                                 .signers = 2,
                                 .recovery = owner};
    for (uint8_t i = 1; i <= 2; i++) {
        set_key(&w, i);
        w.tee->ops = &memory_ops;
        assert_ok(log_open(&w.log, w.tee, &c, &why));
        append_one(&w, "alice", "in memory");
        world_stop(&w);
    }
    snprintf(aside, sizeof aside, "%s/unsealable-0001", w.dir);
    const struct log_recover_options o = {.dir = aside, .owner = owner};
    assert_ok(log_recovery_new(&r, &o, &found, &why));
    for (struct log_recover_row row; more;) {
        assert_ok(log_recovery_next(r, &row, &more));
        assert_true(!more || (row.proven && !row.lost && !row.body_lost));
        opened += more && !slice_starts(row.row.type, slice_str("teelog."));
    }
    assert_int_equal(opened, 1);
    log_recovery_free(r);
    es256_free(owner);
    world_finish(&w);
}

static void damage(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        tl_err err;
        const char *words;
    } cases[] = {
        {"UPDATE meta SET value = zeroblob(length(value)) WHERE name = 'head'", TL_E_HEAD,
         "which is the right one"},
        {"DELETE FROM meta WHERE name = 'head'", TL_E_HEAD, "which is the right one"},
        {"UPDATE meta SET value = zeroblob(60) WHERE name = 'data_key'", TL_E_SEALED,
         "does not open"},
        {"UPDATE meta SET value = zeroblob(6) WHERE name = 'data_key'", TL_E_SEALED, "damaged"},
        {"DELETE FROM meta WHERE name = 'data_key'", TL_E_SEALED, "missing"},
        {"UPDATE meta SET value = zeroblob(32) WHERE name = 'log_id'", TL_E_HEAD,
         "the log is sealed under another"},
        {"UPDATE meta SET value = CAST('other/log' AS BLOB) WHERE name = 'origin'", TL_E_HEAD,
         "the log is sealed under another"},
    };
    struct world w, kept;
    make(&w);
    world_copy(&kept, &w);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tl_why why = {{0}, {0}};
        host_sql(&w, cases[i].sql);
        tl_err err = world_try(&w, &why);
        if (err != cases[i].err || !strstr(why.text, cases[i].words))
            fail_msg("%s: %s, %s", cases[i].sql, tl_err_name(err), why.text);
        says_choices(&why);
        assert_int_equal(host_int(&w, "SELECT count(*) FROM leaf"),
                         host_int(&kept, "SELECT count(*) FROM leaf"));
        world_restore(&w, &kept);
    }
    world_open(&w);
    world_finish(&kept);
    world_finish(&w);
}

static tl_err set_aside(struct world *w, struct tl_why *why)
{
    const struct log_config c = {.dir = w->dir,
                                 .origin = "test/log",
                                 .admissions = 1 << ADMISSION_BEARER,
                                 .signers = 2,
                                 .set_aside = true};
    return log_open(&w->log, w->tee, &c, why);
}

/* On the owner's word, and only where the log does not open: it is kept, and opens again where
 * its key is. */
static void on_the_owners_word(void **state)
{
    (void)state;
    struct world w;
    struct tl_why why = {{0}, {0}};
    struct log_info before, info;
    struct log *log = NULL;
    char aside[4200];
    make(&w);
    assert_ok(set_aside(&w, &why)); /* it opens */
    log_info(w.log, &before);
    assert_string_equal(before.set_aside, "");
    world_stop(&w);
    set_key(&w, 2);
    assert_err(world_try(&w, &why), TL_E_HEAD);
    tl_err err = set_aside(&w, &why);
    if (err != TL_OK)
        fail_msg("%s: %s", tl_err_name(err), why.text);
    log_info(w.log, &info);
    assert_string_equal(info.set_aside, "unsealable-0001");
    assert_false(hash_eq(&info.log_id, &before.log_id));
    assert_string_not_equal(info.log_key, before.log_key);
    append_one(&w, "alice", "in the new log");
    world_stop(&w);
    snprintf(aside, sizeof aside, "%s/unsealable-0001", w.dir);
    set_key(&w, 1);
    assert_ok(log_open_read(&log, w.tee, aside, &why));
    log_info(log, &info);
    assert_true(info.size >= before.size);
    assert_string_equal(info.log_key, before.log_key);
    log_close(log);
    /* A damaged one, under the right key, is left as it is. */
    set_key(&w, 2);
    host_sql(&w, "DELETE FROM leaf WHERE idx = 0");
    assert_err(set_aside(&w, &why), TL_E_STORED);
    assert_int_equal(host_int(&w, "SELECT count(*) > 0 FROM leaf"), 1);
    world_finish(&w);
}

/* What sealing does not keep from happening, and who can tell: one with a later checkpoint. */
static void rolled_back_and_copied(void **state)
{
    (void)state;
    struct world w, older, copy;
    struct log_info one, two;
    make(&w);
    world_copy(&older, &w);
    set_key(&older, 1);
    world_open(&w);
    append_one(&w, "alice", "the one history");
    world_stop(&w);
    world_copy(&copy, &w);
    set_key(&copy, 1);
    world_open(&w);
    world_open(&copy);
    append_one(&w, "alice", "here");
    append_one(&copy, "alice", "there");
    log_info(w.log, &one);
    log_info(copy.log, &two);
    assert_string_equal(one.log_key, two.log_key);
    assert_int_equal(one.size, two.size);
    assert_false(hash_eq(&one.root, &two.root));
    world_open(&older); /* it starts, and says another thing at a size that was published */
    while (older.log && two.size <= one.size) {
        append_one(&older, "alice", "the other history");
        log_info(older.log, &two);
        if (two.size == one.size)
            break;
    }
    assert_int_equal(two.size, one.size);
    assert_false(hash_eq(&one.root, &two.root));
    world_finish(&copy);
    world_finish(&older);
    world_finish(&w);
}

static void two_on_one_store(void **state)
{
    (void)state;
    struct world w;
    struct tl_why why = {{0}, {0}};
    make(&w);
    world_open(&w);
    struct world second = {.dir = w.dir, .tee = w.tee};
    assert_err(world_try(&second, &why), TL_E_LOCKED);
    says(&why, "another teelog has this log open");
    why = (struct tl_why){{0}, {0}};
    assert_err(set_aside(&second, &why), TL_E_LOCKED); /* not what is in use */
    append_one(&w, "alice", "the first goes on");
    world_finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_changed_key),
        cmocka_unit_test(another_machine),
        cmocka_unit_test(recovered),
        cmocka_unit_test(without_keys),
        cmocka_unit_test(damage),
        cmocka_unit_test(on_the_owners_word),
        cmocka_unit_test(rolled_back_and_copied),
        cmocka_unit_test(two_on_one_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
