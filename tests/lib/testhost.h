/* What the tests of the host's side share (docs/threat-model.md): a small and a
 * large log, stopped, which each test finds as they were made. */
#ifndef TESTHOST_H
#define TESTHOST_H

#include "testlog.h"

#define SMALL      40  /* records of the small log, beside the one with a request id */
#define LARGE      600 /* of the large one, which has two complete tiles */

/* Alice's next record in the log as it was made: after her session, the
 * record with a request id, half of the others, and her end comes the session. */
#define SMALL_NEXT (1 + 1 + SMALL / 2 + 1 + 1)
#define LARGE_NEXT (1 + 1 + LARGE / 2 + 1 + 1)

extern struct world small, large;
extern struct world small_kept; /* stopped, as it was at first */
extern const struct log_export_options whole;

int host_set_up_all(void **state);
int host_tear_down_all(void **state);
int host_set_up(void **state);
/* Puts one of them back to what it was. */
void begin_again(struct world *w);

/* A start fails with this error and a sentence that has these words; so does
 * opening the log to read, and the database is left as it is. */
void refuses(struct world *w, tl_err want, const char *words);
/* A start works, appends go on where they stood, and the whole history is
 * TRUSTED and holds no (subject, seq) twice. The log is left running. */
void starts(struct world *w, uint64_t alice_seq);
/* The running log's bundle; h may be NULL. */
enum teelog_verdict verdict_now(struct world *w, const struct log_export_options *o,
                                struct history *h);
void export_fails(struct world *w, const struct log_export_options *o, tl_err want,
                  const char *words);
void fsck_says(struct world *w, const char *words);
void fsck_is_content(struct world *w);
/* Repeats the record with a request id, which is the leaf at 2. */
struct log_receipt pay_again(struct world *w);

#endif
