/* A stand-in of dstack's guest agent in a thread: one connection after another, each of
 * one request. What it answers is the test's, or a genuine answer over the report data
 * that was asked for. tests/integration/dstack_agent.py is the one that programs of
 * others talk to. */
#ifndef FAKEAGENT_H
#define FAKEAGENT_H

#include "fakeevidence.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FAKE_AGENT_KEY "4fc1d2aa61be04c5a1d3e1a5f60f1e9f0c35b1b2a8d5d1c1f9e8b7a6c5d4e3f2"

struct fake_agent {
    char *dir;
    char path[108];
    int listener;
    pthread_t thread;
    struct fake_evidence evidence; /* what quotes are made of */
    char request[4096];            /* the last one, with its head */
    unsigned requests;

    /* What it does; NULL: answers. fd: the connection, closed after it. */
    void (*manner)(struct fake_agent *a, int fd);
    const char *raw;       /* these bytes are the answer, whatever is asked */
    const char *json;      /* this body is */
    bool other_data;       /* quotes are over other report data */
    const uint8_t *stale;  /* … or these 64 bytes, of a request before */
    const char *event_log; /* JSON text in place of the log as it is */
    const char *key;       /* of GetKey, hex; or of DeriveKey, PEM with \n in JSON's form */
};

static inline void fake_agent_send(int fd, const char *text, size_t n)
{
    while (n) {
        ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        text += sent;
        n -= (size_t)sent;
    }
}

/* With the head of an answer of this status. */
static inline void fake_agent_reply(int fd, const char *status, const char *json, size_t n)
{
    char head[200];
    int head_n = snprintf(head, sizeof head,
                          "HTTP/1.1 %s\r\ncontent-type: application/json\r\nserver: Rocket\r\n"
                          "content-length: %zu\r\n\r\n",
                          status, n);
    fake_agent_send(fd, head, (size_t)head_n);
    fake_agent_send(fd, json, n);
}

/* A JSON string, quotes included. */
static inline void fake_agent_string(buf *b, slice text)
{
    buf_u8(b, '"');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"' || text.p[i] == '\\')
            buf_u8(b, '\\');
        buf_u8(b, text.p[i]);
    }
    buf_u8(b, '"');
}

static inline void fake_agent_quote(struct fake_agent *a, int fd)
{
    struct fake_evidence *f = &a->evidence;
    uint8_t *data = f->dcap.quote.td.report_data;
    const char *hex = strstr(a->request, "\"report_data\":\"");
    assert_non_null(hex);
    hex += strlen("\"report_data\":\"");
    assert_ok(hex_read(data, 64, slice_of(hex, strcspn(hex, "\""))));
    if (a->stale)
        memcpy(data, a->stale, 64);
    data[63] ^= a->other_data;
    fake_evidence_make(f);
    buf json;
    buf_init(&json, 1 << 20);
    buf_str(&json, "{\"quote\":\"");
    hex_put(&json, f->e.quote);
    buf_str(&json, "\",\"event_log\":");
    fake_agent_string(&json, a->event_log ? slice_str(a->event_log) : f->e.event_log);
    buf_str(&json, ",\"report_data\":\"\",\"vm_config\":\"{}\",\"news\":[{\"of\":1}]}");
    assert_ok(buf_err(&json));
    fake_agent_reply(fd, "200 OK", (const char *)json.p, json.n);
    buf_finish(&json);
}

static inline void fake_agent_key(struct fake_agent *a, int fd)
{
    char json[2048];
    int n = snprintf(json, sizeof json, "{\"key\":\"%s\",\"signature_chain\":[\"00\"]}",
                     a->key ? a->key : FAKE_AGENT_KEY);
    fake_agent_reply(fd, "200 OK", json, (size_t)n);
}

static inline void fake_agent_answer(struct fake_agent *a, int fd)
{
    static const char info[] =
        "{\"app_id\":\"a1a1\",\"instance_id\":\"\",\"compose_hash\":\"c2c2\",\"tcb_info\":\"{}\"}";
    static const char unknown[] = "{\"error\":\"Method \\u001b[31mnot found\"}";
    if (a->raw)
        fake_agent_send(fd, a->raw, strlen(a->raw));
    else if (a->json)
        fake_agent_reply(fd, "200 OK", a->json, strlen(a->json));
    else if (strstr(a->request, "Quote"))
        fake_agent_quote(a, fd);
    else if (strstr(a->request, "Key"))
        fake_agent_key(a, fd);
    else if (strstr(a->request, "Info"))
        fake_agent_reply(fd, "200 OK", info, strlen(info));
    else
        fake_agent_reply(fd, "400 Bad Request", unknown, strlen(unknown));
}

/* The head and the body that it announces. */
static inline bool fake_agent_read(struct fake_agent *a, int fd)
{
    size_t n = 0;
    for (;;) {
        a->request[n] = 0;
        const char *end = strstr(a->request, "\r\n\r\n");
        const char *length = strstr(a->request, "Content-Length: ");
        if (end && length && n >= (size_t)(end + 4 - a->request) + strtoul(length + 16, NULL, 10))
            return true;
        ssize_t got = recv(fd, a->request + n, sizeof a->request - 1 - n, 0);
        if (got <= 0)
            return false;
        n += (size_t)got;
    }
}

static inline void *fake_agent_run(void *ctx)
{
    struct fake_agent *a = ctx;
    for (;;) {
        int fd = accept(a->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        if (fake_agent_read(a, fd)) {
            a->requests++;
            (a->manner ? a->manner : fake_agent_answer)(a, fd);
        }
        close(fd);
    }
}

/* name: of the socket, "dstack.sock" or "tappd.sock". */
static inline void fake_agent_start(struct fake_agent *a, const char *name)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    memset(a, 0, sizeof *a);
    fake_evidence_start(&a->evidence, SIM_TDX_V4, "tdx-dstack");
    a->dir = test_tmpdir();
    snprintf(a->path, sizeof a->path, "%s/%s", a->dir, name);
    memcpy(to.sun_path, a->path, sizeof to.sun_path);
    a->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(a->listener, (const struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(listen(a->listener, 128), 0);
    assert_int_equal(pthread_create(&a->thread, NULL, fake_agent_run, a), 0);
}

static inline void fake_agent_stop(struct fake_agent *a)
{
    shutdown(a->listener, SHUT_RDWR);
    pthread_join(a->thread, NULL);
    close(a->listener);
    fake_evidence_finish(&a->evidence);
    test_rmdir(a->dir);
}

#endif
