#include "tlog/receipt.h"

#include "base/refuse.h"
#include "tlog/statement.h"

#define TAG_SIGN1        18
#define LABEL_ALG        1
#define LABEL_CRIT       2
#define LABEL_KID        4
#define LABEL_CWT_CLAIMS 15
#define LABEL_VDS        395 /* RFC 9942 */
#define LABEL_VDP        396
#define LABEL_TEELOG     (-70001) /* private use */
#define CWT_ISS          1
#define CWT_SUB          2
#define VDS_RFC9162      1
#define PROOF_INCLUSION  (-1)
#define PROOF_CONSISTENT (-2)
#define FORMAT_VERSION   1

static void read_claims(cbor *c, struct receipt *r)
{
    struct cose_labels labels = {0};
    for (size_t n = cbor_map(c); n && c->err == TL_OK; n--) {
        int64_t label = cose_label(c, &labels);
        if (label == CWT_ISS)
            r->issuer = cbor_text(c);
        else if (label == CWT_SUB)
            r->subject = cbor_text(c);
        else
            (void)cbor_item(c);
    }
}

/* [1, tree size] */
static void read_own_label(cbor *c, struct receipt *r)
{
    cbor_array_of(c, 2);
    if (REFUSED(cbor_uint(c, TL_INT_MAX) != FORMAT_VERSION))
        cbor_fail(c, TL_E_COSE);
    r->size = cbor_uint(c, TL_INT_MAX);
    r->has_size = true;
}

/* A header with a text for a label is another profile's: cose_label refuses it. */
static tl_err read_protected(struct receipt *r)
{
    struct cose_labels labels = {0};
    bool has_alg = false, has_vds = false;
    cbor c = cbor_of(r->protected_header);
    for (size_t n = cbor_map(&c); n && c.err == TL_OK; n--) {
        int64_t label = cose_label(&c, &labels);
        if (label == LABEL_ALG) {
            r->alg = cbor_int(&c);
            has_alg = true;
        } else if (label == LABEL_KID) {
            r->kid = cbor_bytes(&c);
        } else if (label == LABEL_CWT_CLAIMS) {
            read_claims(&c, r);
        } else if (label == LABEL_VDS) {
            has_vds = cbor_int(&c) == VDS_RFC9162;
        } else if (label == LABEL_TEELOG) {
            read_own_label(&c, r);
        } else {
            if (REFUSED(label == LABEL_CRIT))
                cbor_fail(&c, TL_E_COSE);
            (void)cbor_item(&c);
        }
    }
    if (c.err == TL_OK && (REFUSED(!has_alg) || REFUSED(!has_vds)))
        return TL_E_COSE;
    return cbor_end(&c);
}

/* The one proof in its byte string. */
static tl_err read_proof(struct receipt *r, slice bytes)
{
    cbor c = cbor_of(bytes);
    cbor_array_of(&c, 3);
    uint64_t size = cbor_uint(&c, TL_INT_MAX), second = cbor_uint(&c, TL_INT_MAX);
    bool inclusion = r->kind == RECEIPT_INCLUSION;
    r->tree_size = inclusion ? size : second;
    r->first = inclusion ? second : size;
    r->path_count = cbor_array(&c);
    if (REFUSED(r->path_count > MERKLE_MAX_PATH))
        return TL_E_COSE;
    for (size_t i = 0; i < r->path_count; i++)
        cbor_bytes_copy(&c, r->path[i].b, sizeof r->path[i].b);
    return cbor_end(&c);
}

/* {396: {-1 or -2: [proof]}} and nothing else: a second proof would be one that nobody
 * checks. */
static slice read_unprotected(cbor *c, struct receipt *r)
{
    slice order = {NULL, 0}, inner = {NULL, 0};
    cbor_map_of(c, 1);
    cbor_label_is(c, &order, LABEL_VDP);
    cbor_map_of(c, 1);
    int64_t kind = cbor_label(c, &inner);
    if (REFUSED(kind != PROOF_INCLUSION && kind != PROOF_CONSISTENT))
        cbor_fail(c, TL_E_COSE);
    r->kind = kind == PROOF_INCLUSION ? RECEIPT_INCLUSION : RECEIPT_CONSISTENCY;
    cbor_array_of(c, 1);
    return cbor_bytes(c);
}

