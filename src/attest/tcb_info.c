#include "attest/tcb_info.h"

#include "attest/signed_json.h"
#include "base/encoding.h"
#include "base/refuse.h"

#include <stdlib.h>

/* Those that Intel's library takes (QVL, EvaluateTcb). */
#define PLATFORM_STATUSES (BIT(TCB_REVOKED + 1) - 1)
#define MODULE_STATUSES   (BIT(TCB_UP_TO_DATE) | BIT(TCB_OUT_OF_DATE) | BIT(TCB_REVOKED))

/* Members of a level's "tcb": version 3 has lists, version 2 a member for each SVN. */
enum { TCB_PCE_SVN, TCB_SGX, TCB_TDX, TCB_COMPONENT_1 };
static const struct name tcb_names[] = {
    [TCB_PCE_SVN] = NAME("pcesvn"),
    [TCB_SGX] = NAME("sgxtcbcomponents"),
    [TCB_TDX] = NAME("tdxtcbcomponents"),
    [TCB_COMPONENT_1] = NAME("sgxtcbcomp01svn"),
    NAME("sgxtcbcomp02svn"),
    NAME("sgxtcbcomp03svn"),
    NAME("sgxtcbcomp04svn"),
    NAME("sgxtcbcomp05svn"),
    NAME("sgxtcbcomp06svn"),
    NAME("sgxtcbcomp07svn"),
    NAME("sgxtcbcomp08svn"),
    NAME("sgxtcbcomp09svn"),
    NAME("sgxtcbcomp10svn"),
    NAME("sgxtcbcomp11svn"),
    NAME("sgxtcbcomp12svn"),
    NAME("sgxtcbcomp13svn"),
    NAME("sgxtcbcomp14svn"),
    NAME("sgxtcbcomp15svn"),
    NAME("sgxtcbcomp16svn"),
};
#define COMPONENTS_2 (ALL_OF(tcb_names) & ~(BIT(TCB_COMPONENT_1) - 1))

static const struct name component_names[] = {NAME("svn")};

/* What the whole of the levels is judged by at the end: its version and id may stand
 * after them. */
struct levels_facts {
    uint32_t common;     /* the members that the "tcb" of every level has */
    struct in tdx_fault; /* the first tdxtcbcomponents that cannot be read, where one is */
};

/* A list of exactly 16 components; what they are is not our affair. */
static void components(struct in *in, uint8_t svns[16])
{
    const char *list = in->at;
    size_t n = 0;
    js_array(&in->r);
    for (; js_element(&in->r); n++) {
        uint64_t svn = 0;
        uint32_t seen = 0;
        in->at = list;
        js_object(&in->r);
        while (in_member(in, component_names, COUNT_OF(component_names), &seen) >= 0)
            svn = js_uint(&in->r, UINT8_MAX);
        in_need(in, component_names, seen, ALL_OF(component_names));
        if (n < 16)
            svns[n] = (uint8_t)svn;
    }
    if (REFUSED(n != 16))
        in_fail(in, TL_E_FIELD, list, "has not 16 components");
}

/* In TCB info for SGX anything may stand there (QVL does not look at it). */
static void tdx_components(struct in *in, uint8_t svns[16], struct in *fault)
{
    struct in list = *in;
    components(&list, svns);
    if (list.r.err == TL_OK) {
        *in = list;
        return;
    }
    if (fault->r.err == TL_OK)
        *fault = list;
    js_skip(&in->r);
}

/* The members that it had. */
static uint32_t tcb(struct in *in, struct tcb_level *l, struct in *tdx_fault)
{
    uint32_t seen = 0;
    js_object(&in->r);
    for (int i; (i = in_member(in, tcb_names, COUNT_OF(tcb_names), &seen)) >= 0;)
        switch (i) {
        case TCB_PCE_SVN:
            l->pce_svn = (uint32_t)js_uint(&in->r, UINT32_MAX);
            break;
        case TCB_SGX:
            components(in, l->sgx);
            break;
        case TCB_TDX:
            tdx_components(in, l->tdx, tdx_fault);
            break;
        default:
            l->sgx[i - TCB_COMPONENT_1] = (uint8_t)js_uint(&in->r, UINT8_MAX);
        }
    if (REFUSED(seen & BIT(TCB_SGX) && seen & COMPONENTS_2))
        in_fail(in, TL_E_FIELD, "tcb", "has its components twice");
    return seen;
}

