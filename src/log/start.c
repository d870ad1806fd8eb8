/* A start: nothing that is read back is believed until it is proven under the
 * authenticated head (docs/threat-model.md). */
#include "base/refuse.h"
#include "crypto/secret.h"
#include "log/internal.h"
#include "tlog/checkpoint.h"

#include <stdio.h>
#include <unistd.h>

/* meta value, whole; TL_E_NOT_FOUND where it is not there. */
static tl_err read_meta(struct log *log, const char *name, buf *out)
{
    buf_reset(out);
    return store_get_meta(log->store, name, out);
}

tl_err start_read_identity(struct log *log, buf *b, struct tl_why *why)
{
    tl_err err = read_meta(log, "origin", b);
    if (err == TL_OK && REFUSED(!origin_valid(buf_slice(b))))
        err = TL_E_STORED;
    if (err == TL_OK) {
        memcpy(log->keys.origin, b->p, b->n);
        log->keys.origin[b->n] = 0;
        err = read_meta(log, "log_id", b);
    }
    if (err == TL_OK && REFUSED(b->n != sizeof log->keys.log_id.b))
        err = TL_E_STORED;
    if (err == TL_E_NOT_FOUND || err == TL_E_STORED)
        return tl_explain(why, err == TL_E_NOT_FOUND ? TL_E_HEAD : err, NULL,
                          "the database does not say which log it is: it was altered or never "
                          "finished; put back a copy, or move it aside to begin a new log");
    if (err != TL_OK)
        return err;
    memcpy(log->keys.log_id.b, b->p, b->n);
    return TL_OK;
}

/* Where the right key, or the right copy, is not to be had. */
static const char other_choices[] = "read it by your recovery key (teelog recover), and "
                                    "begin a new log (--set-aside keeps this one)";

/* There is no head of this key's: the wrapped data key shows whether the key is another. */
static tl_err explain_no_head(struct log *log, struct tl_why *why)
{
    buf b;
    buf_init(&b, 256);
    tl_err err = store_get_meta(log->store, "data_key", &b);
    if (err == TL_OK)
        err = keys_open_data_key(&log->keys, log->tee, buf_slice(&b), NULL);
    buf_finish(&b);
    if (err == TL_OK)
        return tl_explain(why, TL_E_HEAD, "data",
                          "the head of this log was altered or removed: there is no head written "
                          "under this platform's key, which is the right one. Nothing was changed. "
                          "Put back an unaltered copy; or %s",
                          other_choices);
    return tl_explain(why, TL_E_HEAD, "data",
                      "there is no head written under this platform's key: the log is sealed under "
                      "another (a new build, new microcode, another machine or app id), or was "
                      "altered. Nothing was changed. Go back to that build or machine; or %s",
                      other_choices);
}

static tl_err read_head(struct log *log, buf *b, struct log_head *head, struct tl_why *why)
{
    tl_err err = read_meta(log, "head", b);
    if (err == TL_OK)
        err = keys_head_read(&log->keys, buf_slice(b), head);
    else if (err == TL_E_NOT_FOUND || err == TL_E_STORED)
        err = TL_E_HEAD;
    if (err == TL_E_HEAD)
        err = explain_no_head(log, why);
    return err;
}

static tl_err read_tokens(struct log *log, buf *b, const struct log_head *head, struct tl_why *why)
{
    tl_err err = read_meta(log, "tokens", b);
    if (err == TL_E_NOT_FOUND || err == TL_E_STORED || err == TL_E_LIMIT)
        err = TL_OK; /* what is not there, or none of ours, has a digest as well */
    hash32 digest = sha256(buf_slice(b));
    if (err == TL_OK && REFUSED(!hash_eq(&digest, &head->tokens)))
        return tl_explain(why, TL_E_HEAD, NULL,
                          "the stored tokens are not those of the authenticated head: the "
                          "database was altered, to add a token or to bring back a revoked one. "
                          "Put back an unaltered copy");
    return err == TL_OK ? tokens_read(&log->tokens, buf_slice(b)) : err;
}

