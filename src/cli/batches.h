/* Standard input cut into batches of whole lines. */
#ifndef TL_CLI_BATCHES_H
#define TL_CLI_BATCHES_H

#include "base/buf.h"

#define BATCH_LINES    1000
#define BATCH_BYTES    (512u << 10)
#define LINE_MAX_BYTES (8u << 20) /* what the service takes as a body */

/* Lines that go to the service together, or one line that is too long to. */
struct batch {
    buf body;
    uint64_t first; /* number of its first line in the input, from 1 */
    size_t lines;
    bool too_long;
    uint64_t least; /* the log's size, as far as it was known when this was sent first */
};

struct batches {
    int fd;
    buf in;
    size_t at;       /* consumed bytes of in */
    size_t searched; /* of the rest: seen to hold no newline */
    uint64_t line;   /* number of the next line */
    bool eof;
    bool skipping; /* within a line that is too long */
};

void batches_init(struct batches *b, int fd);
void batches_finish(struct batches *b);
/* Whether bytes can be read now without waiting; true at the end as well. */
bool batches_readable(const struct batches *b);
/* Reads once. */
tl_err batches_read(struct batches *b, struct tl_why *why) TL_MUST;
/* Whether there is a whole line (at the end of the input: anything). */
bool batches_have_line(struct batches *b);
/* Whether as much is there as a batch takes. */
bool batches_full(const struct batches *b);
/* Takes the next batch into out, whose body must be empty. batches_have_line
 * was true. */
tl_err batches_take(struct batches *b, struct batch *out) TL_MUST;

#endif
