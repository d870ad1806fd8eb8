/* Statements: the leaves of the tree (docs/format.md sections 3 and 4). Pure. */
#ifndef TL_TLOG_STATEMENT_H
#define TL_TLOG_STATEMENT_H

#include "codec/cose.h"
#include "crypto/hash.h"

#define STATEMENT_MAX 65535 /* bytes */
#define TYPE_MAX      64    /* bytes */
#define SUBJECT_MAX   128   /* bytes, of agent ids and origins */

enum statement_kind { ST_BOOT, ST_HEADS, ST_ERASURE, ST_SESSION, ST_END, ST_RECORD };

struct statement {
    enum statement_kind kind;
    bool service; /* signed by the service key; subject == origin */
    int64_t alg;  /* as encoded: -7, -9 or -47 */
    hash32 kid;
    slice origin, subject, type; /* borrowed */
    uint64_t seq, time_ms, session;
    bool has_prev, has_ref;
    hash32 prev;
    uint64_t ref;
    hash32 payload; /* H(body) */
    uint8_t signature[64];
    slice protected_header; /* borrowed */
};

/* Borrowed from s. Everything that one statement alone can show is checked:
 * the closed header, its values and their agreement (type with label 16 and
 * subject, prev null exactly at seq 0, ref < 2^53 in records only).
 * TL_E_STATEMENT, or a CBOR or COSE error. */
tl_err statement_read(struct statement *out, slice s) TL_MUST;

/* H(Sig_structure): what the key signs, and what the next statement's prev is. */
hash32 statement_digest(slice protected_header, const hash32 *payload);

/* Appends the protected header for st (kind decides label 16; alg, kid,
 * origin, subject, type, seq, time_ms, session, prev, ref are used). */
void statement_header_put(buf *b, const struct statement *st);
/* Appends the whole statement. */
void statement_put(buf *b, slice protected_header, const hash32 *payload,
                   const uint8_t signature[64]);

/* Alphabets and lengths of section 1. */
bool origin_valid(slice s);
bool agent_id_valid(slice s, slice origin);
/* A type that an agent may give: valid, and not "teelog.…". */
bool record_type_valid(slice s);
/* The type text of a kind other than ST_RECORD. */
const char *statement_kind_type(enum statement_kind kind);

#endif
