/* Candidates in order, each checked against the tree, its body opened, and held against
 * what was asked. */
#include "log/query_state.h"

#include "base/refuse.h"

#include <stdlib.h>

/* ---- rows ---- */

static tl_err room_for_row(struct log_query *q)
{
    if (q->count < q->capacity)
        return TL_OK;
    size_t more = q->capacity ? 2 * q->capacity : 16;
    void *rows = realloc(q->rows, more * sizeof *q->rows);
    if (rows)
        q->rows = rows;
    void *owned = realloc(q->owned, more * sizeof *q->owned);
    if (owned)
        q->owned = owned;
    void *sizes = realloc(q->owned_size, more * sizeof *q->owned_size);
    if (sizes)
        q->owned_size = sizes;
    if (!rows || !owned || !sizes)
        return TL_E_MEMORY;
    q->capacity = more;
    return TL_OK;
}

static slice moved(const uint8_t *to, slice from, slice part)
{
    return slice_of(to + (part.p - from.p), part.n);
}

/* Only the owner thread adds to the sum. */
static tl_err share(struct log_query *q, size_t size)
{
    if (!q->share)
        return TL_OK;
    if (REFUSED(size > q->log->row_bytes_max - atomic_load(&q->log->row_bytes)))
        return TL_E_BUSY;
    atomic_fetch_add(&q->log->row_bytes, size);
    q->shared += size;
    return TL_OK;
}

static tl_err add_row(struct log_query *q, const struct store_leaf *leaf,
                      const struct statement *st, slice body)
{
    size_t size = leaf->statement.n + body.n;
    tl_err err = room_for_row(q);
    if (err == TL_OK)
        err = share(q, size);
    if (err != TL_OK)
        return err;
    uint8_t *p = malloc(size);
    if (!p)
        return TL_E_MEMORY;
    memcpy(p, leaf->statement.p, leaf->statement.n);
    if (body.n)
        memcpy(p + leaf->statement.n, body.p, body.n);
    q->rows[q->count] = (struct log_row){
        .index = leaf->index,
        .seq = st->seq,
        .time_ms = st->time_ms,
        .session = st->session,
        .ref = st->ref,
        .has_ref = st->has_ref,
        .erased = st->kind == ST_RECORD && log_is_erased(q->log, leaf->index),
        .agent = moved(p, leaf->statement, st->subject),
        .type = moved(p, leaf->statement, st->type),
        .statement = slice_of(p, leaf->statement.n),
        .body = body.p ? slice_of(p + leaf->statement.n, body.n) : (slice){NULL, 0},
        .key_id = st->kid,
    };
    q->owned[q->count] = p;
    q->owned_size[q->count++] = size;
    q->bytes += size;
    return TL_OK;
}

/* ---- one candidate ---- */

/* Whether the next match is a row of this answer, as far as its size does not matter. */
static bool wants_row(const struct log_query *q)
{
    return !q->more && q->matched >= q->match.want.skip && q->count < q->match.want.limit;
}

/* Counts a match that is no row; the first after the rows says where to go on. */
static void count_match(struct log_query *q, uint64_t index)
{
    if (!q->more && q->matched >= q->match.want.skip) {
        q->more = true;
        q->next = q->match.want.newest_first ? index + 1 : index;
    }
    q->matched++;
}

/* The body as it goes into a bundle, checked: of the log's own statements as it lies
 * there, of records opened into plain. */
static tl_err open_body(struct log_query *q, const struct store_leaf *leaf,
                        const struct statement *st, buf *plain, slice *out)
{
    if (st->kind == ST_RECORD)
        return q->match.want.without_bodies ? TL_OK : record_body(q->log, leaf, st, plain, out);
    hash32 digest = sha256(leaf->body);
    if (REFUSED(!hash_eq(&digest, &st->payload)))
        return TL_E_STORED;
    *out = leaf->body;
    return TL_OK;
}

static tl_err take(struct log_query *q, const struct store_leaf *leaf, const struct statement *st,
                   buf *plain)
{
    struct body_record record;
    slice body = {NULL, 0};
    tl_err err = TL_OK;
    if (q->match.body || wants_row(q))
        err = open_body(q, leaf, st, plain, &body);
    if (err == TL_OK && q->match.body) {
        if (body.p)
            err = body_record_read(&record, body);
        if (err != TL_OK || !body.p || !match_body(&q->match, &record))
            return err; /* an erased record has no room, user or text */
    }
    if (err == TL_OK && wants_row(q) &&
        (q->count == 0 || q->bytes + leaf->statement.n + body.n <= q->match.want.bytes)) {
        err = add_row(q, leaf, st, body);
        q->matched++;
    } else if (err == TL_OK) {
        count_match(q, leaf->index);
    }
    return err;
}

static tl_err look_at(struct log_query *q, uint64_t index, struct tl_why *why)
{
    struct store_leaf leaf;
    struct statement st;
    tl_err err = stored_leaf(q->log, index, &leaf, &st);
    if (err == TL_OK && match_statement(&q->match, &st)) {
        buf plain;
        buf_init(&plain, BODY_MAX);
        err = take(q, &leaf, &st, &plain);
        buf_finish_secret(&plain);
    }
    return stored_explain(why, err, index);
}

/* ---- stages ---- */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static tl_err begin(struct log_query *q, struct tl_why *why)
{
    const struct log_query_options *o = &q->match.want;
    bool ready = false;
    tl_err err = erased_load(q->log, &ready, why);
    if (err != TL_OK || !ready)
        return err; /* the next step goes on with it */
    q->size = q->log->durable_size;
    q->to = least(o->to, q->size);
    q->from = least(o->from, q->to);
    q->a = q->from;
    q->b = q->to;
    index_want(&q->wanted, q->log, &q->match);
    q->stage = QUERY_AFTER;
    return q->prove ? log_checkpoint(q->log, &q->proof.checkpoint) : TL_OK;
}

