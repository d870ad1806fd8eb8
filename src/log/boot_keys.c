/* From the newest leaf back: each leaf tells which boot it is of, and the leaf before that boot
 * is of the boot before. */
#include "log/boot_keys.h"

#include "base/refuse.h"
#include "log/internal.h"
#include "tlog/key_set.h"

#include <stdlib.h>

struct log_boot_keys {
    struct log *log;
    uint64_t next; /* the boot of the leaf before this one comes next; 0: there is none */
    uint64_t newest;
    size_t count;
    struct cose_ec2 keys[LOG_BOOT_KEYS];
    struct tl_why why;
    struct owner_job job;
    log_boot_keys_done_fn *done;
    void *ctx;
};

tl_err log_boot_keys_new(struct log_boot_keys **out, struct log *log)
{
    struct log_boot_keys *k = calloc(1, sizeof *k);
    if (!k)
        return TL_E_MEMORY;
    k->log = log;
    *out = k;
    return TL_OK;
}

void log_boot_keys_free(struct log_boot_keys *k)
{
    free(k);
}

/* The statement at index and its body, which is one of the log's own. */
static tl_err read_own(struct log *log, uint64_t index, slice *body)
{
    struct store_leaf leaf;
    struct statement st;
    tl_err err = stored_leaf(log, index, &leaf, &st);
    if (err != TL_OK)
        return err;
    hash32 digest = sha256(leaf.body);
    if (REFUSED(!hash_eq(&digest, &st.payload)))
        return TL_E_STORED;
    *body = leaf.body;
    return TL_OK;
}

/* The boot that the statement at index was made in. */
static tl_err boot_of(struct log *log, uint64_t index, uint64_t *boot)
{
    struct store_leaf leaf;
    struct statement st;
    struct body_session session;
    slice body = {NULL, 0};
    tl_err err = stored_leaf(log, index, &leaf, &st);
    if (err != TL_OK)
        return err;
    *boot = st.session;
    if (!st.service) {
        err = read_own(log, st.session, &body);
        if (err == TL_OK)
            err = body_session_read(&session, body);
        if (err != TL_OK)
            return err;
        *boot = session.boot;
    }
    return *boot > index ? TL_E_STORED : TL_OK; /* it goes back, and comes to an end */
}

static tl_err next_boot(struct log_boot_keys *k)
{
    uint64_t index = k->next - 1, boot = 0;
    struct body_boot body;
    slice bytes = {NULL, 0};
    tl_err err = boot_of(k->log, index, &boot);
    if (err == TL_OK) {
        index = boot;
        err = read_own(k->log, boot, &bytes);
    }
    if (err == TL_OK)
        err = body_boot_read(&body, bytes);
    if (err != TL_OK)
        return stored_explain(&k->why, err, index);
    if (k->count == 0)
        k->newest = boot;
    k->keys[k->count++] = body.service;
    k->next = boot;
    return TL_OK;
}

static void run_slice(void *arg)
{
    struct log_boot_keys *k = arg;
    uint64_t end = owner_slice_end();
    tl_err err = k->log->dead ? TL_E_STOPPING : TL_OK;
    while (err == TL_OK && k->next && k->count < LOG_BOOT_KEYS) {
        err = next_boot(k);
        if (owner_slice_over(end))
            break;
    }
    if (err == TL_OK && k->next && k->count < LOG_BOOT_KEYS) {
        err = owner_submit(k->log, &k->job);
        if (err == TL_OK)
            return;
    }
    k->done(k->ctx, err, &k->why);
}

static void run_first(void *arg)
{
    struct log_boot_keys *k = arg;
    k->next = k->log->durable_size;
    k->job.run = run_slice;
    run_slice(k);
}

tl_err log_boot_keys_submit(struct log_boot_keys *k, log_boot_keys_done_fn *done, void *ctx)
{
    k->done = done;
    k->ctx = ctx;
    k->job = (struct owner_job){.run = run_first, .arg = k};
    return owner_submit(k->log, &k->job);
}

void log_boot_keys_put(const struct log_boot_keys *k, buf *out)
{
    key_set_put(out, k->keys, k->count);
}

uint64_t log_boot_keys_newest(const struct log_boot_keys *k)
{
    return k->newest;
}
