/* The owner's recovery key: what it opens, and what not. */
#include "testhost.h"

#include "base/encoding.h"
#include "crypto/agree.h"
#include "crypto/secret.h"
#include "log/internal.h"
#include "log/query.h"
#include "log/recover.h"
#include "log/recovery.h"

static struct es256_key *owner, *stranger;

static int set_up(void **state)
{
    (void)state;
    assert_ok(es256_generate(&owner));
    assert_ok(es256_generate(&stranger));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    es256_free(owner);
    es256_free(stranger);
    return 0;
}

static tl_err try_start(struct world *w, struct es256_key *recovery, struct tl_why *why)
{
    struct log_config c = {.dir = w->dir,
                           .origin = "test/log",
                           .admissions = 1 << ADMISSION_BEARER,
                           .signers = 2,
                           .recovery = recovery};
    return log_open(&w->log, w->tee, &c, why);
}

static void start(struct world *w, struct es256_key *recovery)
{
    struct tl_why why = {{0}, {0}};
    tl_err err = try_start(w, recovery, &why);
    if (err != TL_OK)
        fail_msg("%s: %s", tl_err_name(err), why.text);
}

/* Two agents, one erasure, three boots. */
static void make(struct world *w)
{
    world_init(w);
    start(w, owner);
    for (int i = 0; i < 20; i++)
        append_one(w, i % 2 ? "bob" : "alice", i % 2 ? "from bob" : "from alice");
    world_stop(w);
    start(w, owner);
    append_one(w, "alice", "after a restart");
    world_stop(w);
}

static tl_err try_recover(struct world *w, const struct es256_key *key, struct log **log,
                          struct log_recovered *found, struct tl_why *why)
{
    *log = NULL;
    return log_open_recover(log, key, w->dir, found, why);
}

static size_t count_rows(struct log *log, const char *text)
{
    struct tl_why why = {{0}, {0}};
    struct log_query *q = NULL;
    size_t n;
    struct log_query_options o = {
        .text = slice_str(text), .to = UINT64_MAX, .before_ms = UINT64_MAX, .limit = 1000};
    assert_ok(log_query_new(&q, log, &o, &why));
    tl_err err = log_query_run(q, &why);
    if (err != TL_OK)
        fail_msg("%s: %s", tl_err_name(err), why.text);
    const struct log_row *rows = log_query_rows(q, &n);
    for (size_t i = 0; i < n; i++)
        assert_non_null(rows[i].body.p);
    log_query_free(q);
    return n;
}

static void bodies_are_recovered(void **state)
{
    (void)state;
    struct world w;
    struct log *log;
    struct log_recovered found;
    struct log_info info;
    struct tl_why why = {{0}, {0}};
    char command[4200];
    make(&w);
    world_open(&w);
    log_info(w.log, &info);
    world_stop(&w);
    snprintf(command, sizeof command, "rm -r '%s/sim'", w.dir); /* the platform is lost */
    assert_int_equal(system(command), 0);
    tl_err err = try_recover(&w, owner, &log, &found, &why);
    if (err != TL_OK)
        fail_msg("%s: %s", tl_err_name(err), why.text);
    assert_int_equal(found.records, 21);
    assert_true(found.simulated);
    assert_true(hash_eq(&found.root, &log->durable_root));
    assert_true(found.size >= info.size);
    assert_int_equal(count_rows(log, "from alice"), 10);
    assert_int_equal(count_rows(log, "from bob"), 10);
    assert_int_equal(count_rows(log, "after a restart"), 1);
    log_close(log);
    world_finish(&w);
}

/* Who is given the data key stands in what is attested, and a verifier takes it. */
static void it_is_attested(void **state)
{
    (void)state;
    struct world w;
    struct log_query *q = NULL;
    struct tl_why why = {{0}, {0}};
    struct body_boot boot;
    struct cose_ec2 point;
    size_t n;
    make(&w);
    start(&w, NULL);
    world_pin(&w);
    uint8_t *p = export_all(&w, &whole, &n);
    assert_int_equal(verdict_of(p, n, w.policy), TEELOG_TRUSTED);
    free(p);
    es256_point(owner, &point);
    const struct log_query_options o = {
        .type = slice_str("teelog.boot"), .to = UINT64_MAX, .before_ms = UINT64_MAX, .limit = 10};
    assert_ok(log_query_new(&q, w.log, &o, &why));
    assert_ok(log_query_run(q, &why));
    const struct log_row *rows = log_query_rows(q, &n);
    assert_int_equal(n, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_ok(body_boot_read(&boot, rows[i].body));
        assert_int_equal(boot.config.has_recovery, i < 2);
        assert_true(i == 2 ||
                    (slice_eq(SLICE_ARRAY(boot.config.recovery.x), SLICE_ARRAY(point.x)) &&
                     slice_eq(SLICE_ARRAY(boot.config.recovery.y), SLICE_ARRAY(point.y))));
    }
    log_query_free(q);
    world_stop(&w);
    /* What was given is not taken back. */
    struct log *log;
    struct log_recovered found;
    assert_ok(try_recover(&w, owner, &log, &found, &why));
    log_close(log);
    world_finish(&w);
}

