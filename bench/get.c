/* Asks a service for the same paths again and again, over several connections with several
 * requests under way on each, in one thread that does little with what comes: the service is to
 * be the slower one. Usage: get SOCKET PID CONNECTIONS DEPTH SECONDS PATH…, for the service PID.
 *
 * get raw SIZE CONNECTIONS DEPTH SECONDS: asks a server of its own, that reads requests and
 * writes answers of SIZE bytes, and nothing else.
 *
 * Prints JSON: answers a second, by the clock and of the server's CPU time. */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64
#define BUFFER          (256 * 1024)

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    exit(1);
}

/* User and system time of a process, all its threads. */
static double cpu_of(int pid)
{
    char path[64], text[1024];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    need(f != NULL, path);
    size_t n = fread(text, 1, sizeof text - 1, f);
    text[n] = 0;
    fclose(f);
    const char *after = strrchr(text, ')');
    need(after && sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                         &system) == 2,
         path);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

struct client {
    int fd;
    size_t next;     /* path */
    char head[1024]; /* of the answer that is coming, as far as it is there */
    size_t head_n;
    uint64_t body; /* bytes of it that are still to come */
    char *unsent;  /* requests */
    size_t unsent_n;
};

static char **paths;
static size_t path_count;
static uint64_t answers, bytes;

static void ask(struct client *c)
{
    char text[512];
    int n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", paths[c->next]);
    c->next = (c->next + 1) % path_count;
    memcpy(c->unsent + c->unsent_n, text, (size_t)n);
    c->unsent_n += (size_t)n;
}

static void flush(struct client *c)
{
    ssize_t n = c->unsent_n ? send(c->fd, c->unsent, c->unsent_n, MSG_DONTWAIT) : 0;
    if (n > 0) {
        c->unsent_n -= (size_t)n;
        memmove(c->unsent, c->unsent + n, c->unsent_n);
    }
}

/* The rest of a head: bytes taken from p. */
static size_t take_head(struct client *c, const char *p, size_t n)
{
    size_t had = c->head_n, room = sizeof c->head - 1 - had;
    size_t take = n < room ? n : room;
    memcpy(c->head + had, p, take);
    c->head[had + take] = 0;
    const char *end = strstr(c->head, "\r\n\r\n");
    c->head_n = end ? 0 : had + take;
    if (!end)
        return take;
    const char *length = strstr(c->head, "Content-Length: ");
    if (strncmp(c->head, "HTTP/1.1 200 ", 13) != 0 || !length || length > end) {
        fprintf(stderr, "get: not what was asked for: %.200s\n", c->head);
        exit(1);
    }
    c->body = strtoull(length + 16, NULL, 10);
    return (size_t)(end + 4 - c->head) - had;
}

static void take(struct client *c, const char *p, size_t n)
{
    bytes += n;
    while (n) {
        if (c->body == 0) {
            size_t used = take_head(c, p, n);
            p += used;
            n -= used;
            if (c->head_n)
                return;
        }
        size_t used = n < c->body ? n : (size_t)c->body;
        p += used;
        n -= used;
        c->body -= used;
        if (c->body == 0) {
            answers++;
            ask(c);
        }
    }
}

static int reach(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    need(fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0, path);
    return fd;
}

static void run(const char *path, int pid, size_t count, size_t depth, double how_long)
{
    static struct client clients[CONNECTIONS_MAX];
    static char buffer[BUFFER];
    int poll = epoll_create1(0);
    for (size_t i = 0; i < count; i++) {
        struct client *c = &clients[i];
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        c->fd = reach(path);
        c->next = i % path_count;
        c->unsent = malloc(512 * (depth + 1));
        need(c->unsent && epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &e) == 0, "epoll");
        for (size_t k = 0; k < depth; k++)
            ask(c);
        flush(c);
    }
    double began = seconds(), cpu = cpu_of(pid);
    while (seconds() - began < how_long) {
        struct epoll_event events[CONNECTIONS_MAX];
        int n = epoll_wait(poll, events, CONNECTIONS_MAX, 1000);
        for (int i = 0; i < n; i++) {
            struct client *c = events[i].data.ptr;
            ssize_t got = recv(c->fd, buffer, sizeof buffer, MSG_DONTWAIT);
            need(got > 0, "the service went away");
            take(c, buffer, (size_t)got);
            flush(c);
        }
    }
    double took = seconds() - began, used = cpu_of(pid) - cpu;
    printf("{\"per_second\": %.0f, \"per_cpu_second\": %.0f, \"bytes\": %.0f}\n",
           (double)answers / took, (double)answers / used, (double)bytes / (double)answers);
}

