/* What TCB info and QE identity have in common: reading Intel's signed JSON
 * member by member, keeping what was wrong and where. Private to tcb_info.c and
 * qe_identity.c. Pure. */
#ifndef TL_ATTEST_SIGNED_JSON_H
#define TL_ATTEST_SIGNED_JSON_H

#include "attest/tcb_info.h"
#include "codec/json.h"

/* Errors are those of r, and as sticky. */
struct in {
    js r;
    slice text;       /* all of it */
    const char *at;   /* the member that was read last, at any depth; never NULL */
    const char *says; /* what is wrong with it; NULL: what the error says */
};

/* A member's name and its length, so that most comparisons are of one byte. */
struct name {
    uint8_t n;
    const char *s;
};
#define NAME(text)                                                                                 \
    {                                                                                              \
        sizeof(text) - 1, text                                                                     \
    }
#define BIT(i)          (UINT32_C(1) << (i))
#define COUNT_OF(names) (sizeof(names) / sizeof *(names))
#define ALL_OF(names)   (BIT(COUNT_OF(names)) - 1) /* their bits */

struct in in_of(slice text);
void in_fail(struct in *in, tl_err err, const char *at, const char *says);
/* The error, explained with the place in the text, or TL_OK where all of the text was read. */
tl_err in_end(struct in *in, struct tl_why *why) TL_MUST;

/* In an object: which of the names the next member has, its bit then set in *seen;
 * members with other names are skipped. -1 at the end, or after an error. */
int in_member(struct in *in, const struct name *names, size_t count, uint32_t *seen);
/* The bits of need are in seen; the first that is not is said to be missing. */
void in_need(struct in *in, const struct name *names, uint32_t seen, uint32_t need);

/* Values. After an error they are zero, or the bytes untouched. */
void in_hex(struct in *in, uint8_t *out, size_t n);
uint64_t in_time(struct in *in);
/* One of the statuses whose bits are in allowed. */
enum tcb_status in_status(struct in *in, uint32_t allowed);
struct advisories in_advisories(struct in *in);

/* For a list of count elements, each of size bytes: the list with room for one
 * more, zeroed; NULL after an error, the list being then as it was. */
void *in_room(struct in *in, void *list, size_t size, size_t count, size_t max, const char *name);

/* A list of levels of one SVN, sorted, highest first; *levels is NULL before. */
void in_svn_levels(struct in *in, struct svn_level **levels, size_t *count, uint32_t allowed);

/* The next update is not before the issue. */
void in_dates(struct in *in, uint64_t issue_date, uint64_t next_update);

#endif
