#include "codec/pem.h"

#include "base/encoding.h"
#include "base/reader.h"
#include "base/refuse.h"

#define COLUMNS 64

static const char begin_line[] = "-----BEGIN CERTIFICATE-----\n";
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

/* Characters of the next line; the LF is read too. */
static slice line(reader *r)
{
    size_t n = 0;
    while (n < COLUMNS && n < r->rest.n && r->rest.p[n] != '\n')
        n++;
    slice s = reader_bytes(r, n);
    expect(r, "\n");
    return s;
}

/* One block; its DER is appended to out. */
static tl_err block(reader *r, buf *out)
{
    tl_err err = TL_OK;
    bool more = true;
    expect(r, begin_line);
    while (err == TL_OK && r->err == TL_OK && more) {
        slice s = line(r);
        more = s.n == COLUMNS && !at(r, end_line);
        /* Padding ends a base64 text, so it stands in the last line only. */
        if (REFUSED(s.n == 0 || (more && s.p[COLUMNS - 1] == '=')))
            reader_fail(r, TL_E_CERT);
        else
            err = base64_read(out, s);
    }
    if (err != TL_OK)
        return err;
    expect(r, end_line);
    if (r->rest.n)
        expect(r, "\n");
    return r->err;
}

tl_err pem_read(struct pem_chain *out, slice text)
{
    struct pem_chain v = {0};
    size_t ends[PEM_MAX_CERTIFICATES];
    reader r = reader_of(text);
    tl_err err = TL_OK;
    buf_init(&v.memory, PEM_MAX_BYTES);
    do {
        err = block(&r, &v.memory);
        if (err != TL_OK)
            goto out;
        ends[v.count++] = v.memory.n;
    } while (at(&r, "-") && v.count < PEM_MAX_CERTIFICATES);
    if (r.rest.n == 1 && r.rest.p[0] == 0)
        (void)reader_u8(&r);
    err = reader_end(&r);
    if (err != TL_OK)
        goto out;
    for (size_t i = 0, start = 0; i < v.count; start = ends[i++])
        v.certificates[i] = slice_of(v.memory.p + start, ends[i] - start);
    *out = v;
    return TL_OK;
out:
    buf_finish(&v.memory);
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
    for (size_t i = 0; i < text.n; i += COLUMNS) {
        buf_bytes(b, slice_of(text.p + i, text.n - i < COLUMNS ? text.n - i : COLUMNS));
        buf_str(b, "\n");
    }
    buf_str(b, end_line);
    buf_str(b, "\n");
    buf_finish(&text);
}
