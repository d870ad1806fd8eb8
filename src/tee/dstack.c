/* A TDX guest of dstack's: its guest agent makes quotes, keeps the event log that goes
 * with them, and derives keys for the application. Two of its interfaces are spoken:
 * that of dstack 0.5 on (dstack.sock) and the one before it (tappd.sock). Nothing is
 * ever added to the event log: later versions do not let an application do it. */
#include "tee/dstack.h"

#include "attest/eventlog.h"
#include "attest/quote.h"
#include "base/encoding.h"
#include "base/refuse.h"
#include "crypto/hash.h"
#include "crypto/secret.h"
#include "tee/agent.h"
#include "tee/dstack_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define KEY_PATH "teelog/sealing/v1" /* of the agent's, which derives a key for each */

/* What the two interfaces have different. */
struct dstack_api {
    const char *quote, *quote_more, *key, *info; /* targets; more of a quote's request */
    tl_err (*read_key)(uint8_t key[32], slice json, struct tl_why *why);
};

static const struct dstack_api current = {
    .quote = "/GetQuote",
    .quote_more = "",
    .key = "/GetKey",
    .info = "/Info",
    .read_key = dstack_read_key,
};

/* raw: the 64 bytes are the report data, and not hashed once more. */
static const struct dstack_api legacy = {
    .quote = "/prpc/Tappd.TdxQuote?json",
    .quote_more = ",\"hash_algorithm\":\"raw\"",
    .key = "/prpc/Tappd.DeriveKey?json",
    .info = "/prpc/Tappd.Info?json",
    .read_key = dstack_read_derived,
};

struct dstack {
    struct tee tee;
    const struct dstack_api *api;
    struct agent agent;
    char path[DSTACK_PATH_MAX];
};

static struct dstack *dstack_of(struct tee *t)
{
    return (struct dstack *)t; /* its first member */
}

static void dstack_close(struct tee *t)
{
    free(dstack_of(t));
}

/* ---- asking ---- */

/* The agent's own errors have status 400, and a sentence. */
static tl_err refused(const struct dstack *d, const char *target, unsigned status, slice answer,
                      struct tl_why *why)
{
    uint8_t bytes[201];
    buf said;
    buf_init_fixed(&said, bytes, sizeof bytes - 1);
    dstack_read_error(&said, answer);
    bytes[said.n] = 0;
    return tl_explain(why, TL_E_TEE, "tee",
                      "dstack's agent on %s refuses %s (HTTP %u)%s%s; its log may say why", d->path,
                      target, status, said.n ? ": " : "", (const char *)bytes);
}

/* answer: of the caller's, secret where the answer is. */
static tl_err ask(const struct dstack *d, buf *answer, const char *target, const char *json,
                  struct tl_why *why)
{
    unsigned status;
    tl_err err = agent_post(&d->agent, answer, &status, target, slice_str(json), why);
    if (err == TL_OK && REFUSED(status != 200))
        return refused(d, target, status, buf_slice(answer), why);
    return err;
}

static tl_err useless(const struct dstack *d, const char *target, tl_err err,
                      const struct tl_why *inner, struct tl_why *why)
{
    if (err == TL_E_MEMORY)
        return err;
    return tl_explain(why, TL_E_TEE, "tee",
                      "what dstack's agent on %.80s answers to %s cannot be used: %s", d->path,
                      target, tl_why_text(inner, err));
}

/* ---- keys ---- */

/* What the agent gives is a key of its own kind, which any container that has its socket
 * can ask for as well: all of them are of the same compose file. */
static tl_err dstack_sealing_key(struct tee *t, uint8_t out[32], struct tl_why *why)
{
    const struct dstack *d = dstack_of(t);
    struct tl_why inner = {{0}, {0}};
    uint8_t secret[32];
    buf answer;
    buf_init_secret(&answer, AGENT_BODY_MAX);
    tl_err err = ask(d, &answer, d->api->key, "{\"path\":\"" KEY_PATH "\"}", why);
    if (err == TL_OK) {
        err = d->api->read_key(secret, buf_slice(&answer), &inner);
        if (err != TL_OK)
            err = useless(d, d->api->key, err, &inner, why);
    }
    /* A log under a stand-in is never one under the real agent. */
    if (err == TL_OK)
        hkdf_sha256(out, 32, SLICE_ARRAY(secret), slice_of(NULL, 0),
                    slice_str(t->stand_in ? "teelog/platform/tdx-dstack stand-in/v1"
                                          : "teelog/platform/tdx-dstack/v1"));
    secret_wipe(secret, sizeof secret);
    buf_finish(&answer);
    return err;
}

/* ---- quotes ---- */

/* An agent that has lost its log, or gives another's, would leave evidence that every
 * verifier rejects; that is to be known now, and not by whoever reads the log later. */
static tl_err check_log(slice quote, slice log, struct tl_why *why)
{
    struct quote q;
    struct td_report td;
    struct eventlog e;
    tl_err err = quote_read(&q, quote, why);
    if (err != TL_OK)
        return err;
    if (REFUSED(!quote_is_tdx(&q)))
        return tl_explain(why, TL_E_TEE, "quote", "the quote is none of a TDX guest");
    td_report_read(&td, q.body);
    err = eventlog_read(&e, log, why);
    if (err != TL_OK)
        return err;
    err = eventlog_check(&e, &td, why);
    eventlog_finish(&e);
    return err;
}

