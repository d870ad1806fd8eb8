/* Opening a log. */
#include "log/log.h"

#include "crypto/secret.h"
#include "crypto/sign.h"
#include "log/handover.h"
#include "log/index.h"
#include "log/internal.h"

#include <stdio.h>
#include <stdlib.h>

void log_free(struct log *log)
{
    if (!log)
        return;
    quoter_free(log->quoter);
    sessions_free(log);
    pool_free(log->pool);
    group_free(log->groups[0]);
    group_free(log->groups[1]);
    index_free(log->index);
    roster_free(log->roster);
    erased_finish(&log->erased);
    anchors_free(log->anchors);
    es256_free(log->service);
    es256_free(log->recovery);
    body_keys_free(log->bodies);
    tree_free(log->tree);
    store_close(log->store);
    shelf_free(log->shelf);
    tokens_unref(log->tokens);
    keys_wipe(&log->keys);
    buf_finish(&log->checkpoint);
    for (size_t i = 0; log->command && log->command[i]; i++)
        free(log->command[i]);
    free(log->command);
    fence_finish(log);
    pthread_mutex_destroy(&log->watch_lock);
    pthread_cond_destroy(&log->wake);
    pthread_mutex_destroy(&log->lock);
    free(log);
}

tl_err log_new(struct log **out, struct tee *tee)
{
    pthread_condattr_t monotonic;
    struct log *log = calloc(1, sizeof *log);
    if (!log)
        return TL_E_MEMORY;
    log->tee = tee;
    log->boot_index = UINT64_MAX;
    fence_init(&log->fence);
    log->queue_last = &log->queue;
    log->jobs_last = &log->jobs;
    buf_init(&log->checkpoint, NOTE_MAX);
    pthread_mutex_init(&log->lock, NULL);
    pthread_mutex_init(&log->watch_lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&log->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    tl_err err = shelf_new(&log->shelf);
    if (err == TL_OK)
        err = roster_new(&log->roster);
    if (err != TL_OK) {
        log_free(log);
        return err;
    }
    *out = log;
    return TL_OK;
}

static tl_err copy_command(struct log *log, const char *const *command)
{
    size_t n = 0;
    if (!command)
        return TL_OK;
    while (command[n])
        n++;
    log->command = calloc(n + 1, sizeof *log->command);
    if (!log->command)
        return TL_E_MEMORY;
    for (size_t i = 0; i < n; i++)
        if (!(log->command[i] = strdup(command[i])))
            return TL_E_MEMORY;
    return TL_OK;
}

static tl_err set_up(struct log *log, const struct log_config *c, struct tl_why *why)
{
    unsigned signers = c->signers ? c->signers : pool_cpus();
    log->admissions = c->admissions;
    log->session_rate = c->sessions_per_second ? c->sessions_per_second : SESSIONS_PER_SECOND;
    log->stall_bytes_max = c->stall_bytes ? c->stall_bytes : STALL_BYTES_MAX;
    log->row_bytes_max = c->query_bytes ? c->query_bytes : QUERIES_BYTES;
    log->agents_max = c->agents && c->agents < ROSTER_MAX ? c->agents : ROSTER_MAX - 1;
    log->room.max_bytes = c->max_bytes;
    log->room.min_free = c->min_free;
    log->recovery = c->recovery ? es256_ref(c->recovery) : NULL;
    log->fatal = c->fatal;
    log->fatal_ctx = c->fatal_ctx;
    tl_err err = witnessing_set_up(log, &c->witnessing, why);
    if (err == TL_OK)
        err = copy_command(log, c->command);
    if (err == TL_OK)
        err = group_new(&log->groups[0], log);
    if (err == TL_OK)
        err = group_new(&log->groups[1], log);
    if (err == TL_OK)
        err = pool_new(&log->pool, signers > 8 ? 8 : signers);
    if (err == TL_OK)
        err = quoter_new(
            &log->quoter, log->tee,
            &(struct quoter_limits){.per_second = c->quotes_per_second, .burst = c->quotes_burst});
    return err;
}

/* A store whose creation was cut short holds nothing: no identity, no leaf. */
static tl_err is_empty(struct log *log, bool *empty)
{
    buf b;
    uint64_t bound;
    buf_init(&b, 1024);
    tl_err err = store_leaf_bound(log->store, &bound);
    if (err == TL_E_STORED) { /* an index that is none of ours: recovery says so */
        *empty = false;
        err = TL_OK;
    } else if (err == TL_OK) {
        err = store_get_meta(log->store, "log_id", &b);
        *empty = err == TL_E_NOT_FOUND && bound == 0;
        if (err == TL_E_NOT_FOUND)
            err = TL_OK;
    }
    buf_finish(&b);
    return err;
}

/* The log of this directory, or a new one; *made says which. */
static tl_err open_or_make(struct log *log, const char *dir, bool *made, struct tl_why *why)
{
    struct tl_why open_why = {{0}, {0}};
    tl_err err = store_open(&log->store, dir, STORE_OPEN, &open_why);
    *made = err == TL_E_NOT_FOUND;
    if (*made)
        return store_open(&log->store, dir, STORE_CREATE, why);
    return err == TL_OK ? TL_OK : tl_explain(why, err, open_why.field, "%s", open_why.text);
}

/* Whether the stored log is one whose keys ended with its boot, by its own word. */
static tl_err ended_with_its_boot(const char *dir, struct tl_why *why)
{
    struct store *s = NULL;
    buf b;
    buf_init(&b, 64);
    tl_err err = store_open(&s, dir, STORE_READ, why);
    if (err == TL_OK) {
        err = store_get_meta(s, MEMORY_ONLY, &b);
        if (err != TL_OK)
            err = tl_explain(why, TL_E_SEALED, "data",
                             "%.120s holds a log whose keys another platform keeps: this one keeps "
                             "none. Nothing was changed; use another directory, or the platform "
                             "of that log",
                             dir);
    }
    store_close(s);
    buf_finish(&b);
    return err;
}

/* Where keys end with a boot, nobody will ever open what the one before it left: that is
 * kept, beside the new log. */
static tl_err make_room(struct log *log, const char *dir, struct tl_why *why)
{
    struct tl_why inner = {{0}, {0}};
    if (tee_keeps_keys(log->tee))
        return TL_OK;
    tl_err err = ended_with_its_boot(dir, &inner);
    if (err == TL_OK)
        err = store_set_aside(dir, log->set_aside, &inner);
    if (err == TL_E_NOT_FOUND)
        return TL_OK;
    return err == TL_OK ? TL_OK : tl_explain(why, err, inner.field, "%s", tl_why_text(&inner, err));
}

static tl_err start(struct log *log, const struct log_config *c, struct tl_why *why)
{
    bool empty = true, made;
    tl_err err = make_room(log, c->dir, why);
    if (err == TL_OK)
        err = open_or_make(log, c->dir, &made, why);
    if (err == TL_OK)
        err = tree_new(&log->tree, log->store);
    if (err == TL_OK && !made)
        err = is_empty(log, &empty);
    if (err == TL_OK && !empty && c->succeeds.n)
        err = tl_explain(why, TL_E_EXISTS, "data",
                         "this data directory holds a log already, and only a new one can follow "
                         "another: use an empty directory");
    if (err != TL_OK)
        return err;
    err = empty ? start_genesis(log, c->origin, why) : start_recover(log, why);
    if (err == TL_OK && c->origin && strcmp(c->origin, log->keys.origin) != 0)
        err = tl_explain(why, TL_E_USAGE, "origin",
                         "this data directory holds the log %s; leave --origin out, or use "
                         "another directory",
                         log->keys.origin);
    if (err == TL_OK && !empty)
        err = handover_check(log, why);
    if (err != TL_OK)
        return err;
    if (!empty) {
        other_start(log);
        err = fence_begin(log, why);
    }
    if (err == TL_OK && log->fence.count)
        err = anchors_load(log, log->fence.config.policy);
    if (err == TL_OK && !empty && (log->fence.count || log->frozen))
        return start_scrub(log, why); /* its boot may never come */
    log->succeeds = c->succeeds;
    if (err == TL_OK)
        err = boot_append(log, why);
    log->succeeds = (slice){NULL, 0};
    if (err == TL_OK)
        err = start_scrub(log, why);
    fence_booted(log);
    return err;
}

void log_load_collateral(struct log *log, const char *dir)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/" LOG_COLLATERAL, dir);
    if (n > 0 && (size_t)n < sizeof path)
        shelf_load(log->shelf, path);
}

