#include "log/recover.h"

#include "base/refuse.h"
#include "log/recover_state.h"
#include "log/recovery.h"
#include "tlog/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>

/* What the first leaf says that the log is. Nobody vouches for it: it is what the rest must
 * agree with. */
struct genesis {
    bool there, simulated;
    char origin[SUBJECT_MAX + 1];
    hash32 log_id;
    struct note_key key;
};

static tl_err read_genesis(struct log *log, struct genesis *g)
{
    static const char simulator[] = "simulator";
    struct store_leaf leaf;
    struct body_boot boot;
    *g = (struct genesis){.there = false};
    tl_err err = store_get_leaf(log->store, 0, &leaf);
    if (err != TL_OK)
        return err == TL_E_MEMORY ? err : TL_OK;
    if (body_boot_read(&boot, leaf.body) != TL_OK)
        return TL_OK;
    g->there = true;
    g->simulated = slice_eq_str(boot.config.platform, simulator);
    snprintf(g->origin, sizeof g->origin, "%.*s", SUBJECT_MAX, boot.key.name); /* as it has to be */
    g->log_id = boot.log_id;
    g->key = boot.key;
    return TL_OK;
}

/* ---- the data key ---- */

/* The origin and the log_id are bound into what is wrapped, and lie in the database twice: one
 * copy that is as it was will do. */
static tl_err open_data_key(struct log *log, const struct es256_key *owner, const struct genesis *g,
                            slice wrapped, struct tl_why *why)
{
    struct tl_why inner = {{0}, {0}}, unused = {{0}, {0}};
    buf b;
    buf_init(&b, 1024);
    tl_err err = start_read_identity(log, &b, &inner);
    buf_finish(&b);
    if (err == TL_OK)
        err = recovery_open(&log->keys, owner, wrapped, &inner);
    if (g->there && (err == TL_E_SEALED || err == TL_E_HEAD || err == TL_E_STORED)) {
        struct log_keys *k = &log->keys;
        memcpy(k->origin, g->origin, sizeof g->origin);
        k->log_id = g->log_id;
        if (recovery_open(k, owner, wrapped, &unused) == TL_OK)
            return TL_OK;
    }
    return err == TL_OK ? err : tl_explain(why, err, inner.field, "%s", tl_why_text(&inner, err));
}

static tl_err find_data_key(struct log *log, const struct es256_key *owner, const struct genesis *g,
                            struct tl_why *why)
{
    buf b;
    buf_init(&b, 4096);
    tl_err err = store_get_meta(log->store, RECOVERY_WRAPPED, &b);
    if (err == TL_E_NOT_FOUND)
        err = tl_explain(why, err, "data",
                         "this log was never started with --recovery-key, or what that left here "
                         "was removed: its bodies open on its own platform alone");
    else if (err == TL_OK || err == TL_E_LIMIT || err == TL_E_STORED)
        err = open_data_key(log, owner, g, buf_slice(&b), why);
    buf_finish(&b);
    return err;
}

/* ---- checkpoints ---- */

struct candidate {
    slice note; /* empty: none */
    struct checkpoint cp;
    bool good; /* it is signed by the log's key */
    const char *trouble;
};

static const char *const does_not_fit =
    "the statements here do not give its root: some are missing or altered, or this is an older "
    "copy of the database";

static tl_err read_stored_note(struct log *log, buf *out)
{
    tl_err err = store_get_meta(log->store, LOG_NOTE, out);
    if (err == TL_OK || err == TL_E_MEMORY)
        return err;
    buf_reset(out); /* none, or none of ours */
    return TL_OK;
}

static tl_err open_note(struct candidate *c, const struct note_key *key)
{
    if (c->note.n == 0)
        return TL_OK;
    tl_err err = checkpoint_open(&c->cp, c->note, key);
    c->good = err == TL_OK;
    if (REFUSED(!c->good))
        c->trouble = "it is not signed by the key of this log";
    return err == TL_E_MEMORY ? err : TL_OK;
}

/* The tree that it is of, where the database still gives its root. */
static tl_err load_tree(struct log_recovery *r, struct candidate *c)
{
    struct tl_why unused = {{0}, {0}};
    tl_err err = tree_load(r->log->tree, c->cp.size, &c->cp.root, &unused);
    r->has_tree = err == TL_OK;
    if (err == TL_OK)
        return TL_OK;
    c->trouble = does_not_fit;
    tree_free(r->log->tree); /* a tree of nothing again */
    r->log->tree = NULL;
    tl_err made = tree_new(&r->log->tree, r->log->store);
    return err == TL_E_MEMORY ? err : made;
}

/* The smaller of two that are both signed by the log's key: is it of the same history? */
static tl_err compare(struct log_recovery *r, struct candidate *c)
{
    hash32 root;
    struct merkle_nodes nodes = tree_nodes(r->log->tree);
    tl_err err = merkle_root(&nodes, c->cp.size, &root);
    if (err == TL_E_MEMORY)
        return err;
    if (err != TL_OK)
        c->trouble = "damaged parts of the tree keep it from being compared";
    else if (REFUSED(!hash_eq(&root, &c->cp.root)))
        c->trouble = "it contradicts the other one, though the log's key signed both: the log was "
                     "rolled back or copied, and has two histories";
    return TL_OK;
}

