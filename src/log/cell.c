#include "log/cell.h"

#include <stdlib.h>

#define CELL_TERMS (4 * CELL_LEAVES + 1) /* different ones: that of records is one */
#define SLOTS      32768                 /* of the table of terms */
#define NOBODY     0xffff

/* The same the other way round: terms in order, and the leaves of each. */
struct inverse {
    uint16_t order[CELL_TERMS];
    uint32_t begins[CELL_TERMS + 1]; /* of a term's leaves, by its number */
    uint16_t leaves[TERM_FIELDS * CELL_LEAVES];
    size_t next; /* in order */
};

struct cell {
    uint64_t number;
    unsigned count;
    struct term *terms;
    size_t term_count, term_capacity;
    uint16_t slots[SLOTS];                  /* term number + 1, open addressing */
    uint16_t ids[TERM_FIELDS][CELL_LEAVES]; /* term number, or NOBODY */
    struct chunk *chunks;
    size_t chunk_count, chunk_capacity;
    struct inverse *inverse; /* while blocks are made */
    struct posting_writer writer;
};

tl_err cell_new(struct cell **out)
{
    struct cell *c = calloc(1, sizeof *c);
    if (!c)
        return TL_E_MEMORY;
    posting_writer_init(&c->writer);
    *out = c;
    return TL_OK;
}

static void drop_chunks(struct cell *c)
{
    for (size_t i = 0; i < c->chunk_count; i++)
        chunk_finish(&c->chunks[i]);
    c->chunk_count = 0;
}

void cell_free(struct cell *c)
{
    if (!c)
        return;
    drop_chunks(c);
    posting_writer_finish(&c->writer);
    free(c->inverse);
    free(c->chunks);
    free(c->terms);
    free(c);
}

void cell_begin(struct cell *c, uint64_t number)
{
    drop_chunks(c);
    c->number = number;
    c->count = 0;
    c->term_count = 0;
    memset(c->slots, 0, sizeof c->slots);
}

uint64_t cell_number(const struct cell *c)
{
    return c->number;
}

unsigned cell_count(const struct cell *c)
{
    return c->count;
}

/* ---- terms ---- */

/* Where a term is in the table, or the free slot where it would be. Terms are as good as
 * random. */
static uint16_t *slot_of(const struct cell *c, const struct term *term)
{
    size_t at = (term->b[0] | (size_t)term->b[1] << 8) % SLOTS;
    while (c->slots[at] && memcmp(&c->terms[c->slots[at] - 1], term, sizeof *term) != 0)
        at = (at + 1) % SLOTS;
    return (uint16_t *)(uintptr_t)&c->slots[at];
}

static tl_err term_number(struct cell *c, const struct term *term, uint16_t *out)
{
    uint16_t *slot = slot_of(c, term);
    if (!*slot) {
        if (c->term_count == c->term_capacity) {
            size_t more = c->term_capacity ? 2 * c->term_capacity : 64;
            void *p = realloc(c->terms, more * sizeof *c->terms);
            if (!p)
                return TL_E_MEMORY;
            c->terms = p;
            c->term_capacity = more;
        }
        c->terms[c->term_count++] = *term;
        *slot = (uint16_t)c->term_count;
    }
    *out = (uint16_t)(*slot - 1);
    return TL_OK;
}

/* ---- leaves ---- */

static tl_err last_chunk(struct cell *c, struct chunk **out)
{
    if (c->chunk_count == 0 || chunk_full(&c->chunks[c->chunk_count - 1])) {
        if (c->chunk_count == c->chunk_capacity) {
            size_t more = c->chunk_capacity ? 2 * c->chunk_capacity : 8;
            void *p = realloc(c->chunks, more * sizeof *c->chunks);
            if (!p)
                return TL_E_MEMORY;
            c->chunks = p;
            c->chunk_capacity = more;
        }
        chunk_init(&c->chunks[c->chunk_count++], c->count);
    }
    *out = &c->chunks[c->chunk_count - 1];
    return TL_OK;
}

tl_err cell_add(struct cell *c, const struct leaf_terms *t)
{
    struct chunk *chunk;
    tl_err err = last_chunk(c, &chunk);
    for (unsigned f = 0; f < TERM_FIELDS && err == TL_OK; f++) {
        c->ids[f][c->count] = NOBODY;
        if (t->fields & 1u << f)
            err = term_number(c, &t->term[f], &c->ids[f][c->count]);
    }
    if (err != TL_OK)
        return err;
    chunk_add(chunk, t);
    c->count++;
    return buf_err(&chunk->text) != TL_OK ? buf_err(&chunk->text) : buf_err(&chunk->table);
}

