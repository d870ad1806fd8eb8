/* Trust policies: bounded, and whatever is read can be judged by. */
#include "fuzz.h"
#include "tlog/tlog_policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct note note;
    struct tlog_policy *p = NULL;
    struct tlog_quorum q;
    size_t k = 0, n = 0, witnesses = 0;
    if (tlog_policy_read(&p, slice_of(data, size), NULL) != TL_OK)
        return 0;
    MUST(p->log_count <= TLOG_POLICY_MAX_LINES && p->witness_count <= TLOG_POLICY_MAX_LINES);
    for (size_t i = 0; i < p->member_count; i++) {
        const struct tlog_policy_member *m = &p->members[i];
        MUST(m->name.n > 0);
        witnesses += m->witness;
        MUST(m->witness || (m->need >= 1 && m->need <= m->count));
        MUST(m->group == TLOG_POLICY_NONE || (m->group > i && m->group < p->member_count));
    }
    MUST(witnesses == p->witness_count);
    MUST(p->quorum == TLOG_POLICY_NONE || p->quorum < p->member_count);
    if (tlog_policy_one_group(p, &k, &n))
        MUST(k >= 1 && k <= n && n == p->witness_count);
    MUST(note_read(&note, slice_str("text\n\n\xe2\x80\x94 w AAAAAAE=\n")) == TL_OK);
    /* One byte is no cosignature, whoever's it is. */
    tl_err err = tlog_policy_judge(&q, p, &note);
    MUST(err == TL_OK || (err == TL_E_SIGNATURE && p->witness_count > 0));
    if (err == TL_OK)
        MUST(q.valid == 0 && q.met == (p->quorum == TLOG_POLICY_NONE) && q.time == 0);
    tlog_policy_free(p);
    return 0;
}
