/* What the files of this floor share: the service, its connections, and the
 * exchanges (one request and its answer) on them. Everything here belongs to the
 * loop thread, but service_post. */
#ifndef TL_HTTP_INTERNAL_H
#define TL_HTTP_INTERNAL_H

#include "http/caller.h"
#include "http/head.h"
#include "http/http.h"
#include "http/shares.h"
#include "http/tcp_socket.h"

#include <event2/event.h>
#include <pthread.h>

#define CONNECTIONS_MAX 512        /* over the socket */
#define PIPELINE_MAX    4          /* requests of one connection under way */
#define UNSENT_MAX      (1u << 20) /* bytes waiting for a slow reader */

struct conn;
struct evbuffer;

/* A listener, and how many are in through it. */
struct door {
    struct http_service *service;
    bool tcp, tls;
    int fd; /* -1: closed */
    struct event *accept;
    size_t conns, conns_max;
};
enum { DOOR_SOCKET, DOOR_TCP, DOORS };

/* What the loop counts of its requests. */
struct http_stats {
    uint64_t answers[600];          /* by status */
    uint64_t cut;                   /* the client was gone, or the answer could not be finished */
    uint64_t accepted, turned_away; /* connections */
    uint64_t peers_admitted, peers_refused; /* connections that showed a certificate */
    struct histogram request_us; /* from head to the answer's last byte, exports and tails apart */
};

struct exchange {
    struct http_service *service;
    struct conn *conn; /* NULL once the client is gone */
    struct exchange *next;
    uint8_t *head_bytes; /* owned; head borrows from it */
    struct http_head head;
    struct caller caller;       /* owned; set before the body is read */
    struct place *place;        /* that it has taken, or NULL */
    uint8_t *body;              /* owned */
    size_t body_got, body_room; /* bytes of it that have come, and allocated */
    size_t held;                /* bytes that it has taken */
    struct evbuffer *out;       /* answer bytes on their way to the connection */
    int status;                 /* of the answer, 0 before it begins */
    const char *cache;          /* its Cache-Control, static; NULL: no-store */
    uint64_t began_us;          /* monotonic, when its head was read */
    bool complete;              /* the answer is whole */
    bool broken;                /* it cannot be finished: cut the connection off */
    bool close;                 /* the connection ends after it */
    bool endless;               /* an answer that goes on until the client leaves */

    /* A route that waits for the owner thread. */
    bool pending;                        /* held by the owner thread: not to be freed */
    struct exchange *next_done;          /* service_post's queue */
    void (*resume)(struct exchange *x);  /* after service_post */
    void (*drained)(struct exchange *x); /* room in the connection again; may be NULL */
    void (*gone)(struct exchange *x);    /* the client left while it was held; may be NULL */
    void *state;
    void (*state_free)(void *state);
};

/* What a service answers to. Further paths of a route that ends in '/': what comes after it is
 * the route's own affair. needs: the scopes of which a caller must have one. body_max: bytes,
 * 0 where it takes no body. large: its answers may be. */
struct http_route {
    const char *path, *method;
    void (*answer)(struct exchange *x);
    size_t body_max;
    uint8_t needs;
    bool large;
};
struct http_routes {
    const struct http_route *rows;
    size_t count;
};
extern const struct http_routes log_routes, witness_routes;

/* Something that another thread has for the loop. */
struct loop_job {
    void (*run)(struct loop_job *job); /* on the loop; job is its own from here */
    struct http_service *service;
    struct loop_job *next;
};

#define ADMITTED_MAX 64 /* attested peers that are remembered */

struct http_service {
    struct log *log;               /* NULL where it is a witness's */
    struct witness_state *witness; /* and the other way round */
    const struct http_routes *routes;
    struct http_config config;
    slice *agents; /* those of config */
    struct event_base *base;
    struct door doors[DOORS];
    struct tcp_address address; /* of the door to TCP */
    struct event *wake, *patience;
    int wake_read, wake_write;
    pthread_t thread;
    struct conn *conns;
    size_t conn_count, inflight;     /* inflight: bytes allocated for bodies */
    size_t held;                     /* bytes that exchanges have taken (memory_take) */
    struct place places[PLACES_MAX]; /* shares.c's */
    struct tail *tails;              /* tail.c's */
    struct tile_cache *tiles;
    buf boot_keys;           /* scitt_keys.c's: the set, once asked for, */
    uint64_t boot_keys_boot; /* while this is the boot, or there is none (UINT64_MAX) */
    struct event *pause, *heartbeat;
    struct limiter *requests, *records; /* by caller */
    uint64_t turns;
    struct http_stats stats;
    size_t pending; /* exchanges held by the owner thread, and jobs of the loop's */
    struct admitted *admitted[ADMITTED_MAX];
    bool stopping;
    pthread_mutex_t lock; /* of all below */
    struct exchange *done, **done_last;
    struct loop_job *jobs;
    bool stop;
    bool want_growth, grown; /* the loop is to hear of a commit; there was one */
};

