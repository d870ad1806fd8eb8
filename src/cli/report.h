/* From files to a report and its verdict: what `verify`, `policy init` and `quote`
 * share. What is wrong is told to the user, and an exit code says of which kind. */
#ifndef TL_CLI_REPORT_H
#define TL_CLI_REPORT_H

#include "base/err.h"
#include "teelog/verify.h"
#include "tlog/fresh.h"

#define REPORT_COLLATERALS 8

struct report_options {
    const char *bundle;                          /* path, or "-" */
    const char *policy;                          /* path, or NULL */
    const char *at;                              /* Unix seconds as text, or NULL: now */
    const char *since;                           /* path of an older checkpoint, or NULL */
    const char *nonce;                           /* hex that the log was asked over, or NULL */
    const char *collaterals[REPORT_COLLATERALS]; /* paths */
    size_t collateral_count;
};

/* Reads a bundle, checks it and reports. Other than EXIT_GOOD: there is no report. */
int report_make(struct teelog_report **out, const struct report_options *o);
/* Prints a report, or a failure where text is NULL, and frees it. Returns code, or
 * EXIT_FAILED: a verdict that could not be said is none. */
int report_print(char *text, int code);

/* *out is untouched where path is NULL. */
int policy_file_read(struct teelog_policy **out, const char *path);
/* SHA-256 of the key of the root certificate in a PEM file; *out is untouched where
 * path is NULL. */
int root_file_read(uint8_t out[32], const char *path);
/* --nonce: hex of 16 to 64 bytes. */
int nonce_read(uint8_t out[FRESH_NONCE_MAX], size_t *size, const char *text);
/* --at: text as Unix seconds, now where it is NULL. */
int at_read(uint64_t *out, const char *text);

#endif
