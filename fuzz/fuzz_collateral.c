/* Collateral: what is read is written and read again as the same parts, in a form
 * that does not change any more. */
#include "attest/collateral.h"
#include "fuzz.h"

static void must_be_inside(const struct collateral *c, slice s)
{
    MUST(s.n == 0 || (s.p >= c->memory.p && s.p + s.n <= c->memory.p + c->memory.n));
}

static void must_be_same(const struct collateral *a, const struct collateral *b)
{
    MUST(slice_eq(a->tcb_info, b->tcb_info));
    MUST(slice_eq(a->qe_identity, b->qe_identity));
    MUST(memcmp(a->tcb_info_signature, b->tcb_info_signature, 64) == 0);
    MUST(memcmp(a->qe_identity_signature, b->qe_identity_signature, 64) == 0);
    MUST(slice_eq(a->tcb_info_chain, b->tcb_info_chain));
    MUST(slice_eq(a->qe_identity_chain, b->qe_identity_chain));
    MUST(slice_eq(a->root_ca_crl, b->root_ca_crl));
    MUST(slice_eq(a->pck_crl, b->pck_crl));
    MUST(slice_eq(a->pck_crl_chain, b->pck_crl_chain));
    MUST(slice_eq(a->pck_chain, b->pck_chain));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct collateral c, again;
    struct tl_why why = {0};
    tl_err err = collateral_read(&c, slice_of(data, size), &why);
    MUST(utf8_valid(slice_str(why.text)) && utf8_valid(slice_str(why.field)));
    if (err != TL_OK) {
        MUST(why.text[0] || err == TL_E_MEMORY);
        return 0;
    }
    slice parts[] = {c.tcb_info,    c.qe_identity, c.tcb_info_chain, c.qe_identity_chain,
                     c.root_ca_crl, c.pck_crl,     c.pck_crl_chain,  c.pck_chain};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        must_be_inside(&c, parts[i]);
        if (i < 4 || i > 5)
            MUST(utf8_valid(parts[i]));
    }
    buf b, twice;
    buf_init(&b, COLLATERAL_MAX * 2);
    buf_init(&twice, COLLATERAL_MAX * 2);
    collateral_put(&b, &c);
    MUST(buf_err(&b) == TL_OK);
    if (b.n <= COLLATERAL_MAX) { /* what \t or the like has become may be longer */
        MUST(collateral_read(&again, buf_slice(&b), &why) == TL_OK);
        must_be_same(&c, &again);
        collateral_put(&twice, &again);
        must_equal(&twice, buf_slice(&b));
        collateral_finish(&again);
    }
    buf_finish(&b);
    collateral_finish(&c);
    return 0;
}
