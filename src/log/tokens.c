#include "log/tokens.h"

#include "base/encoding.h"
#include "base/refuse.h"
#include "codec/cbor.h"
#include "crypto/secret.h"
#include "tlog/statement.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const names[] = {"append", "read", "erase", "admin"};

#define NAMES (sizeof names / sizeof names[0])

const char *scope_name(enum scope bit)
{
    size_t i = 0;
    while (i < NAMES - 1 && 1u << i != bit)
        i++;
    return names[i];
}

uint8_t scope_of(slice name)
{
    for (size_t i = 0; i < NAMES; i++)
        if (slice_eq_str(name, names[i]))
            return (uint8_t)(1u << i);
    return 0;
}

void scopes_text(char *out, uint8_t scopes, const char *between)
{
    out[0] = 0;
    for (size_t i = 0; i < NAMES; i++)
        if (scopes >> i & 1)
            snprintf(out + strlen(out), 64 - strlen(out), "%s%s", out[0] ? between : "", names[i]);
}

struct tokens {
    atomic_uint references;
    size_t count;
    uint8_t *stored; /* owned; the tokens borrow from it */
    size_t size;
    hash32 digest;
    struct token at[];
};

struct tokens *tokens_ref(struct tokens *t)
{
    (void)atomic_fetch_add(&t->references, 1);
    return t;
}

void tokens_unref(struct tokens *t)
{
    if (!t || atomic_fetch_sub(&t->references, 1) != 1)
        return;
    free(t->stored);
    free(t);
}

slice tokens_stored(const struct tokens *t)
{
    return slice_of(t->stored, t->size);
}

hash32 tokens_digest(const struct tokens *t)
{
    return t->digest;
}

size_t tokens_count(const struct tokens *t)
{
    return t->count;
}

const struct token *tokens_at(const struct tokens *t, size_t i)
{
    return &t->at[i];
}

static void read_one(cbor *c, struct token *t)
{
    *t = (struct token){.scopes = 0};
    cbor_array_of(c, 7);
    cbor_bytes_copy(c, t->id, sizeof t->id);
    cbor_bytes_copy(c, t->digest.b, sizeof t->digest.b);
    t->scopes = (uint8_t)cbor_uint(c, SCOPE_ALL);
    size_t n = cbor_array(c);
    if (REFUSED(n > TOKEN_AGENTS_MAX))
        cbor_fail(c, TL_E_LIMIT);
    for (size_t i = 0; i < n && c->err == TL_OK; i++)
        t->agents[t->agent_count++] = cbor_text(c);
    t->label = cbor_text(c);
    t->created_ms = cbor_uint(c, TL_INT_MAX);
    if (!cbor_try_null(c))
        t->expires_ms = cbor_uint(c, TL_INT_MAX);
}

/* They are authentic before they come here; what does not read was written by
 * another version. */
static tl_err read_all(struct tokens *t)
{
    cbor c = cbor_of(tokens_stored(t));
    if (t->size == 0)
        return TL_OK;
    cbor_array_of(&c, t->count);
    for (size_t i = 0; i < t->count && c.err == TL_OK; i++)
        read_one(&c, &t->at[i]);
    return cbor_end(&c) == TL_OK ? TL_OK : TL_E_STORED;
}

tl_err tokens_read(struct tokens **out, slice stored)
{
    cbor c = cbor_of(stored);
    size_t count = stored.n ? cbor_array(&c) : 0;
    if (REFUSED(stored.n > TOKENS_BYTES_MAX) || REFUSED(count > TOKENS_MAX))
        return TL_E_STORED;
    struct tokens *t = calloc(1, sizeof *t + count * sizeof t->at[0]);
    if (!t)
        return TL_E_MEMORY;
    atomic_init(&t->references, 1);
    t->count = count;
    t->size = stored.n;
    t->stored = malloc(stored.n ? stored.n : 1);
    tl_err err = t->stored ? TL_OK : TL_E_MEMORY;
    if (err == TL_OK && stored.n)
        memcpy(t->stored, stored.p, stored.n);
    if (err == TL_OK)
        err = read_all(t);
    t->digest = sha256(stored);
    if (err == TL_OK)
        *out = t;
    else
        tokens_unref(t);
    return err;
}

