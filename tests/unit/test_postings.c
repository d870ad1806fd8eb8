/* Cells, blocks of postings and chunks of contents, against a table of what was put in. */
#include "testlib.h"

#include "log/cell.h"

static const uint8_t key[TERM_KEY] = {7};

static uint64_t seed = 1;
static uint32_t below(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

/* What the cell was given. */
static struct given {
    struct leaf_terms terms;
    uint8_t lower[TERM_TEXT];
    size_t size;
} given[CELL_LEAVES];

/* Letters that make hits frequent. */
static size_t some_content(char *out)
{
    size_t n = below(20) ? below(100) : below(2 * TERM_TEXT + 2);
    for (size_t i = 0; i < n; i++)
        out[i] = "abAB "[below(5)];
    return n;
}

static void give(struct cell *c, unsigned i, uint32_t agents, uint32_t rooms)
{
    static char content[2 * TERM_TEXT + 2];
    char agent[20], room[20], user[20];
    struct given *g = &given[i];
    bool is_record = below(10) > 0;
    snprintf(agent, sizeof agent, "agent %u", below(agents));
    snprintf(room, sizeof room, "room %u", below(rooms));
    snprintf(user, sizeof user, "user %u", below(rooms));
    leaf_terms_statement(&g->terms, key, slice_str(agent), slice_str(is_record ? "r" : "s"),
                         is_record);
    g->size = some_content(content);
    if (is_record && below(50))
        leaf_terms_body(&g->terms, key, slice_str(room), slice_str(user),
                        slice_of(content, g->size), g->lower);
    assert_ok(cell_add(c, &g->terms));
}

static bool has(unsigned i, enum term_field f, const struct term *t)
{
    const struct leaf_terms *terms = &given[i].terms;
    return (terms->fields & 1u << f) && memcmp(&terms->term[f], t, sizeof *t) == 0;
}

static void assert_bits(const struct leaf_bits *bits, enum term_field f, const struct term *t,
                        unsigned count)
{
    for (unsigned i = 0; i < CELL_LEAVES; i++)
        if (bits_has(bits, i) != (i < count && has(i, f, t)))
            fail_msg("leaf %u", i);
}

/* The blocks of a cell, and the first key of each. */
static struct {
    uint8_t first[POSTING_KEY];
    buf block;
} blocks[64];
static size_t block_count;

static void take_blocks(struct cell *c)
{
    bool more = true;
    assert_ok(cell_blocks_begin(c));
    for (block_count = 0; more; block_count += more) {
        assert_true(block_count < 64);
        buf_init(&blocks[block_count].block, POSTING_BLOCK);
        assert_ok(
            cell_blocks_next(c, &blocks[block_count].block, blocks[block_count].first, &more));
    }
}

static void drop_blocks(void)
{
    for (size_t i = 0; i < block_count; i++)
        buf_finish(&blocks[i].block);
    block_count = 0;
}

static void bits_in_blocks(const struct term *t, struct leaf_bits *out)
{
    uint8_t k[POSTING_KEY];
    posting_key(k, t, 0);
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < block_count; i++) {
        slice block = buf_slice(&blocks[i].block);
        size_t at = posting_search(block, k);
        if (at < posting_count(block) && memcmp(posting_at(block, at).key, k, POSTING_KEY) == 0)
            posting_bits(out, posting_at(block, at).leaves);
    }
}

static void blocks_are_in_order(void)
{
    uint8_t last[POSTING_KEY] = {0};
    for (size_t i = 0; i < block_count; i++) {
        slice block = buf_slice(&blocks[i].block);
        assert_ok(posting_check(block));
        assert_memory_equal(posting_at(block, 0).key, blocks[i].first, POSTING_KEY);
        for (size_t k = 0; k < posting_count(block); k++) {
            const uint8_t *now = posting_at(block, k).key;
            assert_true(memcmp(last, now, POSTING_KEY) < 0);
            assert_int_equal(posting_cell(now), 0);
            memcpy(last, now, POSTING_KEY);
        }
    }
}

