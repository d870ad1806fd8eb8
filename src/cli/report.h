/* A file of a bundle to a report: what `verify` and `policy init` share. */
#ifndef TL_CLI_REPORT_H
#define TL_CLI_REPORT_H

#include "base/err.h"
#include "teelog/verify.h"

struct report_options {
    const char *bundle; /* path, or "-" */
    const char *policy; /* path, or NULL */
    const char *at;     /* Unix seconds as text, or NULL: now */
};

/* Reads, checks and reports; says what went wrong and returns an exit code
 * other than 0 where there is no report. */
int report_make(struct teelog_report **out, const struct report_options *o);

#endif
