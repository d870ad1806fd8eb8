/* Records as JSON, as the service answers them, on standard output: lines of JSON, or
 * for people. */
#ifndef TL_CLI_RECORD_PRINT_H
#define TL_CLI_RECORD_PRINT_H

#include "base/err.h"
#include "base/slice.h"

struct record_printer {
    bool json;
    bool begun;
};
/* Prints one record. */
tl_err record_print(struct record_printer *p, slice record, struct tl_why *why) TL_MUST;
/* The same with what its proof says. */
tl_err record_print_proof(struct record_printer *p, slice record, struct tl_why *why) TL_MUST;
/* Whatever was printed is out. */
tl_err record_print_end(struct tl_why *why) TL_MUST;

/* What a page says beside its records. Slices are borrowed from it. */
struct record_page {
    slice next; /* empty at the end */
    uint64_t size, total;
    bool simulated;
};
/* Reads a page; each is called for its records in order, and may be NULL. */
tl_err record_page_read(struct record_page *out, slice page,
                        tl_err (*each)(void *ctx, slice record, struct tl_why *why), void *ctx,
                        struct tl_why *why) TL_MUST;

#endif
