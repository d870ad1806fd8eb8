#include "log/recover.h"

#include "base/refuse.h"
#include "log/internal.h"
#include "log/recovery.h"

#include <stdlib.h>

/* Leaf by leaf: what a statement must be, given those before it. */
struct check {
    struct log *log;
    struct log_recovered *found;
    struct roster *roster;
    struct merkle_frontier frontier;
    struct sign_key service;
    hash32 service_kid;
    uint64_t boot, index;
    slice log_key; /* of the genesis, owned */
    uint8_t log_key_mem[400];
};

static tl_err take_boot(struct check *c, const struct store_leaf *leaf, const struct statement *st)
{
    static const char simulator[] = "simulator";
    struct body_boot b;
    hash32 root = merkle_frontier_root(&c->frontier);
    if (REFUSED(st->session != c->index) || REFUSED(body_boot_read(&b, leaf->body) != TL_OK) ||
        REFUSED(!hash_eq(&b.log_id, &c->log->keys.log_id)) || REFUSED(b.size != c->index) ||
        REFUSED(!hash_eq(&b.root, &root)) || REFUSED(b.log_key.n > sizeof c->log_key_mem))
        return TL_E_STORED;
    if (c->index == 0) {
        memcpy(c->log_key_mem, b.log_key.p, b.log_key.n);
        c->log_key = slice_of(c->log_key_mem, b.log_key.n);
        c->found->simulated = slice_eq_str(b.config.platform, simulator);
        c->log->keys.note_key = b.key;
    }
    if (REFUSED(!slice_eq(b.log_key, c->log_key)))
        return TL_E_STORED;
    sign_key_free(&c->service);
    c->service_kid = cose_ec2_thumbprint(&b.service);
    c->boot = c->index;
    return sign_key_public(&c->service, &b.service);
}

static tl_err take_session(struct check *c, const struct store_leaf *leaf,
                           const struct statement *st, struct subject *s)
{
    struct body_session b;
    if (REFUSED(st->session != c->index) || REFUSED(body_session_read(&b, leaf->body) != TL_OK) ||
        REFUSED(b.boot != c->boot))
        return TL_E_STORED;
    session_close(&s->session);
    s->session.index = c->index;
    s->session.kid = cose_ec2_thumbprint(&b.agent);
    return sign_key_public(&s->session.key, &b.agent);
}

static tl_err check_signature(const struct statement *st, const struct sign_key *key,
                              const hash32 *kid, const hash32 *digest)
{
    struct sign_job job = {.key = *key, .digest = *digest};
    bool k256 = st->alg == COSE_ES256K;
    if (REFUSED(!hash_eq(&st->kid, kid)) || REFUSED(k256 != (key->alg == COSE_ES256K)))
        return TL_E_STORED;
    memcpy(job.signature, st->signature, sizeof job.signature);
    verify_jobs(&job, 1);
    return job.ok ? TL_OK : job.unjudged ? TL_E_MEMORY : TL_E_STORED;
}

/* Whose key signs it, in its open session. */
static tl_err find_key(struct check *c, const struct store_leaf *leaf, const struct statement *st,
                       struct subject *s, const struct sign_key **key, const hash32 **kid)
{
    bool own = st->kind == ST_BOOT || st->kind == ST_SESSION;
    hash32 digest = sha256(leaf->body);
    tl_err err = TL_OK;
    if (own && REFUSED(!hash_eq(&digest, &st->payload)))
        return TL_E_STORED;
    if (st->kind == ST_BOOT)
        err = take_boot(c, leaf, st);
    else if (REFUSED(c->index == 0))
        err = TL_E_STORED;
    else if (st->kind == ST_SESSION)
        err = take_session(c, leaf, st, s);
    *key = st->service ? &c->service : &s->session.key;
    *kid = st->service ? &c->service_kid : &s->session.kid;
    if (err == TL_OK && REFUSED(st->session != (st->service ? c->boot : s->session.index)))
        return TL_E_STORED;
    if (err == TL_OK && REFUSED((*key)->alg == 0 || st->session < c->boot))
        return TL_E_STORED;
    return err;
}

