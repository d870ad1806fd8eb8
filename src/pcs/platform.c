#include "pcs/platform.h"

#include "attest/chain.h"
#include "base/encoding.h"
#include "base/reader.h"
#include "base/refuse.h"

const char *pcs_ca_name(enum pcs_ca ca)
{
    return ca == PCS_CA_PLATFORM ? "platform" : "processor";
}

static bool contains(slice text, const char *word)
{
    return text.n && memmem(text.p, text.n, word, strlen(word));
}

tl_err pcs_platform_from_chain(struct pcs_platform *p, slice pem, struct tl_why *why)
{
    struct chain c;
    tl_err err = chain_read_pck(&c, pem, why);
    if (err != TL_OK)
        return err;
    slice name = c.intermediate.common_name;
    bool platform = contains(name, "Platform CA");
    if (REFUSED(!platform && !contains(name, "Processor CA")) || REFUSED(!c.leaf.has_sgx)) {
        err = tl_explain(why, TL_E_CERT, "PCK chain",
                         "the PCK certificate is not one of Intel's Platform or Processor CA, so "
                         "there is no service to ask about it");
    } else {
        memcpy(p->fmspc, c.leaf.sgx.fmspc, sizeof p->fmspc);
        p->ca = platform ? PCS_CA_PLATFORM : PCS_CA_PROCESSOR;
        p->known = true;
    }
    chain_finish(&c);
    return err;
}

tl_err pcs_platform_from_leaf(struct pcs_platform *p, slice pem, struct tl_why *why)
{
    struct pem_chain memory;
    struct cert leaf;
    tl_err err = cert_read_pem(&leaf, &memory, pem);
    if (err == TL_OK) {
        pem_finish(&memory); /* what is used of it below is not borrowed */
        err = REFUSED(!leaf.has_sgx) ? TL_E_CERT : TL_OK;
    }
    if (err != TL_OK)
        return tl_explain(why, err, "PCK certificate",
                          "the quote does not have one PCK certificate of Intel's, in PEM: %s",
                          tl_err_text(err));
    memcpy(p->fmspc, leaf.sgx.fmspc, sizeof p->fmspc);
    p->ca = leaf.sgx.platform_ca ? PCS_CA_PLATFORM : PCS_CA_PROCESSOR;
    p->known = true;
    return TL_OK;
}

tl_err pcs_platform_read(struct pcs_platform *out, const struct quote *q, struct tl_why *why)
{
    struct pcs_platform p = {.tdx = quote_is_tdx(q)};
    tl_err err = TL_OK;
    switch (q->cert_type) {
    case QUOTE_CERT_PCK_CHAIN:
        err = pcs_platform_from_chain(&p, q->cert_data, why);
        break;
    case QUOTE_CERT_PCK_LEAF:
        err = pcs_platform_from_leaf(&p, q->cert_data, why);
        break;
    case QUOTE_CERT_PPID_RSA2048:
    case QUOTE_CERT_PPID_RSA3072:
        break;
    default:
        err = tl_explain(why, TL_E_QUOTE, "certification data",
                         "the quote names its platform by certification data of type %u, for which "
                         "no service gives a certificate; make the quote with type 3 or 5",
                         q->cert_type);
    }
    if (err == TL_OK)
        *out = p;
    return err;
}

static void put_hex(buf *out, const char *name, slice bytes)
{
    buf_str(out, name);
    hex_put(out, bytes);
}

tl_err pcs_pckcert_query(buf *out, const struct quote *q, bool with_qe_id, struct tl_why *why)
{
    reader r = reader_of(q->cert_data);
    slice ppid = reader_bytes(&r, q->cert_type == QUOTE_CERT_PPID_RSA3072 ? 384 : 256);
    slice cpu_svn = reader_bytes(&r, 16);
    slice pce_svn = reader_bytes(&r, 2);
    slice pce_id = reader_bytes(&r, 2);
    tl_err err = reader_end(&r);
    if (err != TL_OK)
        return tl_explain(why, err, "certification data",
                          "the quote's certification data of type %u has a wrong length: %s",
                          q->cert_type, tl_err_text(err));
    put_hex(out, "encrypted_ppid=", ppid);
    put_hex(out, "&cpusvn=", cpu_svn);
    put_hex(out, "&pcesvn=", pce_svn);
    put_hex(out, "&pceid=", pce_id);
    if (with_qe_id) /* the QE puts its id into the first 16 bytes of the user data */
        put_hex(out, "&qeid=", slice_of(q->user_data.p, 16));
    return buf_err(out);
}
