#include "tlog/checkpoint.h"

#include <stdlib.h>

#include "base/encoding.h"
#include "base/refuse.h"
#include "codec/cbor.h"
#include "tlog/merkle.h"

/* Longest text: an origin, which is a key's name too, a decimal, a hash. */
#define TEXT_MAX (NOTE_NAME_MAX + 1 + 20 + 1 + 44 + 1)

/* The first three lines; *rest is what follows them. */
static tl_err read_lines(struct checkpoint *out, slice *rest, slice text, uint64_t size_max)
{
    if (REFUSED(text.n == 0 || text.p[text.n - 1] != '\n'))
        return TL_E_CHECKPOINT;
    struct checkpoint c = {.origin = note_line(&text)};
    if (REFUSED(c.origin.n == 0))
        return TL_E_CHECKPOINT;
    if (decimal_read(&c.size, note_line(&text), size_max) != TL_OK)
        return TL_E_CHECKPOINT;
    buf root;
    buf_init_fixed(&root, c.root.b, sizeof c.root.b);
    if (base64_read(&root, note_line(&text)) != TL_OK || REFUSED(root.n != sizeof c.root.b))
        return TL_E_CHECKPOINT;
    *out = c;
    *rest = text;
    return TL_OK;
}

static tl_err check_empty(const struct checkpoint *c)
{
    hash32 empty = merkle_empty_root();
    return REFUSED(c->size == 0 && !hash_eq(&c->root, &empty)) ? TL_E_CHECKPOINT : TL_OK;
}

tl_err checkpoint_read(struct checkpoint *out, slice text)
{
    struct checkpoint c;
    slice rest;
    tl_err err = read_lines(&c, &rest, text, TL_INT_MAX);
    if (err == TL_OK)
        err = check_empty(&c);
    if (err != TL_OK)
        return err;
    if (REFUSED(rest.n != 0))
        return TL_E_CHECKPOINT;
    *out = c;
    return TL_OK;
}

tl_err checkpoint_read_submitted(struct checkpoint *out, slice text)
{
    struct checkpoint c;
    slice rest;
    tl_err err = read_lines(&c, &rest, text, INT64_MAX);
    if (err != TL_OK)
        return err;
    while (rest.n)
        if (REFUSED(note_line(&rest).n == 0))
            return TL_E_CHECKPOINT;
    *out = c;
    return TL_OK;
}

tl_err checkpoint_read_foreign(struct checkpoint *out, slice text)
{
    struct checkpoint c;
    tl_err err = checkpoint_read_submitted(&c, text);
    if (err == TL_OK)
        err = check_empty(&c);
    if (err == TL_OK)
        *out = c;
    return err;
}

void checkpoint_put(buf *b, const struct checkpoint *c)
{
    buf_bytes(b, c->origin);
    buf_printf(b, "\n%llu\n", (unsigned long long)c->size);
    base64_put(b, hash_slice(&c->root));
    buf_str(b, "\n");
}

tl_err checkpoint_open(struct checkpoint *out, slice bytes, const struct note_key *key)
{
    struct checkpoint c;
    struct note *n = malloc(sizeof *n);
    tl_err err = n ? note_read(n, bytes) : TL_E_MEMORY;
    if (err == TL_OK)
        err = note_verify(n, key);
    if (err == TL_OK)
        err = checkpoint_read(&c, n->text);
    if (err == TL_OK && REFUSED(!slice_eq_str(c.origin, key->name)))
        err = TL_E_CHECKPOINT;
    if (err == TL_OK)
        *out = c;
    free(n);
    return err;
}

tl_err checkpoint_sign(buf *b, slice origin, uint64_t size, const hash32 *root,
                       const struct note_key *key, const uint8_t seed[32])
{
    uint8_t mem[TEXT_MAX];
    buf text;
    buf_init_fixed(&text, mem, sizeof mem);
    const struct checkpoint c = {origin, size, *root};
    checkpoint_put(&text, &c);
    if (buf_err(&text) != TL_OK)
        return buf_err(&text);
    return note_sign(b, buf_slice(&text), key, seed);
}
