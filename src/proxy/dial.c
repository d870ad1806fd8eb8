#include "proxy/dial.h"

#include "base/refuse.h"
#include "client/clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE 30000 /* milliseconds until the connection must stand */
#define AT_ONCE  64

struct mcp_dial {
    struct link_url url;
    char *ca_file;
    atomic_int holders; /* the caller, and the thread: who goes last frees it */
    int ends[2];        /* of a pipe: the caller's, and the thread's, which closes it */
    atomic_bool done;
    struct link link; /* once done */
    tl_err err;
    struct tl_why why;
};

static atomic_int running;

static void let_go(struct mcp_dial *d)
{
    if (atomic_fetch_sub(&d->holders, 1) > 1)
        return;
    link_close(&d->link);
    free(d->ca_file);
    free(d);
}

static void *run(void *arg)
{
    struct mcp_dial *d = arg;
    const struct link_trust trust = {.ca_file = d->ca_file, .until_ms = clock_ms() + PATIENCE};
    d->err = link_open_url(&d->link, &d->url, &trust, &d->why);
    atomic_store(&d->done, true);
    close(d->ends[1]);
    let_go(d);
    atomic_fetch_sub(&running, 1);
    return NULL;
}

/* Signals are for the thread that waits for them. */
static bool start(struct mcp_dial *d)
{
    pthread_t thread;
    sigset_t all, before;
    atomic_fetch_add(&running, 1);
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    bool good = pthread_create(&thread, NULL, run, d) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (good)
        (void)pthread_detach(thread);
    else
        atomic_fetch_sub(&running, 1);
    return good;
}

tl_err mcp_dial_new(struct mcp_dial **out, const struct link_url *url, const char *ca_file)
{
    if (REFUSED(atomic_load(&running) >= AT_ONCE)) /* of agents that have gone as well */
        return TL_E_BUSY;
    struct mcp_dial *d = calloc(1, sizeof *d);
    if (!d)
        return TL_E_MEMORY;
    d->url = *url;
    d->link.fd = -1;
    atomic_store(&d->holders, 1);
    d->ca_file = ca_file ? strdup(ca_file) : NULL;
    tl_err err = ca_file && !d->ca_file ? TL_E_MEMORY : TL_OK;
    if (err == TL_OK && pipe2(d->ends, O_CLOEXEC) != 0)
        err = TL_E_IO;
    if (err != TL_OK) {
        let_go(d);
        return err;
    }
    atomic_store(&d->holders, 2);
    if (!start(d)) {
        close(d->ends[0]);
        close(d->ends[1]);
        atomic_store(&d->holders, 1);
        let_go(d);
        return TL_E_MEMORY;
    }
    *out = d;
    return TL_OK;
}

int mcp_dial_fd(const struct mcp_dial *d)
{
    return d->ends[0];
}

bool mcp_dial_done(const struct mcp_dial *d)
{
    return atomic_load(&d->done);
}

tl_err mcp_dial_take(struct mcp_dial *d, struct link *l, struct tl_why *why)
{
    *why = d->why;
    if (d->err == TL_OK) {
        *l = d->link;
        d->link = (struct link){.fd = -1};
    }
    return d->err;
}

void mcp_dial_free(struct mcp_dial *d)
{
    if (!d)
        return;
    close(d->ends[0]);
    let_go(d);
}

int mcp_dial_running(void)
{
    return atomic_load(&running);
}