static void check_cell(struct cell *c, unsigned count)
{
    struct leaf_bits bits;
    struct term nobody = term_of(key, TERM_AGENT, slice_str("nobody"));
    take_blocks(c);
    blocks_are_in_order();
    for (unsigned n = 0; n < 200; n++) {
        unsigned i = below(count);
        for (unsigned f = 0; f < TERM_FIELDS; f++) {
            const struct term *t = &given[i].terms.term[f];
            if (!(given[i].terms.fields & 1u << f))
                continue;
            cell_bits(c, f, t, &bits);
            assert_bits(&bits, f, t, count);
            bits_in_blocks(t, &bits);
            assert_bits(&bits, f, t, count);
        }
    }
    cell_bits(c, TERM_AGENT, &nobody, &bits);
    assert_int_equal(bits_count(&bits), 0);
    drop_blocks();
}

static void cells_and_their_blocks(void **state)
{
    static const struct {
        uint32_t agents, rooms;
        unsigned count;
    } cases[] = {
        {4, 10, CELL_LEAVES}, {1, 1, CELL_LEAVES}, {5000, 100000, CELL_LEAVES}, {3, 3, 70}};
    struct cell *c = NULL;
    (void)state;
    assert_ok(cell_new(&c));
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        cell_begin(c, 5);
        assert_int_equal(cell_next(c), 5 * CELL_LEAVES);
        for (unsigned i = 0; i < cases[n].count; i++)
            give(c, i, cases[n].agents, cases[n].rooms);
        assert_int_equal(cell_next(c), 5 * CELL_LEAVES + cases[n].count);
        assert_int_equal(cell_complete(c), cases[n].count == CELL_LEAVES);
        check_cell(c, cases[n].count);
        for (unsigned i = 0; i < cases[n].count; i += 1 + below(3)) { /* and without some */
            cell_erase(c, i);
            given[i].terms.fields &= ~(1u << TERM_ROOM | 1u << TERM_USER);
            given[i].terms.content = false;
        }
        check_cell(c, cases[n].count);
    }
    cell_free(c);
    cell_free(NULL);
}

/* ---- contents ---- */

static bool holds(const struct given *g, slice text)
{
    return g->terms.content && !g->terms.is_long && memmem(g->lower, g->size, text.p, text.n);
}

static void check_chunk(const struct chunk_view *v, slice text)
{
    struct leaf_bits hits = {{0}}, too_long = {{0}};
    chunk_search(v, text, &hits, &too_long);
    for (unsigned i = 0; i < CELL_LEAVES; i++) {
        bool in = i >= v->first && i < v->end;
        if (bits_has(&hits, i) != (in && holds(&given[i], text)) ||
            bits_has(&too_long, i) != (in && given[i].terms.content && given[i].terms.is_long))
            fail_msg("leaf %u, text of %zu bytes", i, text.n);
    }
}

static void check_text(const struct cell *c, slice text)
{
    const struct chunk *chunk;
    struct chunk_view stored, memory;
    unsigned end = 0;
    for (size_t k = 0; cell_chunk(c, k, &chunk); k++) {
        buf b;
        buf_init(&b, CHUNK_MAX);
        assert_ok(chunk_put(&b, chunk));
        assert_ok(chunk_read(&stored, buf_slice(&b)));
        memory = chunk_view(chunk);
        assert_int_equal(stored.first, end);
        assert_true(stored.end > stored.first && stored.end == memory.end);
        end = stored.end;
        check_chunk(&stored, text);
        check_chunk(&memory, text);
        buf_finish(&b);
    }
    assert_int_equal(end, cell_count(c));
}

static void contents_are_found(void **state)
{
    static const char *const texts[] = {"a", "b ", "abab", "aaaaaaaa", "z", "\xff", "a\xff"};
    struct cell *c = NULL;
    const struct chunk *chunk;
    (void)state;
    assert_ok(cell_new(&c));
    cell_begin(c, 0);
    for (unsigned i = 0; i < CELL_LEAVES; i++)
        give(c, i, 3, 3);
    assert_true(cell_chunk(c, 2, &chunk)); /* there are some */
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
            check_text(c, slice_str(texts[i]));
        for (unsigned i = below(5); i < CELL_LEAVES; i += 1 + below(5)) {
            cell_erase(c, i);
            given[i].terms.content = false;
        }
    }
    cell_free(c);
}

/* ---- what is no block of ours ---- */

/* count 1, offset 0, key, count 2, leaves 1 and 4095 */
#define GOOD_BLOCK                                                                                 \
    "0100"                                                                                         \
    "0000"                                                                                         \
    "000102030405060708090a0b0c0d0e0f0000"                                                         \
    "0200"                                                                                         \
    "0100ff0f"

