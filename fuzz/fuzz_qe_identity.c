/* QE identity, and which reports it is of. */
#include "attest/tcb_info.h"
#include "fuzz.h"

static uint64_t little_endian(const uint8_t *p)
{
    uint64_t v = 0;
    for (size_t i = 0; i < 8; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct qe_identity q;
    struct tl_why why = {0};
    tl_err err = qe_identity_read(&q, slice_of(data, size), &why);
    MUST(utf8_valid(slice_str(why.text)) && utf8_valid(slice_str(why.field)));
    if (err != TL_OK) {
        MUST(why.text[0]);
        return 0;
    }
    MUST(q.issue_date <= q.next_update);
    MUST(q.level_count > 0 && q.level_count <= TCB_MAX_LEVELS);
    for (size_t i = 0; i < q.level_count; i++) {
        const struct svn_level *l = &q.levels[i];
        size_t at = 0, n = 0;
        MUST(i == 0 || q.levels[i - 1].isv_svn > l->isv_svn);
        MUST(l->status <= TCB_REVOKED && l->status != TCB_SW_HARDENING_NEEDED &&
             l->status != TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED);
        for (slice id; advisories_next(&l->advisories, &at, &id); n++)
            MUST(id.p >= data && id.p + id.n <= data + size && id.n > 0 && id.n < 32);
        MUST(n == l->advisories.count);
    }
    /* An enclave that is as the identity says fits it, if any does; with another
     * signer none does. */
    struct sgx_report r = {.misc_select = q.misc_select,
                           .flags = little_endian(q.attributes),
                           .xfrm = little_endian(q.attributes + 8),
                           .isv_prod_id = q.isv_prod_id};
    bool possible = (q.misc_select & ~q.misc_select_mask) == 0;
    for (size_t i = 0; i < sizeof q.attributes; i++)
        possible = possible && (q.attributes[i] & ~q.attributes_mask[i]) == 0;
    memcpy(r.mrsigner, q.mr_signer, sizeof r.mrsigner);
    MUST((qe_identity_check(&q, &r, NULL) == TL_OK) == possible);
    r.mrsigner[31] ^= 1;
    MUST(qe_identity_check(&q, &r, NULL) != TL_OK);
    qe_identity_finish(&q);
    return 0;
}
