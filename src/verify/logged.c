/* Proofs of single entries: which trust the caller brings, and what follows from it. */
#include "teelog/proof.h"

#include "base/encoding.h"
#include "base/refuse.h"
#include "crypto/sign.h"
#include "tlog/key_set.h"
#include "tlog/proof.h"
#include "tlog/receipt.h"
#include "tlog/statement.h"
#include "verify/policy.h"
#include "verify/render.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct teelog_logged {
    enum teelog_verdict verdict;
    const char *kind; /* static */
    char detail[300];
    char origin[NOTE_NAME_MAX + 1];
    uint64_t index, size;
    bool witnessed;
    size_t cosigned; /* witnesses */
    uint64_t time;   /* quorum time */
    bool has_statement;
    char subject[SUBJECT_MAX + 1], type[TYPE_MAX + 1];
    uint64_t seq, time_ms;
};

/* What the caller brings, in one form. */
struct trust {
    struct tlog_policy *own; /* of c2sp.org/tlog-policy; freed here */
    struct note_key *keys;   /* freed here */
    size_t key_count;
    const struct tlog_policy *quorum; /* NULL: none is asked for */
    bool open;                        /* the policy does not say what it asks of witnesses */
    char *message;
    size_t message_size;
};

__attribute__((format(printf, 3, 4))) static tl_err unusable(const struct trust *t, tl_err err,
                                                             const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (t->message && t->message_size)
        vsnprintf(t->message, t->message_size, fmt, ap);
    va_end(ap);
    return err;
}

__attribute__((format(printf, 2, 3))) static void reject(struct teelog_logged *l, const char *fmt,
                                                         ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(l->detail, sizeof l->detail, fmt, ap);
    va_end(ap);
    l->verdict = TEELOG_REJECTED;
}

static tl_err take_keys(struct trust *t, size_t count)
{
    t->keys = calloc(count + 1, sizeof *t->keys);
    t->key_count = count;
    return t->keys ? TL_OK : TL_E_MEMORY;
}

/* A relying party's policy. */
static tl_err trust_policy(struct trust *t, const struct policy *p)
{
    if (!p->has_log)
        return unusable(t, TL_E_POLICY, "the policy names no log, and so no key to check by");
    t->quorum = p->history.quorum;
    t->open = !p->has_history;
    tl_err err = take_keys(t, p->key_count);
    if (err == TL_OK)
        memcpy(t->keys, p->keys, p->key_count * sizeof *t->keys);
    return err;
}

static tl_err trust_tlog_policy(struct trust *t, slice text)
{
    struct tl_why why = {0};
    tl_err err = tlog_policy_read(&t->own, text, &why);
    if (err == TL_E_POLICY)
        return unusable(t, err, "not a policy of c2sp.org/tlog-policy: %s", why.text);
    if (err == TL_OK && t->own->log_count == 0)
        return unusable(t, TL_E_POLICY, "the policy has no line of a log, and so no key");
    if (err == TL_OK)
        err = take_keys(t, t->own->log_count);
    if (err != TL_OK)
        return err;
    for (size_t i = 0; i < t->own->log_count; i++)
        t->keys[i] = t->own->logs[i].key;
    t->quorum = t->own;
    return TL_OK;
}

/* Whether a quorum is wanted at all: "quorum none" is to want none. */
static bool wants_quorum(const struct trust *t)
{
    return t->quorum && t->quorum->quorum != TLOG_POLICY_NONE;
}

