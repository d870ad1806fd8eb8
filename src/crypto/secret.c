#include "crypto/secret.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sys/random.h>

tl_err random_bytes(uint8_t *out, size_t n)
{
    if (n > INT32_MAX || RAND_priv_bytes(out, (int)n) != 1)
        return TL_E_CRYPTO;
    return TL_OK;
}

tl_err random_seed(uint8_t *out, size_t n)
{
    while (n) {
        ssize_t got = getrandom(out, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return TL_E_CRYPTO;
        out += got;
        n -= (size_t)got;
    }
    return TL_OK;
}

void secret_wipe(void *p, size_t n)
{
    OPENSSL_cleanse(p, n);
}

bool secret_eq(const uint8_t *a, const uint8_t *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}
