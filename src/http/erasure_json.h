/* What POST /v1/erasures asks for, read from its JSON. Pure. */
#ifndef TL_HTTP_ERASURE_JSON_H
#define TL_HTTP_ERASURE_JSON_H

#include "base/buf.h"

struct erasure_ask {
    uint64_t *indexes; /* these, or NULL: */
    size_t count;
    slice user, room, agent; /* what matches all of those that are there */
    uint64_t before_ms;      /* UINT64_MAX: of any time */
    slice reason;            /* .p == NULL: none */
    bool dry_run;
    buf texts; /* that the slices lie in, in mem: it must not move */
    uint8_t mem[4096];
};

/* out is erasure_ask_finish'ed in any case. */
tl_err erasure_ask_read(struct erasure_ask *out, slice json, struct tl_why *why) TL_MUST;
void erasure_ask_finish(struct erasure_ask *ask);

#endif