/* Times never decrease, so that those of a time on are a range: one step of the search
 * for its begin, the first index that is not before it. True once found: it is a. */
static tl_err search(struct log_query *q, uint64_t time_ms, bool *found, struct tl_why *why)
{
    struct store_leaf leaf;
    struct statement st;
    *found = q->a == q->b;
    if (*found)
        return TL_OK;
    uint64_t middle = q->a + (q->b - q->a) / 2;
    tl_err err = stored_leaf(q->log, middle, &leaf, &st);
    if (err != TL_OK)
        return stored_explain(why, err, middle);
    if (st.time_ms < time_ms)
        q->a = middle + 1;
    else
        q->b = middle;
    return TL_OK;
}

static tl_err find_after(struct log_query *q, struct tl_why *why)
{
    bool found = true;
    tl_err err = TL_OK;
    if (q->match.want.after_ms > 0)
        err = search(q, q->match.want.after_ms, &found, why);
    if (err == TL_OK && found) {
        q->from = q->a;
        q->b = q->to;
        q->stage = QUERY_BEFORE;
    }
    return err;
}

static tl_err find_before(struct log_query *q, struct tl_why *why)
{
    bool found = true;
    tl_err err = TL_OK;
    if (q->match.want.before_ms <= TL_INT_MAX)
        err = search(q, q->match.want.before_ms, &found, why);
    else
        q->a = q->to;
    if (err == TL_OK && found) {
        q->to = q->a;
        q->next = q->match.want.newest_first ? q->from : q->to;
        q->stage = QUERY_CELL;
    }
    return err;
}

static tl_err prove(struct log_query *q)
{
    struct merkle_nodes nodes = tree_nodes(q->log->tree);
    q->proof.tree_size = q->size;
    return merkle_prove_inclusion(&nodes, q->rows[0].index, q->size, q->proof.path,
                                  &q->proof.path_count);
}

/* Asks the index about the cell that comes next, within what is left of the range. */
static tl_err look_at_cell(struct log_query *q)
{
    struct leaf_bits range;
    if (q->from == q->to || (q->more && !q->match.want.total)) {
        q->stage = QUERY_DONE;
        return q->prove && q->count ? prove(q) : TL_OK;
    }
    q->cell = (q->match.want.newest_first ? q->to - 1 : q->from) / CELL_LEAVES;
    uint64_t first = q->cell * CELL_LEAVES;
    uint64_t begin = q->from > first ? q->from : first;
    uint64_t end = least(q->to, first + CELL_LEAVES);
    bits_range(&range, (unsigned)(begin - first), (unsigned)(end - first));
    tl_err err = index_look(q->log->index, &q->wanted, q->cell, &q->answer);
    bits_and(&q->answer.sure, &range);
    bits_and(&q->answer.ask, &range);
    *(q->match.want.newest_first ? &q->to : &q->from) = q->match.want.newest_first ? begin : end;
    q->search = (struct index_search){0};
    q->stage = QUERY_TEXT;
    return err;
}

static tl_err look_at_text(struct log_query *q)
{
    bool done = false;
    tl_err err = index_search(q->log->index, &q->wanted, q->cell, &q->search, &q->answer, &done);
    if (done)
        q->stage = QUERY_LEAVES;
    return err;
}

/* Where no row is wanted any more, or all that is left of the cell is skipped, what the
 * index is sure of is counted and no more. */
static void count_sure(struct log_query *q)
{
    unsigned sure = bits_count(&q->answer.sure);
    uint64_t all = q->matched + sure + bits_count(&q->answer.ask);
    if (!q->more && all > q->match.want.skip)
        return;
    q->matched += sure;
    bits_range(&q->answer.sure, 0, 0);
}

/* Takes the next leaf out of what is left of the cell; false where none is. */
static bool next_leaf(struct log_query *q, uint64_t *index, bool *sure)
{
    for (unsigned i = 0; i < CELL_WORDS; i++) {
        unsigned at = q->match.want.newest_first ? CELL_WORDS - 1 - i : i;
        uint64_t word = q->answer.sure.w[at] | q->answer.ask.w[at];
        if (!word)
            continue;
        unsigned bit = (unsigned)(q->match.want.newest_first ? 63 - __builtin_clzll(word)
                                                             : __builtin_ctzll(word));
        *sure = bits_has(&q->answer.sure, 64 * at + bit);
        *index = q->cell * CELL_LEAVES + 64 * at + bit;
        bits_clear(&q->answer.sure, 64 * at + bit);
        bits_clear(&q->answer.ask, 64 * at + bit);
        return true;
    }
    return false;
}

static tl_err look_at_leaves(struct log_query *q, struct tl_why *why)
{
    uint64_t index;
    bool sure;
    if (q->more && !q->match.want.total) {
        q->stage = QUERY_CELL;
        return TL_OK;
    }
    count_sure(q);
    while (next_leaf(q, &index, &sure)) {
        if (!sure || wants_row(q))
            return look_at(q, index, why);
        count_match(q, index);
    }
    q->stage = QUERY_CELL;
    return TL_OK;
}

tl_err query_step(struct log_query *q, struct tl_why *why)
{
    switch (q->stage) {
    case QUERY_BEGIN:
        return begin(q, why);
    case QUERY_AFTER:
        return find_after(q, why);
    case QUERY_BEFORE:
        return find_before(q, why);
    case QUERY_CELL:
        return look_at_cell(q);
    case QUERY_TEXT:
        return look_at_text(q);
    case QUERY_LEAVES:
        return look_at_leaves(q, why);
    case QUERY_DONE:
        break;
    }
    return TL_OK;
}
