#include "attest/policy.h"

#include "attest/policy_entries.h"
#include "attest/tcb.h"
#include "base/refuse.h"
#include "tlog/statement.h"

#include <stdlib.h>

#define MAX_SECONDS ((UINT64_C(1) << 53) - 1) /* what every JSON reader can hold */

static tl_err read_keys(struct policy *p, const json_t *list, struct json_at at, struct tl_why *why)
{
    size_t n = 0;
    tl_err err = json_list(&n, list, 1, at, why);
    if (err != TL_OK)
        return err;
    p->keys = calloc(n, sizeof *p->keys);
    if (!p->keys)
        return TL_E_MEMORY;
    for (size_t i = 0; i < n; i++, p->key_count++) {
        struct json_at item = json_at_index(at, i);
        slice text;
        err = json_text(&text, json_array_get(list, i), item, why);
        if (err != TL_OK)
            return err;
        err = note_key_read(&p->keys[i], text);
        if (err != TL_OK)
            return json_wrong(why, item, "not a verifier key (name+id+key): %s", tl_err_text(err));
        if (REFUSED(strcmp(p->keys[i].name, p->origin) != 0))
            return json_wrong(why, item, "the key's name %.100s is not the origin",
                              p->keys[i].name);
    }
    return TL_OK;
}

static tl_err read_log(struct policy *p, const json_t *log, struct json_at at, struct tl_why *why)
{
    static const char *const names[] = {"origin", "keys", NULL};
    slice origin;
    tl_err err = json_members(log, names, at, why);
    if (err != TL_OK)
        return err;
    struct json_at place = json_at_key(at, "origin");
    err = json_text(&origin, json_object_get(log, "origin"), place, why);
    if (err != TL_OK)
        return err;
    if (REFUSED(!origin_valid(origin)))
        return json_wrong(why, place, "not an origin: 1 to 128 of A-Z a-z 0-9 . _ : @ / -");
    memcpy(p->origin, origin.p, origin.n);
    p->has_log = true;
    return read_keys(p, json_object_get(log, "keys"), json_at_key(at, "keys"), why);
}

static tl_err read_accept(uint32_t *out, const json_t *list, struct json_at at, struct tl_why *why)
{
    size_t n = 0;
    uint32_t bits = 0;
    tl_err err = json_list(&n, list, 1, at, why);
    for (size_t i = 0; err == TL_OK && i < n; i++) {
        slice name = {NULL, 0};
        enum tcb_status status = TCB_REVOKED;
        err = json_text(&name, json_array_get(list, i), json_at_index(at, i), why);
        /* Revoked is refused with the unknown ones: no policy can accept it. */
        if (err == TL_OK && !tcb_status_from(&status, name))
            status = TCB_REVOKED;
        if (err == TL_OK && REFUSED(status == TCB_REVOKED))
            err = json_wrong(why, json_at_index(at, i), "not a TCB status that may be accepted");
        bits |= UINT32_C(1) << status;
    }
    if (err == TL_OK)
        *out = bits;
    return err;
}

/* As Intel's data may have them (tcb_info.h): another could never be met. */
static bool advisory_valid(const char *id)
{
    static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
    size_t n = strlen(id);
    return n < TCB_ADVISORY_SIZE && strspn(id, chars) == n;
}

static tl_err read_advisories(struct policy_tcb *tcb, const json_t *v, struct json_at at,
                              struct tl_why *why)
{
    static const char *const names[] = {"allow", "refuse", NULL};
    tl_err err = json_members(v, names, at, why);
    if (err != TL_OK)
        return err;
    const json_t *allow = json_object_get(v, "allow"), *refuse = json_object_get(v, "refuse");
    if (REFUSED(!allow == !refuse))
        return json_wrong(why, at, "must have one of the members allow and refuse");
    at = json_at_key(at, allow ? "allow" : "refuse");
    err = json_text_list(&tcb->advisory_ids, &tcb->advisory_count, allow ? allow : refuse, 0, at,
                         why);
    for (size_t i = 0; err == TL_OK && i < tcb->advisory_count; i++)
        if (REFUSED(!advisory_valid(tcb->advisory_ids[i])))
            err =
                json_wrong(why, json_at_index(at, i),
                           "not an advisory's id: 1 to %d of A-Z a-z 0-9 -", TCB_ADVISORY_SIZE - 1);
    tcb->advisories = allow ? ADVISORIES_ALLOW : ADVISORIES_REFUSE;
    return err;
}

