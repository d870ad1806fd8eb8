/* The data key as an owner's recovery key opens it: what the host stores there, and the PEM
 * files that a user names. */
#include "fuzz.h"

#include "log/recovery.h"

static void wrapped(slice in)
{
    static struct es256_key *owner;
    static const uint8_t scalar[32] = {FUZZ_OWNER};
    struct log_keys k = {.origin = FUZZ_OWNER_LOG};
    struct tl_why why = {{0}, {0}};
    MUST(owner || es256_private(&owner, scalar) == TL_OK);
    if (recovery_open(&k, owner, in, &why) == TL_OK) {
        MUST(in.n == RECOVERY_SIZE);
        keys_wipe(&k);
    } else {
        MUST(why.text[0]);
    }
}

/* A key that is read is on the curve: it agrees with another as that does with it. */
static void agrees(const struct es256_key *key, bool private)
{
    static struct es256_key *other;
    uint8_t one[32], two[32];
    MUST(other || es256_generate(&other) == TL_OK);
    MUST(es256_agree(other, key, one) == TL_OK);
    MUST(!private || es256_agree(key, other, two) == TL_OK);
    MUST(!private || memcmp(one, two, sizeof one) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size);
    struct es256_key *key = NULL;
    wrapped(in);
    if (es256_public_pem(&key, in) == TL_OK) {
        agrees(key, false);
        es256_free(key);
    }
    key = NULL;
    if (es256_private_pem(&key, in) == TL_OK) {
        agrees(key, true);
        es256_free(key);
    }
    return 0;
}
