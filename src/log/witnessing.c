/* The log as its witness client sees it, and that client's start and end. */
#include "base/encoding.h"
#include "base/refuse.h"
#include "log/internal.h"
#include "log/waiter.h"

#include <inttypes.h>
#include <stdio.h>

#define AHEAD_LEAST 2 /* witnesses whose mere word freezes, also where none may be faulty */

/* ---- what is configured ---- */

static tl_err check(const struct log_witnessing *c, size_t *k, size_t *n, struct tl_why *why)
{
    const struct tlog_policy *p = c->policy;
    size_t asked = 0;
    if (p->log_count)
        return tl_explain(why, TL_E_USAGE, "witnesses",
                          "it has a line that begins with log: a log's own witnesses are not told "
                          "which logs to trust. Leave that line out");
    if (!tlog_policy_one_group(p, k, n))
        return tl_explain(why, TL_E_USAGE, "witnesses",
                          "its quorum must be one witness, or one group that has all of them as "
                          "its members");
    if (!tlog_policy_safe(*k, *n, c->faulty))
        return tl_explain(why, TL_E_USAGE, "witnesses",
                          "%zu of %zu with %" PRIu64 " faulty is no quorum: two of them could "
                          "cosign two histories without an honest witness in common. It needs "
                          "2 k > n + faulty",
                          *k, *n, c->faulty);
    for (size_t i = 0; i < p->member_count; i++) {
        const struct tlog_policy_member *m = &p->members[i];
        if (m->witness && !m->key.verifiable)
            return tl_explain(why, TL_E_USAGE, "witnesses",
                              "the witness %.*s signs with ML-DSA-44, which cannot be verified "
                              "here: leave it out",
                              (int)(m->name.n < 64 ? m->name.n : 64), (const char *)m->name.p);
        asked += m->witness && m->url.n;
    }
    if (asked < *k)
        return tl_explain(why, TL_E_USAGE, "witnesses",
                          "%zu of its witnesses have a URL to ask them at, and the quorum is of "
                          "%zu: put the URL behind the key",
                          asked, *k);
    return TL_OK;
}

static struct witness_client_options client_options(const struct log *log)
{
    const struct log_witnessing *c = &log->fence.config;
    return (struct witness_client_options){.policy = c->policy,
                                           .log_key = &log->keys.note_key,
                                           .interval_ms = c->interval_ms,
                                           .refresh_ms = c->refresh_ms,
                                           .timeout_ms = c->timeout_ms,
                                           .ca_file = c->ca_file,
                                           .proxy = c->proxy};
}

tl_err witnessing_set_up(struct log *log, const struct log_witnessing *c, struct tl_why *why)
{
    struct fence *f = &log->fence;
    size_t k = 0, n = 0;
    if (!c || !c->policy)
        return TL_OK;
    f->config = *c;
    if (c->wait_ms == 0)
        f->config.wait_ms = LOG_WITNESS_WAIT_MS;
    tl_err err = check(c, &k, &n, why);
    if (err != TL_OK)
        return err;
    tlog_policy_put(&f->text, c->policy);
    err = buf_err(&f->text);
    if (err == TL_E_LIMIT || (err == TL_OK && !utf8_valid(buf_slice(&f->text))))
        return tl_explain(why, TL_E_USAGE, "witnesses",
                          "it must be UTF-8, and at most %d bytes without comments and URLs, since "
                          "each boot carries it",
                          LOG_QUORUM_MAX);
    f->need = k;
    f->count = n;
    /* There may be no log yet: none is made that could not be started. */
    const struct witness_client_options o = client_options(log);
    return err == TL_OK ? witness_client_check(&o, why) : err;
}

/* ---- the log, as the client sees it: on the client's thread ---- */

static uint64_t face_size(void *ctx)
{
    struct log *log = ctx;
    pthread_mutex_lock(&log->lock);
    uint64_t size = log->durable_size;
    pthread_mutex_unlock(&log->lock);
    return size;
}

/* Something that the tree is asked, on the owner thread. */
struct question {
    struct log *log;
    struct owner_job job;
    struct waiter waiter;
    void (*ask)(struct question *q);
    tl_err err;
    /* of a checkpoint */
    uint64_t old, size;
    buf *note;
    hash32 *path;
    size_t *path_count;
    /* of a note */
    struct fork_finding *found;
    bool contradicts;
};

static void run(void *arg)
{
    struct question *q = arg;
    q->ask(q);
    waiter_done(&q->waiter, q->err, NULL);
}

/* Where the owner thread takes no more it has ended, and nobody else may look at the tree. */
static tl_err ask_owner(struct question *q)
{
    q->job = (struct owner_job){.run = run, .arg = q};
    waiter_init(&q->waiter);
    return waiter_wait(&q->waiter, owner_submit(q->log, &q->job), NULL);
}

static void ask_checkpoint(struct question *q)
{
    struct log *log = q->log;
    struct merkle_nodes nodes = tree_nodes(log->tree);
    q->size = log->durable_size;
    *q->path_count = 0;
    q->err = q->old > q->size ? TL_E_NOT_FOUND : log_checkpoint(log, q->note);
    if (q->err == TL_OK && q->old && q->old < q->size)
        q->err = merkle_prove_consistency(&nodes, q->old, q->size, q->path, q->path_count);
}

