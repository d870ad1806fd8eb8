/* Boots and sessions: the statements that bring a key of their own. */
#include "base/refuse.h"
#include "verify/verifier.h"

#include <inttypes.h>
#include <stdlib.h>

/* From now on, key signs for the subject; the former one no longer does. */
static tl_err open_key(struct verifier *v, const struct leaf *l, const struct cose_ec2 *point,
                       enum check check)
{
    struct sign_key key;
    struct subject *s = l->subject;
    tl_err err = sign_key_public(&key, point);
    if (err == TL_E_MEMORY)
        return err;
    if (REFUSED(err != TL_OK))
        return report_fail(v->report, check, l->index, "its key is not a point of the curve %s",
                           point->curve == COSE_SECP256K1 ? "secp256k1" : "P-256");
    sign_key_free(&s->key);
    s->key = key;
    s->kid = cose_ec2_thumbprint(point);
    s->open = true;
    s->session = l->index;
    s->boot = v->boot;
    return TL_OK;
}

/* The policy's log key, and the name that goes with it. */
static tl_err check_log(struct verifier *v, uint64_t index)
{
    const struct policy *p = v->policy;
    if (!p || !p->has_log)
        return TL_OK;
    if (REFUSED(!slice_eq_str(v->checkpoint.origin, p->origin)))
        return report_fail(v->report, CHECK_LOG, index, "the policy is for the log %s", p->origin);
    bool found = false;
    for (size_t i = 0; i < p->key_count && !found; i++)
        found = memcmp(p->keys[i].public_key, v->key.public_key, sizeof v->key.public_key) == 0;
    if (REFUSED(!found))
        return report_fail(v->report, CHECK_LOG, index,
                           "the log's key %s is not one that the policy names", v->report->key);
    return TL_OK;
}

/* The first boot brings the log's key, so the checkpoint can be checked. */
static tl_err first_boot(struct verifier *v, const struct leaf *l, const struct body_boot *b)
{
    struct teelog_report *r = v->report;
    if (REFUSED(!slice_eq_str(v->checkpoint.origin, b->key.name)))
        return report_fail(r, CHECK_BOOT, l->index, "the log key's name is not the origin");
    if (REFUSED(note_verify(v->note, &b->key) != TL_OK))
        return report_fail(r, CHECK_CHECKPOINT, l->index,
                           "the checkpoint is not signed by the key that this boot names");
    v->has_key = true;
    v->key = b->key;
    v->log_id = b->log_id;
    v->log_tp = note_key_thumbprint(&b->key);
    r->has_log = true;
    memcpy(r->key, b->log_key.p, b->log_key.n); /* note_key_read bounds it */
    tl_err err = report_succession(r, b->old_note);
    if (err == TL_OK)
        err = check_log(v, l->index);
    return err == TL_OK ? since_check_key(&v->since, r, &v->key) : err;
}

static tl_err check_log_identity(struct verifier *v, const struct leaf *l,
                                 const struct body_boot *b)
{
    if (!v->has_key)
        return first_boot(v, l, b);
    if (REFUSED(!hash_eq(&b->log_id, &v->log_id)))
        return report_fail(v->report, CHECK_BOOT, l->index, "this boot names another log_id");
    if (REFUSED(!slice_eq_str(b->log_key, v->report->key)))
        return report_fail(v->report, CHECK_BOOT, l->index, "this boot names another log key");
    return TL_OK;
}

tl_err verify_boot(struct verifier *v, const struct leaf *l)
{
    struct teelog_report *r = v->report;
    struct body_boot b;
    uint8_t binding[64];
    tl_err err = body_boot_read(&b, l->body);
    if (REFUSED(err != TL_OK))
        return report_fail(r, CHECK_BODY, l->index, "a malformed boot: %s", tl_err_text(err));
    if (REFUSED(b.size != l->index))
        return report_fail(r, CHECK_BOOT, l->index,
                           "it says that it follows a tree of size %" PRIu64, b.size);
    err = check_log_identity(v, l, &b);
    if (err != TL_OK)
        return err;
    v->platform = platform_from(b.config.platform);
    binding_boot(binding, &(struct boot_binding){
                              .origin = v->checkpoint.origin,
                              .log_id = b.log_id,
                              .log_tp = v->log_tp,
                              .service_tp = cose_ec2_thumbprint(&b.service),
                              .boot_id = b.boot_id,
                              .size = b.size,
                              .root = b.root,
                              .config_digest = b.config_digest,
                          });
    err = attested_use(&v->attested, r, l->index, &b.evidence, binding, v->platform);
    if (err == TL_OK)
        err = roots_add(&v->roots, r, l->index, b.size, &b.root);
    if (err == TL_OK)
        err = heads_carried(&v->heads, r, l->index, &b.heads, &v->subjects);
    report_boot(r, &b.service, b.config.has_recovery ? &b.config.recovery : NULL);
    v->boot = l->index;
    v->boot_leaf = l->hash;
    v->admissions = b.config.admissions;
    v->boots++;
    return err == TL_OK ? open_key(v, l, &b.service, CHECK_BOOT) : err;
}

