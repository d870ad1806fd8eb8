#include "log/segment.h"

#include "base/refuse.h"
#include "codec/cbor.h"
#include "crypto/secret.h"

#include <stdlib.h>

#define CACHE       128       /* blocks kept, */
#define CACHE_BYTES (4 << 20) /* of about so many bytes */
#define BLOCK_MAX   (2 << 20)
#define DROP_MAX    16 /* blocks of one step of removing */

struct cached {
    bool used;
    unsigned level;
    uint64_t n, last_use;
    uint32_t number;
    struct segment_key key; /* that it was opened by; zeros of a directory */
    buf plain;
};

struct segments {
    const struct log_keys *keys;
    struct store *store;
    struct tree *tree;
    struct seal_key *seal;
    uint64_t clock;
    size_t bytes; /* of what is cached */
    struct cached cache[CACHE];
};

tl_err segments_new(struct segments **out, const struct log_keys *keys, struct store *store,
                    struct tree *tree)
{
    struct segments *s = calloc(1, sizeof *s);
    if (!s)
        return TL_E_MEMORY;
    s->keys = keys;
    s->store = store;
    s->tree = tree;
    for (size_t i = 0; i < CACHE; i++)
        buf_init(&s->cache[i].plain, BLOCK_MAX);
    tl_err err = seal_key_new(&s->seal, keys->index_key);
    if (err == TL_OK)
        *out = s;
    else
        segments_free(s);
    return err;
}

void segments_free(struct segments *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < CACHE; i++)
        buf_finish(&s->cache[i].plain);
    seal_key_free(s->seal);
    free(s);
}

tl_err segment_key_new(struct segment_key *out)
{
    return random_bytes(out->b, sizeof out->b);
}

/* ---- one block ---- */

/* What a block is sealed by: taken back with give_seal. */
static tl_err take_seal(const struct segments *s, const struct segment_key *key,
                        struct seal_key **out)
{
    *out = s->seal;
    return key ? seal_key_new(out, key->b) : TL_OK;
}

static void give_seal(const struct segments *s, struct seal_key *seal)
{
    if (seal != s->seal)
        seal_key_free(seal);
}

/* The name that a block is sealed under. */
static tl_err put_name(const struct segments *s, buf *name, unsigned level, uint64_t n,
                       uint32_t number)
{
    struct merkle_nodes nodes = tree_nodes(s->tree);
    unsigned cells = level == SEGMENT_TEXT ? 0 : 4 * level;
    hash32 root;
    tl_err err = nodes.get(nodes.ctx, 12 + cells, n, &root);
    if (err != TL_OK)
        return err;
    cbor_put_array(name, 7);
    cbor_put_str(name, "teelog/index/v2");
    cbor_put_str(name, s->keys->origin);
    cbor_put_bytes(name, hash_slice(&s->keys->log_id));
    cbor_put_uint(name, level);
    cbor_put_uint(name, n);
    cbor_put_uint(name, number);
    cbor_put_bytes(name, hash_slice(&root));
    return buf_err(name);
}

tl_err segment_get(struct segments *s, unsigned level, uint64_t n, uint32_t number,
                   const struct segment_key *key, buf *out)
{
    const struct store_block at = {level, n, number};
    uint8_t mem[320];
    struct seal_key *seal;
    slice sealed;
    buf name;
    buf_init_fixed(&name, mem, sizeof mem);
    tl_err err = put_name(s, &name, level, n, number);
    if (err == TL_OK)
        err = store_get_block(s->store, &at, &sealed);
    if (err != TL_OK)
        return err;
    if (REFUSED(sealed.n < SEAL_NONCE))
        return TL_E_SEALED;
    err = take_seal(s, key, &seal);
    if (err != TL_OK)
        return err;
    err = unseal(seal, out, sealed.p, buf_slice(&name),
                 slice_of(sealed.p + SEAL_NONCE, sealed.n - SEAL_NONCE));
    give_seal(s, seal);
    return err == TL_E_LIMIT ? TL_E_SEALED : err; /* we write none that is longer */
}

static struct cached *find_cached(struct segments *s, unsigned level, uint64_t n, uint32_t number)
{
    for (size_t i = 0; i < CACHE; i++) {
        struct cached *c = &s->cache[i];
        if (c->used && c->level == level && c->n == n && c->number == number)
            return c;
    }
    return NULL;
}

static void forget(struct segments *s, struct cached *c)
{
    s->bytes -= c->plain.n;
    c->used = false;
    buf_finish(&c->plain);
}

