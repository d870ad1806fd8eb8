/* Another history under this log's own key: the notes that show it. */
#include "base/refuse.h"
#include "codec/cbor.h"
#include "log/internal.h"
#include "tlog/checkpoint.h"

#include <inttypes.h>
#include <stdlib.h>

#define FORK_MAX (2 * NOTE_MAX + 256) /* bytes of the small value */

static tl_err read_note(const struct log *log, struct note *n, slice note, struct fork_finding *out)
{
    struct checkpoint c;
    tl_err err = note_read(n, note);
    if (err == TL_OK)
        err = note_verify(n, &log->keys.note_key);
    if (err == TL_OK)
        err = checkpoint_read_foreign(&c, n->text);
    if (err == TL_OK && REFUSED(!slice_eq_str(c.origin, log->keys.origin)))
        err = TL_E_CHECKPOINT;
    if (err == TL_OK)
        *out = (struct fork_finding){.size = c.size, .root = c.root};
    return err;
}

tl_err fork_read(struct log *log, slice note, struct fork_finding *out)
{
    struct note *n = malloc(sizeof *n);
    if (!n)
        return TL_E_MEMORY;
    tl_err err = read_note(log, n, note, out);
    free(n);
    if (err != TL_OK)
        return err;
    /* No note leaves this process before what it is of is durable. */
    pthread_mutex_lock(&log->lock);
    out->larger = out->size > log->durable_size;
    pthread_mutex_unlock(&log->lock);
    return TL_OK;
}

tl_err fork_judge(struct log *log, struct fork_finding *f, bool *contradicts)
{
    struct merkle_nodes nodes = tree_nodes(log->tree);
    hash32 root = merkle_empty_root();
    tl_err err = TL_OK;
    if (!f->larger && f->size)
        err = merkle_root(&nodes, f->size, &root);
    f->unreadable = REFUSED(tl_err_category(err) == TL_CAT_INTEGRITY);
    if (f->unreadable)
        err = TL_OK;
    if (err == TL_OK)
        *contradicts = f->larger || f->unreadable || REFUSED(!hash_eq(&root, &f->root));
    return err;
}

void fork_freeze(struct log *log, const struct fork_finding *f, const char *witness, slice note)
{
    struct tl_why why = {{0}, {0}};
    const char *who = witness[0] ? witness : "its own disk";
    if (f->larger)
        (void)tl_explain(&why, TL_E_FROZEN, NULL,
                         "%.100s has a checkpoint of %" PRIu64 " statements under this log's own "
                         "key, which is larger than this log: an older disk was put back, or a "
                         "copy of it has gone on elsewhere",
                         who, f->size);
    else if (f->unreadable)
        (void)tl_explain(&why, TL_E_FROZEN, NULL,
                         "%.100s has a checkpoint of %" PRIu64 " statements under this log's own "
                         "key, and what this log has of them cannot be read: its disk was "
                         "altered (teelog fsck). Put back an unaltered copy",
                         who, f->size);
    else
        (void)tl_explain(&why, TL_E_FROZEN, NULL,
                         "%.100s has a checkpoint of %" PRIu64 " statements under this log's own "
                         "key, which is no part of this history: two copies of it have gone on",
                         who, f->size);
    fence_freeze(log, &why, witness, note);
}

/* ---- kept ---- */

static tl_err put(struct log *log, buf *b)
{
    struct fence *f = &log->fence;
    pthread_mutex_lock(&log->lock);
    cbor_put_array(b, 3);
    cbor_put_str(b, f->witness);
    cbor_put_bytes(b, buf_slice(&f->ours));
    cbor_put_bytes(b, buf_slice(&f->theirs));
    f->fork_unsaved = false;
    pthread_mutex_unlock(&log->lock);
    return buf_err(b);
}

static tl_err store(struct log *log, slice value)
{
    tl_err err = store_begin(log->store);
    if (err != TL_OK)
        return err;
    err = store_put_meta(log->store, LOG_FORK, value);
    if (err == TL_OK)
        return store_commit(log->store);
    store_rollback(log->store);
    return err;
}

tl_err fork_keep(struct log *log)
{
    struct fence *f = &log->fence;
    buf b;
    pthread_mutex_lock(&log->lock);
    bool wanted = f->fork_unsaved;
    pthread_mutex_unlock(&log->lock);
    if (!wanted)
        return TL_OK;
    buf_init(&b, FORK_MAX);
    tl_err err = put(log, &b);
    if (err == TL_OK)
        err = store(log, buf_slice(&b));
    buf_finish(&b);
    if (err == TL_OK)
        return TL_OK;
    if (!f->fork_failed)
        fence_say(log, "the checkpoint by which the log froze could not be kept on the disk");
    f->fork_failed = true;
    /* It is frozen all the same. The next turn tries again, or the end. */
    pthread_mutex_lock(&log->lock);
    f->fork_unsaved = true;
    pthread_mutex_unlock(&log->lock);
    return err == TL_E_COMMIT ? err : TL_OK;
}

struct kept {
    char witness[128];
    slice ours, theirs;
};

static tl_err read_kept(struct kept *out, slice value)
{
    cbor c = cbor_of(value);
    cbor_array_of(&c, 3);
    slice witness = cbor_text(&c);
    out->ours = cbor_bytes(&c);
    out->theirs = cbor_bytes(&c);
    tl_err err = cbor_end(&c);
    if (err == TL_OK && REFUSED(witness.n >= sizeof out->witness))
        err = TL_E_LIMIT;
    if (err != TL_OK)
        return err;
    memcpy(out->witness, witness.p, witness.n);
    out->witness[witness.n] = 0;
    return TL_OK;
}

static tl_err judge_kept(struct log *log, const struct kept *k, slice note)
{
    struct fork_finding found;
    bool contradicts = false;
    tl_err err = fork_read(log, note, &found);
    if (err != TL_OK) /* one that the log's key has not signed shows nothing */
        return err == TL_E_MEMORY ? err : TL_OK;
    err = fork_judge(log, &found, &contradicts);
    if (err == TL_OK && contradicts) {
        fork_freeze(log, &found, k->witness, note);
        log->fence.fork_unsaved = false;
    }
    return err;
}

tl_err fork_load(struct log *log)
{
    struct kept k = {.witness = ""};
    buf b;
    buf_init(&b, FORK_MAX);
    tl_err err = store_get_meta(log->store, LOG_FORK, &b);
    if (err == TL_OK)
        err = read_kept(&k, buf_slice(&b));
    if (err != TL_OK && tl_err_category(err) != TL_CAT_SYSTEM) {
        buf_finish(&b); /* not there, or not as it was kept */
        return TL_OK;
    }
    /* Either may be what this disk's history does not have; where the newer disk was put back
     * meanwhile neither is. */
    if (err == TL_OK)
        err = judge_kept(log, &k, k.theirs);
    if (err == TL_OK)
        err = judge_kept(log, &k, k.ours);
    buf_finish(&b);
    return err;
}
