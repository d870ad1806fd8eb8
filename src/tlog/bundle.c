/* Reads a bundle item by item, in bounded memory, and checks their order and
 * their counts. */
#include "tlog/bundle.h"

#include "base/refuse.h"
#include "tlog/bundle_item.h"
#include "tlog/statement.h"

#include <stdlib.h>

#define KINDS      (BUNDLE_FRESH + 1)
#define READ_AHEAD 65536u
#define BUFFER_MAX (BUNDLE_ITEM_MAX + READ_AHEAD)

/* What the next item is compared with: what the last one said, copied where
 * the bytes may move. */
struct last_item {
    enum bundle_kind kind;
    uint64_t number; /* key, but for evidence */
    hash32 digest;   /* key of evidence */
    enum bundle_proof proof;
    uint64_t position; /* fill: first leaf; else its n */
    uint8_t subject[SUBJECT_MAX];
    size_t subject_size;
};

struct bundle_reader {
    struct byte_source source;
    uint8_t *p;
    size_t at, n, cap; /* unread are [at, n) */
    bool ended;        /* the source has no more */
    tl_err err;        /* sticky */
    struct last_item last;
    uint64_t promised[KINDS], seen[KINDS];
    struct bundle_item item; /* read here first, so that out stays untouched */
};

tl_err bundle_reader_new(struct bundle_reader **out, struct byte_source source)
{
    struct bundle_reader *r = calloc(1, sizeof *r);
    if (!r)
        return TL_E_MEMORY;
    r->source = source;
    r->promised[BUNDLE_HEADER] = 1;
    *out = r;
    return TL_OK;
}

void bundle_reader_free(struct bundle_reader *r)
{
    if (!r)
        return;
    free(r->p);
    free(r);
}

/* Doubles the buffer once more than half of it is one unfinished item, so that
 * each read brings at least as much as is read again. */
static tl_err make_room(struct bundle_reader *r)
{
    r->n -= r->at;
    if (r->n)
        memmove(r->p, r->p + r->at, r->n);
    r->at = 0;
    if (r->p && (r->n <= r->cap / 2 || r->cap == BUFFER_MAX))
        return TL_OK;
    size_t cap = r->p ? r->cap * 2 : READ_AHEAD;
    if (cap > BUFFER_MAX)
        cap = BUFFER_MAX;
    uint8_t *p = realloc(r->p, cap);
    if (!p)
        return TL_E_MEMORY;
    r->p = p;
    r->cap = cap;
    return TL_OK;
}

/* Fills the buffer, however little the source gives at a time. */
static tl_err fill(struct bundle_reader *r)
{
    tl_err err = make_room(r);
    while (err == TL_OK && !r->ended && r->n < r->cap) {
        size_t got = 0;
        err = r->source.read(r->source.ctx, r->p + r->n, r->cap - r->n, &got);
        if (err == TL_OK) {
            r->n += got;
            r->ended = got == 0;
        }
    }
    return err;
}

/* Reads the next item's form, with more bytes until it is whole. */
static tl_err next_item(struct bundle_reader *r)
{
    for (;;) {
        size_t unread = r->n - r->at;
        cbor c = cbor_of(slice_of(r->p + r->at, unread));
        bundle_item_read(&c, &r->item);
        size_t size = c.err == TL_OK ? unread - c.rest.n : unread;
        if (REFUSED(size > BUNDLE_ITEM_MAX))
            return TL_E_BUNDLE;
        if (c.err == TL_OK)
            r->at += size;
        if (c.err != TL_E_SHORT || r->ended)
            return c.err;
        tl_err err = fill(r);
        if (err != TL_OK)
            return err;
    }
}

static uint64_t key_of(const struct bundle_item *item)
{
    switch (item->kind) {
    case BUNDLE_LEAF:
        return item->u.leaf.index;
    case BUNDLE_PROOF:
        return item->u.proof.number;
    case BUNDLE_ANCHOR:
        return item->u.anchor.size;
    case BUNDLE_HEADER:
    case BUNDLE_EVIDENCE:
    case BUNDLE_FRESH:
        break;
    }
    return 0;
}

static uint64_t proof_position(const struct bundle_item *item)
{
    return item->u.proof.type == PROOF_FILL ? item->u.proof.n << item->u.proof.level
                                            : item->u.proof.n;
}

