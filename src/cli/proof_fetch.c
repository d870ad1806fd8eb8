#include "cli/proof_fetch.h"

#include "base/encoding.h"
#include "base/refuse.h"
#include "tlog/body.h"
#include "tlog/key_set.h"
#include "tlog/proof.h"
#include "tlog/transparent.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

void proof_found_init(struct proof_found *f)
{
    *f = (struct proof_found){.size = 0};
    buf_init(&f->proof, PROOF_FETCH_MAX);
    buf_init(&f->statement, STATEMENT_MAX);
    buf_init(&f->key, KEY_SET_MAX);
}

void proof_found_finish(struct proof_found *f)
{
    buf_finish(&f->proof);
    buf_finish(&f->statement);
    buf_finish(&f->key);
}

static tl_err wrong(struct tl_why *why, const char *what)
{
    return tl_explain(why, TL_E_PROOF, NULL, "the service's answer proves nothing: %s", what);
}

static struct teelog_bytes bytes_of(slice s)
{
    return (struct teelog_bytes){s.p, s.n};
}

/* What our own verifier says of it. Where nothing is pinned, that it is sound. */
static tl_err judge(const struct teelog_logged_options *o, struct tl_why *why)
{
    struct teelog_logged *l = NULL;
    char message[320] = "";
    tl_err err = teelog_logged_verify(&l, o, message, sizeof message);
    if (err != TL_OK)
        return tl_explain(why, err, NULL, "%s", message[0] ? message : tl_err_text(err));
    if (teelog_logged_verdict(l) == TEELOG_REJECTED) {
        char *text = teelog_logged_text(l);
        err = text ? wrong(why, text) : TL_E_MEMORY;
        free(text);
    }
    teelog_logged_free(l);
    return err;
}

static tl_err get(struct client *c, buf *out, struct tl_why *why, const char *route, uint64_t n)
{
    char target[64];
    snprintf(target, sizeof target, "%s%" PRIu64, route, n);
    buf_reset(out);
    return client_get(c, target, out, why);
}

/* ---- text ---- */

/* That the proof is one at all, under whichever key. */
static tl_err check_path(struct proof_found *out, const struct tlog_proof *p, struct tl_why *why)
{
    struct checkpoint head;
    struct note *note = malloc(sizeof *note);
    if (!note)
        return TL_E_MEMORY;
    hash32 leaf = merkle_leaf_hash(buf_slice(&out->statement));
    tl_err err = note_read(note, p->checkpoint);
    if (err == TL_OK)
        err = checkpoint_read_foreign(&head, note->text);
    if (err == TL_OK && REFUSED(head.origin.n > NOTE_NAME_MAX))
        err = TL_E_CHECKPOINT;
    if (err == TL_OK)
        err =
            merkle_verify_inclusion(p->index, head.size, &leaf, p->path, p->path_count, &head.root);
    if (err == TL_OK) {
        memcpy(out->origin, head.origin.p, head.origin.n);
        out->origin[head.origin.n] = 0;
        out->size = head.size;
    }
    free(note);
    return err == TL_OK ? TL_OK : wrong(why, tl_err_text(err));
}

static tl_err check_text(struct proof_found *out, uint64_t index, const struct proof_trust *trust,
                         struct tl_why *why)
{
    struct tlog_proof p;
    tl_err err = tlog_proof_read(&p, buf_slice(&out->proof));
    if (err != TL_OK)
        return wrong(why, tl_err_text(err));
    if (REFUSED(p.index != index) || REFUSED(!p.has_extra))
        return wrong(why, "it is of another entry, or does not hold the statement");
    buf_reset(&out->statement);
    if (base64_read(&out->statement, p.extra) != TL_OK)
        return wrong(why, "the statement is too long");
    err = check_path(out, &p, why);
    if (err != TL_OK || (!trust->policy && !trust->tlog_policy.p))
        return err;
    const struct teelog_logged_options o = {.proof = bytes_of(buf_slice(&out->proof)),
                                            .policy = trust->policy,
                                            .tlog_policy = bytes_of(trust->tlog_policy)};
    return judge(&o, why);
}

