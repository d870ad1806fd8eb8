#include "witness/wire.h"

tl_err wire_open(struct wire **out, const struct wire_options *o, struct tl_why *why)
{
    (void)out, (void)o;
    return tl_explain(why, TL_E_USAGE, "witnesses",
                      "this build of teelog cannot ask witnesses (it was made with "
                      "-Dpcs=disabled, without libcurl)");
}

void wire_close(struct wire *w)
{
    (void)w;
}

tl_err wire_send(struct wire *w, size_t i, slice url, slice body, struct tl_why *why)
{
    (void)w, (void)i, (void)url, (void)body, (void)why;
    return TL_E_USAGE;
}

void wire_wait(struct wire *w, unsigned ms,
               void (*done)(void *ctx, size_t i, const struct asking_answer *answer), void *ctx)
{
    (void)w, (void)ms, (void)done, (void)ctx;
}

void wire_wake(struct wire *w)
{
    (void)w;
}
