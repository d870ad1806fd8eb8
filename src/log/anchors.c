#include "log/anchors.h"

#include "base/refuse.h"
#include "log/internal.h"
#include "tlog/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LIST "anchors"

static void note_name(char out[32], uint64_t size)
{
    snprintf(out, 32, "anchor/%" PRIu64, size);
}

void anchors_free(struct anchors *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->count; i++)
        free(a->items[i].note);
    free(a);
}

/* ---- reading ---- */

/* Whether the note is the log's own, of that very state of its tree. */
static tl_err check_note(struct log *log, const struct anchor *k, slice bytes)
{
    struct checkpoint c;
    struct merkle_nodes nodes = tree_nodes(log->tree);
    hash32 root;
    tl_err err = checkpoint_open(&c, bytes, &log->keys.note_key);
    if (err != TL_OK)
        return err == TL_E_MEMORY ? err : TL_E_STORED;
    if (REFUSED(c.size != k->size))
        return TL_E_STORED;
    err = merkle_root(&nodes, c.size, &root); /* TL_E_RANGE beyond the tree */
    if (err == TL_OK && REFUSED(!hash_eq(&root, &c.root)))
        err = TL_E_STORED;
    return err;
}

/* note: to work in. */
static tl_err judge(struct log *log, const struct tlog_policy *policy, struct anchor *k,
                    slice bytes, struct note *note)
{
    struct tlog_quorum q = {0};
    tl_err err = check_note(log, k, bytes);
    if (err == TL_OK)
        err = note_read(note, bytes);
    if (err != TL_OK)
        return err;
    err = tlog_policy_judge(&q, policy, note);
    if (err == TL_E_MEMORY)
        return err;
    k->time = err == TL_OK && q.met ? q.time : 0;
    k->note = malloc(bytes.n);
    if (!k->note)
        return TL_E_MEMORY;
    memcpy(k->note, bytes.p, bytes.n);
    k->note_size = bytes.n;
    return TL_OK;
}

static tl_err load_one(struct log *log, const struct tlog_policy *policy, struct anchor *k,
                       struct note *note, buf *b)
{
    char name[32];
    note_name(name, k->size);
    buf_reset(b);
    k->note = NULL;
    tl_err err = store_get_meta(log->store, name, b);
    return err == TL_OK ? judge(log, policy, k, buf_slice(b), note) : err;
}

/* What is no good is left out; only the machine's own failures are told. */
static bool passed_over(tl_err err)
{
    return err != TL_OK && tl_err_category(err) != TL_CAT_SYSTEM;
}

static tl_err load_all(struct log *log, const struct tlog_policy *policy, struct anchors *a, buf *b)
{
    struct note *note = malloc(sizeof *note);
    size_t there = a->count;
    tl_err err = note ? TL_OK : TL_E_MEMORY;
    a->count = 0;
    for (size_t i = 0; i < there && err == TL_OK; i++) {
        struct anchor k = a->items[i];
        err = load_one(log, policy, &k, note, b);
        if (err == TL_OK)
            a->items[a->count++] = k;
        else if (passed_over(err))
            err = TL_OK;
    }
    free(note);
    anchors_drop_pieces(a); /* those of what was left out, and what no anchor named */
    return err;
}

tl_err anchors_load(struct log *log, const struct tlog_policy *policy)
{
    buf b;
    struct anchors *a = calloc(1, sizeof *a);
    if (!a)
        return TL_E_MEMORY;
    a->first = a->last = UINT64_MAX;
    buf_init(&b, NOTE_MAX);
    tl_err err = store_get_meta(log->store, LIST, &b);
    if (err == TL_OK)
        err = anchors_read(a, buf_slice(&b));
    if (passed_over(err)) {
        a->count = a->piece_count = 0;
        err = TL_OK;
    }
    if (err == TL_OK)
        err = load_all(log, policy, a, &b);
    else
        a->count = 0;
    buf_finish(&b);
    if (err != TL_OK) {
        anchors_free(a);
        return err;
    }
    log->anchors = a;
    return TL_OK;
}

