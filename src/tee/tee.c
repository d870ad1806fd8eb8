#include "attest/quote.h"
#include "attest/td_report.h"
#include "base/refuse.h"
#include "tee/asker.h"
#include "tee/sim_files.h"

#include <pthread.h>
#include <unistd.h>

/* The platforms that are hardware, in the order in which "auto" looks for them, and where each
 * shows itself. */
static const struct hardware {
    const char *kind;
    tl_err (*open)(struct tee **out, const char *path, struct tl_why *why);
    const char *const *places; /* the last one is NULL */
} hardware[] = {
    {"sgx-gramine", gramine_open, (const char *const[]){"/dev/attestation", NULL}},
    {"tdx-dstack", dstack_open, dstack_places},
    {"tdx-tsm", tsm_open, (const char *const[]){"/sys/kernel/config/tsm/report", NULL}},
};
#define HARDWARE (sizeof hardware / sizeof hardware[0])

static tl_err open_hardware(struct tee **out, const struct hardware *h, const char *path,
                            const char *shown, struct tl_why *why)
{
    struct tl_why inner = {{0}, {0}};
    struct tee *t = NULL;
    tl_err err = h->open(&t, path, &inner);
    if (err != TL_OK)
        return tl_explain(why, err, "tee", "%s%s%s%s: %.250s", h->kind,
                          shown ? ", which --tee auto chose since there is " : "",
                          shown ? shown : "", path ? " (a stand-in)" : "",
                          tl_why_text(&inner, err));
    t->stand_in = path != NULL;
    t->shown = shown;
    err = asker_new(&t->asker, t);
    if (err == TL_OK)
        *out = t;
    else
        tee_close(t);
    return err;
}

static tl_err open_auto(struct tee **out, struct tl_why *why)
{
    for (size_t i = 0; i < HARDWARE; i++)
        for (size_t j = 0; hardware[i].places[j]; j++)
            if (access(hardware[i].places[j], F_OK) == 0)
                return open_hardware(out, &hardware[i], NULL, hardware[i].places[j], why);
    return tl_explain(why, TL_E_TEE, "tee",
                      "no trusted execution environment here: neither /dev/attestation "
                      "(SGX with Gramine) nor /var/run/dstack.sock (dstack) nor "
                      "/sys/kernel/config/tsm/report (TDX); to try things out without one, use "
                      "--tee sim, which proves nothing");
}

/* Whether text is KIND or KIND:PATH; path is then NULL or what follows the colon. */
static bool names(const char *text, const char *kind, const char **path)
{
    size_t n = strlen(kind);
    if (strncmp(text, kind, n) != 0 || (text[n] != 0 && text[n] != ':'))
        return false;
    *path = text[n] ? text + n + 1 : NULL;
    return true;
}

tl_err tee_open(struct tee **out, const char *kind, const char *dir, struct tl_why *why)
{
    const char *path;
    if (sim_is_kind(kind))
        return sim_open(out, kind, dir, why);
    if (strcmp(kind, "auto") == 0)
        return open_auto(out, why);
    for (size_t i = 0; i < HARDWARE; i++)
        if (names(kind, hardware[i].kind, &path)) {
            if (path && !*path)
                return tl_explain(why, TL_E_TEE, "tee",
                                  "a path is missing after \"%.40s\"; without the colon, the "
                                  "platform's own is used",
                                  kind);
            return open_hardware(out, &hardware[i], path, NULL, why);
        }
    return tl_explain(why, TL_E_TEE, "tee",
                      "\"%.40s\" is none of auto, sgx-gramine, tdx-dstack, tdx-tsm (each of these "
                      "three alone or as KIND:PATH), %s",
                      kind, sim_kind_names);
}

tl_err tee_open_existing(struct tee **out, const char *kind, const char *dir, struct tl_why *why)
{
    if (sim_is_kind(kind) && !sim_files_there(dir))
        return tl_explain(why, TL_E_NOT_FOUND, "data",
                          "there is no log of the simulated platform in %.200s", dir);
    return tee_open(out, kind, dir, why);
}

void tee_close(struct tee *t)
{
    if (t && t->asker)
        asker_close(t->asker);
    else if (t)
        t->ops->close(t);
}

