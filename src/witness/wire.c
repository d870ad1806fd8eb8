#include "witness/wire.h"

#include "base/refuse.h"
#include "pcs/curl.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct transfer {
    CURL *curl; /* NULL before the first; kept, and its connection with it */
    size_t i;
    char *url; /* NUL-terminated, while one is under way */
    buf request, answer;
    size_t header_bytes;
    bool under_way;
    char error[CURL_ERROR_SIZE];
};

struct wire {
    struct wire_options options;
    CURLM *multi;
    struct curl_slist *headers; /* of submissions */
    struct transfer *transfers;
    int wake[2]; /* a pipe of our own: libcurl's wakeup may want an eventfd, which manifests for
                    Gramine should not allow */
};

/* libcurl's size is always 1. */
static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    buf_bytes(&t->answer, slice_of(p, size * n));
    return REFUSED(buf_err(&t->answer) != TL_OK) ? 0 : n; /* other than n, it ends the transfer */
}

/* Status lines and the headers of interim answers come here too, and trailers: an answer of
 * headers without end is none. */
static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    (void)p;
    t->header_bytes += size * n;
    return REFUSED(t->header_bytes > WIRE_HEADERS_MAX) ? 0 : n;
}

tl_err wire_open(struct wire **out, const struct wire_options *o, struct tl_why *why)
{
    struct wire *w = calloc(1, sizeof *w);
    if (!w)
        return TL_E_MEMORY;
    w->options = *o;
    if (w->options.timeout_ms == 0)
        w->options.timeout_ms = WIRE_TIMEOUT_MS;
    if (pipe2(w->wake, O_NONBLOCK | O_CLOEXEC) != 0) {
        free(w);
        return tl_explain(why, TL_E_IO, "witnesses",
                          "there is no pipe to be had for the thread that "
                          "asks them: raise the limit of open files");
    }
    w->transfers = calloc(o->count + 1, sizeof *w->transfers);
    w->headers = curl_slist_append(NULL, "Content-Type: text/plain; charset=utf-8");
    if (w->headers && !curl_slist_append(w->headers, "Expect:"))
        w->headers = (curl_slist_free_all(w->headers), NULL);
    w->multi = curl_multi_init();
    if (!w->transfers || !w->headers || !w->multi) {
        wire_close(w);
        return TL_E_MEMORY;
    }
    for (size_t i = 0; i < o->count; i++) {
        w->transfers[i].i = i;
        buf_init(&w->transfers[i].request, WITNESS_REQUEST_MAX);
        buf_init(&w->transfers[i].answer, ASKING_ANSWER_MAX);
    }
    *out = w;
    return TL_OK;
}

/* After it has ended, or was broken off. */
static void end_transfer(struct wire *w, struct transfer *t)
{
    if (t->under_way)
        (void)curl_multi_remove_handle(w->multi, t->curl);
    t->under_way = false;
    free(t->url);
    t->url = NULL;
}

void wire_close(struct wire *w)
{
    if (!w)
        return;
    for (size_t i = 0; w->transfers && i < w->options.count; i++) {
        struct transfer *t = &w->transfers[i];
        end_transfer(w, t);
        curl_easy_cleanup(t->curl);
        buf_finish(&t->request);
        buf_finish(&t->answer);
    }
    (void)curl_multi_cleanup(w->multi);
    curl_slist_free_all(w->headers);
    close(w->wake[0]);
    close(w->wake[1]);
    free(w->transfers);
    free(w);
}

/* ---- sending ---- */

static tl_err open_transfer(struct wire *w, struct transfer *t, struct tl_why *why)
{
    const struct pcs_curl settings = {
        .schemes = "http,https",
        .proxy = w->options.proxy,
        .ca_file = w->options.ca_file,
        .leaves = true,
        .error = t->error,
    };
    tl_err err = t->curl ? TL_OK : pcs_curl_open(&t->curl, &settings, why);
    if (err != TL_OK)
        return err;
    bool set =
        curl_easy_setopt(t->curl, CURLOPT_PRIVATE, t) == CURLE_OK &&
        curl_easy_setopt(t->curl, CURLOPT_WRITEDATA, t) == CURLE_OK &&
        curl_easy_setopt(t->curl, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
        curl_easy_setopt(t->curl, CURLOPT_HEADERDATA, t) == CURLE_OK &&
        curl_easy_setopt(t->curl, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
        curl_easy_setopt(t->curl, CURLOPT_TIMEOUT_MS, (long)w->options.timeout_ms) == CURLE_OK;
    return set ? TL_OK : TL_E_MEMORY;
}

/* The body is borrowed by libcurl, and sent with its length. */
static bool set_method(struct wire *w, struct transfer *t)
{
    if (t->request.n == 0)
        return curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, (struct curl_slist *)NULL) ==
                   CURLE_OK &&
               curl_easy_setopt(t->curl, CURLOPT_HTTPGET, 1L) == CURLE_OK;
    return curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, w->headers) == CURLE_OK &&
           curl_easy_setopt(t->curl, CURLOPT_POST, 1L) == CURLE_OK &&
           curl_easy_setopt(t->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->request.n) ==
               CURLE_OK &&
           curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS, (const char *)t->request.p) == CURLE_OK;
}

