#include "cli/web_address.h"

#include <stdio.h>

static bool is_path(slice s)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789-._~!$&'()*+,;=:@%/";
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == 0 || !strchr(allowed, s.p[i]))
            return false;
    return true;
}

static slice after_scheme(slice s)
{
    for (size_t i = 0; i + 3 <= s.n; i++)
        if (memcmp(s.p + i, "://", 3) == 0)
            return slice_of(s.p + i + 3, s.n - i - 3);
    return (slice){s.p, 0};
}

tl_err web_address_read(struct web_address *out, slice text, struct tl_why *why)
{
    struct web_address a = {0};
    slice rest = after_scheme(text);
    const uint8_t *slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;
    slice path = {NULL, 0};
    if (slash) {
        path = slice_of(slash, text.n - (size_t)(slash - text.p));
        text.n -= path.n;
        while (path.n && path.p[path.n - 1] == '/')
            path.n--;
    }
    if (text.n >= sizeof a.text || path.n >= sizeof a.prefix || !is_path(path))
        return tl_explain(why, TL_E_USAGE, "url",
                          "an address is https://HOST:PORT/PATH, PATH as it is sent");
    snprintf(a.text, sizeof a.text, "%.*s", (int)text.n, (const char *)text.p);
    snprintf(a.prefix, sizeof a.prefix, "%.*s", (int)path.n, path.n ? (const char *)path.p : "");
    tl_err err = link_url_read_clear(&a.host, a.text, why);
    if (err == TL_OK)
        *out = a;
    return err;
}
