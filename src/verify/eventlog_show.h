/* dstack's event log in the forms in which it is handed around. */
#ifndef TL_VERIFY_EVENTLOG_SHOW_H
#define TL_VERIFY_EVENTLOG_SHOW_H

#include "base/buf.h"

/* The array of events in text: text itself, or the member event_log of an object,
 * as an array (dstack's tcb_info) or as a string with one in it (its GetQuote).
 * *out is borrowed from text or from decoded. */
tl_err eventlog_find(slice *out, buf *decoded, slice text, struct tl_why *why) TL_MUST;

#endif
