/* A provisioning service that is played: it answers with the documents of a fake
 * platform (fakedcap.h), or as badly as it is told to. */
#ifndef FAKEPCS_H
#define FAKEPCS_H

#include "fakedcap.h"
#include "pcs/fetch.h"
#include "testlib.h"

enum fake_part {
    FAKE_PCK_CERT,
    FAKE_TCB_INFO,
    FAKE_QE_IDENTITY,
    FAKE_PCK_CRL,
    FAKE_ROOT_CRL,
    FAKE_PARTS
};

/* A service with what the fake has. */
struct fake_pcs {
    const struct fake_dcap *f;
    unsigned status[FAKE_PARTS];               /* other than 0: instead of 200 */
    const struct fake_dcap *other[FAKE_PARTS]; /* not NULL: that part is of this one */
    bool dead;
    bool hex; /* CRLs */
    unsigned asked;
    char urls[8][2048];
};

static const struct {
    const char *path;
    enum fake_part part;
} fake_pcs_paths[] = {
    {"/sgx/certification/v4/pckcert?", FAKE_PCK_CERT},
    {"/certification/v4/tcb?fmspc=", FAKE_TCB_INFO},
    {"/certification/v4/qe/identity", FAKE_QE_IDENTITY},
    {"/sgx/certification/v4/pckcrl?ca=", FAKE_PCK_CRL},
    {"/sgx/certification/v4/rootcacrl", FAKE_ROOT_CRL},
    {"https://certificates.trustedservices.intel.com/IntelSGXRootCA.der", FAKE_ROOT_CRL},
};

static inline void fake_pcs_chain(buf *headers, const char *name, slice pem)
{
    buf_printf(headers, "%s: ", name);
    for (size_t i = 0; i < pem.n; i++)
        if (pem.p[i] == '\n' || pem.p[i] == ' ' || pem.p[i] == '+')
            buf_printf(headers, "%%%02x", pem.p[i]);
        else
            buf_u8(headers, pem.p[i]);
    buf_str(headers, "\r\n");
}

static inline void fake_pcs_signed(buf *body, const char *member, slice text,
                                   const uint8_t signature[64])
{
    buf_printf(body, "{\"%s\":", member);
    buf_bytes(body, text);
    buf_str(body, ",\"signature\":\"");
    hex_put(body, slice_of(signature, 64));
    buf_str(body, "\"}");
}

/* The first certificate of a chain, and the rest. */
static inline slice fake_pcs_first(slice pem, slice *rest)
{
    static const char end[] = "-----END CERTIFICATE-----\n";
    const uint8_t *at = memmem(pem.p, pem.n, end, sizeof end - 1);
    size_t n = (size_t)(at - pem.p) + sizeof end - 1;
    *rest = slice_of(pem.p + n, pem.n - n);
    return slice_of(pem.p, n);
}

static inline void fake_pcs_part(struct pcs_answer *a, const struct fake_pcs *s,
                                 enum fake_part part)
{
    const struct fake_dcap *f = s->other[part] ? s->other[part] : s->f;
    slice issuers, crl = part == FAKE_PCK_CRL ? f->parts.pck_crl : f->parts.root_ca_crl;
    switch (part) {
    case FAKE_PCK_CERT:
        buf_bytes(&a->body, fake_pcs_first(buf_slice(&f->pck_pem), &issuers));
        fake_pcs_chain(&a->headers, "SGX-PCK-Certificate-Issuer-Chain", issuers);
        break;
    case FAKE_TCB_INFO:
        fake_pcs_chain(&a->headers, "tcb-info-issuer-chain", f->parts.tcb_info_chain);
        fake_pcs_signed(&a->body, "tcbInfo", f->parts.tcb_info, f->parts.tcb_info_signature);
        break;
    case FAKE_QE_IDENTITY:
        fake_pcs_chain(&a->headers, "SGX-Enclave-Identity-Issuer-Chain",
                       f->parts.qe_identity_chain);
        fake_pcs_signed(&a->body, "enclaveIdentity", f->parts.qe_identity,
                        f->parts.qe_identity_signature);
        break;
    case FAKE_PCK_CRL:
        fake_pcs_chain(&a->headers, "SGX-PCK-CRL-Issuer-Chain", f->parts.pck_crl_chain);
        __attribute__((fallthrough));
    default:
        if (s->hex)
            hex_put(&a->body, crl);
        else
            buf_bytes(&a->body, crl);
    }
}

static inline tl_err fake_pcs_get(void *ctx, struct pcs_answer *a, const char *url,
                                  struct tl_why *why)
{
    struct fake_pcs *s = ctx;
    assert_true(s->asked < 8);
    snprintf(s->urls[s->asked++], sizeof s->urls[0], "%s", url);
    if (s->dead)
        return tl_explain(why, TL_E_IO, "service", "the network is down");
    for (size_t i = 0; i < sizeof fake_pcs_paths / sizeof fake_pcs_paths[0]; i++) {
        if (!strstr(url, fake_pcs_paths[i].path))
            continue;
        enum fake_part part = fake_pcs_paths[i].part;
        a->status = s->status[part] ? s->status[part] : 200;
        fake_pcs_part(a, s, part);
        if (buf_err(&a->headers) != TL_OK)
            return buf_err(&a->headers);
        return buf_err(&a->body);
    }
    a->status = 404;
    return TL_OK;
}

#endif
