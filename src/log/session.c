/* Opening a session: a fresh key, a quote over its binding, a statement. */
#include "attest/evidence.h"
#include "crypto/secret.h"
#include "log/internal.h"

#include <stdlib.h>

tl_err evidence_make(struct log *log, struct group *g, const uint8_t report_data[64],
                     hash32 *digest, struct tl_why *why)
{
    buf quote, event_log, item;
    buf_init(&quote, TEE_QUOTE_MAX);
    buf_init(&event_log, TEE_EVENT_LOG_MAX);
    buf_init(&item, EVIDENCE_MAX);
    struct side_row row = {.kind = SIDE_EVIDENCE};
    tl_err err = tee_quote(log->tee, report_data, &quote, &event_log, why);
    if (err != TL_OK)
        goto out;
    struct evidence e = {slice_str(tee_platform(log->tee)), buf_slice(&quote),
                         event_log.n ? buf_slice(&event_log) : (slice){NULL, 0}};
    evidence_put(&item, &e);
    err = buf_err(&item);
    if (err != TL_OK)
        goto out;
    row.key = sha256(buf_slice(&item));
    err = group_keep(g, buf_slice(&item), &row.value);
    if (err == TL_OK)
        err = group_row(g, row);
    if (err == TL_OK)
        *digest = row.key;
out:
    buf_finish(&item);
    buf_finish(&event_log);
    buf_finish(&quote);
    return err;
}

/* The preimage of label 5: what the agent is called and how it was started.
 * Kept sealed beside the statement, so that it can be disclosed later. */
static tl_err about(struct log *log, struct group *g, const struct subject *s, hash32 *digest,
                    slice *sealed)
{
    buf b, out;
    uint8_t salt[BODY_SALT];
    size_t words = 0;
    buf_init(&b, 1u << 20);
    buf_init(&out, 1u << 20);
    while (log->command && log->command[words])
        words++;
    tl_err err = random_bytes(salt, sizeof salt);
    if (err != TL_OK)
        goto out;
    cbor_put_array(&b, 3);
    cbor_put_bytes(&b, SLICE_ARRAY(salt));
    cbor_put_text(&b, s->name);
    cbor_put_array(&b, words);
    for (size_t i = 0; i < words; i++)
        cbor_put_str(&b, log->command[i]);
    err = buf_err(&b);
    if (err != TL_OK)
        goto out;
    *digest = sha256(buf_slice(&b));
    err = body_seal(log->bodies, &out, digest, buf_slice(&b));
    if (err == TL_OK)
        err = group_keep(g, buf_slice(&out), sealed);
out:
    buf_finish_secret(&b);
    buf_finish(&out);
    return err;
}

static void binding(struct log *log, const struct subject *s, const struct body_session *v,
                    const hash32 *agent_tp, enum cose_alg alg, uint8_t report_data[64])
{
    struct session_binding b = {.origin = slice_str(log->keys.origin),
                                .log_tp = log->log_tp,
                                .boot_leaf = log->boot_leaf,
                                .agent = s->name,
                                .agent_tp = *agent_tp,
                                .alg = alg,
                                .size = v->size,
                                .root = v->root};
    binding_session(report_data, &b);
}

tl_err session_open(struct log *log, struct group *g, struct subject *s, enum admission admission,
                    enum cose_alg alg, struct tl_why *why)
{
    struct session fresh = {.admission = admission, .opened_ms = stats_now_us() / 1000};
    uint8_t report_data[64], mem[512];
    struct placing p = {.kind = ST_SESSION, .subject = s, .session = UINT64_MAX};
    struct body_session v = {.boot = log->boot_index,
                             .size = log->durable_size,
                             .root = log->durable_root,
                             .admission = admission};
    buf body;
    buf_init_fixed(&body, mem, sizeof mem);
    if (!(log->admissions >> admission & 1))
        return tl_explain(why, TL_E_FORBIDDEN, NULL,
                          "this log's configuration does not admit callers of this kind");
    tl_err err = sign_key_generate(&fresh.key, alg);
    if (err != TL_OK)
        return err;
    sign_key_point(&fresh.key, &v.agent);
    fresh.kid = cose_ec2_thumbprint(&v.agent);
    binding(log, s, &v, &fresh.kid, alg, report_data);
    err = evidence_make(log, g, report_data, &v.evidence, why);
    if (err == TL_OK)
        err = about(log, g, s, &v.about, &p.extra);
    if (err == TL_OK) {
        body_session_put(&body, &v);
        err = buf_err(&body);
    }
    if (err == TL_OK)
        err = group_keep(g, buf_slice(&body), &p.body);
    if (err != TL_OK) {
        session_close(&fresh);
        return err;
    }
    p.payload = sha256(p.body);
    p.key = fresh.key;
    p.kid = fresh.kid;
    fresh.index = place(log, g, &p)->index;
    session_close(&s->session);
    s->session = fresh;
    return TL_OK;
}
