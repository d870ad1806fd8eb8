#include "base/calendar.h"

#include "base/refuse.h"

#include <inttypes.h>
#include <stdio.h>

#define YEAR_10000 UINT64_C(253402300800)

static unsigned days_in_month(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return leap && month == 2 ? 29 : days[month - 1];
}

/* Days from 1970-01-01 to the first day of year >= 1970. */
static uint64_t days_to_year(uint64_t year)
{
    uint64_t y = year - 1;
    return 365 * (year - 1970) + (y / 4 - 1969 / 4) - (y / 100 - 1969 / 100) +
           (y / 400 - 1969 / 400);
}

bool calendar_to_unix(uint64_t *out, const struct calendar *c)
{
    if (REFUSED(c->year < 1970) || REFUSED(c->month < 1 || c->month > 12) ||
        REFUSED(c->day < 1 || c->day > days_in_month(c->year, c->month)) || REFUSED(c->hour > 23) ||
        REFUSED(c->minute > 59) || REFUSED(c->second > 59))
        return false;
    uint64_t days = days_to_year(c->year) + c->day - 1;
    for (unsigned m = 1; m < c->month; m++)
        days += days_in_month(c->year, m);
    *out = ((days * 24 + c->hour) * 60 + c->minute) * 60 + c->second;
    return true;
}

void calendar_from_unix(struct calendar *out, uint64_t seconds)
{
    uint64_t days = seconds / 86400, in_day = seconds % 86400;
    /* No year is longer than 366 days, so that this is at most the year sought. */
    unsigned year = 1970 + (unsigned)(days / 366), month = 1;
    while (year < 9999 && days_to_year(year + 1) <= days)
        year++;
    unsigned day = (unsigned)(days - days_to_year(year));
    for (; month < 12 && day >= days_in_month(year, month); month++)
        day -= days_in_month(year, month);
    *out = (struct calendar){.year = year,
                             .month = month,
                             .day = day + 1,
                             .hour = (unsigned)(in_day / 3600),
                             .minute = (unsigned)(in_day / 60 % 60),
                             .second = (unsigned)(in_day % 60)};
}

static const char *text(char out[CALENDAR_TEXT], uint64_t seconds, char between, const char *zone)
{
    struct calendar c;
    if (seconds >= YEAR_10000) {
        snprintf(out, CALENDAR_TEXT, "%" PRIu64 " seconds since 1970", seconds);
        return out;
    }
    calendar_from_unix(&c, seconds);
    snprintf(out, CALENDAR_TEXT, "%04u-%02u-%02u%c%02u:%02u:%02u%s", c.year, c.month, c.day,
             between, c.hour, c.minute, c.second, zone);
    return out;
}

const char *calendar_text(char out[CALENDAR_TEXT], uint64_t seconds)
{
    return text(out, seconds, ' ', " UTC");
}

const char *calendar_rfc3339(char out[CALENDAR_TEXT], uint64_t seconds)
{
    return text(out, seconds, 'T', "Z");
}

tl_err calendar_rfc3339_read(uint64_t *out, slice text)
{
    static const char form[] = "0000-00-00T00:00:00Z";
    struct calendar c = {0};
    unsigned *part[] = {&c.year, &c.month, &c.day, &c.hour, &c.minute, &c.second};
    size_t parts = 0;
    if (REFUSED(text.n != sizeof form - 1))
        return TL_E_ENCODING;
    for (size_t i = 0; i < text.n; i++) {
        unsigned digit = (unsigned)text.p[i] - '0';
        if (form[i] != '0') {
            if (REFUSED(text.p[i] != (uint8_t)form[i]))
                return TL_E_ENCODING;
            parts++;
        } else if (REFUSED(digit > 9)) {
            return TL_E_ENCODING;
        } else {
            *part[parts] = *part[parts] * 10 + digit;
        }
    }
    return REFUSED(!calendar_to_unix(out, &c)) ? TL_E_ENCODING : TL_OK;
}
