/* Verifier keys, c2sp.org/signed-note "Verifier keys": a key's name, its id, and its bytes,
 * which begin with the type of signatures that it makes. Pure. */
#ifndef TL_TLOG_VKEY_H
#define TL_TLOG_VKEY_H

#include "base/buf.h"

#define NOTE_NAME_MAX              255 /* bytes of a key name */
#define VKEY_ID_SIZE               4
#define VKEY_MAX                   (1 + 1312) /* bytes of the longest key that is known, type and all */

/* Types (c2sp.org/signed-note and c2sp.org/tlog-cosignature, "Format"). */
#define VKEY_ED25519               1
#define VKEY_ED25519_COSIGNATURE   4
#define VKEY_ML_DSA_44             6
#define VKEY_ED25519_PUBLIC_SIZE   32
#define VKEY_ML_DSA_44_PUBLIC_SIZE 1312

/* Valid UTF-8 without control characters, except for LF. */
bool vkey_characters_valid(slice s);
/* Whether text that is valid UTF-8 may be a key's name: not empty, no white space of
 * Unicode's, no plus. */
bool vkey_name_valid(slice name);

/* The id of a key (type || public key) under a name; TL_E_KEY where the name is not allowed. */
tl_err vkey_id(uint8_t id[VKEY_ID_SIZE], slice name, slice key) TL_MUST;
void vkey_put(buf *b, slice name, const uint8_t id[VKEY_ID_SIZE], slice key);
/* Takes the text form apart: *name is borrowed, the key (type || public key, at most VKEY_MAX
 * bytes) is appended to an empty buf. Only the first two '+' separate, since base64 holds
 * '+', and the id must be the one that name and key give. TL_E_KEY otherwise. */
tl_err vkey_read(slice *name, uint8_t id[VKEY_ID_SIZE], buf *key, slice text) TL_MUST;

#endif
