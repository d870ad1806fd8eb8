#include "codec/pem.h"

#include "base/encoding.h"
#include "base/reader.h"
#include "base/refuse.h"

#define COLUMNS 64

static const char begin_line[] = "-----BEGIN CERTIFICATE-----";
static const char end_line[] = "-----END CERTIFICATE-----";

static bool at(const reader *r, const char *line)
{
    return slice_starts(r->rest, slice_str(line));
}

static void expect(reader *r, const char *line)
{
    if (REFUSED(!at(r, line)))
        reader_fail(r, TL_E_CERT);
    (void)reader_bytes(r, strlen(line));
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Reads what is blank, up to the end of a line or of the text; whether there was any. */
static bool skip_blank(reader *r)
{
    size_t n = 0;
    while (n < r->rest.n && is_blank(r->rest.p[n]))
        n++;
    if (n < r->rest.n && r->rest.p[n])
        while (n && r->rest.p[n - 1] != '\n')
            n--;
    (void)reader_bytes(r, n);
    return n > 0;
}

/* A line's end: LF, and before it what OpenSSL strips. */
static void end_of_line(reader *r)
{
    while (r->rest.n && *r->rest.p != '\n' && is_blank(*r->rest.p))
        (void)reader_u8(r);
    expect(r, "\n");
}

/* The characters of the next line. */
static slice line(reader *r)
{
    size_t n = 0;
    while (n < r->rest.n && !is_blank(r->rest.p[n]))
        n++;
    slice s = reader_bytes(r, n);
    end_of_line(r);
    return s;
}

/* One block and what is blank after it; its DER is appended to out. digits: room for
 * its base64, whose lines may be of any length. */
static tl_err block(reader *r, buf *digits, buf *out)
{
    buf_reset(digits);
    expect(r, begin_line);
    end_of_line(r);
    do {
        slice s = line(r);
        if (REFUSED(s.n == 0))
            reader_fail(r, TL_E_CERT);
        buf_bytes(digits, s);
    } while (r->err == TL_OK && !at(r, end_line));
    expect(r, end_line);
    if (!skip_blank(r) && REFUSED(r->rest.n && *r->rest.p))
        reader_fail(r, TL_E_CERT);
    if (r->err != TL_OK)
        return r->err;
    if (buf_err(digits) != TL_OK)
        return buf_err(digits);
    return base64_read(out, buf_slice(digits));
}

/* NULs end C strings, which quotes carry with their ends. */
static void skip_nuls(reader *r)
{
    while (r->rest.n && *r->rest.p == 0)
        (void)reader_u8(r);
}

tl_err pem_read(struct pem_chain *out, slice text)
{
    struct pem_chain v = {0};
    size_t ends[PEM_MAX_CERTIFICATES];
    buf digits;
    reader r = reader_of(text);
    tl_err err = TL_OK;
    buf_init(&v.memory, PEM_MAX_BYTES);
    buf_init(&digits, 2 * PEM_MAX_BYTES);
    (void)skip_blank(&r);
    do {
        err = block(&r, &digits, &v.memory);
        if (err != TL_OK)
            goto out;
        ends[v.count++] = v.memory.n;
    } while (at(&r, "-") && v.count < PEM_MAX_CERTIFICATES);
    skip_nuls(&r);
    err = reader_end(&r);
    if (err != TL_OK)
        goto out;
    for (size_t i = 0, start = 0; i < v.count; start = ends[i++])
        v.certificates[i] = slice_of(v.memory.p + start, ends[i] - start);
    *out = v;
out:
    if (err != TL_OK)
        buf_finish(&v.memory);
    buf_finish(&digits);
    return err;
}

void pem_finish(struct pem_chain *chain)
{
    if (chain)
        buf_finish(&chain->memory);
}

void pem_put(buf *b, slice certificate)
{
    buf text;
    buf_init(&text, PEM_MAX_BYTES);
    base64_put(&text, certificate);
    if (buf_err(&text) != TL_OK)
        buf_fail(b, buf_err(&text));
    buf_str(b, begin_line);
    buf_str(b, "\n");
    for (size_t i = 0; i < text.n; i += COLUMNS) {
        buf_bytes(b, slice_of(text.p + i, text.n - i < COLUMNS ? text.n - i : COLUMNS));
        buf_str(b, "\n");
    }
    buf_str(b, end_line);
    buf_str(b, "\n");
    buf_finish(&text);
}
