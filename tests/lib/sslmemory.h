/* Allocations of OpenSSL's that fail when told to. ssl_memory_set_up comes before anything
 * else that uses OpenSSL. */
#ifndef SSLMEMORY_H
#define SSLMEMORY_H

#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdlib.h>

static struct {
    size_t until;  /* allocations until one fails; 0: none does */
    bool for_good; /* all that follow fail too */
    bool failed;
} ssl_memory;

static inline bool ssl_fail_now(void)
{
    if (ssl_memory.until == 0 || (ssl_memory.until > 1 && ssl_memory.until--))
        return false;
    if (!ssl_memory.for_good)
        ssl_memory.until = 0;
    ssl_memory.failed = true;
    return true;
}

static inline void *ssl_malloc(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return ssl_fail_now() ? NULL : malloc(n);
}

static inline void *ssl_realloc(void *p, size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return ssl_fail_now() ? NULL : realloc(p, n);
}

static inline void ssl_free(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    free(p);
}

static inline bool ssl_memory_set_up(void)
{
    return CRYPTO_set_mem_functions(ssl_malloc, ssl_realloc, ssl_free) == 1;
}

/* The n-th allocation from now (1 is the next) fails; 0: none does. */
static inline void ssl_fail_alloc(size_t n, bool for_good)
{
    if (n)
        ssl_memory.failed = false;
    ssl_memory.until = n;
    ssl_memory.for_good = for_good;
}

#endif
