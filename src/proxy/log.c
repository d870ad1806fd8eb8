#include "proxy/log_own.h"

#include "base/encoding.h"
#include "crypto/secret.h"

#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BODY_MAX (8u << 20) /* bytes, what the service takes */
#define LAST_TRY 5000       /* milliseconds for what is left at the end */

int mcp_wait(int wait, int64_t at, int64_t now)
{
    if (at == 0 || at == INT64_MAX)
        return wait;
    int64_t left = at <= now ? 0 : at - now;
    return wait >= 0 && wait < left ? wait : left < INT_MAX ? (int)left : INT_MAX;
}

void mcp_log_set_key(struct mcp_log *l, const struct note_key *key)
{
    char id[2 * sizeof key->id + 1];
    hex_text(id, key->id, sizeof key->id);
    l->key = *key;
    snprintf(l->name, sizeof l->name, "%s+%s", key->name, id);
    l->known = true;
}

tl_err mcp_log_new(struct mcp_log **out, const struct mcp_log_options *o, struct tl_why *why)
{
    struct mcp_log *l = calloc(1, sizeof *l);
    if (!l)
        return tl_explain(why, TL_E_MEMORY, NULL, "%s", tl_err_text(TL_E_MEMORY));
    l->o = o;
    l->last = &l->first;
    buf_init(&l->body, BODY_MAX);
    buf_init(&l->answer, MCP_ANSWER_MAX);
    if (o->key)
        mcp_log_set_key(l, o->key);
    *out = l;
    return TL_OK;
}

static void entry_free(struct mcp_entry *e)
{
    buf_finish(&e->content);
    free(e);
}

void mcp_log_free(struct mcp_log *l)
{
    if (!l)
        return;
    struct mcp_logged fate = {.fate = MCP_TOO_LATE, .why = "the proxy ends"};
    while (l->first)
        mcp_log_settle(l, &l->first, &fate);
    client_close(l->client);
    buf_finish(&l->body);
    buf_finish(&l->answer);
    free(l);
}

tl_err mcp_log_add(struct mcp_log *l, const char *type, buf *content, const uint64_t *ref,
                   bool limited, mcp_log_done done, void *ctx)
{
    uint8_t random[16];
    /* Outcomes are as many as the calls that have gone before, or who brings them waits. */
    bool full = limited && mcp_log_full(l);
    struct mcp_entry *e = full ? NULL : calloc(1, sizeof *e);
    tl_err err = full ? TL_E_FULL : !e ? TL_E_MEMORY : buf_err(content);
    if (err == TL_OK)
        err = random_bytes(random, sizeof random);
    if (err != TL_OK) {
        buf_finish(content);
        free(e);
        return err;
    }
    hex_text(e->request_id, random, sizeof random);
    e->type = type;
    e->content = *content;
    e->has_ref = ref != NULL;
    e->ref = ref ? *ref : 0;
    e->limit = limited ? clock_ms() + l->o->timeout : 0;
    e->done = done;
    e->ctx = ctx;
    *l->last = e;
    l->last = &e->next;
    l->count++;
    l->bytes += e->content.n;
    return TL_OK;
}

/* Takes one out of the list; at points to it. */
static void drop(struct mcp_log *l, struct mcp_entry **at)
{
    struct mcp_entry *e = *at;
    *at = e->next;
    if (l->last == &e->next)
        l->last = at;
    l->count--;
    l->bytes -= e->content.n;
    entry_free(e);
}

void mcp_log_settle(struct mcp_log *l, struct mcp_entry **at, const struct mcp_logged *fate)
{
    struct mcp_entry *e = *at;
    mcp_log_done done = e->done;
    void *ctx = e->ctx;
    if (fate->fate == MCP_UNKNOWN)
        e->late = true;
    else
        drop(l, at);
    done(ctx, fate);
}

/* ---- the loop's side ---- */

/* Where the first stands whose time is over; NULL: none. */
static struct mcp_entry **overdue(struct mcp_log *l, int64_t now)
{
    for (struct mcp_entry **at = &l->first; *at; at = &(*at)->next)
        if ((*at)->limit && !(*at)->late && now >= (*at)->limit)
            return at;
    return NULL;
}

static void expire(struct mcp_log *l, int64_t now)
{
    char text[600];
    snprintf(text, sizeof text, "it was not logged in %g seconds%s%s", l->o->timeout / 1000.0,
             l->why[0] ? ": " : "", l->why);
    for (struct mcp_entry **at; (at = overdue(l, now));) {
        struct mcp_logged fate = {.fate = (*at)->sent ? MCP_UNKNOWN : MCP_TOO_LATE, .why = text};
        mcp_log_settle(l, at, &fate);
    }
}

void mcp_log_move(struct mcp_log *l, int64_t now)
{
    struct tl_why why = {{0}, {0}};
    if (l->client && l->under_way) {
        struct pollfd f = {.fd = client_fd(l->client), .events = POLLIN};
        if (client_has_input(l->client) || poll(&f, 1, 0) > 0)
            mcp_log_receive(l);
        else if (now - l->asked >= MCP_LOG_SILENCE)
            mcp_log_hang_up(l, 0, &why, client_silent(l->client, &why));
    }
    expire(l, now);
    if (l->first && !l->under_way && now >= l->retry) {
        tl_err err = mcp_log_ask(l, &why);
        if (err != TL_OK)
            mcp_log_hang_up(l, 0, &why, err);
    }
}

int mcp_log_fd(const struct mcp_log *l)
{
    return l->client && l->under_way ? client_fd(l->client) : -1;
}

int mcp_log_due(const struct mcp_log *l, int64_t now)
{
    int wait = -1;
    if (l->under_way)
        wait = mcp_wait(-1, client_has_input(l->client) ? now : l->asked + MCP_LOG_SILENCE, now);
    else if (l->first)
        wait = l->retry > now ? mcp_wait(-1, l->retry, now) : 0;
    for (const struct mcp_entry *e = l->first; e; e = e->next)
        if (e->limit && !e->late)
            wait = mcp_wait(wait, e->limit, now);
    return wait;
}

void mcp_log_say(const struct mcp_log *l, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    l->o->say(text);
}

bool mcp_log_finish(struct mcp_log *l)
{
    int64_t now = clock_ms(), until = now + LAST_TRY;
    for (; l->first && now < until; now = clock_ms()) {
        mcp_log_move(l, now);
        struct pollfd f = {.fd = mcp_log_fd(l), .events = POLLIN};
        if (l->first)
            (void)poll(&f, 1, mcp_wait(mcp_log_due(l, now), until, now));
    }
    if (l->first)
        mcp_log_say(l, "%zu records of what was done or refused are not logged: %s", l->count,
                    l->why);
    return !l->first;
}

bool mcp_log_full(const struct mcp_log *l)
{
    return l->count >= MCP_LOG_RECORDS || l->bytes >= MCP_LOG_BYTES;
}

const char *mcp_log_name(const struct mcp_log *l)
{
    return l->name;
}
