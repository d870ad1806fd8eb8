/* One leaf: form, place, body, chain, and whose key signs it. */
#include "base/refuse.h"
#include "verify/verifier.h"

#include <inttypes.h>
#include <stdlib.h>

static tl_err read_statement(struct verifier *v, struct leaf *l, slice statement)
{
    tl_err err = statement_read(&l->st, statement);
    if (err != TL_OK)
        return report_fail(v->report, CHECK_STATEMENT, l->index, "not a statement: %s",
                           tl_err_text(err));
    if (REFUSED(!slice_eq(l->st.origin, v->checkpoint.origin)))
        return report_fail(v->report, CHECK_STATEMENT, l->index, "a statement of another log, %.*s",
                           (int)l->st.origin.n, (const char *)l->st.origin.p);
    return TL_OK;
}

/* Where a leaf may stand, apart from the tree's own arithmetic. */
static tl_err check_place(struct verifier *v, const struct leaf *l)
{
    if (REFUSED(v->scope == SCOPE_WHOLE && l->index != v->leaves))
        return report_fail(v->report, CHECK_TREE, v->leaves, "this leaf is missing");
    if (REFUSED(v->scope == SCOPE_CHAIN && v->leaves == 0 && l->index != 0))
        return report_fail(v->report, CHECK_BOOT, 0, "the genesis is missing");
    if (REFUSED(l->index == 0 && l->st.kind != ST_BOOT))
        return report_fail(v->report, CHECK_BOOT, 0, "the log does not begin with a boot");
    if (REFUSED(v->scope == SCOPE_CHAIN && l->subject->number > 1))
        return report_fail(v->report, CHECK_FORMAT, l->index,
                           "a chain is one agent's, and this is another's");
    return TL_OK;
}

static tl_err check_ref(struct verifier *v, const struct leaf *l)
{
    if (!l->st.has_ref)
        return TL_OK;
    if (REFUSED(l->st.ref >= l->index))
        return report_fail(v->report, CHECK_ORDER, l->index,
                           "it refers to index %" PRIu64 ", which does not come before it",
                           l->st.ref);
    const uint32_t *owner = owners_find(&v->owners, l->st.ref);
    if (owner) {
        if (REFUSED(*owner >> OWNER_BITS != l->subject->number))
            return report_fail(v->report, CHECK_ORDER, l->index,
                               "it refers to index %" PRIu64 ", which is of another agent",
                               l->st.ref);
    } else if (REFUSED(v->scope == SCOPE_CHAIN)) {
        return report_fail(v->report, CHECK_ORDER, l->index,
                           "it refers to index %" PRIu64 ", which is not of this chain", l->st.ref);
    }
    return TL_OK;
}

static tl_err check_record(struct verifier *v, const struct leaf *l)
{
    struct body_record b;
    tl_err err = check_ref(v, l);
    if (err != TL_OK)
        return err;
    if (!l->body.p)
        return TL_OK;
    err = body_record_read(&b, l->body);
    if (REFUSED(err != TL_OK))
        return report_fail(v->report, CHECK_BODY, l->index, "a malformed record: %s",
                           tl_err_text(err));
    return TL_OK;
}

static tl_err check_heads(struct verifier *v, const struct leaf *l)
{
    struct heads heads;
    tl_err err = body_heads_read(&heads, l->body);
    if (REFUSED(err != TL_OK))
        return report_fail(v->report, CHECK_BODY, l->index, "malformed heads: %s",
                           tl_err_text(err));
    return heads_carried(&v->heads, v->report, l->index, &heads, &v->subjects);
}

static tl_err check_end(struct verifier *v, const struct leaf *l)
{
    tl_err err = body_end_read(l->body);
    if (REFUSED(err != TL_OK))
        return report_fail(v->report, CHECK_BODY, l->index, "a malformed end: %s",
                           tl_err_text(err));
    return TL_OK;
}

/* An erasure names records before it; those that the bundle does not hold
 * cannot be looked at. */
static tl_err check_erasure(struct verifier *v, const struct leaf *l)
{
    size_t count = 0;
    slice reason;
    if (!v->erased && !(v->erased = malloc(ERASURE_MAX * sizeof *v->erased)))
        return TL_E_MEMORY;
    tl_err err = body_erasure_read(v->erased, &count, &reason, l->body);
    if (REFUSED(err != TL_OK))
        return report_fail(v->report, CHECK_BODY, l->index, "a malformed erasure: %s",
                           tl_err_text(err));
    /* The indexes increase, so that the last one speaks for all. */
    if (REFUSED(v->erased[count - 1] >= l->index))
        return report_fail(v->report, CHECK_ORDER, l->index,
                           "it erases index %" PRIu64 ", which does not come before it",
                           v->erased[count - 1]);
    for (size_t i = 0; i < count; i++) {
        uint32_t *owner = owners_find(&v->owners, v->erased[i]);
        if (!owner)
            continue;
        if (REFUSED(!(*owner & OWNER_RECORD)))
            return report_fail(v->report, CHECK_ORDER, l->index,
                               "it erases index %" PRIu64 ", which is not a record", v->erased[i]);
        *owner |= OWNER_ERASED;
    }
    return TL_OK;
}

static tl_err check_body(struct verifier *v, const struct leaf *l)
{
    bool withheld = !l->body.p && l->st.kind == ST_RECORD;
    hash32 got = sha256(l->body);
    if (!withheld && REFUSED(!hash_eq(&got, &l->st.payload)))
        return report_fail(v->report, CHECK_BODY, l->index, "%s",
                           l->body.p ? "the body is not the one that was signed"
                                     : "only records may come without their bodies");
    switch (l->st.kind) {
    case ST_BOOT:
        return verify_boot(v, l);
    case ST_SESSION:
        return verify_session(v, l);
    case ST_HEADS:
        return check_heads(v, l);
    case ST_ERASURE:
        return check_erasure(v, l);
    case ST_END:
        return check_end(v, l);
    case ST_RECORD:
        break;
    }
    return check_record(v, l);
}

/* Takes the leaf in: what follows is judged by it. */
static tl_err take(struct verifier *v, const struct leaf *l)
{
    struct subject *s = l->subject;
    const unsigned bits = l->st.kind != ST_RECORD ? 0
                          : l->body.p             ? OWNER_RECORD
                                                  : OWNER_RECORD | OWNER_BARE;
    tl_err err = signatures_add(v->signatures, l->index, &s->key, &l->digest, l->st.signature);
    if (err == TL_OK)
        err = cover_leaf(&v->cover, v->report, l->index, &l->hash);
    if (err == TL_OK)
        err = owners_add(&v->owners, l->index, s, bits);
    if (err != TL_OK)
        return err;
    chain_take(l);
    v->time_ms = l->st.time_ms;
    v->leaves++;
    return TL_OK;
}

tl_err verify_leaf(struct verifier *v, uint64_t index, slice statement, slice body)
{
    struct leaf l = {.index = index, .body = body};
    tl_err err = read_statement(v, &l, statement);
    if (err == TL_OK)
        err = subjects_get(&v->subjects, &l.subject, l.st.subject);
    if (err != TL_OK)
        return err;
    l.hash = merkle_leaf_hash(statement);
    l.digest = statement_digest(l.st.protected_header, &l.st.payload);
    err = check_place(v, &l);
    if (err == TL_OK)
        err = chain_check_order(v->report, &l, v->time_ms, v->scope != SCOPE_RECORDS);
    if (err == TL_OK)
        err = check_body(v, &l);
    if (err == TL_OK)
        err = chain_check_session(v->report, &l, v->boot);
    return err == TL_OK ? take(v, &l) : err;
}
