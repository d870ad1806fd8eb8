/* The keys that the boots have named: who can read the bodies without the platform, and who signs
 * receipts. */
#include "base/encoding.h"
#include "crypto/key.h"
#include "tlog/key_set.h"
#include "verify/report.h"

#include <inttypes.h>

void report_boot(struct teelog_report *r, const struct cose_ec2 *service,
                 const struct cose_ec2 *recovery)
{
    size_t i = 0;
    r->service[r->boots++ % SERVICE_KEYS_MAX] = *service;
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

uint8_t *teelog_report_service_keys(const struct teelog_report *r, size_t *n)
{
    size_t count = r->boots < SERVICE_KEYS_MAX ? (size_t)r->boots : SERVICE_KEYS_MAX;
    buf b;
    if (r->verdict == TEELOG_REJECTED || count == 0)
        return NULL;
    buf_init(&b, KEY_SET_MAX);
    cbor_put_array(&b, count);
    for (uint64_t i = 1; i <= count; i++)
        key_set_put_key(&b, &r->service[(r->boots - i) % SERVICE_KEYS_MAX]);
    if (buf_err(&b) != TL_OK) {
        buf_finish(&b);
        return NULL;
    }
    *n = b.n;
    return b.p;
}