tl_err proof_fetch_text(struct proof_found *out, struct client *c, uint64_t index,
                        const struct proof_trust *trust, struct tl_why *why)
{
    tl_err err = get(c, &out->proof, why, "/v1/proof/", index);
    return err == TL_OK ? check_text(out, index, trust, why) : err;
}

/* ---- the key of a receipt ---- */

/* The member of an answer that is a JSON object; freed by json_decref(*top). */
static const json_t *member(json_t **top, const buf *answer, const char *name)
{
    *top = json_loadb((const char *)answer->p, answer->n, JSON_REJECT_DUPLICATES, NULL);
    return json_object_get(*top, name);
}

static tl_err find_boot(uint64_t *boot, struct client *c, buf *answer, struct tl_why *why)
{
    json_t *top = NULL;
    buf_reset(answer);
    tl_err err = client_get(c, "/v1/status", answer, why);
    if (err != TL_OK)
        return err;
    const json_t *found = member(&top, answer, "boot");
    bool good = json_is_integer(found) && json_integer_value(found) >= 0;
    if (good)
        *boot = (uint64_t)json_integer_value(found);
    json_decref(top);
    return good ? TL_OK : wrong(why, "the service does not say which its boot is");
}

static tl_err read_body(buf *body, const buf *answer, struct tl_why *why)
{
    json_t *top = NULL;
    const char *text = json_string_value(member(&top, answer, "body"));
    tl_err err = text ? base64_read(body, slice_str(text)) : TL_E_NOT_FOUND;
    json_decref(top);
    return err == TL_OK ? TL_OK : wrong(why, "there is no body of the boot statement");
}

/* Whether the statement, which is in the log, is of a boot with this key. */
static tl_err check_boot(const buf *statement, const buf *body, slice kid, struct tl_why *why)
{
    struct statement st;
    struct body_boot boot;
    uint8_t mem[COSE_EC2_SIZE];
    buf b;
    hash32 digest = sha256(buf_slice(body));
    tl_err err = statement_read(&st, buf_slice(statement));
    if (err == TL_OK && (REFUSED(st.kind != ST_BOOT) || REFUSED(!hash_eq(&digest, &st.payload))))
        err = TL_E_STATEMENT;
    if (err == TL_OK)
        err = body_boot_read(&boot, buf_slice(body));
    if (err != TL_OK)
        return wrong(why, "the boot that it names is none");
    buf_init_fixed(&b, mem, sizeof mem);
    cose_ec2_put(&b, &boot.service);
    hash32 thumbprint = sha256(buf_slice(&b));
    if (REFUSED(!slice_eq(hash_slice(&thumbprint), kid)))
        return wrong(why, "the receipt's key is not that of the log's last boot; was the service "
                          "started again just now?");
    return TL_OK;
}

/* With trust: that the key is one of this log's, by the boot statement that names it. */
static tl_err prove_key(struct client *c, const struct receipt *r, const struct proof_trust *trust,
                        struct tl_why *why)
{
    struct proof_found boot;
    uint64_t index = 0;
    buf answer, body;
    if (!trust->policy && !trust->tlog_policy.p)
        return TL_OK;
    proof_found_init(&boot);
    buf_init(&answer, PROOF_FETCH_MAX);
    buf_init(&body, BODY_MAX);
    tl_err err = find_boot(&index, c, &answer, why);
    if (err == TL_OK)
        err = proof_fetch_text(&boot, c, index, trust, why);
    if (err == TL_OK)
        err = get(c, &answer, why, "/v1/records/", index);
    if (err == TL_OK)
        err = read_body(&body, &answer, why);
    if (err == TL_OK)
        err = check_boot(&boot.statement, &body, r->kid, why);
    if (err == TL_OK && REFUSED(!slice_eq_str(r->issuer, boot.origin)))
        err = wrong(why, "the receipt is of another log");
    buf_finish(&body);
    buf_finish(&answer);
    proof_found_finish(&boot);
    return err;
}

