/* The verifier: a bundle and a policy in, a report out.
 *
 * It does no I/O of its own, reads no clock and no environment, and shares
 * nothing with the service but the pure code below both. */
#ifndef TEELOG_VERIFY_H
#define TEELOG_VERIFY_H

#include "teelog/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum teelog_verdict { TEELOG_REJECTED, TEELOG_UNPINNED, TEELOG_TRUSTED };

/* A relying party's policy (docs/policy.md). */
struct teelog_policy;
/* json need not be NUL-terminated. On failure *out is untouched and message (of
 * message_size bytes, may be NULL) says which member is wrong: TL_E_POLICY. */
tl_err teelog_policy_read(struct teelog_policy **out, const char *json, size_t json_size,
                          char *message, size_t message_size) TL_MUST;
void teelog_policy_free(struct teelog_policy *policy);

/* Borrowed bytes. */
struct teelog_bytes {
    const uint8_t *p;
    size_t n;
};

struct teelog_verify_options {
    const struct teelog_policy *policy; /* borrowed; NULL: nothing is pinned */
    uint64_t time;                      /* Unix seconds at which evidence is judged */
    /* Collateral (JSON, docs/format.md section 8) that the caller brings; borrowed.
     * What is about an evidence's platform counts before the bundle's own. */
    const struct teelog_bytes *collaterals;
    size_t collateral_count;
    /* SHA-256 of the SubjectPublicKeyInfo of the root that evidence of hardware
     * must come from; NULL: Intel's. For tests and for Intel's own test root. */
    const uint8_t *hardware_root;
    /* The caller's own nonce, of 16 to 64 bytes, that the log was asked over; borrowed.
     * The bundle then must hold the log's answer to it. NULL: not asked. */
    const uint8_t *nonce;
    size_t nonce_size;
    /* An older checkpoint of the log that the caller kept, a signed note; borrowed. The bundle
     * then must show that the log only grew since. .p NULL: none. */
    struct teelog_bytes since;
    unsigned threads; /* for signatures; 0: as many as there are CPUs, 1: none but the caller's */
    /* Gives up to cap bytes of the bundle; *got == 0 only at its end. */
    tl_err (*read)(void *ctx, uint8_t *out, size_t cap, size_t *got);
    void *ctx;
    /* Called now and then with the number of items read; may be NULL. */
    void (*progress)(void *ctx, uint64_t items);
    void *progress_ctx;
};

struct teelog_report;

/* TL_OK with a report for every bundle, however broken: a failed check is a
 * verdict. Other codes are failures of this machine (memory, reading), or TL_E_USAGE
 * for a nonce of another length, TL_E_NOTE or TL_E_CHECKPOINT for a since that is no
 * checkpoint; then *out is untouched and there is no verdict. */
tl_err teelog_verify(struct teelog_report **out, const struct teelog_verify_options *o) TL_MUST;
void teelog_report_free(struct teelog_report *r);

enum teelog_verdict teelog_report_verdict(const struct teelog_report *r);
const char *teelog_verdict_name(enum teelog_verdict v); /* "TRUSTED", … */
/* Some of the evidence is from a simulated platform: it proves nothing. */
bool teelog_report_simulated(const struct teelog_report *r);

/* One check (docs/verification.md). index is the leaf at fault, or UINT64_MAX. */
struct teelog_check {
    const char *name; /* static */
    bool ok;
    uint64_t index;
    char detail[240];
};
size_t teelog_report_check_count(const struct teelog_report *r);
const struct teelog_check *teelog_report_check(const struct teelog_report *r, size_t i);

/* One agent of the bundle, in bytewise order of id; there are none where REJECTED. */
struct teelog_agent {
    const char *id; /* borrowed from the report */
    /* Its statements in the bundle. complete: nothing of it is missing up to the
     * checkpoint. */
    uint64_t count, first_seq, last_seq;
    bool complete;
    /* Records whose body is absent, without and with an erasure in the bundle that names
     * them; and those that one names, though their body is here. */
    uint64_t withheld, erased, disclosed;
};
size_t teelog_report_agent_count(const struct teelog_report *r);
struct teelog_agent teelog_report_agent(const struct teelog_report *r, size_t i);

/* The whole report as JSON (docs/report.schema.json), as text for people, or as one
 * page of HTML that refers to nothing outside itself. A NUL-terminated string that the
 * caller frees with free(); NULL where memory is short. */
char *teelog_report_json(const struct teelog_report *r);
char *teelog_report_text(const struct teelog_report *r);
char *teelog_report_html(const struct teelog_report *r);
/* The keys by which the log's boots in the bundle sign receipts, those of the 256 newest, as a
 * COSE_KeySet, for others' tools: teelog_logged_verify (proof.h) takes the report itself. They are
 * worth what the verdict is. The caller frees with free(); NULL where it is REJECTED, or memory is
 * short. */
uint8_t *teelog_report_service_keys(const struct teelog_report *r, size_t *n);
/* A policy that pins what this bundle shows, as JSON; NULL with a message where
 * the report holds a failed check. For a person to review. */
char *teelog_report_policy(const struct teelog_report *r, char *message, size_t message_size);

#endif
