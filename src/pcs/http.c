#include "pcs/http.h"

#include "pcs/curl.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

void pcs_http_init(struct pcs_http *h, const struct pcs_options *options)
{
    *h = (struct pcs_http){.options = options};
}

void pcs_http_finish(struct pcs_http *h)
{
    if (h->curl)
        curl_easy_cleanup(h->curl);
    h->curl = NULL;
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static size_t take(buf *b, const char *p, size_t n)
{
    buf_bytes(b, slice_of(p, n));
    return buf_err(b) == TL_OK ? n : 0; /* other than n, it ends the transfer */
}

/* libcurl's size is always 1. */
static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
    struct pcs_answer *a = ctx;
    return take(&a->body, p, size * n);
}

/* Status lines and the headers of interim answers (RFC 9110 section 15.2) come here
 * too, and count towards the limit. */
static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
    struct pcs_answer *a = ctx;
    return take(&a->headers, p, size * n);
}

/* About once a second, and whenever something moves. */
static int on_time(void *ctx, curl_off_t all_down, curl_off_t down, curl_off_t all_up,
                   curl_off_t up)
{
    const struct pcs_http *h = ctx;
    (void)all_down, (void)down, (void)all_up, (void)up;
    return h->options->stop && atomic_load(h->options->stop);
}

static unsigned timeout_s(const struct pcs_http *h)
{
    return h->options->timeout_s ? h->options->timeout_s : PCS_TIMEOUT_S;
}

static bool set_own(CURL *c, struct pcs_http *h)
{
    return curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_XFERINFODATA, h) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_time) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK;
}

static tl_err open_curl(struct pcs_http *h, struct tl_why *why)
{
    const struct pcs_options *o = h->options;
    const struct pcs_curl settings = {
        .schemes = "https",
        .proxy = o->proxy,
        .no_proxy = o->no_proxy,
        .ca_file = o->ca_file,
        .leaves = o->stop,
        .error = h->error,
    };
    CURL *c = NULL;
    tl_err err = pcs_curl_open(&c, &settings, why);
    if (err != TL_OK)
        return err;
    if (!set_own(c, h)) {
        curl_easy_cleanup(c);
        return tl_explain(why, TL_E_IO, "service",
                          "this libcurl (%s) does not take the settings that are needed",
                          curl_version());
    }
    h->curl = c;
    h->deadline_ms = now_ms() + (int64_t)timeout_s(h) * 1000;
    return TL_OK;
}

static tl_err explain_time(const struct pcs_http *h, const char *host, struct tl_why *why)
{
    return tl_explain(
        why, TL_E_IO, host,
        "%s has not answered in full within %u seconds; is it reachable from here, or "
        "is a proxy needed?",
        host, timeout_s(h));
}

static tl_err explain_limit(const struct pcs_answer *a, const char *host, struct tl_why *why)
{
    tl_err err = buf_err(&a->body) != TL_OK ? buf_err(&a->body) : buf_err(&a->headers);
    if (err == TL_E_MEMORY)
        return err;
    return tl_explain(why, TL_E_LIMIT, host,
                      "%s answers with more than collateral can be (%d bytes, %d of headers); is "
                      "this a PCS or a PCCS?",
                      host, PCS_BODY_MAX, PCS_HEADERS_MAX);
}

/* What the proxy said, where there is one and it did not let us through. */
static tl_err explain_proxy(long status, struct tl_why *why)
{
    return tl_explain(why, status == 407 ? TL_E_AUTH : TL_E_IO, "proxy",
                      "the proxy does not let this through (HTTP %ld); check its address and who "
                      "may use it",
                      status);
}

static tl_err explain(const struct pcs_http *h, CURLcode code, const struct pcs_answer *a,
                      const char *host, const char *said, struct tl_why *why)
{
    long status = 0;
    (void)curl_easy_getinfo(h->curl, CURLINFO_HTTP_CONNECTCODE, &status);
    switch (code) {
    case CURLE_OUT_OF_MEMORY:
        return TL_E_MEMORY;
    case CURLE_WRITE_ERROR:
        return explain_limit(a, host, why);
    case CURLE_OPERATION_TIMEDOUT:
        return explain_time(h, host, why);
    case CURLE_PEER_FAILED_VERIFICATION:
        return tl_explain(why, TL_E_AUTH, host,
                          "%s is not trusted: %s; a service with a certificate of its own needs "
                          "that one's CA as a PEM file",
                          host, said);
    case CURLE_SSL_CACERT_BADFILE:
        return tl_explain(why, TL_E_USAGE, "CA file", "the CA file cannot be used: %s", said);
    case CURLE_URL_MALFORMAT:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return tl_explain(why, TL_E_USAGE, "service",
                          "the address of the service or of the proxy cannot be used: %s", said);
    default:
        if (status >= 300)
            return explain_proxy(status, why);
        return tl_explain(why, TL_E_IO, host,
                          "%s gave no whole answer: %s; check the address and the network, and try "
                          "again",
                          host, said);
    }
}

/* "https://host:port" of a URL, without a name and a password before the host. */
static void put_host(char *out, size_t n, const char *url)
{
    const char *begin = strstr(url, "://");
    begin = begin ? begin + 3 : url;
    size_t length = strcspn(begin, "/?#");
    const char *at = memrchr(begin, '@', length);
    const char *host = at ? at + 1 : begin;
    length -= (size_t)(host - begin);
    snprintf(out, n, "https://%.*s", (int)(length < n ? length : n - 1), host);
}

tl_err pcs_http_get(void *http, struct pcs_answer *out, const char *url, struct tl_why *why)
{
    struct pcs_http *h = http;
    char host[100];
    tl_err err = h->curl ? TL_OK : open_curl(h, why);
    if (err != TL_OK)
        return err;
    put_host(host, sizeof host, url);
    int64_t left = h->deadline_ms - now_ms();
    if (left <= 0)
        return explain_time(h, host, why);
    h->error[0] = 0;
    CURLcode code = curl_easy_setopt(h->curl, CURLOPT_URL, url);
    if (code == CURLE_OK)
        code = curl_easy_setopt(h->curl, CURLOPT_TIMEOUT_MS, (long)left);
    if (code == CURLE_OK)
        code = curl_easy_setopt(h->curl, CURLOPT_WRITEDATA, out);
    if (code == CURLE_OK)
        code = curl_easy_setopt(h->curl, CURLOPT_HEADERDATA, out);
    if (code == CURLE_OK)
        code = curl_easy_perform(h->curl);
    if (code != CURLE_OK)
        return explain(h, code, out, host, pcs_curl_said(code, h->error, url, h->options->proxy),
                       why);
    long status = 0;
    (void)curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
    out->status = (unsigned)status;
    return TL_OK;
}
