#include "log/retain.h"

#include "base/encoding.h"
#include "log/erase.h"
#include "log/internal.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define HOUR_MS  3600000u
#define LEAST_MS 1000u    /* between two rounds */
#define PAUSE_NS 1000000u /* between two slices: appends come first */
#define KEEP_MAX 36500u   /* days */

struct retain {
    struct log *log;
    struct retain_options options;
    uint64_t done[RETAIN_MAX]; /* leaves below were looked at, for each rule */
    bool through[RETAIN_MAX];  /* in this round: what comes after them is not old enough */

    /* Of the slice under way; the owner thread has them while it runs. */
    uint64_t now_ms;
    uint64_t found[ERASE_CHUNK];
    size_t found_count;
    bool more; /* in this round */
    tl_err err;
    struct tl_why why;

    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    atomic_bool stop;
};

/* ---- rules ---- */

static bool unit_ms(slice *number, uint64_t *ms)
{
    static const char units[] = "smhd";
    static const uint64_t of[] = {1000, 60000, HOUR_MS, 24 * (uint64_t)HOUR_MS};
    *ms = of[3];
    if (number->n == 0)
        return false;
    const char *unit = strchr(units, number->p[number->n - 1]);
    if (unit && *unit) {
        *ms = of[unit - units];
        number->n--;
    }
    return true;
}

tl_err retain_rule_read(struct retain_rule *out, const char *text, struct tl_why *why)
{
    struct retain_rule rule = {.keep_ms = 0};
    const char *equals = strrchr(text, '=');
    slice type = slice_of(text, equals ? (size_t)(equals - text) : 0);
    slice number = slice_str(equals ? equals + 1 : "");
    uint64_t n, ms;
    if (!slice_eq_str(type, "*") && !record_type_valid(type))
        return tl_explain(why, TL_E_USAGE, "retain",
                          "%s is not TYPE=DAYS with a type that records can have, or *", text);
    if (!unit_ms(&number, &ms) || decimal_read(&n, number, KEEP_MAX * (24 * 3600)) != TL_OK ||
        n > KEEP_MAX * (24 * (uint64_t)HOUR_MS) / ms)
        return tl_explain(why, TL_E_USAGE, "retain",
                          "%s does not say how long to keep: a number of days, or with s, m, h or "
                          "d behind it; at most %u days",
                          text, KEEP_MAX);
    memcpy(rule.type, type.p, type.n);
    rule.keep_ms = n * ms;
    *out = rule;
    return TL_OK;
}

/* The rule for records of this type; count where there is none. */
static size_t rule_of(const struct retain_options *o, slice type)
{
    size_t rest = o->count;
    for (size_t i = 0; i < o->count; i++) {
        if (slice_eq_str(type, o->rules[i].type))
            return i;
        if (strcmp(o->rules[i].type, "*") == 0)
            rest = i;
    }
    return rest;
}

/* ---- on the owner thread: which records are too old ---- */

/* The least leaf that a rule has still to look at; false where none has. */
static bool next_leaf(const struct retain *r, uint64_t *index)
{
    *index = r->log->durable_size;
    for (size_t i = 0; i < r->options.count; i++)
        if (!r->through[i] && r->done[i] < *index)
            *index = r->done[i];
    return *index < r->log->durable_size;
}

/* Looks at a leaf for all the rules that have come to it, so that rules which begin at
 * the same leaf, as at the start, read it once. After the first that is not old enough
 * for a rule none is. */
static tl_err look_at(struct retain *r, uint64_t index)
{
    struct store_leaf leaf;
    struct statement st;
    tl_err err = stored_leaf(r->log, index, &leaf, &st);
    if (err != TL_OK)
        return tl_explain(&r->why, err, NULL, "statement %" PRIu64 ": %s", index, tl_err_text(err));
    size_t its = st.kind == ST_RECORD ? rule_of(&r->options, st.type) : r->options.count;
    for (size_t i = 0; i < r->options.count; i++) {
        if (r->through[i] || r->done[i] != index)
            continue;
        r->through[i] = st.time_ms + r->options.rules[i].keep_ms > r->now_ms;
        if (r->through[i])
            continue;
        r->done[i]++;
        if (i == its && !log_is_erased(r->log, index))
            r->found[r->found_count++] = index;
    }
    return TL_OK;
}

