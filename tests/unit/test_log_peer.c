/* Sessions of attested peers in a log: opened, kept apart, exported, and found good by the
 * verifier. */
#include "testlog.h"

#include "attest/ratls.h"
#include "crypto/sign.h"
#include "log/internal.h"
#include "tee/sim_pki.h"

uint64_t __real_stats_now_us(void);
uint64_t __wrap_stats_now_us(void);

static _Atomic uint64_t later_us; /* than it is */

uint64_t __wrap_stats_now_us(void)
{
    return __real_stats_now_us() + later_us;
}

static int set_up(void **state)
{
    static struct world w;
    submit_admissions = 1 << ADMISSION_ATTESTED | 1 << ADMISSION_BEARER;
    world_init(&w);
    world_open(&w);
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    world_finish(*state);
    submit_peer = NULL;
    submit_limited = false;
    later_us = 0;
    return 0;
}

/* A peer with a fresh key, on the log's own platform. */
static struct log_peer *peer_new(struct world *w)
{
    struct es256_key *key;
    struct log_peer *p = NULL;
    struct tl_why why = {{0}, {0}};
    uint8_t data[64], claims[RATLS_CLAIMS];
    buf spki, quote, item;
    buf_init(&spki, 256);
    buf_init(&quote, TEE_QUOTE_MAX);
    buf_init(&item, EVIDENCE_MAX);
    assert_ok(es256_generate(&key));
    sim_spki_put(&spki, key);
    es256_free(key);
    ratls_claims(claims, buf_slice(&spki));
    ratls_report_data(data, buf_slice(&spki));
    assert_ok(tee_quote(w->tee, data, &quote, NULL, &why));
    const struct evidence e = {.platform = slice_str("simulator"), .quote = buf_slice(&quote)};
    evidence_put(&item, &e);
    assert_ok(log_peer_new(&p, buf_slice(&item), buf_slice(&spki), SLICE_ARRAY(claims)));
    buf_finish(&spki);
    buf_finish(&quote);
    buf_finish(&item);
    return p;
}

static uint64_t session_of(struct world *w, const char *agent)
{
    struct log_agent *all;
    size_t n;
    uint64_t session = UINT64_MAX;
    assert_ok(all_agents(w->log, &all, &n));
    for (size_t i = 0; i < n; i++)
        if (strcmp(all[i].id, agent) == 0 && all[i].open)
            session = all[i].session;
    free(all);
    return session;
}

static tl_err said(struct world *w, struct log_peer *p)
{
    struct answer a;
    struct log_record r = record("alice", "x");
    submit_peer = p;
    append(w, &r, 1, &a);
    assert_ok(a.err);
    submit_peer = NULL;
    return a.receipts[0].err;
}

static void expect_trusted(struct world *w, const struct log_export_options *o)
{
    size_t n;
    uint8_t *p = export_all(w, o, &n);
    assert_int_equal(verdict_of(p, n, w->policy), TEELOG_TRUSTED);
    free(p);
}

static void sessions_of_peers_verify(void **state)
{
    struct world *w = *state;
    struct log_peer *p = peer_new(w), *q = peer_new(w);
    assert_ok(said(w, p));
    uint64_t first = session_of(w, "alice");
    assert_ok(said(w, p));
    assert_int_equal(session_of(w, "alice"), first); /* it goes on */
    world_pin(w);
    assert_non_null(strstr(w->policy_json, "\"attested\": ["));
    assert_ok(said(w, q)); /* a new key, a new session */
    uint64_t second = session_of(w, "alice");
    assert_true(second > first);
    assert_ok(said(w, p));
    assert_true(session_of(w, "alice") > second);
    world_stop(w);
    world_open(w);
    assert_ok(said(w, q));
    log_peer_unref(p);
    log_peer_unref(q);
    struct log_export_options all[] = {
        {.withhold_bodies = false},
        {.agent = slice_str("alice")},
        {.has_range = true, .from = 2, .to = 4},
    };
    for (size_t i = 0; i < 3; i++)
        expect_trusted(w, &all[i]);
    world_stop(w);
    fsck_clean(w);
    /* The host takes away what the peers' sessions rest on. */
    host_sql(w, "DELETE FROM evidence WHERE digest NOT IN (SELECT digest FROM evidence ORDER BY "
                "rowid LIMIT 2)");
    uint64_t bad = 0;
    char *text = fsck_text(w, &bad);
    assert_true(bad > 0);
    assert_non_null(strstr(text, "its evidence is missing"));
    free(text);
}

/* fsck looks at the peer's own item, and not at the session's alone. */
static void fsck_sees_the_peers_item(void **state)
{
    struct world *w = *state;
    struct log_peer *p = peer_new(w);
    char sql[200], hex[65];
    uint64_t bad = 0;
    assert_ok(said(w, p));
    hex_text(hex, peer_digest(p)->b, 32);
    log_peer_unref(p);
    world_stop(w);
    snprintf(sql, sizeof sql, "DELETE FROM evidence WHERE digest = x'%s'", hex);
    host_sql(w, sql);
    char *text = fsck_text(w, &bad);
    assert_int_equal(bad, 1);
    assert_non_null(strstr(text, "its evidence is missing"));
    free(text);
}

/* A peer is let in as a peer, or not at all. */
static void others_are_not(void **state)
{
    struct world *w = *state;
    struct log_peer *p = peer_new(w);
    assert_ok(said(w, p));
    uint64_t session = session_of(w, "alice");
    assert_ok(said(w, NULL)); /* a bearer has a session of its own */
    assert_true(session_of(w, "alice") > session);
    world_stop(w);
    submit_admissions = 1 << ADMISSION_BEARER;
    world_open(w);
    assert_err(said(w, p), TL_E_FORBIDDEN);
    assert_err(said(w, p), TL_E_FORBIDDEN);
    world_stop(w);
    submit_admissions = 1 << ADMISSION_ATTESTED;
    world_open(w);
    assert_err(said(w, NULL), TL_E_FORBIDDEN);
    assert_ok(said(w, p));
    log_peer_unref(p);
}

/* A peer that was started again has a session at once, or nearly; two of them by turns do
 * not take all that there is. */
static void another_key_waits_a_second(void **state)
{
    struct world *w = *state;
    struct log_peer *p = peer_new(w), *q = peer_new(w);
    submit_limited = true;
    assert_ok(said(w, p));
    assert_err(said(w, q), TL_E_RATE);
    later_us += PEER_LEAST_MS * 1000;
    assert_ok(said(w, q));
    assert_ok(said(w, q));
    assert_err(said(w, p), TL_E_RATE);
    later_us += PEER_LEAST_MS * 1000;
    assert_err(said(w, NULL), TL_E_RATE); /* another kind of caller waits longer */
    later_us += SESSION_LEAST_MS * 1000;
    assert_ok(said(w, NULL));
    log_peer_unref(p);
    log_peer_unref(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sessions_of_peers_verify, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fsck_sees_the_peers_item, set_up, tear_down),
        cmocka_unit_test_setup_teardown(others_are_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_key_waits_a_second, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