/* The larger one first: by what the database has now, it proves more. */
static tl_err use_notes(struct log_recovery *r, struct candidate *a, struct candidate *b)
{
    struct candidate *large = b->good && (!a->good || b->cp.size > a->cp.size) ? b : a;
    struct candidate *small = large == a ? b : a, *used = large;
    tl_err err = large->good ? load_tree(r, large) : TL_OK;
    if (err == TL_OK && !r->has_tree && small->good) {
        err = load_tree(r, small);
        used = small;
    } else if (err == TL_OK && r->has_tree && small->good) {
        err = compare(r, small);
    }
    if (err != TL_OK || !r->has_tree)
        return err;
    buf_bytes(&r->log->checkpoint, used->note);
    r->log->durable_size = used->cp.size;
    r->log->durable_root = used->cp.root;
    return buf_err(&r->log->checkpoint);
}

static tl_err find_tree(struct log_recovery *r, const struct log_recover_options *o,
                        const struct genesis *g, struct log_recovered *found, struct tl_why *why)
{
    const struct note_key *key = o->log_key ? o->log_key : g->there ? &g->key : NULL;
    tl_err err = read_stored_note(r->log, &r->note);
    struct candidate given = {.note = o->checkpoint}, stored = {.note = buf_slice(&r->note)};
    if (stored.note.n == 0)
        stored.trouble = "it is not there";
    if (!key) {
        stored.trouble = given.trouble = "the genesis, which names the log's key, is lost: give "
                                         "the key (--log-key)";
    } else if (err == TL_OK) {
        err = open_note(&given, key);
        if (err == TL_OK && given.note.n && !given.good)
            return tl_explain(why, TL_E_STORED, "checkpoint",
                              "this checkpoint is not signed by the key %s of this log: it is "
                              "another's, or this database was made by somebody else",
                              o->log_key ? "that you gave" : "that this database names");
        if (err == TL_OK)
            err = open_note(&stored, key);
        if (err == TL_OK)
            err = use_notes(r, &given, &stored);
    }
    found->stored_trouble = stored.trouble;
    found->given_trouble = given.note.n ? given.trouble : NULL;
    return err;
}

static void describe(const struct log_recovery *r, const struct log_recover_options *o,
                     const struct genesis *g, struct log_recovered *found)
{
    buf key;
    snprintf(found->origin, sizeof found->origin, "%s", r->log->keys.origin);
    buf_init_fixed(&key, (uint8_t *)found->log_key, sizeof found->log_key - 1);
    if (o->log_key || g->there)
        note_key_put(&key, o->log_key ? o->log_key : &g->key);
    found->simulated = r->simulated;
    found->has_checkpoint = r->has_tree;
    found->size = r->log->durable_size;
    found->root = r->log->durable_root;
    found->checkpoint = buf_slice(&r->log->checkpoint);
}

/* ---- all of it ---- */

void log_recovery_free(struct log_recovery *r)
{
    if (!r)
        return;
    recover_forget(r);
    if (r->log->store)
        store_scan_end(r->log->store);
    log_close(r->log);
    buf_finish(&r->note);
    buf_finish_secret(&r->plain);
    free(r->indexes);
    free(r);
}

static tl_err begin(struct log_recovery *r, const struct log_recover_options *o,
                    struct log_recovered *found, struct tl_why *why)
{
    struct genesis g = {.there = false};
    struct log *log = r->log;
    tl_err err = store_open(&log->store, o->dir, STORE_READ, why);
    if (err == TL_OK)
        err = tree_new(&log->tree, log->store);
    if (err == TL_OK)
        err = read_genesis(log, &g);
    r->has_genesis = g.there;
    r->simulated = g.simulated;
    if (err == TL_OK)
        err = find_data_key(log, o->owner, &g, why);
    if (err == TL_OK)
        err = body_keys_new(&log->bodies, &log->keys, log->store);
    if (err == TL_OK)
        err = find_tree(r, o, &g, found, why);
    if (err == TL_OK)
        err = recover_learn_erased(r, &found->rows);
    if (err == TL_OK)
        describe(r, o, &g, found);
    return err;
}

/* The host's word, which a verifier judges. What was set aside lies in a folder of the
 * directory that has it. */
static void load_collateral(struct log *log, const char *dir)
{
    char above[4096];
    int n = snprintf(above, sizeof above, "%s/..", dir);
    log_load_collateral(log, dir);
    if (n > 0 && (size_t)n < sizeof above)
        log_load_collateral(log, above);
}

tl_err log_recovery_new(struct log_recovery **out, const struct log_recover_options *o,
                        struct log_recovered *found, struct tl_why *why)
{
    struct log_recovered f = {.has_checkpoint = false};
    struct log_recovery *r = calloc(1, sizeof *r);
    if (!r)
        return TL_E_MEMORY;
    tl_err err = log_new(&r->log, NULL);
    if (err != TL_OK) {
        free(r);
        return err;
    }
    buf_init(&r->note, NOTE_MAX);
    buf_init_secret(&r->plain, BODY_MAX);
    r->indexes = malloc(ERASURE_MAX * sizeof *r->indexes);
    err = r->indexes ? begin(r, o, &f, why) : TL_E_MEMORY;
    if (err != TL_OK) {
        log_recovery_free(r);
        return err;
    }
    load_collateral(r->log, o->dir);
    *found = f;
    *out = r;
    return TL_OK;
}

struct log *log_recovery_log(struct log_recovery *r)
{
    return r->has_tree ? r->log : NULL;
}
