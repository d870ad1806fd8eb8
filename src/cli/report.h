/* A file of a bundle to a report: what `verify` and `policy init` share. */
#ifndef TL_CLI_REPORT_H
#define TL_CLI_REPORT_H

#include "base/err.h"
#include "teelog/verify.h"

#define REPORT_COLLATERALS 8

struct report_options {
    const char *bundle;                          /* path, or "-" */
    const char *policy;                          /* path, or NULL */
    const char *at;                              /* Unix seconds as text, or NULL: now */
    const char *collaterals[REPORT_COLLATERALS]; /* paths */
    size_t collateral_count;
};

/* Reads, checks and reports; says what went wrong and returns an exit code
 * other than 0 where there is no report. */
int report_make(struct teelog_report **out, const struct report_options *o);

/* The same parts for other commands. path == NULL: no policy. An exit code, and
 * the user told. */
int policy_file_read(struct teelog_policy **out, const char *path);
/* --at: text as Unix seconds, now where it is NULL. */
int at_read(uint64_t *out, const char *text);

#endif
