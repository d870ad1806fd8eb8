/* What the fuzz targets share. A property that does not hold ends the process
 * loudly, with the expression. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/encoding.h"
#include "base/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(expr)                                                                                 \
    do {                                                                                           \
        if (!(expr)) {                                                                             \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #expr);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* That what was written, without an error, is exactly these bytes; and frees. */
static inline void must_equal(buf *b, slice want)
{
    MUST(buf_err(b) == TL_OK);
    MUST(slice_eq(buf_slice(b), want));
    buf_finish(b);
}

/* Takes up to n bytes off the front. */
static inline slice take_front(slice *s, size_t n)
{
    slice front = slice_of(s->p, n < s->n ? n : s->n);
    *s = slice_of(s->p + front.n, s->n - front.n);
    return front;
}

/* Whether it is an accepted input's turn for a check that takes far longer than all
 * the rest: the first ten thousand, so that a corpus is checked whole, and every
 * sixteenth after them. */
static inline bool takes_turn(void)
{
    static unsigned asked;
    asked++;
    return asked <= 10000 || asked % 16 == 0;
}

/* The texts that the seeds' log key has signed. */
#define FUZZ_CHECKPOINT "fuzz.example/log\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
#define FUZZ_PARAGRAPHS "two\n\nparagraphs\n"

/* The owner's scalar, its first byte, and the log that the seed's data key is wrapped for. */
#define FUZZ_OWNER      1
#define FUZZ_OWNER_LOG  "fuzz.example/log"

/* A time in the validity of the simulator chains among the seeds. */
#define FUZZ_TIME       UINT64_C(1790000000)

#endif
