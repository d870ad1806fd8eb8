#include "attest/tcb.h"

#include "base/refuse.h"

#include <stdlib.h>

/* TEE_TCB_SVN: the TDX module's minor SVN and its major version. */
enum { MODULE_MINOR = 0, MODULE_MAJOR = 1 };

/* The levels that were met: the platform's, the QE's, the TDX module's. */
struct met {
    enum tcb_status status, qe;
    uint64_t date;
    const struct advisories *advisories[3];
    size_t count;
};

static void meet(struct met *m, enum tcb_status status, uint64_t date, const struct advisories *a)
{
    m->status = m->count ? tcb_status_join(m->status, status) : status;
    if (m->count == 0 || date < m->date)
        m->date = date;
    m->advisories[m->count++] = a;
}

/* Each component by itself: a higher one does not make up for a lower one. */
static bool covers(const uint8_t have[16], const uint8_t need[16], size_t from)
{
    for (size_t i = from; i < 16; i++)
        if (REFUSED(have[i] < need[i]))
            return false;
    return true;
}

/* The highest level that is met; svn is a TD's TEE_TCB_SVN, NULL for SGX. */
static const struct tcb_level *platform_level(const struct tcb_info *info,
                                              const struct sgx_extension *pck, const uint8_t *svn)
{
    /* A module with an identity of its own is judged by that, and not here. */
    size_t from = svn && svn[MODULE_MAJOR] ? 2 : 0;
    for (size_t i = 0; i < info->level_count; i++) {
        const struct tcb_level *l = &info->levels[i];
        if (covers(pck->components, l->sgx, 0) && !REFUSED(pck->pce_svn < l->pce_svn) &&
            (!svn || covers(svn, l->tdx, from)))
            return l;
    }
    return NULL;
}

static const struct svn_level *svn_level(const struct svn_level *levels, size_t count, unsigned svn)
{
    for (size_t i = 0; i < count; i++)
        if (!REFUSED(svn < levels[i].isv_svn))
            return &levels[i];
    return NULL;
}

static const struct tdx_module *find_module(const struct tcb_info *info, uint8_t major)
{
    for (size_t i = 0; i < info->module_count; i++)
        if (info->modules[i].major == major)
            return &info->modules[i];
    return NULL;
}

static tl_err no_module(struct tl_why *why, uint8_t major)
{
    return tl_explain(why, TL_E_FIELD, "tdxModuleIdentities",
                      "the TCB info has no identity for TDX module version %u", major);
}

/* Meets the levels that this TEE_TCB_SVN (NULL for SGX) has. */
static tl_err evaluate(struct met *m, const struct tcb_input *in, const uint8_t *svn,
                       const char **stage, struct tl_why *why)
{
    *stage = "tcb";
    const struct tcb_level *platform = platform_level(in->info, in->pck, svn);
    if (REFUSED(!platform))
        return tl_explain(why, TL_E_FIELD, "tcbLevels", "no TCB level is met by the platform");
    meet(m, platform->status, platform->date, &platform->advisories);

    const struct svn_level *qe = svn_level(in->qe->levels, in->qe->level_count, in->qe_isv_svn);
    if (REFUSED(!qe))
        return tl_explain(why, TL_E_FIELD, "isvsvn",
                          "no level of the quoting enclave's identity is met by its SVN %u",
                          in->qe_isv_svn);
    meet(m, qe->status, qe->date, &qe->advisories);
    m->qe = qe->status;
    if (!svn || svn[MODULE_MAJOR] == 0)
        return TL_OK;

    *stage = "tdx-module";
    const struct tdx_module *module = find_module(in->info, svn[MODULE_MAJOR]);
    if (REFUSED(!module))
        return no_module(why, svn[MODULE_MAJOR]);
    const struct svn_level *l = svn_level(module->levels, module->level_count, svn[MODULE_MINOR]);
    if (REFUSED(!l))
        return tl_explain(why, TL_E_FIELD, "tdxModuleIdentities",
                          "no level of TDX module version %u is met by its SVN %u",
                          svn[MODULE_MAJOR], svn[MODULE_MINOR]);
    meet(m, l->status, l->date, &l->advisories);
    return TL_OK;
}

