/* One thread that asks a platform for quotes: one at a time, and so that nobody waits for a
 * platform that does not answer. A call that hangs cannot be interrupted (under Gramine it is an
 * open); who waited is told so after the deadline, its answer is thrown away when it comes, and
 * then the platform is asked again. */
#ifndef TL_TEE_ASKER_H
#define TL_TEE_ASKER_H

#include "tee/platform.h"

struct asker;

/* Borrows the platform. The thread is made at the first question: run forks before. */
tl_err asker_new(struct asker **out, struct tee *tee) TL_MUST;
/* As tee_quote, without its checks. Any thread. TL_E_NO_QUOTE where none was made for
 * the deadline. */
tl_err asker_ask(struct asker *a, const uint8_t report_data[64], buf *quote, buf *event_log,
                 struct tl_why *why) TL_MUST;
void asker_set_deadline(struct asker *a, unsigned ms);
/* Frees, and closes the platform: at once, or where it is being asked (by somebody who has given
 * up, or who was left behind and still waits) when it answers: at the end of the process, where it
 * never does. */
void asker_close(struct asker *a);

#endif
