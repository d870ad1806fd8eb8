/* The mark of a log that was handed over to a final backup. */
#ifndef TL_LOG_HANDOVER_H
#define TL_LOG_HANDOVER_H

#include "log/internal.h"

#define HANDOVER_MARK "handed_over" /* the small value's name */

/* TL_E_HANDED_OVER, and a sentence that names the backup, where the log was. TL_E_STORED
 * where somebody else marked it. */
tl_err handover_check(struct log *log, struct tl_why *why) TL_MUST;
/* Puts the mark, in a transaction of its own, where there is none. */
tl_err handover_mark(struct log *log, slice name, struct tl_why *why) TL_MUST;

#endif