enum { LEVEL_TCB, LEVEL_DATE, LEVEL_STATUS, LEVEL_ADVISORIES };
static const struct name level_names[] = {
    [LEVEL_TCB] = NAME("tcb"),
    [LEVEL_DATE] = NAME("tcbDate"),
    [LEVEL_STATUS] = NAME("tcbStatus"),
    [LEVEL_ADVISORIES] = NAME("advisoryIDs"),
};

static void level(struct in *in, struct tcb_level *l, struct levels_facts *facts)
{
    uint32_t seen = 0, has = 0;
    js_object(&in->r);
    for (int i; (i = in_member(in, level_names, COUNT_OF(level_names), &seen)) >= 0;)
        switch (i) {
        case LEVEL_TCB:
            has = tcb(in, l, &facts->tdx_fault);
            break;
        case LEVEL_DATE:
            l->date = in_time(in);
            break;
        case LEVEL_STATUS:
            l->status = in_status(in, PLATFORM_STATUSES);
            break;
        case LEVEL_ADVISORIES:
            l->advisories = in_advisories(in);
            break;
        }
    in_need(in, level_names, seen, ALL_OF(level_names) & ~BIT(LEVEL_ADVISORIES));
    facts->common &= has;
}

static void levels(struct in *in, struct tcb_info *t, struct levels_facts *facts)
{
    facts->common = UINT32_MAX;
    js_array(&in->r);
    while (js_element(&in->r)) {
        struct tcb_level *list =
            in_room(in, t->levels, sizeof *list, t->level_count, TCB_MAX_LEVELS, "tcbLevels");
        if (!list)
            return;
        t->levels = list;
        level(in, &list[t->level_count++], facts);
    }
    if (REFUSED(t->level_count == 0))
        in_fail(in, TL_E_FIELD, "tcbLevels", "has no level");
}

enum { MODULE_SIGNER, MODULE_ATTRIBUTES, MODULE_MASK, MODULE_ID, MODULE_LEVELS };
static const struct name module_names[] = {
    [MODULE_SIGNER] = NAME("mrsigner"),     [MODULE_ATTRIBUTES] = NAME("attributes"),
    [MODULE_MASK] = NAME("attributesMask"), [MODULE_ID] = NAME("id"),
    [MODULE_LEVELS] = NAME("tcbLevels"),
};

/* "TDX_" and the major version in two hex digits, in any case, as Intel's library
 * compares them. An id of another form is no module's that we know. */
static uint16_t module_id(struct in *in)
{
    static const char form[] = "tdx_";
    uint8_t major = 0;
    slice id = js_plain(&in->r);
    bool good = id.n == 6;
    for (size_t i = 0; good && i < 4; i++)
        good = (id.p[i] == '_' ? '_' : id.p[i] | 0x20) == form[i];
    if (REFUSED(!good || hex_read(&major, 1, slice_of(id.p + 4, 2)) != TL_OK))
        return TDX_MODULE_OTHER;
    return major;
}

/* tdxModule has the first three members; an identity has all. */
static void module(struct in *in, struct tdx_module *m, size_t members)
{
    uint32_t seen = 0;
    js_object(&in->r);
    for (int i; (i = in_member(in, module_names, members, &seen)) >= 0;)
        switch (i) {
        case MODULE_SIGNER:
            in_hex(in, m->mr_signer, sizeof m->mr_signer);
            break;
        case MODULE_ATTRIBUTES:
            in_hex(in, m->attributes, sizeof m->attributes);
            break;
        case MODULE_MASK:
            in_hex(in, m->attributes_mask, sizeof m->attributes_mask);
            break;
        case MODULE_ID:
            m->major = module_id(in);
            break;
        case MODULE_LEVELS:
            in_svn_levels(in, &m->levels, &m->level_count, MODULE_STATUSES);
            break;
        }
    in_need(in, module_names, seen, BIT(members) - 1);
}

