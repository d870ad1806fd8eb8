/* Random bytes, wiping, and comparing without telling by the time it takes. */
#ifndef TL_CRYPTO_SECRET_H
#define TL_CRYPTO_SECRET_H

#include "base/err.h"
#include "base/slice.h"

/* From OpenSSL's generator, seeded by the operating system (in an enclave: by
 * the CPU). */
tl_err random_bytes(uint8_t *out, size_t n) TL_MUST;
/* Straight from getrandom(2), which Gramine answers with RDRAND under SGX: for
 * what must differ between two copies of one memory image. */
tl_err random_seed(uint8_t *out, size_t n) TL_MUST;
void secret_wipe(void *p, size_t n);
/* Both of n bytes. */
bool secret_eq(const uint8_t *a, const uint8_t *b, size_t n);

#endif
