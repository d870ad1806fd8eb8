#include "log/chunk.h"

#include "base/reader.h"
#include "base/refuse.h"
#include "crypto/secret.h"

#define ROW      4 /* of the table: leaf, length */
#define TOO_LONG 0xffff
#define END      0xff

void chunk_init(struct chunk *c, unsigned first)
{
    c->first = c->end = first;
    buf_init(&c->table, ROW * CELL_LEAVES);
    buf_init_secret(&c->text, CHUNK_MAX);
}

void chunk_finish(struct chunk *c)
{
    buf_finish(&c->table);
    buf_finish_secret(&c->text);
}

bool chunk_full(const struct chunk *c)
{
    return c->text.n >= CHUNK_TEXT - TERM_TEXT;
}

void chunk_add(struct chunk *c, const struct leaf_terms *t)
{
    unsigned leaf = c->end++;
    if (!t->content)
        return;
    buf_u16le(&c->table, (uint16_t)leaf);
    buf_u16le(&c->table, t->is_long ? TOO_LONG : (uint16_t)t->text.n);
    if (t->is_long)
        return;
    buf_bytes(&c->text, t->text);
    buf_u8(&c->text, END);
}

tl_err chunk_put(buf *out, const struct chunk *c)
{
    buf_u16le(out, (uint16_t)c->first);
    buf_u16le(out, (uint16_t)c->end);
    buf_u16le(out, (uint16_t)(c->table.n / ROW));
    buf_bytes(out, buf_slice(&c->table));
    buf_bytes(out, buf_slice(&c->text));
    tl_err err = buf_err(&c->table) != TL_OK ? buf_err(&c->table) : buf_err(&c->text);
    return err != TL_OK ? err : buf_err(out);
}

struct chunk_view chunk_view(const struct chunk *c)
{
    return (struct chunk_view){c->first, c->end, buf_slice(&c->table), buf_slice(&c->text)};
}

struct row {
    unsigned leaf, length;
};

static struct row row_at(slice table, size_t i)
{
    const uint8_t *p = table.p + ROW * i;
    return (struct row){p[0] | (unsigned)p[1] << 8, p[2] | (unsigned)p[3] << 8};
}

/* Bytes of the text that a row stands for. */
static size_t row_size(struct row r)
{
    return r.length == TOO_LONG ? 0 : (size_t)r.length + 1;
}

void chunk_erase(struct chunk *c, unsigned leaf)
{
    size_t at = 0;
    for (size_t i = 0; i < c->table.n / ROW; i++) {
        struct row r = row_at(buf_slice(&c->table), i);
        size_t size = row_size(r);
        if (r.leaf != leaf) {
            at += size;
            continue;
        }
        if (size) { /* else there may be no memory at all */
            memmove(c->text.p + at, c->text.p + at + size, c->text.n - at - size);
            c->text.n -= size;
            secret_wipe(c->text.p + c->text.n, size);
        }
        memmove(c->table.p + ROW * i, c->table.p + ROW * (i + 1), c->table.n - ROW * (i + 1));
        c->table.n -= ROW;
        return;
    }
}

tl_err chunk_read(struct chunk_view *out, slice bytes)
{
    reader r = reader_of(bytes);
    struct chunk_view v = {.first = reader_u16le(&r), .end = reader_u16le(&r)};
    size_t count = reader_u16le(&r), text = 0;
    v.table = reader_bytes(&r, ROW * count);
    v.text = r.rest;
    if (REFUSED(r.err != TL_OK) || REFUSED(v.first > v.end) || REFUSED(v.end > CELL_LEAVES))
        return TL_E_STORED;
    for (size_t i = 0; i < count; i++) {
        struct row row = row_at(v.table, i);
        if (REFUSED(row.leaf < v.first || row.leaf >= v.end))
            return TL_E_STORED;
        text += row_size(row);
    }
    if (REFUSED(text != v.text.n))
        return TL_E_STORED;
    *out = v;
    return TL_OK;
}

void chunk_search(const struct chunk_view *v, slice text, struct leaf_bits *hits,
                  struct leaf_bits *too_long)
{
    const uint8_t *end = v->text.p + v->text.n;
    const uint8_t *begin = v->text.p; /* of the row's content */
    bool possible = begin && !memchr(text.p, END, text.n);
    const uint8_t *hit = possible ? memmem(begin, v->text.n, text.p, text.n) : NULL;
    for (size_t i = 0; i < v->table.n / ROW; i++) {
        struct row r = row_at(v->table, i);
        if (r.length == TOO_LONG)
            bits_set(too_long, r.leaf);
        begin += row_size(r);
        if (!hit || hit >= begin)
            continue;
        bits_set(hits, r.leaf);
        hit = memmem(begin, (size_t)(end - begin), text.p, text.n);
    }
}
