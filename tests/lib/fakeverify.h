/* Verifying made-up bundles, and saying what should come of it. */
#ifndef FAKEVERIFY_H
#define FAKEVERIFY_H

#include "fakelog.h"
#include "teelog/verify.h"

/* A time at which the simulator's certificates are valid. */
uint64_t fake_time(void);
/* policy may be NULL. Machine errors fail the test. The caller frees. */
struct teelog_report *fake_verify_bytes(slice bytes, const struct teelog_policy *policy);
/* The same with the caller's nonce; none where its .p is NULL. */
struct teelog_report *fake_verify_asked(slice bytes, const struct teelog_policy *policy,
                                        slice nonce);
struct teelog_report *fake_verify(struct fake_bundle *b, const struct teelog_policy *policy);
/* From JSON that must be good. */
struct teelog_policy *fake_policy(const char *json);
/* One that pins all that a whole bundle of f shows; f must be sound. */
struct teelog_policy *fake_policy_of(const struct fakelog *f);
/* The same as JSON. */
char *fake_policy_text(const struct fakelog *f);

/* These consume the report. index: NO_INDEX where none is to be named. */
void expect_verdict(struct teelog_report *r, enum teelog_verdict want);
void expect_failure(struct teelog_report *r, const char *check, uint64_t index);
#define ANY_INDEX (UINT64_MAX - 1)

#endif
