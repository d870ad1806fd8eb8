/* Signed notes, c2sp.org/signed-note, with Ed25519 keys (type 01). Pure. */
#ifndef TL_TLOG_NOTE_H
#define TL_TLOG_NOTE_H

#include "base/buf.h"
#include "crypto/hash.h"
#include "tlog/vkey.h"

#define NOTE_MAX            65536 /* bytes of a whole note */
#define NOTE_MAX_SIGNATURES 100

/* A verifier key of type 01. */
struct note_key {
    char name[NOTE_NAME_MAX + 1];
    uint8_t id[4];
    uint8_t public_key[32];
};

/* From the text form; only the first two '+' separate (base64 holds '+'). The
 * key id must be the one that name and key give. TL_E_KEY otherwise. */
tl_err note_key_read(struct note_key *out, slice text) TL_MUST;
void note_key_put(buf *b, const struct note_key *key);
/* From a name and a public key; TL_E_KEY where the name is not allowed. */
tl_err note_key_make(struct note_key *out, slice name, const uint8_t public_key[32]) TL_MUST;
/* RFC 9679 thumbprint of the key as COSE_Key {1: 1, -1: 6, -2: x}. */
hash32 note_key_thumbprint(const struct note_key *key);

struct note_signature {
    slice name; /* borrowed */
    uint8_t id[4];
    slice line;         /* the whole line with its LF, borrowed */
    uint8_t bytes[128]; /* decoded signature after the key id, as far as it fits */
    size_t size;        /* decoded size; larger than bytes[] for foreign types */
};

struct note {
    slice text; /* with its final LF, borrowed */
    size_t signature_count;
    struct note_signature signatures[NOTE_MAX_SIGNATURES];
};

/* Splits a note and checks its form; verifies nothing. TL_E_NOTE otherwise.
 * A struct note is large: put it on the heap or make it static. */
tl_err note_read(struct note *out, slice bytes) TL_MUST;
/* Takes the next line off the front of s; it comes without its LF. */
slice note_line(slice *s);
/* TL_OK where key signed the note; TL_E_SIGNATURE where a line of this key
 * fails, or where there is none. Lines of other keys are ignored. */
tl_err note_verify(const struct note *n, const struct note_key *key) TL_MUST;
/* The same, with TL_E_NOT_FOUND where there is no line of this key. */
tl_err note_verify_known(const struct note *n, const struct note_key *key) TL_MUST;
/* Appends one signature line, LF and all; payload: key id and signature. */
void note_line_put(buf *b, slice name, slice payload);
/* Appends text || LF || signature line, signed with the seed of key. */
tl_err note_sign(buf *b, slice text, const struct note_key *key, const uint8_t seed[32]) TL_MUST;

#endif
