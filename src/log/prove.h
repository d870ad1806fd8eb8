/* Proofs about the durable log, for whoever asks: that an entry is in its tree, and that the
 * tree grew out of an older one. What they say is looked up on the owner thread, in one short
 * job; who asked signs and writes it. */
#ifndef TL_LOG_PROVE_H
#define TL_LOG_PROVE_H

#include "log/log.h"

/* Bytes of the longest of them. */
#define LOG_PROVE_MAX (NOTE_MAX + 16384)

enum log_prove_kind {
    LOG_PROVE_ENTRY,  /* a receipt of inclusion (docs/format.md section 16) of entry n */
    LOG_PROVE_GROWTH, /* a receipt of consistency, from size n to the durable one */
    LOG_PROVE_TEXT,   /* a tlog-proof of entry n, with its statement: over the largest cosigned
                         checkpoint, where there is one that has it, else over the durable one */
};

struct log_prove;
tl_err log_prove_new(struct log_prove **out, struct log *log, enum log_prove_kind kind,
                     uint64_t n) TL_MUST;
void log_prove_free(struct log_prove *p); /* not while it runs */
/* done is called on the owner thread once; TL_E_STOPPING from here: it is not.
 * TL_E_NOT_FOUND: there is no such entry, or nothing to prove about it yet. Receipts need a boot,
 * whose key signs them: TL_E_FROZEN or TL_E_FENCED where there is none. */
typedef void log_prove_done_fn(void *ctx, tl_err err, const struct tl_why *why);
tl_err log_prove_submit(struct log_prove *p, log_prove_done_fn *done, void *ctx) TL_MUST;
/* Appends the proof, once done with TL_OK: a signature is made here. */
tl_err log_prove_put(const struct log_prove *p, buf *out) TL_MUST;

#endif
