/* Borrowed bytes: a pointer and a length, passed by value.
 *
 * Every byte that comes from outside is seen through a slice or a reader;
 * nothing casts it to a struct. A slice owns nothing and must not outlive
 * what it points into. */
#ifndef TL_BASE_SLICE_H
#define TL_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct slice {
    const uint8_t *p;
    size_t n; /* bytes */
} slice;

static inline slice slice_of(const void *p, size_t n)
{
    return (slice){(const uint8_t *)p, n};
}

static inline slice slice_str(const char *s)
{
    return slice_of(s, strlen(s));
}

/* The bytes of a fixed-size array. */
#define SLICE_ARRAY(a) slice_of((a), sizeof(a))

/* Equality of public bytes; not for secrets (see crypto/secret.h). */
static inline bool slice_eq(slice a, slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool slice_eq_str(slice a, const char *s)
{
    return slice_eq(a, slice_str(s));
}

/* Bytewise order, a shorter prefix first: <0, 0, >0. */
static inline int slice_cmp(slice a, slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

static inline bool slice_starts(slice s, slice prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

#endif
