/* The owner's recovery key: what it opens, and what not. */
#include "testhost.h"

#include "attest/collateral.h"
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

/* Two agents, two boots. */
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

static tl_err try_recover(struct world *w, const struct es256_key *key, struct log_recovery **r,
                          struct log_recovered *found, struct tl_why *why)
{
    const struct log_recover_options o = {.dir = w->dir, .owner = key};
    *r = NULL;
    return log_recovery_new(r, &o, found, why);
}

/* What it gives: how many rows, of them proven, and records with this content. */
struct counts {
    size_t rows, proven, alice, bob, after, lost;
};

static void count(struct counts *c, const struct log_recover_row *row)
{
    struct body_record r;
    c->rows++;
    c->proven += row->proven;
    c->lost += row->lost || row->body_lost;
    if (row->lost || row->body_lost || slice_starts(row->row.type, slice_str("teelog.")))
        return;
    assert_ok(body_record_read(&r, row->row.body));
    c->alice += slice_eq_str(r.content, "from alice");
    c->bob += slice_eq_str(r.content, "from bob");
    c->after += slice_eq_str(r.content, "after a restart");
}

static struct counts count_all(struct log_recovery *r)
{
    struct counts c = {0};
    bool more = true;
    while (more) {
        struct log_recover_row row;
        assert_ok(log_recovery_next(r, &row, &more));
        if (more)
            count(&c, &row);
    }
    return c;
}

static void lose_platform(struct world *w)
{
    char command[4200];
    snprintf(command, sizeof command, "rm -r '%s/sim'", w->dir);
    assert_int_equal(system(command), 0);
}

static void bodies_are_recovered(void **state)
{
    (void)state;
    struct world w;
    struct log_recovery *r;
    struct log_recovered found;
    struct tl_why why = {{0}, {0}};
    make(&w);
    lose_platform(&w);
    tl_err err = try_recover(&w, owner, &r, &found, &why);
    if (err != TL_OK)
        fail_msg("%s: %s", tl_err_name(err), why.text);
    assert_true(found.simulated && found.has_checkpoint);
    assert_int_equal(found.size, found.rows);
    assert_null(found.stored_trouble);
    struct counts c = count_all(r);
    assert_int_equal(c.rows, found.rows);
    assert_int_equal(c.proven, c.rows);
    assert_int_equal(c.alice, 10);
    assert_int_equal(c.bob, 10);
    assert_int_equal(c.after, 1);
    assert_int_equal(c.lost, 0);
    log_recovery_free(r);
    world_finish(&w);
}

/* A service that is killed leaves the checkpoint of the commit before its last. */
static void after_a_kill(void **state)
{
    (void)state;
    struct world w, copy;
    struct log_recovery *r;
    struct log_recovered found;
    struct tl_why why = {{0}, {0}};
    make(&w);
    start(&w, owner);
    for (int i = 0; i < 3; i++)
        append_one(&w, "alice", "from alice");
    world_copy(&copy, &w); /* as the disk is now */
    world_stop(&w);
    tl_err err = try_recover(&copy, owner, &r, &found, &why);
    if (err != TL_OK)
        fail_msg("%s: %s", tl_err_name(err), why.text);
    assert_int_equal(found.size, found.rows - 1);
    struct counts c = count_all(r);
    assert_int_equal(c.proven, c.rows - 1);
    assert_int_equal(c.alice, 13);
    assert_int_equal(c.lost, 0);
    log_recovery_free(r);
    world_finish(&copy);
    world_finish(&w);
}

static uint8_t *bundle_of(struct log_recovery *r, size_t *n)
{
    struct world as = {.log = log_recovery_log(r)};
    const struct log_export_options o = {.to = UINT64_MAX, .withhold_lost = true};
    assert_non_null(as.log);
    return export_all(&as, &o, n);
}

static slice own_collateral(struct world *w, buf *json)
{
    buf_init(json, COLLATERAL_MAX);
    assert_ok(tee_collateral(w->tee, (uint64_t)time(NULL), json, NULL));
    return buf_slice(json);
}

