#include "base/histogram.h"

const uint32_t histogram_ends_us[HISTOGRAM_STEPS] = {
    100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000,
};

void histogram_add(struct histogram *h, uint64_t us)
{
    h->count++;
    h->sum_us += us;
    for (size_t i = 0; i < HISTOGRAM_STEPS; i++)
        if (us <= histogram_ends_us[i]) {
            h->steps[i]++;
            return;
        }
}