static void block_is(const char *hex, size_t cut, tl_err want)
{
    size_t n;
    uint8_t *p = test_hex(hex, &n);
    uint8_t *exact = malloc(n - cut + !(n - cut));
    assert_non_null(exact);
    memcpy(exact, p, n - cut);
    assert_err(posting_check(slice_of(exact, n - cut)), want);
    free(exact);
    free(p);
}

static void other_blocks_are_refused(void **state)
{
    char list[2 * 1000] = "01000000000102030405060708090a0b0c0d0e0f00000001";
    (void)state;
    block_is(GOOD_BLOCK, 0, TL_OK);
    block_is("0000", 0, TL_OK);
    for (size_t cut = 1; cut <= 28; cut++)
        block_is(GOOD_BLOCK, cut, TL_E_STORED);
    block_is("0200"
             "00000100"
             "000102030405060708090a0b0c0d0e0f0000"
             "02000100ff0f",
             0, TL_E_STORED); /* the second lies beyond the end */
    block_is("0100"
             "0000"
             "000102030405060708090a0b0c0d0e0f0000"
             "020001000010",
             0, TL_E_STORED); /* there is no leaf 4096 */
    memset(list + 48, '0', 2 * 512);
    block_is(list, 0, TL_OK); /* 256 leaves, in bits */
    block_is(list, 1, TL_E_STORED);
    list[45] = list[46] = '1'; /* 4097 leaves */
    list[47] = '0';
    block_is(list, 0, TL_E_STORED);
}

/* first 1, end 3, two rows: leaf 1 "a", leaf 2 too long */
#define GOOD_CHUNK                                                                                 \
    "0100"                                                                                         \
    "0300"                                                                                         \
    "0200"                                                                                         \
    "01000100"                                                                                     \
    "0200ffff"                                                                                     \
    "61ff"

static tl_err chunk_of(const char *hex)
{
    struct chunk_view v;
    size_t n;
    uint8_t *p = test_hex(hex, &n);
    uint8_t *exact = malloc(n);
    assert_non_null(exact);
    memcpy(exact, p, n);
    tl_err err = chunk_read(&v, slice_of(exact, n));
    free(exact);
    free(p);
    return err;
}

static void other_chunks_are_refused(void **state)
{
    (void)state;
    assert_ok(chunk_of(GOOD_CHUNK));
    static const char *const bad[] = {
        "01000300",
        "010003000200"
        "01000100",
        "03000100"
        "0000", /* ends before it begins */
        "01000110"
        "0000", /* ends behind the cell */
        "010003000100"
        "00000100"
        "61ff", /* a leaf before it */
        "010003000100"
        "03000100"
        "61ff", /* and one behind it */
        "010003000100"
        "01000200"
        "61ff", /* more text than there is */
        "010003000100"
        "01000000"
        "61ff", /* and less */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (chunk_of(bad[i]) != TL_E_STORED)
            fail_msg("taken: %s", bad[i]);
}

static void ranges(void **state)
{
    (void)state;
    for (int n = 0; n < 2000; n++) {
        struct leaf_bits bits;
        unsigned a = below(CELL_LEAVES + 1), b = below(CELL_LEAVES + 1);
        bits_range(&bits, a, b);
        for (unsigned i = 0; i < CELL_LEAVES; i += 1 + below(9))
            assert_int_equal(bits_has(&bits, i), i >= a && i < b);
        assert_int_equal(bits_count(&bits), b > a ? b - a : 0);
    }
}

/* A value longer than any can be is not taken for the one that it begins with. */
static void long_values_have_terms_of_their_own(void **state)
{
    char value[300];
    (void)state;
    memset(value, 'x', sizeof value);
    struct term a = term_of(key, TERM_ROOM, slice_of(value, 256));
    struct term b = term_of(key, TERM_ROOM, slice_of(value, 257));
    struct term c = term_of(key, TERM_USER, slice_of(value, 256));
    assert_memory_not_equal(&a, &b, sizeof a);
    assert_memory_not_equal(&a, &c, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges),
        cmocka_unit_test(cells_and_their_blocks),
        cmocka_unit_test(contents_are_found),
        cmocka_unit_test(other_blocks_are_refused),
        cmocka_unit_test(other_chunks_are_refused),
        cmocka_unit_test(long_values_have_terms_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
