/* Proofs of single entries: which trust the caller brings, and what follows from it. */
#include "verify/logged.h"

#include "base/encoding.h"
#include "base/refuse.h"
#include "tlog/proof.h"
#include "verify/policy.h"
#include "verify/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void logged_say(const struct logged_trust *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (t->message && t->message_size)
        vsnprintf(t->message, t->message_size, fmt, ap);
    va_end(ap);
}

void logged_reject(struct teelog_logged *l, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(l->detail, sizeof l->detail, fmt, ap);
    va_end(ap);
    l->verdict = TEELOG_REJECTED;
}

bool logged_wants_quorum(const struct logged_trust *t)
{
    return t->quorum && t->quorum->quorum != TLOG_POLICY_NONE;
}

bool logged_take_statement(struct teelog_logged *l, slice entry)
{
    struct statement st;
    if (statement_read(&st, entry) != TL_OK)
        return true;
    if (REFUSED(!slice_eq_str(st.origin, l->origin))) {
        logged_reject(l, "the entry is a statement of another log, %.*s", (int)st.origin.n,
                      (const char *)st.origin.p);
        return false;
    }
    l->has_statement = true;
    memcpy(l->subject, st.subject.p, st.subject.n); /* statement_read bounds them */
    memcpy(l->type, st.type.p, st.type.n);
    l->seq = st.seq;
    l->time_ms = st.time_ms;
    return true;
}

void logged_conclude(struct teelog_logged *l, const struct logged_trust *t)
{
    const bool loose = l->service_keys && !t->service;
    l->verdict = t->open || loose ? TEELOG_UNPINNED : TEELOG_TRUSTED;
    if (loose)
        snprintf(l->detail, sizeof l->detail, "%s",
                 t->key_count ? "signed by a key of the set that you brought; nothing shows that "
                                "it is of the log that the policy names: give --service-keys "
                                "BUNDLE.teelog"
                              : "signed by a key of the set that you brought; no policy says whose "
                                "log it is");
    else if (t->open)
        snprintf(l->detail, sizeof l->detail, "%s",
                 "the policy does not say what it asks of witnesses (history)");
    else if (l->witnessed)
        snprintf(l->detail, sizeof l->detail, "%s",
                 "the entry is in the tree that the log and a quorum of its witnesses have "
                 "signed");
    else
        snprintf(l->detail, sizeof l->detail,
                 "%s that the log has signed; no witnesses are asked for, so rollback and forks "
                 "are not excluded",
                 l->grown ? "the older checkpoint's tree grew into the one"
                          : "the entry is in the tree");
}

static tl_err take_keys(struct logged_trust *t, size_t count)
{
    t->keys = calloc(count + 1, sizeof *t->keys);
    t->key_count = count;
    return t->keys ? TL_OK : TL_E_MEMORY;
}

/* A relying party's policy. */
static tl_err trust_policy(struct logged_trust *t, const struct policy *p)
{
    if (!p->has_log)
        return LOGGED_UNUSABLE(t, TL_E_POLICY,
                               "the policy names no log, and so no key to check by");
    t->quorum = p->history.quorum;
    t->open = !p->has_history;
    tl_err err = take_keys(t, p->key_count);
    if (err == TL_OK)
        memcpy(t->keys, p->keys, p->key_count * sizeof *t->keys);
    return err;
}

static tl_err trust_tlog_policy(struct logged_trust *t, slice text)
{
    struct tl_why why = {0};
    tl_err err = tlog_policy_read(&t->own, text, &why);
    if (err == TL_E_POLICY)
        return LOGGED_UNUSABLE(t, err, "not a policy of c2sp.org/tlog-policy: %s", why.text);
    if (err == TL_OK && t->own->log_count == 0)
        return LOGGED_UNUSABLE(t, TL_E_POLICY, "the policy has no line of a log, and so no key");
    if (err == TL_OK)
        err = take_keys(t, t->own->log_count);
    if (err != TL_OK)
        return err;
    for (size_t i = 0; i < t->own->log_count; i++)
        t->keys[i] = t->own->logs[i].key;
    t->quorum = t->own;
    return TL_OK;
}

static tl_err decode_extra(buf *b, const struct tlog_proof *p)
{
    return p->has_extra ? base64_read(b, p->extra) : TL_OK;
}

static void explain(struct teelog_logged *l, tl_err err, const struct tlog_proof_result *r)
{
    if (err == TL_E_AUTH)
        logged_reject(
            l, "the checkpoint is cosigned by %zu of the policy's witnesses, which is no quorum",
            r->quorum.valid);
    else if (err == TL_E_SIGNATURE)
        logged_reject(
            l, "the checkpoint is not signed by a log that the policy names, or a line of one "
               "of its keys does not verify");
    else if (err == TL_E_PROOF)
        logged_reject(l, "the entry is not in the checkpoint's tree at that index");
    else
        logged_reject(l, "the checkpoint: %s", tl_err_text(err));
}

