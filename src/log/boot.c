/* The boot statement: a fresh service key, bound to the platform. */
#include "crypto/secret.h"
#include "crypto/sign.h"
#include "log/internal.h"
#include "log/recovery.h"

#include <stdlib.h>

static tl_err command_digest(char *const *command, hash32 *out)
{
    buf b;
    size_t words = 0;
    buf_init(&b, 1u << 20);
    while (command[words])
        words++;
    cbor_put_array(&b, words);
    for (size_t i = 0; i < words; i++)
        cbor_put_str(&b, command[i]);
    tl_err err = buf_err(&b);
    if (err == TL_OK)
        *out = sha256(buf_slice(&b));
    buf_finish(&b);
    return err;
}

static tl_err fill_config(const struct log *log, struct body_config *c)
{
    *c = (struct body_config){.platform = slice_str(tee_platform(log->tee)),
                              .sealing = slice_str(tee_sealing(log->tee)),
                              .admissions = log->admissions,
                              .faulty = log->fence.config.faulty,
                              .degraded_starts = log->fence.config.degraded_starts,
                              .has_recovery = log->recovery != NULL,
                              .has_command = log->command != NULL};
    if (log->fence.count)
        c->quorum = buf_slice(&log->fence.text);
    if (log->recovery)
        es256_point(log->recovery, &c->recovery);
    return log->command ? command_digest(log->command, &c->command) : TL_OK;
}

static tl_err fill_boot(struct boot *o, struct tl_why *why)
{
    struct log *log = o->log;
    struct body_boot *v = &o->body;
    tl_err err = fill_config(log, &v->config);
    if (err != TL_OK)
        return tl_explain(why, err, NULL, "the command line is longer than 1 MiB");
    v->config_digest = body_config_digest(&v->config);
    v->log_id = log->keys.log_id;
    v->size = tree_size(log->tree);
    v->root = tree_root(log->tree);
    v->version = slice_str(TEELOG_VERSION);
    v->old_note = log->succeeds;
    es256_point(log->service, &v->service);
    err = roster_heads(log->roster, v->size, &v->heads);
    if (err == TL_OK)
        err = random_seed(v->boot_id.b, sizeof v->boot_id.b);
    if (err != TL_OK)
        return err;
    struct boot_binding b = {.origin = slice_str(log->keys.origin),
                             .log_id = v->log_id,
                             .log_tp = log->log_tp,
                             .service_tp = log->service_kid,
                             .boot_id = v->boot_id,
                             .size = v->size,
                             .root = v->root,
                             .config_digest = v->config_digest};
    binding_boot(o->report_data, &b);
    return TL_OK;
}

void boot_free(struct boot *o)
{
    if (!o)
        return;
    buf_finish(&o->key);
    buf_finish(&o->item);
    free(o);
}

tl_err boot_begin(struct boot **out, struct log *log, struct tl_why *why)
{
    struct boot *o = calloc(1, sizeof *o);
    if (!o)
        return TL_E_MEMORY;
    o->log = log;
    buf_init(&o->key, 1024);
    buf_init(&o->item, EVIDENCE_MAX);
    tl_err err = es256_generate(&log->service);
    if (err == TL_OK) {
        log->service_kid = es256_thumbprint(log->service);
        note_key_put(&o->key, &log->keys.note_key);
        o->body.log_key = buf_slice(&o->key);
        o->body.key = log->keys.note_key;
        err = buf_err(&o->key);
    }
    if (err == TL_OK)
        err = fill_boot(o, why);
    if (err == TL_OK)
        *out = o;
    else
        boot_free(o);
    return err;
}

/* The log waits for this one: nothing else goes on yet. */
static tl_err quote_boot(struct boot *o, struct tl_why *why)
{
    struct tee *tee = o->log->tee;
    buf quote, event_log;
    buf_init(&quote, TEE_QUOTE_MAX);
    buf_init(&event_log, TEE_EVENT_LOG_MAX);
    tl_err err = tee_quote(tee, o->report_data, &quote, &event_log, why);
    if (err == TL_OK) {
        const struct evidence e = tee_evidence(tee, &quote, &event_log);
        evidence_put(&o->item, &e);
    }
    buf_finish(&event_log);
    buf_finish(&quote);
    return err;
}

/* For the owner, before the boot that says so is there to be seen. */
static tl_err keep_for_owner(struct log *log)
{
    uint8_t mem[RECOVERY_SIZE];
    buf b;
    if (!log->recovery)
        return TL_OK;
    buf_init_fixed(&b, mem, sizeof mem);
    tl_err err = recovery_wrap(&log->keys, log->recovery, &b);
    return err == TL_OK ? store_put_meta(log->store, RECOVERY_WRAPPED, buf_slice(&b)) : err;
}

/* The body key's salt goes into the transaction of the boot that uses it. */
static tl_err commit_boot(struct log *log, struct group *g)
{
    tl_err err = log->txn_open ? TL_OK : store_begin(log->store);
    if (err != TL_OK)
        return err;
    log->txn_open = true;
    err = body_keys_fresh(log->bodies);
    if (err == TL_OK)
        err = keep_for_owner(log);
    if (err == TL_OK && log->heads_rows_bad)
        err = store_clear_heads(log->store);
    if (err != TL_OK)
        return err;
    sign_group(log, g);
    return commit_group(log, g);
}

static tl_err put_boot(struct boot *o, struct group *g, slice *kept)
{
    buf body;
    buf_init(&body, 2 * NOTE_MAX);
    tl_err err = buf_err(&o->item);
    if (err == TL_OK)
        err = evidence_keep(g, buf_slice(&o->item), &o->body.evidence);
    body_boot_put(&body, &o->body);
    if (err == TL_OK)
        err = buf_err(&body);
    if (err == TL_OK)
        err = group_keep(g, buf_slice(&body), kept);
    buf_finish(&body);
    return err;
}

tl_err boot_finish(struct boot *o, struct tl_why *why)
{
    struct log *log = o->log;
    struct group *g = log->groups[0];
    struct placing p = {.kind = ST_BOOT, .subject = log->origin, .session = UINT64_MAX};
    tl_err err = put_boot(o, g, &p.body);
    if (err == TL_OK)
        err = heads_rows(log, g, log->next_index);
    if (err != TL_OK)
        return err;
    log->heads = o->body.heads;
    p.payload = sha256(p.body);
    p.key = sign_key_es256(log->service);
    p.kid = log->service_kid;
    const struct entry *e = place(log, g, &p);
    err = commit_boot(log, g);
    log->boot_leaf = e->leaf; /* a group's memory is kept when it is reset */
    if (err != TL_OK)
        return tl_explain(why, err, NULL, "the boot statement could not be committed: %s",
                          failure_text(log, err));
    pthread_mutex_lock(&log->lock);
    log->boot_index = e->index;
    pthread_mutex_unlock(&log->lock);
    return TL_OK;
}

tl_err boot_append(struct log *log, struct tl_why *why)
{
    struct boot *o = NULL;
    tl_err err = boot_begin(&o, log, why);
    if (err == TL_OK)
        err = quote_boot(o, why);
    if (err == TL_OK)
        err = boot_finish(o, why);
    boot_free(o);
    return err;
}