static tl_err read_data_key(struct log *log, buf *b, struct tl_why *why)
{
    struct tl_why inner = {{0}, {0}};
    tl_err err = read_meta(log, "data_key", b);
    if (err == TL_E_NOT_FOUND || err == TL_E_STORED)
        return tl_explain(why, TL_E_SEALED, "data",
                          "the stored data key is missing: the database was altered. Nothing was "
                          "changed. Put back an unaltered copy; or %s",
                          other_choices);
    if (err == TL_OK)
        err = keys_open_data_key(&log->keys, log->tee, buf_slice(b), &inner);
    if (err == TL_E_SEALED)
        return tl_explain(why, err, "data",
                          "%s: the database was altered. Nothing was changed. Put back an "
                          "unaltered copy; or %s",
                          inner.text, other_choices);
    return err == TL_OK ? err : tl_explain(why, err, inner.field, "%s", tl_why_text(&inner, err));
}

/* Counts one proven statement. */
static tl_err replay_one(struct log *log, const struct store_leaf *leaf, uint64_t index)
{
    struct statement st;
    struct subject *s;
    if (REFUSED(leaf->index != index))
        return TL_E_STORED;
    tl_err err = stored_statement(log, leaf, &st);
    if (err == TL_OK)
        err = roster_get(log->roster, st.subject, &s);
    if (err != TL_OK)
        return err;
    if (st.seq != s->count)
        return TL_E_STORED;
    s->count++;
    s->last_index = index;
    s->last_hash = statement_digest(st.protected_header, &st.payload);
    roster_said(log->roster, s);
    log->last_time_ms = st.time_ms;
    if (!st.service)
        log->since_heads++;
    return TL_OK;
}

static tl_err replay(struct log *log, uint64_t from, uint64_t size)
{
    tl_err err = store_scan_start(log->store, from);
    for (uint64_t i = from; i < size && err == TL_OK; i++) {
        struct store_leaf leaf;
        bool found = false;
        err = store_scan_next(log->store, &leaf, &found);
        if (err == TL_OK)
            err = found ? replay_one(log, &leaf, i) : TL_E_STORED;
    }
    store_scan_end(log->store);
    return err;
}

/* Where the rows behind the heads were altered, the whole log is read instead:
 * slower, and just as right. */
static tl_err load_subjects(struct log *log, uint64_t size, struct tl_why *why)
{
    uint64_t from = 0;
    tl_err err = heads_load(log, size, &from);
    if (err == TL_E_IO || err == TL_E_MEMORY)
        return err;
    if (err != TL_OK) {
        struct roster *empty = NULL;
        err = roster_new(&empty);
        if (err != TL_OK)
            return err;
        roster_free(log->roster);
        log->roster = empty;
        log->heads_index = UINT64_MAX;
        log->heads_rows_bad = true;
        from = 0;
    }
    err = replay(log, from, size);
    if (err == TL_E_STORED || err == TL_E_NOT_FOUND)
        return tl_explain(why, TL_E_STORED, NULL,
                          "stored statements are missing or do not match the tree: this database "
                          "was altered; `teelog fsck` says where");
    if (err != TL_OK)
        return err;
    log->next_index = size;
    return roster_get(log->roster, slice_str(log->keys.origin), &log->origin);
}

static tl_err check_bound(struct log *log, uint64_t size, struct tl_why *why)
{
    uint64_t bound = UINT64_MAX;
    tl_err err = store_leaf_bound(log->store, &bound);
    if (err == TL_E_STORED || (err == TL_OK && REFUSED(bound > size)))
        err = tl_explain(why, TL_E_STORED, NULL,
                         "there are rows beyond the authenticated head, which ends at %llu: "
                         "someone else wrote to this database. Nothing beyond the head is "
                         "adopted; put back an unaltered copy",
                         (unsigned long long)size);
    return err;
}

static tl_err finish_keys(struct log *log)
{
    log->log_tp = note_key_thumbprint(&log->keys.note_key);
    return body_keys_new(&log->bodies, &log->keys, log->store);
}

static void mark_durable(void *ctx, struct subject *s)
{
    struct log *log = ctx;
    if (s != log->origin)
        roster_add_agent(log->roster, s);
    s->durable_count = s->count;
    s->durable_last = s->last_index;
}

/* The checkpoint of the proven head, as the service before this one signed it. */
static tl_err sign_head(struct log *log, uint64_t size, const hash32 *root)
{
    log->durable_size = size;
    log->durable_root = *root;
    log->clock_ms = log->last_time_ms;
    log->subject_count = roster_count(log->roster);
    roster_each(log->roster, mark_durable, log);
    return checkpoint_sign(&log->checkpoint, slice_str(log->keys.origin), size, root,
                           &log->keys.note_key, log->keys.log_seed);
}