static void pem_keys(void **state)
{
    (void)state;
    static const char public[] = "-----BEGIN PUBLIC KEY-----\n"
                                 "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE%s\n"
                                 "-----END PUBLIC KEY-----\n";
    struct es256_key *key = NULL;
    char text[400];
    uint8_t point[64];
    struct cose_ec2 p;
    buf b;
    buf_init(&b, 200);
    es256_point(owner, &p);
    memcpy(point, p.x, 32);
    memcpy(point + 32, p.y, 32);
    base64_put(&b, SLICE_ARRAY(point));
    buf_u8(&b, 0);
    snprintf(text, sizeof text, public, (char *)b.p);
    assert_ok(es256_public_pem(&key, slice_str(text)));
    hash32 one = es256_thumbprint(key), two = es256_thumbprint(owner);
    assert_true(hash_eq(&one, &two));
    es256_free(key);
    key = NULL;
    assert_err(es256_private_pem(&key, slice_str(text)), TL_E_KEY);
    b.p[3] ^= 1; /* no point of the curve's any more */
    snprintf(text, sizeof text, public, (char *)b.p);
    assert_err(es256_public_pem(&key, slice_str(text)), TL_E_KEY);
    assert_err(es256_public_pem(&key, slice_str("")), TL_E_KEY);
    /* Ed25519, and secp256k1. */
    assert_err(es256_public_pem(
                   &key, slice_str("-----BEGIN PUBLIC KEY-----\n"
                                   "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
                                   "-----END PUBLIC KEY-----\n")),
               TL_E_KEY);
    assert_err(
        es256_public_pem(
            &key, slice_str("-----BEGIN PUBLIC KEY-----\n"
                            "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEeb5mfvncu6xVoGKVzocLBwKb/NstzijZ\n"
                            "WfKBWxb4F5hIOtp3JqPEZV2k+/wOEQio/Re0SKaFVBmcR9CP+xDUuA==\n"
                            "-----END PUBLIC KEY-----\n")),
        TL_E_KEY);
    assert_null(key);
    buf_finish(&b);
}

/* The keys that sign checkpoints and heads are not among what it gives. */
static void other_keys_are_not(void **state)
{
    (void)state;
    static const uint8_t none[32];
    struct world w;
    struct log *log;
    struct log_recovered found;
    struct tl_why why = {{0}, {0}};
    uint8_t seed[32], head[32], data[32];
    world_init(&w);
    start(&w, owner);
    memcpy(seed, w.log->keys.log_seed, 32);
    memcpy(head, w.log->keys.head_key, 32);
    memcpy(data, w.log->keys.data_key, 32);
    world_stop(&w);
    assert_ok(try_recover(&w, owner, &log, &found, &why));
    assert_memory_equal(log->keys.data_key, data, 32);
    assert_memory_equal(log->keys.log_seed, none, 32);
    assert_memory_equal(log->keys.head_key, none, 32);
    assert_memory_not_equal(log->keys.data_key, seed, 32);
    assert_memory_not_equal(log->keys.data_key, head, 32);
    log_close(log);
    world_finish(&w);
}

static void refused(struct world *w, const struct es256_key *key, tl_err want, const char *words)
{
    struct log *log;
    struct log_recovered found;
    struct tl_why why = {{0}, {0}};
    assert_err(try_recover(w, key, &log, &found, &why), want);
    assert_null(log);
    if (!strstr(why.text, words))
        fail_msg("\"%s\" has not \"%s\"", why.text, words);
}

static void wrong_keys_are_refused(void **state)
{
    (void)state;
    struct world w, without;
    make(&w);
    refused(&w, stranger, TL_E_SEALED, "does not open under this recovery key");
    start(&w, stranger); /* another one from now on */
    world_stop(&w);
    refused(&w, owner, TL_E_SEALED, "does not open under this recovery key");
    struct log *log;
    struct log_recovered found;
    struct tl_why why = {{0}, {0}};
    assert_ok(try_recover(&w, stranger, &log, &found, &why));
    log_close(log);
    world_finish(&w);
    world_init(&without);
    world_open(&without);
    world_stop(&without);
    refused(&without, owner, TL_E_NOT_FOUND, "never started with --recovery-key");
    world_finish(&without);
}

