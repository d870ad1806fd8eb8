#include "attest/evidence.h"

#include "attest/chain.h"
#include "attest/quote.h"
#include "base/encoding.h"
#include "base/refuse.h"
#include "codec/cbor.h"

#include <stdarg.h>
#include <stdio.h>

tl_err evidence_read(struct evidence *out, slice item)
{
    struct evidence v = {0};
    if (REFUSED(item.n > EVIDENCE_MAX))
        return TL_E_EVIDENCE;
    cbor c = cbor_of(item);
    cbor_array_of(&c, 3);
    v.platform = cbor_text(&c);
    v.quote = cbor_bytes(&c);
    if (!cbor_try_null(&c)) {
        v.event_log = cbor_bytes(&c);
        /* An empty log is not null, and .p tells them apart. */
        if (!v.event_log.p)
            v.event_log = slice_of("", 0);
    }
    tl_err err = cbor_end(&c);
    if (err != TL_OK)
        return err;
    *out = v;
    return TL_OK;
}

void evidence_put(buf *b, const struct evidence *e)
{
    cbor_put_array(b, 3);
    cbor_put_text(b, e->platform);
    cbor_put_bytes(b, e->quote);
    if (e->event_log.p)
        cbor_put_bytes(b, e->event_log);
    else
        cbor_put_null(b);
}

__attribute__((format(printf, 3, 4))) static bool fail(struct evidence_report *r, const char *stage,
                                                       const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r->detail, sizeof r->detail, fmt, ap);
    va_end(ap);
    r->stage = stage;
    return false;
}

/* fail with the explanation of a lower floor. */
static bool fail_why(struct evidence_report *r, const char *stage, tl_err err,
                     const struct tl_why *why)
{
    if (err == TL_E_MEMORY)
        return fail(r, "memory", "%s", tl_err_text(err));
    return fail(r, stage, "%.190s", tl_why_text(why, err));
}

static void show_body(struct evidence_report *r, const struct sgx_report *body)
{
    memcpy(r->mrenclave, body->mrenclave, sizeof r->mrenclave);
    memcpy(r->mrsigner, body->mrsigner, sizeof r->mrsigner);
    memcpy(r->report_data, body->report_data, sizeof r->report_data);
    r->isv_prod_id = body->isv_prod_id;
    r->isv_svn = body->isv_svn;
}

static bool check_format(struct evidence_report *r, struct quote *q, const struct evidence *e)
{
    struct tl_why why = {0};
    if (REFUSED(e->event_log.p != NULL))
        return fail(r, "format", "this platform has no event log, and there is one");
    tl_err err = quote_read(q, e->quote, &why);
    if (err != TL_OK)
        return fail_why(r, "format", err, &why);
    /* Hardware's quotes carry padding; in ours these bytes would not matter. */
    if (REFUSED(q->trailing))
        return fail(r, "format", "%zu bytes follow the quote", q->trailing);
    if (REFUSED(q->body_type != QUOTE_BODY_SGX))
        return fail(r, "format", "this platform quotes enclaves, and the quote is a TD's");
    if (REFUSED(q->cert_type != QUOTE_CERT_PCK_CHAIN))
        return fail(r, "format", "certification data of type %u is not a PCK chain (type 5)",
                    (unsigned)q->cert_type);
    return true;
}

static bool check_root(struct evidence_report *r, const struct policy *policy)
{
    bool named = false;
    for (size_t i = 0; policy && i < policy->evidence_count; i++) {
        const struct policy_evidence *entry = &policy->evidence[i];
        if (entry->platform != PLATFORM_SIMULATOR)
            continue;
        named = true;
        if (hash_eq(&entry->simulator_root, &r->root))
            r->root_pinned = true;
    }
    char hex[65];
    hex_text(hex, r->root.b, sizeof r->root.b);
    if (REFUSED(named && !r->root_pinned))
        return fail(r, "root", "the chain's root %s is not one that the policy names", hex);
    return true;
}

