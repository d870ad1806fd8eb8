#include "proxy/http.h"

#include "codec/json_put.h"
#include "http/tcp_socket.h"
#include "proxy/dial.h"
#include "proxy/exchange.h"

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS 64
#define LINGER      1000 /* milliseconds, for threads that still wait for the server */

tl_err mcp_http_server(struct mcp_http_options *o, const char *url, struct tl_why *why)
{
    char host[300];
    const char *at = strstr(url, "://"), *path = at ? strchr(at + 3, '/') : NULL;
    size_t n = path ? (size_t)(path - url) : strlen(url);
    if (!path)
        path = "/";
    for (const char *p = path; *p; p++)
        if (*p <= ' ' || *p > '~' || *p == '#')
            return tl_explain(why, TL_E_USAGE, "url", "--url takes a path as it is sent");
    if (n >= sizeof host || strlen(path) >= sizeof o->target)
        return tl_explain(why, TL_E_USAGE, "url", "--url is too long");
    snprintf(host, sizeof host, "%.*s", (int)n, url);
    tl_err err = link_url_read(&o->server, host, why);
    if (err == TL_OK)
        snprintf(o->target, sizeof o->target, "%s", path);
    return err;
}

struct server {
    const struct mcp_process *process;
    struct mcp_gate gate;
    struct mcp_log *log;
    int listener;
    struct mcp_exchange *list[CONNECTIONS];
    size_t count;
    bool stop;
};

static void say_ready(const struct mcp_http_options *o, const char *address)
{
    char url[TCP_TEXT + sizeof o->target + 8];
    buf line;
    snprintf(url, sizeof url, "http://%s%.*s", address, (int)strcspn(o->target, "?"), o->target);
    buf_init(&line, 8 * sizeof url);
    buf_str(&line, "{\"event\":\"ready\"");
    json_put_member(&line, "url", url);
    buf_str(&line, "}");
    buf_u8(&line, 0);
    if (!o->json)
        printf("ready: %s\n", url);
    else if (buf_err(&line) == TL_OK)
        printf("%s\n", (const char *)line.p);
    buf_finish(&line);
}

static tl_err open_listener(struct server *s, const struct mcp_http_options *o, struct tl_why *why)
{
    struct tcp_address a;
    char text[TCP_TEXT];
    tl_err err = tcp_address_read(&a, o->listen, why);
    if (err == TL_OK && !tcp_is_loopback(&a))
        err = tl_explain(why, TL_E_USAGE, "listen",
                         "the proxy has no TLS and asks nobody who they are: it listens on a "
                         "loopback address, as 127.0.0.1:8080");
    if (err == TL_OK)
        err = tcp_listen(&s->listener, &a, why);
    if (err != TL_OK)
        return err;
    tcp_address_text(text, &a);
    say_ready(o, text);
    return fflush(stdout) == 0 ? TL_OK : TL_E_IO;
}

static void take_connection(struct server *s)
{
    int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct mcp_exchange *x = fd >= 0 ? mcp_exchange_new(&s->gate, fd) : NULL;
    if (x)
        s->list[s->count++] = x;
}

static void hear(struct server *s)
{
    bool from_terminal;
    int number = s->process->signal(&from_terminal);
    s->stop = s->stop || number != SIGCHLD;
}

static void turn(struct server *s)
{
    struct pollfd f[3 + 2 * CONNECTIONS];
    int64_t now = clock_ms();
    mcp_log_move(s->log, now);
    int due = mcp_wait(mcp_log_due(s->log, now), mcp_calls_due(s->gate.calls), now);
    f[0] = (struct pollfd){.fd = s->process->signals, .events = POLLIN};
    f[1] = (struct pollfd){.fd = mcp_log_fd(s->log), .events = POLLIN};
    f[2] = (struct pollfd){.fd = s->count < CONNECTIONS ? s->listener : -1, .events = POLLIN};
    for (size_t i = 0; i < s->count; i++) {
        mcp_exchange_wants(s->list[i], f + 3 + 2 * i);
        due = mcp_wait(due, mcp_exchange_due(s->list[i], now), now);
    }
    size_t before = s->count;
    int n = poll(f, (nfds_t)(3 + 2 * before), due);
    if (n > 0 && f[0].revents)
        hear(s);
    now = clock_ms();
    mcp_log_move(s->log, now);
    size_t kept = 0;
    for (size_t i = 0; i < before; i++) {
        static const struct pollfd nothing[2];
        if (mcp_exchange_move(s->list[i], n > 0 ? f + 3 + 2 * i : nothing, now))
            s->list[kept++] = s->list[i];
        else
            mcp_exchange_free(s->list[i]);
    }
    s->count = kept;
    if (n > 0 && f[2].revents)
        take_connection(s);
    mcp_calls_overdue(s->gate.calls, now);
}

bool mcp_http_is_quiet(void)
{
    for (int i = 0; i < LINGER && mcp_dial_running(); i++)
        usleep(1000);
    return mcp_dial_running() == 0;
}

tl_err mcp_http(bool *logged, struct mcp_calls *calls, struct mcp_log *log,
                const struct mcp_http_options *o, const struct mcp_process *process,
                struct tl_why *why)
{
    struct server s = {
        .process = process,
        .gate = {.calls = calls, .server = &o->server, .target = o->target, .ca_file = o->ca_file},
        .log = log,
        .listener = -1};
    tl_err err = open_listener(&s, o, why);
    while (err == TL_OK && !s.stop)
        turn(&s);
    if (s.listener >= 0)
        close(s.listener);
    while (s.count)
        mcp_exchange_free(s.list[--s.count]);
    mcp_calls_overdue(calls, INT64_MAX);
    if (err == TL_OK)
        *logged = mcp_log_finish(log);
    return err;
}
