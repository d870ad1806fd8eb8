/* What the loop counts of its requests, and tells an access log. */
#include "http/internal.h"

#include <time.h>

uint64_t stats_clock_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void stats_exchange(struct exchange *x)
{
    struct http_stats *s = &x->service->stats;
    const struct http_config *config = &x->service->config;
    uint64_t us = stats_clock_us() - x->began_us;
    bool cut = !x->complete || x->broken;
    if (cut)
        s->cut++;
    else if (x->status > 0 && (size_t)x->status < sizeof s->answers / sizeof s->answers[0])
        s->answers[x->status]++;
    /* What goes on as long as the client listens says nothing about us. */
    if (!cut && !x->drained)
        histogram_add(&s->request_us, us);
    if (!config->access)
        return;
    struct http_access a = {.method = x->head.method,
                            .path = x->head.path,
                            .status = x->status,
                            .cut = cut,
                            .us = us,
                            .body_bytes = x->body_got};
    config->access(config->access_ctx, &a);
}
