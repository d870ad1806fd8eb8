#include "pcs/fetch.h"

#include "attest/collateral.h"
#include "base/encoding.h"
#include "pcs/platform.h"

#include <stdio.h>

#define INTEL_API      "https://api.trustedservices.intel.com"
#define INTEL_ROOT_CRL "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"
#define API_PATH       "/sgx/certification/v4"
#define URL_MAX        4096

/* One fetch: what is asked of whom, and what has come of it. */
struct fetch {
    const struct pcs_options *options;
    const struct pcs_source *source;
    struct quote quote;
    struct pcs_platform platform;
    slice base; /* of the service, without the API's path */
    unsigned done, total;
    struct collateral made; /* its slices are borrowed from these: */
    buf tcb_info, tcb_info_chain, qe_identity, qe_identity_chain;
    buf root_ca_crl, pck_crl, pck_crl_chain, pck_chain;
};

static void fetch_init(struct fetch *f)
{
    buf *const documents[] = {&f->tcb_info, &f->qe_identity, &f->root_ca_crl, &f->pck_crl};
    buf *const chains[] = {&f->tcb_info_chain, &f->qe_identity_chain, &f->pck_crl_chain,
                           &f->pck_chain};
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++)
        buf_init(documents[i], PCS_BODY_MAX);
    for (size_t i = 0; i < sizeof chains / sizeof chains[0]; i++)
        buf_init(chains[i], PCS_HEADERS_MAX * 2);
}

static void fetch_finish(struct fetch *f)
{
    buf *const all[] = {&f->tcb_info,      &f->qe_identity,    &f->root_ca_crl,
                        &f->pck_crl,       &f->tcb_info_chain, &f->qe_identity_chain,
                        &f->pck_crl_chain, &f->pck_chain};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buf_finish(all[i]);
}

static bool take_end(slice *s, const char *end)
{
    slice e = slice_str(end);
    if (s->n < e.n || !slice_eq(slice_of(s->p + s->n - e.n, e.n), e))
        return false;
    s->n -= e.n;
    return true;
}

/* What can be in an address: no query, and no '@' behind the host, which would be that
 * of a password with a '/' in it. */
static bool is_address(slice base)
{
    bool path = false;
    for (size_t i = sizeof "https://" - 1; i < base.n; i++) {
        path = path || base.p[i] == '/';
        if (base.p[i] <= ' ' || base.p[i] >= 0x7f || base.p[i] == '?' || base.p[i] == '#' ||
            (path && base.p[i] == '@'))
            return false;
    }
    return true;
}

/* People give the address with the API's path and without it. It is not repeated in
 * what is said about it, since it may hold a password. */
static tl_err read_base(slice *out, const char *pccs, struct tl_why *why)
{
    slice base = slice_str(pccs ? pccs : INTEL_API);
    if (!slice_starts(base, slice_str("https://")))
        return tl_explain(why, TL_E_USAGE, "service",
                          "the service's address must begin with https://");
    if (!is_address(base))
        return tl_explain(why, TL_E_USAGE, "service",
                          "the service's address is to be like https://localhost:8081, without a "
                          "query, and with / ? # @ in a password written %%2F %%3F %%23 %%40");
    while (take_end(&base, "/"))
        continue;
    (void)take_end(&base, API_PATH);
    *out = base;
    return TL_OK;
}

static const char *tee_name(const struct fetch *f)
{
    return f->platform.tdx ? "tdx" : "sgx";
}

/* Asks for url, which is finished here, and expects status 200. */
static tl_err ask(struct fetch *f, struct pcs_answer *out, buf *url, const char *what,
                  struct tl_why *why)
{
    tl_err err;
    buf_u8(url, 0);
    err = buf_err(url);
    if (err == TL_E_LIMIT)
        err = tl_explain(why, TL_E_USAGE, "service", "the service's address is too long");
    if (err == TL_OK && f->options->progress)
        f->options->progress(f->options->progress_ctx, f->done, f->total);
    if (err == TL_OK)
        err = f->source->get(f->source->ctx, out, (const char *)url->p, why);
    if (err == TL_OK)
        err = pcs_status(out, what, why);
    f->done++;
    buf_finish(url);
    return err;
}

