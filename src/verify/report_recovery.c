/* Who can read the bodies without the platform: whom the boots have named. */
#include "base/encoding.h"
#include "crypto/key.h"
#include "verify/report.h"

#include <inttypes.h>

void report_boot(struct teelog_report *r, const struct cose_ec2 *recovery)
{
    size_t i = 0;
    r->boots++;
    if (!recovery)
        return;
    hash32 thumbprint = cose_ec2_thumbprint(recovery);
    while (i < r->recovery_count && !hash_eq(&r->recovery[i].thumbprint, &thumbprint))
        i++;
    if (i == RECOVERY_KEYS_MAX) {
        r->recovery_left_out++;
        return;
    }
    if (i == r->recovery_count)
        r->recovery[r->recovery_count++].thumbprint = thumbprint;
    r->recovery[i].boots++;
}

void report_recovery_text(buf *b, const struct teelog_report *r)
{
    if (r->recovery_count == 0) {
        buf_str(b, "none is named by the boots here");
        return;
    }
    buf_str(b, "bodies can be read by the holder of ");
    for (size_t i = 0; i < r->recovery_count; i++) {
        buf_str(b, i ? ", and of " : "");
        hex_put(b, hash_slice(&r->recovery[i].thumbprint));
        buf_printf(b, " (named by %" PRIu64 " of %" PRIu64 " boots)", r->recovery[i].boots,
                   r->boots);
    }
    if (r->recovery_left_out)
        buf_printf(b, ", and of others that %" PRIu64 " boots name", r->recovery_left_out);
}
