/* A witness (c2sp.org/tlog-witness): its key, the logs that it knows, and the latest checkpoint
 * of each that it has cosigned, in a folder of its own. What it says is durable before it is
 * said. One thread at a time. */
#ifndef TL_WITNESS_STATE_H
#define TL_WITNESS_STATE_H

#include "base/buf.h"
#include "tlog/witness.h"

#define WITNESS_LOGS_MAX 4096

struct witness_state;

/* Opens the folder, made where it is missing, and locks it (TL_E_LOCKED). name: of the key,
 * which is made where there is none; with one that is there it must agree, where it is not
 * NULL. */
tl_err witness_state_open(struct witness_state **out, const char *dir, const char *name,
                          struct tl_why *why) TL_MUST;
void witness_state_close(struct witness_state *w); /* NULL is fine */
const struct cosigner *witness_state_key(const struct witness_state *w);

/* Knows this log from now on, and what was cosigned of it: TL_E_STORED where that is damaged.
 * Further keys of one origin are good as well. */
tl_err witness_state_add(struct witness_state *w, const struct note_key *log,
                         struct tl_why *why) TL_MUST;
size_t witness_state_count(const struct witness_state *w);

/* add-checkpoint with this body, at a time in seconds since 1970: the status and the body of
 * the answer, which is appended. An error (TL_E_IO, TL_E_MEMORY, …) is the witness's own:
 * nothing was cosigned. */
tl_err witness_state_submit(struct witness_state *w, slice body, uint64_t time, int *status,
                            buf *answer) TL_MUST;
/* The latest checkpoint of the origin with this SHA-256, with the log's signature and ours.
 * TL_E_NOT_FOUND. Borrowed until the next witness_state_submit. */
tl_err witness_state_latest(const struct witness_state *w, const hash32 *origin,
                            slice *note) TL_MUST;

#endif