/* What is recovered is a bundle like any other, of what the checkpoint covers. */
static void bundles_verify(void **state)
{
    (void)state;
    struct world w;
    struct log_recovery *r;
    struct log_recovered found;
    struct tl_why why = {{0}, {0}};
    struct history h;
    size_t n;
    buf json;
    make(&w);
    start(&w, owner);
    world_pin(&w);
    world_stop(&w);
    assert_ok(try_recover(&w, owner, &r, &found, &why));
    assert_ok(log_put_collateral(log_recovery_log(r), own_collateral(&w, &json)));
    uint8_t *p = bundle_of(r, &n);
    assert_int_equal(verdict_of(p, n, w.policy), TEELOG_TRUSTED);
    history_read(&h, p, n);
    assert_int_equal(h.size, found.rows);
    history_finish(&h);
    free(p);
    log_recovery_free(r);
    /* With a body that does not open it is withheld. */
    host_sql(&w, "UPDATE leaf SET body = NULL WHERE idx = 2");
    host_sql(&w, "UPDATE leaf SET body = (SELECT body FROM leaf WHERE idx = 6) WHERE idx = 4");
    assert_ok(try_recover(&w, owner, &r, &found, &why));
    assert_ok(log_put_collateral(log_recovery_log(r), buf_slice(&json)));
    p = bundle_of(r, &n);
    struct teelog_report *report = report_of(p, n, w.policy);
    assert_int_equal(teelog_report_verdict(report), TEELOG_TRUSTED);
    char *text = teelog_report_text(report);
    assert_non_null(strstr(text, "withheld"));
    free(text);
    teelog_report_free(report);
    assert_int_equal(count_all(r).lost, 2);
    free(p);
    log_recovery_free(r);
    buf_finish(&json);
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
    struct log_recovery *r;
    struct log_recovered found;
    assert_ok(try_recover(&w, owner, &r, &found, &why));
    log_recovery_free(r);
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
    /* A private key of secp256k1, whose scalar is one of P-256 too. */
    assert_err(
        es256_private_pem(
            &key, slice_str("-----BEGIN EC PRIVATE KEY-----\n"
                            "MHQCAQEEIFP0ZkkcnZ8JsvTJ2P9e56ft6AZ8WDmIHwKkXBCeHZyLoAcGBSuBBAAK\n"
                            "oUQDQgAEBp58Pb+rq49bro1Of+qOxhR6qil4PIIqgEFLSJPhjAsZiz2vv4/BViZF\n"
                            "wSTEEaDza/Z+pDQi2mxyFfIeeSu8Xg==\n"
                            "-----END EC PRIVATE KEY-----\n")),
        TL_E_KEY);
    assert_null(key);
    buf_finish(&b);
}

static void private_pem(void **state)
{
    (void)state;
    static const char sec1[] = "-----BEGIN EC PRIVATE KEY-----\n"
                               "MHcCAQEEIDq1wy0S00mE/mQSej4myR+xT4IyLd9xZTwz+sNUuIMDoAoGCCqGSM49\n"
                               "AwEHoUQDQgAEZOJpJ/1FkWFyLKsaQe4rQBHWCQNVyf6Pq7rFN3CsMej0QgQM+1XJ\n"
                               "QJh/OVDp4/vWxgEBaJg89EFdXgS/ygna6g==\n"
                               "-----END EC PRIVATE KEY-----\n";
    static const char pkcs8[] = "-----BEGIN PRIVATE KEY-----\n"
                                "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgOrXDLRLTSYT+ZBJ6\n"
                                "PibJH7FPgjIt33FlPDP6w1S4gwOhRANCAARk4mkn/UWRYXIsqxpB7itAEdYJA1XJ\n"
                                "/o+rusU3cKwx6PRCBAz7VclAmH85UOnj+9bGAQFomDz0QV1eBL/KCdrq\n"
                                "-----END PRIVATE KEY-----\n";
    static const char locked[] =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
        "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjOQIWNQAPx9AICCAAw\n"
        "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEAwLWxZb50Ipa3PZoQlu4goEgZB4\n"
        "dSl1X5qKPlMK7SPCRCkgRSDxRF5CQUvg51dCiWsQQ0B49qIfI20LPmpUYcPmcTQx\n"
        "ZltQIB4me3UKX7Qc/VnH8+9gNc6kvkB7SKeDafKy3cj+kIihb03yxFwnq5M/IUaZ\n"
        "MFF1hbzBG1ELNlVuG+b9GoYIR1OvSmtwKLMU/7fn7cc/s6TbSP2x/woQ06VWpkY=\n"
        "-----END ENCRYPTED PRIVATE KEY-----\n";
    struct es256_key *a = NULL, *b = NULL, *c = NULL;
    assert_ok(es256_private_pem(&a, slice_str(sec1)));
    assert_ok(es256_private_pem(&b, slice_str(pkcs8)));
    hash32 one = es256_thumbprint(a), two = es256_thumbprint(b);
    assert_true(hash_eq(&one, &two));
    assert_err(es256_private_pem(&c, slice_str(locked)), TL_E_KEY);
    assert_err(es256_private_pem(&c, slice_of(sec1, sizeof sec1 / 2)), TL_E_KEY);
    assert_err(es256_private_pem(&c, slice_str("")), TL_E_KEY);
    es256_free(a);
    es256_free(b);
}

