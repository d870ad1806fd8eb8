#include "http/head.h"

#include "base/encoding.h"
#include "base/refuse.h"

#include <stdio.h>
#include <strings.h>

tl_err http_head_find(size_t *size, slice bytes, struct tl_why *why)
{
    size_t line = 0;
    for (size_t i = 0; i < bytes.n && i < HTTP_HEAD_MAX; i++) {
        if (bytes.p[i] != '\n')
            continue;
        /* RFC 9112 section 2.2 lets a server take a bare LF; two parties that
         * differ on it can be made to see different requests. */
        if (REFUSED(i == line || bytes.p[i - 1] != '\r'))
            return tl_explain(why, TL_E_HTTP, "request", "a line of the head must end in CRLF");
        if (i == line + 1) {
            *size = i + 1;
            return TL_OK;
        }
        line = i + 1;
    }
    if (REFUSED(bytes.n >= HTTP_HEAD_MAX))
        return tl_explain(why, TL_E_HTTP, "request", "the head is longer than %d bytes",
                          HTTP_HEAD_MAX);
    *size = 0;
    return TL_OK;
}

/* RFC 9110 section 5.6.2. */
static bool is_token(slice s)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!alnum && !memchr(marks, c, sizeof marks - 1))
            return false;
    }
    return s.n > 0;
}

/* The part of *rest before the first c, which is taken off with it; false
 * where there is no c. */
static bool cut(slice *part, slice *rest, uint8_t c)
{
    const uint8_t *at = rest->n ? memchr(rest->p, c, rest->n) : NULL;
    if (!at)
        return false;
    *part = slice_of(rest->p, (size_t)(at - rest->p));
    *rest = slice_of(at + 1, rest->n - part->n - 1);
    return true;
}

