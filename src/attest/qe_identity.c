#include "attest/signed_json.h"
#include "attest/tcb_info.h"
#include "base/refuse.h"

#include <stdlib.h>

#define QE_STATUSES                                                                                \
    (BIT(TCB_UP_TO_DATE) | BIT(TCB_OUT_OF_DATE) | BIT(TCB_CONFIGURATION_NEEDED) |                  \
     BIT(TCB_OUT_OF_DATE_CONFIGURATION_NEEDED) | BIT(TCB_REVOKED))

enum {
    QE_ID,
    QE_VERSION,
    QE_ISSUE_DATE,
    QE_NEXT_UPDATE,
    QE_EVALUATION,
    QE_MISC,
    QE_MISC_MASK,
    QE_ATTRIBUTES,
    QE_ATTRIBUTES_MASK,
    QE_SIGNER,
    QE_PROD_ID,
    QE_LEVELS
};
static const struct name names[] = {
    [QE_ID] = NAME("id"),
    [QE_VERSION] = NAME("version"),
    [QE_ISSUE_DATE] = NAME("issueDate"),
    [QE_NEXT_UPDATE] = NAME("nextUpdate"),
    [QE_EVALUATION] = NAME("tcbEvaluationDataNumber"),
    [QE_MISC] = NAME("miscselect"),
    [QE_MISC_MASK] = NAME("miscselectMask"),
    [QE_ATTRIBUTES] = NAME("attributes"),
    [QE_ATTRIBUTES_MASK] = NAME("attributesMask"),
    [QE_SIGNER] = NAME("mrsigner"),
    [QE_PROD_ID] = NAME("isvprodid"),
    [QE_LEVELS] = NAME("tcbLevels"),
};

/* Numbers stand as their bytes in memory. */
static uint64_t little_endian(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    while (n-- > 0)
        v = v << 8 | p[n];
    return v;
}

static uint32_t hex_u32(struct in *in)
{
    uint8_t b[4] = {0};
    in_hex(in, b, sizeof b);
    return (uint32_t)little_endian(b, sizeof b);
}

static bool is_td_qe(struct in *in)
{
    slice id = js_plain(&in->r);
    bool td_qe = slice_eq_str(id, "TD_QE");
    if (REFUSED(!td_qe && !slice_eq_str(id, "QE")))
        in_fail(in, TL_E_FIELD, "id", "is neither QE nor TD_QE");
    return td_qe;
}

static void read_member(struct in *in, int which, struct qe_identity *q)
{
    switch (which) {
    case QE_ID:
        q->td_qe = is_td_qe(in);
        break;
    case QE_VERSION:
        if (REFUSED(js_uint(&in->r, UINT32_MAX) != 2))
            in_fail(in, TL_E_FIELD, "version", "is not 2");
        break;
    case QE_ISSUE_DATE:
        q->issue_date = in_time(in);
        break;
    case QE_NEXT_UPDATE:
        q->next_update = in_time(in);
        break;
    case QE_EVALUATION:
        q->evaluation_number = (uint32_t)js_uint(&in->r, UINT32_MAX);
        break;
    case QE_MISC:
        q->misc_select = hex_u32(in);
        break;
    case QE_MISC_MASK:
        q->misc_select_mask = hex_u32(in);
        break;
    case QE_ATTRIBUTES:
        in_hex(in, q->attributes, sizeof q->attributes);
        break;
    case QE_ATTRIBUTES_MASK:
        in_hex(in, q->attributes_mask, sizeof q->attributes_mask);
        break;
    case QE_SIGNER:
        in_hex(in, q->mr_signer, sizeof q->mr_signer);
        break;
    case QE_PROD_ID:
        q->isv_prod_id = (uint16_t)js_uint(&in->r, UINT16_MAX);
        break;
    case QE_LEVELS:
        in_svn_levels(in, &q->levels, &q->level_count, QE_STATUSES);
        break;
    }
}

tl_err qe_identity_read(struct qe_identity *out, slice text, struct tl_why *why)
{
    struct in in = in_of(text);
    struct qe_identity q = {0};
    uint32_t seen = 0;
    js_object(&in.r);
    for (int i; (i = in_member(&in, names, COUNT_OF(names), &seen)) >= 0;)
        read_member(&in, i, &q);
    in_need(&in, names, seen, ALL_OF(names));
    in_dates(&in, q.issue_date, q.next_update);
    tl_err err = in_end(&in, why);
    if (err == TL_OK)
        *out = q;
    else
        qe_identity_finish(&q);
    return err;
}

void qe_identity_finish(struct qe_identity *q)
{
    if (!q)
        return;
    free(q->levels);
    *q = (struct qe_identity){0};
}

tl_err qe_identity_check(const struct qe_identity *id, const struct sgx_report *qe,
                         struct tl_why *why)
{
    const uint8_t *want = id->attributes, *mask = id->attributes_mask;
    if (REFUSED((qe->misc_select & id->misc_select_mask) != id->misc_select))
        return tl_explain(why, TL_E_FIELD, "miscselect",
                          "the quoting enclave has another MISCSELECT than its identity");
    if (REFUSED((qe->flags & little_endian(mask, 8)) != little_endian(want, 8)) ||
        REFUSED((qe->xfrm & little_endian(mask + 8, 8)) != little_endian(want + 8, 8)))
        return tl_explain(why, TL_E_FIELD, "attributes",
                          "the quoting enclave has other ATTRIBUTES than its identity");
    if (REFUSED(memcmp(qe->mrsigner, id->mr_signer, sizeof id->mr_signer) != 0))
        return tl_explain(why, TL_E_FIELD, "mrsigner",
                          "the quoting enclave has another MRSIGNER than its identity");
    if (REFUSED(qe->isv_prod_id != id->isv_prod_id))
        return tl_explain(why, TL_E_FIELD, "isvprodid",
                          "the quoting enclave has another ISVPRODID than its identity");
    return TL_OK;
}