/* The key with this kid among those that the service names, as a set of its own. */
static tl_err fetch_key(buf *out, struct client *c, const struct receipt *r,
                        const struct proof_trust *trust, struct tl_why *why)
{
    struct cose_ec2 key;
    buf set;
    buf_init(&set, KEY_SET_MAX);
    tl_err err = client_get(c, "/.well-known/scitt-keys", &set, why);
    if (err == TL_OK && key_set_find(&key, buf_slice(&set), r->kid) != TL_OK)
        err = wrong(why, "the receipt's key is not among those that the service names");
    buf_finish(&set);
    if (err != TL_OK)
        return err;
    buf_reset(out);
    key_set_put(out, &key, 1);
    err = buf_err(out);
    return err == TL_OK ? prove_key(c, r, trust, why) : err;
}

/* ---- COSE ---- */

static tl_err put_inside(struct proof_found *out)
{
    struct cose_sign1 s;
    buf whole;
    tl_err err = cose_sign1_read(&s, buf_slice(&out->statement));
    if (err != TL_OK)
        return err;
    buf_init(&whole, PROOF_FETCH_MAX);
    const struct transparent t = {.protected_header = s.protected_header,
                                  .payload = s.payload,
                                  .signature = s.signature,
                                  .count = 1,
                                  .receipts = {buf_slice(&out->proof)}};
    transparent_put(&whole, &t);
    err = buf_err(&whole);
    if (err == TL_OK) {
        buf_reset(&out->proof);
        buf_bytes(&out->proof, buf_slice(&whole));
        err = buf_err(&out->proof);
    }
    buf_finish(&whole);
    return err;
}

tl_err proof_fetch_receipt(struct proof_found *out, struct client *c, uint64_t index, bool inside,
                           const struct proof_trust *trust, struct tl_why *why)
{
    struct receipt r;
    tl_err err = proof_fetch_text(out, c, index, trust, why); /* for the statement */
    if (err == TL_OK)
        err = get(c, &out->proof, why, "/entries/", index);
    if (err != TL_OK)
        return err;
    if (receipt_read(&r, buf_slice(&out->proof)) != TL_OK || REFUSED(r.first != index) ||
        REFUSED(r.kind != RECEIPT_INCLUSION))
        return wrong(why, "it is no receipt of that entry");
    if (REFUSED(!slice_eq_str(r.issuer, out->origin)))
        return wrong(why, "the receipt is of another log");
    err = fetch_key(&out->key, c, &r, trust, why);
    const struct teelog_logged_options o = {.proof = bytes_of(buf_slice(&out->proof)),
                                            .entry = bytes_of(buf_slice(&out->statement)),
                                            .service_keys = bytes_of(buf_slice(&out->key))};
    if (err == TL_OK)
        err = judge(&o, why);
    out->size = r.tree_size;
    return err == TL_OK && inside ? put_inside(out) : err;
}

static tl_err check_growth(struct proof_found *out, const struct receipt *r, uint64_t from,
                           slice older, const struct proof_trust *trust, struct tl_why *why)
{
    if (REFUSED(r->kind != RECEIPT_CONSISTENCY) || REFUSED(r->first != from) ||
        REFUSED(!origin_valid(r->issuer)))
        return wrong(why, "it is no receipt of what was asked for");
    memcpy(out->origin, r->issuer.p, r->issuer.n);
    out->origin[r->issuer.n] = 0;
    out->size = r->tree_size;
    if (!older.p)
        return TL_OK;
    const struct teelog_logged_options o = {
        .proof = bytes_of(buf_slice(&out->proof)),
        .service_keys = bytes_of(buf_slice(&out->key)),
        .tlog_policy = bytes_of(trust->key_alone ? trust->tlog_policy : (slice){NULL, 0}),
        .since = bytes_of(older)};
    return judge(&o, why);
}

tl_err proof_fetch_growth(struct proof_found *out, struct client *c, uint64_t from, slice older,
                          const struct proof_trust *trust, struct tl_why *why)
{
    struct receipt r;
    tl_err err = get(c, &out->proof, why, "/v1/consistency?from=", from);
    if (err != TL_OK)
        return err;
    if (receipt_read(&r, buf_slice(&out->proof)) != TL_OK)
        return wrong(why, "it is no receipt of what was asked for");
    err = fetch_key(&out->key, c, &r, trust, why);
    return err == TL_OK ? check_growth(out, &r, from, older, trust, why) : err;
}
