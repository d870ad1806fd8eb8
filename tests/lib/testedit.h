/* Bundles of a real log, as whoever has one may edit them. */
#ifndef TESTEDIT_H
#define TESTEDIT_H

#include "testlog.h"

#include "fakeverify.h"

/* A log of twelve records, its policy pinned: cmocka's fixtures for a group of tests. */
extern struct world edited;
int edit_set_up(void **state);
int edit_tear_down(void **state);
extern const struct log_export_options edit_whole;

/* The running log's bundle as items; what they borrow lives until fakelog_done. */
struct fake_bundle *edit_export(struct world *w, const struct log_export_options *o);
struct bundle_item *edit_leaf(struct fake_bundle *b, uint64_t index);
/* Consumes b: REJECTED, and this check is among those that failed. */
void edit_rejected(struct fake_bundle *b, const struct teelog_policy *policy, const char *check,
                   uint64_t index);

#endif