static tl_err read_quote(const struct dstack *d, buf *quote, buf *event_log, slice answer,
                         struct tl_why *why)
{
    struct tl_why inner = {{0}, {0}};
    const size_t quote_n = quote->n, log_n = event_log->n;
    tl_err err = dstack_read_quote(quote, event_log, answer, &inner);
    if (err == TL_OK)
        err = check_log(slice_of(quote->p + quote_n, quote->n - quote_n),
                        slice_of(event_log->p + log_n, event_log->n - log_n), &inner);
    return err == TL_OK ? TL_OK : useless(d, d->api->quote, err, &inner, why);
}

static tl_err dstack_quote(struct tee *t, const uint8_t report_data[64], buf *quote, buf *event_log,
                           struct tl_why *why)
{
    const struct dstack *d = dstack_of(t);
    char hex[129], request[200];
    buf answer;
    hex_text(hex, report_data, 64);
    snprintf(request, sizeof request, "{\"report_data\":\"%s\"%s}", hex, d->api->quote_more);
    buf_init(&answer, AGENT_BODY_MAX);
    tl_err err = ask(d, &answer, d->api->quote, request, why);
    if (err == TL_OK)
        err = read_quote(d, quote, event_log, buf_slice(&answer), why);
    buf_finish(&answer);
    return err;
}

/* ---- identity ---- */

static void dstack_identity(struct tee *t, buf *text)
{
    const struct dstack *d = dstack_of(t);
    struct tl_why why = {{0}, {0}};
    uint8_t bytes[400];
    buf answer, line;
    buf_init(&answer, AGENT_BODY_MAX);
    buf_init_fixed(&line, bytes, sizeof bytes);
    if (ask(d, &answer, d->api->info, "{}", &why) == TL_OK &&
        dstack_read_info(&line, buf_slice(&answer), &why) == TL_OK)
        buf_bytes(text, buf_slice(&line));
    buf_finish(&answer);
}

/* ---- opening ---- */

#define DSTACK_OPS(where)                                                                          \
    {                                                                                              \
        .platform = "tdx-dstack", .sealing = (where), .keeps_keys = true, .close = dstack_close,   \
        .sealing_key = dstack_sealing_key, .quote = dstack_quote, .identity = dstack_identity      \
    }
static const struct tee_ops current_ops = DSTACK_OPS("dstack GetKey");
static const struct tee_ops legacy_ops = DSTACK_OPS("dstack DeriveKey");

/* Those of dstack's own clients, in their order. */
const char *const dstack_places[] = {
    "/var/run/dstack.sock",      "/run/dstack.sock",      "/var/run/dstack/dstack.sock",
    "/run/dstack/dstack.sock",   "/var/run/tappd.sock",   "/run/tappd.sock",
    "/var/run/tappd/tappd.sock", "/run/tappd/tappd.sock", NULL,
};

/* Docker makes a folder of the same name where there was nothing to mount. */
static bool is_socket(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

bool dstack_find(char path[DSTACK_PATH_MAX], const char *root)
{
    char place[DSTACK_PATH_MAX];
    for (size_t i = 0; dstack_places[i]; i++) {
        int n = snprintf(place, sizeof place, "%s%s", root, dstack_places[i]);
        if (n > 0 && (size_t)n < sizeof place && is_socket(place)) {
            memcpy(path, place, (size_t)n + 1);
            return true;
        }
    }
    return false;
}

/* Which interface a socket speaks is in its name, as in the places above. */
static bool is_legacy(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    return strncmp(name, "tappd", 5) == 0;
}

tl_err dstack_open_at(struct tee **out, const char *path, unsigned patience_ms, struct tl_why *why)
{
    if (strlen(path) >= DSTACK_PATH_MAX)
        return tl_explain(why, TL_E_USAGE, "tee",
                          "the path of the agent's socket is longer than a socket's can be (%d "
                          "bytes)",
                          DSTACK_PATH_MAX - 1);
    struct dstack *d = calloc(1, sizeof *d);
    if (!d)
        return TL_E_MEMORY;
    bool is_old = is_legacy(path);
    memcpy(d->path, path, strlen(path) + 1);
    d->api = is_old ? &legacy : &current;
    d->agent = (struct agent){.path = d->path, .patience_ms = patience_ms};
    d->tee.ops = is_old ? &legacy_ops : &current_ops;
    *out = &d->tee;
    return TL_OK;
}

tl_err dstack_open(struct tee **out, const char *path, struct tl_why *why)
{
    char found[DSTACK_PATH_MAX];
    if (path)
        return dstack_open_at(out, path, AGENT_ANSWER_MS, why);
    if (!dstack_find(found, ""))
        return tl_explain(
            why, TL_E_TEE, "tee",
            "no agent of dstack's here: neither /var/run/dstack.sock nor, of versions "
            "before 0.5, /var/run/tappd.sock; mount it into the container (volumes: "
            "- /var/run/dstack.sock:/var/run/dstack.sock)");
    return dstack_open_at(out, found, AGENT_ANSWER_MS, why);
}