static void altered_stores_are_refused(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "UPDATE leaf SET body = zeroblob(length(body)) WHERE idx = 0",
        "UPDATE leaf SET body = (SELECT body FROM leaf WHERE idx = 0) WHERE idx = 1",
        "UPDATE leaf SET body = NULL WHERE idx = 1",
        "UPDATE leaf SET statement = (SELECT statement FROM leaf WHERE idx = 3) WHERE idx = 5",
        "DELETE FROM leaf WHERE idx = 4",
        "DELETE FROM leaf WHERE idx = 0",
        "DELETE FROM leaf",
        "UPDATE leaf SET statement = zeroblob(200) WHERE idx = 6",
        "UPDATE meta SET value = zeroblob(32) WHERE name = 'log_id'",
        "UPDATE meta SET value = CAST('other/log' AS BLOB) WHERE name = 'origin'",
        "UPDATE meta SET value = zeroblob(5000) WHERE name = 'recovery'",
    };
    struct world w, kept;
    make(&w);
    world_copy(&kept, &w);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct log *log;
        struct log_recovered found;
        struct tl_why why = {{0}, {0}};
        host_sql(&w, changes[i]);
        tl_err err = try_recover(&w, owner, &log, &found, &why);
        if (err == TL_OK || log || !why.text[0])
            fail_msg("%s: %s %s", changes[i], tl_err_name(err), why.text);
        world_restore(&w, &kept);
    }
    /* A signature, each statement's. */
    for (int i = 0; i < 8; i++) {
        char where[40];
        snprintf(where, sizeof where, "idx = %d", i);
        host_flip(&w, "leaf", "statement", where, -1);
        refused(&w, owner, TL_E_STORED, "altered");
        world_restore(&w, &kept);
    }
    world_finish(&kept);
    world_finish(&w);
}

static struct log_keys keys_of(const char *origin, uint8_t id)
{
    struct log_keys k = {0};
    snprintf(k.origin, sizeof k.origin, "%s", origin);
    memset(k.log_id.b, id, sizeof k.log_id.b);
    memset(k.data_key, 0x5a, sizeof k.data_key);
    return k;
}

static void wrapped_keys_are_bound(void **state)
{
    (void)state;
    struct log_keys k = keys_of("test/log", 1), again = keys_of("test/log", 1), other;
    struct tl_why why = {{0}, {0}};
    buf a, b;
    buf_init(&a, 1024);
    buf_init(&b, 1024);
    assert_ok(recovery_wrap(&k, owner, &a));
    assert_ok(recovery_wrap(&k, owner, &b));
    assert_int_equal(a.n, RECOVERY_SIZE);
    assert_memory_not_equal(a.p, b.p, a.n);
    memset(again.data_key, 0, sizeof again.data_key);
    assert_ok(recovery_open(&again, owner, buf_slice(&a), &why));
    assert_memory_equal(again.data_key, k.data_key, 32);
    other = keys_of("test/log", 2);
    assert_err(recovery_open(&other, owner, buf_slice(&a), &why), TL_E_SEALED);
    other = keys_of("other/log", 1);
    assert_err(recovery_open(&other, owner, buf_slice(&a), &why), TL_E_SEALED);
    for (size_t i = 0; i < a.n; i++) {
        a.p[i] ^= 1;
        assert_err(recovery_open(&again, owner, buf_slice(&a), &why), TL_E_SEALED);
        a.p[i] ^= 1;
        assert_err(recovery_open(&again, owner, slice_of(a.p, i), &why), TL_E_SEALED);
    }
    buf_u8(&a, 0);
    assert_err(recovery_open(&again, owner, buf_slice(&a), &why), TL_E_SEALED);
    buf_finish(&a);
    buf_finish(&b);
}

static void agreement(void **state)
{
    (void)state;
    uint8_t one[32], two[32];
    assert_ok(es256_agree(owner, stranger, one));
    assert_ok(es256_agree(stranger, owner, two));
    assert_memory_equal(one, two, 32);
    /* NIST CAVS, ECC CDH primitive, P-256, count 0. */
    size_t n;
    uint8_t *x = test_hex("700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287", &n);
    uint8_t *y = test_hex("db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac", &n);
    uint8_t *d = test_hex("7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534", &n);
    uint8_t *z = test_hex("46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b", &n);
    struct es256_key *own = NULL, *peer = NULL;
    assert_ok(es256_private(&own, d));
    assert_ok(es256_public(&peer, x, y));
    assert_ok(es256_agree(own, peer, one));
    assert_memory_equal(one, z, 32);
    assert_err(es256_agree(peer, own, one), TL_E_CRYPTO); /* no private half */
    es256_free(own);
    es256_free(peer);
    free(x);
    free(y);
    free(d);
    free(z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agreement),
        cmocka_unit_test(wrapped_keys_are_bound),
        cmocka_unit_test(bodies_are_recovered),
        cmocka_unit_test(it_is_attested),
        cmocka_unit_test(pem_keys),
        cmocka_unit_test(other_keys_are_not),
        cmocka_unit_test(wrong_keys_are_refused),
        cmocka_unit_test(altered_stores_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
