#include "base/refuse.h"
#include "verify/follow_own.h"

#include <inttypes.h>
#include <stdlib.h>

tl_err follow_new(struct follow **out, slice origin, unsigned threads)
{
    struct subject *own;
    struct follow *f = calloc(1, sizeof *f);
    if (!f || origin.n > SUBJECT_MAX) {
        free(f);
        return f ? TL_E_RANGE : TL_E_MEMORY;
    }
    f->boot = NO_INDEX;
    memcpy(f->origin, origin.p, origin.n);
    f->report = calloc(1, sizeof *f->report);
    tl_err err = f->report ? signatures_new(&f->signatures, f->report, threads) : TL_E_MEMORY;
    if (err == TL_OK)
        err = subjects_get(&f->subjects, &own, origin);
    if (err == TL_OK)
        *out = f;
    else
        follow_free(f);
    return err;
}

void follow_free(struct follow *f)
{
    if (!f)
        return;
    signatures_free(f->signatures);
    subjects_finish(&f->subjects);
    free(f->report);
    free(f);
}

static tl_err read_statement(struct follow *f, struct leaf *l, slice statement)
{
    tl_err err = statement_read(&l->st, statement);
    if (err != TL_OK)
        return report_fail(f->report, CHECK_STATEMENT, l->index, "not a statement: %s",
                           tl_err_text(err));
    if (REFUSED(!slice_eq_str(l->st.origin, f->origin)))
        return report_fail(f->report, CHECK_STATEMENT, l->index, "a statement of another log, %.*s",
                           (int)l->st.origin.n, (const char *)l->st.origin.p);
    if (REFUSED(l->index == 0 && l->st.kind != ST_BOOT))
        return report_fail(f->report, CHECK_BOOT, 0, "the log does not begin with a boot");
    l->digest = statement_digest(l->st.protected_header, &l->st.payload);
    err = subjects_get(&f->subjects, &l->subject, l->st.subject);
    if (err == TL_OK && REFUSED(f->subjects.count > FOLLOW_SUBJECTS_MAX))
        return report_fail(f->report, CHECK_STATEMENT, l->index,
                           "more than %d subjects, which no log of teelog has",
                           FOLLOW_SUBJECTS_MAX);
    return err;
}

/* A boot or a session: its key is the one that its own signature shows to have the thumbprint
 * that it names. */
static tl_err open_key(struct follow *f, const struct leaf *l)
{
    struct subject *s = l->subject;
    struct sign_key key;
    enum cose_curve curve = l->st.alg == COSE_ES256K ? COSE_SECP256K1 : COSE_P256;
    tl_err err = sign_key_recover(&key, curve, &l->st.kid, &l->digest, l->st.signature);
    if (REFUSED(err == TL_E_SIGNATURE))
        return report_fail(f->report, CHECK_SIGNATURE, l->index,
                           "the signature of this statement does not verify under the key that it "
                           "names");
    if (err != TL_OK)
        return err;
    sign_key_free(&s->key);
    s->key = key;
    s->kid = l->st.kid;
    s->open = true;
    s->session = l->index;
    if (l->st.service)
        f->boot = l->index;
    s->boot = f->boot;
    s->sessions++;
    *(l->st.service ? &f->so_far.boots : &f->so_far.sessions) += 1;
    return TL_OK;
}

static tl_err check_payload(struct follow *f, const struct leaf *l, slice body, enum check check,
                            const char *text)
{
    hash32 got = sha256(body);
    if (REFUSED(!hash_eq(&got, &l->st.payload)))
        return report_fail(f->report, check, l->index, "%s", text);
    return TL_OK;
}

static tl_err check_heads(struct follow *f, const struct leaf *l)
{
    uint8_t mem[64];
    buf body;
    struct heads heads = {0};
    tl_err err = heads_compute(&heads, &f->heads, f->report, l->index, &f->subjects);
    if (err != TL_OK)
        return err;
    buf_init_fixed(&body, mem, sizeof mem);
    body_heads_put(&body, &heads);
    return check_payload(f, l, buf_slice(&body), CHECK_HEADS,
                         "its heads are not those of the statements before it");
}

static tl_err check_end(struct follow *f, const struct leaf *l)
{
    uint8_t mem[8];
    buf body;
    buf_init_fixed(&body, mem, sizeof mem);
    body_end_put(&body);
    return check_payload(f, l, buf_slice(&body), CHECK_BODY,
                         "its body is not that of an end, which is always the same");
}

static tl_err check_ref(struct follow *f, const struct leaf *l)
{
    if (!l->st.has_ref)
        return TL_OK;
    if (REFUSED(l->st.ref >= l->index))
        return report_fail(f->report, CHECK_ORDER, l->index,
                           "it refers to index %" PRIu64 ", which does not come before it",
                           l->st.ref);
    if (l->index - l->st.ref > FOLLOW_RECENT) {
        f->so_far.refs_unseen++;
        return TL_OK;
    }
    if (REFUSED(f->recent[l->st.ref % FOLLOW_RECENT] != l->subject->number))
        return report_fail(f->report, CHECK_ORDER, l->index,
                           "it refers to index %" PRIu64 ", which is of another agent", l->st.ref);
    return TL_OK;
}

static tl_err check_kind(struct follow *f, const struct leaf *l)
{
    switch (l->st.kind) {
    case ST_BOOT:
    case ST_SESSION:
        return open_key(f, l);
    case ST_HEADS:
        return check_heads(f, l);
    case ST_END:
        return check_end(f, l);
    case ST_RECORD:
        f->so_far.records++;
        return check_ref(f, l);
    case ST_ERASURE:
        break;
    }
    return TL_OK;
}

tl_err follow_leaf(struct follow *f, slice statement)
{
    struct leaf l = {.index = f->so_far.leaves};
    tl_err err = read_statement(f, &l, statement);
    if (err == TL_OK)
        err = chain_check_order(f->report, &l, f->so_far.time_ms, true);
    if (err == TL_OK)
        err = check_kind(f, &l);
    if (err == TL_OK)
        err = chain_check_session(f->report, &l, f->boot);
    if (err == TL_OK && l.st.kind != ST_BOOT && l.st.kind != ST_SESSION)
        err = signatures_add(f->signatures, l.index, &l.subject->key, &l.digest, l.st.signature);
    if (err != TL_OK)
        return err;
    chain_take(&l);
    f->recent[l.index % FOLLOW_RECENT] = l.subject->number;
    f->so_far.time_ms = l.st.time_ms;
    f->so_far.leaves++;
    return TL_OK;
}

tl_err follow_settle(struct follow *f)
{
    return signatures_drain(f->signatures);
}

const struct report_result *follow_failure(const struct follow *f, const char **check)
{
    const struct report_result *first = NULL;
    for (int c = 0; c < CHECK_COUNT; c++) {
        const struct report_result *r = &f->report->results[c];
        if (r->state != CHECK_FAILED || (first && first->index <= r->index))
            continue;
        first = r;
        *check = check_name((enum check)c);
    }
    return first;
}

void follow_totals(const struct follow *f, struct follow_totals *out)
{
    *out = f->so_far;
    out->agents = f->subjects.count - 1; /* an agent is there once it has a statement */
}

size_t follow_agents(struct follow *f, struct subject *const **out)
{
    subjects_sort(&f->subjects);
    *out = f->subjects.list;
    return f->subjects.count;
}
