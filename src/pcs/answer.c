#include "pcs/answer.h"

#include "base/encoding.h"
#include "base/refuse.h"
#include "codec/json.h"
#include "codec/pem.h"

#include <strings.h>

void pcs_answer_init(struct pcs_answer *a)
{
    a->status = 0;
    buf_init(&a->headers, PCS_HEADERS_MAX);
    buf_init(&a->body, PCS_BODY_MAX);
}

void pcs_answer_finish(struct pcs_answer *a)
{
    buf_finish(&a->headers);
    buf_finish(&a->body);
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static slice trim(slice s)
{
    while (s.n && is_blank(s.p[0]))
        s = slice_of(s.p + 1, s.n - 1);
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

/* Up to and without the end byte, which is taken off too. */
static slice take_until(slice *rest, char end)
{
    const uint8_t *at = rest->n ? memchr(rest->p, end, rest->n) : NULL;
    size_t n = at ? (size_t)(at - rest->p) : rest->n;
    slice front = slice_of(rest->p, n);
    *rest = at ? slice_of(at + 1, rest->n - n - 1) : slice_of(NULL, 0);
    return front;
}

slice pcs_header(const struct pcs_answer *a, const char *name)
{
    slice rest = buf_slice(&a->headers);
    size_t n = strlen(name);
    while (rest.n) {
        slice line = take_until(&rest, '\n');
        if (line.n > n && line.p[n] == ':' && strncasecmp((const char *)line.p, name, n) == 0)
            return trim(slice_of(line.p + n + 1, line.n - n - 1));
    }
    return slice_of(NULL, 0);
}

/* What was appended since. */
static slice appended(const buf *out, size_t before)
{
    return out->n > before ? slice_of(out->p + before, out->n - before) : slice_of(NULL, 0);
}

/* Takes off what was appended since, where err is one. */
static tl_err keep_or_cut(buf *out, size_t before, tl_err err)
{
    if (err == TL_OK)
        return buf_err(out);
    if (buf_err(out) == TL_OK)
        out->n = before;
    return err;
}

tl_err pcs_percent_decode(buf *out, slice text)
{
    size_t before = out->n;
    tl_err err = TL_OK;
    for (size_t i = 0; i < text.n && err == TL_OK; i++) {
        uint8_t c = text.p[i];
        if (c == '%') {
            if (REFUSED(text.n - i < 3))
                err = TL_E_ENCODING;
            else
                err = hex_read(&c, 1, slice_of(text.p + i + 1, 2));
            i += 2;
        }
        buf_u8(out, c);
    }
    return keep_or_cut(out, before, err);
}

static tl_err chain_decode(buf *out, slice value)
{
    struct pem_chain chain;
    size_t before = out->n;
    tl_err err = pcs_percent_decode(out, value);
    if (err == TL_OK) {
        err = pem_read(&chain, appended(out, before));
        if (err == TL_OK)
            pem_finish(&chain);
    }
    return keep_or_cut(out, before, err);
}

tl_err pcs_chain(buf *out, const struct pcs_answer *a, const char *name, const char *other,
                 struct tl_why *why)
{
    slice value = pcs_header(a, name);
    if (!value.p && other) {
        value = pcs_header(a, other);
        name = value.p ? other : name;
    }
    if (REFUSED(!value.p))
        return tl_explain(why, TL_E_FIELD, name,
                          "the answer has no header %s; is this a PCS or a PCCS, version 4?", name);
    tl_err err = chain_decode(out, value);
    if (err != TL_OK && err != TL_E_MEMORY)
        return tl_explain(why, err, name,
                          "the header %s is not a percent-encoded chain of certificates: %s; try "
                          "again, or ask another service",
                          name, tl_err_text(err));
    return err;
}

static const char crl_begin[] = "-----BEGIN X509 CRL-----";
static const char crl_end[] = "-----END X509 CRL-----";

/* RFC 7468, with lines of any length and with CR. */
static tl_err crl_from_pem(buf *out, slice text)
{
    buf digits;
    tl_err err;
    bool ended = false;
    (void)take_until(&text, '\n');
    buf_init(&digits, text.n);
    while (text.n && !ended) {
        slice line = trim(take_until(&text, '\n'));
        ended = slice_eq_str(line, crl_end);
        if (!ended)
            buf_bytes(&digits, line);
    }
    err = buf_err(&digits);
    if (err == TL_OK)
        err =
            REFUSED(!ended || trim(text).n) ? TL_E_ENCODING : base64_read(out, buf_slice(&digits));
    buf_finish(&digits);
    return err;
}

static tl_err crl_from_hex(buf *out, slice text)
{
    size_t n = text.n / 2;
    uint8_t *p = buf_grow(out, n);
    return p || n == 0 ? hex_read(p, n, text) : buf_err(out);
}

tl_err pcs_crl(buf *out, slice body, const char *what, struct tl_why *why)
{
    struct crl crl;
    size_t before = out->n;
    tl_err err = TL_OK;
    /* DER begins with the tag of a SEQUENCE, 0x30, its hex with '3'. */
    if (body.n && body.p[0] == 0x30)
        buf_bytes(out, body);
    else if (slice_starts(body, slice_str(crl_begin)))
        err = crl_from_pem(out, body);
    else
        err = crl_from_hex(out, trim(body));
    if (err == TL_OK)
        err = buf_err(out);
    if (err == TL_OK)
        err = crl_read(&crl, appended(out, before));
    err = keep_or_cut(out, before, err);
    if (err != TL_OK && err != TL_E_MEMORY)
        return tl_explain(why, err, what,
                          "the answer for %s is not a revocation list in DER, PEM or hex: %s; try "
                          "again, or ask another service",
                          what, tl_err_text(err));
    return err;
}

tl_err pcs_signed_json(buf *out, uint8_t signature[64], slice body, const char *member,
                       struct tl_why *why)
{
    js r = js_of(body);
    uint32_t seen = 0;
    slice text = {NULL, 0}, hex = {NULL, 0};
    uint8_t made[64];
    js_object(&r);
    for (slice key; js_member(&r, &key);) {
        if (js_named(&r, key, member, &seen, 0))
            text = js_raw(&r);
        else if (js_named(&r, key, "signature", &seen, 1))
            hex = js_plain(&r);
        else
            js_skip(&r); /* not signed, so nothing that matters */
    }
    tl_err err = js_end(&r);
    if (err == TL_OK)
        err = REFUSED(!text.p) ? TL_E_FIELD : hex_read(made, sizeof made, hex);
    if (err != TL_OK)
        return tl_explain(
            why, err, member,
            "the answer is not {\"%s\": {…}, \"signature\": \"…\"}: %s; try again, or "
            "ask another service",
            member, tl_err_text(err));
    size_t before = out->n;
    buf_bytes(out, text);
    err = keep_or_cut(out, before, buf_err(out));
    if (err == TL_OK)
        memcpy(signature, made, sizeof made);
    return err;
}

static tl_err explain_busy(const struct pcs_answer *a, const char *what, struct tl_why *why)
{
    slice after = pcs_header(a, "Retry-After");
    if (after.n)
        return tl_explain(why, TL_E_BUSY, what,
                          "the service cannot give %s now (HTTP %u); try again after %.*s (its "
                          "Retry-After)",
                          what, a->status, (int)(after.n < 40 ? after.n : 40),
                          (const char *)after.p);
    return tl_explain(why, TL_E_BUSY, what,
                      "the service cannot give %s now (HTTP %u); try again later, or ask another "
                      "service",
                      what, a->status);
}

tl_err pcs_status(const struct pcs_answer *a, const char *what, struct tl_why *why)
{
    unsigned status = a->status;
    slice location = pcs_header(a, "Location");
    if (!REFUSED(status != 200))
        return TL_OK;
    if (status == 404)
        return tl_explain(why, TL_E_NOT_FOUND, what,
                          "the service has not got %s (HTTP 404); it may not know this platform: "
                          "ask Intel's own service, or have the PCCS fetch it",
                          what);
    if (status == 410)
        return tl_explain(why, TL_E_NOT_FOUND, what,
                          "%s of that TCB evaluation is no longer served (HTTP 410); ask for the "
                          "standard update",
                          what);
    if (status == 401 || status == 403 || status == 407)
        return tl_explain(why, TL_E_AUTH, what,
                          "the service gives %s only to those it knows (HTTP %u); ask a PCCS that "
                          "has a subscription",
                          what, status);
    if (status == 429 || status >= 500)
        return explain_busy(a, what, why);
    if (status >= 300 && status < 400)
        return tl_explain(
            why, TL_E_PEER, what,
            "asked for %s, the service points elsewhere (HTTP %u, %.*s); redirects are "
            "not followed: give the final address",
            what, status, (int)(location.n < 100 ? location.n : 100),
            location.p ? (const char *)location.p : "");
    return tl_explain(
        why, TL_E_PEER, what,
        "asked for %s, the service answers HTTP %u; is this a PCS or a PCCS, version 4?", what,
        status);
}
