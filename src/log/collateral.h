/* Collateral on its way into bundles. Nothing here is trusted or checked: a
 * verifier does that, and a wrong one costs the bundle's reader an error. */
#ifndef TL_LOG_COLLATERAL_H
#define TL_LOG_COLLATERAL_H

#include "attest/about.h"
#include "base/buf.h"

struct tee;

#define SHELF_MAX 16 /* platforms that one log has run on, and whose collateral is kept */

/* One piece; shared, and never changed. */
struct shelf_item;

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

/* What one bundle takes: the shelf as it is now, and fresh from the platform where
 * that makes its own. */
struct bundle_collateral {
    struct shelf_item *items[SHELF_MAX];
    uint64_t position[SHELF_MAX]; /* of the evidence item that carries it, or UINT64_MAX */
    size_t count;
};
/* On failure there is nothing to finish. */
tl_err bundle_collateral_begin(struct bundle_collateral *c, struct shelf *s,
                               struct tee *tee) TL_MUST;
void bundle_collateral_finish(struct bundle_collateral *c);
/* What goes with the evidence item at this position of the bundle: one of *json
 * (borrowed; .p == NULL otherwise) and *at, or neither. */
void bundle_collateral_for(struct bundle_collateral *c, slice evidence, uint64_t position,
                           slice *json, bool *has_at, uint64_t *at);

#endif
