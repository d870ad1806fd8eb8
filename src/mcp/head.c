#include "mcp/head.h"

#include "base/encoding.h"
#include "base/refuse.h"

#include <strings.h>

#define LINE_MAX_BYTES 256 /* of a chunk's size, and of a trailer's line */

tl_err mcp_head_find(size_t *size, slice bytes)
{
    size_t n = bytes.n < MCP_HEAD_MAX ? bytes.n : MCP_HEAD_MAX;
    const uint8_t *end = n ? memmem(bytes.p, n, "\r\n\r\n", 4) : NULL;
    if (REFUSED(!end && bytes.n >= MCP_HEAD_MAX))
        return TL_E_HTTP;
    *size = end ? (size_t)(end - bytes.p) + 4 : 0;
    return TL_OK;
}

/* The next line without its CRLF; false where there is none. A CR or LF alone is in no line. */
static bool take_line(slice *line, slice *in)
{
    const uint8_t *lf = in->n ? memchr(in->p, '\n', in->n) : NULL;
    size_t n = lf ? (size_t)(lf - in->p) : 0;
    if (!lf || REFUSED(n == 0 || in->p[n - 1] != '\r') ||
        REFUSED(memchr(in->p, '\r', n - 1) != NULL))
        return false;
    *line = slice_of(in->p, n - 1);
    *in = slice_of(in->p + n + 1, in->n - n - 1);
    return true;
}

/* RFC 9110 section 5.6.2 */
static bool is_token(slice s)
{
    static const char allowed[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == 0 || !strchr(allowed, s.p[i]))
            return false;
    return s.n > 0;
}

static bool is_visible(slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] == 0x7f)
            return false;
    return s.n > 0;
}

static bool named(slice name, const char *other)
{
    return name.n == strlen(other) && strncasecmp((const char *)name.p, other, name.n) == 0;
}

static slice trimmed(slice s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = slice_of(s.p + 1, s.n - 1);
    return s;
}

