/* Logs on a platform that keeps no keys: each start begins another one, and the one before
 * lies aside, whole. */
#include "testlog.h"

#include "store/store.h"
#include "tee/platform.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* The simulated platform with keys of this start alone. */
struct forgetful {
    struct tee tee;
    struct tee *sim;
    uint8_t sealing[32];
};

static tl_err forgetful_key(struct tee *t, uint8_t out[32], struct tl_why *why)
{
    (void)why;
    memcpy(out, ((struct forgetful *)t)->sealing, 32);
    return TL_OK;
}

static tl_err forgetful_quote(struct tee *t, const uint8_t report_data[64], buf *quote,
                              buf *event_log, struct tl_why *why)
{
    struct tee *sim = ((struct forgetful *)t)->sim;
    return sim->ops->quote(sim, report_data, quote, event_log, why);
}

static tl_err forgetful_collateral(struct tee *t, uint64_t now, buf *json, struct tl_why *why)
{
    struct tee *sim = ((struct forgetful *)t)->sim;
    return sim->ops->collateral(sim, now, json, why);
}

static void forgetful_close(struct tee *t)
{
    tee_close(((struct forgetful *)t)->sim);
    free(t);
}

static const struct tee_ops forgetful_ops = {
    .platform = "simulator",
    .sealing = "memory",
    .simulated = true,
    .keeps_keys = false,
    .close = forgetful_close,
    .sealing_key = forgetful_key,
    .quote = forgetful_quote,
    .collateral = forgetful_collateral,
};

static uint8_t starts; /* so far */

/* Another start's platform in place of the world's. */
static void new_start(struct world *w)
{
    struct forgetful *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->tee.ops = &forgetful_ops;
    f->sim = w->tee;
    if (w->tee->ops == &forgetful_ops) {
        struct forgetful *old = (struct forgetful *)w->tee;
        f->sim = old->sim;
        free(old);
    }
    memset(f->sealing, ++starts, sizeof f->sealing);
    w->tee = &f->tee;
}

static bool is_there(struct world *w, const char *name)
{
    char path[4200];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", w->dir, name);
    return lstat(path, &st) == 0;
}

static void copy_away(struct world *w, const char *name, uint8_t **p, size_t *n)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", w->dir, name);
    *p = test_file(path, n);
    assert_non_null(*p);
}

static struct log_info info_of(struct world *w)
{
    struct log_info info;
    log_info(w->log, &info);
    return info;
}

static void each_start_begins_a_log(void **state)
{
    (void)state;
    struct world w;
    hash32 ids[3];
    uint8_t *before = NULL, *after;
    size_t before_n = 0, after_n;
    world_init(&w);
    for (unsigned i = 0; i < 3; i++) {
        char name[40];
        new_start(&w);
        world_open(&w);
        ids[i] = info_of(&w).log_id;
        name[0] = 0;
        if (i)
            snprintf(name, sizeof name, "unsealable-%04u", i);
        assert_string_equal(info_of(&w).set_aside, name);
        assert_int_equal(info_of(&w).size, 1);
        assert_int_equal(append_one(&w, "alice", "hello").index, 2);
        if (i) {
            snprintf(name, sizeof name, "unsealable-%04u/teelog.db", i);
            copy_away(&w, name, &after, &after_n);
            assert_int_equal(after_n, before_n);
            assert_memory_equal(after, before, before_n);
            free(after);
            free(before);
        }
        world_pin(&w);
        size_t n;
        uint8_t *p = export_all(&w, &(struct log_export_options){.withhold_bodies = false}, &n);
        assert_int_equal(verdict_of(p, n, w.policy), TEELOG_TRUSTED);
        free(p);
        teelog_policy_free(w.policy);
        free(w.policy_json);
        w.policy = NULL;
        w.policy_json = NULL;
        world_stop(&w);
        copy_away(&w, "teelog.db", &before, &before_n);
    }
    free(before);
    assert_false(hash_eq(&ids[0], &ids[1]) || hash_eq(&ids[1], &ids[2]));
    assert_false(is_there(&w, "unsealable-0003"));
    world_finish(&w);
}

/* What a killed service left beside its database goes with it; a move that was cut short
 * is gone on with. */
