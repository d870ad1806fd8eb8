/* Records of an agent on their way to its log: the text of one request, and what its answer is
 * held against. No I/O but the random generator. */
#ifndef TL_CLIENT_OUTGOING_H
#define TL_CLIENT_OUTGOING_H

#include "base/buf.h"
#include "teelog/client.h"
#include "verify/receipt_check.h"

struct outgoing_record {
    struct receipt_sent sent;
    buf attributes; /* encoded */
    const char *request_id;
};

struct outgoing {
    buf body; /* a line a record */
    size_t count;
    struct outgoing_record *records; /* borrow from the caller's */
};

/* Gives ids to those of the caller's records that have none; they cannot be below seen. TL_E_USAGE
 * names what no service would take; outgoing_finish in any case. */
tl_err outgoing_make(struct outgoing *o, struct teelog_client_record *records, size_t count,
                     const struct receipt_seen *seen, struct tl_why *why) TL_MUST;
void outgoing_finish(struct outgoing *o);
/* No answer that is true is longer, in bytes. */
size_t outgoing_answer_max(const struct outgoing *o);
/* The body of an answer of status 200. TL_OK: all of them are logged. TL_E_USAGE, or
 * TL_E_BUSY where they may be sent again: all but those whose receipts say so. TL_E_PEER: it is no
 * such answer; receipts say which were checked before.
 */
tl_err outgoing_answered(const struct outgoing *o, struct teelog_client_receipt *receipts,
                         slice answer, const struct note_key *log_key, struct receipt_seen *seen,
                         struct tl_why *why) TL_MUST;

#endif
