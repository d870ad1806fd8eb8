#include "pcs/curl.h"

#include <pthread.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode global = CURLE_FAILED_INIT;

static void start_curl(void)
{
    global = curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct setting {
    CURLoption option;
    long number;
    const char *text; /* or else the number */
};

static bool set_all(CURL *c, const struct setting *s, size_t n)
{
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        CURLcode code = s[i].text ? curl_easy_setopt(c, s[i].option, s[i].text)
                                  : curl_easy_setopt(c, s[i].option, s[i].number);
        ok = ok && code == CURLE_OK;
    }
    return ok;
}

/* With a bundle of one's own, the system's directory is not trusted beside it. */
static bool set_trust(CURL *c, const char *ca_file)
{
    return curl_easy_setopt(c, CURLOPT_CAINFO, ca_file) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_CAPATH, (char *)NULL) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PROXY_CAINFO, ca_file) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PROXY_CAPATH, (char *)NULL) == CURLE_OK;
}

/* A request that is told to stop does not wait for the system's resolver, which may
 * take its time: that thread cleans up after itself. Before 7.87 libcurl waits. */
static bool set_leaving(CURL *c)
{
#if LIBCURL_VERSION_NUM >= 0x075700
    return curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
#else
    (void)c;
    return true;
#endif
}

/* An empty proxy and an empty list of exceptions keep it from reading those from the
 * environment. */
static bool set_up(CURL *c, const struct pcs_curl *o)
{
    const struct setting settings[] = {
        {CURLOPT_PROTOCOLS_STR, 0, o->schemes},
        {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1, NULL},
        {CURLOPT_FOLLOWLOCATION, 0, NULL},
        {CURLOPT_SSL_VERIFYPEER, 1, NULL},
        {CURLOPT_SSL_VERIFYHOST, 2, NULL},
        {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2, NULL},
        {CURLOPT_PROXY_SSL_VERIFYPEER, 1, NULL},
        {CURLOPT_PROXY_SSL_VERIFYHOST, 2, NULL},
        {CURLOPT_PROXY_SSLVERSION, CURL_SSLVERSION_TLSv1_2, NULL},
        {CURLOPT_PROXY, 0, o->proxy ? o->proxy : ""},
        {CURLOPT_NOPROXY, 0, o->no_proxy ? o->no_proxy : ""},
        {CURLOPT_NETRC, CURL_NETRC_IGNORED, NULL},
        {CURLOPT_SUPPRESS_CONNECT_HEADERS, 1, NULL},
        {CURLOPT_NOSIGNAL, 1, NULL},
        {CURLOPT_USERAGENT, 0, "teelog"},
    };
    return set_all(c, settings, sizeof settings / sizeof settings[0]) &&
           (!o->ca_file || set_trust(c, o->ca_file)) && (!o->leaves || set_leaving(c)) &&
           curl_easy_setopt(c, CURLOPT_ERRORBUFFER, o->error) == CURLE_OK;
}

tl_err pcs_curl_open(CURL **out, const struct pcs_curl *o, struct tl_why *why)
{
    (void)pthread_once(&once, start_curl);
    if (global != CURLE_OK)
        return tl_explain(why, TL_E_IO, "service", "libcurl does not start: %s",
                          curl_easy_strerror(global));
    CURL *c = curl_easy_init();
    if (!c)
        return TL_E_MEMORY;
    if (!set_up(c, o)) {
        curl_easy_cleanup(c);
        return tl_explain(why, TL_E_IO, "service",
                          "this libcurl (%s) does not take the settings that are needed",
                          curl_version());
    }
    *out = c;
    return TL_OK;
}

const char *pcs_curl_said(CURLcode code, const char *error, const char *url, const char *proxy)
{
    bool secret = strchr(url, '@') || (proxy && strchr(proxy, '@'));
    return error[0] && !secret ? error : curl_easy_strerror(code);
}
