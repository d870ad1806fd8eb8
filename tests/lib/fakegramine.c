#include "fakegramine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Static memory of each thread. */
static const char *path_of(const struct fake_gramine *f, const char *name)
{
    static _Thread_local char path[512];
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    return path;
}

int fake_gramine_file(const struct fake_gramine *f, const char *name, const void *bytes, size_t n)
{
    int fd = open(path_of(f, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    int error = write(fd, bytes, n) == (ssize_t)n ? 0 : errno;
    close(fd);
    return error;
}

/* What was written since. The lock is held. */
static void take_report_data(struct fake_gramine *f)
{
    uint8_t bytes[4096];
    ssize_t n = read(f->report_fd, bytes, sizeof bytes);
    if (n <= 0)
        return;
    size_t at = n > 64 ? (size_t)n - 64 : 0;
    memcpy(f->before, f->value, 64);
    memset(f->value, 0, 64);
    memcpy(f->value, bytes + at, (size_t)n - at);
}

static void make_quote(struct fake_gramine *f, buf *out)
{
    struct fake_gramine_play p = f->play;
    const uint8_t *over = p.intrude ? p.intrude : p.stale ? f->before : f->value;
    f->made++;
    if (p.says) {
        buf_bytes(out, slice_of(p.says, p.says_n));
        return;
    }
    if (tee_quote(f->quoting, over, out, NULL, NULL) != TL_OK)
        return;
    if (p.cuts && p.cut < out->n)
        out->n = p.cut;
    for (size_t i = 0; i < p.more; i++)
        buf_u8(out, 0);
}

/* Who opens from now on gets a FIFO of their own. */
static bool replace(struct fake_gramine *f)
{
    char fresh[512], path[512];
    snprintf(fresh, sizeof fresh, "%s/quote.next", f->dir);
    snprintf(path, sizeof path, "%s/quote", f->dir);
    return mkfifo(fresh, 0600) == 0 && rename(fresh, path) == 0;
}

static void answer(struct fake_gramine *f, int fd)
{
    buf quote;
    buf_init(&quote, 1u << 20);
    pthread_mutex_lock(&f->lock);
    take_report_data(f);
    make_quote(f, &quote);
    unsigned delay = f->play.delay_ms;
    while (f->play.hangs && !f->stop)
        pthread_cond_wait(&f->wake, &f->lock);
    pthread_mutex_unlock(&f->lock);
    usleep(delay * 1000);
    for (size_t done = 0; done < quote.n;) {
        ssize_t n = write(fd, quote.p + done, quote.n - done);
        if (n < 0)
            break;
        done += (size_t)n;
    }
    buf_finish(&quote);
}

static void *serve(void *arg)
{
    struct fake_gramine *f = arg;
    bool stop = false;
    while (!stop) {
        int fd = open(path_of(f, "quote"), O_WRONLY | O_CLOEXEC); /* waits for who reads */
        pthread_mutex_lock(&f->lock);
        stop = f->stop || (fd >= 0 && !replace(f));
        pthread_mutex_unlock(&f->lock);
        if (fd < 0)
            usleep(1000); /* a test plays with the file, or with who we are */
        else if (!stop)
            answer(f, fd);
        if (fd >= 0)
            close(fd);
    }
    return NULL;
}

int fake_gramine_start(struct fake_gramine *f, const char *dir, struct tee *quoting)
{
    memset(f, 0, sizeof *f);
    snprintf(f->dir, sizeof f->dir, "%s", dir);
    f->quoting = quoting;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->wake, NULL);
    signal(SIGPIPE, SIG_IGN); /* who reads may go away */
    if (mkdir(path_of(f, "keys"), 0700) != 0 || mkfifo(path_of(f, "quote"), 0600) != 0 ||
        mkfifo(path_of(f, "user_report_data"), 0600) != 0)
        return errno;
    /* Open on both sides, so that nobody who writes has to wait. */
    f->report_fd = open(path_of(f, "user_report_data"), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    int error = f->report_fd < 0 ? errno : fake_gramine_file(f, "attestation_type", "dcap", 4);
    if (!error)
        error = fake_gramine_file(f, "keys/_sgx_mrenclave", "sixteen bytes it", 16);
    return error ? error : pthread_create(&f->thread, NULL, serve, f);
}

void fake_gramine_play(struct fake_gramine *f, const struct fake_gramine_play *play)
{
    pthread_mutex_lock(&f->lock);
    f->play = *play;
    pthread_cond_broadcast(&f->wake);
    pthread_mutex_unlock(&f->lock);
}

void fake_gramine_stop(struct fake_gramine *f)
{
    pthread_mutex_lock(&f->lock);
    f->stop = true;
    pthread_cond_broadcast(&f->wake);
    /* Somebody who reads, for the open that waits; the FIFO stays the same meanwhile. */
    int fd = open(path_of(f, "quote"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    close(fd);
    close(f->report_fd);
    pthread_cond_destroy(&f->wake);
    pthread_mutex_destroy(&f->lock);
}
