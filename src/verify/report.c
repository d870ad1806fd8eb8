#include "verify/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *check_name(enum check c)
{
#define CHECK_NAME(name, text) [CHECK_##name] = text,
    static const char *const names[] = {CHECK_TABLE(CHECK_NAME)};
#undef CHECK_NAME
    return names[c];
}

tl_err report_fail(struct teelog_report *r, enum check c, uint64_t index, const char *fmt, ...)
{
    struct report_result *v = &r->results[c];
    if (v->state == CHECK_FAILED && v->index <= index)
        return VERDICT;
    va_list args;
    va_start(args, fmt);
    vsnprintf(v->detail, sizeof v->detail, fmt, args);
    va_end(args);
    v->state = CHECK_FAILED;
    v->index = index;
    return VERDICT;
}

void report_end(struct teelog_report *r, enum check c, enum check_state state, const char *fmt, ...)
{
    struct report_result *v = &r->results[c];
    if (v->state == CHECK_FAILED)
        return;
    va_list args;
    va_start(args, fmt);
    vsnprintf(v->detail, sizeof v->detail, fmt, args);
    va_end(args);
    v->state = state;
    v->index = NO_INDEX;
}

bool report_failed(const struct teelog_report *r)
{
    for (int c = 0; c < CHECK_COUNT; c++)
        if (r->results[c].state == CHECK_FAILED)
            return true;
    return false;
}

/* TRUSTED wants every check passed by name: one that was forgotten, or not
 * reached, is open, and an open check is never good enough. */
static enum teelog_verdict conclude(const struct teelog_report *r)
{
    enum teelog_verdict verdict = TEELOG_TRUSTED;
    for (int c = 0; c < CHECK_COUNT; c++) {
        if (r->results[c].state == CHECK_UNPINNED)
            verdict = TEELOG_UNPINNED;
        else if (r->results[c].state != CHECK_PASSED && r->results[c].state != CHECK_NOT_ASKED)
            return TEELOG_REJECTED;
    }
    return verdict;
}

void report_conclude(struct teelog_report *r)
{
    r->verdict = conclude(r);
    r->check_count = 0;
    for (int c = 0; c < CHECK_COUNT; c++) {
        const struct report_result *v = &r->results[c];
        if (v->state != CHECK_PASSED && v->state != CHECK_FAILED)
            continue;
        struct teelog_check *out = &r->checks[r->check_count++];
        out->name = check_name((enum check)c);
        out->ok = v->state == CHECK_PASSED;
        out->index = v->index;
        memcpy(out->detail, v->detail, sizeof out->detail);
    }
}

void teelog_report_free(struct teelog_report *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->agent_count; i++)
        free(r->agents[i].peers);
    free(r->agents);
    free(r->gaps);
    free(r->codes);
    free(r);
}

enum teelog_verdict teelog_report_verdict(const struct teelog_report *r)
{
    return r->verdict;
}

bool teelog_report_simulated(const struct teelog_report *r)
{
    return r->simulated;
}

const char *teelog_verdict_name(enum teelog_verdict v)
{
    switch (v) {
    case TEELOG_TRUSTED:
        return "TRUSTED";
    case TEELOG_UNPINNED:
        return "UNPINNED";
    default:
        return "REJECTED";
    }
}

size_t teelog_report_check_count(const struct teelog_report *r)
{
    return r->check_count;
}

const struct teelog_check *teelog_report_check(const struct teelog_report *r, size_t i)
{
    return &r->checks[i];
}

size_t teelog_report_agent_count(const struct teelog_report *r)
{
    return r->agent_count;
}

struct teelog_agent teelog_report_agent(const struct teelog_report *r, size_t i)
{
    const struct report_agent *a = &r->agents[i];
    return (struct teelog_agent){
        .id = a->id,
        .count = a->count,
        .first_seq = a->first_seq,
        .last_seq = a->last_seq,
        .complete = report_agent_complete(r, a),
        .withheld = a->bodies[BODY_WITHHELD],
        .erased = a->bodies[BODY_ERASED],
        .disclosed = a->bodies[BODY_DISCLOSED],
    };
}
