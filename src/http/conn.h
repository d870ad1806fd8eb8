/* One connection: what conn.c runs and accept.c makes. */
#ifndef TL_HTTP_CONN_H
#define TL_HTTP_CONN_H

#include "http/internal.h"

#define READ_AT_ONCE (64u << 10) /* bytes */

struct conn {
    struct http_service *service;
    struct door *door;
    uint64_t number;           /* from 1: no other of this service has it */
    struct peer peer;          /* of a TCP connection */
    struct limit_key who;      /* the last that asked for something on it */
    struct conn *next, **self; /* in the service's list */
    struct bufferevent *bev;
    enum { HEAD, BODY, DISCARD } state;
    struct exchange *first, **last; /* in the order of their requests */
    size_t count;
    bool shaking;              /* the TLS handshake is not done */
    struct judging *judging;   /* the certificate of its client is being judged */
    struct admitted *admitted; /* a reference: it is an attested peer's */
    tl_err peer_err;           /* why it is not, where a certificate was shown */
    struct tl_why peer_why;
    bool eof;     /* the client sends no more */
    bool winding; /* no new requests */
    bool dead;    /* to be freed at the end of this callback */
    bool running;
    bool shut; /* our sending half is closed */
    enum patience { FOR_EVER, FOR_REQUEST, FOR_NEXT, FOR_GOODBYE } waits;
    struct event *deadline; /* of what it waits for */
    uint64_t turn;          /* of the service, when it was last of use */
    size_t discarded;       /* bytes */
};

/* Without a request under way, or a part of one. */
bool conn_is_idle(const struct conn *c);
/* Sets the callbacks and begins to read. */
void conn_begin(struct conn *c);
void conn_on_deadline(evutil_socket_t fd, short what, void *ctx);

#endif
