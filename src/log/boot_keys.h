/* The keys by which this log's boots sign receipts, out of their statements: each is proven under
 * the tree. */
#ifndef TL_LOG_BOOT_KEYS_H
#define TL_LOG_BOOT_KEYS_H

#include "log/log.h"

#define LOG_BOOT_KEYS 256 /* of so many boots at most, the newest */

struct log_boot_keys;
tl_err log_boot_keys_new(struct log_boot_keys **out, struct log *log) TL_MUST;
void log_boot_keys_free(struct log_boot_keys *k); /* not while it runs */
/* Finds them, in slices on the owner thread. done is called there once; TL_E_STOPPING from
 * here: it is not. */
typedef void log_boot_keys_done_fn(void *ctx, tl_err err, const struct tl_why *why);
tl_err log_boot_keys_submit(struct log_boot_keys *k, log_boot_keys_done_fn *done,
                            void *ctx) TL_MUST;
/* Once done with TL_OK: appends them as a COSE_KeySet, the newest boot's first; the index of
 * that boot. */
void log_boot_keys_put(const struct log_boot_keys *k, buf *out);
uint64_t log_boot_keys_newest(const struct log_boot_keys *k);

#endif
