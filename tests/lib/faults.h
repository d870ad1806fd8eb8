/* Good bytes in hex, and files of faults: what to do to good bytes so that they
 * must be refused (tests/vectors/make_vectors.py, fault). */
#ifndef FAULTS_H
#define FAULTS_H

#include "vector_json.h"

struct bytes {
    uint8_t *p; /* owned, of exactly n bytes, so that reading on is noticed */
    size_t n;
};

static inline struct bytes bytes_of(const json_t *v, const char *key)
{
    struct bytes b;
    b.p = test_hex(vector_str(v, key), &b.n);
    return b;
}

static inline slice bytes_slice(struct bytes b)
{
    return slice_of(b.p, b.n);
}

static inline struct bytes bytes_copy(slice s)
{
    struct bytes b = {malloc(s.n ? s.n : 1), s.n};
    assert_non_null(b.p);
    if (s.n)
        memcpy(b.p, s.p, s.n);
    return b;
}

/* good with one fault in it. */
static inline struct bytes bytes_with_fault(struct bytes good, const json_t *fault)
{
    size_t at = vector_int(fault, "at"), cut = vector_int(fault, "cut");
    assert_true(at <= good.n && cut <= good.n - at);
    struct bytes put = bytes_of(fault, "put");
    buf b;
    buf_init(&b, good.n + put.n);
    buf_bytes(&b, slice_of(good.p, at));
    buf_bytes(&b, bytes_slice(put));
    buf_bytes(&b, slice_of(good.p + at + cut, good.n - at - cut));
    assert_ok(buf_err(&b));
    struct bytes out = bytes_copy(buf_slice(&b));
    buf_finish(&b);
    free(put.p);
    return out;
}

/* check(bytes, fault) gives the error that came of them. */
static inline void check_faults(const json_t *v, size_t at_least,
                                tl_err (*check)(slice bytes, const json_t *fault))
{
    struct bytes good = bytes_of(v, "good");
    const json_t *faults = vector_member(v, "faults");
    assert_true(json_array_size(faults) >= at_least);
    for (size_t i = 0; i < json_array_size(faults); i++) {
        const json_t *fault = json_array_get(faults, i);
        struct bytes bad = bytes_with_fault(good, fault);
        const char *got = tl_err_name(check(bytes_slice(bad), fault));
        if (strcmp(got, vector_str(fault, "error")) != 0)
            fail_msg("%s: %s, not %s", vector_str(fault, "name"), got, vector_str(fault, "error"));
        free(bad.p);
    }
    free(good.p);
}

#define assert_slice(got, want)                                                                    \
    do {                                                                                           \
        slice got_ = (got), want_ = (want);                                                        \
        assert_int_equal(got_.n, want_.n);                                                         \
        if (want_.n)                                                                               \
            assert_memory_equal(got_.p, want_.p, want_.n);                                         \
    } while (0)

#define assert_hex(got, hex)                                                                       \
    do {                                                                                           \
        struct bytes hex_;                                                                         \
        hex_.p = test_hex((hex), &hex_.n);                                                         \
        assert_slice((got), bytes_slice(hex_));                                                    \
        free(hex_.p);                                                                              \
    } while (0)

#endif