/* Fills by position, consistency by size, heads by index and subject. */
static bool proof_follows(const struct last_item *last, const struct bundle_item *item)
{
    if (item->u.proof.type != last->proof)
        return item->u.proof.type > last->proof;
    uint64_t position = proof_position(item);
    if (position != last->position || item->u.proof.type != PROOF_HEAD)
        return position > last->position;
    return slice_cmp(item->u.proof.subject, slice_of(last->subject, last->subject_size)) > 0;
}

static bool key_follows(const struct last_item *last, const struct bundle_item *item)
{
    if (item->kind != last->kind)
        return item->kind > last->kind;
    if (item->kind == BUNDLE_EVIDENCE)
        return slice_cmp(hash_slice(&item->u.evidence.digest), hash_slice(&last->digest)) > 0;
    return key_of(item) > last->number;
}

/* Order and counts of the item just read, against what came before. */
static tl_err check_order(const struct bundle_reader *r)
{
    const struct bundle_item *item = &r->item;
    if (REFUSED(r->seen[BUNDLE_HEADER] && !key_follows(&r->last, item)))
        return TL_E_BUNDLE;
    /* At once, so that the caller may rely on the header's counts. Before the
     * header nothing but a header is promised. */
    if (REFUSED(r->seen[item->kind] == r->promised[item->kind]))
        return TL_E_BUNDLE;
    if (item->kind != BUNDLE_PROOF)
        return TL_OK;
    if (REFUSED(item->u.proof.number != r->seen[BUNDLE_PROOF]))
        return TL_E_BUNDLE;
    if (REFUSED(r->last.kind == BUNDLE_PROOF && !proof_follows(&r->last, item)))
        return TL_E_BUNDLE;
    return TL_OK;
}

static void remember(struct bundle_reader *r)
{
    const struct bundle_item *item = &r->item;
    struct last_item *last = &r->last;
    last->kind = item->kind;
    last->number = key_of(item);
    r->seen[item->kind]++;
    if (item->kind == BUNDLE_HEADER) {
        r->promised[BUNDLE_EVIDENCE] = item->u.header.evidence_count;
        r->promised[BUNDLE_LEAF] = item->u.header.leaf_count;
        r->promised[BUNDLE_PROOF] = item->u.header.proof_count;
        r->promised[BUNDLE_ANCHOR] = item->u.header.anchor_count;
        r->promised[BUNDLE_FRESH] = 1; /* or none */
    } else if (item->kind == BUNDLE_EVIDENCE) {
        last->digest = item->u.evidence.digest;
    } else if (item->kind == BUNDLE_PROOF) {
        last->proof = item->u.proof.type;
        last->position = proof_position(item);
        if (last->proof == PROOF_HEAD) {
            last->subject_size = item->u.proof.subject.n;
            memcpy(last->subject, item->u.proof.subject.p, last->subject_size);
        }
    }
}

/* One header, and as many of each other kind as it promised. A fresh answer may be
 * absent. */
static tl_err check_end(const struct bundle_reader *r)
{
    for (size_t kind = 0; kind < BUNDLE_FRESH; kind++)
        if (REFUSED(r->seen[kind] != r->promised[kind]))
            return TL_E_BUNDLE;
    return TL_OK;
}

static tl_err next(struct bundle_reader *r, bool *more)
{
    tl_err err = r->at == r->n && !r->ended ? fill(r) : TL_OK;
    if (err != TL_OK)
        return err;
    *more = r->at < r->n;
    if (!*more)
        return check_end(r);
    err = next_item(r);
    if (err == TL_OK)
        err = check_order(r);
    if (err == TL_OK)
        remember(r);
    return err;
}

tl_err bundle_next(struct bundle_reader *r, struct bundle_item *out, bool *more)
{
    bool item = false;
    if (r->err == TL_OK)
        r->err = next(r, &item);
    if (r->err != TL_OK)
        return r->err;
    if (item)
        *out = r->item;
    *more = item;
    return TL_OK;
}

tl_err slice_source_read(void *slice_ctx, uint8_t *out, size_t cap, size_t *got)
{
    slice *s = slice_ctx;
    size_t n = s->n < cap ? s->n : cap;
    if (n)
        memcpy(out, s->p, n);
    *s = slice_of(s->p + n, s->n - n);
    *got = n;
    return TL_OK;
}
