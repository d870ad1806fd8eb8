/* Fresh answers (docs/format.md section 10): what the running log says of itself over a
 * nonce that the asker chose. Pure. */
#ifndef TL_TLOG_FRESH_H
#define TL_TLOG_FRESH_H

#include "base/buf.h"
#include "codec/cbor.h"
#include "crypto/hash.h"

#define FRESH_NONCE_MIN 16 /* bytes */
#define FRESH_NONCE_MAX 64

/* A nonce as people give it, in hex; *size bytes. TL_E_ENCODING where it is none, or not of
 * these lengths. */
tl_err fresh_nonce_read(uint8_t out[FRESH_NONCE_MAX], size_t *size, slice hex) TL_MUST;

enum fresh_mode { FRESH_FENCED, FRESH_DEGRADED, FRESH_FROZEN, FRESH_UNWITNESSED };

/* Slices are borrowed. */
struct fresh {
    enum fresh_mode mode;
    bool has_cosigned;
    uint64_t cosigned; /* size of the last checkpoint that a quorum cosigned */
    slice agent;       /* .p == NULL: none; then the next two mean nothing */
    uint64_t count;    /* of its statements in the checkpoint's tree */
    hash32 last;       /* H(Sig_structure) of the last of them; nothing where count is 0 */
    slice nonce;
};

/* The six members from mode to nonce, as they stand in the bundle and in the
 * binding. */
void fresh_read(cbor *c, struct fresh *out);
void fresh_put(buf *b, const struct fresh *v);

/* Report data (docs/format.md section 8). */
struct fresh_binding {
    slice origin;
    hash32 log_tp, boot_leaf;
    hash32 text; /* H of the checkpoint's text */
    const struct fresh *answer;
};
void binding_fresh(uint8_t out[64], const struct fresh_binding *v);

#endif