static bool check_qe(struct evidence_report *r, const struct quote *q, const struct cert *pck)
{
    tl_err err = point_verify(pck->x, pck->y, q->qe_report, q->qe_signature.p);
    if (err != TL_OK)
        return fail_why(r, "qe-signature", err,
                        &(struct tl_why){.text = "the QE report is not signed by the PCK key"});
    struct sgx_report qe;
    sgx_report_read(&qe, q->qe_report);
    slice parts[2] = {q->attestation_key, q->qe_auth};
    uint8_t want[64] = {0};
    hash32 h = sha256_parts(parts, 2);
    memcpy(want, h.b, sizeof h.b);
    if (REFUSED(memcmp(want, qe.report_data, sizeof want) != 0))
        return fail(r, "qe-data", "the QE report does not vouch for this attestation key");
    return true;
}

static bool check_signature(struct evidence_report *r, const struct quote *q)
{
    const uint8_t *x_y = q->attestation_key.p;
    tl_err err = point_verify(x_y, x_y + 32, q->signed_bytes, q->signature.p);
    if (err != TL_OK)
        return fail_why(r, "quote-signature", err,
                        &(struct tl_why){.text = "the quote is not signed by its attestation key"});
    return true;
}

static bool check_attributes(struct evidence_report *r, const struct sgx_report *body)
{
    if (REFUSED(body->flags & SGX_FLAG_DEBUG))
        return fail(r, "attributes", "a debug enclave: the host can read and change its memory");
    if (REFUSED(!(body->flags & SGX_FLAG_INIT)))
        return fail(r, "attributes", "the enclave was not initialised");
    return true;
}

/* Steps 2 to 7 of docs/format.md section 8, in its order. */
static bool check_quote(struct evidence_report *r, const struct quote *q, uint64_t time,
                        const struct policy *policy)
{
    struct tl_why why = {0};
    struct chain chain;
    struct sgx_report body;
    bool ok = false;
    tl_err err = chain_read(&chain, q->cert_data, &why);
    if (err != TL_OK)
        return fail_why(r, "chain", err, &why);
    r->root = sha256(chain.root.spki);
    sgx_report_read(&body, q->body);
    show_body(r, &body);
    err = chain_check_time(&chain, time, &why);
    if (err != TL_OK) {
        fail_why(r, "validity", err, &why);
        goto out;
    }
    err = chain_check(&chain, &why);
    if (err != TL_OK) {
        fail_why(r, "chain", err, &why);
        goto out;
    }
    ok = check_root(r, policy) && check_qe(r, q, &chain.leaf) && check_signature(r, q) &&
         check_attributes(r, &body);
out:
    chain_finish(&chain);
    return ok;
}

static bool check_simulator(struct evidence_report *r, const struct evidence *e, slice collateral,
                            uint64_t time, const struct policy *policy)
{
    struct quote q = {0};
    r->simulated = true;
    if (REFUSED(collateral.p != NULL))
        return fail(r, "collateral", "a simulated platform has no collateral, and there is some");
    if (!check_format(r, &q, e) || !check_quote(r, &q, time, policy))
        return false;
    snprintf(r->detail, sizeof r->detail,
             "a simulated quote, sound under its own root%s; it proves nothing about hardware",
             r->root_pinned ? ", which the policy names" : "");
    return true;
}

void evidence_verify(struct evidence_report *out, const struct evidence *e, slice collateral,
                     uint64_t time, const struct policy *policy)
{
    struct evidence_report r = {.platform = platform_from(e->platform)};
    switch (r.platform) {
    case PLATFORM_SIMULATOR:
        r.genuine = check_simulator(&r, e, collateral, time, policy);
        break;
    case PLATFORM_SGX_GRAMINE:
    case PLATFORM_TDX_DSTACK:
    case PLATFORM_TDX_TSM:
        fail(&r, "platform", "this version cannot check evidence of platform %s yet",
             platform_name(r.platform));
        break;
    case PLATFORM_UNKNOWN:
        fail(&r, "platform", "not a platform that teelog knows");
        break;
    }
    *out = r;
}
