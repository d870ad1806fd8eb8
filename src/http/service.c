#include "http/admitted.h"
#include "http/tile_cache.h"

#include "http/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Unless they are set: see http_limits. */
#define TCP_CONNECTIONS  256
#define PEER_CONNECTIONS 64
#define REQUESTS         1000
#define RECORDS          100000

/* How long a stopping service waits for clients to take their answers. */
static const struct timeval patience = {5, 0};

void service_hold(struct exchange *x)
{
    x->pending = true;
    x->service->pending++;
}

void service_release(struct exchange *x)
{
    x->pending = false;
    x->service->pending--;
}

static void wake(struct http_service *s)
{
    /* A full pipe means that the loop is awake already. */
    ssize_t n = write(s->wake_write, "", 1);
    (void)n;
}

void service_post(struct exchange *x)
{
    struct http_service *s = x->service;
    pthread_mutex_lock(&s->lock);
    bool first = !s->done;
    x->next_done = NULL;
    *s->done_last = x;
    s->done_last = &x->next_done;
    /* Under the lock: once x is resumed the service may end and free s. */
    if (first)
        wake(s);
    pthread_mutex_unlock(&s->lock);
}

void service_expect(struct http_service *s)
{
    s->pending++;
}

void service_unexpect(struct http_service *s)
{
    s->pending--;
}

void service_run(struct http_service *s, struct loop_job *job)
{
    pthread_mutex_lock(&s->lock);
    job->next = s->jobs;
    s->jobs = job;
    wake(s); /* under the lock, as in service_post */
    pthread_mutex_unlock(&s->lock);
}

/* On the owner thread. */
static void log_grown(void *ctx, uint64_t size)
{
    struct http_service *s = ctx;
    (void)size;
    pthread_mutex_lock(&s->lock);
    if (s->want_growth) {
        s->want_growth = false;
        s->grown = true;
        wake(s);
    }
    pthread_mutex_unlock(&s->lock);
}

/* Ends the loop when nothing is left that could still be answered. */
void service_end_when_idle(struct http_service *s)
{
    if (s->stopping && s->pending == 0 && s->conn_count == 0)
        event_base_loopbreak(s->base);
}

static void close_doors(struct http_service *s)
{
    if (s->doors[DOOR_SOCKET].fd >= 0)
        (void)unlink(s->config.socket_path);
    for (size_t i = 0; i < DOORS; i++) {
        struct door *d = &s->doors[i];
        if (d->accept)
            event_free(d->accept);
        if (d->fd >= 0)
            close(d->fd);
        d->accept = NULL;
        d->fd = -1;
    }
}

static void begin_stop(struct http_service *s)
{
    s->stopping = true;
    close_doors(s);
    event_add(s->patience, &patience);
    tails_stop(s);
    for (struct conn *c = s->conns, *next; c; c = next) {
        next = conn_next(c);
        conn_wind_up(c);
    }
}

static void resume(struct exchange *x)
{
    service_release(x);
    if (!x->conn) {
        exchange_free(x);
        return;
    }
    x->resume(x);
    conn_run(x->conn);
}

static void on_wake(evutil_socket_t fd, short what, void *ctx)
{
    (void)what;
    struct http_service *s = ctx;
    char bytes[64];
    while (read(fd, bytes, sizeof bytes) > 0)
        ;
    pthread_mutex_lock(&s->lock);
    struct exchange *done = s->done;
    struct loop_job *jobs = s->jobs;
    bool stop = s->stop, grown = s->grown;
    s->grown = false;
    s->jobs = NULL;
    s->done = NULL;
    s->done_last = &s->done;
    pthread_mutex_unlock(&s->lock);
    while (done) {
        struct exchange *x = done;
        done = x->next_done;
        resume(x);
    }
    while (jobs) {
        struct loop_job *job = jobs;
        jobs = job->next;
        s->pending--;
        job->run(job);
    }
    if (grown)
        tails_grown(s);
    if (stop && !s->stopping)
        begin_stop(s);
    service_end_when_idle(s);
}

static void on_patience(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd, (void)what;
    struct http_service *s = ctx;
    while (s->conns)
        conn_free(s->conns);
    service_end_when_idle(s);
}

static void on_accept(evutil_socket_t listener, short what, void *ctx)
{
    (void)what;
    struct door *d = ctx;
    struct tcp_address from = {.v6 = {0}};
    socklen_t n = sizeof from;
    int fd = accept4(listener, d->tcp ? &from.any : NULL, d->tcp ? &n : NULL,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        /* Out of descriptors: the client waits in the backlog. Without a pause
         * this would spin. */
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
            usleep(10000);
        return;
    }
    conn_accept(d, fd, &from);
}

static void *loop(void *ctx)
{
    struct http_service *s = ctx;
    event_base_dispatch(s->base);
    return NULL;
}

static void service_free(struct http_service *s)
{
    if (s->log)
        log_watch(s->log, NULL, NULL);
    admitted_finish(s);
    tails_finish(s);
    close_doors(s);
    if (s->wake)
        event_free(s->wake);
    if (s->patience)
        event_free(s->patience);
    if (s->base)
        event_base_free(s->base);
    if (s->wake_read >= 0)
        close(s->wake_read);
    if (s->wake_write >= 0)
        close(s->wake_write);
    pthread_mutex_destroy(&s->lock);
    tile_cache_free(s->tiles);
    buf_finish(&s->boot_keys);
    limiter_free(s->requests);
    limiter_free(s->records);
    free(s->agents);
    free(s);
}

