/* Statement by statement, past what is damaged. */
#include "base/refuse.h"
#include "log/recover_state.h"

/* Indexes that are tried one by one where the engine cannot read on, before the rest is given
 * up. */
#define TRIES_MAX (UINT64_C(1) << 20)

static bool is_damage(tl_err err)
{
    return err == TL_E_STORED || err == TL_E_NOT_FOUND || err == TL_E_IO;
}

/* The first row from r->next on that can be read by its index. */
static tl_err read_past_damage(struct log_recovery *r, struct store_leaf *leaf, bool *found)
{
    *found = false;
    for (uint64_t i = 0; i < TRIES_MAX; i++) {
        tl_err err = store_get_leaf(r->log->store, r->next + i, leaf);
        *found = err == TL_OK;
        if (!is_damage(err))
            return err;
    }
    uint64_t bound = 0; /* so much is not read at all */
    tl_err err = store_leaf_bound(r->log->store, &bound);
    if (err != TL_OK || bound <= r->next)
        bound = r->next + 1;
    if (bound > r->end)
        r->end = bound;
    return err == TL_E_MEMORY ? err : TL_OK;
}

/* The next row in the order of the database, wherever that is. */
static tl_err read_row(struct log_recovery *r, struct store_leaf *leaf, bool *found)
{
    struct store *s = r->log->store;
    tl_err err = TL_OK;
    if (!r->scanning)
        err = store_scan_start(s, r->next);
    if (err == TL_OK)
        err = store_scan_next(s, leaf, found);
    r->scanning = err == TL_OK;
    if (err == TL_OK && *found && REFUSED(leaf->index < r->next))
        err = TL_E_STORED; /* a tree of the engine's that is out of order */
    if (is_damage(err)) {
        r->scanning = false;
        err = read_past_damage(r, leaf, found);
    }
    return err;
}

tl_err recover_read(struct log_recovery *r, struct store_leaf *leaf, uint64_t *missing_to,
                    bool *found)
{
    *missing_to = r->next;
    if (!r->has_pending) {
        tl_err err = r->ended ? TL_OK : read_row(r, &r->pending, &r->has_pending);
        if (err != TL_OK)
            return err;
        r->ended = !r->has_pending;
    }
    *found = r->has_pending || r->next < r->end;
    if (!*found)
        return TL_OK;
    if (r->ended || r->pending.index > r->next) { /* first what is missing before it */
        *missing_to = r->ended ? r->end : r->pending.index;
        r->next = *missing_to;
        return TL_OK;
    }
    *leaf = r->pending;
    r->has_pending = false;
    r->next = leaf->index + 1;
    return TL_OK;
}

static tl_err take_erased(struct log_recovery *r, const struct store_leaf *leaf,
                          const struct statement *st)
{
    struct erased *e = &r->log->erased;
    size_t count = 0;
    tl_err err = erased_read(r->indexes, &count, leaf, st);
    if (err != TL_OK)
        return err == TL_E_MEMORY ? err : TL_OK; /* a body that is lost, which its row says */
    for (size_t i = 0; i < count && err == TL_OK; i++)
        err = leaf_set_add(&e->set, r->indexes[i]);
    return err == TL_OK ? leaf_set_add(&e->places, leaf->index) : err;
}

/* Where the genesis is lost, any boot says it. */
static void learn_platform(struct log_recovery *r, const struct store_leaf *leaf)
{
    struct body_boot boot;
    if (!r->has_genesis && body_boot_read(&boot, leaf->body) == TL_OK)
        r->simulated = r->simulated || slice_eq_str(boot.config.platform, "simulator");
}

/* A row that is there. */
static tl_err learn_one(struct log_recovery *r, const struct store_leaf *leaf)
{
    struct statement st;
    const char *lost;
    bool proven;
    tl_err err = recover_look(r, leaf, &proven, &lost);
    if (err != TL_OK || lost || statement_read(&st, leaf->statement) != TL_OK)
        return err;
    if (st.kind == ST_BOOT)
        learn_platform(r, leaf);
    /* Who has the disk can sign erasures of his own, but not put them into the tree. */
    if (st.kind != ST_ERASURE || REFUSED(!proven))
        return TL_OK;
    return take_erased(r, leaf, &st);
}

static void rewind_rows(struct log_recovery *r)
{
    r->next = 0;
    r->end = tree_size(r->log->tree);
    r->scanning = r->ended = r->has_pending = false;
}

