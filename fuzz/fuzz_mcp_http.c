/* HTTP as the MCP proxy passes it on. What goes on of a head is a head; a body and its events come
 * out the same in one piece and in many. */
#include "mcp/event.h"
#include "mcp/head.h"

#include "fuzz.h"

static void pass(const struct mcp_head *h, bool request)
{
    struct mcp_head again;
    buf b, twice;
    buf_init(&b, MCP_HEAD_MAX + 100);
    buf_init(&twice, MCP_HEAD_MAX + 100);
    buf_str(&b, request ? "GET / HTTP/1.1\r\nHost: h\r\n" : "HTTP/1.1 200 \r\n");
    size_t start = b.n;
    mcp_head_pass(&b, h, request);
    size_t end = b.n;
    buf_str(&b, "\r\n");
    MUST(buf_err(&b) == TL_OK);
    MUST((request ? mcp_request_read(&again, buf_slice(&b))
                  : mcp_answer_read(&again, buf_slice(&b))) == TL_OK);
    MUST(!again.chunked && !again.has_length);
    mcp_head_pass(&twice, &again, request);
    MUST(slice_eq(buf_slice(&twice), slice_of(b.p + start, end - start)) || !request);
    buf_finish(&b);
    buf_finish(&twice);
}

/* All pieces, of what comes `step` bytes at a time. */
static tl_err body(buf *out, const struct mcp_head *h, bool request, slice text, size_t step)
{
    struct mcp_framing f = mcp_framing_of(h, request);
    buf in;
    tl_err err = TL_OK;
    buf_init(&in, text.n + 1);
    for (size_t at = 0; at < text.n && err == TL_OK && f.state != MCP_BODY_END; at += step) {
        buf_bytes(&in, slice_of(text.p + at, step < text.n - at ? step : text.n - at));
        slice left = buf_slice(&in), piece;
        do {
            err = mcp_framing_take(&f, &piece, &left);
            buf_bytes(out, piece);
        } while (err == TL_OK && piece.n);
        if (left.n)
            memmove(in.p, left.p, left.n);
        in.n = left.n;
    }
    buf_finish(&in);
    return err;
}

static void stream(slice text)
{
    struct mcp_event_scan all = {0, 0}, bits = {0, 0};
    struct mcp_event e;
    size_t n;
    while (text.n && (n = mcp_event_end(&all, text, true))) {
        MUST(n <= text.n);
        size_t slow = 0;
        for (size_t j = 1; j <= text.n && slow == 0; j++)
            slow = mcp_event_end(&bits, slice_of(text.p, j), j == text.n);
        MUST(slow == n);
        buf joined, b;
        buf_init(&joined, text.n + 1);
        buf_init(&b, 8 * text.n + 100);
        slice event = slice_of(text.p, n);
        MUST(mcp_event_read(&e, &joined, event, true) == TL_OK);
        mcp_event_put(&b, event, e.data, true);
        MUST(buf_err(&b) == TL_OK);
        if (joined.n == 0)
            MUST(slice_eq(buf_slice(&b), event) || e.data.n == 0);
        buf_finish(&joined);
        buf_finish(&b);
        text = slice_of(text.p + n, text.n - n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mcp_head h;
    slice in = slice_of(data, size);
    size_t n = 0;
    stream(in.n < 2000 ? in : slice_of(in.p, 2000));
    if (mcp_head_find(&n, in) != TL_OK || n == 0)
        return 0;
    slice head = take_front(&in, n);
    bool request = mcp_request_read(&h, head) == TL_OK;
    if (!request && mcp_answer_read(&h, head) != TL_OK)
        return 0;
    pass(&h, request);
    buf whole, bits;
    buf_init(&whole, in.n);
    buf_init(&bits, in.n);
    tl_err a = body(&whole, &h, request, in, in.n ? in.n : 1), b = body(&bits, &h, request, in, 1);
    MUST(a == b || a == TL_OK); /* a line that is too long is seen to be so sooner in bits */
    MUST(a != TL_OK || b != TL_OK || slice_eq(buf_slice(&whole), buf_slice(&bits)));
    buf_finish(&whole);
    buf_finish(&bits);
    return 0;
}