/* The signer and attributes of the module that launched the TD. Attributes are
 * compared whole: Intel's mask is all ones, and its library does not use it. */
static tl_err check_module(const struct tcb_info *info, const struct td_report *td,
                           struct tl_why *why)
{
    static const uint8_t none[8];
    const uint8_t *signer = info->module_mr_signer, *attributes = info->module_attributes;
    if (td->tee_tcb_svn[MODULE_MAJOR]) {
        const struct tdx_module *m = find_module(info, td->tee_tcb_svn[MODULE_MAJOR]);
        if (REFUSED(!m))
            return no_module(why, td->tee_tcb_svn[MODULE_MAJOR]);
        signer = m->mr_signer;
        attributes = m->attributes;
    }
    if (REFUSED(memcmp(td->mr_signer_seam, signer, 48) != 0))
        return tl_explain(why, TL_E_FIELD, "mrsigner",
                          "MRSIGNERSEAM is not the signer that the TCB info names");
    if (REFUSED(memcmp(td->seam_attributes, attributes, 8) != 0))
        return tl_explain(why, TL_E_FIELD, "attributes",
                          "SEAMATTRIBUTES are not those that the TCB info names");
    if (REFUSED(memcmp(td->seam_attributes, none, 8) != 0))
        return tl_explain(why, TL_E_FIELD, "attributes", "SEAMATTRIBUTES are not zero");
    return TL_OK;
}

static int by_text(const void *a, const void *b)
{
    return slice_cmp(*(const slice *)a, *(const slice *)b);
}

/* All advisories of the levels, sorted, each once. */
static size_t collect(slice *ids, const struct met *m)
{
    size_t n = 0, kept = 0;
    for (size_t i = 0; i < m->count; i++)
        for (size_t at = 0; advisories_next(m->advisories[i], &at, &ids[n]);)
            n++;
    if (n > 1)
        qsort(ids, n, sizeof *ids, by_text);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || !slice_eq(ids[i], ids[kept - 1]))
            ids[kept++] = ids[i];
    return kept;
}

tl_err tcb_evaluate(struct tcb_verdict *out, const struct tcb_input *in, const char **stage,
                    struct tl_why *why)
{
    struct met launch = {0}, now = {0};
    slice ids[3 * TCB_LEVEL_ADVISORIES + 1];
    tl_err err = TL_OK;
    if (in->td) {
        *stage = "tdx-module";
        err = check_module(in->info, in->td, why);
        if (err != TL_OK)
            return err;
    }
    err = evaluate(&launch, in, in->td ? in->td->tee_tcb_svn : NULL, stage, why);
    if (err != TL_OK)
        return err;
    /* The TD may run under a newer module than the one that launched it. */
    if (in->td && in->td->has_15) {
        err = evaluate(&now, in, in->td->tee_tcb_svn2, stage, why);
        if (err != TL_OK)
            return err;
        launch.status = tcb_status_relaunched(launch.status, now.status);
    }
    *stage = "tcb";
    size_t n = collect(ids, &launch);
    if (REFUSED(n > TCB_MAX_ADVISORIES))
        return tl_explain(why, TL_E_LIMIT, "advisoryIDs", "more than %d advisories",
                          TCB_MAX_ADVISORIES);
    bool told = launch.qe == TCB_UP_TO_DATE || launch.qe == TCB_OUT_OF_DATE ||
                launch.qe == TCB_REVOKED; /* by tcb_status_join */
    *out = (struct tcb_verdict){.status = launch.status,
                                .qe_apart = !told,
                                .qe_status = launch.qe,
                                .has_now = now.count > 0,
                                .now = now.status,
                                .date = launch.date,
                                .advisory_count = n};
    for (size_t i = 0; i < n; i++)
        memcpy(out->advisories[i], ids[i].p, ids[i].n);
    return TL_OK;
}
