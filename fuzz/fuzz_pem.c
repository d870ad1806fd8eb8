/* PEM chains: what is read from them is what another walk over the same lines finds, and
 * reads back from the one way in which pem_put writes it. */
#include "codec/pem.h"
#include "fuzz.h"

static const char begin_line[] = "-----BEGIN CERTIFICATE-----";
static const char end_line[] = "-----END CERTIFICATE-----";

static bool is_white(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next line, without white space at its end, nor NULs, which may end the text. */
static slice next_line(slice *rest)
{
    const uint8_t *lf = memchr(rest->p, '\n', rest->n);
    slice s = slice_of(rest->p, lf ? (size_t)(lf - rest->p) : rest->n);
    size_t used = lf ? s.n + 1 : s.n;
    *rest = slice_of(rest->p + used, rest->n - used);
    while (!lf && s.n && s.p[s.n - 1] == 0)
        s.n--;
    while (s.n && is_white(s.p[s.n - 1]))
        s.n--;
    return s;
}

/* The lines of the block that begins next, joined, against the certificate. */
static void same_block(slice *rest, slice certificate, size_t max)
{
    buf digits, want;
    slice s;
    buf_init(&digits, max);
    buf_init(&want, 2 * max + 8);
    do {
        MUST(rest->n);
        s = next_line(rest);
    } while (s.n == 0);
    MUST(slice_eq_str(s, begin_line));
    for (s = next_line(rest); !slice_eq_str(s, end_line); s = next_line(rest)) {
        MUST(s.n && rest->n);
        buf_bytes(&digits, s);
    }
    base64_put(&want, certificate);
    MUST(buf_err(&digits) == TL_OK && buf_err(&want) == TL_OK);
    must_equal(&want, buf_slice(&digits));
    buf_finish(&digits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size), rest = in;
    struct pem_chain chain, again;
    if (pem_read(&chain, in) != TL_OK)
        return 0;
    MUST(chain.count >= 1 && chain.count <= PEM_MAX_CERTIFICATES);
    buf b;
    buf_init(&b, 2 * size + 1024);
    for (size_t i = 0; i < chain.count; i++) {
        same_block(&rest, chain.certificates[i], size);
        pem_put(&b, chain.certificates[i]);
    }
    while (rest.n)
        MUST(next_line(&rest).n == 0);
    MUST(buf_err(&b) == TL_OK && pem_read(&again, buf_slice(&b)) == TL_OK);
    MUST(again.count == chain.count);
    for (size_t i = 0; i < chain.count; i++)
        MUST(slice_eq(again.certificates[i], chain.certificates[i]));
    pem_finish(&again);
    pem_finish(&chain);
    buf_finish(&b);
    return 0;
}
