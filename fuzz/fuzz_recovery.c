/* The data key as an owner's recovery key opens it: what the host stores there. */
#include "fuzz.h"

#include "log/recovery.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct es256_key *owner;
    static const uint8_t scalar[32] = {FUZZ_OWNER};
    struct log_keys k = {.origin = FUZZ_OWNER_LOG};
    const struct log_keys untouched = k;
    struct tl_why why = {{0}, {0}};
    MUST(owner || es256_private(&owner, scalar) == TL_OK);
    if (recovery_open(&k, owner, slice_of(data, size), &why) == TL_OK) {
        MUST(size == RECOVERY_SIZE);
        keys_wipe(&k);
    } else {
        MUST(why.text[0]);
        MUST(memcmp(&k, &untouched, sizeof k) == 0);
    }
    return 0;
}
