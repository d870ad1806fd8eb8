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

tl_err tee_quote(struct tee *t, const uint8_t report_data[64], buf *quote, struct tl_why *why)
{
    /* Platforms have one place to ask, of several steps: one thread at a time. */
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    tl_err err = t->ops->quote(t, report_data, quote, why);
    pthread_mutex_unlock(&lock);
    return err;
}

tl_err tee_collateral(struct tee *t, uint64_t now, buf *json, struct tl_why *why)
{
    if (!t->ops->collateral)
        return tl_explain(why, TL_E_NOT_FOUND, "collateral", "%s makes no collateral of its own",
                          t->ops->platform);
    return t->ops->collateral(t, now, json, why);
}