tl_err recover_learn_erased(struct log_recovery *r, uint64_t *rows)
{
    bool found = true;
    tl_err err = TL_OK;
    *rows = 0;
    rewind_rows(r);
    while (err == TL_OK && found) {
        struct store_leaf leaf = {.index = 0};
        uint64_t missing_to, from = r->next;
        err = recover_read(r, &leaf, &missing_to, &found);
        if (err != TL_OK || !found || missing_to > from)
            continue;
        ++*rows;
        err = learn_one(r, &leaf);
    }
    store_scan_end(r->log->store);
    r->log->erased.ready = true;
    rewind_rows(r);
    return err;
}

/* ---- a row as it is given ---- */

static bool own_is_good(struct log_recovery *r, const struct statement *st, slice body)
{
    struct body_boot boot;
    struct body_session session;
    struct heads heads;
    slice reason;
    size_t count;
    switch (st->kind) {
    case ST_BOOT:
        return body_boot_read(&boot, body) == TL_OK;
    case ST_SESSION:
        return body_session_read(&session, body) == TL_OK;
    case ST_HEADS:
        return body_heads_read(&heads, body) == TL_OK;
    case ST_END:
        return body_end_read(body) == TL_OK;
    case ST_ERASURE:
        return body_erasure_read(r->indexes, &count, &reason, body) == TL_OK;
    case ST_RECORD:
        break;
    }
    return false;
}

/* What the log itself says, which lies open. */
static tl_err own_body(struct log_recovery *r, const struct store_leaf *leaf,
                       const struct statement *st, slice *body)
{
    hash32 digest = sha256(leaf->body);
    if (REFUSED(!hash_eq(&digest, &st->payload)) || REFUSED(!own_is_good(r, st, leaf->body)))
        return TL_E_STORED;
    *body = leaf->body;
    return TL_OK;
}

/* What a record says, opened into r->plain; none where it was erased. */
static tl_err opened_body(struct log_recovery *r, const struct store_leaf *leaf,
                          const struct statement *st, slice *body)
{
    struct body_record record;
    slice v;
    buf_reset(&r->plain);
    tl_err err = record_body(r->log, leaf, st, &r->plain, &v);
    if (err == TL_OK && v.p && REFUSED(body_record_read(&record, v) != TL_OK))
        err = TL_E_SEALED;
    if (err == TL_OK)
        *body = v;
    return err;
}

static tl_err give_body(struct log_recovery *r, const struct store_leaf *leaf,
                        const struct statement *st, struct log_recover_row *row)
{
    bool record = st->kind == ST_RECORD;
    tl_err err =
        record ? opened_body(r, leaf, st, &row->row.body) : own_body(r, leaf, st, &row->row.body);
    if (!is_damage(err) && err != TL_E_SEALED && err != TL_E_LIMIT)
        return err;
    row->body_lost = !leaf->body.p ? "it is missing, and no erasure that is proven names it"
                     : record      ? "it does not open under this log's key, or is not this one's"
                                   : "it was altered";
    return TL_OK;
}

static tl_err give(struct log_recovery *r, const struct store_leaf *leaf,
                   struct log_recover_row *row)
{
    struct statement st;
    tl_err err = recover_judge(r, leaf, &st, &row->proven, &row->lost);
    if (err != TL_OK || row->lost)
        return err;
    row->row = (struct log_row){
        .index = leaf->index,
        .seq = st.seq,
        .time_ms = st.time_ms,
        .session = st.session,
        .ref = st.ref,
        .has_ref = st.has_ref,
        .erased = st.kind == ST_RECORD && log_is_erased(r->log, leaf->index),
        .agent = st.subject,
        .type = st.type,
        .statement = leaf->statement,
        .key_id = st.kid,
    };
    return give_body(r, leaf, &st, row);
}

tl_err log_recovery_next(struct log_recovery *r, struct log_recover_row *row, bool *more)
{
    struct log_recover_row v = {.from = r->next, .lost = NULL};
    struct store_leaf leaf = {.index = 0};
    tl_err err = recover_read(r, &leaf, &v.to, more);
    if (err != TL_OK || !*more)
        return err;
    if (v.to > v.from) {
        v.lost = "it is missing, or cannot be read";
    } else {
        v.from = leaf.index;
        v.to = leaf.index + 1;
        err = give(r, &leaf, &v);
    }
    if (err == TL_OK)
        *row = v;
    return err;
}
