/* Cosignatures of witnesses, c2sp.org/tlog-cosignature v1: Ed25519 (type 04). Those of
 * ML-DSA-44 (type 06) are known by their keys' ids, and cannot be verified with OpenSSL 3.0:
 * they stay what lines of unknown keys are. Pure. */
#ifndef TL_TLOG_COSIGNATURE_H
#define TL_TLOG_COSIGNATURE_H

#include "tlog/note.h"

/* Seconds since 1970 ("timestamp … MUST NOT exceed 2^63 - 1"). A cosignature of a whole tree
 * has a time (c2sp.org/tlog-witness), so that 0 is none. */
#define COSIGNATURE_TIME_MAX INT64_MAX

/* A cosigner's key. The message does not have the cosigner's name in it, so that one key
 * must not serve two names ("Ed25519 signed message"). */
struct cosigner {
    char name[NOTE_NAME_MAX + 1];
    uint8_t id[VKEY_ID_SIZE];
    bool verifiable;        /* type 04; where not, nothing is known to verify */
    uint8_t public_key[32]; /* of type 04 */
    hash32 key_digest;      /* of the public key, whatever its type: tells keys apart */
};

/* From its verifier key, of type 04 or 06; TL_E_KEY otherwise. */
tl_err cosigner_read(struct cosigner *out, slice vkey) TL_MUST;
/* Type 04; TL_E_KEY where the name is not allowed. */
tl_err cosigner_make(struct cosigner *out, slice name, const uint8_t public_key[32]) TL_MUST;
/* Appends the verifier key of one of type 04. */
void cosigner_put(buf *b, const struct cosigner *key);

/* Appends the signature line, LF and all, of key (type 04) over a checkpoint's text. time: 1
 * to COSIGNATURE_TIME_MAX, else TL_E_RANGE. Whether it may be made is not asked here
 * (witness.h). */
tl_err cosignature_sign(buf *b, slice text, uint64_t time, const struct cosigner *key,
                        const uint8_t seed[32]) TL_MUST;
/* The note's text as cosigned by key: *time is the earliest of its lines. TL_E_NOT_FOUND where
 * there is no line of it, or its type cannot be verified; TL_E_SIGNATURE where one fails: such
 * a note is to be refused whole (c2sp.org/signed-note, "Verifying signatures"). */
tl_err cosignature_verify(const struct note *n, const struct cosigner *key, uint64_t *time) TL_MUST;

#endif
