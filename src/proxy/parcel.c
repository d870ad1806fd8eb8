/* What of an answer goes on, and when: pieces at once where nothing in it is awaited, else messages
 * whole, each once what is in it has been logged. */
#include "proxy/exchange_own.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- from the server ---- */

static void put_chunk(struct mcp_exchange *x, slice bytes)
{
    if (bytes.n && x->chunked)
        buf_printf(&x->out, "%zx\r\n", bytes.n);
    buf_bytes(&x->out, bytes);
    if (bytes.n && x->chunked)
        buf_str(&x->out, "\r\n");
}

/* bytes is taken over; data: the message in it, or none. */
static void add_parcel(struct mcp_exchange *x, buf *bytes, slice data)
{
    struct mcp_parcel *p = calloc(1, sizeof *p);
    buf text;
    buf_init(&text, MCP_MESSAGE_MAX);
    buf_bytes(&text, data);
    if (p && data.n && buf_err(&text) == TL_OK)
        p->item = mcp_item_new(&text, false);
    else
        buf_finish(&text);
    if (!p || buf_err(bytes) != TL_OK || (data.n && !p->item)) {
        buf_finish(bytes);
        free(p);
        mcp_fail(x, tl_err_text(TL_E_MEMORY));
        return;
    }
    p->bytes = *bytes;
    p->first = !x->begun;
    x->begun = true;
    *x->end = p;
    x->end = &p->next;
    if (p->item)
        mcp_calls_from_server(x->gate->calls, p->item, x->where);
}

static void add_event(struct mcp_exchange *x, slice bytes)
{
    struct mcp_event e = {.message = false};
    buf joined, copy;
    buf_init(&joined, MCP_MESSAGE_MAX);
    buf_init(&copy, MCP_MESSAGE_MAX + MCP_READ_CHUNK);
    buf_bytes(&copy, bytes);
    tl_err err = mcp_event_read(&e, &joined, bytes, !x->begun);
    x->resumable = x->resumable || e.has_id;
    if (err == TL_OK)
        add_parcel(x, &copy, e.message ? e.data : (slice){NULL, 0});
    else
        mcp_fail(x, tl_err_text(err));
    if (err != TL_OK)
        buf_finish(&copy);
    buf_finish(&joined);
}

static void cut_events(struct mcp_exchange *x)
{
    size_t at = 0, n;
    if (x->text.n == 0)
        return;
    while (!x->broken &&
           (n = mcp_event_end(&x->scan, slice_of(x->text.p + at, x->text.n - at), x->came))) {
        add_event(x, slice_of(x->text.p + at, n));
        at += n;
    }
    if (x->came && !x->broken && at < x->text.n) { /* some readers take it for an event */
        add_event(x, slice_of(x->text.p + at, x->text.n - at));
        at = x->text.n;
    }
    if (at) {
        memmove(x->text.p, x->text.p + at, x->text.n - at);
        x->text.n -= at;
    }
}

void mcp_parcels_take(struct mcp_exchange *x, slice piece)
{
    if (x->mode == MCP_MODE_PLAIN) {
        put_chunk(x, piece);
        return;
    }
    buf_bytes(&x->text, piece);
    if (buf_err(&x->text) != TL_OK || x->text.n > MCP_MESSAGE_MAX)
        mcp_fail(x, "the server sent a message of more than 64 MiB");
}

void mcp_parcels_cut(struct mcp_exchange *x)
{
    if (x->mode == MCP_MODE_EVENTS && !x->broken)
        cut_events(x);
    if (x->mode == MCP_MODE_JSON && x->came) {
        buf none;
        buf_init(&none, 1);
        add_parcel(x, &none, buf_slice(&x->text));
        x->mode = MCP_MODE_DONE;
    }
}

/* ---- to the agent ---- */

static void put_parcel(struct mcp_exchange *x, struct mcp_parcel *p)
{
    bool event = p->bytes.n > 0;
    slice data = p->item ? buf_slice(&p->item->text) : (slice){NULL, 0};
    buf b;
    if (p->item && p->item->withheld) {
        snprintf(x->why, sizeof x->why, "the server answered what it was not asked");
        if (!event)
            mcp_respond(x, "502 Bad Gateway", "text/plain", slice_str(x->why));
        return;
    }
    if (!event) {
        mcp_put_head(x, &data.n);
        put_chunk(x, data);
        return;
    }
    if (!p->item || !p->item->spliced) {
        put_chunk(x, buf_slice(&p->bytes));
        return;
    }
    buf_init(&b, 2 * MCP_MESSAGE_MAX);
    mcp_event_put(&b, buf_slice(&p->bytes), data, p->first);
    if (buf_err(&b) == TL_OK)
        put_chunk(x, buf_slice(&b));
    else
        mcp_fail(x, tl_err_text(buf_err(&b)));
    buf_finish(&b);
}

static void drop_first(struct mcp_exchange *x)
{
    struct mcp_parcel *p = x->first;
    x->first = p->next;
    if (!x->first)
        x->end = &x->first;
    if (p->item)
        mcp_calls_drop(p->item);
    buf_finish(&p->bytes);
    free(p);
}

void mcp_parcels_hand_on(struct mcp_exchange *x, int64_t now)
{
    while (x->first && x->out.n - x->out_at < MCP_OUT_MAX) {
        struct mcp_item *item = x->first->item;
        if (item)
            mcp_calls_expire(item, now);
        if (item && item->state == MCP_ITEM_HELD)
            return;
        put_parcel(x, x->first);
        drop_first(x);
    }
}

void mcp_parcels_drop(struct mcp_exchange *x)
{
    while (x->first)
        drop_first(x);
}