/* From the owner thread: x's callback has run; the loop resumes it. */
void service_post(struct exchange *x);
/* Counts x as held by the owner thread, until service_post has brought it back.
 * service_release undoes it where the owner thread never got x. */
void service_hold(struct exchange *x);
void service_release(struct exchange *x);
/* Counts a job that will come, and takes that back; then it comes, from any thread. */
void service_expect(struct http_service *s);
void service_unexpect(struct http_service *s);
void service_run(struct http_service *s, struct loop_job *job);
/* Ends the loop of a stopping service once nothing is left to be answered. */
void service_end_when_idle(struct http_service *s);
void exchange_free(struct exchange *x);
/* stats.c: x is answered, or (complete is false) never will be. */
void stats_exchange(struct exchange *x);
uint64_t stats_clock_us(void); /* monotonic */

/* Connections. */
/* from: of a TCP connection. */
void conn_accept(struct door *d, int fd, const struct tcp_address *from);
/* The address it came from over TCP; NULL of the socket's. */
const struct peer *conn_peer(const struct conn *c);
/* The attested peer that it is from, borrowed; NULL where it is from none. */
struct admitted *conn_admitted(const struct conn *c);
/* Why its client, who showed a certificate, is no attested peer; TL_OK where he is, or showed
 * none. */
tl_err conn_refusal(const struct conn *c, struct tl_why *why);
/* Moves answers out and requests in, as far as they go. conn may be gone after. */
void conn_run(struct conn *c);
/* No new requests; ends once what was taken is answered. conn may be gone after. */
void conn_wind_up(struct conn *c);
/* Ends it now. */
void conn_free(struct conn *c);
struct conn *conn_next(const struct conn *c);
/* Bytes that x's client has not taken yet. */
size_t exchange_unsent(const struct exchange *x);

/* What its connection is to the log (log_batch_lane). */
uint64_t exchange_lane(const struct exchange *x);
/* Whether no other request of its connection is under way: an answer that ends the connection
 * then costs nobody his, and who repeats what was not answered repeats this request alone. */
bool exchange_is_alone(const struct exchange *x);

/* Answers. fields: more header lines, each with its CRLF, or NULL. */
void answer(struct exchange *x, int status, const char *type, const char *fields, slice body);
/* The same with a body that the answer takes over (out is then empty). */
void answer_take(struct exchange *x, int status, const char *type, const char *fields, buf *body);
/* An error with the status of its category: a line of JSON, or, by SCITT's routes, problem
 * details (problems.h). */
void answer_error(struct exchange *x, tl_err err, const struct tl_why *why);
void answer_error_status(struct exchange *x, int status, const char *fields, tl_err err,
                         const struct tl_why *why);
/* 429: more in wait_ms. */
void answer_rate(struct exchange *x, uint64_t wait_ms, const struct tl_why *why);
/* An answer of unknown length: head, then chunks, then the end. */
void answer_chunked(struct exchange *x, const char *type, const char *fields);
void answer_chunk(struct exchange *x, slice bytes);
void answer_end(struct exchange *x);

/* Routes. A request is looked at twice: its head before the body is read (an
 * answer then, where it is refused), and whole. */
void route_head(struct exchange *x);
void route_request(struct exchange *x);

void get_healthz(struct exchange *x);
void get_metrics(struct exchange *x);
void get_status(struct exchange *x);
void get_agents(struct exchange *x);
void get_checkpoint(struct exchange *x);
void get_backup(struct exchange *x);
void get_export(struct exchange *x);
void post_attest(struct exchange *x);
void post_erasures(struct exchange *x);
void post_records(struct exchange *x);
void get_tee_agents(struct exchange *x);
void get_tee_agent(struct exchange *x);
void post_tee_logs(struct exchange *x);
void get_records(struct exchange *x);
void get_record(struct exchange *x);
void get_tail(struct exchange *x);
void get_tile(struct exchange *x);
void get_proof(struct exchange *x);
void get_consistency(struct exchange *x);
void get_entry(struct exchange *x);
void get_scitt_keys(struct exchange *x);

/* Tails: the events of a service's loop, and its end. */
tl_err tails_init(struct http_service *s) TL_MUST;
void tails_finish(struct http_service *s);
void tails_grown(struct http_service *s);
void tails_stop(struct http_service *s);

void get_tokens(struct exchange *x);
void post_tokens(struct exchange *x);
void delete_token(struct exchange *x);
/* Answers with the bundle of these options. */
void export_stream(struct exchange *x, const struct log_export_options *o);
/* Reads the query of a route. */
bool query_or_answer(struct exchange *x, struct http_query *q, struct http_param *params,
                     size_t count);

#endif
