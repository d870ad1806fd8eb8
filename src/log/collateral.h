/* Collateral on its way into bundles. Nothing here is trusted or checked: a
 * verifier does that, and a wrong one costs the bundle's reader an error. */
#ifndef TL_LOG_COLLATERAL_H
#define TL_LOG_COLLATERAL_H

#include "attest/about.h"
#include "attest/collateral.h"
#include "base/buf.h"

struct tee;

#define SHELF_MAX 16 /* platforms that one log has run on, and whose collateral is kept */

/* One piece; shared, and never changed. */
struct shelf_item;
slice shelf_bytes(const struct shelf_item *item); /* its JSON, borrowed */

/* What there is, one for each platform. Any thread. */
struct shelf;
tl_err shelf_new(struct shelf **out) TL_MUST;
void shelf_free(struct shelf *s); /* NULL is fine */
/* Copies. It takes the place of one about the same platform, unless that was put as
 * well and its TCB info is the later one: then nothing happens, and this is TL_OK.
 * Where there is no room for another platform, what was loaded makes room; TL_E_LIMIT
 * where nothing was. Or an error of its form. */
tl_err shelf_put(struct shelf *s, slice json) TL_MUST;
/* Takes what lies in dir (files *.json, as a collateral cache has them), as far as
 * there is room; no more than 64 files are looked into. Of several about one platform
 * the one with the later TCB info counts; what was put goes before all of them. What
 * cannot be read or used is passed over. Unlike what is put, it does not count as
 * fresh: a platform that makes its own makes newer. */
void shelf_load(struct shelf *s, const char *dir);

/* What a bundle may carry (docs/format.md section 10). */
#define COLLATERAL_PIECES 256
#define COLLATERAL_BYTES  (8u << 20)

/* One piece that a bundle may carry: one of the shelf, or one that was kept with an anchor. */
struct bundle_piece {
    struct about about;
    struct validity when; /* when it is good */
    hash32 digest;
    size_t n;                /* bytes */
    struct shelf_item *item; /* NULL: kept, and the store has it, as evidence is, by its digest */
    uint64_t position;       /* of the evidence item that carries it, or UINT64_MAX */
};

/* What one bundle takes: the shelf as it is now, fresh from the platform where that makes its
 * own, and what was kept. */
struct bundle_collateral {
    struct bundle_piece pieces[COLLATERAL_PIECES];
    size_t count, shelved; /* the first shelved of them are the shelf's */
    size_t carried, bytes;
};
/* On failure there is nothing to finish. */
tl_err bundle_collateral_begin(struct bundle_collateral *c, struct shelf *s,
                               struct tee *tee) TL_MUST;
void bundle_collateral_finish(struct bundle_collateral *c);
/* One that was kept, unless the same is there. False where there is no room for it. */
bool bundle_collateral_keep(struct bundle_collateral *c, const struct bundle_piece *kept);
/* The piece for evidence of this platform that is judged at that time: of those that are good
 * then the latest. With a time of 0, or where none is good then: the shelf's. NULL: none. */
struct bundle_piece *bundle_collateral_find(struct bundle_collateral *c, const struct about *about,
                                            uint64_t time);

/* What goes with one evidence item. */
struct bundle_carried {
    slice json;                  /* borrowed; .p == NULL: nothing, or what the other two say */
    struct bundle_piece *stored; /* the store has this one; or NULL */
    bool has_at;
    uint64_t at; /* of the item of this bundle that carries it */
};
/* For the evidence item at this position of the bundle, which is judged at time (0: now). */
void bundle_collateral_for(struct bundle_collateral *c, slice evidence, uint64_t time,
                           uint64_t position, struct bundle_carried *out);
/* The store has it no more: it was not carried, and is nobody's. */
void bundle_collateral_lose(struct bundle_collateral *c, struct bundle_piece *stored);

#endif
