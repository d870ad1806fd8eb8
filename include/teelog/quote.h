/* DCAP quotes: what is in one, and whether to rely on it.
 *
 * To rely on a quote: give teelog_quote_verify a policy that names the code, and in
 * report_data what the other side had to put there (a nonce of yours, a hash of its
 * key); then use teelog_quote_accepted(r) && teelog_quote_pinned(r), nothing less.
 * Without report_data even an accepted and pinned quote may be an old one, or one
 * that was made for somebody else. examples/quote_verify.c is a whole program.
 *
 * Nothing here does I/O, reads a clock or the environment. OpenSSL's error queue
 * of the calling thread is emptied. */
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
    /* The quote's report data has to begin with these 1 to 64 bytes, and to be zero
     * after them; any other number of bytes is refused, and so is NULL with a number.
     * {NULL, 0}: not asked, and whom the quote was made for is not known. */
    struct teelog_bytes report_data;
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

/* Whether the quote is genuine, and the event log and compose file, where they were
 * given, are its own. That is no reason to rely on it: it is true of any code on any
 * genuine platform, of a debug enclave that the host reads at will, and of a platform
 * whose TCB Intel calls Revoked. It says that the values below can be believed. */
bool teelog_quote_ok(const struct teelog_quote_report *r);
/* The stage that failed, static; NULL where ok (docs/verification.md). */
const char *teelog_quote_stage(const struct teelog_quote_report *r);
/* Genuine, and nothing in the policy (or the default one) is against it: TCB status,
 * debug attributes and so on; and the report data is what was asked for, where it was.
 * Accepted and not pinned is as much as "some genuine platform runs something". */
bool teelog_quote_accepted(const struct teelog_quote_report *r);
/* Accepted, and the policy names the code or its signer: anything but
 * TEELOG_PIN_NONE. It does not say whom the quote was made for (report_data). */
bool teelog_quote_pinned(const struct teelog_quote_report *r);

/* How far the policy pins what runs there. */
enum teelog_pin {
    TEELOG_PIN_NONE,   /* not at all, or the quote is not accepted */
    TEELOG_PIN_SIGNER, /* SGX: MRSIGNER, product id and least SVN. Whoever holds the signing
                          key can make other code that fits */
    TEELOG_PIN_CODE    /* by its measurements */
};
enum teelog_pin teelog_quote_pin(const struct teelog_quote_report *r);

/* What is in the quote; where not ok, false resp. NULL. Borrowed from r. */

/* Signed under another root than Intel's, which the caller or the policy named: it
 * proves nothing about hardware. */
bool teelog_quote_simulated(const struct teelog_quote_report *r);
/* Intel's name of the TCB status ("UpToDate"), static. */
const char *teelog_quote_tcb_status(const struct teelog_quote_report *r);
/* 64 bytes. To compare all of them is better left to the option report_data. */
const uint8_t *teelog_quote_report_data(const struct teelog_quote_report *r);
/* By its name in the JSON report: of an enclave "mrenclave" and "mrsigner" (32 bytes),
 * of a TD "mrtd", "rtmr0" to "rtmr3", "mrconfigid", "mrowner", "mrownerconfig",
 * "mrseam", "mrsignerseam", and of a TD report 1.5 "mrservicetd" (48 bytes). .p == NULL
 * where the quote has no such measurement. */
struct teelog_bytes teelog_quote_measurement(const struct teelog_quote_report *r, const char *name);

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
