#include "http/stream.h"

#include <stdlib.h>

#define SLICE_MAX (BUNDLE_ITEM_MAX + (1u << 20)) /* bytes of one slice */
#define HELD      (2u << 20) /* bytes of a slice, as a rule, and of what is planned */

struct stream {
    struct stream_source source;
    buf slice;
    bool begun, more, resting;
    tl_err err;
    struct tl_why why;
};

static void stream_free(void *state)
{
    struct stream *s = state;
    if (!s)
        return;
    s->source.free(s->source.made);
    buf_finish(&s->slice);
    free(s);
}

/* On the owner thread. */
static void slice_done(void *ctx, tl_err err, bool more, const struct tl_why *why)
{
    struct exchange *x = ctx;
    struct stream *s = x->state;
    s->err = err;
    s->more = more;
    if (err != TL_OK && why)
        s->why = *why;
    service_post(x);
}

static void fail(struct exchange *x)
{
    const struct stream *s = x->state;
    const struct http_config *config = &x->service->config;
    if (!s->begun) {
        answer_error(x, s->err, &s->why);
        return;
    }
    x->broken = true; /* the client sees that the end is missing, and no more */
    if (config->broke_off)
        config->broke_off(x->head.method, x->head.path, tl_why_text(&s->why, s->err));
}

static void next_slice(struct exchange *x)
{
    struct stream *s = x->state;
    s->resting = false;
    buf_reset(&s->slice);
    service_hold(x);
    tl_err err = s->source.submit(s->source.made, &s->slice, slice_done, x);
    if (err == TL_OK)
        return;
    service_release(x);
    s->err = err;
    fail(x);
}

static void begin(struct exchange *x)
{
    struct stream *s = x->state;
    uint8_t bytes[256];
    buf fields;
    buf_init_fixed(&fields, bytes, sizeof bytes - 1);
    if (s->source.fields)
        s->source.fields(s->source.made, &fields);
    bytes[buf_err(&fields) == TL_OK ? fields.n : 0] = 0;
    answer_chunked(x, s->source.media, (const char *)bytes);
    s->begun = true;
}

static void resume(struct exchange *x)
{
    struct stream *s = x->state;
    if (s->err == TL_OK)
        s->err = buf_err(&s->slice);
    if (s->err == TL_OK)
        s->err = caller_still(x, &s->why);
    if (s->err != TL_OK) {
        fail(x);
        return;
    }
    /* The first slices may be empty, while it is planned, and may fail. */
    if (!s->begun && (s->slice.n || !s->more))
        begin(x);
    answer_chunk(x, buf_slice(&s->slice));
    if (!s->more)
        answer_end(x);
    else if (exchange_unsent(x) < UNSENT_MAX)
        next_slice(x);
    else
        s->resting = true;
}

static void drained(struct exchange *x)
{
    const struct stream *s = x->state;
    if (s->resting && exchange_unsent(x) < UNSENT_MAX)
        next_slice(x);
}

void stream_answer(struct exchange *x, const struct stream_source *source)
{
    struct tl_why why = {{0}, {0}};
    tl_err err = memory_take(x, HELD, &why);
    struct stream *s = err == TL_OK ? calloc(1, sizeof *s) : NULL;
    if (!s) {
        source->free(source->made);
        answer_error(x, err == TL_OK ? TL_E_MEMORY : err, &why);
        return;
    }
    s->source = *source;
    buf_init(&s->slice, SLICE_MAX);
    x->state = s;
    x->state_free = stream_free;
    x->resume = resume;
    x->drained = drained;
    next_slice(x);
}
