/* COSE receipts: of inclusion, alone or in their statement, and of consistency. */
#include "base/refuse.h"
#include "crypto/sign.h"
#include "tlog/key_set.h"
#include "tlog/transparent.h"
#include "verify/logged.h"
#include "verify/report.h"
#include "verify/since.h"

#include <inttypes.h>

/* The signature of the key with the receipt's kid, over the root that it leads to from a leaf's
 * hash, or from an older root. */
static tl_err check_signature(struct teelog_logged *l, const struct receipt *r, const hash32 *start,
                              const struct cose_ec2 *point)
{
    hash32 root;
    struct es256_key *key = NULL;
    if (REFUSED(receipt_root(&root, r, start) != TL_OK)) {
        logged_reject(l, "the receipt's path fits no tree of its size");
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
        logged_reject(l, "the receipt's signature does not verify for this %s",
                      l->grown ? "older checkpoint" : "entry");
    return TL_OK;
}

/* What a receipt of ours has, beyond RFC 9942 (docs/format.md section 16). */
static bool is_ours(struct teelog_logged *l, const struct logged_trust *t, const struct receipt *r)
{
    if (REFUSED(r->alg != COSE_ES256) || REFUSED(!r->has_size) ||
        REFUSED(!origin_valid(r->issuer)) || REFUSED(r->kid.n != 32)) {
        logged_reject(l, "not a receipt as teelog makes them");
        return false;
    }
    memcpy(l->origin, r->issuer.p, r->issuer.n);
    bool named = t->key_count == 0;
    for (size_t i = 0; i < t->key_count; i++)
        named = named || strcmp(t->keys[i].name, l->origin) == 0;
    if (REFUSED(!named)) {
        logged_reject(l, "the receipt is of the log %s, which the policy does not name", l->origin);
        return false;
    }
    if (t->service && REFUSED(strcmp(t->service->origin, l->origin) != 0)) {
        logged_reject(l, "the receipt is of the log %s, and the bundle with its keys of another",
                      l->origin);
        return false;
    }
    if (REFUSED(logged_wants_quorum(t))) {
        logged_reject(l, "the policy asks for witnesses, and a receipt has no cosignatures: ask "
                         "for a tlog-proof or a bundle");
        return false;
    }
    return true;
}

/* *found is false where the key is none of those that the caller trusts. */
static tl_err find_key(struct cose_ec2 *key, bool *found, const struct logged_trust *t, slice kid)
{
    tl_err err = key_set_find(key, t->service_keys, kid);
    *found = err == TL_OK;
    if (err == TL_OK || err == TL_E_NOT_FOUND)
        return TL_OK;
    return LOGGED_UNUSABLE(t, TL_E_USAGE, "the service keys are no COSE_KeySet: %s",
                           tl_err_text(err));
}

static void unknown_key(struct teelog_logged *l)
{
    logged_reject(l, "the receipt is signed by a key that is not among the service keys given");
}

/* ---- of inclusion ---- */

static tl_err judge_entry(struct teelog_logged *l, const struct logged_trust *t,
                          const struct receipt *r, const struct cose_ec2 *key, slice entry)
{
    hash32 leaf = merkle_leaf_hash(entry);
    if (REFUSED(r->kind != RECEIPT_INCLUSION)) {
        logged_reject(l, "not a receipt of inclusion");
        return TL_OK;
    }
    l->index = r->first;
    l->size = r->tree_size;
    l->verdict = TEELOG_TRUSTED;
    tl_err err = check_signature(l, r, &leaf, key);
    if (err != TL_OK || l->verdict == TEELOG_REJECTED || !logged_take_statement(l, entry))
        return err;
    if (REFUSED(!l->has_statement || !slice_eq_str(r->subject, l->subject)))
        logged_reject(l, "the receipt is about another subject than the entry");
    else
        logged_conclude(l, t);
    return TL_OK;
}

static tl_err verify_inclusion(struct teelog_logged *l, const struct logged_trust *t,
                               const struct teelog_logged_options *o, const struct receipt *r)
{
    struct cose_ec2 key;
    bool found;
    if (!o->entry.p || !t->service_keys.p)
        return LOGGED_UNUSABLE(t, TL_E_USAGE,
                               "a receipt needs the entry and the service's keys beside it");
    if (!is_ours(l, t, r))
        return TL_OK;
    tl_err err = find_key(&key, &found, t, r->kid);
    if (err == TL_OK && found)
        err = judge_entry(l, t, r, &key, slice_of(o->entry.p, o->entry.n));
    else if (err == TL_OK)
        unknown_key(l);
    return err;
}

/* ---- in their statement ---- */

/* Other services' receipts may stand beside ours, of any profile: those of keys that are not
 * known say nothing, as with notes. One that is known must be right. */
static tl_err judge_each(struct teelog_logged *l, const struct logged_trust *t,
                         const struct transparent *s, slice entry)
{
    struct receipt r;
    struct cose_ec2 key;
    size_t judged = 0;
    for (size_t i = 0; i < s->count; i++) {
        bool found = false;
        if (receipt_read(&r, s->receipts[i]) != TL_OK)
            continue;
        tl_err err = find_key(&key, &found, t, r.kid);
        if (err == TL_OK && found && is_ours(l, t, &r)) {
            err = judge_entry(l, t, &r, &key, entry);
            judged++;
        }
        if (err != TL_OK || (found && l->verdict == TEELOG_REJECTED))
            return err;
    }
    if (REFUSED(judged == 0))
        logged_reject(l, "none of the statement's receipts is signed by one of the service keys "
                         "given");
    return TL_OK;
}

static tl_err verify_transparent(struct teelog_logged *l, const struct logged_trust *t,
                                 const struct teelog_logged_options *o, const struct transparent *s)
{
    buf entry;
    l->kind = "transparent statement";
    if (!t->service_keys.p)
        return LOGGED_UNUSABLE(t, TL_E_USAGE,
                               "a transparent statement needs the service's keys beside it");
    if (o->entry.p)
        return LOGGED_UNUSABLE(t, TL_E_USAGE,
                               "a transparent statement is the entry: give no other beside it");
    buf_init(&entry, STATEMENT_MAX);
    transparent_statement_put(&entry, s);
    tl_err err = buf_err(&entry);
    if (REFUSED(err == TL_E_LIMIT)) {
        logged_reject(l, "the statement is longer than any that is logged");
        err = TL_OK;
    } else if (err == TL_OK) {
        err = judge_each(l, t, s, buf_slice(&entry));
    }
    buf_finish(&entry);
    return err;
}

/* ---- of consistency ---- */

/* One of the policy's keys has signed it, and no line of any of them fails. */
static bool is_signed(const struct logged_trust *t, const struct since *s)
{
    bool found = t->key_count == 0;
    for (size_t i = 0; i < t->key_count; i++) {
        tl_err err = note_verify_known(s->note, &t->keys[i]);
        if (REFUSED(err != TL_OK && err != TL_E_NOT_FOUND))
            return false;
        found = found || (err == TL_OK && slice_eq_str(s->checkpoint.origin, t->keys[i].name));
    }
    return found;
}

static tl_err judge_growth(struct teelog_logged *l, const struct logged_trust *t,
                           const struct receipt *r, const struct cose_ec2 *key,
                           const struct since *s)
{
    if (REFUSED(!slice_eq(s->checkpoint.origin, r->issuer)) ||
        REFUSED(!slice_eq(r->subject, r->issuer))) {
        logged_reject(l, "the receipt and the older checkpoint are not about the same log");
        return TL_OK;
    }
    if (REFUSED(!is_signed(t, s))) {
        logged_reject(l, "the older checkpoint is not signed by a log that the policy names, or a "
                         "line of one of its keys does not verify");
        return TL_OK;
    }
    if (REFUSED(s->checkpoint.size != r->first)) {
        logged_reject(l,
                      "the receipt begins at size %" PRIu64 ", and the older checkpoint is of size "
                      "%" PRIu64,
                      r->first, s->checkpoint.size);
        return TL_OK;
    }
    l->since = r->first;
    l->size = r->tree_size;
    l->verdict = TEELOG_TRUSTED;
    tl_err err = check_signature(l, r, &s->checkpoint.root, key);
    if (err == TL_OK && l->verdict != TEELOG_REJECTED)
        logged_conclude(l, t);
    return err;
}

static tl_err verify_growth(struct teelog_logged *l, const struct logged_trust *t,
                            const struct teelog_logged_options *o, const struct receipt *r)
{
    struct since since = {0};
    struct cose_ec2 key;
    bool found;
    l->kind = "receipt of consistency";
    l->grown = true;
    if (!o->since.p || !t->service_keys.p)
        return LOGGED_UNUSABLE(t, TL_E_USAGE,
                               "a receipt of consistency needs the older checkpoint and the "
                               "service's keys beside it");
    if (o->entry.p)
        return LOGGED_UNUSABLE(t, TL_E_USAGE, "a receipt of consistency is about no entry");
    if (!is_ours(l, t, r))
        return TL_OK;
    tl_err err = since_read(&since, slice_of(o->since.p, o->since.n));
    if (err != TL_OK && err != TL_E_MEMORY)
        err = LOGGED_UNUSABLE(t, TL_E_USAGE, "the older checkpoint is none: %s", tl_err_text(err));
    if (err == TL_OK)
        err = find_key(&key, &found, t, r->kid);
    if (err == TL_OK && found)
        err = judge_growth(l, t, r, &key, &since);
    else if (err == TL_OK)
        unknown_key(l);
    since_finish(&since);
    return err;
}

tl_err logged_verify_cose(struct teelog_logged *l, const struct logged_trust *t,
                          const struct teelog_logged_options *o)
{
    struct transparent s;
    struct receipt r;
    slice bytes = slice_of(o->proof.p, o->proof.n);
    l->kind = "receipt";
    l->service_keys = t->service ? "bundle" : "brought";
    bool whole = transparent_read(&s, bytes) == TL_OK;
    tl_err err = whole ? TL_OK : receipt_read(&r, bytes);
    if (REFUSED(err != TL_OK)) {
        logged_reject(l,
                      "neither a tlog-proof, nor a COSE receipt, nor a transparent statement: %s",
                      tl_err_text(err));
        return TL_OK;
    }
    if (!whole && r.kind == RECEIPT_CONSISTENCY)
        return verify_growth(l, t, o, &r);
    if (o->since.p)
        return LOGGED_UNUSABLE(t, TL_E_USAGE,
                               "an older checkpoint goes with a receipt of consistency alone");
    return whole ? verify_transparent(l, t, o, &s) : verify_inclusion(l, t, o, &r);
}
