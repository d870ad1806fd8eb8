#include "log/index.h"

#include "log/internal.h"

tl_err index_erase(struct log *log, const uint64_t *indexes, size_t count)
{
    (void)log, (void)indexes, (void)count; /* there is no index yet */
    return TL_OK;
}
