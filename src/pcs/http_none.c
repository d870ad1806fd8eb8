#include "pcs/http.h"

void pcs_http_init(struct pcs_http *h, const struct pcs_options *options)
{
    *h = (struct pcs_http){.options = options};
}

void pcs_http_finish(struct pcs_http *h)
{
    (void)h;
}

/* As from a service that cannot be reached: what somebody puts into the cache is good, and looked
 * at again. */
tl_err pcs_http_get(void *http, struct pcs_answer *out, const char *url, struct tl_why *why)
{
    (void)http, (void)out, (void)url;
    return tl_explain(why, TL_E_IO, "service",
                      "this build of teelog cannot fetch (it was made with -Dpcs=disabled); fetch "
                      "collateral with another build and give it as a file");
}