/* ---- the raw server ---- */

static void serve_one(int fd, char *answer, size_t size, size_t *unsent, size_t *matched)
{
    char in[65536];
    ssize_t got = *unsent ? 0 : recv(fd, in, sizeof in, MSG_DONTWAIT);
    if (got == 0 && !*unsent)
        exit(0); /* the client has gone */
    for (ssize_t i = 0; i < got; i++) {
        *matched = in[i] == "\r\n\r\n"[*matched] ? *matched + 1 : in[i] == '\r';
        if (*matched == 4) {
            *unsent += size;
            *matched = 0;
        }
    }
    while (*unsent) {
        size_t at = (size - *unsent % size) % size;
        ssize_t n = send(fd, answer + at, size - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n <= 0)
            return;
        *unsent -= (size_t)n;
    }
}

static void raw_server(int listener, size_t body)
{
    static size_t unsent[1024], matched[1024];
    int poll = epoll_create1(0);
    char *answer = calloc(1, body + 256);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener};
    need(answer && epoll_ctl(poll, EPOLL_CTL_ADD, listener, &e) == 0, "epoll");
    int head = snprintf(answer, 256,
                        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
                        "Cache-Control: max-age=31536000, immutable\r\n"
                        "Content-Length: %zu\r\n\r\n",
                        body);
    for (;;) {
        struct epoll_event events[64];
        int n = epoll_wait(poll, events, 64, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd != listener) {
                serve_one(fd, answer, (size_t)head + body, &unsent[fd], &matched[fd]);
                e = (struct epoll_event){.events = unsent[fd] ? EPOLLOUT : EPOLLIN, .data.fd = fd};
                (void)epoll_ctl(poll, EPOLL_CTL_MOD, fd, &e);
                continue;
            }
            fd = accept(listener, NULL, NULL);
            e = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
            need(fd >= 0 && fd < 1024 && epoll_ctl(poll, EPOLL_CTL_ADD, fd, &e) == 0, "accept");
        }
    }
}

static void raw(size_t size, size_t count, size_t depth, double how_long)
{
    static char slash[] = "/", *root[] = {slash};
    char path[64];
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(path, sizeof path, "/tmp/teelog-bench-%d", (int)getpid());
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    need(listener >= 0 && bind(listener, (struct sockaddr *)&a, sizeof a) == 0 &&
             listen(listener, CONNECTIONS_MAX) == 0,
         path);
    pid_t child = fork();
    need(child >= 0, "fork");
    if (child == 0)
        raw_server(listener, size);
    paths = root;
    path_count = 1;
    run(path, child, count, depth, how_long);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    unlink(path);
}

int main(int argc, char **argv)
{
    bool is_raw = argc == 6 && strcmp(argv[1], "raw") == 0;
    size_t count = argc > 5 ? strtoul(argv[3], NULL, 10) : 0;
    size_t depth = argc > 5 ? strtoul(argv[4], NULL, 10) : 0;
    double how_long = argc > 5 ? strtod(argv[5], NULL) : 0;
    if ((argc < 7 && !is_raw) || !count || count > CONNECTIONS_MAX || !depth || depth > 64) {
        fputs("usage: get SOCKET PID CONNECTIONS DEPTH SECONDS PATH...\n"
              "       get raw SIZE CONNECTIONS DEPTH SECONDS\n",
              stderr);
        return 2;
    }
    if (is_raw) {
        raw(strtoul(argv[2], NULL, 10), count, depth, how_long);
        return 0;
    }
    paths = argv + 6;
    path_count = (size_t)argc - 6;
    run(argv[1], (int)strtol(argv[2], NULL, 10), count, depth, how_long);
    return 0;
}
