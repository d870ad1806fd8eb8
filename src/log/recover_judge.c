/* Whether a leaf of a hostile database is the log's own statement. */
#include "base/refuse.h"
#include "log/recover_state.h"

#include <stdlib.h>

/* Its body is here as it was signed. */
static bool body_is_its(const struct store_leaf *leaf, const struct statement *st)
{
    hash32 digest = sha256(leaf->body);
    return leaf->body.p && hash_eq(&digest, &st->payload);
}

/* What a boot or a session says of who signs from now on; false for other statements, and where
 * its body cannot be read or is not of this log. */
static bool opens(const struct log_recovery *r, const struct store_leaf *leaf,
                  const struct statement *st, struct signer *out)
{
    struct body_boot boot;
    struct body_session session;
    struct signer s = {.index = leaf->index, .next_seq = st->seq, .subject = sha256(st->subject)};
    if ((st->kind != ST_BOOT && st->kind != ST_SESSION) || REFUSED(!body_is_its(leaf, st)))
        return false;
    if (st->kind == ST_BOOT) {
        if (body_boot_read(&boot, leaf->body) != TL_OK ||
            REFUSED(!hash_eq(&boot.log_id, &r->log->keys.log_id)))
            return false;
        s.point = boot.service;
    } else {
        if (body_session_read(&session, leaf->body) != TL_OK)
            return false;
        s.point = session.agent;
    }
    s.kid = cose_ec2_thumbprint(&s.point);
    *out = s;
    return true;
}

static struct signer *signer_of(struct log_recovery *r, uint64_t session)
{
    size_t low = 0, high = r->signer_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (r->signers[mid].index < session)
            low = mid + 1;
        else
            high = mid;
    }
    return low < r->signer_count && r->signers[low].index == session ? &r->signers[low] : NULL;
}

/* Leaves come in ascending order, and so do these. */
static tl_err add_signer(struct log_recovery *r, const struct signer *s)
{
    if (r->signer_count == r->signer_capacity) {
        size_t more = r->signer_capacity ? 2 * r->signer_capacity : 64;
        void *p = realloc(r->signers, more * sizeof *r->signers);
        if (!p)
            return TL_E_MEMORY;
        r->signers = p;
        r->signer_capacity = more;
    }
    r->signers[r->signer_count++] = *s;
    return TL_OK;
}

static tl_err load_key(struct log_recovery *r, const struct signer *s, const struct sign_key **out)
{
    size_t at = s->index % SIGNER_KEYS;
    struct sign_key key;
    if (!r->keys[at].key.alg || r->keys[at].index != s->index) {
        tl_err err = sign_key_public(&key, &s->point);
        if (err != TL_OK)
            return err;
        sign_key_free(&r->keys[at].key);
        r->keys[at].key = key;
        r->keys[at].index = s->index;
    }
    *out = &r->keys[at].key;
    return TL_OK;
}

static const char *const not_signed = "it is not signed by the key of its session";

/* TL_E_KEY: the key is no point of its curve. */
static tl_err check_signature(struct log_recovery *r, const struct statement *st,
                              const struct signer *s, const char **lost)
{
    const struct sign_key *key;
    bool k256 = st->alg == COSE_ES256K;
    if (REFUSED(!hash_eq(&st->kid, &s->kid)) ||
        REFUSED(k256 != (s->point.curve == COSE_SECP256K1))) {
        *lost = not_signed;
        return TL_OK;
    }
    tl_err err = load_key(r, s, &key);
    if (err == TL_E_KEY)
        *lost = not_signed;
    if (err != TL_OK)
        return err == TL_E_KEY ? TL_OK : err;
    struct sign_job job = {.key = *key,
                           .digest = statement_digest(st->protected_header, &st->payload)};
    memcpy(job.signature, st->signature, sizeof job.signature);
    verify_jobs(&job, 1);
    if (REFUSED(!job.ok))
        *lost = not_signed;
    return job.unjudged ? TL_E_MEMORY : TL_OK;
}

/* Nothing but its own signature speaks for it. opened: who it says that signs from now on. */
static tl_err judge_signed(struct log_recovery *r, const struct store_leaf *leaf,
                           const struct statement *st, const struct signer *opened,
                           const char **lost)
{
    const struct signer *s = opened;
    if (st->kind == ST_BOOT || st->kind == ST_SESSION) {
        if (!s)
            *lost = "its body, which names the key that signs it, is missing or not this log's";
        else if (REFUSED(st->session != leaf->index))
            *lost = "it was made for another index";
    } else {
        hash32 subject = sha256(st->subject);
        s = signer_of(r, st->session);
        if (!s)
            *lost = "the statement that opened its session is lost";
        else if (REFUSED(!hash_eq(&subject, &s->subject)))
            *lost = "its session is another's";
        else if (REFUSED(st->seq < s->next_seq))
            *lost = "it stands out of order, or was here already";
    }
    return *lost ? TL_OK : check_signature(r, st, s, lost);
}

tl_err recover_look(struct log_recovery *r, const struct store_leaf *leaf, bool *proven,
                    const char **lost)
{
    hash32 want, got = merkle_leaf_hash(leaf->statement);
    *proven = false;
    *lost = NULL;
    if (leaf->index >= tree_size(r->log->tree))
        return TL_OK;
    tl_err err = tree_leaf(r->log->tree, leaf->index, &want);
    if (err != TL_OK) /* a damaged part of it */
        return err == TL_E_MEMORY ? err : TL_OK;
    if (REFUSED(!hash_eq(&want, &got)))
        *lost = "the checkpoint's tree has another statement there";
    *proven = !*lost;
    return TL_OK;
}

tl_err recover_judge(struct log_recovery *r, const struct store_leaf *leaf, struct statement *st,
                     bool *proven, const char **lost)
{
    struct signer opened, *s;
    tl_err err = recover_look(r, leaf, proven, lost);
    if (err != TL_OK || *lost)
        return err;
    if (REFUSED(statement_read(st, leaf->statement) != TL_OK ||
                !slice_eq_str(st->origin, r->log->keys.origin))) {
        *lost = "it is no statement of this log";
        return TL_OK;
    }
    bool opens_one = opens(r, leaf, st, &opened);
    if (!*proven)
        err = judge_signed(r, leaf, st, opens_one ? &opened : NULL, lost);
    if (err == TL_OK && !*lost && opens_one)
        err = add_signer(r, &opened);
    if (err == TL_OK && !*lost && (s = signer_of(r, st->session)))
        s->next_seq = st->seq + 1;
    return err;
}

void recover_forget(struct log_recovery *r)
{
    for (size_t i = 0; i < SIGNER_KEYS; i++)
        sign_key_free(&r->keys[i].key);
    free(r->signers);
    r->signers = NULL;
    r->signer_count = r->signer_capacity = 0;
}
