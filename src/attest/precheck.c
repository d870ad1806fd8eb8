#include "attest/precheck.h"

#include "attest/chain.h"
#include "attest/quote.h"
#include "base/refuse.h"

static bool qe_vouches(const struct quote *q, const struct chain *pck)
{
    struct sgx_report qe;
    hash32 report = sha256(q->qe_report);
    const slice parts[] = {q->attestation_key, q->qe_auth};
    hash32 vouched = sha256_parts(parts, 2);
    sgx_report_read(&qe, q->qe_report);
    return !REFUSED(es256_verify(pck->leaf_key, &report, q->qe_signature.p) != TL_OK) &&
           !REFUSED(memcmp(vouched.b, qe.report_data, sizeof vouched.b) != 0);
}

bool precheck_quote(slice quote, const hash32 *root)
{
    struct quote q;
    struct chain pck;
    if (quote_read(&q, quote, NULL) != TL_OK || chain_read_pck(&pck, q.cert_data, NULL) != TL_OK)
        return false;
    const uint8_t *key = q.attestation_key.p;
    bool good = !REFUSED(!hash_eq(&pck.root_spki, root)) &&
                !REFUSED(chain_check_pck(&pck, NULL, NULL) != TL_OK) && qe_vouches(&q, &pck) &&
                point_verify(key, key + 32, q.signed_bytes, q.signature.p) == TL_OK;
    chain_finish(&pck);
    return good;
}