static void url_begin(buf *url, const struct fetch *f, const char *tee)
{
    buf_init(url, URL_MAX);
    buf_bytes(url, f->base);
    buf_printf(url, "/%s/certification/v4", tee);
}

static tl_err fetch_tcb_info(struct fetch *f, struct tl_why *why)
{
    struct pcs_answer a;
    char fmspc[13], what[48];
    buf url;
    hex_text(fmspc, f->platform.fmspc, sizeof f->platform.fmspc);
    snprintf(what, sizeof what, "the %s TCB info of FMSPC %s", f->platform.tdx ? "TDX" : "SGX",
             fmspc);
    url_begin(&url, f, tee_name(f));
    buf_printf(&url, "/tcb?fmspc=%s%s", fmspc, f->options->early ? "&update=early" : "");
    pcs_answer_init(&a);
    tl_err err = ask(f, &a, &url, what, why);
    if (err == TL_OK)
        err = pcs_chain(&f->tcb_info_chain, &a, "TCB-Info-Issuer-Chain",
                        "SGX-TCB-Info-Issuer-Chain", why);
    if (err == TL_OK)
        err = pcs_signed_json(&f->tcb_info, f->made.tcb_info_signature, buf_slice(&a.body),
                              "tcbInfo", why);
    pcs_answer_finish(&a);
    return err;
}

static tl_err fetch_qe_identity(struct fetch *f, struct tl_why *why)
{
    struct pcs_answer a;
    buf url;
    url_begin(&url, f, tee_name(f));
    buf_printf(&url, "/qe/identity%s", f->options->early ? "?update=early" : "");
    pcs_answer_init(&a);
    tl_err err =
        ask(f, &a, &url, f->platform.tdx ? "the TDX QE's identity" : "the QE's identity", why);
    if (err == TL_OK)
        err = pcs_chain(&f->qe_identity_chain, &a, "SGX-Enclave-Identity-Issuer-Chain",
                        "Enclave-Identity-Issuer-Chain", why);
    if (err == TL_OK)
        err = pcs_signed_json(&f->qe_identity, f->made.qe_identity_signature, buf_slice(&a.body),
                              "enclaveIdentity", why);
    pcs_answer_finish(&a);
    return err;
}

static tl_err fetch_pck_crl(struct fetch *f, struct tl_why *why)
{
    struct pcs_answer a;
    const char *ca = pcs_ca_name(f->platform.ca);
    char what[48];
    buf url;
    snprintf(what, sizeof what, "the %s CA's revocation list", ca);
    url_begin(&url, f, "sgx");
    buf_printf(&url, "/pckcrl?ca=%s&encoding=der", ca);
    pcs_answer_init(&a);
    tl_err err = ask(f, &a, &url, what, why);
    if (err == TL_OK)
        err = pcs_chain(&f->pck_crl_chain, &a, "SGX-PCK-CRL-Issuer-Chain", NULL, why);
    if (err == TL_OK)
        err = pcs_crl(&f->pck_crl, buf_slice(&a.body), what, why);
    pcs_answer_finish(&a);
    return err;
}

static tl_err fetch_root_crl(struct fetch *f, struct tl_why *why)
{
    static const char what[] = "the root CA's revocation list";
    struct pcs_answer a;
    buf url;
    /* Intel serves it with the certificates, a PCCS beside the rest. */
    if (f->options->pccs) {
        url_begin(&url, f, "sgx");
        buf_str(&url, "/rootcacrl");
    } else {
        buf_init(&url, URL_MAX);
        buf_str(&url, INTEL_ROOT_CRL);
    }
    pcs_answer_init(&a);
    tl_err err = ask(f, &a, &url, what, why);
    if (err == TL_OK)
        err = pcs_crl(&f->root_ca_crl, buf_slice(&a.body), what, why);
    pcs_answer_finish(&a);
    return err;
}

