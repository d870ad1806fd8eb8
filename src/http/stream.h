/* What is made in slices on the owner thread, and sent as fast as the client takes it. */
#ifndef TL_HTTP_STREAM_H
#define TL_HTTP_STREAM_H

#include "http/internal.h"

struct stream_source {
    void *made; /* owned by the stream */
    /* One slice more, as log_export_submit. */
    tl_err (*submit)(void *made, buf *out, log_export_done_fn *done, void *ctx);
    void (*free)(void *made);
    const char *media;
    /* Appends header fields, each with its CR LF; known with the first bytes. NULL: there are none.
     */
    void (*fields)(void *made, buf *out);
};
/* Answers x with all of it. */
void stream_answer(struct exchange *x, const struct stream_source *source);

#endif
