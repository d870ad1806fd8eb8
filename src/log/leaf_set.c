#include "log/leaf_set.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_BITS  16 /* log2 of the leaves of a chunk */
#define CHUNK_BYTES ((1u << CHUNK_BITS) / 8)

void leaf_set_finish(struct leaf_set *s)
{
    for (size_t i = 0; i < s->chunk_count; i++)
        free(s->chunks[i]);
    free(s->chunks);
    *s = (struct leaf_set){0};
}

static tl_err grow(struct leaf_set *s, uint64_t chunk)
{
    if (chunk < s->chunk_count)
        return TL_OK;
    size_t more = 2 * s->chunk_count > chunk ? 2 * s->chunk_count : (size_t)chunk + 1;
    uint8_t **p = realloc(s->chunks, more * sizeof *p);
    if (!p)
        return TL_E_MEMORY;
    memset(p + s->chunk_count, 0, (more - s->chunk_count) * sizeof *p);
    s->chunks = p;
    s->chunk_count = more;
    return TL_OK;
}

static size_t byte_of(uint64_t index)
{
    return (size_t)(index >> 3) % CHUNK_BYTES;
}

static uint8_t bit_of(uint64_t index)
{
    return (uint8_t)(1u << (index & 7));
}

tl_err leaf_set_add(struct leaf_set *s, uint64_t index)
{
    tl_err err = grow(s, index >> CHUNK_BITS);
    if (err != TL_OK)
        return err;
    uint8_t **chunk = &s->chunks[index >> CHUNK_BITS];
    if (!*chunk && !(*chunk = calloc(1, CHUNK_BYTES)))
        return TL_E_MEMORY;
    s->count += !((*chunk)[byte_of(index)] & bit_of(index));
    (*chunk)[byte_of(index)] |= bit_of(index);
    return TL_OK;
}

bool leaf_set_has(const struct leaf_set *s, uint64_t index)
{
    uint64_t chunk = index >> CHUNK_BITS;
    return chunk < s->chunk_count && s->chunks[chunk] &&
           s->chunks[chunk][byte_of(index)] & bit_of(index);
}

bool leaf_set_next(const struct leaf_set *s, uint64_t *index)
{
    uint64_t i = *index, end = (uint64_t)s->chunk_count << CHUNK_BITS;
    while (i < end) {
        const uint8_t *chunk = s->chunks[i >> CHUNK_BITS];
        if (!chunk)
            i = ((i >> CHUNK_BITS) + 1) << CHUNK_BITS;
        else if (i % 8 == 0 && chunk[byte_of(i)] == 0)
            i += 8;
        else if (chunk[byte_of(i)] & bit_of(i))
            break;
        else
            i++;
    }
    if (i >= end)
        return false;
    *index = i;
    return true;
}
