/* What logs and witnesses say to each other, c2sp.org/tlog-witness, and what a witness decides
 * by it. Pure: (state, request) in, status and new state out. */
#ifndef TL_TLOG_WITNESS_H
#define TL_TLOG_WITNESS_H

#include "tlog/checkpoint.h"
#include "tlog/merkle.h"
#include "tlog/tlog_policy.h"

/* Bytes of a request: "old", a size, 63 hashes, an empty line and a note. */
#define WITNESS_REQUEST_MAX (NOTE_MAX + 32 + 45 * MERKLE_MAX_PATH)
#define WITNESS_SIZE_TYPE   "text/x.tlog.size" /* of the body of a 409 */

/* add-checkpoint. Slices are borrowed from the body. The struct is large: on the heap. */
struct witness_request {
    uint64_t old;
    size_t path_count;
    hash32 path[MERKLE_MAX_PATH]; /* consistency of old with the checkpoint */
    struct note note;
    struct checkpoint checkpoint; /* what it says */
};

/* The form of the body, and old <= the checkpoint's size. What fails is 400, but for
 * TL_E_MEMORY. */
tl_err witness_request_read(struct witness_request *out, slice body) TL_MUST;
/* note: whole, with any signature lines. */
void witness_request_put(buf *b, uint64_t old, const hash32 *path, size_t path_count, slice note);

/* The body of a 409: the size of the witness's latest checkpoint of the log, and LF. */
tl_err witness_size_read(uint64_t *out, slice body) TL_MUST;
void witness_size_put(buf *b, uint64_t size);

/* What a 409 means to a log that sent old, and has signed checkpoints of up to size. */
enum witness_conflict {
    WITNESS_GO_ON,       /* ask again with the size that was told for old */
    WITNESS_CONTRADICTS, /* it told the very size that was sent: a fault of the witness */
    /* The witness has cosigned, or says so, what this log does not know to have signed: its disk
     * was put back, a copy of it runs, or the witness deceives. Never to be repaired by sending
     * something else; told without a proof it marks the witness (DESIGN section 3). */
    WITNESS_IS_AHEAD
};
enum witness_conflict witness_conflict(uint64_t old, uint64_t size, uint64_t told);

/* The body of a 200 from the witness of this key: signature lines over the checkpoint's text.
 * Appends its own, the one of *time (the earliest, where it has several). Those of other keys
 * are ignored: "The client MUST ignore any cosignatures from unknown keys", and who speaks for
 * another witness may repeat what that one said long ago. TL_E_NOT_FOUND where there is none,
 * TL_E_SIGNATURE where one fails, TL_E_NOTE where these are no signature lines; then line is
 * as it was. */
tl_err witness_answer_take(buf *line, uint64_t *time, const struct cosigner *key, slice text,
                           slice body) TL_MUST;

/* What a witness knows of a log. */
struct witness_log {
    const struct note_key *keys; /* those that it trusts; each is named as the log's origin */
    size_t key_count;
    uint64_t size; /* of the latest checkpoint that it cosigned; 0 where there is none */
    hash32 root;   /* of that; H("") where there is none */
};

enum witness_status {
    WITNESS_COSIGNS = 200,
    WITNESS_MALFORMED = 400, /* witness_request_read failed */
    WITNESS_FORBIDDEN = 403, /* no signature of a trusted key, or one that fails */
    WITNESS_UNKNOWN = 404,   /* the origin */
    WITNESS_CONFLICT = 409,  /* old is not log->size, which is the answer's body */
    WITNESS_REFUSES = 422,   /* no proof that the log only grew */
};

/* The decision, each check in the specification's order. log: what is known of the request's
 * origin, NULL where nothing is. With 200 the request's checkpoint becomes the log's latest
 * one: the caller stores it, durably and at once with the comparison, and only then makes the
 * cosignature (cosignature_sign over request->note.text) and answers. */
enum witness_status witness_judge(const struct witness_log *log,
                                  const struct witness_request *request);

#endif