/* NAME ":" OWS VALUE OWS */
static bool take_field(slice *name, slice *value, slice line)
{
    const uint8_t *colon = memchr(line.p, ':', line.n);
    if (REFUSED(!colon))
        return false;
    *name = slice_of(line.p, (size_t)(colon - line.p));
    slice v = trimmed(slice_of(colon + 1, line.n - name->n - 1));
    while (v.n && (v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\t'))
        v.n--;
    for (size_t i = 0; i < v.n; i++)
        if (REFUSED((v.p[i] < ' ' && v.p[i] != '\t') || v.p[i] == 0x7f))
            return false;
    *value = v;
    return !REFUSED(!is_token(*name));
}

static slice *kept(struct mcp_head *h, slice name)
{
    return named(name, "Host")             ? &h->host
           : named(name, "Origin")         ? &h->origin
           : named(name, "Mcp-Session-Id") ? &h->session
           : named(name, "Content-Type")   ? &h->type
           : named(name, "Last-Event-ID")  ? &h->last_event_id
           : named(name, "Location")       ? &h->location
           : named(name, "Sec-Fetch-Site") ? &h->fetch_site
                                           : NULL;
}

static bool take_meaning(struct mcp_head *h, slice name, slice value)
{
    slice *to = kept(h, name);
    if (to) {
        if (REFUSED(to->p != NULL))
            return false;
        *to = value;
    } else if (named(name, "Content-Length")) {
        if (REFUSED(h->has_length) || REFUSED(decimal_read(&h->length, value, UINT32_MAX) != TL_OK))
            return false;
        h->has_length = true;
    } else if (named(name, "Transfer-Encoding")) {
        if (REFUSED(h->chunked) || REFUSED(!named(value, "chunked")))
            return false;
        h->chunked = true;
    } else if (named(name, "Connection")) {
        h->close = h->close || named(value, "close");
    } else if (named(name, "Expect")) {
        h->expects = true;
    } else if (named(name, "Content-Encoding")) {
        h->encoded = h->encoded || !named(value, "identity");
    }
    return true;
}

static tl_err read_fields(struct mcp_head *h, slice in)
{
    slice line, name, value;
    h->fields = slice_of(in.p, in.n - 2);
    while (in.n > 2)
        if (!take_line(&line, &in) || !take_field(&name, &value, line) ||
            !take_meaning(h, name, value))
            return TL_E_HTTP;
    /* Who reads the one would see another end than who reads the other. */
    return REFUSED(h->has_length && h->chunked) ? TL_E_HTTP : TL_OK;
}

tl_err mcp_request_read(struct mcp_head *out, slice bytes)
{
    static const char version[] = " HTTP/1.1";
    struct mcp_head h = {.close = false};
    slice line;
    const size_t end = sizeof version - 1;
    if (!take_line(&line, &bytes) ||
        REFUSED(line.n < end || memcmp(line.p + line.n - end, version, end) != 0))
        return TL_E_HTTP;
    line.n -= end;
    const uint8_t *space = line.n ? memchr(line.p, ' ', line.n) : NULL;
    h.method = slice_of(line.p, space ? (size_t)(space - line.p) : 0);
    if (REFUSED(!is_token(h.method)))
        return TL_E_HTTP;
    h.target = slice_of(line.p + h.method.n + 1, line.n - h.method.n - 1);
    if (REFUSED(!is_visible(h.target)))
        return TL_E_HTTP;
    tl_err err = read_fields(&h, bytes);
    if (err == TL_OK && REFUSED(!h.host.p))
        err = TL_E_HTTP;
    if (err == TL_OK)
        *out = h;
    return err;
}

tl_err mcp_answer_read(struct mcp_head *out, slice bytes)
{
    struct mcp_head h = {.close = false};
    uint64_t status;
    slice line;
    if (!take_line(&line, &bytes) ||
        REFUSED(line.n < 12 ||
                (memcmp(line.p, "HTTP/1.1 ", 9) != 0 && memcmp(line.p, "HTTP/1.0 ", 9) != 0)) ||
        REFUSED(line.n > 12 && line.p[12] != ' ') ||
        REFUSED(decimal_read(&status, slice_of(line.p + 9, 3), 999) != TL_OK))
        return TL_E_HTTP;
    h.status = (unsigned)status;
    h.reason = line.n > 13 ? slice_of(line.p + 13, line.n - 13) : (slice){NULL, 0};
    h.close = line.p[7] == '0';
    tl_err err = read_fields(&h, bytes);
    if (err == TL_OK)
        *out = h;
    return err;
}

static bool goes_on(slice name, bool request)
{
    static const char *const stay[] = {"Connection",
                                       "Keep-Alive",
                                       "Proxy-Connection",
                                       "TE",
                                       "Trailer",
                                       "Upgrade",
                                       "Transfer-Encoding",
                                       "Content-Length",
                                       "Proxy-Authenticate",
                                       "Proxy-Authorization"};
    static const char *const of_request[] = {"Host", "Accept-Encoding", "Expect"};
    for (size_t i = 0; i < sizeof stay / sizeof *stay; i++)
        if (named(name, stay[i]))
            return false;
    for (size_t i = 0; request && i < sizeof of_request / sizeof *of_request; i++)
        if (named(name, of_request[i]))
            return false;
    return true;
}

void mcp_head_pass(buf *b, const struct mcp_head *h, bool request)
{
    slice in = h->fields, line, name, value;
    while (in.n && take_line(&line, &in))
        if (take_field(&name, &value, line) && goes_on(name, request)) {
            buf_bytes(b, line);
            buf_str(b, "\r\n");
        }
}

bool mcp_is_type(slice value, const char *type)
{
    size_t n = strlen(type);
    return value.n >= n && strncasecmp((const char *)value.p, type, n) == 0 &&
           (value.n == n || value.p[n] == ';' || value.p[n] == ' ');
}

bool mcp_is_json(slice value)
{
    static const char type[] = "application/json";
    const size_t n = sizeof type - 1;
    if (value.n < n || !named(slice_of(value.p, n), type))
        return false;
    slice rest = trimmed(slice_of(value.p + n, value.n - n));
    if (rest.n == 0 || rest.p[0] != ';')
        return rest.n == 0;
    rest = trimmed(slice_of(rest.p + 1, rest.n - 1));
    return rest.n == 0 || named(rest, "charset=utf-8") || named(rest, "charset=\"utf-8\"");
}

/* 127.0.0.0/8, as a number or with dots left out */
static size_t loopback_v4(slice value)
{
    size_t n = 0;
    if (!slice_starts(value, slice_str("127.")))
        return 0;
    while (n < value.n && ((value.p[n] >= '0' && value.p[n] <= '9') || value.p[n] == '.'))
        n++;
    return n;
}

bool mcp_is_local(slice value)
{
    static const char *const schemes[] = {"http://", "https://"};
    static const char *const hosts[] = {"localhost", "[::1]"};
    uint64_t port;
    for (size_t i = 0; i < 2; i++)
        if (slice_starts(value, slice_str(schemes[i])))
            value = slice_of(value.p + strlen(schemes[i]), value.n - strlen(schemes[i]));
    size_t n = loopback_v4(value);
    for (size_t i = 0; i < 2; i++)
        if (value.n >= strlen(hosts[i]) &&
            strncasecmp((const char *)value.p, hosts[i], strlen(hosts[i])) == 0)
            n = strlen(hosts[i]);
    slice rest = slice_of(value.p + n, value.n - n);
    return n &&
           (rest.n == 0 || (rest.p[0] == ':' &&
                            decimal_read(&port, slice_of(rest.p + 1, rest.n - 1), 65535) == TL_OK));
}

/* ---- bodies ---- */

struct mcp_framing mcp_framing_of(const struct mcp_head *h, bool request)
{
    bool none = !request && (h->status < 200 || h->status == 204 || h->status == 304);
    if (none || (h->has_length && h->length == 0) || (request && !h->has_length && !h->chunked))
        return (struct mcp_framing){.state = MCP_BODY_END};
    if (h->chunked)
        return (struct mcp_framing){.state = MCP_BODY_SIZE};
    if (h->has_length)
        return (struct mcp_framing){.state = MCP_BODY_LENGTH, .left = h->length};
    return (struct mcp_framing){.state = MCP_BODY_REST};
}

/* SIZE in hex, and what may follow a semicolon. */
static tl_err chunk_size(struct mcp_framing *f, slice line)
{
    uint64_t size = 0;
    size_t i = 0;
    for (; i < line.n && line.p[i] != ';' && line.p[i] != ' '; i++) {
        uint8_t byte[1];
        const uint8_t pair[2] = {'0', line.p[i]};
        if (hex_read(byte, 1, slice_of(pair, 2)) != TL_OK || REFUSED(i == 8))
            return TL_E_HTTP;
        size = size << 4 | byte[0];
    }
    if (REFUSED(i == 0))
        return TL_E_HTTP;
    f->left = size;
    f->state = size ? MCP_BODY_CHUNK : MCP_BODY_TRAILER;
    return TL_OK;
}

/* A line between chunks. *more: it has not all come. */
static tl_err framing_line(struct mcp_framing *f, slice *in, bool *more)
{
    slice line;
    *more = !in->n || !memchr(in->p, '\n', in->n);
    if (*more)
        return REFUSED(in->n > LINE_MAX_BYTES) ? TL_E_HTTP : TL_OK;
    if (!take_line(&line, in))
        return TL_E_HTTP;
    if (f->state == MCP_BODY_SIZE)
        return chunk_size(f, line);
    if (f->state == MCP_BODY_CHUNK_END) {
        f->state = MCP_BODY_SIZE;
        return REFUSED(line.n) ? TL_E_HTTP : TL_OK;
    }
    if (line.n == 0)
        f->state = MCP_BODY_END;
    return TL_OK;
}

tl_err mcp_framing_take(struct mcp_framing *f, slice *piece, slice *in)
{
    bool more = false;
    *piece = slice_of(in->p, 0);
    while (f->state == MCP_BODY_SIZE || f->state == MCP_BODY_CHUNK_END ||
           f->state == MCP_BODY_TRAILER) {
        tl_err err = framing_line(f, in, &more);
        if (err != TL_OK || more)
            return err;
    }
    if (f->state == MCP_BODY_END)
        return TL_OK;
    size_t n = in->n;
    if (f->state != MCP_BODY_REST && n > f->left)
        n = (size_t)f->left;
    *piece = slice_of(in->p, n);
    *in = slice_of(in->p + n, in->n - n);
    if (f->state == MCP_BODY_REST)
        return TL_OK;
    f->left -= n;
    if (f->left == 0)
        f->state = f->state == MCP_BODY_CHUNK ? MCP_BODY_CHUNK_END : MCP_BODY_END;
    return TL_OK;
}