/* A PEM text that is to be followed by another one. */
static void put_pem(buf *b, slice pem)
{
    while (pem.n && pem.p[pem.n - 1] == 0)
        pem.n--;
    buf_bytes(b, pem);
    if (pem.n && pem.p[pem.n - 1] != '\n')
        buf_u8(b, '\n');
}

/* The PCK certificate of a platform that is known by its encrypted PPID alone. */
static tl_err fetch_pck_certificate(struct fetch *f, struct tl_why *why)
{
    struct pcs_answer a;
    buf url;
    url_begin(&url, f, "sgx");
    buf_str(&url, "/pckcert?");
    pcs_answer_init(&a);
    tl_err err = pcs_pckcert_query(&url, &f->quote, f->options->pccs, why);
    if (err == TL_OK)
        err = ask(f, &a, &url, "the PCK certificate of this platform", why);
    else
        buf_finish(&url);
    if (err == TL_OK) {
        put_pem(&f->pck_chain, buf_slice(&a.body));
        err = pcs_chain(&f->pck_chain, &a, "SGX-PCK-Certificate-Issuer-Chain", NULL, why);
    }
    if (err == TL_OK)
        err = pcs_platform_from_chain(&f->platform, buf_slice(&f->pck_chain), why);
    pcs_answer_finish(&a);
    return err;
}

static tl_err fetch_all(struct fetch *f, struct tl_why *why)
{
    tl_err err = TL_OK;
    f->total = f->platform.known ? 4 : 5;
    if (!f->platform.known)
        err = fetch_pck_certificate(f, why);
    if (err == TL_OK)
        err = fetch_tcb_info(f, why);
    if (err == TL_OK)
        err = fetch_qe_identity(f, why);
    if (err == TL_OK)
        err = fetch_pck_crl(f, why);
    if (err == TL_OK)
        err = fetch_root_crl(f, why);
    if (err == TL_OK && f->options->progress)
        f->options->progress(f->options->progress_ctx, f->done, f->total);
    /* The CRL's issuers are those of the certificate that the quote brings alone. */
    if (err == TL_OK && f->quote.cert_type == QUOTE_CERT_PCK_LEAF) {
        put_pem(&f->pck_chain, f->quote.cert_data);
        put_pem(&f->pck_chain, buf_slice(&f->pck_crl_chain));
        err = buf_err(&f->pck_chain);
    }
    return err;
}

static tl_err put(buf *out, struct fetch *f)
{
    size_t before = out->n;
    f->made.tcb_info = buf_slice(&f->tcb_info);
    f->made.tcb_info_chain = buf_slice(&f->tcb_info_chain);
    f->made.qe_identity = buf_slice(&f->qe_identity);
    f->made.qe_identity_chain = buf_slice(&f->qe_identity_chain);
    f->made.root_ca_crl = buf_slice(&f->root_ca_crl);
    f->made.pck_crl = buf_slice(&f->pck_crl);
    f->made.pck_crl_chain = buf_slice(&f->pck_crl_chain);
    f->made.pck_chain = buf_slice(&f->pck_chain);
    collateral_put(out, &f->made);
    if (buf_err(out) != TL_OK)
        out->n = before;
    return buf_err(out);
}

tl_err pcs_fetch_from(buf *collateral_json, slice quote, const struct pcs_options *o,
                      const struct pcs_source *source, struct tl_why *why)
{
    struct fetch f = {.options = o, .source = source};
    fetch_init(&f);
    tl_err err = read_base(&f.base, o->pccs, why);
    if (err == TL_OK)
        err = quote_read(&f.quote, quote, why);
    if (err == TL_OK)
        err = pcs_platform_read(&f.platform, &f.quote, why);
    if (err == TL_OK)
        err = fetch_all(&f, why);
    if (err == TL_OK)
        err = put(collateral_json, &f);
    fetch_finish(&f);
    return err;
}
