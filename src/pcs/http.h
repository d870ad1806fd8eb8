/* HTTPS GET, one connection after another kept open (libcurl). A build without it
 * (-Dpcs=disabled) has http_none.c instead, which only says so. */
#ifndef TL_PCS_HTTP_H
#define TL_PCS_HTTP_H

#include "pcs/answer.h"
#include "pcs/pcs.h"

struct pcs_http {
    const struct pcs_options *options; /* borrowed */
    int64_t deadline_ms;               /* monotonic; all requests end by then */
    void *curl;                        /* NULL before the first request */
    char error[256];                   /* what libcurl says of the last one */
};
/* Opens nothing yet; the time of options->timeout_s begins with the first request. */
void pcs_http_init(struct pcs_http *h, const struct pcs_options *options);
void pcs_http_finish(struct pcs_http *h);
/* http is a struct pcs_http; as pcs_source.get (fetch.h). */
tl_err pcs_http_get(void *http, struct pcs_answer *out, const char *url,
                    struct tl_why *why) TL_MUST;

#endif
