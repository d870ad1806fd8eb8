/* The whole of dcap_verify. An input is a list of changes to a quote and collateral
 * that are genuine but for their signatures, which are all the same 64 bytes: in
 * place of ECDSA stands a function that finds every signature good but the one that
 * the input chooses, so that what lies behind the signatures is reached. Whatever is
 * found genuine, every part of it was asked about.
 *
 * Layout of an input: the kind of quote, flags, which signature is bad (0: none),
 * the time in days from the makers', swaps, then changes: the part, how it is changed, an
 * offset (16 bits), and a length with as many bytes. */
#include "attest/chain.h"
#include "attest/collateral.h"
#include "attest/crl.h"
#include "base/reader.h"
#include "codec/pem.h"
#include "fakedcap.h"
#include "fuzz.h"

enum flag {
    PLATFORM_CA = 1 << 0, /* the platform has a PCK certificate of the longer form */
    APART = 1 << 1,       /* the PCK chain stands in the collateral */
    ANY_ROOT = 1 << 2,    /* none is pinned */
    REVOKED = 1 << 3,     /* the lists have entries, a bit away from what is in use */
    CACHED = 1 << 4,      /* verified again, twice, with a cache */
    UNFIT = 1 << 5,       /* the QE's report data are not made to fit */
    LEAF_ALONE = 1 << 6,  /* the quote has the PCK certificate, the collateral the chain */
    STRANGER = 1 << 7,    /* the root that is pinned is another */
    MADE = PLATFORM_CA | APART | REVOKED
};

/* What one would swap. */
enum swap {
    REVOKE_CA = 1 << 0, /* these three with REVOKED: the serial number is the one in use */
    REVOKE_SIGNER = 1 << 1,
    REVOKE_LEAF = 1 << 2,
    OTHER_TCB_ROOT = 1 << 3, /* the TCB info, the QE identity has a signer under another root */
    OTHER_QE_ROOT = 1 << 4,
    OTHER_LEAF = 1 << 5 /* with LEAF_ALONE: the quote's is not that of the chain */
};

/* What changes are made to. Certificates are changed as DER, so that their PEM stays
 * whole. */
enum part { QUOTE, JSON, TCB_INFO, QE_IDENTITY, LEAF, CA, ROOT, SIGNER, ROOT_CRL, PCK_CRL, PARTS };

#define PART_MAX (2 << 20)
#define CHANGES  16 /* more are not made */
#define KEYS     16
#define ASKED    32

/* The makers' parts for a kind and flags; made once. */
struct seed {
    struct fake_dcap fake;
    buf part[PARTS], pck, signer, leaf, other; /* the last four: PEM */
    uint8_t near[3][16];                       /* serial numbers that are nearly these: */
    bool made;
};

static struct {
    size_t count, bad; /* signatures asked about; the one that is bad, from 1 */
    bool refused;
    hash32 digest[ASKED];
} asked;

tl_err __wrap_es256_verify(struct es256_key *key, const hash32 *digest,
                           const uint8_t signature[64]);
tl_err __wrap_es256_sign(struct es256_key *key, const hash32 *digest, uint8_t signature[64]);
tl_err __real_es256_public(struct es256_key **out, const uint8_t x[32], const uint8_t y[32]);
tl_err __wrap_es256_public(struct es256_key **out, const uint8_t x[32], const uint8_t y[32]);

tl_err __wrap_es256_verify(struct es256_key *key, const hash32 *digest, const uint8_t signature[64])
{
    MUST(key && digest && signature && asked.count < ASKED);
    asked.digest[asked.count++] = *digest;
    if (asked.count == asked.bad)
        asked.refused = true;
    return asked.count != asked.bad ? TL_OK : TL_E_SIGNATURE;
}

tl_err __wrap_es256_sign(struct es256_key *key, const hash32 *digest, uint8_t signature[64])
{
    MUST(key && digest);
    memset(signature, 0x11, 64);
    return TL_OK;
}

