/* Addresses of services. */
#include "base/encoding.h"
#include "client/link.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static tl_err wrong_url(struct tl_why *why)
{
    /* It is not repeated: it may hold a password. */
    return tl_explain(why, TL_E_USAGE, "url",
                      "a service's address is https://HOST:PORT, with nothing behind the port; "
                      "http:// is for 127.0.0.1, [::1] and localhost alone, since the token would "
                      "be in clear");
}

static bool is_this_machine(const char *host)
{
    struct in_addr v4;
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

static bool host_and_port(struct link_url *u, slice authority)
{
    bool v6 = authority.n && authority.p[0] == '[';
    const char *text = u->authority, *end = v6 ? strchr(text, ']') : text + strcspn(text, ":");
    uint64_t port = u->tls ? 443 : 80;
    if (!end)
        return false;
    size_t n = (size_t)(end - text) - v6;
    const char *rest = end + v6;
    if (n == 0 || n >= sizeof u->host ||
        (*rest && (*rest != ':' || decimal_read(&port, slice_str(rest + 1), UINT16_MAX) != TL_OK ||
                   port == 0)))
        return false;
    snprintf(u->host, sizeof u->host, "%.*s", (int)n, text + v6);
    snprintf(u->port, sizeof u->port, "%u", (unsigned)port);
    return true;
}

static tl_err read_url(struct link_url *out, const char *text, bool clear, struct tl_why *why)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789.-_:[]";
    struct link_url u = {.tls = strncmp(text, "https://", 8) == 0, .clear = clear};
    if (!u.tls && strncmp(text, "http://", 7) != 0)
        return wrong_url(why);
    text += u.tls ? 8 : 7;
    size_t n = strlen(text);
    n -= n && text[n - 1] == '/';
    if (n == 0 || n >= sizeof u.authority || strspn(text, allowed) < n)
        return wrong_url(why);
    snprintf(u.authority, sizeof u.authority, "%.*s", (int)n, text);
    if (!host_and_port(&u, slice_of(text, n)) || (!u.tls && !clear && !is_this_machine(u.host)))
        return wrong_url(why);
    *out = u;
    return TL_OK;
}

tl_err link_url_read(struct link_url *out, const char *text, struct tl_why *why)
{
    return read_url(out, text, false, why);
}

tl_err link_url_read_clear(struct link_url *out, const char *text, struct tl_why *why)
{
    return read_url(out, text, true, why);
}
