/* Defects that lie deep: each alters one step of a log before it is quoted,
 * hashed and signed. */
#ifndef FAKECASE_H
#define FAKECASE_H

#include "fakeverify.h"

#define FAKE_ORIGIN "example.org/log"

/* The log that most tests alter. b signs by ES256K, and so does a after the second boot:
 *  0 boot            1 session a   2 a record     3 session b   4 b record
 *  5 a answer to 2   6 heads       7 a end        8 erasure of 4
 *  9 boot           10 session a  11 a answer to 5             12 heads */
struct fakelog *fake_case_log(fake_hook *hook, void *ctx);
/* The log that is being made. */
extern struct fakelog *fake_current;

enum { WHOLE = 1 << SCOPE_WHOLE, CHAIN = 1 << SCOPE_CHAIN, RECORDS = 1 << SCOPE_RECORDS };
#define EVERY (WHOLE | CHAIN | RECORDS)

struct fake_case {
    const char *name;
    uint64_t index;
    enum fake_point point;
    void (*change)(struct fake_step *s);
    const char *check; /* NULL: nothing is wrong */
    unsigned scopes;   /* that show it */
    uint64_t at;       /* index to be named, where it is not .index */
};

/* The scope's bundle of that log: all, the chain of a, or 5 and 11. */
struct fake_bundle *fake_case_bundle(const struct fakelog *f, enum bundle_scope scope);
void fake_case_run(const struct fake_case *c, const struct teelog_policy *policy);

#endif