static tl_err check_leaf(struct check *c, const struct store_leaf *leaf)
{
    struct statement st;
    struct subject *s = NULL;
    const struct sign_key *key;
    const hash32 *kid;
    if (REFUSED(leaf->index != c->index) ||
        REFUSED(statement_read(&st, leaf->statement) != TL_OK) ||
        REFUSED(!slice_eq_str(st.origin, c->log->keys.origin)))
        return TL_E_STORED;
    tl_err err = roster_get(c->roster, st.subject, &s);
    if (err != TL_OK)
        return err;
    hash32 digest = statement_digest(st.protected_header, &st.payload);
    if (REFUSED(st.seq != s->count) || REFUSED(st.has_prev && !hash_eq(&st.prev, &s->last_hash)))
        return TL_E_STORED;
    err = find_key(c, leaf, &st, s, &key, &kid);
    if (err == TL_OK)
        err = check_signature(&st, key, kid, &digest);
    if (err != TL_OK)
        return err;
    if (st.kind == ST_END)
        session_close(&s->session);
    s->count++;
    s->last_hash = digest;
    c->found->records += st.kind == ST_RECORD;
    c->found->erasures += st.kind == ST_ERASURE;
    hash32 hash = merkle_leaf_hash(leaf->statement);
    merkle_frontier_add(&c->frontier, &hash);
    return TL_OK;
}

static tl_err check_all(struct log *log, struct log_recovered *found, struct tl_why *why)
{
    struct check c = {.log = log, .found = found};
    tl_err err = roster_new(&c.roster);
    if (err == TL_OK)
        err = store_scan_start(log->store, 0);
    for (bool more = err == TL_OK; err == TL_OK && more;) {
        struct store_leaf leaf;
        err = store_scan_next(log->store, &leaf, &more);
        if (err == TL_OK && more)
            err = check_leaf(&c, &leaf);
        c.index += err == TL_OK && more;
    }
    store_scan_end(log->store);
    found->size = c.index;
    found->root = merkle_frontier_root(&c.frontier);
    sign_key_free(&c.service);
    roster_free(c.roster);
    if (err == TL_E_STORED)
        return tl_explain(why, err, "data",
                          "statement %llu is missing, altered or not signed by the key that it "
                          "should be: this database was altered; put back an unaltered copy",
                          (unsigned long long)c.index);
    if (err == TL_OK && REFUSED(c.index == 0))
        err = tl_explain(why, TL_E_STORED, "data", "the database has no statement");
    return err;
}

static tl_err open_data_key(struct log *log, const struct es256_key *owner, struct tl_why *why)
{
    buf b;
    buf_init(&b, 4096);
    tl_err err = store_get_meta(log->store, RECOVERY_WRAPPED, &b);
    if (err == TL_E_NOT_FOUND)
        err = tl_explain(why, err, "data",
                         "this log was never started with --recovery-key, so that its bodies open "
                         "on its own platform alone");
    else if (err == TL_OK || err == TL_E_LIMIT || err == TL_E_STORED)
        err =
            recovery_open(&log->keys, owner, err == TL_OK ? buf_slice(&b) : (slice){NULL, 0}, why);
    buf_finish(&b);
    return err;
}

tl_err log_open_recover(struct log **out, const struct es256_key *owner, const char *dir,
                        struct log_recovered *found, struct tl_why *why)
{
    struct log *log = NULL;
    struct log_recovered f = {0};
    buf b;
    buf_init(&b, 65536);
    tl_err err = log_new(&log, NULL);
    if (err == TL_OK)
        err = store_open(&log->store, dir, STORE_READ, why);
    if (err == TL_OK)
        err = tree_new(&log->tree, log->store);
    if (err == TL_OK)
        err = start_read_identity(log, &b, why);
    if (err == TL_OK)
        err = open_data_key(log, owner, why);
    if (err == TL_OK)
        err = check_all(log, &f, why);
    if (err == TL_OK)
        err = tree_load(log->tree, f.size, &f.root, why);
    if (err == TL_OK)
        err = body_keys_new(&log->bodies, &log->keys, log->store);
    buf_finish(&b);
    if (err != TL_OK) {
        log_free(log);
        return err;
    }
    log->erased.statements = f.erasures;
    log->durable_size = log->next_index = f.size;
    log->durable_root = f.root;
    log->boot_index = UINT64_MAX;
    *found = f;
    *out = log;
    return TL_OK;
}
