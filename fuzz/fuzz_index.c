/* Blocks of the search index, opened: of postings, of contents, and directories. Whatever
 * they hold, what is read of them lies within them; and what was made here is found in them
 * as a naive search finds it. */
#include "fuzz.h"
#include "log/chunk.h"
#include "log/segment.h"

#include <string.h>

static void within(slice part, slice whole)
{
    MUST(part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void read_postings(slice block)
{
    if (posting_check(block) != TL_OK)
        return;
    size_t n = posting_count(block);
    for (size_t i = 0; i < n; i++) {
        struct posting p = posting_at(block, i);
        struct leaf_bits bits;
        within(slice_of(p.key, POSTING_KEY), block);
        within(p.leaves, block);
        posting_bits(&bits, p.leaves);
        MUST(bits_count(&bits) <= CELL_LEAVES);
        MUST(posting_search(block, p.key) <= n);
    }
}

static void read_directory(slice directory)
{
    uint8_t key[POSTING_KEY] = {0x55, 0xaa};
    MUST(directory_find(directory, key) <= directory_count(directory));
}

static void read_chunk(slice in)
{
    struct chunk_view v;
    slice wanted = take_front(&in, 3);
    struct leaf_bits hits = {{0}}, too_long = {{0}}, here;
    if (chunk_read(&v, in) != TL_OK || wanted.n == 0)
        return;
    within(v.text, in);
    MUST(v.first <= v.end && v.end <= CELL_LEAVES);
    chunk_search(&v, wanted, &hits, &too_long);
    bits_range(&here, v.first, v.end);
    bits_take_out(&hits, &here);
    bits_take_out(&too_long, &here);
    MUST(bits_count(&hits) == 0 && bits_count(&too_long) == 0);
}

/* ---- what was made here ---- */

/* Postings of terms 0, 1, …, each of some leaves: as the input has it, and read back. */
static void make_postings(slice in)
{
    static struct leaf_bits want[256];
    struct posting_writer w;
    uint8_t key[POSTING_KEY], leaves[POSTING_LEAVES];
    size_t n = 0;
    buf block;
    posting_writer_init(&w);
    buf_init(&block, POSTING_BLOCK);
    while (in.n && n < 256) {
        const struct term term = {{0, (uint8_t)n}};
        slice some = take_front(&in, 2 + in.p[0]);
        memset(&want[n], 0, sizeof want[n]);
        for (size_t i = 0; i + 1 < some.n; i++)
            bits_set(&want[n], ((unsigned)some.p[i] << 8 | some.p[i + 1]) % CELL_LEAVES);
        posting_key(key, &term, 0);
        if (bits_count(&want[n]) == 0 || !posting_add(&w, key, posting_leaves(leaves, &want[n])))
            break;
        n++;
    }
    MUST(posting_take_block(&w, &block) == TL_OK && posting_check(buf_slice(&block)) == TL_OK);
    MUST(posting_count(buf_slice(&block)) == n);
    for (size_t i = 0; i < n; i++) {
        const struct term term = {{0, (uint8_t)i}};
        struct leaf_bits got;
        posting_key(key, &term, 0);
        MUST(posting_search(buf_slice(&block), key) == i);
        posting_bits(&got, posting_at(buf_slice(&block), i).leaves);
        MUST(memcmp(&got, &want[i], sizeof got) == 0);
    }
    posting_writer_finish(&w);
    buf_finish(&block);
}

struct content {
    uint8_t text[16];
    size_t n;
    bool gone, is_long;
};

/* Contents of the leaves from first on; some are too long, some are erased again. */
static unsigned make_chunk(struct chunk *c, struct content contents[64], slice *in)
{
    unsigned n = 0;
    for (; in->n && n < 64; n++) {
        struct content *own = &contents[n];
        uint8_t how = take_front(in, 1).p[0];
        slice text = take_front(in, how % 16);
        own->n = text.n;
        for (size_t i = 0; i < text.n; i++)
            own->text[i] = text.p[i] == 0xff ? 0 : text.p[i]; /* UTF-8 has none */
        own->is_long = how & 16;
        own->gone = how & 32;
        struct leaf_terms t = {
            .content = !(how & 64), .is_long = own->is_long, .text = slice_of(own->text, own->n)};
        chunk_add(c, &t);
        if (!t.content)
            own->gone = true;
    }
    for (unsigned i = 0; i < n; i++)
        if (contents[i].gone)
            chunk_erase(c, c->first + i);
    return n;
}

static void search_made(slice in)
{
    static struct content contents[64];
    struct chunk c;
    struct chunk_view v;
    struct leaf_bits hits = {{0}}, too_long = {{0}};
    buf stored;
    slice head = take_front(&in, 3), wanted = slice_of(head.p + 1, head.n > 1 ? head.n - 1 : 0);
    if (wanted.n == 0)
        return;
    unsigned first = head.p[0];
    chunk_init(&c, first);
    buf_init(&stored, CHUNK_MAX);
    unsigned n = make_chunk(&c, contents, &in);
    MUST(chunk_put(&stored, &c) == TL_OK && chunk_read(&v, buf_slice(&stored)) == TL_OK);
    MUST(v.first == first && v.end == first + n);
    chunk_search(&v, wanted, &hits, &too_long);
    for (unsigned i = 0; i < n; i++) {
        const struct content *own = &contents[i];
        bool there =
            !own->gone && !own->is_long && own->n && memmem(own->text, own->n, wanted.p, wanted.n);
        MUST(bits_has(&hits, first + i) == there);
        MUST(bits_has(&too_long, first + i) == (!own->gone && own->is_long));
    }
    chunk_finish(&c);
    buf_finish(&stored);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const each[])(slice) = {read_postings, read_directory, read_chunk, make_postings,
                                          search_made};
    slice in = slice_of(data, size);
    if (size)
        each[take_front(&in, 1).p[0] % 5](in);
    return 0;
}