/* The keys that sign checkpoints and heads are not among what it gives. */
static void other_keys_are_not(void **state)
{
    (void)state;
    static const uint8_t none[32];
    struct world w;
    struct log_recovery *r;
    struct log_recovered found;
    struct tl_why why = {{0}, {0}};
    uint8_t data[32];
    world_init(&w);
    start(&w, owner);
    memcpy(data, w.log->keys.data_key, 32);
    world_stop(&w);
    assert_ok(try_recover(&w, owner, &r, &found, &why));
    struct log *log = log_recovery_log(r);
    assert_memory_equal(log->keys.data_key, data, 32);
    assert_memory_equal(log->keys.log_seed, none, 32);
    assert_memory_equal(log->keys.head_key, none, 32);
    log_recovery_free(r);
    world_finish(&w);
}

static void refused(struct world *w, const struct es256_key *key, tl_err want, const char *words)
{
    struct log_recovery *r;
    struct log_recovered found;
    struct tl_why why = {{0}, {0}};
    assert_err(try_recover(w, key, &r, &found, &why), want);
    assert_null(r);
    if (!strstr(why.text, words))
        fail_msg("\"%s\" has not \"%s\"", why.text, words);
}

static void keys_by_start(void **state)
{
    (void)state;
    struct world w, without;
    make(&w);
    refused(&w, stranger, TL_E_SEALED, "does not open under this recovery key");
    start(&w, stranger); /* another one from now on */
    world_stop(&w);
    refused(&w, owner, TL_E_SEALED, "does not open under this recovery key");
    struct log_recovery *r;
    struct log_recovered found;
    struct tl_why why = {{0}, {0}};
    assert_ok(try_recover(&w, stranger, &r, &found, &why));
    assert_int_equal(count_all(r).after, 1);
    log_recovery_free(r);
    start(&w, stranger);
    refused(&w, stranger, TL_E_LOCKED, "another teelog has this log open");
    world_finish(&w);
    world_init(&without);
    refused(&without, owner, TL_E_NOT_FOUND, "");
    world_open(&without);
    world_stop(&without);
    refused(&without, owner, TL_E_NOT_FOUND, "never started with --recovery-key");
    world_finish(&without);
}

/* Bytes of docs/format.md section 12, made by another implementation (Python). */
static void vector(void **state)
{
    (void)state;
    static const char want[] =
        "d65a93977caa3d1b081852ff57a79e465f1660577304baead505dd3a48589cf350185e895372df6221ea3a1375"
        "57e473fddb6755f05bd507c3c533fce9c91285e3f8d49beae4155a5c999824d51e4b19faa6559a6ed6ac41cdf4"
        "70e32241b030542c36589841b3e53a749898be678ea5";
    struct log_keys k = {.origin = "example.org/log"}, again;
    struct es256_key *own = NULL, *once = NULL;
    struct tl_why why = {{0}, {0}};
    uint8_t scalar[32];
    size_t n;
    buf b;
    for (uint8_t i = 0; i < 32; i++) {
        k.log_id.b[i] = i;
        k.data_key[i] = (uint8_t)(64 + i);
    }
    memset(scalar, 0x11, sizeof scalar);
    assert_ok(es256_private(&own, scalar));
    memset(scalar, 0x22, sizeof scalar);
    assert_ok(es256_private(&once, scalar));
    buf_init(&b, 200);
    assert_ok(recovery_wrap_by(&k, own, once, &b));
    uint8_t *bytes = test_hex(want, &n);
    assert_int_equal(b.n, n);
    assert_memory_equal(b.p, bytes, n);
    again = k;
    memset(again.data_key, 0, sizeof again.data_key);
    assert_ok(recovery_open(&again, own, slice_of(bytes, n), &why));
    assert_memory_equal(again.data_key, k.data_key, 32);
    free(bytes);
    buf_finish(&b);
    es256_free(own);
    es256_free(once);
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
        cmocka_unit_test(agreement),      cmocka_unit_test(wrapped_keys_are_bound),
        cmocka_unit_test(vector),         cmocka_unit_test(bodies_are_recovered),
        cmocka_unit_test(after_a_kill),   cmocka_unit_test(bundles_verify),
        cmocka_unit_test(it_is_attested), cmocka_unit_test(pem_keys),
        cmocka_unit_test(private_pem),    cmocka_unit_test(other_keys_are_not),
        cmocka_unit_test(keys_by_start),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
