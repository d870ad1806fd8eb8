/* UTC as people write it, and Unix seconds. Gregorian, from 1970 on, without leap
 * seconds. */
#ifndef TL_BASE_CALENDAR_H
#define TL_BASE_CALENDAR_H

#include "base/err.h"
#include "base/slice.h"

struct calendar {
    unsigned year, month, day, hour, minute, second; /* month and day from 1 */
};

/* False, and *out untouched, where there is no such time. The year is at most 9999. */
bool calendar_to_unix(uint64_t *out, const struct calendar *c);
/* seconds lie before the year 10000. */
void calendar_from_unix(struct calendar *out, uint64_t seconds);

/* "2025-06-04 09:25:11 UTC", or "N seconds since 1970" from the year 10000 on. */
#define CALENDAR_TEXT 48
const char *calendar_text(char out[CALENDAR_TEXT], uint64_t seconds);
/* The same for programs: "2025-06-04T09:25:11Z" (RFC 3339). */
const char *calendar_rfc3339(char out[CALENDAR_TEXT], uint64_t seconds);
/* Reads that form and no other, which has whole seconds and is in UTC. TL_E_ENCODING. */
tl_err calendar_rfc3339_read(uint64_t *out, slice text) TL_MUST;

#endif