static void modules(struct in *in, struct tcb_info *t)
{
    js_array(&in->r);
    while (js_element(&in->r)) {
        struct tdx_module *list = in_room(in, t->modules, sizeof *list, t->module_count,
                                          TCB_MAX_MODULES, "tdxModuleIdentities");
        if (!list)
            return;
        t->modules = list;
        struct tdx_module *m = &list[t->module_count++];
        module(in, m, COUNT_OF(module_names));
        for (struct tdx_module *earlier = list; earlier < m; earlier++)
            if (REFUSED(earlier->major == m->major && m->major != TDX_MODULE_OTHER))
                in_fail(in, TL_E_FIELD, "tdxModuleIdentities", "has two identities of one id");
    }
    if (REFUSED(t->module_count == 0))
        in_fail(in, TL_E_FIELD, "tdxModuleIdentities", "has no identity");
}

static bool is_tdx(struct in *in)
{
    slice id = js_plain(&in->r);
    bool tdx = slice_eq_str(id, "TDX");
    if (REFUSED(!tdx && !slice_eq_str(id, "SGX")))
        in_fail(in, TL_E_FIELD, "id", "is neither SGX nor TDX");
    return tdx;
}

enum {
    INFO_VERSION,
    INFO_ISSUE_DATE,
    INFO_NEXT_UPDATE,
    INFO_FMSPC,
    INFO_PCE_ID,
    INFO_TCB_TYPE,
    INFO_EVALUATION,
    INFO_LEVELS,
    INFO_ID,
    INFO_MODULE,
    INFO_MODULES
};
static const struct name info_names[] = {
    [INFO_VERSION] = NAME("version"),
    [INFO_ISSUE_DATE] = NAME("issueDate"),
    [INFO_NEXT_UPDATE] = NAME("nextUpdate"),
    [INFO_FMSPC] = NAME("fmspc"),
    [INFO_PCE_ID] = NAME("pceId"),
    [INFO_TCB_TYPE] = NAME("tcbType"),
    [INFO_EVALUATION] = NAME("tcbEvaluationDataNumber"),
    [INFO_LEVELS] = NAME("tcbLevels"),
    [INFO_ID] = NAME("id"),
    [INFO_MODULE] = NAME("tdxModule"),
    [INFO_MODULES] = NAME("tdxModuleIdentities"),
};

static void info_member(struct in *in, int which, struct tcb_info *t, struct levels_facts *facts)
{
    struct tdx_module m = {0};
    switch (which) {
    case INFO_VERSION:
        t->version = (unsigned)js_uint(&in->r, UINT32_MAX);
        if (REFUSED(t->version != 2 && t->version != 3))
            in_fail(in, TL_E_FIELD, "version", "is neither 2 nor 3");
        break;
    case INFO_ISSUE_DATE:
        t->issue_date = in_time(in);
        break;
    case INFO_NEXT_UPDATE:
        t->next_update = in_time(in);
        break;
    case INFO_FMSPC:
        in_hex(in, t->fmspc, sizeof t->fmspc);
        break;
    case INFO_PCE_ID:
        in_hex(in, t->pce_id, sizeof t->pce_id);
        break;
    case INFO_TCB_TYPE:
        if (REFUSED(js_uint(&in->r, UINT32_MAX) != 0))
            in_fail(in, TL_E_FIELD, "tcbType", "is not 0");
        break;
    case INFO_EVALUATION:
        t->evaluation_number = (uint32_t)js_uint(&in->r, UINT32_MAX);
        break;
    case INFO_LEVELS:
        levels(in, t, facts);
        break;
    case INFO_ID:
        t->tdx = is_tdx(in);
        break;
    case INFO_MODULE:
        module(in, &m, MODULE_ID);
        memcpy(t->module_mr_signer, m.mr_signer, sizeof m.mr_signer);
        memcpy(t->module_attributes, m.attributes, sizeof m.attributes);
        break;
    case INFO_MODULES:
        modules(in, t);
        break;
    }
}