static void run_slice(void *arg)
{
    struct retain *r = arg;
    uint64_t end = owner_slice_end();
    bool ready = false;
    uint64_t index;
    r->err = erased_load(r->log, &ready, &r->why);
    while (r->err == TL_OK && ready && r->found_count < ERASE_CHUNK && next_leaf(r, &index) &&
           !owner_slice_over(end))
        r->err = look_at(r, index);
    r->more = next_leaf(r, &index);
}

/* ---- on its own thread ---- */

static void say(const struct retain *r, const char *text)
{
    if (r->options.say)
        r->options.say(r->options.ctx, text);
}

static tl_err erase_found(struct retain *r)
{
    struct log_erase *e = NULL;
    tl_err err =
        log_erase_new(&e, r->log, r->found, r->found_count, slice_str("retention"), &r->why);
    if (err == TL_OK)
        err = log_erase_run(e, &r->why);
    log_erase_free(e);
    return err;
}

static void pause_a_little(void)
{
    const struct timespec t = {.tv_nsec = PAUSE_NS};
    (void)nanosleep(&t, NULL);
}

/* Erases what is too old; *count grows. What cannot be erased now (the
 * log is frozen, say) is looked for again after the next start. */
static tl_err apply(struct retain *r, uint64_t *count)
{
    tl_err err = TL_OK;
    memset(r->through, 0, sizeof r->through);
    r->found_count = 0;
    r->more = true;
    while (err == TL_OK && (r->more || r->found_count) && !atomic_load(&r->stop)) {
        if (r->more && r->found_count < ERASE_CHUNK) {
            err = owner_call(r->log, run_slice, r, false);
            if (err == TL_OK)
                err = r->err;
            pause_a_little();
            continue;
        }
        err = erase_found(r);
        if (err != TL_OK)
            break;
        *count += r->found_count;
        r->found_count = 0;
    }
    return err;
}

/* False where the log takes nothing now: what is too old is looked for later. */
static bool round_of_all(struct retain *r)
{
    char text[300];
    uint64_t count = 0;
    if (fence_gate(r->log, ST_ERASURE) != TL_OK)
        return false;
    r->why = (struct tl_why){0};
    r->now_ms = log_clock(r->log);
    tl_err err = apply(r, &count);
    if (count) {
        snprintf(text, sizeof text, "erased %" PRIu64 " record%s, as --retain says", count,
                 count == 1 ? "" : "s");
        say(r, text);
    }
    if (err != TL_OK && err != TL_E_STOPPING) {
        snprintf(text, sizeof text, "what is too old could not be erased: %s",
                 tl_why_text(&r->why, err));
        say(r, text);
    }
    return true;
}

static uint64_t interval_ms(const struct retain_options *o)
{
    uint64_t ms = HOUR_MS;
    for (size_t i = 0; i < o->count; i++)
        if (o->rules[i].keep_ms < ms)
            ms = o->rules[i].keep_ms;
    return ms < LEAST_MS ? LEAST_MS : ms;
}

/* False where it is to stop. */
static bool wait_for_next(struct retain *r, uint64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    pthread_mutex_lock(&r->lock);
    int rc = 0;
    while (!atomic_load(&r->stop) && rc == 0)
        rc = pthread_cond_timedwait(&r->wake, &r->lock, &until);
    pthread_mutex_unlock(&r->lock);
    return !atomic_load(&r->stop);
}

static void *run(void *arg)
{
    struct retain *r = arg;
    bool done;
    do
        done = round_of_all(r);
    while (wait_for_next(r, done ? interval_ms(&r->options) : LEAST_MS));
    return NULL;
}

static void finish(struct retain *r)
{
    pthread_cond_destroy(&r->wake);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

tl_err retain_start(struct retain **out, struct log *log, const struct retain_options *o)
{
    pthread_condattr_t monotonic;
    struct retain *r = calloc(1, sizeof *r);
    if (!r)
        return TL_E_MEMORY;
    r->log = log;
    r->options = *o;
    atomic_init(&r->stop, false);
    pthread_mutex_init(&r->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&r->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&r->thread, NULL, run, r) != 0) {
        finish(r);
        return TL_E_MEMORY;
    }
    *out = r;
    return TL_OK;
}

void retain_stop(struct retain *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    atomic_store(&r->stop, true);
    pthread_cond_broadcast(&r->wake);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    finish(r);
}
