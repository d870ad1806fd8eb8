/* A service on a socket over a log of its own, and a client that may be rude. */
#ifndef TESTHTTP_H
#define TESTHTTP_H

#include "testlog.h"

#include "http/http.h"

#include <jansson.h>

#define RECORD                                                                                     \
    "{\"agentId\":\"alice\",\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"t\",\"content\":\"c\"}"
#define GET(t)  "GET " t " HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST(t) "POST " t " HTTP/1.1\r\nHost: x\r\n"
#define TOKEN   "0123456789abcdef0123456789abcdef"

extern struct world world;
extern struct http_service *service; /* tear_down stops it; NULL where a test has */
extern char socket_path[200];

/* A new log and its service, without a token; both are gone after tear_down. */
int set_up(void **state);
int tear_down(void **state);
void serve(const char *token, const char *const *agents, size_t count);
uint64_t log_size(void);

/* A connection, and bytes on it; what the service no longer takes is dropped. */
int dial(void);
void send_all(int fd, const void *p, size_t n);

struct reply {
    int status;
    char head[2048];
    char *body; /* NUL-terminated, owned */
    size_t size;
};
/* The next answer; false where the connection ends before it is whole. */
bool read_reply(int fd, struct reply *r);
void finish(struct reply *r);
/* One request on a connection of its own. fields: each with its CRLF. */
struct reply ask_bytes(const void *p, size_t n);
struct reply ask(const char *request);
struct reply post(const char *target, const char *fields, const char *body);
/* A bundle, appended; false where none comes, or not all of it. slowly: as a client on a
 * bad line. */
bool fetch(const char *request, buf *out, int *status, bool slowly);
/* The body, owned by the caller. */
json_t *parse(const struct reply *r);
/* A one-line JSON error that names field; finishes r. */
void assert_refused(struct reply *r, int status, const char *field);

#endif