static tl_err read_tcb(struct policy_tcb *out, const json_t *tcb, struct json_at at,
                       struct tl_why *why)
{
    static const char *const names[] = {"accept", "advisories", "min_evaluation_number",
                                        "max_collateral_age_s", NULL};
    if (!tcb)
        return TL_OK;
    tl_err err = json_members(tcb, names, at, why);
    const json_t *accept = json_object_get(tcb, names[0]);
    if (err == TL_OK && accept)
        err = read_accept(&out->accept, accept, json_at_key(at, names[0]), why);
    const json_t *advisories = json_object_get(tcb, names[1]);
    if (err == TL_OK && advisories)
        err = read_advisories(out, advisories, json_at_key(at, names[1]), why);
    const json_t *number = json_object_get(tcb, names[2]);
    if (err == TL_OK && number)
        err = json_uint(&out->min_evaluation_number, number, UINT32_MAX, json_at_key(at, names[2]),
                        why);
    const json_t *age = json_object_get(tcb, names[3]);
    out->has_max_collateral_age = age != NULL;
    if (err == TL_OK && age)
        err = json_uint(&out->max_collateral_age, age, MAX_SECONDS, json_at_key(at, names[3]), why);
    return err;
}

static tl_err read_attributes(struct policy *p, const json_t *v, struct json_at at,
                              struct tl_why *why)
{
    static const char *const names[] = {"allow", "refuse", NULL};
    /* In the order of the bits in policy.h. */
    static const char *const allow[] = {
        "sgx-debug",     "sgx-provision-key", "sgx-einittoken-key", "td-debug", "td-sept-ve",
        "td-migratable", "td-service-td",     "td-key-locker",      "td-lass",  NULL};
    static const char *const refuse[] = {"td-pks", "td-perfmon", "sgx-kss", NULL};
    if (!v)
        return TL_OK;
    tl_err err = json_members(v, names, at, why);
    if (err == TL_OK)
        err = json_name_bits(&p->attributes_allow, v, "allow", allow, at, why);
    if (err == TL_OK)
        err = json_name_bits(&p->attributes_refuse, v, "refuse", refuse, at, why);
    return err;
}

static tl_err read_admission(struct policy *p, const json_t *admission, struct json_at at,
                             struct tl_why *why)
{
    static const char *const names[] = {"child", "attested", "bearer", NULL};
    p->allow_child = true;
    if (!admission)
        return TL_OK;
    tl_err err = json_members(admission, names, at, why);
    if (err == TL_OK)
        err = json_flag(&p->allow_child, admission, "child", at, why);
    if (err == TL_OK)
        err = json_flag(&p->allow_bearer, admission, "bearer", at, why);
    const json_t *attested = json_object_get(admission, "attested");
    if (err == TL_OK && attested)
        err = policy_entries_read(&p->attested, &p->attested_count, attested,
                                  json_at_key(at, "attested"), why);
    return err;
}

/* A C2SP policy of witnesses alone, which is to be one group of them. */
static tl_err read_quorum(struct policy_history *h, const json_t *v, struct json_at at,
                          struct tl_why *why)
{
    struct tl_why line = {0};
    size_t verifiable = 0;
    slice text;
    tl_err err = json_text(&text, v, at, why);
    if (err == TL_OK)
        err = tlog_policy_read(&h->quorum, text, &line);
    if (err == TL_E_POLICY && line.text[0])
        return json_wrong(why, at, "not a policy of c2sp.org/tlog-policy: %s", line.text);
    if (err != TL_OK)
        return err;
    if (REFUSED(h->quorum->log_count))
        return json_wrong(why, at, "the log is named under log, and by no line here");
    if (REFUSED(!tlog_policy_one_group(h->quorum, &h->need, &h->witnesses)))
        return json_wrong(
            why, at, "the quorum must be one group of all the witnesses, without groups in it");
    for (size_t i = 0; i < h->quorum->member_count; i++)
        verifiable += h->quorum->members[i].witness && h->quorum->members[i].key.verifiable;
    if (REFUSED(verifiable < h->need))
        return json_wrong(why, at,
                          "it needs %zu witnesses, and this version can verify %zu of them "
                          "(Ed25519, no ML-DSA)",
                          h->need, verifiable);
    return TL_OK;
}

