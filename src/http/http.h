/* The log over HTTP/1.1, on a Unix socket and on TCP (teelog-serve(1) lists the routes).
 *
 * One thread runs one event loop and owns every connection. What the log
 * answers on its owner thread comes to the loop through a queue. */
#ifndef TL_HTTP_HTTP_H
#define TL_HTTP_HTTP_H

#include "log/log.h"

#define HTTP_BODY_MAX       (8u << 20) /* bytes of one request's body */
#define HTTP_LINES_MAX      16384      /* records in one request */
#define HTTP_FULL_LINES_MAX 1024       /* the same with ?receipt=full */

/* Bytes that requests, queries and answers may have together, unless http_limits says so, and
 * the least that it may say: shares.h says who gets what of it. */
#define HTTP_MEMORY         ((size_t)512 << 20)
#define HTTP_MEMORY_LEAST   ((size_t)16 << 20)
#define HTTP_MEMORY_MOST    ((size_t)1 << 40)

/* One answered request, for an access log. Nothing private: the path is without its
 * query. */
struct http_access {
    slice method, path; /* borrowed; what the client sent, within the gate's alphabet */
    int status;         /* 0: the client was gone before an answer began */
    bool cut;           /* the answer's end was not handed over */
    uint64_t us, body_bytes;
};

/* How much is let in; 0 stands for service.c's default. Who comes over the socket without
 * a token, or is the command of `teelog run`, has no limits: he could as well stop the
 * service. */
struct http_limits {
    unsigned connections, peer_connections; /* over TCP: in all, and of one peer address */
    unsigned requests, records;             /* a second, of a token or a peer address */
    size_t memory;                          /* HTTP_MEMORY, in bytes */
};

struct http_config {
    const char *socket_path;
    /* The token of `teelog run`: where it is set, nothing but what is public works
     * without a token; with this one appends come from run's child, and exports are
     * without bodies. Where NULL, whoever can open the socket (mode 0600) and shows no
     * token may do all. Any token of the log's (log/tokens.h) is good for its scopes. */
    const char *run_token;
    const char *const *agents; /* with a run token: the only ones it is good for; */
    size_t agent_count;        /* 0: any */
    /* SHA-256 of a text that is good for admin as well: for services whose socket nobody can
     * reach, who would have no first token otherwise. NULL: there is none. */
    const uint8_t *admin_digest;
    /* Over TCP as well, beside the socket: the address (tcp_socket.h), or NULL. */
    const char *listen;
    /* Its TLS: called on the loop's thread for each connection, for a reference to what
     * it is made with; NULL where it cannot be. Where tls itself is NULL it is plain. */
    struct ssl_ctx_st *(*tls)(void *ctx);
    void *tls_ctx;
    /* Lets attested peers in, whose certificates it judges (admit.h); borrowed. NULL: there are
     * none. admit_end comes before http_stop. */
    struct admit *admit;
    struct http_limits limits;
    /* Called on the loop's thread after each request; may be NULL. */
    void (*access)(void *ctx, const struct http_access *a);
    void *access_ctx;
    /* Called there where an answer cannot be finished that has begun, with the reason; the
     * parts as of http_access; may be NULL. */
    void (*broke_off)(slice method, slice path, const char *why);
};

struct http_service;
struct tcp_address;
struct witness_state;

/* Binds the socket and starts the thread. A socket file on which nobody answers
 * is replaced; TL_E_LOCKED where a service answers. log and config are borrowed
 * until http_stop. The process must ignore SIGPIPE. */
tl_err http_start(struct http_service **out, struct log *log, const struct http_config *config,
                  struct tl_why *why) TL_MUST;
/* The same of a witness (witness/state.h), which is the loop's from then on: anybody may ask, and
 * over TCP from this machine without TLS too. */
tl_err http_start_witness(struct http_service **out, struct witness_state *witness,
                          const struct http_config *config, struct tl_why *why) TL_MUST;
/* The address that it listens on over TCP, with its port; NULL where it does not. */
const struct tcp_address *http_listening(const struct http_service *s);
/* Takes no more requests, answers those that were taken, removes the socket
 * file, joins and frees. NULL is fine. */
void http_stop(struct http_service *s);

#endif