/* What the entry is, where it is a statement of this log. */
static bool take_statement(struct teelog_logged *l, slice entry)
{
    struct statement st;
    if (statement_read(&st, entry) != TL_OK)
        return true;
    if (REFUSED(!slice_eq_str(st.origin, l->origin))) {
        reject(l, "the entry is a statement of another log, %.*s", (int)st.origin.n,
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

static void conclude(struct teelog_logged *l, const struct trust *t)
{
    l->verdict = t->open ? TEELOG_UNPINNED : TEELOG_TRUSTED;
    snprintf(l->detail, sizeof l->detail, "%s",
             t->open        ? "the policy does not say what it asks of witnesses (history)"
             : l->witnessed ? "the entry is in the tree that the log and a quorum of its witnesses "
                              "have signed"
                            : "the entry is in the tree that the log has signed; no witnesses are "
                              "asked for, so rollback and forks are not excluded");
}

static tl_err decode_extra(buf *b, const struct tlog_proof *p)
{
    return p->has_extra ? base64_read(b, p->extra) : TL_OK;
}

static void explain(struct teelog_logged *l, tl_err err, const struct tlog_proof_result *r)
{
    if (err == TL_E_AUTH)
        reject(l, "the checkpoint is cosigned by %zu of the policy's witnesses, which is no quorum",
               r->quorum.valid);
    else if (err == TL_E_SIGNATURE)
        reject(l, "the checkpoint is not signed by a log that the policy names, or a line of one "
                  "of its keys does not verify");
    else if (err == TL_E_PROOF)
        reject(l, "the entry is not in the checkpoint's tree at that index");
    else
        reject(l, "the checkpoint: %s", tl_err_text(err));
}

static tl_err judge_text(struct teelog_logged *l, const struct trust *t, const struct tlog_proof *p,
                         slice entry)
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
    l->witnessed = wants_quorum(t);
    l->cosigned = r.quorum.valid;
    l->time = r.quorum.time;
    if (take_statement(l, entry))
        conclude(l, t);
    return TL_OK;
}

static tl_err verify_text(struct teelog_logged *l, const struct trust *t,
                          const struct teelog_logged_options *o)
{
    struct tlog_proof p;
    buf extra;
    l->kind = "tlog-proof";
    tl_err err = tlog_proof_read(&p, slice_of(o->proof.p, o->proof.n));
    if (err == TL_E_MEMORY)
        return err;
    if (REFUSED(err != TL_OK)) {
        reject(l, "not a proof of c2sp.org/tlog-proof: %s", tl_err_text(err));
        return TL_OK;
    }
    if (!o->entry.p && !p.has_extra)
        return unusable(t, TL_E_USAGE, "the proof does not carry the entry: give it beside");
    buf_init(&extra, PROOF_EXTRA_MAX);
    err = o->entry.p ? TL_OK : decode_extra(&extra, &p);
    if (err == TL_OK)
        err =
            judge_text(l, t, &p, o->entry.p ? slice_of(o->entry.p, o->entry.n) : buf_slice(&extra));
    buf_finish(&extra);
    return err;
}

/* The signature of the key with the receipt's kid, over the root that the entry leads to. */
static tl_err check_receipt(struct teelog_logged *l, const struct receipt *r, slice entry,
                            const struct cose_ec2 *point)
{
    hash32 root, leaf = merkle_leaf_hash(entry);
    struct es256_key *key = NULL;
    if (REFUSED(receipt_root(&root, r, &leaf) != TL_OK)) {
        reject(l, "the receipt's path fits no tree of its size");
        return TL_OK;
    }
    tl_err err = es256_public(&key, point->x, point->y);
    if (err == TL_OK) {
        hash32 digest = receipt_digest(r, &root);
        err = es256_verify(key, &digest, r->signature.p);
    }
    es256_free(key);
    if (err == TL_E_MEMORY)
        return err;
    if (REFUSED(err != TL_OK))
        reject(l, "the receipt's signature does not verify for this entry");
    return TL_OK;
}

/* What a receipt of ours has, beyond RFC 9942 (docs/format.md section 16). */
static bool is_ours(struct teelog_logged *l, const struct trust *t, const struct receipt *r)
{
    if (REFUSED(r->kind != RECEIPT_INCLUSION) || REFUSED(r->alg != COSE_ES256) ||
        REFUSED(!r->has_size) || REFUSED(!origin_valid(r->issuer)) || REFUSED(r->kid.n != 32)) {
        reject(l, "not a receipt of inclusion as teelog makes them");
        return false;
    }
    memcpy(l->origin, r->issuer.p, r->issuer.n);
    bool named = t->key_count == 0;
    for (size_t i = 0; i < t->key_count; i++)
        named = named || strcmp(t->keys[i].name, l->origin) == 0;
    if (REFUSED(!named)) {
        reject(l, "the receipt is of the log %s, which the policy does not name", l->origin);
        return false;
    }
    if (REFUSED(wants_quorum(t))) {
        reject(l, "the policy asks for witnesses, and a receipt has no cosignatures: ask for a "
                  "tlog-proof or a bundle");
        return false;
    }
    return true;
}

static tl_err verify_receipt(struct teelog_logged *l, const struct trust *t,
                             const struct teelog_logged_options *o)
{
    struct receipt r;
    struct cose_ec2 key;
    slice entry = slice_of(o->entry.p, o->entry.n);
    l->kind = "receipt";
    if (!entry.p || !o->service_keys.p)
        return unusable(t, TL_E_USAGE,
                        "a receipt needs the entry and the service's keys beside it");
    tl_err err = receipt_read(&r, slice_of(o->proof.p, o->proof.n));
    if (REFUSED(err != TL_OK)) {
        reject(l, "neither a tlog-proof nor a COSE receipt: %s", tl_err_text(err));
        return TL_OK;
    }
    if (!is_ours(l, t, &r))
        return TL_OK;
    err = key_set_find(&key, slice_of(o->service_keys.p, o->service_keys.n), r.kid);
    if (err == TL_E_NOT_FOUND) {
        reject(l, "the receipt is signed by a key that is not among the service keys given");
        return TL_OK;
    }
    if (err != TL_OK)
        return unusable(t, TL_E_USAGE, "the service keys are no COSE_KeySet: %s", tl_err_text(err));
    l->index = r.first;
    l->size = r.tree_size;
    l->verdict = TEELOG_TRUSTED;
    err = check_receipt(l, &r, entry, &key);
    if (err != TL_OK || l->verdict == TEELOG_REJECTED || !take_statement(l, entry))
        return err;
    if (REFUSED(!l->has_statement || !slice_eq_str(r.subject, l->subject)))
        reject(l, "the receipt is about another subject than the entry");
    else
        conclude(l, t);
    return TL_OK;
}

static tl_err verify(struct teelog_logged *l, struct trust *t,
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
        err = unusable(t, TL_E_USAGE, "a tlog-proof needs a policy: it names the log's key");
    else
        t->open = true;
    if (err != TL_OK)
        return err;
    return text ? verify_text(l, t, o) : verify_receipt(l, t, o);
}

tl_err teelog_logged_verify(struct teelog_logged **out, const struct teelog_logged_options *o,
                            char *message, size_t message_size)
{
    struct trust t = {.message = message, .message_size = message_size};
    struct teelog_logged *l = calloc(1, sizeof *l);
    tl_err err = l ? verify(l, &t, o) : TL_E_MEMORY;
    tlog_policy_free(t.own);
    free(t.keys);
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

static const char *verdict_name(const struct teelog_logged *l)
{
    return l->verdict == TEELOG_TRUSTED ? "LOGGED" : teelog_verdict_name(l->verdict);
}

char *teelog_logged_text(const struct teelog_logged *l)
{
    buf b;
    buf_init(&b, RENDER_MAX);
    buf_printf(&b, "%s: ", verdict_name(l));
    render_plain(&b, l->detail);
    buf_str(&b, "\n");
    if (l->verdict != TEELOG_REJECTED) {
        buf_str(&b, "log: ");
        render_plain(&b, l->origin);
        buf_printf(&b, ", index %" PRIu64 " of size %" PRIu64, l->index, l->size);
        if (l->witnessed) {
            buf_printf(&b, ", cosigned by %zu witnesses, the quorum as of ", l->cosigned);
            render_time(&b, l->time);
        }
        buf_str(&b, "\n");
        if (l->has_statement) {
            buf_str(&b, "entry: ");
            render_plain(&b, l->type);
            buf_str(&b, " of ");
            render_plain(&b, l->subject);
            buf_printf(&b, ", seq %" PRIu64 "\n", l->seq);
        }
        buf_str(&b,
                "This does not show which code logged it, nor whether more was logged: for that "
                "ask for a bundle.\n");
    }
    return render_take(&b);
}

char *teelog_logged_json(const struct teelog_logged *l)
{
    const bool shown = l->verdict != TEELOG_REJECTED;
    buf b;
    buf_init(&b, RENDER_MAX);
    buf_printf(&b, "{\"verdict\": \"%s\", \"kind\": \"%s\", \"detail\": ", verdict_name(l),
               l->kind);
    render_json_text(&b, l->detail);
    buf_str(&b, ",\n \"origin\": ");
    render_json_text(&b, shown ? l->origin : NULL);
    if (shown)
        buf_printf(&b, ", \"index\": %" PRIu64 ", \"size\": %" PRIu64, l->index, l->size);
    else
        buf_str(&b, ", \"index\": null, \"size\": null");
    if (shown && l->witnessed)
        buf_printf(&b, ", \"cosigned\": %zu, \"time\": %" PRIu64, l->cosigned, l->time);
    else
        buf_str(&b, ", \"cosigned\": null, \"time\": null");
    if (shown && l->has_statement) {
        buf_str(&b, ",\n \"entry\": {\"subject\": ");
        render_json_text(&b, l->subject);
        buf_str(&b, ", \"type\": ");
        render_json_text(&b, l->type);
        buf_printf(&b, ", \"seq\": %" PRIu64 ", \"time\": %" PRIu64 "}}\n", l->seq, l->time_ms);
    } else {
        buf_str(&b, ",\n \"entry\": null}\n");
    }
    return render_take(&b);
}