static void all_of_it_is_moved(void **state)
{
    (void)state;
    struct world w;
    uint8_t *p;
    size_t n;
    world_init(&w);
    new_start(&w);
    world_open(&w);
    world_stop(&w);
    FILE *f;
    char path[4200];
    snprintf(path, sizeof path, "%s/unsealable-0001", w.dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/unsealable-0001/teelog.db-wal", w.dir);
    assert_non_null(f = fopen(path, "w"));
    fputs("moved before", f);
    fclose(f);
    char name[STORE_ASIDE];
    struct tl_why why = {{0}, {0}};
    snprintf(path, sizeof path, "%s/teelog.db-journal", w.dir);
    assert_non_null(f = fopen(path, "w"));
    fputs("journal", f);
    fclose(f);
    assert_ok(store_set_aside(w.dir, name, &why));
    assert_string_equal(name, "unsealable-0001");
    copy_away(&w, "unsealable-0001/teelog.db-wal", &p, &n);
    assert_int_equal(n, 12);
    free(p);
    copy_away(&w, "unsealable-0001/teelog.db-journal", &p, &n);
    assert_int_equal(n, 7);
    free(p);
    assert_true(is_there(&w, "unsealable-0001/teelog.db"));
    assert_false(is_there(&w, "teelog.db"));
    assert_err(store_set_aside(w.dir, name, &why), TL_E_NOT_FOUND);
    world_finish(&w);
}

static void refuses_to_move(void **state)
{
    (void)state;
    struct world w;
    char path[4200], name[STORE_ASIDE] = "same";
    struct tl_why why = {{0}, {0}};
    world_init(&w);
    new_start(&w);
    world_open(&w);
    /* A running one is nobody's to move. */
    assert_err(store_set_aside(w.dir, name, &why), TL_E_LOCKED);
    struct world other = {.dir = w.dir, .tee = w.tee};
    assert_err(world_try(&other, &why), TL_E_LOCKED);
    assert_true(is_there(&w, "teelog.db"));
    assert_int_equal(append_one(&w, "alice", "still here").index, 2);
    world_stop(&w);
    /* A link is followed nowhere. */
    snprintf(path, sizeof path, "%s/unsealable-0001", w.dir);
    assert_int_equal(symlink("/tmp", path), 0);
    assert_err(store_set_aside(w.dir, name, &why), TL_E_IO);
    assert_string_equal(name, "same");
    assert_true(is_there(&w, "teelog.db"));
    assert_int_equal(unlink(path), 0);
    for (unsigned i = 1; i <= STORE_ASIDE_MAX; i++) {
        snprintf(path, sizeof path, "%s/unsealable-%04u", w.dir, i);
        assert_int_equal(mkdir(path, 0700), 0);
        snprintf(path, sizeof path, "%s/unsealable-%04u/teelog.db", w.dir, i);
        int fd = open(path, O_CREAT | O_WRONLY, 0600);
        assert_true(fd >= 0);
        close(fd);
    }
    why = (struct tl_why){{0}, {0}};
    assert_err(store_set_aside(w.dir, name, &why), TL_E_EXISTS);
    assert_non_null(strstr(why.text, "9999"));
    assert_true(is_there(&w, "teelog.db"));
    world_finish(&w);
}

static void old_ones_are_closed(void **state)
{
    (void)state;
    struct world w;
    struct log *log = NULL;
    struct tl_why why = {{0}, {0}};
    uint64_t bad = 0;
    world_init(&w);
    new_start(&w);
    world_open(&w);
    world_stop(&w);
    new_start(&w);
    assert_err(log_open_read(&log, w.tee, w.dir, &why), TL_E_SEALED);
    assert_non_null(strstr(why.text, "keeps no keys"));
    char *text = fsck_text(&w, &bad);
    assert_non_null(strstr(text, "keeps no keys"));
    assert_int_equal(bad, 1);
    free(text);
    assert_true(is_there(&w, "teelog.db"));
    assert_false(is_there(&w, "unsealable-0001"));
    world_finish(&w);
}

/* A log of a platform that keeps keys is not taken for one of these, nor the other way. */
static void others_stay(void **state)
{
    (void)state;
    struct world w, copy;
    struct tl_why why = {{0}, {0}};
    world_init(&w);
    world_open(&w);
    world_stop(&w);
    world_copy(&copy, &w);
    new_start(&w);
    assert_err(world_try(&w, &why), TL_E_SEALED);
    assert_non_null(strstr(why.text, "another platform keeps"));
    assert_false(is_there(&w, "unsealable-0001"));
    world_open(&copy); /* as it was */
    world_finish(&copy);
    host_sql(&w, "DELETE FROM leaf");
    host_sql(&w, "UPDATE meta SET name = 'x' WHERE name = 'log_id'");
    assert_err(world_try(&w, &why), TL_E_SEALED);
    world_finish(&w);

    world_init(&w);
    new_start(&w);
    world_open(&w);
    world_stop(&w);
    world_copy(&copy, &w);
    assert_err(world_try(&copy, &why), TL_E_HEAD);
    assert_false(is_there(&copy, "unsealable-0001"));
    world_finish(&copy);
    world_finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_start_begins_a_log),
        cmocka_unit_test(all_of_it_is_moved),
        cmocka_unit_test(refuses_to_move),
        cmocka_unit_test(old_ones_are_closed),
        cmocka_unit_test(others_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