static void put_one(buf *b, const struct token *t)
{
    cbor_put_array(b, 7);
    cbor_put_bytes(b, SLICE_ARRAY(t->id));
    cbor_put_bytes(b, hash_slice(&t->digest));
    cbor_put_uint(b, t->scopes);
    cbor_put_array(b, t->agent_count);
    for (size_t i = 0; i < t->agent_count; i++)
        cbor_put_text(b, t->agents[i]);
    cbor_put_text(b, t->label);
    cbor_put_uint(b, t->created_ms);
    if (t->expires_ms)
        cbor_put_uint(b, t->expires_ms);
    else
        cbor_put_null(b);
}

/* A table of the old one's tokens but the one at skip, and of one more. */
static tl_err make(struct tokens **out, const struct tokens *old, size_t skip,
                   const struct token *more)
{
    buf b;
    size_t count = old->count - (skip < old->count) + (more != NULL);
    buf_init(&b, TOKENS_BYTES_MAX);
    if (count)
        cbor_put_array(&b, count);
    for (size_t i = 0; i < old->count; i++)
        if (i != skip)
            put_one(&b, &old->at[i]);
    if (more)
        put_one(&b, more);
    tl_err err = buf_err(&b);
    if (err == TL_OK)
        err = tokens_read(out, buf_slice(&b));
    buf_finish(&b);
    return err;
}

tl_err tokens_add(struct tokens **out, const struct tokens *old, const struct token *fresh,
                  struct tl_why *why)
{
    tl_err err = old->count < TOKENS_MAX ? make(out, old, SIZE_MAX, fresh) : TL_E_LIMIT;
    if (err == TL_E_LIMIT)
        return tl_explain(why, err, NULL,
                          "a log holds at most %d tokens in %d KiB; revoke those that are of no "
                          "use any more",
                          TOKENS_MAX, TOKENS_BYTES_MAX / 1024);
    return err;
}

static size_t position(const struct tokens *t, const uint8_t id[TOKEN_ID])
{
    size_t i = 0;
    while (i < t->count && !slice_eq(SLICE_ARRAY(t->at[i].id), slice_of(id, TOKEN_ID)))
        i++;
    return i;
}

tl_err tokens_remove(struct tokens **out, const struct tokens *old, const uint8_t id[TOKEN_ID])
{
    size_t at = position(old, id);
    return at < old->count ? make(out, old, at, NULL) : TL_E_NOT_FOUND;
}

bool token_expired(const struct token *t, uint64_t now_ms)
{
    return t->expires_ms && t->expires_ms <= now_ms;
}

const struct token *tokens_find(const struct tokens *t, slice text, uint64_t now_ms)
{
    static const char prefix[] = TOKEN_PREFIX;
    uint8_t id[TOKEN_ID];
    if (REFUSED(text.n != TOKEN_TEXT) ||
        hex_read(id, sizeof id, slice_of(text.p + sizeof prefix - 1, sizeof id * 2)) != TL_OK)
        return NULL;
    size_t i = position(t, id);
    if (i == t->count)
        return NULL;
    hash32 digest = sha256(text);
    if (REFUSED(!secret_eq(digest.b, t->at[i].digest.b, sizeof digest.b)) ||
        REFUSED(token_expired(&t->at[i], now_ms)))
        return NULL;
    return &t->at[i];
}

/* RFC 4648 section 5 without padding; 32 bytes make 43 characters. */
static void secret_text(char *out, const uint8_t secret[32])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t i = 0; i < 43; i++) {
        size_t bit = 6 * i, byte = bit / 8;
        unsigned two = (unsigned)secret[byte] << 8 | (byte + 1 < 32 ? secret[byte + 1] : 0);
        out[i] = digits[two >> (10 - bit % 8) & 63];
    }
    out[43] = 0;
}

tl_err token_make(struct token *t, char text[TOKEN_TEXT + 1])
{
    uint8_t secret[32];
    tl_err err = random_bytes(t->id, sizeof t->id);
    if (err == TL_OK)
        err = random_seed(secret, sizeof secret);
    if (err != TL_OK)
        return err;
    size_t n = sizeof TOKEN_PREFIX - 1;
    memcpy(text, TOKEN_PREFIX, n);
    hex_text(text + n, t->id, sizeof t->id);
    n += 2 * sizeof t->id;
    text[n++] = '_';
    secret_text(text + n, secret);
    secret_wipe(secret, sizeof secret);
    t->digest = sha256(slice_str(text));
    return TL_OK;
}
