/* Checkpoints: ours have one text; other logs' may have extension lines. */
#include "fuzz.h"
#include "tlog/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size);
    struct checkpoint c, foreign;
    if (checkpoint_read_foreign(&foreign, in) == TL_OK) {
        buf b;
        buf_init(&b, size);
        checkpoint_put(&b, &foreign);
        MUST(buf_err(&b) == TL_OK);
        MUST(slice_starts(in, buf_slice(&b)));
        buf_finish(&b);
    }
    if (checkpoint_read(&c, in) != TL_OK)
        return 0;
    buf b;
    buf_init(&b, size);
    checkpoint_put(&b, &c);
    must_equal(&b, in);
    MUST(checkpoint_read_foreign(&foreign, in) == TL_OK && foreign.size == c.size);
    return 0;
}