/* Of the boot at index, or TL_E_STORED; NULL where it names none. */
static tl_err policy_of_boot(struct log *log, uint64_t index, struct tlog_policy **out)
{
    struct store_leaf leaf;
    struct statement st;
    struct body_boot boot;
    tl_err err = stored_leaf(log, index, &leaf, &st);
    if (err != TL_OK)
        return err;
    hash32 digest = sha256(leaf.body);
    if (REFUSED(!hash_eq(&digest, &st.payload)) || body_boot_read(&boot, leaf.body) != TL_OK)
        return TL_E_STORED;
    return boot.config.quorum.p ? tlog_policy_read(out, boot.config.quorum, NULL) : TL_OK;
}

static tl_err last_policy(struct log *log, struct tlog_policy **out)
{
    struct store_leaf leaf;
    struct statement st;
    tl_err err = stored_leaf(log, log->origin->last_index, &leaf, &st);
    if (err == TL_OK)
        err = policy_of_boot(log, st.session, out);
    return passed_over(err) ? TL_OK : err;
}

tl_err anchors_load_own(struct log *log)
{
    struct tlog_policy *policy = NULL;
    tl_err err = last_policy(log, &policy);
    if (err == TL_OK && policy)
        err = anchors_load(log, policy);
    if (err == TL_OK)
        err = cosigned_load(log, policy);
    tlog_policy_free(policy);
    return err;
}

static tl_err learn(struct log *log, struct anchor_piece *p, buf *b)
{
    struct bundle_piece *piece = &p->piece;
    tl_err err = store_get_evidence(log->store, &piece->digest, b);
    if (err != TL_OK)
        return err;
    hash32 digest = sha256(buf_slice(b));
    if (REFUSED(!hash_eq(&digest, &piece->digest)))
        return TL_E_STORED;
    err = about_collateral(&piece->about, buf_slice(b));
    if (err == TL_OK)
        err = about_validity(&piece->when, buf_slice(b));
    piece->n = b->n;
    return err;
}

tl_err anchors_learn(struct log *log, bool *more)
{
    struct anchors *a = log->anchors;
    size_t i = 0;
    while (i < a->piece_count && a->pieces[i].state != ANCHOR_UNREAD)
        i++;
    *more = i < a->piece_count;
    if (!*more)
        return TL_OK;
    buf b;
    buf_init(&b, COLLATERAL_MAX);
    tl_err err = learn(log, &a->pieces[i], &b);
    buf_finish(&b);
    a->pieces[i].state = err == TL_OK ? ANCHOR_GOOD : ANCHOR_BAD;
    return passed_over(err) ? TL_OK : err;
}

/* ---- keeping ---- */

void anchors_grown(struct log *log, const struct group *g)
{
    struct anchors *a = log->anchors;
    for (size_t i = 0; a && i < g->count; i++) {
        const struct entry *e = &g->entries[i];
        if (e->kind != ST_BOOT && e->kind != ST_SESSION)
            continue;
        if (a->first == UINT64_MAX)
            a->first = e->index;
        a->last = e->index;
    }
}

static bool due(const struct log *log, uint64_t size, uint64_t time)
{
    const struct anchors *a = log->anchors;
    const struct anchor *last = a->count ? &a->items[a->count - 1] : NULL;
    if (a->first >= size)
        return false;
    if (!last)
        return true;
    const bool booted = log->boot_index >= last->size && log->boot_index < size;
    return size > last->size && (booted || time >= last->time + ANCHOR_EVERY_S);
}

/* Makes room: of two that are closest in time the earlier one, whose evidence the other then
 * dates; first of all one that has no quorum. */
