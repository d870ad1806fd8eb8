/* Records on their way: what the service is asked, and what it answers. */
#include "proxy/log_own.h"

#include "base/refuse.h"
#include "codec/json_put.h"

#include <stdio.h>

#define TARGET        "/v1/records?partial=1&receipt=full"
#define BATCH_RECORDS 256
#define BATCH_BYTES   (1u << 20)
#define BACKOFF_LEAST 50 /* milliseconds between attempts, doubled up to */
#define BACKOFF_MOST  1000

/* ---- the connection ---- */

static int64_t patience(const struct mcp_log *l)
{
    return clock_ms() + (l->o->timeout < MCP_LOG_BLOCK ? l->o->timeout : MCP_LOG_BLOCK);
}

void mcp_log_hang_up(struct mcp_log *l, int64_t pause, const struct tl_why *why, tl_err err)
{
    client_close(l->client);
    l->client = NULL;
    l->under_way = 0;
    l->backoff = l->backoff ? l->backoff * 2 : BACKOFF_LEAST;
    if (l->backoff > BACKOFF_MOST)
        l->backoff = BACKOFF_MOST;
    l->retry = clock_ms() + (pause ? pause : l->backoff);
    snprintf(l->why, sizeof l->why, "%s", tl_why_text(why, err));
}

/* The first key that the service names, where none was given. */
static tl_err first_key(struct mcp_log *l, struct tl_why *why)
{
    struct note_key key;
    buf text;
    if (l->known)
        return TL_OK;
    tl_err err = client_log_key(l->client, &key, why);
    if (err != TL_OK)
        return err;
    mcp_log_set_key(l, &key);
    buf_init(&text, 1024);
    note_key_put(&text, &key);
    buf_u8(&text, 0);
    mcp_log_say(l,
                "no log key was given; taking the first one that is seen, until this process "
                "ends: %s",
                buf_err(&text) == TL_OK ? (const char *)text.p : l->name);
    buf_finish(&text);
    return TL_OK;
}

static void put_record(buf *b, const struct mcp_log *l, const struct mcp_entry *e)
{
    buf_str(b, "{\"agentId\":");
    json_put_str(b, l->o->agent);
    json_put_member(b, "roomId", l->o->room);
    json_put_member(b, "userId", "");
    json_put_member(b, "type", e->type);
    json_put_slice(b, "content", buf_slice(&e->content));
    if (e->has_ref)
        json_put_number(b, "ref", e->ref);
    json_put_member(b, "requestId", e->request_id);
    buf_str(b, "}\n");
}

tl_err mcp_log_ask(struct mcp_log *l, struct tl_why *why)
{
    int64_t until = patience(l);
    tl_err err = l->client ? TL_OK : l->o->open(l->o->ctx, &l->client, until, why);
    if (err != TL_OK)
        return err;
    client_set_bounds(l->client, until, MCP_ANSWER_MAX);
    err = first_key(l, why);
    buf_reset(&l->body);
    size_t n = 0;
    for (struct mcp_entry *e = l->first; e && err == TL_OK; e = e->next) {
        if (n == BATCH_RECORDS || (n && l->body.n + 2 * e->content.n > BATCH_BYTES))
            break;
        put_record(&l->body, l, e);
        if (!e->sent)
            e->least = l->seen.size;
        e->sent = true;
        n++;
    }
    if (err == TL_OK)
        err = buf_err(&l->body);
    if (err == TL_OK)
        err = client_send(l->client, "POST", TARGET, buf_slice(&l->body), why);
    l->under_way = err == TL_OK ? n : 0;
    l->asked = clock_ms();
    return err;
}

/* ---- answers ---- */

/* One line of the answer, which is about the first that waits. TL_E_BUSY: it is to be sent again.
 */
static tl_err take_line(struct mcp_log *l, slice line, struct tl_why *why)
{
    const struct mcp_entry *e = l->first;
    const struct receipt_sent sent = {
        .agent = slice_str(l->o->agent),
        .room = slice_str(l->o->room),
        .user = slice_str(""),
        .type = slice_str(e->type),
        .content = buf_slice(&e->content),
        .has_ref = e->has_ref,
        .ref = e->ref,
        .least = e->least,
    };
    struct receipt_checked got;
    bool refusal = client_is_refusal(line);
    tl_err err = refusal ? client_refusal_of(line, 400, why)
                         : receipt_check(&got, line, &sent, &l->key, &l->seen, why);
    if (refusal && err == TL_E_BUSY)
        return err;
    struct mcp_logged fate = {.fate = MCP_REFUSED, .why = tl_why_text(why, err)};
    if (err == TL_OK)
        fate = (struct mcp_logged){
            .fate = MCP_LOGGED, .index = got.index, .class = got.class, .simulated = got.simulated};
    mcp_log_settle(l, &l->first, &fate);
    return TL_OK;
}

static tl_err take_lines(struct mcp_log *l, struct tl_why *why)
{
    slice rest = buf_slice(&l->answer);
    for (; l->under_way; l->under_way--) {
        const uint8_t *lf = rest.n ? memchr(rest.p, '\n', rest.n) : NULL;
        if (REFUSED(!lf))
            return tl_explain(why, TL_E_HTTP, NULL, "the service answered too few lines");
        size_t n = (size_t)(lf - rest.p) + 1;
        struct tl_why of_line = {{0}, {0}};
        if (take_line(l, slice_of(rest.p, n), &of_line) != TL_OK) {
            *why = of_line;
            return TL_E_BUSY;
        }
        rest = slice_of(rest.p + n, rest.n - n);
    }
    return TL_OK;
}

static void refuse(struct mcp_log *l, struct mcp_entry **at, const char *text)
{
    struct mcp_logged fate = {.fate = MCP_REFUSED, .why = text};
    mcp_log_settle(l, at, &fate);
}

/* The request was refused as a whole, and nothing of it was appended: what must happen first is
 * told so, what has happened is sent again. */
static void refused(struct mcp_log *l, const char *text)
{
    struct mcp_entry **at = &l->first;
    for (size_t n = l->under_way; n; n--) {
        if ((*at)->limit && !(*at)->late)
            refuse(l, at, text);
        else
            at = &(*at)->next;
    }
}

void mcp_log_receive(struct mcp_log *l)
{
    struct client_answer a;
    struct tl_why why = {{0}, {0}};
    buf_reset(&l->answer);
    client_set_bounds(l->client, patience(l), MCP_ANSWER_MAX);
    tl_err err = client_head(l->client, &a, &why);
    if (err == TL_OK)
        err = client_body_all(l->client, &l->answer, &why);
    if (err != TL_OK) {
        mcp_log_hang_up(l, 0, &why, err);
        return;
    }
    if (a.status == 200) {
        err = take_lines(l, &why);
        if (err != TL_OK) {
            mcp_log_hang_up(l, 0, &why, err);
            return;
        }
        l->backoff = 0;
        l->why[0] = 0;
        if (a.close) {
            client_close(l->client);
            l->client = NULL;
        }
        return;
    }
    err = client_refusal_of(buf_slice(&l->answer), a.status, &why);
    if (!a.retry_after || (a.status != 503 && a.status != 429))
        refused(l, tl_why_text(&why, err));
    mcp_log_hang_up(l, a.retry_after ? (int64_t)a.retry_after * 1000 : 0, &why, err);
}