static tl_err copy_agents(struct http_service *s)
{
    const struct http_config *c = &s->config;
    s->agents = calloc(c->agent_count + 1, sizeof *s->agents);
    for (size_t i = 0; s->agents && i < c->agent_count; i++)
        s->agents[i] = slice_str(c->agents[i]);
    return s->agents ? TL_OK : TL_E_MEMORY;
}

static tl_err make_events(struct http_service *s)
{
    int ends[2];
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0)
        return TL_E_IO;
    s->wake_read = ends[0];
    s->wake_write = ends[1];
    s->base = event_base_new();
    if (!s->base)
        return TL_E_MEMORY;
    s->wake = event_new(s->base, s->wake_read, EV_READ | EV_PERSIST, on_wake, s);
    s->patience = evtimer_new(s->base, on_patience, s);
    if (!s->wake || !s->patience || event_add(s->wake, NULL) != 0)
        return TL_E_MEMORY;
    for (size_t i = 0; i < DOORS; i++) {
        struct door *d = &s->doors[i];
        if (d->fd < 0)
            continue;
        d->accept = event_new(s->base, d->fd, EV_READ | EV_PERSIST, on_accept, d);
        if (!d->accept || event_add(d->accept, NULL) != 0)
            return TL_E_MEMORY;
    }
    return tails_init(s);
}

static tl_err open_tcp(struct http_service *s, struct tl_why *why)
{
    const struct http_config *c = &s->config;
    struct log_info info = {.simulated = true}; /* as free as a witness, which hides nothing */
    if (s->log)
        log_info(s->log, &info);
    tl_err err = tcp_address_read(&s->address, c->listen, why);
    if (err == TL_OK && !c->tls)
        err = tcp_may_be_plain(&s->address, info.simulated, why);
    return err == TL_OK ? tcp_listen(&s->doors[DOOR_TCP].fd, &s->address, why) : err;
}

static tl_err set_limits(struct http_service *s)
{
    struct http_limits *l = &s->config.limits;
    l->memory = l->memory ? l->memory : HTTP_MEMORY;
    size_t conns = memory_conns(s);
    l->connections = l->connections            ? l->connections
                     : conns < TCP_CONNECTIONS ? (unsigned)conns
                                               : TCP_CONNECTIONS;
    l->peer_connections = l->peer_connections ? l->peer_connections : PEER_CONNECTIONS;
    tl_err err = limiter_new(&s->requests, l->requests ? l->requests : REQUESTS);
    return err == TL_OK ? limiter_new(&s->records, l->records ? l->records : RECORDS) : err;
}

static tl_err open_doors(struct http_service *s, struct tl_why *why)
{
    const struct http_limits *l = &s->config.limits;
    s->doors[DOOR_SOCKET] = (struct door){
        .service = s,
        .fd = -1,
        .conns_max = memory_conns(s) < CONNECTIONS_MAX ? memory_conns(s) : CONNECTIONS_MAX};
    s->doors[DOOR_TCP] = (struct door){.service = s,
                                       .tcp = true,
                                       .tls = s->config.tls != NULL,
                                       .fd = -1,
                                       .conns_max = l->connections};
    tl_err err = unix_listen(&s->doors[DOOR_SOCKET].fd, s->config.socket_path, why);
    return err == TL_OK && s->config.listen ? open_tcp(s, why) : err;
}

const struct tcp_address *http_listening(const struct http_service *s)
{
    return s->config.listen ? &s->address : NULL;
}

/* s is what there is to serve; it is copied. */
static tl_err start(struct http_service **out, const struct http_service *what,
                    const struct http_config *config, struct tl_why *why)
{
    struct http_service *s = malloc(sizeof *s);
    if (!s)
        return TL_E_MEMORY;
    *s = *what;
    s->config = *config;
    s->wake_read = s->wake_write = -1;
    for (size_t i = 0; i < DOORS; i++)
        s->doors[i].fd = -1;
    s->done_last = &s->done;
    pthread_mutex_init(&s->lock, NULL);
    tl_err err = copy_agents(s);
    if (err == TL_OK)
        err = tile_cache_new(&s->tiles);
    if (err == TL_OK)
        err = set_limits(s);
    if (err == TL_OK)
        err = open_doors(s, why);
    if (err == TL_OK)
        err = make_events(s);
    if (err == TL_OK && s->log)
        log_watch(s->log, log_grown, s);
    if (err == TL_OK && pthread_create(&s->thread, NULL, loop, s) != 0)
        err = TL_E_MEMORY;
    if (err != TL_OK) {
        service_free(s);
        return err;
    }
    *out = s;
    return TL_OK;
}

tl_err http_start(struct http_service **out, struct log *log, const struct http_config *config,
                  struct tl_why *why)
{
    return start(out, &(struct http_service){.log = log, .routes = &log_routes}, config, why);
}

tl_err http_start_witness(struct http_service **out, struct witness_state *witness,
                          const struct http_config *config, struct tl_why *why)
{
    const struct http_service what = {.witness = witness, .routes = &witness_routes};
    return start(out, &what, config, why);
}

void http_stop(struct http_service *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    wake(s);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    service_free(s);
}
