/* A log with witnesses whose client is the test: w1 to w3, two of which are a quorum. */
#ifndef FAKEFENCE_H
#define FAKEFENCE_H

#include "fakewitness.h"
#include "testlog.h"

#include "log/internal.h"

/* In place of the client, for tests that are linked so. */
tl_err __wrap_witness_client_start(struct witness_client **out,
                                   const struct witness_client_options *o,
                                   const struct witness_log_face *log, struct tl_why *why);
void __wrap_witness_client_stop(struct witness_client *c);
void __wrap_witness_client_wake(struct witness_client *c, bool now);
size_t __wrap_witness_client_count(const struct witness_client *c);
void __wrap_witness_client_view(struct witness_client *c, size_t i, struct witness_view *out);

static _Atomic int fence_starts, fence_stops, fence_hurries;
static size_t fence_kept; /* bytes of the note that it was started with */
static void (*fence_early)(const struct witness_log_face *log); /* before its start has returned */
static void (*fence_late)(void);                                /* while it is being stopped */

tl_err __wrap_witness_client_start(struct witness_client **out,
                                   const struct witness_client_options *o,
                                   const struct witness_log_face *log, struct tl_why *why)
{
    (void)why;
    assert_non_null(log->cosigned);
    assert_ptr_equal(o->policy, submit_witnessing.policy);
    fence_kept = o->cosigned.n;
    fence_starts++;
    if (fence_early)
        fence_early(log);
    *out = (struct witness_client *)(uintptr_t)&fence_kept;
    return TL_OK;
}

void __wrap_witness_client_stop(struct witness_client *c)
{
    fence_stops += c != NULL;
    if (c && fence_late)
        fence_late();
}

void __wrap_witness_client_wake(struct witness_client *c, bool now)
{
    assert_non_null(c);
    fence_hurries += now;
}

size_t __wrap_witness_client_count(const struct witness_client *c)
{
    assert_non_null(c);
    return submit_witnessing.policy->witness_count;
}

void __wrap_witness_client_view(struct witness_client *c, size_t i, struct witness_view *out)
{
    assert_non_null(c);
    *out = (struct witness_view){.name = i ? "another" : "w1",
                                 .url = i == 1 ? NULL : "http://127.0.0.1:40001",
                                 .good = i == 0,
                                 .ahead = i == 2,
                                 .size = 7 * i,
                                 .time = 1000 + i};
    snprintf(out->why, sizeof out->why, "%s", i ? "it says \"no\"" : "");
}

/* Each with a URL, at which nobody is asked. */
static inline struct tlog_policy *fence_policy(void)
{
    buf b;
    struct tlog_policy *p = NULL;
    buf_init(&b, 10000);
    for (uint8_t i = 1; i <= 3; i++) {
        struct cosigner c = fake_cosigner(i);
        buf_printf(&b, "# number %u\nwitness  w%u ", i, i);
        cosigner_put(&b, &c);
        buf_printf(&b, " http://127.0.0.1:%u\n", 40000u + i);
    }
    buf_str(&b, "group all-of-them 2 w1 w2 w3\nquorum all-of-them\n");
    assert_ok(tlog_policy_read(&p, buf_slice(&b), NULL));
    buf_finish(&b);
    return p;
}

/* The owner thread has done what there was to do, and a boot that it asked a quote for is there. */
static inline void fence_settle(struct world *w)
{
    bool booting;
    do {
        assert_ok(log_ping(w->log));
        assert_ok(log_ping(w->log));
        pthread_mutex_lock(&w->log->lock);
        booting = w->log->fence.boot != NULL;
        pthread_mutex_unlock(&w->log->lock);
    } while (booting);
    assert_ok(log_ping(w->log)); /* and what came of that */
    assert_ok(log_ping(w->log));
}

static inline struct log_info fence_info(struct world *w)
{
    struct log_info info;
    fence_settle(w);
    log_info(w->log, &info);
    return info;
}

/* The log's checkpoint, cosigned by w1 and so on, count of them. */
static inline uint64_t fence_cosign(struct world *w, buf *note, uint8_t count, uint64_t time)
{
    struct witness_log_face face = witnessing_face(w->log);
    hash32 path[MERKLE_MAX_PATH];
    size_t path_count = 99;
    uint64_t size = 0;
    buf_init(note, NOTE_MAX);
    assert_ok(face.checkpoint(face.ctx, 0, note, &size, path, &path_count));
    assert_int_equal(path_count, 0);
    assert_true(size <= face.size(face.ctx)); /* it may have grown since */
    for (uint8_t i = 1; i <= count; i++)
        fake_cosign(note, i, time + i);
    return size;
}

static inline void fence_tell(struct world *w, slice note, uint64_t size)
{
    struct witness_log_face face = witnessing_face(w->log);
    struct note *n = malloc(sizeof *n);
    struct tlog_quorum q;
    assert_non_null(n);
    assert_ok(note_read(n, note));
    assert_ok(tlog_policy_judge(&q, submit_witnessing.policy, n));
    assert_true(q.met);
    face.cosigned(face.ctx, note, size, &q);
    free(n);
}

/* Two witnesses cosign what the log has; its size. */
static inline uint64_t fence_pass(struct world *w)
{
    buf note;
    uint64_t size = fence_cosign(w, &note, 2, 1000);
    fence_tell(w, buf_slice(&note), size);
    buf_finish(&note);
    fence_settle(w);
    return size;
}

/* All the way to an open fence. */
static inline void fence_open(struct world *w)
{
    world_open(w);
    for (int i = 0; i < 2 && fence_info(w).fence != LOG_OPEN; i++)
        (void)fence_pass(w);
    assert_int_equal(fence_info(w).fence, LOG_OPEN);
}

#endif