static tl_err thin(struct log *log)
{
    struct anchors *a = log->anchors;
    char name[32];
    size_t worst = 0;
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i + 1 < a->count; i++) {
        const struct anchor *k = &a->items[i];
        uint64_t gap = k->time == 0 || k[1].time < k->time ? 0 : k[1].time - k->time;
        if (gap < least) {
            least = gap;
            worst = i;
        }
    }
    note_name(name, a->items[worst].size);
    free(a->items[worst].note);
    memmove(&a->items[worst], &a->items[worst + 1], (--a->count - worst) * sizeof a->items[worst]);
    anchors_drop_pieces(a);
    return store_drop_meta(log->store, name);
}

/* The piece's place among those that are kept; it is put there where it is new. */
static tl_err keep_piece(struct log *log, const struct bundle_piece *p, uint8_t *place)
{
    struct anchors *a = log->anchors;
    size_t i = 0;
    while (i < a->piece_count && !hash_eq(&a->pieces[i].piece.digest, &p->digest))
        i++;
    *place = (uint8_t)i;
    if (i < a->piece_count && a->pieces[i].state != ANCHOR_BAD)
        return TL_OK;
    if (i == ANCHOR_PIECES)
        return TL_E_LIMIT;
    tl_err err = store_put_evidence(log->store, &p->digest, shelf_bytes(p->item));
    if (err != TL_OK)
        return err;
    a->pieces[i] = (struct anchor_piece){.state = ANCHOR_GOOD, .piece = *p};
    a->pieces[i].piece.item = NULL;
    a->piece_count += i == a->piece_count;
    return TL_OK;
}

/* What is on the shelf and good at that time. */
static tl_err keep_pieces(struct log *log, struct bundle_collateral *c, struct anchor *k)
{
    tl_err err = TL_OK;
    for (size_t i = 0; i < c->shelved && err == TL_OK; i++) {
        const struct bundle_piece *p = &c->pieces[i];
        if (k->time < p->when.from || p->when.until < k->time)
            continue;
        err = keep_piece(log, p, &k->pieces[k->piece_count]);
        k->piece_count += err == TL_OK;
        if (err == TL_E_LIMIT)
            err = TL_OK;
    }
    return err;
}

static tl_err store_list(struct log *log, const struct anchor *k)
{
    char name[32];
    buf b;
    buf_init(&b, 65536);
    anchors_put(log->anchors, &b);
    note_name(name, k->size);
    tl_err err = buf_err(&b);
    if (err == TL_OK)
        err = store_put_meta(log->store, name, slice_of(k->note, k->note_size));
    if (err == TL_OK)
        err = store_put_meta(log->store, LIST, buf_slice(&b));
    buf_finish(&b);
    return err;
}

static tl_err keep(struct log *log, struct bundle_collateral *c, struct anchor *k)
{
    struct anchors *a = log->anchors;
    tl_err err = TL_OK;
    anchors_drop_pieces(a); /* without an anchor there is nothing to thin, and then no piece */
    while (err == TL_OK && a->count &&
           (a->count == ANCHORS_MAX || a->piece_count + c->shelved > ANCHOR_PIECES))
        err = thin(log);
    if (err == TL_OK)
        err = keep_pieces(log, c, k);
    if (err != TL_OK || k->piece_count == 0) { /* collateral may be on its way: a later one does */
        free(k->note);
        return err;
    }
    a->items[a->count++] = *k;
    a->first = a->last >= k->size ? a->last : UINT64_MAX;
    return store_list(log, k);
}

tl_err anchors_keep(struct log *log, slice note, uint64_t size, uint64_t time)
{
    struct bundle_collateral *c;
    struct anchor k = {.size = size, .time = time, .note_size = note.n};
    if (!log->anchors || !due(log, size, time))
        return TL_OK;
    k.note = malloc(note.n);
    c = k.note ? malloc(sizeof *c) : NULL;
    tl_err err = c ? bundle_collateral_begin(c, log->shelf, log->tee) : TL_E_MEMORY;
    if (err != TL_OK) { /* there will be another */
        free(k.note);
        free(c);
        return TL_OK;
    }
    memcpy(k.note, note.p, note.n);
    err = keep(log, c, &k);
    bundle_collateral_finish(c);
    free(c);
    return err;
}