void cell_erase(struct cell *c, unsigned leaf)
{
    if (leaf >= c->count)
        return;
    c->ids[TERM_ROOM][leaf] = c->ids[TERM_USER][leaf] = NOBODY;
    for (size_t i = 0; i < c->chunk_count; i++)
        if (leaf >= c->chunks[i].first && leaf < c->chunks[i].end)
            chunk_erase(&c->chunks[i], leaf);
}

void cell_bits(const struct cell *c, enum term_field field, const struct term *term,
               struct leaf_bits *out)
{
    uint16_t slot = *slot_of(c, term);
    memset(out, 0, sizeof *out);
    for (unsigned i = 0; slot && i < c->count; i++)
        out->w[i / 64] |= (uint64_t)(c->ids[field][i] == slot - 1) << i % 64;
}

bool cell_chunk(const struct cell *c, size_t k, const struct chunk **out)
{
    if (k >= c->chunk_count)
        return false;
    *out = &c->chunks[k];
    return true;
}

/* ---- as blocks ---- */

/* By the first twelve bits, which are as good as random: that leaves little to sort. */
static size_t bucket_of(const struct term *t)
{
    return (size_t)t->b[0] << 4 | t->b[1] >> 4;
}

static void sort_terms(const struct cell *c, uint16_t *order)
{
    uint16_t begins[4097] = {0};
    for (size_t i = 0; i < c->term_count; i++)
        begins[bucket_of(&c->terms[i]) + 1]++;
    for (size_t i = 1; i < 4097; i++)
        begins[i] = (uint16_t)(begins[i] + begins[i - 1]);
    for (size_t i = 0; i < c->term_count; i++)
        order[begins[bucket_of(&c->terms[i])]++] = (uint16_t)i;
    for (size_t i = 1; i < c->term_count; i++) {
        const uint16_t number = order[i];
        const struct term *t = &c->terms[number];
        size_t to = i;
        for (; to > 0 && memcmp(&c->terms[order[to - 1]], t, sizeof *t) > 0; to--)
            order[to] = order[to - 1];
        order[to] = number;
    }
}

/* Each term's leaves, ascending: counted, then put one after the other. */
static void collect_leaves(const struct cell *c, struct inverse *v)
{
    memset(v->begins, 0, sizeof v->begins);
    for (unsigned f = 0; f < TERM_FIELDS; f++)
        for (unsigned i = 0; i < c->count; i++)
            if (c->ids[f][i] != NOBODY)
                v->begins[c->ids[f][i] + 1]++;
    for (size_t i = 1; i <= c->term_count; i++)
        v->begins[i] += v->begins[i - 1];
    for (unsigned f = 0; f < TERM_FIELDS; f++)
        for (unsigned i = 0; i < c->count; i++)
            if (c->ids[f][i] != NOBODY)
                v->leaves[v->begins[c->ids[f][i]]++] = (uint16_t)i;
    memmove(v->begins + 1, v->begins, c->term_count * sizeof *v->begins);
    v->begins[0] = 0;
}

tl_err cell_blocks_begin(struct cell *c)
{
    if (!c->inverse && !(c->inverse = malloc(sizeof *c->inverse)))
        return TL_E_MEMORY;
    sort_terms(c, c->inverse->order);
    collect_leaves(c, c->inverse);
    c->inverse->next = 0;
    posting_writer_finish(&c->writer);
    posting_writer_init(&c->writer);
    return TL_OK;
}

/* False where the block is full. */
static bool add_term(struct cell *c, uint16_t number)
{
    const struct inverse *v = c->inverse;
    uint8_t key[POSTING_KEY], mem[POSTING_LEAVES];
    struct leaf_bits bits = {{0}};
    for (uint32_t i = v->begins[number]; i < v->begins[number + 1]; i++)
        bits_set(&bits, v->leaves[i]);
    posting_key(key, &c->terms[number], 0);
    /* What was erased meanwhile has left terms of no leaf. */
    return v->begins[number] == v->begins[number + 1] ||
           posting_add(&c->writer, key, posting_leaves(mem, &bits));
}

tl_err cell_blocks_next(struct cell *c, buf *out, uint8_t first[POSTING_KEY], bool *more)
{
    struct inverse *v = c->inverse;
    while (v->next < c->term_count && add_term(c, v->order[v->next]))
        v->next++;
    *more = c->writer.count > 0;
    if (!*more)
        return TL_OK;
    memcpy(first, c->writer.first, POSTING_KEY);
    return posting_take_block(&c->writer, out);
}
