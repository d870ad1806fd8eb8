/* The public face: what a client is given, and how it goes on when a service does not. */
#include "base/refuse.h"
#include "client/client.h"
#include "client/outgoing.h"
#include "client/sigpipe.h"
#include "codec/json.h"
#include "crypto/secret.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TIMEOUT_DEFAULT 30000       /* milliseconds */
#define PAUSE_MOST      2000        /* between two tries, likewise */
#define STATUS_MAX      (64u << 10) /* bytes of an answer */
#define KEY_TEXT_MAX    400
#define UNKNOWN         ". Whether it is logged is not known: call again with the same records"

struct teelog_client {
    char *socket, *token, *ca_file, *collateral; /* owned copies, or NULL */
    bool remote;
    struct link_url url;
    struct policy *policy;
    struct note_key key;
    char key_text[KEY_TEXT_MAX];
    struct receipt_seen seen;
    unsigned timeout_ms;
    struct client *connection; /* NULL: none, or it is broken */
};

static int64_t clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* more: behind the sentence. */
static tl_err told(tl_err err, const struct tl_why *why, const char *more, char *message,
                   size_t message_size)
{
    if (err != TL_OK && message && message_size)
        snprintf(message, message_size, "%s%s", tl_why_text(why, err), more);
    return err;
}

/* ---- connections, and trying again ---- */

static void disconnect(struct teelog_client *c)
{
    client_close(c->connection);
    c->connection = NULL;
}

/* No answer is waited for longer than left milliseconds. */
static tl_err connect_within(struct teelog_client *c, int left, struct tl_why *why)
{
    const struct link_trust trust = {
        .ca_file = c->ca_file,
        .policy = c->policy,
        .collateral = c->collateral ? slice_str(c->collateral) : (slice){NULL, 0},
    };
    tl_err err = TL_OK;
    if (!c->connection)
        err = c->remote ? client_open_url(&c->connection, &c->url, &trust, c->token, why)
                        : client_open(&c->connection, c->socket, c->token, why);
    if (err == TL_OK) {
        client_set_patience(c->connection, left);
        client_set_limit(c->connection, left);
    }
    return err;
}

/* One try. *again_ms: the service says that nothing was done, and when to come again. */
typedef tl_err attempt_fn(struct teelog_client *c, void *ctx, int *again_ms, struct tl_why *why);

static tl_err one_try(struct teelog_client *c, attempt_fn *attempt, void *ctx, int left,
                      int *again_ms, struct tl_why *why)
{
    struct sigpipe held;
    sigpipe_hold(&held);
    tl_err err = connect_within(c, left, why);
    if (err == TL_OK)
        err = attempt(c, ctx, again_ms, why);
    if (err != TL_OK && err != TL_E_USAGE)
        disconnect(c);
    sigpipe_release(&held);
    return err;
}

/* Until it is done, or refused, or the time is up. */
static tl_err keep_trying(struct teelog_client *c, attempt_fn *attempt, void *ctx,
                          struct tl_why *why)
{
    const int64_t until = clock_ms() + c->timeout_ms;
    int pause = 0; /* at once where a connection of before is gone */
    for (;;) {
        struct tl_why now = {{0}, {0}};
        int again_ms = 0;
        int64_t left = until - clock_ms();
        tl_err err = one_try(c, attempt, ctx, left > 1 ? (int)left : 1, &again_ms, &now);
        if (err == TL_OK)
            return err;
        int wait = again_ms ? again_ms : pause;
        if ((err != TL_E_IO && !again_ms) || clock_ms() + wait >= until) {
            *why = now;
            return err;
        }
        (void)poll(NULL, 0, wait);
        pause = pause == 0 ? 50 : pause < PAUSE_MOST / 2 ? 2 * pause : PAUSE_MOST;
    }
}

