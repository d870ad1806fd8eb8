/* libcurl, with nothing that decides whom we trust or what we follow left to its defaults, or to
 * the environment. Only for what is built with libcurl. */
#ifndef TL_PCS_CURL_H
#define TL_PCS_CURL_H

#include "base/err.h"

#include <curl/curl.h>
#include <stdbool.h>

struct pcs_curl {
    const char *schemes;          /* "https", or "http,https" */
    const char *proxy, *no_proxy; /* NULL: none */
    const char *ca_file;          /* PEM bundle that alone is trusted; NULL: the system's */
    bool leaves;                  /* what is removed does not wait for the system's resolver */
    char *error; /* CURL_ERROR_SIZE bytes, borrowed, for what it says of the last request */
};
/* HTTP/1.1, TLS 1.2 or later with certificates that are checked, no redirects. */
tl_err pcs_curl_open(CURL **out, const struct pcs_curl *o, struct tl_why *why) TL_MUST;

/* What libcurl says of a failure. Of an address with a name and a password it may repeat any
 * part: then only the kind of the error is told. */
const char *pcs_curl_said(CURLcode code, const char *error, const char *url, const char *proxy);

#endif