static const char *const admission_names[] = {
    [ADMISSION_CHILD] = "as a child of the log",
    [ADMISSION_ATTESTED] = "as an attested peer",
    [ADMISSION_BEARER] = "by a bearer token",
};

static bool policy_allows(const struct policy *p, uint64_t admission)
{
    switch (admission) {
    case ADMISSION_CHILD:
        return p->allow_child;
    case ADMISSION_BEARER:
        return p->allow_bearer;
    default:
        return p->attested_count > 0;
    }
}

/* How the agent was let in, against what the attested configuration allows and
 * what the policy wants. */
static tl_err check_admission(struct verifier *v, const struct leaf *l, uint64_t admission)
{
    const struct policy *p = v->policy;
    uint64_t index = l->index;
    if (REFUSED(!(v->admissions >> admission & 1)))
        return report_fail(
            v->report, CHECK_ADMISSION, index,
            "this agent was let in %s, which its boot's configuration does not allow",
            admission_names[admission]);
    v->report->admitted[admission] = true;
    if (p && REFUSED(!policy_allows(p, admission)))
        return report_fail(v->report, CHECK_ADMISSION, index,
                           "this agent was let in %s, which the policy does not allow",
                           admission_names[admission]);
    return TL_OK;
}

/* How many sessions the agent has of each kind, and of which peers. */
static tl_err count_admission(struct subject *s, uint64_t admission, uint32_t code)
{
    s->admitted[admission]++;
    if (admission != ADMISSION_ATTESTED)
        return TL_OK;
    if (!s->peers && !(s->peers = calloc(PEERS_OF_AGENT_MAX, sizeof *s->peers)))
        return TL_E_MEMORY;
    size_t i = 0;
    while (i < s->peer_count && s->peers[i].code != code)
        i++;
    if (i == PEERS_OF_AGENT_MAX)
        return TL_OK;
    if (i == s->peer_count)
        s->peers[s->peer_count++].code = code;
    s->peers[i].sessions++;
    return TL_OK;
}

static tl_err admit(struct verifier *v, const struct leaf *l, const struct body_session *b)
{
    uint32_t code = 0;
    tl_err err = check_admission(v, l, b->admission);
    if (err == TL_OK && b->has_peer)
        err = attested_use_peer(&v->attested, v->report, l->index, b, &code);
    return err == TL_OK ? count_admission(l->subject, b->admission, code) : err;
}

tl_err verify_session(struct verifier *v, const struct leaf *l)
{
    struct teelog_report *r = v->report;
    struct body_session b;
    uint8_t binding[64];
    tl_err err = body_session_read(&b, l->body);
    if (REFUSED(err != TL_OK))
        return report_fail(r, CHECK_BODY, l->index, "a malformed session: %s", tl_err_text(err));
    if (REFUSED(b.boot != v->boot))
        return report_fail(r, CHECK_SESSION, l->index,
                           "it belongs to a boot at %" PRIu64 ", which is not the last one",
                           b.boot);
    if (REFUSED(b.size > l->index))
        return report_fail(r, CHECK_SESSION, l->index,
                           "it names a tree of size %" PRIu64 ", which is larger than its index",
                           b.size);
    err = admit(v, l, &b);
    if (err != TL_OK)
        return err;
    binding_session(binding, &(struct session_binding){
                                 .origin = v->checkpoint.origin,
                                 .log_tp = v->log_tp,
                                 .boot_leaf = v->boot_leaf,
                                 .agent = l->st.subject,
                                 .agent_tp = cose_ec2_thumbprint(&b.agent),
                                 .alg = l->st.alg,
                                 .size = b.size,
                                 .root = b.root,
                             });
    err = attested_use(&v->attested, r, l->index, &b.evidence, binding, v->platform);
    if (err == TL_OK)
        err = roots_add(&v->roots, r, l->index, b.size, &b.root);
    l->subject->sessions++;
    l->subject->es256k += b.agent.curve == COSE_SECP256K1;
    v->sessions++;
    return err == TL_OK ? open_key(v, l, &b.agent, CHECK_SESSION) : err;
}
