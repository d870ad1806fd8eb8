/* What dstack's guest agent answers: the head of an answer, quotes with their logs, keys,
 * and what is shown to people. The first byte chooses. */
#include "fuzz.h"
#include "tee/agent.h"
#include "tee/dstack_answer.h"
#include "tee/tee.h"

static void head(slice in)
{
    struct tl_why why = {{0}, {0}};
    struct agent_head h = {.status = 7};
    if (agent_head_read(&h, in, &why) == TL_OK) {
        MUST(h.status >= 200 && h.status <= 599 && h.length <= AGENT_BODY_MAX);
        MUST(in.n >= 4 && memmem(in.p, in.n, ":", 1));
    } else {
        MUST(h.status == 7 && why.text[0]);
    }
}

/* Behind what is there already. */
static void quote(slice in)
{
    struct tl_why why = {{0}, {0}};
    buf q, log;
    buf_init(&q, TEE_QUOTE_MAX);
    buf_init(&log, TEE_EVENT_LOG_MAX);
    buf_str(&q, "before");
    buf_str(&log, "before");
    if (dstack_read_quote(&q, &log, in, &why) == TL_OK)
        MUST(q.n > 6 && log.n > 6 && (q.n - 6) * 2 + 10 < in.n && utf8_valid(buf_slice(&log)));
    else
        MUST(q.n == 6 && log.n == 6 && why.text[0] && utf8_valid(slice_str(why.text)));
    MUST(memcmp(q.p, "before", 6) == 0 && memcmp(log.p, "before", 6) == 0);
    buf_finish(&q);
    buf_finish(&log);
}

static void key(slice in, tl_err (*read)(uint8_t key[32], slice json, struct tl_why *why))
{
    static const uint8_t before[32] = {1, 2, 3};
    struct tl_why why = {{0}, {0}};
    uint8_t out[32];
    memcpy(out, before, sizeof out);
    if (read(out, in, &why) != TL_OK)
        MUST(memcmp(out, before, sizeof out) == 0 && why.text[0]);
    else
        MUST(in.n > 64);
}

static void texts(slice in)
{
    struct tl_why why = {{0}, {0}};
    buf line, error;
    buf_init(&line, 1000);
    buf_init(&error, 200);
    tl_err err = dstack_read_info(&line, in, &why);
    MUST(err == TL_OK || (line.n == 0 && why.text[0]));
    for (size_t i = 0; i < line.n; i++)
        MUST(line.p[i] >= ' ' && line.p[i] < 0x7f);
    dstack_read_error(&error, in);
    MUST(buf_err(&error) == TL_OK && utf8_valid(buf_slice(&error)));
    buf_finish(&line);
    buf_finish(&error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    slice in = slice_of(data + 1, size - 1);
    switch (data[0] % 5) {
    case 0:
        head(in);
        break;
    case 1:
        quote(in);
        break;
    case 2:
        key(in, dstack_read_key);
        break;
    case 3:
        key(in, dstack_read_derived);
        break;
    default:
        texts(in);
    }
    return 0;
}