/* Of an answer of another status than 200. */
static tl_err refused(struct teelog_client *c, const struct client_answer *a, int *again_ms,
                      struct tl_why *why)
{
    tl_err err = client_refusal(c->connection, a, why);
    if ((a->status == 503 || a->status == 429) && a->retry_after)
        *again_ms = (int)a->retry_after * 1000;
    if (a->close)
        disconnect(c);
    return err == TL_E_LIMIT && a->status != 413 ? TL_E_PEER : err;
}

/* ---- appending ---- */

struct append {
    const struct outgoing *out;
    struct teelog_client_receipt *receipts;
};

static tl_err take_answer(struct teelog_client *c, const struct append *a, struct tl_why *why)
{
    buf body;
    buf_init(&body, outgoing_answer_max(a->out));
    tl_err err = client_body_all(c->connection, &body, why);
    if (REFUSED(err == TL_E_LIMIT))
        err = tl_explain(why, TL_E_PEER, NULL, "the answer is longer than receipts can be");
    if (err == TL_OK)
        err = outgoing_answered(a->out, a->receipts, buf_slice(&body), &c->key, &c->seen, why);
    buf_finish(&body);
    return err;
}

static tl_err append_once(struct teelog_client *c, void *ctx, int *again_ms, struct tl_why *why)
{
    static const char target[] = "/v1/records?partial=1&receipt=full";
    const struct append *a = ctx;
    struct client_answer answer;
    tl_err err = client_send(c->connection, "POST", target, buf_slice(&a->out->body), why);
    if (err == TL_OK)
        err = client_head(c->connection, &answer, why);
    if (err != TL_OK)
        return err;
    return answer.status == 200 ? take_answer(c, a, why) : refused(c, &answer, again_ms, why);
}

tl_err teelog_client_append(struct teelog_client *c, struct teelog_client_receipt *receipts,
                            struct teelog_client_record *records, size_t count, char *message,
                            size_t message_size)
{
    struct tl_why why = {{0}, {0}};
    struct outgoing out;
    struct append a = {&out, receipts};
    for (size_t i = 0; i < count; i++)
        receipts[i] = (struct teelog_client_receipt){.err = TL_E_IO};
    tl_err err = outgoing_make(&out, records, count, &c->seen, &why);
    if (err == TL_OK)
        err = keep_trying(c, append_once, &a, &why);
    for (size_t i = 0; i < count && err != TL_OK; i++)
        if (receipts[i].err == TL_E_IO)
            receipts[i].err = err;
    outgoing_finish(&out);
    return told(err, &why, err == TL_E_IO ? UNKNOWN : "", message, message_size);
}

/* ---- opening ---- */

static tl_err pin(struct teelog_client *c, slice text, struct tl_why *why)
{
    if (text.n >= sizeof c->key_text || note_key_read(&c->key, text) != TL_OK)
        return tl_explain(why, TL_E_USAGE, "log_key",
                          "the log key is no verifier key; it looks like NAME+HASH+BASE64, as "
                          "`teelog serve` prints it");
    memcpy(c->key_text, text.p, text.n);
    c->key_text[text.n] = 0;
    return TL_OK;
}

/* The member logKey of the service's status. */
static tl_err learn_key(struct teelog_client *c, void *ctx, int *again_ms, struct tl_why *why)
{
    struct client_answer answer;
    slice key = {NULL, 0};
    buf body;
    (void)ctx;
    tl_err err = client_send(c->connection, "GET", "/v1/status", (slice){NULL, 0}, why);
    if (err == TL_OK)
        err = client_head(c->connection, &answer, why);
    if (err == TL_OK && answer.status != 200)
        return refused(c, &answer, again_ms, why);
    buf_init(&body, STATUS_MAX);
    if (err == TL_OK)
        err = client_body_all(c->connection, &body, why);
    js j = js_of(buf_slice(&body));
    js_object(&j);
    for (slice name; err == TL_OK && js_member(&j, &name);)
        if (slice_eq_str(name, "logKey"))
            key = js_plain(&j);
        else
            js_skip(&j);
    if (err == TL_E_LIMIT || (err == TL_OK && (js_end(&j) != TL_OK || pin(c, key, NULL) != TL_OK)))
        err = tl_explain(why, TL_E_PEER, "logKey",
                         "what answers is no teelog service: it names no log key");
    buf_finish(&body);
    return err;
}