static slice trim(slice s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = slice_of(s.p + 1, s.n - 1);
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

static bool same_word(slice s, const char *word)
{
    return s.n == strlen(word) && strncasecmp((const char *)s.p, word, s.n) == 0;
}

static tl_err request_line(struct http_head *out, slice line, struct tl_why *why)
{
    slice target = {NULL, 0};
    if (cut(&out->method, &line, ' '))
        (void)cut(&target, &line, ' ');
    if (REFUSED(!slice_eq_str(line, "HTTP/1.1")) || REFUSED(!is_token(out->method)))
        return tl_explain(why, TL_E_HTTP, "request",
                          "the request line must be METHOD TARGET HTTP/1.1");
    if (REFUSED(target.n == 0 || target.p[0] != '/'))
        return tl_explain(why, TL_E_HTTP, "target", "must be a path that begins with /");
    for (size_t i = 0; i < target.n; i++)
        if (REFUSED(target.p[i] <= ' ' || target.p[i] > '~' || target.p[i] == '#'))
            return tl_explain(why, TL_E_HTTP, "target", "holds a character that must be escaped");
    if (!cut(&out->path, &target, '?')) {
        out->path = target;
        target.n = 0;
    }
    out->query = target;
    return TL_OK;
}

struct seen {
    bool host, connection;
};

static tl_err length_field(struct http_head *out, slice value, struct tl_why *why)
{
    if (REFUSED(out->has_length))
        return tl_explain(why, TL_E_HTTP, "Content-Length", "comes twice");
    if (decimal_read(&out->length, value, UINT32_MAX) != TL_OK)
        return tl_explain(why, TL_E_HTTP, "Content-Length", "must be a decimal number of bytes");
    out->has_length = true;
    return TL_OK;
}

static tl_err connection_field(struct http_head *out, slice value, struct tl_why *why)
{
    out->close = same_word(value, "close");
    if (REFUSED(!out->close && !same_word(value, "keep-alive")))
        return tl_explain(why, TL_E_HTTP, "Connection", "must be close or keep-alive");
    return TL_OK;
}

/* RFC 9110 section 7.2: a name or an address, one of IPv6 in brackets, and a port. */
static bool host_valid(slice s)
{
    static const char marks[] = "-._~%!$&'()*+,;=";
    if (s.n == 0)
        return true; /* what is asked has no name: a socket */
    bool v6 = s.p[0] == '[';
    size_t i = v6;
    for (; i < s.n; i++) {
        uint8_t c = s.p[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!alnum && (v6 ? c != ':' && c != '.' : !memchr(marks, c, sizeof marks - 1)))
            break;
    }
    if (i == v6 || (v6 && (i == s.n || s.p[i++] != ']')))
        return false;
    uint64_t port;
    slice rest = slice_of(s.p + i, s.n - i);
    return rest.n == 0 || (rest.p[0] == ':' && decimal_read(&port, slice_of(rest.p + 1, rest.n - 1),
                                                            UINT16_MAX) == TL_OK);
}

static tl_err known_field(struct http_head *out, struct seen *seen, slice name, slice value,
                          struct tl_why *why)
{
    if (same_word(name, "Content-Length"))
        return length_field(out, value, why);
    if (same_word(name, "Transfer-Encoding")) {
        out->transfer = true;
    } else if (same_word(name, "Connection")) {
        if (REFUSED(seen->connection))
            return tl_explain(why, TL_E_HTTP, "Connection", "comes twice");
        seen->connection = true;
        return connection_field(out, value, why);
    } else if (same_word(name, "Expect")) {
        if (REFUSED(!same_word(value, "100-continue")))
            return tl_explain(why, TL_E_HTTP, "Expect", "must be 100-continue");
        out->expects = true;
    } else if (same_word(name, "Authorization")) {
        if (REFUSED(out->authorization.p))
            return tl_explain(why, TL_E_HTTP, "Authorization", "comes twice");
        out->authorization = value;
    } else if (same_word(name, "Last-Event-ID")) {
        if (REFUSED(out->last_event_id.p))
            return tl_explain(why, TL_E_HTTP, "Last-Event-ID", "comes twice");
        out->last_event_id = value;
    } else if (same_word(name, "Host")) {
        if (REFUSED(seen->host))
            return tl_explain(why, TL_E_HTTP, "Host", "comes twice");
        if (REFUSED(!host_valid(value)))
            return tl_explain(why, TL_E_HTTP, "Host", "must be a name or an address");
        seen->host = true;
    }
    return TL_OK;
}

static tl_err field(struct http_head *out, struct seen *seen, slice line, struct tl_why *why)
{
    slice name = {NULL, 0};
    (void)cut(&name, &line, ':');
    /* No colon, a folded line, a space before the colon: none has a token here. */
    if (REFUSED(!is_token(name)))
        return tl_explain(why, TL_E_HTTP, "request", "a header line must be NAME: VALUE");
    slice value = trim(line);
    for (size_t i = 0; i < value.n; i++)
        if (REFUSED((value.p[i] < ' ' && value.p[i] != '\t') || value.p[i] == 0x7f)) {
            char text[40];
            snprintf(text, sizeof text, "%.*s", (int)(name.n < 39 ? name.n : 39),
                     (const char *)name.p);
            return tl_explain(why, TL_E_HTTP, text, "holds a control character");
        }
    return known_field(out, seen, name, value, why);
}

/* The next line without its CRLF; http_head_find has seen that each has one. */
static slice next_line(slice *rest)
{
    slice line = {rest->p, 0};
    (void)cut(&line, rest, '\n');
    if (line.n)
        line.n--;
    return line;
}

tl_err http_head_read(struct http_head *out, slice bytes, struct tl_why *why)
{
    struct http_head h = {.has_length = false};
    struct seen seen = {false, false};
    tl_err err = request_line(&h, next_line(&bytes), why);
    unsigned fields = 0;
    for (slice line = next_line(&bytes); err == TL_OK && line.n; line = next_line(&bytes)) {
        if (REFUSED(++fields > HTTP_FIELDS_MAX))
            return tl_explain(why, TL_E_HTTP, "request", "more than %d header lines",
                              HTTP_FIELDS_MAX);
        err = field(&h, &seen, line, why);
    }
    if (err != TL_OK)
        return err;
    if (REFUSED(!seen.host))
        return tl_explain(why, TL_E_HTTP, "Host", "is missing");
    if (REFUSED(h.transfer && h.has_length))
        return tl_explain(why, TL_E_HTTP, "Transfer-Encoding", "comes beside Content-Length");
    *out = h;
    return TL_OK;
}
