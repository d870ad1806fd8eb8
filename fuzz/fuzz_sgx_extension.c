/* The SGX extension of a PCK certificate: what is read, OpenSSL reads as the same,
 * and it is written and read again as the same. */
#include "fuzz.h"
#include "x509_oracle.h"

static void must_be_same(const struct sgx_extension *a, const struct sgx_extension *b)
{
    MUST(memcmp(a->ppid, b->ppid, sizeof a->ppid) == 0);
    MUST(memcmp(a->components, b->components, sizeof a->components) == 0);
    MUST(a->pce_svn == b->pce_svn);
    MUST(memcmp(a->cpu_svn, b->cpu_svn, sizeof a->cpu_svn) == 0);
    MUST(memcmp(a->pce_id, b->pce_id, sizeof a->pce_id) == 0);
    MUST(memcmp(a->fmspc, b->fmspc, sizeof a->fmspc) == 0);
    MUST(a->type == b->type && a->platform_ca == b->platform_ca);
    MUST(memcmp(a->instance_id, b->instance_id, sizeof a->instance_id) == 0);
    MUST(a->dynamic_platform == b->dynamic_platform && a->cached_keys == b->cached_keys);
    MUST(a->smt_enabled == b->smt_enabled);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size);
    struct sgx_extension v, again;
    if (sgx_extension_read(&v, in) != TL_OK)
        return 0;
    MUST(v.type <= SGX_SCALABLE_INTEGRITY);
    if (takes_turn())
        MUST(oracle_sgx(&v, in) == NULL);
    /* Elements may stand in any order, so the bytes need not be the same. */
    uint8_t bytes[1024];
    buf b;
    buf_init_fixed(&b, bytes, sizeof bytes);
    sgx_extension_put(&b, &v);
    MUST(buf_err(&b) == TL_OK && b.n == size);
    MUST(sgx_extension_read(&again, buf_slice(&b)) == TL_OK);
    must_be_same(&v, &again);
    return 0;
}
