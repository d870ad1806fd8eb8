/* COSE_KeySets (RFC 9052 section 7): the keys that sign a log's receipts, as SCRAPI serves
 * them. Pure. */
#ifndef TL_TLOG_KEY_SET_H
#define TL_TLOG_KEY_SET_H

#include "codec/cose.h"
#include "crypto/hash.h"

#define KEY_SET_MAX 65536 /* bytes */

/* The P-256 key with this thumbprint (RFC 9679) in a set; what else is in it is passed over.
 * TL_E_NOT_FOUND where it is not there, TL_E_KEY or a CBOR error where this is no set. */
tl_err key_set_find(struct cose_ec2 *out, slice set, slice thumbprint) TL_MUST;
/* Appends one key, with its thumbprint for a kid; a set of n. */
void key_set_put_key(buf *b, const struct cose_ec2 *key);
void key_set_put(buf *b, const struct cose_ec2 *keys, size_t n);

#endif
