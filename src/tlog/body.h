/* Bodies (docs/format.md section 5). Readers borrow from their input; all of
 * them refuse labels, types and lengths that the page does not allow, and values
 * that disagree within one body, with TL_E_BODY, TL_E_KEY or a CBOR error. Pure. */
#ifndef TL_TLOG_BODY_H
#define TL_TLOG_BODY_H

#include "tlog/heads.h"
#include "tlog/note.h"
#include "tlog/statement.h"

#define BODY_SALT             16
#define RECORD_ID_MAX         256     /* bytes of room_id and user_id */
#define RECORD_CONTENT_MAX    1048576 /* bytes */
#define RECORD_ATTRIBUTES_MAX 65536   /* bytes, encoded */
#define ATTRIBUTES_MAX_DEPTH  8
/* Longest body of a record, in bytes. */
#define BODY_MAX              (RECORD_CONTENT_MAX + RECORD_ATTRIBUTES_MAX + 2 * RECORD_ID_MAX + 256)
#define ERASURE_MAX           65536 /* indexes in one erasure */

enum admission {
    ADMISSION_CHILD = 1,
    ADMISSION_ATTESTED = 2,
    ADMISSION_BEARER = 3,
    ADMISSION_LAST = ADMISSION_BEARER,
};
#define ADMISSIONS (ADMISSION_LAST + 1) /* of arrays that these are places in */
/* The agent that `teelog run` logs as, beside its child and admitted as that is: what it
 * started, and how that ended. A service takes records of it from nobody else. */
#define RUN_AGENT  "teelog-run"

struct body_record {
    slice salt, room_id, user_id, content;
    slice attributes; /* the encoded map; empty where there is none */
};
tl_err body_record_read(struct body_record *out, slice body) TL_MUST;
void body_record_put(buf *b, const struct body_record *r);
/* Whether bytes are an attributes map as section 5 wants it. */
tl_err attributes_check(slice encoded) TL_MUST;

struct body_config {
    slice platform;
    slice quorum; /* .p == NULL for null */
    uint64_t faulty;
    bool degraded_starts, bodies_public;
    bool has_recovery;
    struct cose_ec2 recovery;
    slice sealing;
    uint8_t admissions; /* bit 1 << admission */
    bool has_command;
    hash32 command;
};
void body_config_read(cbor *c, struct body_config *out);
void body_config_put(buf *b, const struct body_config *c);
hash32 body_config_digest(const struct body_config *c);

struct body_boot {
    hash32 log_id;
    slice log_key;       /* verifier key text */
    struct note_key key; /* the same, parsed */
    struct cose_ec2 service;
    hash32 boot_id;
    uint64_t size;
    hash32 root;
    struct heads heads;
    struct body_config config;
    hash32 config_digest; /* of the encoded map */
    hash32 evidence;
    slice version;
    slice old_note; /* empty where there is none */
};
tl_err body_boot_read(struct body_boot *out, slice body) TL_MUST;
void body_boot_put(buf *b, const struct body_boot *v);

struct body_session {
    struct cose_ec2 agent;
    uint64_t boot;
    uint64_t size;
    hash32 root;
    hash32 about; /* label 5 */
    uint64_t admission;
    bool has_peer;
    hash32 peer_evidence;
    slice peer_spki, peer_claims;
    hash32 evidence;
};
tl_err body_session_read(struct body_session *out, slice body) TL_MUST;
void body_session_put(buf *b, const struct body_session *v);

tl_err body_heads_read(struct heads *out, slice body) TL_MUST;
void body_heads_put(buf *b, const struct heads *v);
tl_err body_end_read(slice body) TL_MUST;
void body_end_put(buf *b);
/* indexes: the caller's array of ERASURE_MAX; count written. A reason with
 * .p == NULL is none. */
tl_err body_erasure_read(uint64_t *indexes, size_t *count, slice *reason, slice body) TL_MUST;
void body_erasure_put(buf *b, const uint64_t *indexes, size_t count, slice reason);

/* Report data (section 8). log_tp: note_key_thumbprint; service_tp and
 * agent_tp: cose_ec2_thumbprint. */
struct boot_binding {
    slice origin;
    hash32 log_id, log_tp, service_tp, boot_id;
    uint64_t size;
    hash32 root, config_digest;
};
void binding_boot(uint8_t out[64], const struct boot_binding *v);

struct session_binding {
    slice origin;
    hash32 log_tp, boot_leaf;
    slice agent;
    hash32 agent_tp;
    int64_t alg;
    uint64_t size;
    hash32 root;
};
void binding_session(uint8_t out[64], const struct session_binding *v);

#endif
