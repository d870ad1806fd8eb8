/* The host against the tokens of a stopped log (docs/threat-model.md). */
#include "testhost.h"

#include "log/keys.h"
#include "log/tokens.h"

#define WORDS "stored tokens are not those of the authenticated head"

static char text[TOKEN_TEXT + 1];

static struct token make(struct world *w)
{
    struct token t = {.scopes = SCOPE_READ, .label = slice_str("l")};
    assert_ok(log_token_create(w->log, &t, text, NULL));
    return t;
}

/* Whether the running log takes the token whose text this is. */
static bool good(struct world *w, const char *of)
{
    struct tokens *t = log_tokens(w->log);
    bool found = tokens_find(t, slice_str(of), log_clock(w->log)) != NULL;
    tokens_unref(t);
    return found;
}

static void tokens_outlive_the_boot(void **state)
{
    (void)state;
    world_open(&small);
    struct log_info before, after;
    log_info(small.log, &before);
    struct token t = make(&small);
    log_info(small.log, &after);
    assert_int_equal(before.size, after.size); /* no statement */
    assert_true(good(&small, text));
    world_stop(&small);
    world_open(&small);
    assert_true(good(&small, text));
    grow_log(&small, 3);
    assert_ok(log_token_revoke(small.log, t.id, NULL));
    assert_false(good(&small, text));
    assert_err(log_token_revoke(small.log, t.id, NULL), TL_E_NOT_FOUND);
    world_stop(&small);
    starts(&small, SMALL_NEXT + 4);
    assert_false(good(&small, text));
    world_stop(&small);
    fsck_is_content(&small);
}

static void altered_tokens_are_refused(void **state)
{
    static const char *const sql[] = {
        "DELETE FROM meta WHERE name = 'tokens'",
        "UPDATE meta SET value = NULL WHERE name = 'tokens'",
        "UPDATE meta SET value = x'' WHERE name = 'tokens'",
        "UPDATE meta SET value = x'80' WHERE name = 'tokens'",
        "UPDATE meta SET value = substr(value, 2) WHERE name = 'tokens'",
        "UPDATE meta SET value = value || x'00' WHERE name = 'tokens'",
        "UPDATE meta SET value = zeroblob(70000) WHERE name = 'tokens'",
    };
    (void)state;
    world_open(&small);
    (void)make(&small);
    world_stop(&small);
    struct world kept;
    world_copy(&kept, &small);
    for (size_t i = 0; i < sizeof sql / sizeof sql[0]; i++) {
        world_restore(&small, &kept);
        host_sql(&small, sql[i]);
        refuses(&small, TL_E_HEAD, WORDS);
        fsck_says(&small, WORDS);
    }
    int size = (int)host_int(&kept, "SELECT length(value) FROM meta WHERE name = 'tokens'");
    for (int at = 0; at < size; at++) { /* every byte: a scope, an agent, an expiry */
        world_restore(&small, &kept);
        host_flip(&small, "meta", "value", "name = 'tokens'", at);
        struct log *log = NULL;
        assert_err(log_open_read(&log, small.tee, small.dir, NULL), TL_E_HEAD);
    }
    world_finish(&kept);
}

/* The row alone, of an earlier time: a revoked token, one more, or none. */
static void rolled_back_tokens_are_refused(void **state)
{
    char sql[5000];
    struct world old;
    (void)state;
    world_open(&small);
    struct token t = make(&small);
    world_stop(&small);
    world_copy(&old, &small);
    for (int more = 0; more < 2; more++) {
        world_restore(&small, &old);
        world_open(&small);
        if (more)
            (void)make(&small);
        else
            assert_ok(log_token_revoke(small.log, t.id, NULL));
        world_stop(&small);
        snprintf(sql, sizeof sql,
                 "ATTACH '%s/teelog.db' AS old; UPDATE main.meta SET value ="
                 " (SELECT value FROM old.meta WHERE name = 'tokens') WHERE name = 'tokens'",
                 old.dir);
        host_sql(&small, sql);
        refuses(&small, TL_E_HEAD, WORDS);
    }
    world_finish(&old);
}

