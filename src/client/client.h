/* A small strict HTTP/1.1 client over a Unix socket or TLS: blocking, keep-alive,
 * several requests may be under way. */
#ifndef TL_CLIENT_CLIENT_H
#define TL_CLIENT_CLIENT_H

#include "base/buf.h"
#include "client/link.h"
#include "tlog/note.h"

struct client;

/* token: sent as a bearer token; NULL for none. Both are borrowed. */
tl_err client_open(struct client **out, const char *socket, const char *token,
                   struct tl_why *why) TL_MUST;
/* The same of a service that is reached over TCP (link.h). */
tl_err client_open_url(struct client **out, const struct link_url *url,
                       const struct link_trust *trust, const char *token,
                       struct tl_why *why) TL_MUST;
/* Over a link that is open, which it takes over, also where it fails. where, borrowed: for
 * sentences, and for the field Host. */
tl_err client_over(struct client **out, struct link *link, const char *where, const char *host,
                   const char *token) TL_MUST;
void client_close(struct client *c);
int client_fd(const struct client *c);
/* Three bounds of time; waiting beyond one of them fails with TL_E_IO.
 * How long a service may be silent, in milliseconds; 120,000 where it is not set. */
void client_set_patience(struct client *c, int milliseconds);
int client_patience(const struct client *c);
/* For answers whose length nobody knows: how long each whole one may take, in milliseconds, however
 * often something comes, and what 64 KiB a second make of its body. No limit where it is not set.
 */
void client_set_limit(struct client *c, int milliseconds);
/* For who has to be done in time: nothing is waited for beyond until_ms, of client/clock.h (0: no
 * end). And no more than so many bytes, at least 1 MiB, of answers are kept that are not yet taken;
 * then TL_E_LIMIT. */
void client_set_bounds(struct client *c, int64_t until_ms, size_t bytes);
/* That error, for who waits on client_fd. */
tl_err client_silent(const struct client *c, struct tl_why *why) TL_MUST;
/* Its certificate showed a simulated platform. */
bool client_is_simulated(const struct client *c);
/* Bytes of an answer are here already: client_head will not wait for them. */
bool client_has_input(const struct client *c);

/* Sends a whole request. Answers that come meanwhile are kept. */
tl_err client_send(struct client *c, const char *method, const char *target, slice body,
                   struct tl_why *why) TL_MUST;

struct client_answer {
    int status;
    unsigned retry_after; /* seconds; 0: not said */
    bool close;           /* the service ends the connection after it */
    /* Of a bundle of a log with witnesses: its size, and the largest that a quorum of them has
     * cosigned. */
    bool witnessed;
    uint64_t size, cosigned;
};
/* Waits for the next answer's head. */
tl_err client_head(struct client *c, struct client_answer *out, struct tl_why *why) TL_MUST;
/* The next piece of that answer's body, borrowed until the next call. *more is
 * false at its end. TL_E_IO where the connection ended too early. */
tl_err client_body(struct client *c, slice *piece, bool *more, struct tl_why *why) TL_MUST;
/* The whole body, appended. */
tl_err client_body_all(struct client *c, buf *out, struct tl_why *why) TL_MUST;

/* One request, its answer and its body, appended; a status other than 200 to 299 is an
 * error whose sentence is the service's. */
tl_err client_get(struct client *c, const char *target, buf *out, struct tl_why *why) TL_MUST;
tl_err client_call(struct client *c, const char *method, const char *target, slice body, buf *out,
                   struct tl_why *why) TL_MUST;
/* The error that an answer of another status stands for; reads its body. */
tl_err client_refusal(struct client *c, const struct client_answer *a, struct tl_why *why) TL_MUST;
/* The same, of a body that has been read, or of a line of an answer to an append, where status
 * stands in for what the line does not say. */
tl_err client_refusal_of(slice body, int status, struct tl_why *why) TL_MUST;
/* A line of an answer to an append is no receipt, but what was wrong with the record. */
bool client_is_refusal(slice line);
/* The key that the service says is its log's. TL_E_PEER where it says none. */
tl_err client_log_key(struct client *c, struct note_key *out, struct tl_why *why) TL_MUST;

#endif
