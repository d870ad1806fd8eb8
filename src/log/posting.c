#include "log/posting.h"

#include "base/reader.h"
#include "base/refuse.h"

#define LIST_MAX   255 /* leaves that are listed; more are a bit each */
#define BIT_BYTES  (CELL_LEAVES / 8)
#define COUNT_SIZE 2

void bits_range(struct leaf_bits *out, unsigned first, unsigned end)
{
    for (unsigned i = 0; i < CELL_WORDS; i++) {
        unsigned from = 64 * i < first ? first - 64 * i : 0;
        unsigned to = 64 * i < end ? end - 64 * i : 0;
        uint64_t below_to = to >= 64 ? UINT64_MAX : (UINT64_C(1) << to) - 1;
        uint64_t below_from = from >= 64 ? UINT64_MAX : (UINT64_C(1) << from) - 1;
        out->w[i] = below_to & ~below_from;
    }
}

unsigned bits_count(const struct leaf_bits *b)
{
    unsigned n = 0;
    for (size_t i = 0; i < CELL_WORDS; i++)
        n += (unsigned)__builtin_popcountll(b->w[i]);
    return n;
}

void posting_key(uint8_t out[POSTING_KEY], const struct term *term, unsigned cell)
{
    memcpy(out, term->b, sizeof term->b);
    out[16] = (uint8_t)(cell >> 8);
    out[17] = (uint8_t)cell;
}

unsigned posting_cell(const uint8_t key[POSTING_KEY])
{
    return (unsigned)key[16] << 8 | key[17];
}

static unsigned u16_at(slice s, size_t at)
{
    return s.p[at] | (unsigned)s.p[at + 1] << 8;
}

/* ---- writing ---- */

void posting_writer_init(struct posting_writer *w)
{
    w->count = 0;
    buf_init(&w->offsets, POSTING_BLOCK);
    buf_init(&w->postings, POSTING_BLOCK);
}

void posting_writer_finish(struct posting_writer *w)
{
    buf_finish(&w->offsets);
    buf_finish(&w->postings);
}

slice posting_leaves(uint8_t out[POSTING_LEAVES], const struct leaf_bits *bits)
{
    unsigned count = bits_count(bits);
    buf b;
    buf_init_fixed(&b, out, POSTING_LEAVES);
    buf_u16le(&b, (uint16_t)count);
    for (unsigned i = 0; i < CELL_WORDS; i++) {
        if (count > LIST_MAX)
            buf_u64le(&b, bits->w[i]);
        for (uint64_t left = bits->w[i]; left && count <= LIST_MAX; left &= left - 1)
            buf_u16le(&b, (uint16_t)(64 * i + (unsigned)__builtin_ctzll(left)));
    }
    return buf_slice(&b);
}

bool posting_add(struct posting_writer *w, const uint8_t key[POSTING_KEY], slice leaves)
{
    size_t size = COUNT_SIZE + w->offsets.n + 2 + w->postings.n + POSTING_KEY + leaves.n;
    if (size > POSTING_BLOCK)
        return false;
    if (w->count++ == 0)
        memcpy(w->first, key, sizeof w->first);
    buf_u16le(&w->offsets, (uint16_t)w->postings.n);
    buf_bytes(&w->postings, slice_of(key, POSTING_KEY));
    buf_bytes(&w->postings, leaves);
    return true;
}

tl_err posting_take_block(struct posting_writer *w, buf *out)
{
    buf_u16le(out, (uint16_t)w->count);
    buf_bytes(out, buf_slice(&w->offsets));
    buf_bytes(out, buf_slice(&w->postings));
    tl_err err = buf_err(&w->offsets) != TL_OK ? buf_err(&w->offsets) : buf_err(&w->postings);
    buf_reset(&w->offsets);
    buf_reset(&w->postings);
    w->count = 0;
    return err != TL_OK ? err : buf_err(out);
}

/* ---- reading ---- */

/* The bytes from the i-th posting on to the block's end. */
static slice from_posting(slice block, size_t i)
{
    size_t at = COUNT_SIZE + 2 * posting_count(block) + u16_at(block, COUNT_SIZE + 2 * i);
    return slice_of(block.p + at, block.n - at);
}

static size_t leaves_size(unsigned count)
{
    return count > LIST_MAX ? BIT_BYTES : 2 * (size_t)count;
}

static bool leaves_good(slice leaves, unsigned count)
{
    if (count > LIST_MAX)
        return count <= CELL_LEAVES;
    for (size_t i = 0; i < count; i++)
        if (u16_at(leaves, 2 * i) >= CELL_LEAVES)
            return false;
    return true;
}

static bool posting_good(slice from)
{
    reader r = reader_of(from);
    (void)reader_bytes(&r, POSTING_KEY);
    unsigned count = reader_u16le(&r);
    slice leaves = reader_bytes(&r, leaves_size(count));
    return !REFUSED(r.err != TL_OK) && !REFUSED(!leaves_good(leaves, count));
}

tl_err posting_check(slice block)
{
    reader r = reader_of(block);
    size_t count = reader_u16le(&r);
    slice offsets = reader_bytes(&r, 2 * count);
    if (REFUSED(r.err != TL_OK))
        return TL_E_STORED;
    for (size_t i = 0; i < count; i++) {
        size_t at = u16_at(offsets, 2 * i);
        if (!posting_good(slice_of(r.rest.p + at, at < r.rest.n ? r.rest.n - at : 0)))
            return TL_E_STORED;
    }
    return TL_OK;
}

size_t posting_count(slice block)
{
    return u16_at(block, 0);
}

struct posting posting_at(slice block, size_t i)
{
    slice s = from_posting(block, i);
    unsigned count = u16_at(s, POSTING_KEY);
    return (struct posting){s.p, slice_of(s.p + POSTING_KEY, 2 + leaves_size(count))};
}

size_t posting_search(slice block, const uint8_t key[POSTING_KEY])
{
    size_t low = 0, high = posting_count(block);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(from_posting(block, middle).p, key, POSTING_KEY) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void posting_bits(struct leaf_bits *out, slice leaves)
{
    unsigned count = u16_at(leaves, 0);
    memset(out, 0, sizeof *out);
    if (count <= LIST_MAX) {
        for (size_t i = 0; i < count; i++)
            bits_set(out, u16_at(leaves, 2 + 2 * i));
        return;
    }
    reader r = reader_of(slice_of(leaves.p + 2, leaves.n - 2));
    for (size_t i = 0; i < CELL_WORDS; i++)
        out->w[i] = reader_u64le(&r);
}
