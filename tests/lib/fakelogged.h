/* A log whose entries are proven one by one, and what a caller brings to have that judged. One
 * a test program. */
#ifndef FAKELOGGED_H
#define FAKELOGGED_H

#include "testlib.h"

#include "fakeverify.h"
#include "fakewitness.h"

#include <jansson.h>

#include "teelog/proof.h"
#include "tlog/key_set.h"
#include "tlog/proof.h"
#include "tlog/receipt.h"
#include "verify/report.h"

/* Leaves: 0 boot, 1 session, 2 to 4 records of "a". */
static struct fakelog *log_;
static struct es256_key *service, *stranger;
static buf proof, trust, keys;
static struct teelog_report bundled; /* of a bundle that has the keys of key_set() */

static inline int set_up(void **state)
{
    (void)state;
    log_ = fakelog_new("example.org/logged");
    fakelog_boot(log_);
    fakelog_session(log_, "a");
    for (size_t k = 0; k < 3; k++)
        fakelog_record(log_, "a", "one");
    buf_init(&proof, 3 * PROOF_EXTRA_MAX);
    buf_init(&trust, 100000);
    buf_init(&keys, 2 * KEY_SET_MAX);
    assert_ok(es256_generate(&service));
    assert_ok(es256_generate(&stranger));
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    buf_finish(&proof);
    buf_finish(&trust);
    buf_finish(&keys);
    es256_free(service);
    es256_free(stranger);
    fakelog_free(log_);
    fakelog_done();
    return 0;
}

static inline size_t path_of(hash32 path[MERKLE_MAX_PATH], uint64_t index)
{
    struct merkle_leaves tree = {log_->hashes, log_->count};
    const struct merkle_nodes nodes = {merkle_leaves_get, &tree};
    size_t n = 0;
    assert_ok(merkle_prove_inclusion(&nodes, index, log_->count, path, &n));
    return n;
}

/* The proof of leaf 3, with this extra line, cosigned by so many witnesses. */
static inline void make(slice extra, uint8_t cosigners)
{
    hash32 path[MERKLE_MAX_PATH];
    size_t n = path_of(path, 3);
    buf note;
    buf_init(&note, 10000);
    buf_bytes(&note, fakelog_checkpoint(log_, log_->count));
    for (uint8_t i = 1; i <= cosigners; i++)
        fake_cosign(&note, i, 1793318400u + i);
    buf_reset(&proof);
    tlog_proof_put(&proof, extra, 3, path, n, buf_slice(&note));
    buf_finish(&note);
}

/* A policy of c2sp.org/tlog-policy for the log. */
static inline void trust_log(const struct note_key *key, const char *more)
{
    buf_reset(&trust);
    buf_str(&trust, "log ");
    note_key_put(&trust, key);
    buf_str(&trust, "\n");
    buf_str(&trust, more);
}

static inline void trust_quorum(void)
{
    buf lines;
    buf_init(&lines, 10000);
    fake_quorum_text(&lines, 2, 3);
    buf_u8(&lines, 0);
    trust_log(&log_->log_key, (const char *)lines.p);
    buf_finish(&lines);
}

static inline struct teelog_bytes of(slice s)
{
    return (struct teelog_bytes){s.p, s.n};
}

static inline struct teelog_logged_options options(slice entry)
{
    return (struct teelog_logged_options){
        .proof = of(buf_slice(&proof)),
        .entry = of(entry),
        .tlog_policy = of(buf_slice(&trust)),
        .service = &bundled,
    };
}

static inline void expect(const struct teelog_logged_options *o, enum teelog_verdict want,
                          const char *words)
{
    struct teelog_logged *l = NULL;
    assert_ok(teelog_logged_verify(&l, o, NULL, 0));
    char *text = teelog_logged_text(l), *json = teelog_logged_json(l);
    if (teelog_logged_verdict(l) != want || !strstr(text, words))
        fail_msg("%s\nand not %s", text, words);
    json_t *top = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(top);
    assert_int_equal(json_is_null(json_object_get(top, "origin")), want == TEELOG_REJECTED);
    json_decref(top);
    free(text);
    free(json);
    teelog_logged_free(l);
}

static inline void unusable(const struct teelog_logged_options *o, tl_err want, const char *words)
{
    struct teelog_logged *l = NULL;
    char message[320] = "";
    assert_err(teelog_logged_verify(&l, o, message, sizeof message), want);
    assert_null(l);
    if (!strstr(message, words))
        fail_msg("%s, and not %s", message, words);
    assert_err(teelog_logged_verify(&l, o, NULL, 0), want);
}

static const slice nothing = {NULL, 0};

/* The receipt of leaf 3 by that key, under a header made of these. */
static inline void receipt(struct es256_key *by, const char *origin, const char *subject,
                           uint64_t index)
{
    static uint8_t mem[400], signature[64];
    struct receipt r = {.kind = RECEIPT_INCLUSION, .first = index, .tree_size = log_->count};
    struct merkle_leaves tree = {log_->hashes, log_->count};
    const struct merkle_nodes nodes = {merkle_leaves_get, &tree};
    hash32 root, kid = es256_thumbprint(by);
    buf head;
    buf_init_fixed(&head, mem, sizeof mem);
    receipt_header_put(&head, &kid, slice_str(origin), slice_str(subject), log_->count);
    r.protected_header = buf_slice(&head);
    r.path_count = path_of(r.path, 3);
    assert_ok(merkle_root(&nodes, log_->count, &root));
    hash32 digest = receipt_digest(&r, &root);
    assert_ok(es256_sign(by, &digest, signature));
    r.signature = SLICE_ARRAY(signature);
    buf_reset(&proof);
    receipt_put(&proof, &r);
    assert_ok(buf_err(&proof));
}

/* The same options with the bare set in place of the bundle's report. */
static inline struct teelog_logged_options with_set(struct teelog_logged_options o)
{
    o.service = NULL;
    o.service_keys = of(buf_slice(&keys));
    return o;
}

static inline void key_set(struct es256_key *one, struct es256_key *two)
{
    struct cose_ec2 points[2];
    bundled = (struct teelog_report){.verdict = TEELOG_TRUSTED, .boots = 2};
    snprintf(bundled.origin, sizeof bundled.origin, "%s", log_->origin);
    snprintf(bundled.key, sizeof bundled.key, "%s", log_->log_key_text);
    es256_point(one, &bundled.service[0]);
    es256_point(two, &bundled.service[1]);
    es256_point(one, &points[0]);
    es256_point(two, &points[1]);
    buf_reset(&keys);
    key_set_put(&keys, points, 2);
}

#endif