/* Making a key of a point costs more than all the parsing; there are few of them. */
tl_err __wrap_es256_public(struct es256_key **out, const uint8_t x[32], const uint8_t y[32])
{
    static struct {
        uint8_t point[64];
        struct es256_key *key;
    } known[KEYS];
    static size_t count;
    for (size_t i = 0; i < count; i++)
        if (memcmp(known[i].point, x, 32) == 0 && memcmp(known[i].point + 32, y, 32) == 0) {
            *out = es256_ref(known[i].key);
            return TL_OK;
        }
    tl_err err = __real_es256_public(out, x, y);
    if (err == TL_OK && count < KEYS) {
        memcpy(known[count].point, x, 32);
        memcpy(known[count].point + 32, y, 32);
        known[count++].key = es256_ref(*out);
    }
    return err;
}

static void set(buf *b, slice bytes)
{
    if (!b->max)
        buf_init(b, PART_MAX);
    buf_reset(b);
    buf_bytes(b, bytes);
    MUST(buf_err(b) == TL_OK);
}

static void set_cert(buf *b, const struct sim_cert *plan)
{
    set(b, (slice){NULL, 0});
    MUST(sim_cert_put(b, plan) == TL_OK);
}

static void put_chains(buf *pck, buf *signer, buf *leaf, const buf part[PARTS])
{
    set(pck, (slice){NULL, 0});
    set(signer, (slice){NULL, 0});
    set(leaf, (slice){NULL, 0});
    pem_put(leaf, buf_slice(&part[LEAF]));
    for (int i = LEAF; i <= ROOT; i++)
        pem_put(pck, buf_slice(&part[i]));
    pem_put(signer, buf_slice(&part[SIGNER]));
    pem_put(signer, buf_slice(&part[ROOT]));
    MUST(buf_err(pck) == TL_OK && buf_err(signer) == TL_OK && buf_err(leaf) == TL_OK);
}

/* Entries for the CA and the signer, and for the PCK certificate, but for a bit. */
static void nearly_revoke(struct seed *s)
{
    struct fake_dcap *f = &s->fake;
    const uint8_t *const serials[] = {f->ca.serial, f->signer.serial, f->pck.serial};
    for (size_t i = 0; i < 3; i++) {
        memcpy(s->near[i], serials[i], sizeof s->near[i]);
        s->near[i][15] ^= 1;
        f->revoked[i].serial = SLICE_ARRAY(s->near[i]);
    }
    f->root_crl.revoked = f->revoked;
    f->root_crl.revoked_count = 2;
    f->pck_crl.revoked = f->revoked + 2;
    f->pck_crl.revoked_count = 1;
}

static void make_seed(struct seed *s, enum sim_kind kind, unsigned flags)
{
    struct fake_dcap *f = &s->fake;
    MUST(fake_dcap_init(f, kind) == TL_OK);
    if (flags & PLATFORM_CA)
        fake_dcap_platform_ca(f);
    if (flags & REVOKED)
        nearly_revoke(s);
    f->pck_chain_apart = flags & APART;
    f->tcb_info.levels[0].advisories[0] = "INTEL-SA-00002";
    f->tcb_info.levels[0].advisories[1] = "INTEL-SA-00001";
    f->qe_identity.levels[0].advisories[0] = "INTEL-SA-00002";
    MUST(fake_dcap_make(f) == TL_OK);
    set(&s->part[TCB_INFO], f->parts.tcb_info);
    set(&s->part[QE_IDENTITY], f->parts.qe_identity);
    set(&s->part[ROOT_CRL], f->parts.root_ca_crl);
    set(&s->part[PCK_CRL], f->parts.pck_crl);
    set_cert(&s->part[LEAF], &f->pck);
    set_cert(&s->part[CA], &f->ca);
    set_cert(&s->part[ROOT], &f->root);
    set_cert(&s->part[SIGNER], &f->signer);
    put_chains(&s->pck, &s->signer, &s->leaf, s->part);
    set(&s->other, (slice){NULL, 0});
    const struct sim_cert *const other[] = {&f->other_signer, &f->other_root};
    MUST(sim_certs_put(&s->other, other, 2) == TL_OK);
    s->made = true;
}

