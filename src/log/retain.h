/* Retention: bodies of records that are older than their type is to be kept are erased,
 * with the reason "retention". Age is by the time in the statement and the service's
 * clock, which the host controls (docs/erasure.md). */
#ifndef TL_LOG_RETAIN_H
#define TL_LOG_RETAIN_H

#include "log/log.h"

#define RETAIN_MAX 64 /* rules */

struct retain_rule {
    char type[TYPE_MAX + 1]; /* "*": every type without a rule of its own */
    uint64_t keep_ms;
};
/* Reads "TYPE=N", N a number of days, or with s, m, h or d behind it. */
tl_err retain_rule_read(struct retain_rule *out, const char *text, struct tl_why *why) TL_MUST;

struct retain_options {
    struct retain_rule rules[RETAIN_MAX];
    size_t count;
    /* Called where records were erased, or could not be; from its thread. */
    void (*say)(void *ctx, const char *text);
    void *ctx;
};

struct retain;
/* Looks at once, and again each hour, or as often as the shortest time to keep; on a
 * thread of its own, a little at a time. o is copied. */
tl_err retain_start(struct retain **out, struct log *log, const struct retain_options *o) TL_MUST;
/* Before log_close. NULL is fine. */
void retain_stop(struct retain *r);

#endif
