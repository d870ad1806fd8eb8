#include "attest/quote.h"
#include "attest/td_report.h"
#include "base/refuse.h"
#include "tee/platform.h"
#include "tee/sim_files.h"

#include <pthread.h>
#include <unistd.h>

/* Where each kind of TEE shows itself; the first of a kind that is there counts. */
static const struct {
    const char *path, *platform;
} places[] = {
    {"/dev/attestation/quote", "sgx-gramine"}, {"/var/run/dstack.sock", "tdx-dstack"},
    {"/run/dstack.sock", "tdx-dstack"},        {"/var/run/dstack/dstack.sock", "tdx-dstack"},
    {"/run/dstack/dstack.sock", "tdx-dstack"}, {"/sys/kernel/config/tsm/report", "tdx-tsm"},
};

static tl_err open_auto(struct tl_why *why)
{
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (access(places[i].path, F_OK) == 0)
            return tl_explain(why, TL_E_TEE, "tee",
                              "%s says that this is %s, which this version of teelog does not "
                              "drive yet; --tee sim is for trying things out, and proves nothing",
                              places[i].path, places[i].platform);
    return tl_explain(why, TL_E_TEE, "tee",
                      "no trusted execution environment here: neither /dev/attestation/quote "
                      "(SGX with Gramine) nor /var/run/dstack.sock (dstack) nor "
                      "/sys/kernel/config/tsm/report (TDX); to try things out without one, use "
                      "--tee sim");
}

tl_err tee_open(struct tee **out, const char *kind, const char *dir, struct tl_why *why)
{
    if (sim_is_kind(kind))
        return sim_open(out, kind, dir, why);
    if (strcmp(kind, "auto") == 0)
        return open_auto(why);
    return tl_explain(why, TL_E_TEE, "tee", "\"%.40s\" is none of auto, %s", kind, sim_kind_names);
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
    if (t)
        t->ops->close(t);
}

const char *tee_platform(const struct tee *t)
{
    return t->ops->platform;
}

const char *tee_sealing(const struct tee *t)
{
    return t->ops->sealing;
}

bool tee_simulated(const struct tee *t)
{
    return t->ops->simulated;
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

tl_err tee_quote(struct tee *t, const uint8_t report_data[64], buf *quote, buf *event_log,
                 struct tl_why *why)
{
    /* Platforms have one place to ask, of several steps: one thread at a time. */
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    buf unwanted;
    buf_init(&unwanted, TEE_EVENT_LOG_MAX);
    event_log = event_log ? event_log : &unwanted;
    size_t quote_n = quote->n, log_n = event_log->n;
    pthread_mutex_lock(&lock);
    tl_err err = t->ops->quote(t, report_data, quote, event_log, why);
    pthread_mutex_unlock(&lock);
    if (err == TL_OK)
        err = buf_err(quote) != TL_OK ? buf_err(quote) : buf_err(event_log);
    if (err == TL_OK)
        err = check_quote(slice_of(quote->p + quote_n, quote->n - quote_n), report_data, why);
    if (err != TL_OK) {
        quote->n = quote_n;
        event_log->n = log_n;
    }
    buf_finish(&unwanted);
    return err;
}

tl_err tee_collateral(struct tee *t, uint64_t now, buf *json, struct tl_why *why)
{
    if (!t->ops->collateral)
        return tl_explain(why, TL_E_NOT_FOUND, "collateral", "%s makes no collateral of its own",
                          t->ops->platform);
    return t->ops->collateral(t, now, json, why);
}