const char *tee_platform(const struct tee *t)
{
    return t->stand_in ? "simulator" : t->ops->platform;
}

const char *tee_kind(const struct tee *t)
{
    return t->ops->platform;
}

const char *tee_sealing(const struct tee *t)
{
    return t->stand_in && t->ops->keeps_keys ? "stand-in" : t->ops->sealing;
}

bool tee_simulated(const struct tee *t)
{
    return t->stand_in || t->ops->simulated;
}

const char *tee_shown(const struct tee *t)
{
    return t->shown;
}

bool tee_keeps_keys(const struct tee *t)
{
    return t->ops->keeps_keys;
}

void tee_identity(struct tee *t, buf *text)
{
    if (t->ops->identity)
        t->ops->identity(t, text);
}

tl_err tee_sealing_key(struct tee *t, uint8_t out[32], struct tl_why *why)
{
    return t->ops->sealing_key(t, out, why);
}

static bool carries(const struct quote *q, const uint8_t report_data[64])
{
    struct td_report td;
    struct sgx_report body;
    if (quote_is_tdx(q)) {
        td_report_read(&td, q->body);
        return slice_eq(SLICE_ARRAY(td.report_data), slice_of(report_data, 64));
    }
    sgx_report_read(&body, q->body);
    return slice_eq(SLICE_ARRAY(body.report_data), slice_of(report_data, 64));
}

/* Nothing that a platform answers is taken for the answer to what was asked. */
static tl_err check_quote(slice quote, const uint8_t report_data[64], struct tl_why *why)
{
    struct quote q;
    struct tl_why inner = {{0}, {0}};
    tl_err err = quote_read(&q, quote, &inner);
    if (REFUSED(err != TL_OK))
        return tl_explain(why, TL_E_TEE, "tee", "the platform's quote cannot be read: %s",
                          tl_why_text(&inner, err));
    if (REFUSED(!carries(&q, report_data)))
        return tl_explain(why, TL_E_TEE, "tee",
                          "the platform's quote carries other report data than was asked for: "
                          "something else asks it at the same time, or answers in its place");
    return TL_OK;
}

static tl_err ask(struct tee *t, const uint8_t report_data[64], buf *quote, buf *event_log,
                  struct tl_why *why)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    if (t->asker)
        return asker_ask(t->asker, report_data, quote, event_log, why);
    pthread_mutex_lock(&lock);
    tl_err err = t->ops->quote(t, report_data, quote, event_log, why);
    pthread_mutex_unlock(&lock);
    return err;
}

tl_err tee_quote(struct tee *t, const uint8_t report_data[64], buf *quote, buf *event_log,
                 struct tl_why *why)
{
    buf unwanted;
    buf_init(&unwanted, TEE_EVENT_LOG_MAX);
    bool stand_in = t->stand_in; /* it may be closed meanwhile */
    event_log = event_log ? event_log : &unwanted;
    size_t quote_n = quote->n, log_n = event_log->n;
    tl_err err = ask(t, report_data, quote, event_log, why);
    if (err == TL_OK)
        err = buf_err(quote) != TL_OK ? buf_err(quote) : buf_err(event_log);
    if (err == TL_OK)
        err = check_quote(slice_of(quote->p + quote_n, quote->n - quote_n), report_data, why);
    if (err != TL_OK)
        quote->n = quote_n;
    if (err != TL_OK || stand_in) /* of a simulator verifiers take no event log */
        event_log->n = log_n;
    buf_finish(&unwanted);
    return err;
}

struct evidence tee_evidence(const struct tee *t, const buf *quote, const buf *event_log)
{
    return (struct evidence){
        .platform = slice_str(tee_platform(t)),
        .quote = buf_slice(quote),
        .event_log = event_log->n ? buf_slice(event_log) : (slice){NULL, 0},
    };
}

void tee_set_deadline(struct tee *t, unsigned ms)
{
    if (t && t->asker)
        asker_set_deadline(t->asker, ms);
}

tl_err tee_collateral(struct tee *t, uint64_t now, buf *json, struct tl_why *why)
{
    if (!t->ops->collateral)
        return tl_explain(why, TL_E_NOT_FOUND, "collateral", "%s makes no collateral of its own",
                          t->ops->platform);
    return t->ops->collateral(t, now, json, why);
}