/* {"quorum": …, "faulty": f, "max_age_s": n} */
static tl_err read_witnesses(struct policy_history *h, const json_t *v, struct json_at at,
                             struct tl_why *why)
{
    static const char *const names[] = {"quorum", "faulty", "max_age_s", NULL};
    tl_err err = json_members(v, names, at, why);
    if (err == TL_OK)
        err = read_quorum(h, json_object_get(v, names[0]), json_at_key(at, names[0]), why);
    if (err == TL_OK)
        err = json_uint(&h->faulty, json_object_get(v, names[1]), TLOG_POLICY_MAX_LINES,
                        json_at_key(at, names[1]), why);
    if (err == TL_OK)
        err = json_uint(&h->max_age, json_object_get(v, names[2]), MAX_SECONDS,
                        json_at_key(at, names[2]), why);
    if (err == TL_OK && REFUSED(!tlog_policy_safe(h->need, h->witnesses, h->faulty)))
        err = json_wrong(why, at,
                         "%zu of %zu witnesses, %llu of them faulty, can cosign two histories: "
                         "twice the first number must be more than the sum of the others",
                         h->need, h->witnesses, (unsigned long long)h->faulty);
    return err;
}

static tl_err read_history(struct policy *p, const json_t *history, struct json_at at,
                           struct tl_why *why)
{
    if (!history)
        return TL_OK;
    p->has_history = true;
    if (json_is_object(history))
        return read_witnesses(&p->history, history, at, why);
    slice text;
    tl_err err = json_text(&text, history, at, why);
    if (err != TL_OK)
        return err;
    if (REFUSED(!slice_eq_str(text, "unwitnessed")))
        return json_wrong(why, at, "must be \"unwitnessed\", or name a quorum of witnesses");
    return TL_OK;
}

static bool simulated(const struct policy_evidence *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (entries[i].platform == PLATFORM_SIMULATOR)
            return true;
    return false;
}

/* A policy that trusts a simulator trusts nothing else, and one that trusts
 * hardware trusts no simulator, peers included. */
static tl_err check_simulator(struct policy *p, struct tl_why *why)
{
    static const char alone[] = "a simulator entry stands alone: such a policy trusts nothing else";
    p->simulator = simulated(p->evidence, p->evidence_count);
    if (REFUSED(p->simulator && p->evidence_count != 1))
        return json_wrong(why, json_at_top("evidence"), "%s", alone);
    bool peers = simulated(p->attested, p->attested_count);
    if (REFUSED(p->attested_count && peers != p->simulator) ||
        REFUSED(peers && p->attested_count != 1))
        return json_wrong(why, json_at_top("admission.attested"), "%s", alone);
    return TL_OK;
}

static tl_err read_members(struct policy *p, const json_t *top, struct tl_why *why)
{
    static const char *const names[] = {"teelog_policy", "log",       "evidence", "tcb",
                                        "attributes",    "admission", "history",  NULL};
    struct json_at at = json_at_top("");
    tl_err err = json_members(top, names, at, why);
    if (err != TL_OK)
        return err;
    const json_t *version = json_object_get(top, "teelog_policy");
    if (REFUSED(!json_is_integer(version) || json_integer_value(version) != 1))
        return json_wrong(why, json_at_top("teelog_policy"), "must be there, and be 1");
    const json_t *log = json_object_get(top, "log");
    if (log)
        err = read_log(p, log, json_at_top("log"), why);
    const json_t *evidence = json_object_get(top, "evidence");
    if (err == TL_OK && evidence)
        err = policy_entries_read(&p->evidence, &p->evidence_count, evidence,
                                  json_at_top("evidence"), why);
    if (err == TL_OK)
        err = read_tcb(&p->tcb, json_object_get(top, "tcb"), json_at_top("tcb"), why);
    if (err == TL_OK)
        err =
            read_attributes(p, json_object_get(top, "attributes"), json_at_top("attributes"), why);
    if (err == TL_OK)
        err = read_admission(p, json_object_get(top, "admission"), json_at_top("admission"), why);
    if (err == TL_OK)
        err = read_history(p, json_object_get(top, "history"), json_at_top("history"), why);
    if (err == TL_OK)
        err = check_simulator(p, why);
    return err;
}

tl_err policy_read(struct policy **out, slice text, struct tl_why *why)
{
    struct policy *p = NULL;
    json_t *top = NULL;
    tl_err err = json_load(&top, text, why);
    if (err != TL_OK)
        return err;
    p = calloc(1, sizeof *p);
    err = p ? read_members(p, top, why) : TL_E_MEMORY;
    json_decref(top);
    if (err != TL_OK) {
        policy_free(p);
        return err;
    }
    *out = p;
    return TL_OK;
}

void policy_free(struct policy *p)
{
    if (!p)
        return;
    free(p->keys);
    tlog_policy_free(p->history.quorum);
    policy_entries_free(p->evidence, p->evidence_count);
    policy_entries_free(p->attested, p->attested_count);
    text_list_free(p->tcb.advisory_ids, p->tcb.advisory_count);
    free(p);
}