tl_err log_put_collateral(struct log *log, slice json)
{
    return shelf_put(log->shelf, json);
}

/* aside: where the former log was moved to, or "". */
static tl_err open_once(struct log **out, struct tee *tee, const struct log_config *config,
                        const char *aside, struct tl_why *why)
{
    struct log *log = NULL;
    tl_err err = log_new(&log, tee);
    if (err != TL_OK)
        return err;
    snprintf(log->set_aside, sizeof log->set_aside, "%s", aside);
    log_load_collateral(log, config->dir);
    err = set_up(log, config, why);
    if (err == TL_OK)
        err = start(log, config, why);
    if (err == TL_OK)
        err = index_new(&log->index, log);
    if (err == TL_OK)
        err = owner_start(log);
    if (err != TL_OK) {
        log_free(log);
        return err;
    }
    index_start(log);
    err = witnessing_start(log, why);
    if (err != TL_OK) {
        log_close(log);
        return err;
    }
    *out = log;
    return TL_OK;
}

tl_err log_open(struct log **out, struct tee *tee, const struct log_config *config,
                struct tl_why *why)
{
    struct tl_why inner = {{0}, {0}};
    char aside[STORE_ASIDE] = "";
    tl_err err = open_once(out, tee, config, aside, &inner);
    if (config->set_aside && (err == TL_E_HEAD || err == TL_E_SEALED)) {
        inner = (struct tl_why){{0}, {0}};
        err = store_set_aside(config->dir, aside, &inner);
        if (err == TL_OK)
            err = open_once(out, tee, config, aside, &inner);
    }
    return err == TL_OK ? err : tl_explain(why, err, inner.field, "%s", tl_why_text(&inner, err));
}

tl_err log_open_read(struct log **out, struct tee *tee, const char *dir, struct tl_why *why)
{
    struct log *log = NULL;
    tl_err err = log_new(&log, tee);
    if (err == TL_OK)
        err = store_open(&log->store, dir, STORE_READ, why);
    if (err == TL_OK)
        err = tree_new(&log->tree, log->store);
    if (err == TL_OK)
        err = start_recover(log, why);
    if (err == TL_OK)
        err = anchors_load_own(log);
    if (err == TL_OK)
        err = index_new(&log->index, log);
    if (err != TL_OK) {
        log_free(log);
        return err;
    }
    log_load_collateral(log, dir);
    *out = log;
    return TL_OK;
}
