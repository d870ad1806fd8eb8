/* Policies. */
#include "attest/policy.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct policy *p = NULL;
    struct tl_why why = {0};
    tl_err err = policy_read(&p, slice_of(data, size), &why);
    MUST(utf8_valid(slice_str(why.text)) && utf8_valid(slice_str(why.field)));
    if (err != TL_OK) {
        MUST(!p && (err == TL_E_MEMORY || why.text[0]));
        return 0;
    }
    if (p->has_log)
        for (size_t i = 0; i < p->key_count; i++)
            MUST(strcmp(p->keys[i].name, p->origin) == 0);
    MUST(!p->simulator || p->evidence_count == 1);
    policy_free(p);
    return 0;
}