tl_err start_identity(struct log *log, uint64_t *size, hash32 *root, struct tl_why *why)
{
    buf b;
    struct log_head head = {0};
    if (!tee_keeps_keys(log->tee))
        return tl_explain(why, TL_E_SEALED, "tee",
                          "%s keeps no keys: a log there is open to the service that began it, and "
                          "to nobody after it has stopped. Ask it while it runs; bundles that were "
                          "exported stay good",
                          tee_kind(log->tee));
    buf_init(&b, 65536);
    tl_err err = start_read_identity(log, &b, why);
    if (err == TL_OK)
        err = keys_derive(&log->keys, log->tee, why);
    if (err == TL_OK)
        err = read_head(log, &b, &head, why);
    if (err == TL_OK)
        err = read_tokens(log, &b, &head, why);
    if (err == TL_OK)
        err = read_data_key(log, &b, why);
    if (err == TL_OK)
        err = finish_keys(log);
    if (err == TL_OK) {
        *size = head.size;
        *root = head.root;
        log->erased.statements = head.erasures;
    }
    buf_finish(&b);
    return err;
}

tl_err start_recover(struct log *log, struct tl_why *why)
{
    buf b;
    uint64_t size = 0;
    hash32 root;
    buf_init(&b, 65536);
    tl_err err = start_identity(log, &size, &root, why);
    if (err == TL_OK)
        err = check_bound(log, size, why);
    if (err == TL_OK)
        err = tree_load(log->tree, size, &root, why);
    if (err == TL_OK)
        err = load_subjects(log, size, why);
    if (err == TL_OK)
        err = sign_head(log, size, &root);
    buf_finish(&b);
    return err;
}

/* The boot before this one may have ended between an erasure and its scrub. Or a sync
 * of its failed: what that was for can be read, and may never get to the disk, unless it
 * is written once more before anything is built upon it. */
tl_err start_scrub(struct log *log, struct tl_why *why)
{
    tl_err err = store_scrub(log->store);
    return err == TL_OK
               ? err
               : tl_explain(why, err, "data",
                            "the database's write-ahead log cannot be emptied (%s); it may hold "
                            "what was erased. Is the disk full?",
                            tl_err_text(err));
}

tl_err start_genesis(struct log *log, const char *origin, struct tl_why *why)
{
    char made[80], host[65] = "localhost";
    buf b;
    if (!origin) {
        (void)gethostname(host, sizeof host - 1);
        snprintf(made, sizeof made, "%s/teelog", host);
        origin = made;
    }
    if (!origin_valid(slice_str(origin)))
        return tl_explain(why, TL_E_USAGE, "origin",
                          "the origin must be 1 to 128 of A-Z a-z 0-9 . _ : @ / -; give another "
                          "with --origin");
    snprintf(log->keys.origin, sizeof log->keys.origin, "%s", origin);
    buf_init(&b, 1024);
    tl_err err = random_seed(log->keys.log_id.b, sizeof log->keys.log_id.b);
    if (err == TL_OK)
        err = keys_derive(&log->keys, log->tee, why);
    if (err == TL_OK)
        err = keys_make_data_key(&log->keys, log->tee, &b, why);
    if (err == TL_OK)
        err = store_begin(log->store);
    if (err != TL_OK)
        goto out;
    log->txn_open = true; /* the boot's transaction holds it all, or nothing is there */
    err = store_put_meta(log->store, "origin", slice_str(origin));
    if (err == TL_OK)
        err = store_put_meta(log->store, "log_id", hash_slice(&log->keys.log_id));
    if (err == TL_OK)
        err = store_put_meta(log->store, "data_key", buf_slice(&b));
    if (err == TL_OK && !tee_keeps_keys(log->tee))
        err = store_put_meta(log->store, MEMORY_ONLY, slice_str("1"));
    if (err == TL_OK)
        err = finish_keys(log);
    if (err == TL_OK)
        err = tokens_read(&log->tokens, (slice){NULL, 0});
    if (err == TL_OK)
        err = roster_get(log->roster, slice_str(log->keys.origin), &log->origin);
out:
    buf_finish(&b);
    return err;
}