tl_err segment_put(struct segments *s, unsigned level, uint64_t n, uint32_t number,
                   const struct segment_key *key, slice plain)
{
    const struct store_block at = {level, n, number};
    uint8_t mem[320], nonce[SEAL_NONCE];
    buf name, sealed;
    struct seal_key *with = s->seal;
    struct cached *old = find_cached(s, level, n, number);
    if (old)
        forget(s, old);
    buf_init_fixed(&name, mem, sizeof mem);
    buf_init(&sealed, BLOCK_MAX);
    tl_err err = put_name(s, &name, level, n, number);
    if (err == TL_OK)
        err = random_bytes(nonce, sizeof nonce);
    buf_bytes(&sealed, SLICE_ARRAY(nonce));
    if (err == TL_OK)
        err = take_seal(s, key, &with);
    if (err == TL_OK)
        err = seal(with, &sealed, nonce, buf_slice(&name), plain);
    if (err == TL_OK)
        err = store_put_block(s->store, &at, buf_slice(&sealed));
    give_seal(s, with);
    buf_finish(&sealed);
    return err;
}

tl_err segment_drop(struct segments *s, unsigned level, uint64_t from, uint64_t to, bool *more)
{
    for (size_t i = 0; i < CACHE; i++) {
        struct cached *c = &s->cache[i];
        if (c->used && c->level == level && c->n >= from && c->n < to)
            forget(s, c);
    }
    return store_drop_blocks(s->store, level, from, to, DROP_MAX, more);
}

/* ---- through the cache ---- */

/* A slot for one more block: what was used longest ago makes room. */
static struct cached *free_slot(struct segments *s)
{
    for (;;) {
        struct cached *oldest = NULL, *unused = NULL;
        for (size_t i = 0; i < CACHE; i++) {
            struct cached *c = &s->cache[i];
            if (!c->used)
                unused = c;
            else if (!oldest || c->last_use < oldest->last_use)
                oldest = c;
        }
        if (unused && s->bytes <= CACHE_BYTES)
            return unused;
        forget(s, oldest);
    }
}

/* What lies under a name may be changed by the host at any time: what was opened by another
 * key is not what this directory speaks of. */
static tl_err get_cached(struct segments *s, unsigned level, uint64_t n, uint32_t number,
                         const struct segment_key *key, slice *out)
{
    static const struct segment_key none;
    struct cached *c = find_cached(s, level, n, number);
    if (c && !secret_eq(c->key.b, key ? key->b : none.b, sizeof c->key.b)) {
        forget(s, c);
        c = NULL;
    }
    if (!c) {
        c = free_slot(s);
        tl_err err = segment_get(s, level, n, number, key, &c->plain);
        if (err == TL_OK && number > 0)
            err = posting_check(buf_slice(&c->plain));
        if (err != TL_OK) {
            buf_finish(&c->plain);
            return err;
        }
        c->used = true;
        c->level = level;
        c->n = n;
        c->number = number;
        c->key = key ? *key : none;
        s->bytes += c->plain.n;
    }
    c->last_use = ++s->clock;
    *out = buf_slice(&c->plain);
    return TL_OK;
}

tl_err segment_directory(struct segments *s, unsigned level, uint64_t n, slice *out)
{
    return get_cached(s, level, n, 0, NULL, out);
}

struct segment_key directory_key(slice directory)
{
    struct segment_key key;
    memcpy(key.b, directory.p, sizeof key.b);
    return key;
}

uint32_t directory_count(slice directory)
{
    size_t before = sizeof(struct segment_key);
    return directory.n < before ? 0 : (uint32_t)((directory.n - before) / POSTING_KEY);
}

uint32_t directory_find(slice directory, const uint8_t key[POSTING_KEY])
{
    uint32_t low = 0, high = directory_count(directory);
    while (low < high) { /* the number of blocks that begin at or before key */
        uint32_t middle = low + (high - low) / 2;
        const uint8_t *keys = directory.p + sizeof(struct segment_key);
        const slice first = slice_of(keys + (size_t)middle * POSTING_KEY, POSTING_KEY);
        if (slice_cmp(first, slice_of(key, POSTING_KEY)) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

tl_err segment_bits(struct segments *s, unsigned level, uint64_t cell, const struct term *term,
                    struct leaf_bits *out)
{
    uint64_t n = cell / segment_cells(level);
    uint8_t key[POSTING_KEY];
    slice directory, block;
    posting_key(key, term, (unsigned)(cell % segment_cells(level)));
    tl_err err = segment_directory(s, level, n, &directory);
    if (err != TL_OK)
        return err;
    uint32_t number = directory_find(directory, key);
    const struct segment_key seal = directory_key(directory);
    memset(out, 0, sizeof *out);
    if (number == 0)
        return TL_OK;
    err = get_cached(s, level, n, number, &seal, &block);
    if (err != TL_OK)
        return err;
    size_t i = posting_search(block, key);
    if (i < posting_count(block)) {
        struct posting p = posting_at(block, i);
        if (slice_eq(slice_of(p.key, POSTING_KEY), SLICE_ARRAY(key)))
            posting_bits(out, p.leaves);
    }
    return TL_OK;
}
