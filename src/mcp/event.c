#include "mcp/event.h"

/* Where a line ends that begins at `from`, and how many bytes its end has: LF, CR LF or CR. False
 * where that has not come yet. *seen: up to where it was looked. */
static bool line_end(size_t *end, size_t *n, slice s, size_t *seen, bool last)
{
    size_t i = *seen;
    const uint8_t *lf = i < s.n ? memchr(s.p + i, '\n', s.n - i) : NULL;
    size_t to = lf ? (size_t)(lf - s.p) : s.n;
    const uint8_t *cr = i < to ? memchr(s.p + i, '\r', to - i) : NULL;
    if (cr) {
        *end = (size_t)(cr - s.p);
        bool two = *end + 1 < s.n && s.p[*end + 1] == '\n';
        *n = two ? 2 : 1;
        *seen = *end; /* what follows it may be a LF that has not come */
        return two || *end + 1 < s.n || last;
    }
    *seen = to;
    *end = to;
    *n = 1;
    return lf != NULL;
}

size_t mcp_event_end(struct mcp_event_scan *s, slice bytes, bool last)
{
    size_t end, n;
    while (line_end(&end, &n, bytes, &s->seen, last)) {
        bool empty = end == s->line;
        s->line = s->seen = end + n;
        if (empty) {
            n = s->line;
            *s = (struct mcp_event_scan){0, 0};
            return n;
        }
    }
    return 0;
}

/* The next line of a whole event, with its end at its end. */
static bool take_line(slice *line, slice *ending, slice *in)
{
    size_t end, n, seen = 0;
    if (in->n == 0)
        return false;
    if (!line_end(&end, &n, *in, &seen, true)) {
        end = in->n;
        n = 0;
    }
    *line = slice_of(in->p, end);
    *ending = slice_of(in->p + end, n);
    *in = slice_of(in->p + end + n, in->n - end - n);
    return true;
}

/* Whether a line is of this field, and its value. */
static bool field(slice *value, slice line, const char *name)
{
    size_t n = strlen(name);
    if (!slice_starts(line, slice_str(name)) || (line.n > n && line.p[n] != ':'))
        return false;
    n += line.n > n;
    n += line.n > n && line.p[n] == ' ';
    *value = slice_of(line.p + n, line.n - n);
    return true;
}

/* Elsewhere it is part of a field's name, which nobody knows then. */
static slice without_bom(slice event, bool first)
{
    static const char bom[] = "\xef\xbb\xbf";
    return first && slice_starts(event, slice_of(bom, 3)) ? slice_of(event.p + 3, event.n - 3)
                                                          : event;
}

tl_err mcp_event_read(struct mcp_event *out, buf *joined, slice event, bool first)
{
    struct mcp_event e = {.message = false};
    slice line, ending, value, in = without_bom(event, first);
    size_t lines = 0;
    bool other = false;
    while (take_line(&line, &ending, &in)) {
        if (field(&value, line, "data")) {
            if (lines == 1)
                buf_bytes(joined, e.data);
            if (lines++) {
                buf_u8(joined, '\n');
                buf_bytes(joined, value);
            }
            e.data = value;
        } else if (field(&value, line, "event")) {
            other = value.n && !slice_eq_str(value, "message");
        } else if (field(&value, line, "id")) {
            e.has_id = value.n > 0;
        }
    }
    if (lines > 1)
        e.data = buf_slice(joined);
    e.message = lines && e.data.n && !other;
    *out = e;
    return buf_err(joined);
}

/* Each line of data as one of the event's, which begin and end as `line` does. */
static void put_data(buf *b, slice line, slice value, slice ending, slice data)
{
    slice prefix = slice_of(line.p, (size_t)(value.p - line.p));
    for (bool more = true; more;) {
        const uint8_t *lf = data.n ? memchr(data.p, '\n', data.n) : NULL;
        size_t n = lf ? (size_t)(lf - data.p) : data.n;
        buf_bytes(b, prefix.n > 4 ? prefix : slice_str("data:"));
        more = lf != NULL;
        buf_bytes(b, slice_of(data.p, n));
        buf_bytes(b, more && !ending.n ? slice_str("\n") : ending);
        if (more)
            data = slice_of(data.p + n + 1, data.n - n - 1);
    }
}

void mcp_event_put(buf *b, slice event, slice data, bool first)
{
    slice line, ending, value, in = without_bom(event, first);
    bool put = false;
    buf_bytes(b, slice_of(event.p, event.n - in.n));
    while (take_line(&line, &ending, &in)) {
        if (!field(&value, line, "data")) {
            buf_bytes(b, line);
            buf_bytes(b, ending);
        } else if (!put) {
            put_data(b, line, value, ending, data);
            put = true;
        }
    }
}
