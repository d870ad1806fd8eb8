/* TCB info, and what a platform's TCB comes to by it: the first bytes are the
 * platform, the rest is the text. */
#include "attest/tcb.h"
#include "fuzz.h"

struct platform {
    struct sgx_extension pck;
    struct td_report td;
    uint16_t qe_svn;
};

static struct platform take_platform(slice *input)
{
    uint8_t b[56] = {0};
    slice front = take_front(input, sizeof b);
    if (front.n)
        memcpy(b, front.p, front.n);
    struct platform p = {.qe_svn = b[0], .pck.pce_svn = (uint16_t)(b[1] << 8 | b[2])};
    memcpy(p.pck.components, b + 3, 16);
    memcpy(p.td.tee_tcb_svn, b + 19, 16);
    memcpy(p.td.tee_tcb_svn2, b + 35, 16);
    p.td.has_15 = b[51] & 1;
    p.td.mr_signer_seam[0] = b[52];
    p.td.seam_attributes[0] = b[53];
    return p;
}

static void must_be_advisories(const struct advisories *a, slice text)
{
    size_t at = 0, n = 0;
    for (slice id; advisories_next(a, &at, &id); n++) {
        MUST(id.p >= text.p && id.p + id.n <= text.p + text.n);
        MUST(id.n > 0 && id.n < TCB_ADVISORY_SIZE);
    }
    MUST(n == a->count && n <= TCB_LEVEL_ADVISORIES);
}

static int order(const struct tcb_level *a, const struct tcb_level *b)
{
    int c = memcmp(a->sgx, b->sgx, 16);
    if (c == 0)
        c = (a->pce_svn > b->pce_svn) - (a->pce_svn < b->pce_svn);
    return c ? c : memcmp(a->tdx, b->tdx, 16);
}

static void must_be_sound(const struct tcb_info *t, slice text)
{
    MUST(t->version == 2 || t->version == 3);
    MUST(!t->tdx || t->version == 3);
    MUST(t->issue_date <= t->next_update);
    MUST(t->level_count > 0 && t->level_count <= TCB_MAX_LEVELS);
    MUST(t->module_count <= TCB_MAX_MODULES && (t->tdx || t->module_count == 0));
    for (size_t i = 0; i < t->level_count; i++) {
        MUST(t->levels[i].status <= TCB_REVOKED);
        MUST(i == 0 || order(&t->levels[i - 1], &t->levels[i]) > 0);
        must_be_advisories(&t->levels[i].advisories, text);
    }
    for (size_t i = 0; i < t->module_count; i++) {
        const struct tdx_module *m = &t->modules[i];
        MUST(m->level_count > 0 && m->level_count <= TCB_MAX_LEVELS);
        for (size_t j = 0; j < i; j++)
            MUST(t->modules[j].major != m->major || m->major == TDX_MODULE_OTHER);
        for (size_t j = 0; j < m->level_count; j++) {
            MUST(j == 0 || m->levels[j - 1].isv_svn > m->levels[j].isv_svn);
            must_be_advisories(&m->levels[j].advisories, text);
        }
    }
}

/* Whether a level is met, the other way about: nothing in it is higher. */
static bool met(const struct tcb_level *l, const struct platform *p, bool tdx)
{
    unsigned higher = l->pce_svn > p->pck.pce_svn;
    for (size_t i = 0; i < 16; i++) {
        bool modules = i < 2 && p->td.tee_tcb_svn[1] != 0;
        higher += l->sgx[i] > p->pck.components[i];
        higher += tdx && !modules && l->tdx[i] > p->td.tee_tcb_svn[i];
    }
    return higher == 0;
}

static void must_be_verdict(const struct tcb_verdict *v, const struct tcb_info *t,
                            const struct platform *p)
{
    const struct tcb_level *best = NULL;
    for (size_t i = 0; i < t->level_count; i++)
        if (met(&t->levels[i], p, t->tdx) && (!best || order(&t->levels[i], best) > 0))
            best = &t->levels[i];
    MUST(best && v->date <= best->date && v->status < TCB_STATUSES);
    MUST(best->status != TCB_REVOKED || v->status == TCB_REVOKED);
    MUST(best->status < TCB_OUT_OF_DATE || v->status >= TCB_OUT_OF_DATE);
    MUST(t->tdx || v->status == best->status); /* the QE's level says nothing */
    MUST(!v->qe_apart && v->has_now == (t->tdx && p->td.has_15) && v->now <= TCB_REVOKED);
    for (size_t i = 1; i < v->advisory_count; i++)
        MUST(strcmp(v->advisories[i - 1], v->advisories[i]) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice text = slice_of(data, size);
    struct platform p = take_platform(&text);
    struct tcb_info t;
    struct tl_why why = {0};
    tl_err err = tcb_info_read(&t, text, &why);
    MUST(utf8_valid(slice_str(why.text)) && utf8_valid(slice_str(why.field)));
    if (err != TL_OK) {
        MUST(why.text[0]);
        return 0;
    }
    must_be_sound(&t, text);
    struct svn_level level = {.date = UINT64_MAX};
    struct qe_identity qe = {.td_qe = t.tdx, .levels = &level, .level_count = 1};
    struct tcb_input in = {
        .info = &t, .qe = &qe, .pck = &p.pck, .qe_isv_svn = p.qe_svn, .td = t.tdx ? &p.td : NULL};
    struct tcb_verdict v;
    const char *stage = NULL;
    memcpy(p.pck.fmspc, t.fmspc, sizeof t.fmspc);
    memcpy(p.pck.pce_id, t.pce_id, sizeof t.pce_id);
    err = tcb_evaluate(&v, &in, &stage, &why);
    MUST(err == TL_OK || stage);
    if (err == TL_OK) {
        must_be_verdict(&v, &t, &p);
        /* A platform that is higher in all is not worse off for being known. */
        memset(p.pck.components, 255, 16);
        p.pck.pce_svn = UINT16_MAX;
        MUST(tcb_evaluate(&v, &in, &stage, NULL) == TL_OK);
    }
    tcb_info_finish(&t);
    return 0;
}