static tl_err judge_text(struct teelog_logged *l, const struct logged_trust *t,
                         const struct tlog_proof *p, slice entry)
{
    struct tlog_proof_result r = {0};
    hash32 leaf = merkle_leaf_hash(entry);
    tl_err err = tlog_proof_verify(&r, p, &leaf, t->keys, t->key_count, t->quorum);
    if (err == TL_E_MEMORY)
        return err;
    if (REFUSED(err != TL_OK)) {
        explain(l, err, &r);
        return TL_OK;
    }
    memcpy(l->origin, r.checkpoint.origin.p, r.checkpoint.origin.n); /* a key's name */
    l->index = p->index;
    l->size = r.checkpoint.size;
    l->witnessed = logged_wants_quorum(t);
    l->cosigned = r.quorum.valid;
    l->time = r.quorum.time;
    if (logged_take_statement(l, entry))
        logged_conclude(l, t);
    return TL_OK;
}

static tl_err verify_text(struct teelog_logged *l, const struct logged_trust *t,
                          const struct teelog_logged_options *o)
{
    struct tlog_proof p;
    buf extra;
    l->kind = "tlog-proof";
    tl_err err = tlog_proof_read(&p, slice_of(o->proof.p, o->proof.n));
    if (err == TL_E_MEMORY)
        return err;
    if (REFUSED(err != TL_OK)) {
        logged_reject(l, "not a proof of c2sp.org/tlog-proof: %s", tl_err_text(err));
        return TL_OK;
    }
    if (!o->entry.p && !p.has_extra)
        return LOGGED_UNUSABLE(t, TL_E_USAGE, "the proof does not carry the entry: give it beside");
    buf_init(&extra, PROOF_EXTRA_MAX);
    err = o->entry.p ? TL_OK : decode_extra(&extra, &p);
    if (err == TL_OK)
        err =
            judge_text(l, t, &p, o->entry.p ? slice_of(o->entry.p, o->entry.n) : buf_slice(&extra));
    buf_finish(&extra);
    return err;
}

/* ---- the keys of receipts ---- */

/* Whether the policy names the log's key that the report is about. */
static bool names_key_of(const struct logged_trust *t, const struct teelog_report *r)
{
    bool named = t->key_count == 0;
    for (size_t i = 0; i < t->key_count; i++) {
        uint8_t text[sizeof r->key];
        buf b;
        buf_init_fixed(&b, text, sizeof text);
        note_key_put(&b, &t->keys[i]);
        named = named || slice_eq_str(buf_slice(&b), r->key);
    }
    return named;
}

static tl_err trust_service(struct logged_trust *t, const struct teelog_logged_options *o)
{
    size_t n = 0;
    t->service_keys = slice_of(o->service_keys.p, o->service_keys.n);
    if (!o->service)
        return TL_OK;
    if (o->service_keys.p)
        return LOGGED_UNUSABLE(t, TL_E_USAGE, "a bundle with the service's keys, or a set of them");
    if (REFUSED(o->service->verdict != TEELOG_TRUSTED))
        return LOGGED_UNUSABLE(t, TL_E_USAGE, "the bundle with the service's keys is %s",
                               teelog_verdict_name(o->service->verdict));
    if (REFUSED(!names_key_of(t, o->service)))
        return LOGGED_UNUSABLE(t, TL_E_USAGE,
                               "the bundle with the service's keys is of a log whose key the "
                               "policy does not name");
    t->service = o->service;
    t->taken = teelog_report_service_keys(o->service, &n);
    t->service_keys = slice_of(t->taken, n);
    return t->taken ? TL_OK : TL_E_MEMORY;
}

static tl_err verify(struct teelog_logged *l, struct logged_trust *t,
                     const struct teelog_logged_options *o)
{
    static const char head[] = "c2sp.org/tlog-proof@";
    bool text = slice_starts(slice_of(o->proof.p, o->proof.n), slice_str(head));
    tl_err err = TL_OK;
    if (o->policy)
        err = trust_policy(t, o->policy->policy);
    else if (o->tlog_policy.p)
        err = trust_tlog_policy(t, slice_of(o->tlog_policy.p, o->tlog_policy.n));
    else if (text)
        err = LOGGED_UNUSABLE(t, TL_E_USAGE, "a tlog-proof needs a policy: it names the log's key");
    else
        t->open = true;
    if (err == TL_OK && !text)
        err = trust_service(t, o);
    if (err != TL_OK)
        return err;
    if (text && o->since.p)
        return LOGGED_UNUSABLE(t, TL_E_USAGE,
                               "an older checkpoint goes with a receipt of consistency alone");
    return text ? verify_text(l, t, o) : logged_verify_cose(l, t, o);
}

tl_err teelog_logged_verify(struct teelog_logged **out, const struct teelog_logged_options *o,
                            char *message, size_t message_size)
{
    struct logged_trust t = {.message = message, .message_size = message_size};
    struct teelog_logged *l = calloc(1, sizeof *l);
    tl_err err = l ? verify(l, &t, o) : TL_E_MEMORY;
    tlog_policy_free(t.own);
    free(t.keys);
    free(t.taken);
    if (err == TL_OK)
        *out = l;
    else
        free(l);
    return err;
}

void teelog_logged_free(struct teelog_logged *l)
{
    free(l);
}

enum teelog_verdict teelog_logged_verdict(const struct teelog_logged *l)
{
    return l->verdict;
}
