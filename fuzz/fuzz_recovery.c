/* The data key as an owner's recovery key opens it: what the host stores there, and the PEM
 * files that a user names. */
#include "fuzz.h"

#include "log/recovery.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct es256_key *owner;
    static const uint8_t scalar[32] = {1};
    struct log_keys k = {.origin = "fuzz/log"};
    struct es256_key *key = NULL;
    struct tl_why why = {{0}, {0}};
    if (!owner && es256_private(&owner, scalar) != TL_OK)
        return 0;
    if (recovery_open(&k, owner, slice_of(data, size), &why) == TL_OK)
        keys_wipe(&k);
    if (es256_public_pem(&key, slice_of(data, size)) == TL_OK)
        es256_free(key);
    key = NULL;
    if (es256_private_pem(&key, slice_of(data, size)) == TL_OK)
        es256_free(key);
    return 0;
}
