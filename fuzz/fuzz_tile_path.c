/* Tile paths: one text for each tile. */
#include "fuzz.h"
#include "tlog/tile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size);
    int level;
    uint64_t n;
    unsigned width;
    if (tile_path_read(in, &level, &n, &width) != TL_OK)
        return 0;
    MUST(level >= -1 && level <= 63 && width >= 1 && width <= TILE_WIDTH);
    buf b;
    buf_init(&b, size);
    tile_path_put(&b, level, n, width);
    must_equal(&b, in);
    return 0;
}
