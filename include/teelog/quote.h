/* DCAP quotes: what is in one, and whether to rely on it.
 *
 * Nothing here does I/O, reads a clock or the environment. */
#ifndef TEELOG_QUOTE_H
#define TEELOG_QUOTE_H

#include "teelog/verify.h"

struct teelog_quote_options {
    struct teelog_bytes quote;
    struct teelog_bytes collateral; /* JSON, docs/format.md section 8; .p == NULL: none */
    uint64_t time;                  /* Unix seconds */
    /* SHA-256 of the SubjectPublicKeyInfo of the root to trust; NULL: the policy's,
     * where it is for a simulator, else Intel's. */
    const uint8_t *root;
    const struct teelog_policy *policy;     /* NULL: the default one, which pins nothing */
    struct teelog_bytes event_log, compose; /* dstack's event log and app-compose file;
                                               .p == NULL: none */
    struct teelog_quote_cache *cache;       /* may be NULL */
};

/* Remembers collateral and certificate chains whose signatures were good, for
 * one thread. It never changes a verdict: dates, roots, revocation and the quote
 * itself are checked each time. */
struct teelog_quote_cache;
tl_err teelog_quote_cache_new(struct teelog_quote_cache **out) TL_MUST;
void teelog_quote_cache_free(struct teelog_quote_cache *cache); /* NULL is fine */

/* What was found; opaque, and freed by the caller. It borrows nothing. */
struct teelog_quote_report;
/* TL_OK with a report for every input, however broken; TL_E_MEMORY where there
 * could be no verdict. */
tl_err teelog_quote_verify(struct teelog_quote_report **out,
                           const struct teelog_quote_options *o) TL_MUST;
void teelog_quote_report_free(struct teelog_quote_report *r);

/* Whether the quote is genuine: everything but the policy. */
bool teelog_quote_ok(const struct teelog_quote_report *r);
/* The stage that failed, static; NULL where ok (docs/verification.md). */
const char *teelog_quote_stage(const struct teelog_quote_report *r);
/* Genuine, and the policy has nothing against it. */
bool teelog_quote_accepted(const struct teelog_quote_report *r);
/* The policy names this code. Accepted and not pinned is as much as "some genuine
 * platform runs something". */
bool teelog_quote_pinned(const struct teelog_quote_report *r);
/* Intel's name of the TCB status ("UpToDate"), static; NULL where not ok. */
const char *teelog_quote_tcb_status(const struct teelog_quote_report *r);
/* The whole report; strings for free(), NULL where memory is short. */
char *teelog_quote_report_json(const struct teelog_quote_report *r);
char *teelog_quote_report_text(const struct teelog_quote_report *r);

/* Every field of a quote, unverified, as JSON or as text for people. *out is for
 * free(). On failure message says what is wrong with the quote. */
tl_err teelog_quote_show(char **out, const uint8_t *quote, size_t size, bool json, char *message,
                         size_t message_size) TL_MUST;

/* Replays dstack's event log and compares with the RTMRs of a TDX quote, which is
 * not verified here (teelog_quote_verify does both). log: the JSON array of events,
 * or an object with a member event_log that is one, or a string with one. compose:
 * the app-compose file, or NULL. *out (JSON or text, for free()) and *ok are set
 * for every input, however broken; TL_E_MEMORY, and message, where there could be
 * no answer. What the log names is shown only where all four RTMRs agree. */
tl_err teelog_eventlog_show(char **out, bool *ok, const uint8_t *log, size_t log_size,
                            const uint8_t *quote, size_t quote_size, const uint8_t *compose,
                            size_t compose_size, bool json, char *message,
                            size_t message_size) TL_MUST;

/* SHA-256 of the SubjectPublicKeyInfo of the certificate in pem, for the root
 * members above. */
tl_err teelog_root_from_pem(uint8_t out[32], const char *pem, size_t size) TL_MUST;

#endif