static bool copy(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return !from || *to;
}

static tl_err take_address(struct teelog_client *c, const struct teelog_client_options *o,
                           struct tl_why *why)
{
    c->remote = o->url != NULL;
    if (!o->url && !o->socket)
        return tl_explain(why, TL_E_USAGE, "socket",
                          "where is the log? Give socket or url (TEELOG_SOCKET, TEELOG_URL)");
    tl_err err = o->url ? link_url_read(&c->url, o->url, why) : TL_OK;
    if (err == TL_OK && (o->ca_file || o->peer_policy) && !c->url.tls)
        return tl_explain(why, TL_E_USAGE, o->ca_file ? "ca_file" : "peer_policy",
                          "judges a certificate: give url, https://HOST:PORT");
    if (err == TL_OK && o->peer_policy)
        err = policy_read(&c->policy, slice_str(o->peer_policy), why);
    return err == TL_E_POLICY ? TL_E_USAGE : err;
}

/* It goes into a header line. */
static tl_err take_token(struct teelog_client *c, const char *token, struct tl_why *why)
{
    for (const char *p = token; p && *p; p++)
        if (*p <= ' ' || *p > '~')
            return tl_explain(why, TL_E_USAGE, "token", "the token has characters of no token");
    return copy(&c->token, token) ? TL_OK : TL_E_MEMORY;
}

static tl_err take_options(struct teelog_client *c, const struct teelog_client_options *o,
                           struct tl_why *why)
{
    if (!o->log_key && !o->first_use)
        return tl_explain(why, TL_E_USAGE, "log_key",
                          "which log? Give its key (log_key, TEELOG_LOG_KEY), or say first_use to "
                          "take the one that answers");
    c->timeout_ms = o->timeout_ms ? o->timeout_ms : TIMEOUT_DEFAULT;
    if (c->timeout_ms > INT32_MAX)
        c->timeout_ms = INT32_MAX;
    tl_err err = o->log_key ? pin(c, slice_str(o->log_key), why) : TL_OK;
    if (err == TL_OK)
        err = take_token(c, o->token, why);
    if (err == TL_OK)
        err = take_address(c, o, why);
    if (err == TL_OK && (!copy(&c->socket, o->socket) || !copy(&c->ca_file, o->ca_file) ||
                         !copy(&c->collateral, o->peer_collateral)))
        err = TL_E_MEMORY;
    return err;
}

tl_err teelog_client_open(struct teelog_client **out, const struct teelog_client_options *o,
                          char *message, size_t message_size)
{
    struct tl_why why = {{0}, {0}};
    struct teelog_client *c = calloc(1, sizeof *c);
    tl_err err = c ? take_options(c, o, &why) : TL_E_MEMORY;
    if (err == TL_OK && !o->log_key)
        err = keep_trying(c, learn_key, NULL, &why);
    if (err == TL_OK)
        *out = c;
    else
        teelog_client_close(c);
    return told(err, &why, "", message, message_size);
}

void teelog_client_close(struct teelog_client *c)
{
    struct sigpipe held;
    if (!c)
        return;
    sigpipe_hold(&held);
    disconnect(c);
    sigpipe_release(&held);
    if (c->token)
        secret_wipe(c->token, strlen(c->token));
    policy_free(c->policy);
    free(c->socket);
    free(c->token);
    free(c->ca_file);
    free(c->collateral);
    free(c);
}

const char *teelog_client_log_key(const struct teelog_client *c)
{
    return c->key_text;
}

static const char *setting(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

void teelog_client_environment(struct teelog_client_options *o)
{
    if (!o->socket && !o->url) {
        o->url = setting("TEELOG_URL");
        o->socket = setting("TEELOG_SOCKET");
    }
    if (!o->token)
        o->token = setting("TEELOG_TOKEN");
    if (!o->log_key)
        o->log_key = setting("TEELOG_LOG_KEY");
}