/* The head alone: it is of this log, but ends before the boot that came after. */
static void rolled_back_tokens_with_their_head_are_refused(void **state)
{
    char sql[5000];
    struct world old;
    (void)state;
    world_open(&small);
    struct token t = make(&small);
    world_stop(&small);
    world_copy(&old, &small);
    world_open(&small);
    assert_ok(log_token_revoke(small.log, t.id, NULL));
    world_stop(&small);
    snprintf(sql, sizeof sql,
             "ATTACH '%s/teelog.db' AS old; UPDATE main.meta SET value ="
             " (SELECT value FROM old.meta o WHERE o.name = main.meta.name)"
             " WHERE name IN ('tokens', 'head')",
             old.dir);
    host_sql(&small, sql);
    refuses(&small, TL_E_STORED, "beyond the authenticated head");
    world_finish(&old);
}

/* A log of the version before tokens, as it was stored. */
static void store_head_v1(struct world *w)
{
    struct log_keys k = {.origin = ""};
    struct log_info info;
    struct log *log = NULL;
    uint8_t mem[128], mac_mem[256];
    char hex[512], sql[1024];
    buf b, m;
    assert_ok(log_open_read(&log, w->tee, w->dir, NULL));
    log_info(log, &info);
    log_close(log);
    snprintf(k.origin, sizeof k.origin, "%s", info.origin);
    k.log_id = info.log_id;
    assert_ok(keys_derive(&k, w->tee, NULL));
    buf_init_fixed(&b, mem, sizeof mem);
    buf_init_fixed(&m, mac_mem, sizeof mac_mem);
    buf_bytes(&m, slice_of("teelog/head/v1", 15));
    cbor_put_array(&m, 4);
    cbor_put_str(&m, k.origin);
    cbor_put_bytes(&m, hash_slice(&k.log_id));
    cbor_put_array(&b, 2);
    for (int i = 0; i < 2; i++) {
        cbor_put_uint(i ? &m : &b, info.size);
        cbor_put_bytes(i ? &m : &b, hash_slice(&info.root));
    }
    hash32 mac = hmac_sha256(slice_of(k.head_key, 32), buf_slice(&m));
    buf_bytes(&b, hash_slice(&mac));
    hex_text(hex, b.p, b.n);
    snprintf(sql, sizeof sql, "UPDATE meta SET value = x'%s' WHERE name = 'head'", hex);
    host_sql(w, sql);
    keys_wipe(&k);
}

static void an_old_head_is_taken_and_made_new(void **state)
{
    static const char version[] = "SELECT hex(substr(value, 1, 1)) = '84' FROM meta"
                                  " WHERE name = 'head'";
    (void)state;
    store_head_v1(&small);
    assert_int_equal(host_int(&small, version), 0);
    fsck_is_content(&small);
    starts(&small, SMALL_NEXT);
    world_stop(&small);
    assert_int_equal(host_int(&small, version), 1);
}

static void an_old_head_has_no_tokens(void **state)
{
    (void)state;
    world_open(&small);
    (void)make(&small);
    world_stop(&small);
    store_head_v1(&small);
    refuses(&small, TL_E_HEAD, WORDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(tokens_outlive_the_boot, host_set_up),
        cmocka_unit_test_setup(altered_tokens_are_refused, host_set_up),
        cmocka_unit_test_setup(rolled_back_tokens_are_refused, host_set_up),
        cmocka_unit_test_setup(rolled_back_tokens_with_their_head_are_refused, host_set_up),
        cmocka_unit_test_setup(an_old_head_is_taken_and_made_new, host_set_up),
        cmocka_unit_test_setup(an_old_head_has_no_tokens, host_set_up),
    };
    return cmocka_run_group_tests(tests, host_set_up_all, host_tear_down_all);
}
