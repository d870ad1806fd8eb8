/* Why OpenSSL's code for curves failed. For sign.c and p384.c. */
#ifndef TL_CRYPTO_FINDING_H
#define TL_CRYPTO_FINDING_H

#include <openssl/err.h>
#include <stdbool.h>

/* Whether what failed since ERR_clear_error was a finding of OpenSSL's about the numbers
 * that it was given, and not lack of memory: then the first thing that it has to say is
 * a reason of its code for curves, none of those that all its parts share. */
static inline bool ossl_finding(void)
{
    unsigned long first = ERR_peek_error();
    return ERR_GET_LIB(first) == ERR_LIB_EC && !(ERR_GET_REASON(first) & ERR_RFLAG_COMMON);
}

#endif
