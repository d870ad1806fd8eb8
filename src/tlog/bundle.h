/* Bundles (docs/format.md section 10), item by item. Pure: bytes come through
 * a source that the caller gives. */
#ifndef TL_TLOG_BUNDLE_H
#define TL_TLOG_BUNDLE_H

#include "base/buf.h"
#include "codec/cbor.h"
#include "tlog/fresh.h"
#include "tlog/merkle.h"

#define BUNDLE_VERSION  1
#define BUNDLE_ITEM_MAX (4u << 20) /* bytes of one item */

enum bundle_kind {
    BUNDLE_HEADER,
    BUNDLE_EVIDENCE,
    BUNDLE_LEAF,
    BUNDLE_PROOF,
    BUNDLE_ANCHOR,
    BUNDLE_FRESH
};
enum bundle_scope { SCOPE_WHOLE, SCOPE_CHAIN, SCOPE_RECORDS };
enum bundle_proof { PROOF_FILL, PROOF_CONSISTENCY, PROOF_HEAD };

/* One item. Slices are borrowed from the reader until the next item. */
struct bundle_item {
    enum bundle_kind kind;
    union {
        struct {
            uint64_t scope;
            slice checkpoint;
            uint64_t evidence_count, leaf_count, proof_count, anchor_count;
        } header;
        struct {
            hash32 digest;
            slice item;
            slice collateral; /* .p == NULL where the item carries none itself */
            bool has_collateral_at;
            uint64_t collateral_at; /* position of the item that carries it */
        } evidence;
        struct {
            uint64_t index;
            slice statement;
            slice body; /* .p == NULL for null */
        } leaf;
        struct {
            uint64_t number;
            enum bundle_proof type;
            unsigned level;    /* fill: 0..62 */
            uint64_t n;        /* fill: n; consistency: size; head: heads index */
            hash32 hash;       /* fill */
            slice subject;     /* head */
            uint64_t position; /* head */
            size_t path_count;
            hash32 path[MERKLE_MAX_PATH];
        } proof;
        struct {
            uint64_t size;
            slice checkpoint;
            size_t path_count;
            hash32 path[MERKLE_MAX_PATH];
        } anchor;
        struct {
            hash32 evidence; /* digest */
            struct fresh answer;
        } fresh;
    } u;
};

void bundle_item_put(buf *b, const struct bundle_item *item);

/* Gives up to cap bytes; *got == 0 only at the end. */
struct byte_source {
    tl_err (*read)(void *ctx, uint8_t *out, size_t cap, size_t *got);
    void *ctx;
};

/* Reads items in order with bounded memory: one item's bytes. */
struct bundle_reader;
tl_err bundle_reader_new(struct bundle_reader **out, struct byte_source source) TL_MUST;
void bundle_reader_free(struct bundle_reader *r);
/* *more is false at the clean end, after the header and its counts have been
 * met exactly. Order, counts and forms are checked here (TL_E_BUNDLE, or a
 * CBOR error); meaning is not. */
tl_err bundle_next(struct bundle_reader *r, struct bundle_item *out, bool *more) TL_MUST;

/* A byte_source over memory; ctx is a slice that the reads consume. */
tl_err slice_source_read(void *slice_ctx, uint8_t *out, size_t cap, size_t *got);

#endif
