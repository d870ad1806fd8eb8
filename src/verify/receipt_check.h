/* Receipts as a client checks them, before it goes by them: that what it sent is logged, and in
 * the log that it means (docs/format.md section 11, "What a client checks"). Pure. */
#ifndef TL_VERIFY_RECEIPT_CHECK_H
#define TL_VERIFY_RECEIPT_CHECK_H

#include "tlog/note.h"

/* One record as it was sent; all borrowed. */
struct receipt_sent {
    slice agent, room, user, type, content;
    slice attributes; /* the encoded map (section 5), empty where there is none */
    bool has_ref;
    uint64_t ref;
    /* The lowest index that it can have: as many statements were there before it was first sent,
     * by a checkpoint that was checked. 0: not known, as under a request id that the caller has
     * used before. */
    uint64_t least;
};

/* The largest checkpoint that a client has seen of its log. Zeros: none yet. */
struct receipt_seen {
    uint64_t size;
    hash32 root;
};

/* What holds of a receipt that was checked. All but the class is shown by the log's key; that is
 * what the service says, and borrowed from the line. */
struct receipt_checked {
    uint64_t index, seq, time_ms, session;
    uint64_t tree_size;
    hash32 leaf;
    slice class;
    bool simulated, repeated; /* likewise as the service says */
};

/* One line of the answer to an append with receipt=full. TL_OK: it is the receipt of what was
 * sent, under this key, and *seen (which answers to later requests are checked by) has grown with
 * it. TL_E_MEMORY. Else TL_E_PEER, and why names the member at fault and says what to do: the
 * record must be taken as not logged. On failure *out and *seen are untouched. */
tl_err receipt_check(struct receipt_checked *out, slice line, const struct receipt_sent *sent,
                     const struct note_key *log_key, struct receipt_seen *seen,
                     struct tl_why *why) TL_MUST;

#endif
