/* Logs and witnesses for tests: keys from one byte, checkpoints, cosignatures, policies. */
#ifndef FAKEWITNESS_H
#define FAKEWITNESS_H

#include "testlib.h"

#include "crypto/sign.h"
#include "tlog/checkpoint.h"
#include "tlog/tlog_policy.h"

#define FAKE_ORIGIN "log.example/fake"

static inline void fake_seed(uint8_t seed[32], uint8_t which)
{
    memset(seed, which, 32);
}

static inline struct note_key fake_log_key(const char *origin, uint8_t which)
{
    uint8_t seed[32], public_key[32];
    struct note_key key;
    fake_seed(seed, which);
    ed25519_public(seed, public_key);
    assert_ok(note_key_make(&key, slice_str(origin), public_key));
    return key;
}

/* Witness number which, from 1, is called w1.example and so on. */
static inline struct cosigner fake_cosigner(uint8_t which)
{
    char name[32];
    uint8_t seed[32], public_key[32];
    struct cosigner c;
    fake_seed(seed, which);
    ed25519_public(seed, public_key);
    snprintf(name, sizeof name, "w%u.example", which);
    assert_ok(cosigner_make(&c, slice_str(name), public_key));
    return c;
}

/* A checkpoint's text. */
static inline void fake_text(buf *b, const char *origin, uint64_t size, const hash32 *root)
{
    const struct checkpoint c = {slice_str(origin), size, *root};
    checkpoint_put(b, &c);
}

/* A signed checkpoint, by the log whose key is of that byte. */
static inline void fake_checkpoint(buf *b, const char *origin, uint8_t which, uint64_t size,
                                   const hash32 *root)
{
    uint8_t seed[32];
    struct note_key key = fake_log_key(origin, which);
    fake_seed(seed, which);
    assert_ok(checkpoint_sign(b, slice_str(origin), size, root, &key, seed));
}

/* Appends witness which's cosignature of the note in b, which has a log's signature already. */
static inline void fake_cosign(buf *b, uint8_t which, uint64_t time)
{
    uint8_t seed[32];
    struct cosigner c = fake_cosigner(which);
    struct note *n = malloc(sizeof *n);
    buf line;
    assert_non_null(n);
    assert_ok(note_read(n, buf_slice(b)));
    fake_seed(seed, which);
    buf_init(&line, 1000);
    assert_ok(cosignature_sign(&line, n->text, time, &c, seed));
    buf_bytes(b, buf_slice(&line));
    assert_ok(buf_err(b));
    buf_finish(&line);
    free(n);
}

/* "witness wN VKEY LF" for witnesses from to to. */
static inline void fake_witness_lines(buf *b, uint8_t from, uint8_t to)
{
    for (uint8_t i = from; i <= to; i++) {
        struct cosigner c = fake_cosigner(i);
        buf_printf(b, "witness w%u ", i);
        cosigner_put(b, &c);
        buf_str(b, "\n");
    }
}

/* A policy of k among witnesses 1 to n. */
static inline void fake_quorum_text(buf *b, unsigned k, uint8_t n)
{
    fake_witness_lines(b, 1, n);
    buf_printf(b, "group all-of-them %u", k);
    for (uint8_t i = 1; i <= n; i++)
        buf_printf(b, " w%u", i);
    buf_str(b, "\nquorum all-of-them\n");
    assert_ok(buf_err(b));
}

static inline struct tlog_policy *fake_quorum(unsigned k, uint8_t n)
{
    buf b;
    struct tlog_policy *p = NULL;
    buf_init(&b, 100000);
    fake_quorum_text(&b, k, n);
    assert_ok(tlog_policy_read(&p, buf_slice(&b), NULL));
    buf_finish(&b);
    return p;
}

#endif
