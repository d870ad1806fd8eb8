/* Logs and bundles made in memory from the pure floors and the simulator, for
 * tests of the verifier. Any step can be altered before it is quoted, hashed
 * and signed, so that a defect may lie deep under sound signatures. */
#ifndef FAKELOG_H
#define FAKELOG_H

#include "attest/evidence.h"
#include "crypto/sign.h"
#include "tlog/body.h"
#include "tlog/bundle.h"
#include "tlog/checkpoint.h"

/* Where a hook is called, in this order, for each statement. */
enum fake_point {
    FAKE_FIELDS,   /* the body's members, before the binding is made from them */
    FAKE_BINDING,  /* boots and sessions: report_data, before it is quoted */
    FAKE_EVIDENCE, /* boots and sessions: the evidence item's members */
    FAKE_MEMBERS,  /* the body's members again, with the evidence digest */
    FAKE_BODY,     /* the encoded body */
    FAKE_HEADER,   /* st and key, before signing */
    FAKE_SIGNED    /* st.signature */
};

struct fake_step {
    uint64_t index;
    struct statement st; /* kid and all */
    struct sign_key key; /* signs */
    struct body_boot boot;
    struct body_session session;
    struct body_record record;
    struct heads heads;
    uint64_t erased[8];
    size_t erased_count;
    hash32 boot_leaf; /* of a session's binding */
    uint8_t report_data[64];
    struct evidence evidence;
    slice body;
};

typedef void fake_hook(void *ctx, enum fake_point point, struct fake_step *step);

struct fake_leaf {
    enum statement_kind kind;
    size_t subject; /* place in subjects */
    slice statement, body;
    hash32 hash, digest;
    hash32 evidence;        /* boots and sessions */
    hash32 peer;            /* an attested peer's */
    uint64_t size;          /* and the tree that they name */
    uint64_t session, boot; /* that it belongs to */
    struct heads heads;     /* boots and heads */
};

struct fake_subject {
    char id[SUBJECT_MAX + 1];
    uint64_t count, session;
    hash32 last_hash;
    struct sign_key key;
};

struct fake_evidence {
    hash32 digest;
    slice item;
};

/* Who asks for a session of admission 2; kept until fakelog_done. */
struct fake_peer {
    slice spki, claims;
    hash32 evidence;
};

struct fakelog {
    char origin[SUBJECT_MAX + 1];
    uint8_t seed[32];
    struct note_key log_key;
    char log_key_text[400];
    hash32 log_id;
    uint64_t time_ms, boot;
    uint64_t admission; /* of the next session, as are the next two */
    enum cose_alg alg;
    struct fake_peer peer; /* where attested; made then where .spki.p is NULL */
    struct body_config config;
    struct fake_leaf *leaves;
    hash32 *hashes; /* the leaves' */
    size_t count;
    struct fake_subject *subjects; /* the first is the origin */
    size_t subject_count;
    struct fake_evidence *evidence;
    size_t evidence_count;
    fake_hook *hook;
    void *hook_ctx;
};

/* The simulated platform's collateral, made once. Borrowed. */
slice fakelog_collateral(void);

/* One simulated platform serves all logs of the process. */
struct fakelog *fakelog_new(const char *origin);
void fakelog_free(struct fakelog *f);
/* Removes the simulated platform's files. */
void fakelog_done(void);

/* The thumbprint of a key; zeros where there is none. */
hash32 fake_kid(const struct sign_key *key);

void fakelog_boot(struct fakelog *f);
void fakelog_session(struct fakelog *f, const char *agent);
void fakelog_record(struct fakelog *f, const char *agent, const char *content);
void fakelog_answer(struct fakelog *f, const char *agent, const char *content, uint64_t ref);
void fakelog_end(struct fakelog *f, const char *agent);
void fakelog_heads(struct fakelog *f);
void fakelog_erasure(struct fakelog *f, const uint64_t *indexes, size_t count);
/* Another peer for the next sessions: with a fresh key where spki.p is NULL; its quote is of
 * this platform (NULL: the log's own) and over report_data (NULL: what belongs to the key). */
struct tee;
void fakelog_peer(struct fakelog *f, slice spki, struct tee *t, const uint8_t *report_data);
/* The subject's place; it is added where it is not there. */
size_t fakelog_subject(struct fakelog *f, const char *id);

/* A bundle as items, to be altered and written. Slices are borrowed from the
 * log, or belong to the bundle. */
struct fake_bundle {
    struct bundle_item *items; /* the first is the header */
    size_t count, capacity;
    bool keep_counts; /* write the header's counts and proof numbers as they stand */
    /* Write each item's collateral as it stands; otherwise the first evidence item
     * carries what any of them does, and the others point to it. */
    bool keep_collateral;
    slice collateral; /* that one */
};

/* agent: of a chain. picks: leaves of single records; their sessions and boots
 * come along. */
struct fake_bundle *fakelog_export(const struct fakelog *f, enum bundle_scope scope,
                                   const char *agent, const uint64_t *picks, size_t pick_count);
void fake_bundle_free(struct fake_bundle *b);
void fake_bundle_remove(struct fake_bundle *b, size_t at);
void fake_bundle_insert(struct fake_bundle *b, size_t at, const struct bundle_item *item);
/* An earlier checkpoint, after the other items. */
void fake_bundle_anchor(struct fake_bundle *b, const struct fakelog *f, uint64_t size);
/* The place of the n-th item of a kind. */
size_t fake_bundle_find(const struct fake_bundle *b, enum bundle_kind kind, size_t n);
/* The place of the n-th proof of a type. */
size_t fake_bundle_find_proof(const struct fake_bundle *b, enum bundle_proof type, size_t n);
size_t fake_bundle_find_leaf(const struct fake_bundle *b, uint64_t index);
/* What a fresh answer of f over this bundle is bound to: its last boot, its checkpoint. */
struct fresh_binding fake_fresh_binding(const struct fakelog *f, const struct fake_bundle *b,
                                        const struct fresh *answer);
/* Quotes it, and adds the evidence and the item. */
void fake_bundle_fresh(struct fake_bundle *b, const struct fresh_binding *quoted);
/* An evidence item over any report data; its place in the bundle. */
size_t fake_bundle_evidence(struct fake_bundle *b, const uint8_t report_data[64]);
/* Appends the bytes. */
void fake_bundle_put(buf *out, struct fake_bundle *b);
/* A signed checkpoint of the first size leaves; the caller frees .p. */
slice fakelog_checkpoint(const struct fakelog *f, uint64_t size);
/* An evidence item over this report data; lives until fakelog_done. */
slice fakelog_evidence(const uint8_t report_data[64]);
/* A copy that lives until fakelog_done. */
slice fake_keep(slice s);

#endif