tl_err wire_send(struct wire *w, size_t i, slice url, slice body, struct tl_why *why)
{
    struct transfer *t = &w->transfers[i];
    tl_err err = open_transfer(w, t, why);
    if (err != TL_OK)
        return err;
    buf_reset(&t->request);
    buf_reset(&t->answer);
    t->header_bytes = 0;
    t->error[0] = 0;
    buf_bytes(&t->request, body);
    t->url = strndup((const char *)url.p, url.n);
    if (!t->url || buf_err(&t->request) != TL_OK || !set_method(w, t) ||
        curl_easy_setopt(t->curl, CURLOPT_URL, t->url) != CURLE_OK ||
        curl_multi_add_handle(w->multi, t->curl) != CURLM_OK) {
        end_transfer(w, t);
        return TL_E_MEMORY;
    }
    t->under_way = true;
    return TL_OK;
}

/* ---- answers ---- */

static void explain(const struct wire *w, const struct transfer *t, CURLcode code,
                    struct tl_why *why)
{
    const char *said = pcs_curl_said(code, t->error, t->url, w->options.proxy);
    tl_err err = TL_E_IO;
    if (code == CURLE_OPERATION_TIMEDOUT)
        (void)tl_explain(why, err, NULL, "not a whole one within %u ms", w->options.timeout_ms);
    else if (code == CURLE_WRITE_ERROR)
        (void)tl_explain(why, err, NULL, "it sends more than %d bytes, or %d of headers",
                         ASKING_ANSWER_MAX, WIRE_HEADERS_MAX);
    else if (code == CURLE_PEER_FAILED_VERIFICATION)
        (void)tl_explain(why, err, NULL, "its certificate is not trusted: %s", said);
    else
        (void)tl_explain(why, err, NULL, "%s", said);
}

static void read_answer(const struct transfer *t, struct asking_answer *out)
{
    long status = 0;
    curl_off_t after = 0;
    char *type = NULL;
    (void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(t->curl, CURLINFO_CONTENT_TYPE, &type);
    (void)curl_easy_getinfo(t->curl, CURLINFO_RETRY_AFTER, &after);
    out->status = status > 0 ? (unsigned)status : 0;
    out->type = type ? slice_str(type) : slice_of(NULL, 0);
    out->retry_after_s = after > 0 ? (uint64_t)after : 0;
    out->body = buf_slice(&t->answer);
    out->failure = "it is none of HTTP";
}

/* Whether one had ended. */
static bool take_ended(struct wire *w,
                       void (*done)(void *ctx, size_t i, const struct asking_answer *answer),
                       void *ctx)
{
    bool any = false;
    int left = 0;
    for (const CURLMsg *m; (m = curl_multi_info_read(w->multi, &left));) {
        struct asking_answer answer = {0};
        struct transfer *t = NULL;
        struct tl_why why = {{0}, {0}};
        CURLcode code = m->data.result;
        if (m->msg != CURLMSG_DONE ||
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t) != CURLE_OK)
            continue;
        if (code == CURLE_OK) {
            read_answer(t, &answer);
        } else {
            explain(w, t, code, &why);
            answer.failure = why.text;
        }
        end_transfer(w, t);
        done(ctx, t->i, &answer);
        any = true;
    }
    return any;
}

void wire_wait(struct wire *w, unsigned ms,
               void (*done)(void *ctx, size_t i, const struct asking_answer *answer), void *ctx)
{
    struct curl_waitfd wake = {.fd = w->wake[0], .events = CURL_WAIT_POLLIN};
    char some[64];
    int running = 0;
    (void)curl_multi_perform(w->multi, &running);
    if (take_ended(w, done, ctx))
        return;
    (void)curl_multi_poll(w->multi, &wake, 1, (int)ms, NULL);
    while (read(w->wake[0], some, sizeof some) > 0)
        ;
    (void)curl_multi_perform(w->multi, &running);
    (void)take_ended(w, done, ctx);
}

void wire_wake(struct wire *w)
{
    (void)!write(w->wake[1], "", 1); /* where it is full, it wakes already */
}
