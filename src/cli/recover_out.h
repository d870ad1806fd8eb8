/* What `teelog recover` leaves behind: a folder with what could be read, in forms that others
 * can check. */
#ifndef TL_CLI_RECOVER_OUT_H
#define TL_CLI_RECOVER_OUT_H

#include "log/recover.h"

#include <inttypes.h>
#include <stdbool.h>

/* In the folder. */
#define RECOVERED_RECORDS    "records.jsonl"
#define RECOVERED_BUNDLE     "log.teelog"
#define RECOVERED_CHECKPOINT "checkpoint"
/* Statements [from, to), where there is no bundle of all. */
#define RECOVERED_PART       "log-%" PRIu64 "-%" PRIu64 ".teelog"

#define RECOVER_RUNS_MAX     64
struct recover_run {
    uint64_t from, to;
};

struct recover_out {
    const char *dir, *data; /* borrowed; the second is where the log lies */
    struct log_recovery *recovery;
    struct log_recovered found;
    hash32 owner;   /* thumbprint of the recovery key */
    bool key_given; /* the log's, by the caller */
    /* Written: */
    uint64_t statements, records, opened, erased;
    uint64_t only_signed; /* of the statements */
    uint64_t lost_statements, lost_bodies;
    unsigned lost_shown;
    struct recover_run runs[RECOVER_RUNS_MAX]; /* that bundles can hold */
    size_t run_count, runs_left_out;
    bool has_bundle;         /* of all up to the checkpoint */
    struct tl_why no_bundle; /* why not */
    size_t parts;            /* bundles of parts, in its place */
};

/* Makes the folder, which must not be there, mode 0700, and the files in it, mode 0600. What
 * cannot be recovered is counted; a failure to write is an error, and leaves nothing. */
tl_err recover_out_write(struct recover_out *o, struct tl_why *why) TL_MUST;
/* Says what came of it: to people, or as a line of JSON. */
tl_err recover_out_say(const struct recover_out *o, bool json) TL_MUST;
/* Whether that is all that there was. */
bool recover_out_all(const struct recover_out *o);

#endif
