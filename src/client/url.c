#include "client/url.h"

void url_put(buf *b, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789-._~";
    for (; *text; text++) {
        if (strchr(plain, *text))
            buf_u8(b, (uint8_t)*text);
        else
            buf_printf(b, "%%%02X", (unsigned)(unsigned char)*text);
    }
}

void url_put_key(buf *b, const char *name, const char *value)
{
    if (!value || buf_err(b) != TL_OK)
        return;
    buf_u8(b, memchr(b->p, '?', b->n) ? '&' : '?');
    buf_str(b, name);
    buf_u8(b, '=');
    url_put(b, value);
}
