/* Chains: the input is a byte that chooses the kind, and certificates in DER one
 * after another, so that their insides change and not the PEM around them. Of what
 * we find sound, OpenSSL must find every signature good. */
#include "fuzz.h"
#include "x509_oracle.h"

#include "attest/chain.h"

/* Up to four elements of DER as PEM. */
static void put_all(buf *pem, slice rest)
{
    for (int i = 0; i < 4 && rest.n; i++) {
        reader r = reader_of(rest);
        slice one = der_whole(&r, DER_SEQUENCE);
        if (one.n == 0)
            return;
        pem_put(pem, one);
        rest = r.rest;
    }
}

/* Its DER in the chain's PEM. */
static slice whole(const struct chain *c, const struct cert *of)
{
    slice found = {NULL, 0};
    for (size_t i = 0; i < c->pem.count; i++) {
        slice der = c->pem.certificates[i];
        if (of->tbs.p >= der.p && of->tbs.p < der.p + der.n)
            found = der;
    }
    MUST(found.n);
    return found;
}

static void sound(const struct chain *c, bool pck)
{
    slice leaf = whole(c, &c->leaf), root = whole(c, &c->root);
    slice above = pck ? whole(c, &c->intermediate) : root;
    MUST(oracle_cert(&c->leaf, leaf) == NULL && oracle_cert(&c->root, root) == NULL);
    MUST(oracle_signed(root, root, false));
    MUST(oracle_signed(leaf, above, false));
    MUST(!pck || oracle_signed(above, root, false));
    MUST(c->root.ca && !c->leaf.ca && (!pck || c->intermediate.ca));
    MUST(c->leaf_key && c->root_key && !pck == !c->intermediate_key);
    MUST(c->validity.from >= c->leaf.not_before && c->validity.until <= c->root.not_after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size);
    bool pck = take_front(&in, 1).n && data[0] & 1;
    struct tl_why why = {0};
    struct chain c;
    buf pem;
    buf_init(&pem, 2 * PEM_MAX_BYTES);
    put_all(&pem, in);
    tl_err err = pck ? chain_read_pck(&c, buf_slice(&pem), &why)
                     : chain_read_signer(&c, buf_slice(&pem), &why);
    if (err == TL_OK) {
        err = pck ? chain_check_pck(&c, NULL, &why) : chain_check_signer(&c, NULL, &why);
        if (err == TL_OK)
            sound(&c, pck);
        chain_finish(&c);
    }
    MUST(err == TL_OK || why.text[0]);
    buf_finish(&pem);
    return 0;
}
