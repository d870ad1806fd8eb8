/* How long things took: counts in fixed steps, as Prometheus has them. Pure. */
#ifndef TL_BASE_HISTOGRAM_H
#define TL_BASE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_STEPS 14

/* Upper ends of the steps, in microseconds: 100 us to 2.5 s. What is longer counts
 * in none of them, only in count. */
extern const uint32_t histogram_ends_us[HISTOGRAM_STEPS];

struct histogram {
    uint64_t steps[HISTOGRAM_STEPS]; /* in this step and no lower one */
    uint64_t count, sum_us;
};

void histogram_add(struct histogram *h, uint64_t us);

#endif
