/* The public face: what a client is given, and how it goes on when a service does not. */
#include "base/refuse.h"
#include "client/client.h"
#include "client/clock.h"
#include "client/outgoing.h"
#include "crypto/secret.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define TIMEOUT_DEFAULT 30000      /* milliseconds */
#define PAUSE_MOST      2000       /* between two tries, likewise */
#define PAUSE_LINE      1000       /* where a line says "later", likewise */
#define WAITING_MAX     (1u << 20) /* bytes that have come and are not taken yet */
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

/* The service has ended it meanwhile, or says what nobody asked it. */
static bool is_stale(const struct client *c)
{
    struct pollfd f = {.fd = client_fd(c), .events = POLLIN};
    return client_has_input(c) || poll(&f, 1, 0) > 0;
}

/* A connection, of before or a new one, on which nothing is waited for beyond until. */
static tl_err connect_until(struct teelog_client *c, int64_t until, struct tl_why *why)
{
    const struct link_trust trust = {
        .ca_file = c->ca_file,
        .policy = c->policy,
        .collateral = c->collateral ? slice_str(c->collateral) : (slice){NULL, 0},
        .until_ms = until,
    };
    const char *where = c->remote ? c->url.authority : c->socket;
    struct link link;
    tl_err err = TL_OK;
    if (c->connection && is_stale(c->connection))
        disconnect(c);
    if (!c->connection) {
        err = c->remote ? link_open_url(&link, &c->url, &trust, why)
                        : link_open_socket(&link, c->socket, until, why);
        if (err == TL_OK)
            err = client_over(&c->connection, &link, where, c->remote ? where : "localhost",
                              c->token);
    }
    if (err == TL_OK)
        client_set_bounds(c->connection, until, WAITING_MAX);
    return err;
}

/* How a try went, beside its error. */
struct tried {
    bool sent;     /* something may have come to the service */
    bool answered; /* what it did is known, of each record */
    int again_ms;  /* if not 0: the service says that it will do it later, and when */
};
typedef tl_err attempt_fn(struct teelog_client *c, void *ctx, struct tried *t, struct tl_why *why);

static tl_err one_try(struct teelog_client *c, attempt_fn *attempt, void *ctx, int64_t until,
                      struct tried *t, struct tl_why *why)
{
    tl_err err = connect_until(c, until, why);
    t->sent = err == TL_OK;
    if (err == TL_OK)
        err = attempt(c, ctx, t, why);
    if (REFUSED(err == TL_E_LIMIT))
        err = tl_explain(why, TL_E_PEER, NULL, "the answer is longer than receipts can be");
    if (err != TL_OK && err != TL_E_USAGE)
        disconnect(c);
    return err;
}

/* Whatever signals come. */
static void sleep_until(int64_t time)
{
    for (int64_t left; (left = time - clock_ms()) > 0;)
        (void)poll(NULL, 0, (int)left);
}

/* Until it is done, or refused, or the time is up. Where the answer to one try was lost, a later
 * one that is not answered does not tell whether the first was done: then it is TL_E_IO. */
static tl_err keep_trying(struct teelog_client *c, attempt_fn *attempt, void *ctx,
                          struct tl_why *why)
{
    const int64_t until = clock_ms() + c->timeout_ms;
    int pause = 0; /* at once where a connection of before is gone */
    bool lost = false;
    for (;;) {
        struct tl_why now = {{0}, {0}};
        struct tried t = {.sent = false};
        tl_err err = one_try(c, attempt, ctx, until, &t, &now);
        if (err == TL_OK)
            return err;
        int wait = t.again_ms ? t.again_ms : pause;
        lost = lost || (t.sent && err == TL_E_IO);
        if ((err != TL_E_IO && !t.again_ms) || clock_ms() + wait >= until) {
            *why = now;
            return lost && !t.answered ? TL_E_IO : err;
        }
        sleep_until(clock_ms() + wait);
        pause = pause == 0 ? 50 : pause < PAUSE_MOST / 2 ? 2 * pause : PAUSE_MOST;
    }
}

/* Of an answer of another status than 200. */
static tl_err refused(struct teelog_client *c, const struct client_answer *a, struct tried *t,
                      struct tl_why *why)
{
    tl_err err = client_refusal(c->connection, a, why);
    if ((a->status == 503 || a->status == 429) && a->retry_after)
        t->again_ms = (int)a->retry_after * 1000;
    if (a->close || err == TL_E_LIMIT)
        disconnect(c);
    if (err == TL_E_LIMIT && a->status == 413)
        return TL_E_USAGE;
    return err == TL_E_NOT_FOUND ? TL_E_PEER : err; /* there is no such route */
}

/* ---- appending ---- */

struct append {
    const struct outgoing *out;
    struct teelog_client_receipt *receipts;
};

static tl_err take_answer(struct teelog_client *c, const struct append *a, struct tried *t,
                          struct tl_why *why)
{
    buf body;
    buf_init(&body, outgoing_answer_max(a->out));
    tl_err err = client_body_all(c->connection, &body, why);
    if (err == TL_OK) {
        t->answered = true;
        err = outgoing_answered(a->out, a->receipts, buf_slice(&body), &c->key, &c->seen, why);
        t->again_ms = err == TL_E_BUSY ? PAUSE_LINE : 0;
        for (size_t i = 0; i < a->out->count && client_is_simulated(c->connection); i++)
            a->receipts[i].simulated = true;
    }
    buf_finish(&body);
    return err;
}

static tl_err append_once(struct teelog_client *c, void *ctx, struct tried *t, struct tl_why *why)
{
    static const char target[] = "/v1/records?partial=1&receipt=full";
    const struct append *a = ctx;
    struct client_answer answer;
    for (size_t i = 0; i < a->out->count; i++) /* what was said before counts no more */
        if (a->receipts[i].err != TL_OK)
            a->receipts[i].err = TL_E_IO;
    tl_err err = client_send(c->connection, "POST", target, buf_slice(&a->out->body), why);
    if (err == TL_OK)
        err = client_head(c->connection, &answer, why);
    if (err != TL_OK)
        return err;
    return answer.status == 200 ? take_answer(c, a, t, why) : refused(c, &answer, t, why);
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

static tl_err learn_key(struct teelog_client *c, void *ctx, struct tried *t, struct tl_why *why)
{
    struct note_key key;
    buf text;
    (void)ctx, (void)t;
    tl_err err = client_log_key(c->connection, &key, why);
    if (err != TL_OK)
        return err == TL_E_NOT_FOUND ? TL_E_PEER : err;
    buf_init(&text, KEY_TEXT_MAX);
    note_key_put(&text, &key);
    err = buf_err(&text);
    if (err == TL_OK)
        err = pin(c, buf_slice(&text), why);
    buf_finish(&text);
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
    if (err == TL_OK && o->ca_file && o->peer_policy)
        return tl_explain(why, TL_E_USAGE, "ca_file",
                          "a certificate is judged by ca_file or by peer_policy: give one of them");
    if (err == TL_OK && o->peer_collateral && !o->peer_policy)
        return tl_explain(why, TL_E_USAGE, "peer_collateral", "is of use with peer_policy alone");
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
    if (!c)
        return;
    disconnect(c);
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