/* What has to stand there, by version and id (QVL, TcbInfo and TcbLevel). */
static void info_check(struct in *in, const struct tcb_info *t, uint32_t seen,
                       const struct levels_facts *facts)
{
    uint32_t need = BIT(INFO_LEVELS + 1) - 1, level_need = BIT(TCB_PCE_SVN);
    if (t->version == 3) {
        need |= BIT(INFO_ID) | (t->tdx ? BIT(INFO_MODULE) : 0);
        level_need |= BIT(TCB_SGX) | (t->tdx ? BIT(TCB_TDX) : 0);
    } else {
        level_need |= COMPONENTS_2;
    }
    in_need(in, info_names, seen, need);
    in_need(in, tcb_names, facts->common, level_need);
    if (REFUSED(t->tdx && facts->tdx_fault.r.err != TL_OK) && in->r.err == TL_OK)
        *in = facts->tdx_fault;
    if (REFUSED(t->tdx && t->version == 2))
        in_fail(in, TL_E_FIELD, "version", "is 2, which is for SGX alone");
    if (REFUSED(!t->tdx && seen & (BIT(INFO_MODULE) | BIT(INFO_MODULES))))
        in_fail(in, TL_E_FIELD, "tdxModule", "stands in TCB info for SGX");
    in_dates(in, t->issue_date, t->next_update);
}

static int order(const struct tcb_level *x, const struct tcb_level *y)
{
    int c = memcmp(x->sgx, y->sgx, 16);
    if (c == 0)
        c = (x->pce_svn > y->pce_svn) - (x->pce_svn < y->pce_svn);
    return c ? c : memcmp(x->tdx, y->tdx, 16);
}

static int highest_first(const void *a, const void *b)
{
    return order(b, a);
}

/* Intel serves them in this order, which nothing signed promises. */
static void sort_levels(struct in *in, struct tcb_info *t)
{
    if (!t->tdx) /* what SGX does not have, and Intel's library does not read */
        for (size_t i = 0; i < t->level_count; i++)
            memset(t->levels[i].tdx, 0, 16);
    if (t->level_count)
        qsort(t->levels, t->level_count, sizeof *t->levels, highest_first);
    for (size_t i = 1; i < t->level_count; i++)
        if (REFUSED(order(&t->levels[i - 1], &t->levels[i]) == 0))
            in_fail(in, TL_E_FIELD, "tcbLevels", "has two equal levels");
}

tl_err tcb_info_read(struct tcb_info *out, slice text, struct tl_why *why)
{
    struct in in = in_of(text);
    struct tcb_info t = {0};
    struct levels_facts facts = {0};
    uint32_t seen = 0;
    js_object(&in.r);
    for (int i; (i = in_member(&in, info_names, COUNT_OF(info_names), &seen)) >= 0;)
        info_member(&in, i, &t, &facts);
    info_check(&in, &t, seen, &facts);
    sort_levels(&in, &t);
    tl_err err = in_end(&in, why);
    if (err == TL_OK)
        *out = t;
    else
        tcb_info_finish(&t);
    return err;
}

void tcb_info_finish(struct tcb_info *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->module_count; i++)
        free(t->modules[i].levels);
    free(t->modules);
    free(t->levels);
    *t = (struct tcb_info){0};
}

tl_err tcb_info_fits(const struct tcb_info *info, bool tdx, const struct sgx_extension *pck,
                     struct tl_why *why)
{
    if (REFUSED(info->tdx != tdx))
        return tl_explain(why, TL_E_FIELD, "id", "the TCB info is for %s, the quote of %s",
                          info->tdx ? "TDX" : "SGX", tdx ? "TDX" : "SGX");
    if (REFUSED(memcmp(info->fmspc, pck->fmspc, sizeof pck->fmspc) != 0))
        return tl_explain(why, TL_E_FIELD, "fmspc",
                          "the TCB info is of another FMSPC than the PCK certificate");
    if (REFUSED(memcmp(info->pce_id, pck->pce_id, sizeof pck->pce_id) != 0))
        return tl_explain(why, TL_E_FIELD, "pceId",
                          "the TCB info is of another PCEID than the PCK certificate");
    return TL_OK;
}
