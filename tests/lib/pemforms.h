/* One PEM chain in other words: the forms that pem_read takes. */
#ifndef PEMFORMS_H
#define PEMFORMS_H

#include "base/encoding.h"
#include "codec/pem.h"
#include "testlib.h"

struct pem_form {
    const char *name;
    size_t columns;
    const char *before, *eol, *between; /* between: after each block's end line, but the last */
    const char *after;                  /* after the last one's */
    size_t nuls;
};

static const struct pem_form pem_forms[] = {
    {"CRLF", 64, "", "\r\n", "\r\n", "\r\n", 0},
    {"CRLF and a NUL", 64, "", "\r\n", "\r\n", "\r\n", 1},
    {"blank lines", 64, "\n \t\r\n", "\n", "\n\n  \n", "\n\r\n \t", 1},
    {"no last line end", 64, "", "\n", "\n", "", 0},
    {"no last line end and a NUL", 64, "", "\n", "\n", "", 1},
    {"many NULs", 64, "", "\n", "\n", "\n", 7},
    {"short lines", 1, "", "\n", "\n", "\n", 0},
    {"lines of MIME", 76, "", "\r\n", "\r\n", "\r\n", 0},
    {"lines that end within a digit", 61, "", " \n", "\n", "\n", 0},
    {"one line", 65536, "", "\n", "\n", "\n", 0},
};
#define PEM_FORMS (sizeof pem_forms / sizeof pem_forms[0])

static inline void pem_form_put(buf *out, slice chain, const struct pem_form *form)
{
    struct pem_chain c;
    buf digits;
    buf_init(&digits, 65536);
    assert_ok(pem_read(&c, chain));
    buf_str(out, form->before);
    for (size_t i = 0; i < c.count; i++) {
        buf_str(out, "-----BEGIN CERTIFICATE-----");
        buf_str(out, form->eol);
        buf_reset(&digits);
        base64_put(&digits, c.certificates[i]);
        for (size_t at = 0; at < digits.n; at += form->columns) {
            size_t left = digits.n - at;
            buf_bytes(out, slice_of(digits.p + at, left < form->columns ? left : form->columns));
            buf_str(out, form->eol);
        }
        buf_str(out, "-----END CERTIFICATE-----");
        buf_str(out, i + 1 < c.count ? form->between : form->after);
    }
    for (size_t i = 0; i < form->nuls; i++)
        buf_u8(out, 0);
    assert_ok(buf_err(out));
    pem_finish(&c);
    buf_finish(&digits);
}

#endif
