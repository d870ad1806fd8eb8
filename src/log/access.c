/* Changing who may do what: the new table commits with a head that holds its digest,
 * so that the host can neither add a token nor bring back a revoked one. */
#include "base/encoding.h"
#include "crypto/secret.h"
#include "log/internal.h"

struct tokens *log_tokens(struct log *log)
{
    pthread_mutex_lock(&log->lock);
    struct tokens *t = tokens_ref(log->tokens);
    pthread_mutex_unlock(&log->lock);
    return t;
}

uint64_t log_clock(struct log *log)
{
    uint64_t now = log_wall_clock();
    pthread_mutex_lock(&log->lock);
    if (now > log->clock_ms)
        log->clock_ms = now;
    now = log->clock_ms;
    pthread_mutex_unlock(&log->lock);
    return now;
}

struct change {
    struct log *log;
    const struct token *add; /* or NULL */
    const uint8_t *remove;
    tl_err err;
    struct tl_why *why;
};

static tl_err store_tokens(struct log *log, const struct tokens *t)
{
    tl_err err = store_begin(log->store);
    if (err != TL_OK)
        return err;
    err = store_put_meta(log->store, "tokens", tokens_stored(t));
    if (err == TL_OK)
        err = head_store(log, t);
    if (err != TL_OK) {
        store_rollback(log->store);
        return err;
    }
    return store_commit(log->store);
}

/* Between two groups: what is stored is then the whole tree. */
static void change(void *arg)
{
    struct change *c = arg;
    struct log *log = c->log;
    struct tokens *next = NULL, *old = log->tokens;
    c->err = log->dead ? TL_E_STOPPING
             : c->add  ? tokens_add(&next, old, c->add, c->why)
                       : tokens_remove(&next, old, c->remove);
    if (c->err != TL_OK)
        return;
    c->err = store_tokens(log, next);
    if (c->err != TL_OK) { /* as with a group: whether it took effect is unknown */
        log->job_err = c->err;
        tokens_unref(next);
        return;
    }
    pthread_mutex_lock(&log->lock);
    log->tokens = next;
    pthread_mutex_unlock(&log->lock);
    tokens_unref(old);
}

static tl_err run_change(struct change *c)
{
    tl_err err = owner_call(c->log, change, c, false);
    return err == TL_OK ? c->err : err;
}

static tl_err check_agents(const struct log *log, const struct token *t, struct tl_why *why)
{
    if (t->agent_count > TOKEN_AGENTS_MAX)
        return tl_explain(why, TL_E_FIELD, "agents", "a token may be for at most %d agents",
                          TOKEN_AGENTS_MAX);
    for (size_t i = 0; i < t->agent_count; i++)
        if (!agent_id_valid(t->agents[i], slice_str(log->keys.origin)))
            return tl_explain(why, TL_E_FIELD, "agents",
                              "each of agents must be 1 to 128 of A-Z a-z 0-9 . _ : @ / - and not "
                              "the log's origin");
    if (t->agent_count && t->scopes & SCOPE_ADMIN)
        return tl_explain(why, TL_E_FIELD, "agents",
                          "a token of scope admin can make any other, so it cannot be held to "
                          "agents");
    return TL_OK;
}

static tl_err check(struct log *log, const struct token *t, struct tl_why *why)
{
    if (t->scopes == 0 || t->scopes > SCOPE_ALL)
        return tl_explain(why, TL_E_FIELD, "scopes",
                          "scopes must be some of append, read, erase, admin");
    if (t->label.n > TOKEN_LABEL_MAX || !utf8_valid(t->label))
        return tl_explain(why, TL_E_FIELD, "label", "label may have at most %d bytes of UTF-8",
                          TOKEN_LABEL_MAX);
    if (t->expires_ms && (t->expires_ms <= t->created_ms || t->expires_ms > TL_INT_MAX))
        return tl_explain(why, TL_E_FIELD, "expiresMs", "the token would have expired already");
    return check_agents(log, t, why);
}

tl_err log_token_create(struct log *log, struct token *t, char text[TOKEN_TEXT + 1],
                        struct tl_why *why)
{
    t->created_ms = log_clock(log);
    struct change c = {.log = log, .add = t, .why = why};
    tl_err err = check(log, t, why);
    if (err == TL_OK)
        err = token_make(t, text);
    if (err == TL_OK)
        err = run_change(&c);
    if (err != TL_OK)
        secret_wipe(text, TOKEN_TEXT + 1);
    return err;
}

tl_err log_token_revoke(struct log *log, const uint8_t id[TOKEN_ID], struct tl_why *why)
{
    struct change c = {.log = log, .remove = id, .why = why};
    tl_err err = run_change(&c);
    return err == TL_E_NOT_FOUND ? tl_explain(why, err, "id", "there is no token with this id")
                                 : err;
}