static tl_err face_checkpoint(void *ctx, uint64_t old, buf *note, uint64_t *size,
                              hash32 path[MERKLE_MAX_PATH], size_t *path_count)
{
    struct question q = {.log = ctx,
                         .ask = ask_checkpoint,
                         .old = old,
                         .note = note,
                         .path = path,
                         .path_count = path_count};
    tl_err err = ask_owner(&q);
    if (err == TL_OK)
        *size = q.size;
    return err;
}

/* A size that the log has not had is no witness's fault, and is not asked about. */
static void ask_growth(struct question *q)
{
    struct merkle_nodes nodes = tree_nodes(q->log->tree);
    q->err = q->old == 0 || q->old >= q->size || q->size > q->log->durable_size
                 ? TL_E_NOT_FOUND
                 : merkle_prove_consistency(&nodes, q->old, q->size, q->path, q->path_count);
}

static tl_err face_prove(void *ctx, uint64_t old, uint64_t size, hash32 path[MERKLE_MAX_PATH],
                         size_t *path_count)
{
    struct question q = {.log = ctx,
                         .ask = ask_growth,
                         .old = old,
                         .size = size,
                         .path = path,
                         .path_count = path_count};
    return ask_owner(&q);
}

static void face_cosigned(void *ctx, slice note, uint64_t size, const struct tlog_quorum *quorum)
{
    struct log *log = ctx;
    if (cosigned_take(log, note, size, quorum) != TL_OK)
        fence_say(log, "out of memory for what the witnesses have cosigned; it comes again");
}

static void ask_history(struct question *q)
{
    q->err = fork_judge(q->log, q->found, &q->contradicts);
}

static bool face_seen(void *ctx, const char *witness, slice note)
{
    struct log *log = ctx;
    struct fork_finding found;
    struct question q = {.log = log, .ask = ask_history, .found = &found};
    if (fork_read(log, note, &found) != TL_OK)
        return false;
    /* The owner may be a while, and for a larger one nobody need ask it. */
    tl_err err = found.larger ? TL_OK : ask_owner(&q);
    if (err != TL_OK && err != TL_E_STOPPING)
        fence_say(log, "a checkpoint that a witness shows cannot be judged: this log's disk or "
                       "memory fails; the witness is asked again");
    if (err != TL_OK || !(found.larger || q.contradicts))
        return false;
    fork_freeze(log, &found, witness, note);
    return true;
}

static void face_ahead(void *ctx, size_t count, const char *witness, uint64_t size)
{
    struct log *log = ctx;
    struct tl_why why = {{0}, {0}};
    /* Of one nothing but its mark comes, and that it cosigns no more: whoever is on the way to it
     * could say the same in its name. */
    if (count <= log->fence.config.faulty || REFUSED(count < AHEAD_LEAST))
        return;
    (void)tl_explain(&why, TL_E_FROZEN, NULL,
                     "%zu witnesses say that they have cosigned more of this log than it has "
                     "(%.100s: %" PRIu64 " statements), and show no proof: an older disk was put "
                     "back, a copy of it has gone on elsewhere, or they deceive",
                     count, witness, size);
    fence_freeze(log, &why, witness, (slice){NULL, 0});
}

static void face_say(void *ctx, const char *text)
{
    fence_say(ctx, text);
}

struct witness_log_face witnessing_face(struct log *log)
{
    return (struct witness_log_face){.ctx = log,
                                     .size = face_size,
                                     .checkpoint = face_checkpoint,
                                     .prove = face_prove,
                                     .cosigned = face_cosigned,
                                     .seen = face_seen,
                                     .ahead = face_ahead,
                                     .say = face_say};
}

/* ---- its start and end ---- */

static void set_client(struct log *log, struct witness_client *c)
{
    struct fence *f = &log->fence;
    pthread_mutex_lock(&log->lock);
    f->client = c;
    f->late_us = stats_now_us() + (uint64_t)f->config.wait_ms * 1000;
    fence_stir(log);
    pthread_mutex_unlock(&log->lock);
}

tl_err witnessing_start(struct log *log, struct tl_why *why)
{
    const struct witness_log_face face = witnessing_face(log);
    struct witness_client_options o = client_options(log);
    struct witness_client *c = NULL;
    buf kept;
    if (log->fence.count == 0)
        return TL_OK;
    buf_init(&kept, NOTE_MAX);
    tl_err err = log_cosigned(log, &kept, NULL, NULL);
    o.cosigned = buf_slice(&kept);
    if (err == TL_OK || err == TL_E_NOT_FOUND)
        err = witness_client_start(&c, &o, &face, why);
    buf_finish(&kept);
    if (err == TL_OK)
        set_client(log, c); /* it may have told us something already */
    return err;
}

/* Who else has it is done with it before witnessing_stop: log_end is called once nobody uses the
 * log any more, and has stopped the owner thread by then. */
static struct witness_client *take_client(struct log *log, bool away)
{
    pthread_mutex_lock(&log->lock);
    struct witness_client *c = log->fence.client;
    if (away)
        log->fence.client = NULL;
    pthread_mutex_unlock(&log->lock);
    return c;
}

void witnessing_stop(struct log *log)
{
    witness_client_stop(take_client(log, true));
}

void witnessing_wake(struct log *log, bool now)
{
    struct witness_client *c = log->fence.count ? take_client(log, false) : NULL;
    if (c)
        witness_client_wake(c, now);
}

bool log_witness(struct log *log, size_t i, struct witness_view *out)
{
    struct witness_client *c = take_client(log, false);
    if (!c || i >= witness_client_count(c))
        return false;
    witness_client_view(c, i, out);
    return true;
}