/* Puts the whole serial number where the near one stands. */
static void revoke(buf *list, const uint8_t near[16])
{
    uint8_t *at = memmem(list->p, list->n, near, 16);
    if (at)
        at[15] ^= 1;
}

/* The run of letters and digits at this place, and on both sides of it. */
static void widen(slice in, size_t *at, size_t *n)
{
    static const char inside[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-:_";
    size_t end = *at;
    while (end < in.n && in.p[end] && strchr(inside, in.p[end]))
        end++;
    while (*at > 0 && in.p[*at - 1] && strchr(inside, in.p[*at - 1]))
        (*at)--;
    *n = end - *at;
}

enum { OVERWRITE, INSERT, REMOVE, TOKEN, WAYS };

static void change(buf *b, unsigned way, size_t at, slice bytes)
{
    static buf made;
    slice in = buf_slice(b);
    at %= in.n + 1;
    size_t gone = way == INSERT ? 0 : bytes.n;
    if (way == TOKEN)
        widen(in, &at, &gone);
    gone = gone < in.n - at ? gone : in.n - at;
    set(&made, slice_of(in.p, at));
    if (way != REMOVE)
        buf_bytes(&made, bytes);
    buf_bytes(&made, slice_of(in.p + at + gone, in.n - at - gone));
    set(b, buf_slice(&made));
}

/* Makes the changes to this part; whether there were any. */
static bool apply(buf *b, enum part part, reader changes)
{
    bool any = false;
    for (int i = 0; i < CHANGES && changes.rest.n; i++) {
        unsigned which = reader_u8(&changes) % PARTS, way = reader_u8(&changes) % WAYS;
        size_t at = reader_u16be(&changes), n = reader_u8(&changes);
        slice bytes = reader_bytes(&changes, n < changes.rest.n ? n : changes.rest.n);
        if (changes.err == TL_OK && which == part) {
            change(b, way, at, bytes);
            any = true;
        }
    }
    return any;
}

/* The digest of the attestation key, so that what lies behind that check is reached. */
static void fit_report_data(buf *bytes)
{
    struct quote q;
    if (quote_read(&q, buf_slice(bytes), NULL) != TL_OK)
        return;
    const slice parts[] = {q.attestation_key, q.qe_auth};
    hash32 h = sha256_parts(parts, 2);
    uint8_t *data = bytes->p + (q.qe_report.p - bytes->p) + SGX_REPORT_SIZE - 64;
    memset(data, 0, 64);
    memcpy(data, h.b, sizeof h.b);
}

/* The seed's parts, swapped and changed; whether the certificates are others. */
static bool make_parts(buf part[PARTS], const struct seed *s, unsigned swaps, reader changes)
{
    bool other_certs = false;
    for (int i = TCB_INFO; i < PARTS; i++) {
        set(&part[i], buf_slice(&s->part[i]));
        if (i == ROOT_CRL && swaps & REVOKE_CA)
            revoke(&part[i], s->near[0]);
        if (i == ROOT_CRL && swaps & REVOKE_SIGNER)
            revoke(&part[i], s->near[1]);
        if (i == PCK_CRL && swaps & REVOKE_LEAF)
            revoke(&part[i], s->near[2]);
        bool changed = apply(&part[i], (enum part)i, changes);
        other_certs = other_certs || (changed && i >= LEAF && i <= SIGNER);
    }
    return other_certs;
}

static slice first_block(slice pem)
{
    static const char end[] = "-----END CERTIFICATE-----\n";
    const uint8_t *at = memmem(pem.p, pem.n, end, sizeof end - 1);
    return at ? slice_of(pem.p, (size_t)(at - pem.p) + sizeof end - 1) : pem;
}

/* Makes part[QUOTE] and part[JSON] of the others. */
static void assemble(buf part[PARTS], const struct seed *s, unsigned flags, unsigned swaps,
                     bool other_certs, reader changes)
{
    static buf pck, signer, leaf;
    struct sim_quote plan = s->fake.quote;
    struct collateral c = s->fake.parts;
    set(&pck, buf_slice(&s->pck));
    set(&signer, buf_slice(&s->signer));
    set(&leaf, buf_slice(&s->leaf));
    if (other_certs)
        put_chains(&pck, &signer, &leaf, part);
    if (flags & (APART | LEAF_ALONE))
        c.pck_chain = buf_slice(&pck);
    else
        plan.cert_data = buf_slice(&pck);
    if (flags & LEAF_ALONE) {
        plan.cert_type = QUOTE_CERT_PCK_LEAF;
        plan.cert_data = buf_slice(&leaf);
        if (swaps & OTHER_LEAF)
            plan.cert_data = first_block(buf_slice(&signer));
    }
    set(&part[QUOTE], (slice){NULL, 0});
    MUST(sim_quote_put(&part[QUOTE], &plan) == TL_OK);
    (void)apply(&part[QUOTE], QUOTE, changes);
    if (!(flags & UNFIT))
        fit_report_data(&part[QUOTE]);
    c.tcb_info = buf_slice(&part[TCB_INFO]);
    c.qe_identity = buf_slice(&part[QE_IDENTITY]);
    c.root_ca_crl = buf_slice(&part[ROOT_CRL]);
    c.pck_crl = buf_slice(&part[PCK_CRL]);
    c.tcb_info_chain = buf_slice(swaps & OTHER_TCB_ROOT ? &s->other : &signer);
    c.qe_identity_chain = buf_slice(swaps & OTHER_QE_ROOT ? &s->other : &signer);
    set(&part[JSON], (slice){NULL, 0});
    collateral_put(&part[JSON], &c);
    (void)apply(&part[JSON], JSON, changes);
}

static void must_be_asked(slice bytes)
{
    hash32 h = sha256(bytes);
    size_t i = 0;
    while (i < asked.count && !hash_eq(&asked.digest[i], &h))
        i++;
    MUST(i < asked.count);
}

/* And no certificate stands in the list that it would stand in: the leaf in list, the
 * CA below the root in the root's. The root is the one that is reported. */
static void chain_must_be_asked(slice pem, const struct crl *list, const struct crl *roots,
                                const hash32 *root)
{
    struct pem_chain chain;
    MUST(pem_read(&chain, pem) == TL_OK);
    for (size_t i = 0; i < chain.count; i++) {
        struct cert c;
        MUST(cert_read(&c, chain.certificates[i]) == TL_OK);
        must_be_asked(c.tbs);
        hash32 h = sha256(c.spki);
        if (slice_eq(c.issuer, c.subject))
            MUST(hash_eq(&h, root));
        else
            MUST(!crl_revokes(c.ca ? roots : list, c.serial));
    }
    pem_finish(&chain);
}

static void leaf_must_be_of(slice pem, slice leaf)
{
    struct chain chain;
    struct pem_chain alone;
    struct cert c;
    MUST(chain_read_pck(&chain, pem, NULL) == TL_OK && pem_read(&alone, leaf) == TL_OK);
    MUST(alone.count == 1 && cert_read(&c, alone.certificates[0]) == TL_OK);
    MUST(slice_eq(c.tbs, chain.leaf.tbs));
    pem_finish(&alone);
    chain_finish(&chain);
}

static void crl_must_be_asked(struct crl *c, slice der)
{
    MUST(crl_read(c, der) == TL_OK);
    must_be_asked(c->tbs);
}

/* Every signed part of what was found genuine. */
static void all_must_be_asked(const struct dcap_report *r, const struct dcap_input *in)
{
    struct collateral c;
    struct crl roots, pck;
    MUST(!asked.refused && collateral_read(&c, in->collateral, NULL) == TL_OK);
    must_be_asked(c.tcb_info);
    must_be_asked(c.qe_identity);
    crl_must_be_asked(&roots, c.root_ca_crl);
    crl_must_be_asked(&pck, c.pck_crl);
    chain_must_be_asked(c.tcb_info_chain, &roots, &roots, &r->root);
    chain_must_be_asked(c.qe_identity_chain, &roots, &roots, &r->root);
    chain_must_be_asked(r->quote.cert_type == QUOTE_CERT_PCK_CHAIN ? r->quote.cert_data
                                                                   : c.pck_chain,
                        &pck, &roots, &r->root);
    if (r->quote.cert_type == QUOTE_CERT_PCK_LEAF)
        leaf_must_be_of(c.pck_chain, r->quote.cert_data);
    const slice vouched[] = {r->quote.attestation_key, r->quote.qe_auth};
    hash32 h = sha256_parts(vouched, 2);
    MUST(memcmp(h.b, r->qe.report_data, sizeof h.b) == 0);
    must_be_asked(r->quote.qe_report);
    must_be_asked(r->quote.signed_bytes);
    collateral_finish(&c);
}

static void must_be_sound(const struct dcap_report *r, const struct dcap_input *in)
{
    MUST(r->detail[0] && memchr(r->detail, 0, sizeof r->detail));
    MUST(utf8_valid(slice_str(r->detail)));
    MUST(r->ok == !r->stage);
    MUST(!r->stage || strcmp(r->stage, "memory") != 0);
    if (!r->ok)
        return;
    MUST(r->has_quote && r->has_pck && r->tcb.status < TCB_STATUSES);
    MUST(in->root_count == 0 || hash_eq(&r->root, in->roots));
    MUST(r->collateral_issued <= in->time && in->time <= r->collateral_expires);
    MUST(r->tcb.advisory_count <= TCB_MAX_ADVISORIES);
    all_must_be_asked(r, in);
}

static void must_be_same(const struct dcap_report *a, const struct dcap_report *b)
{
    MUST(a->ok == b->ok && strcmp(a->detail, b->detail) == 0);
    MUST(a->ok || strcmp(a->stage, b->stage) == 0);
    MUST(a->tcb.status == b->tcb.status && a->tcb.date == b->tcb.date);
    MUST(a->collateral_expires == b->collateral_expires);
}

/* With a cache, empty and then full, nothing comes out otherwise. */
static void verify_cached(struct dcap_input in, const struct dcap_report *want)
{
    static struct dcap_report r;
    MUST(dcap_cache_new(&in.cache) == TL_OK);
    for (int i = 0; i < 2; i++) {
        asked.count = 0;
        dcap_verify(&r, &in);
        must_be_same(&r, want);
    }
    dcap_cache_free(in.cache);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct seed seeds[SIM_KINDS][MADE + 1];
    static buf part[PARTS];
    static struct dcap_report r;
    reader changes = reader_of(slice_of(data, size));
    enum sim_kind kind = (enum sim_kind)(reader_u8(&changes) % SIM_KINDS);
    unsigned flags = reader_u8(&changes), bad = reader_u8(&changes);
    int64_t days = (int8_t)reader_u8(&changes);
    unsigned swaps = reader_u8(&changes);
    if (changes.err != TL_OK)
        return 0;
    struct seed *s = &seeds[kind][flags & MADE];
    asked.bad = 0;
    if (!s->made)
        make_seed(s, kind, flags);
    bool other_certs = make_parts(part, s, swaps, changes);
    assemble(part, s, flags, swaps, other_certs, changes);
    struct dcap_input in = fake_dcap_input(&s->fake);
    in.quote = buf_slice(&part[QUOTE]);
    in.collateral = buf_slice(&part[JSON]);
    in.time += (uint64_t)(days * (int64_t)FAKE_DAY);
    hash32 stranger = s->fake.root_hash;
    stranger.b[0] ^= 1;
    if (flags & STRANGER)
        in.roots = &stranger;
    if (flags & ANY_ROOT)
        in.root_count = 0;
    asked.count = 0;
    asked.bad = bad;
    asked.refused = false;
    dcap_verify(&r, &in);
    must_be_sound(&r, &in);
    if (flags & CACHED && !asked.bad)
        verify_cached(in, &r);
    return 0;
}