tl_err receipt_read(struct receipt *out, slice bytes)
{
    struct receipt r = {0};
    if (REFUSED(bytes.n > RECEIPT_MAX))
        return TL_E_COSE;
    cbor c = cbor_of(bytes);
    cbor_tag(&c, TAG_SIGN1);
    cbor_array_of(&c, 4);
    r.protected_header = cbor_bytes(&c);
    slice proof = read_unprotected(&c, &r);
    if (REFUSED(!cbor_try_null(&c))) /* it is detached, and that is said */
        cbor_fail(&c, TL_E_COSE);
    r.signature = cbor_bytes(&c);
    tl_err err = cbor_end(&c);
    if (err == TL_OK && REFUSED(r.signature.n != 64))
        err = TL_E_COSE;
    if (err == TL_OK)
        err = read_protected(&r);
    if (err == TL_OK)
        err = read_proof(&r, proof);
    if (err == TL_OK && REFUSED(r.has_size && r.size != r.tree_size))
        err = TL_E_COSE;
    if (err == TL_OK)
        *out = r;
    return err;
}

void receipt_sig_structure_put(buf *b, const struct receipt *r, const hash32 *root)
{
    cose_sig_structure_put(b, r->protected_header, hash_slice(root));
}

hash32 receipt_digest(const struct receipt *r, const hash32 *root)
{
    return statement_digest(r->protected_header, root);
}

tl_err receipt_root(hash32 *out, const struct receipt *r, const hash32 *leaf_or_older)
{
    if (r->kind == RECEIPT_INCLUSION)
        return merkle_root_of_inclusion(out, r->first, r->tree_size, leaf_or_older, r->path,
                                        r->path_count);
    return merkle_root_of_consistency(out, r->first, r->tree_size, leaf_or_older, r->path,
                                      r->path_count);
}

void receipt_header_put(buf *b, const hash32 *kid, slice origin, slice subject, uint64_t size)
{
    cbor_put_map(b, 5);
    cbor_put_int(b, LABEL_ALG);
    cbor_put_int(b, COSE_ES256);
    cbor_put_int(b, LABEL_KID);
    cbor_put_bytes(b, hash_slice(kid));
    cbor_put_int(b, LABEL_CWT_CLAIMS);
    cbor_put_map(b, 2);
    cbor_put_int(b, CWT_ISS);
    cbor_put_text(b, origin);
    cbor_put_int(b, CWT_SUB);
    cbor_put_text(b, subject);
    cbor_put_int(b, LABEL_VDS);
    cbor_put_int(b, VDS_RFC9162);
    cbor_put_int(b, LABEL_TEELOG);
    cbor_put_array(b, 2);
    cbor_put_uint(b, FORMAT_VERSION);
    cbor_put_uint(b, size);
}

void receipt_put(buf *b, const struct receipt *r)
{
    uint8_t mem[32 + 34 * MERKLE_MAX_PATH];
    const bool inclusion = r->kind == RECEIPT_INCLUSION;
    buf proof;
    buf_init_fixed(&proof, mem, sizeof mem);
    cbor_put_array(&proof, 3);
    cbor_put_uint(&proof, inclusion ? r->tree_size : r->first);
    cbor_put_uint(&proof, inclusion ? r->first : r->tree_size);
    cbor_put_array(&proof, r->path_count);
    for (size_t i = 0; i < r->path_count; i++)
        cbor_put_bytes(&proof, hash_slice(&r->path[i]));
    cbor_put_tag(b, TAG_SIGN1);
    cbor_put_array(b, 4);
    cbor_put_bytes(b, r->protected_header);
    cbor_put_map(b, 1);
    cbor_put_int(b, LABEL_VDP);
    cbor_put_map(b, 1);
    cbor_put_int(b, inclusion ? PROOF_INCLUSION : PROOF_CONSISTENT);
    cbor_put_array(b, 1);
    cbor_put_bytes(b, buf_slice(&proof));
    cbor_put_null(b);
    cbor_put_bytes(b, r->signature);
}
