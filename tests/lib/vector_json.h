/* Vectors in JSON: members that must be there, or the test fails. */
#ifndef VECTOR_JSON_H
#define VECTOR_JSON_H

#include "testlib.h"

#include <jansson.h>

#include "crypto/hash.h"

/* The file must be there. The caller drops the reference. */
static inline json_t *vector_file(const char *path)
{
    json_error_t error;
    json_t *v = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!v)
        fail_msg("%s: %s", path, error.text);
    return v;
}

static inline json_t *vector_member(const json_t *v, const char *key)
{
    json_t *m = json_object_get(v, key);
    if (!m)
        fail_msg("no member %s", key);
    return m;
}

static inline const char *vector_str(const json_t *v, const char *key)
{
    return json_string_value(vector_member(v, key));
}

static inline uint64_t vector_int(const json_t *v, const char *key)
{
    return (uint64_t)json_integer_value(vector_member(v, key));
}

static inline void vector_bytes(uint8_t *out, size_t n, const char *hex)
{
    assert_ok(hex_read(out, n, slice_str(hex)));
}

static inline hash32 vector_hash(const char *hex)
{
    hash32 h;
    vector_bytes(h.b, sizeof h.b, hex);
    return h;
}

/* An array of hashes; returns how many. */
static inline size_t vector_hashes(hash32 *out, size_t max, const json_t *array)
{
    size_t n = json_array_size(array);
    assert_true(n <= max);
    for (size_t i = 0; i < n; i++)
        out[i] = vector_hash(json_string_value(json_array_get(array, i)));
    return n;
}

#endif
