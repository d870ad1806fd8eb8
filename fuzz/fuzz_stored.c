/* What the disk gives back: the stored head, the rows of request ids, and the tokens, which
 * the head has a digest of. Of the first two only what was written under the key
 * is taken; the input also says what to write, and how to spoil it. */
#include "fuzz.h"
#include "log/internal.h"
#include "log/tokens.h"

static struct log *fixed_log(void)
{
    static struct log *log;
    if (!log) {
        log = calloc(1, sizeof *log);
        MUST(log);
        memcpy(log->keys.origin, "fuzz.example/log", sizeof "fuzz.example/log");
        memset(log->keys.head_key, 1, sizeof log->keys.head_key);
        memset(log->keys.request_key, 2, sizeof log->keys.request_key);
    }
    return log;
}

/* What an earlier version wrote is read too, and written in today's form: so only
 * today's comes out as it went in. */
static bool head_read(slice in)
{
    struct log_head head = {.size = 77};
    if (keys_head_read(&fixed_log()->keys, in, &head) != TL_OK) {
        MUST(head.size == 77);
        return false;
    }
    buf b;
    buf_init(&b, 1000);
    keys_head_put(&fixed_log()->keys, &b, &head);
    MUST(buf_err(&b) == TL_OK);
    if (in.p[0] == b.p[0])
        must_equal(&b, in);
    buf_finish(&b);
    return true;
}

static bool row_read(slice in, const uint8_t tag[16])
{
    struct log_receipt receipt = {0};
    if (request_row_read(fixed_log(), in, tag, &receipt) != TL_OK)
        return false;
    buf b;
    buf_init(&b, 1000);
    request_row_put(fixed_log(), &b, tag, &receipt);
    MUST(buf_err(&b) == TL_OK);
    if (in.p[0] == b.p[0])
        must_equal(&b, in);
    buf_finish(&b);
    return true;
}

/* As if the head had their digest. A table that is taken can be written again. */
static void tokens_table(slice in)
{
    struct tokens *t, *fewer, *again;
    if (tokens_read(&t, in) != TL_OK)
        return;
    size_t n = tokens_count(t);
    MUST(n <= TOKENS_MAX && slice_eq(tokens_stored(t), in));
    for (size_t i = 0; i < n; i++) {
        MUST(tokens_at(t, i)->agent_count <= TOKEN_AGENTS_MAX);
        MUST(tokens_at(t, i)->scopes <= SCOPE_ALL);
    }
    MUST(tokens_find(t, in, 0) == NULL);
    if (n) {
        MUST(tokens_remove(&fewer, t, tokens_at(t, 0)->id) == TL_OK);
        MUST(tokens_count(fewer) == n - 1);
        MUST(tokens_read(&again, tokens_stored(fewer)) == TL_OK);
        tokens_unref(again);
        tokens_unref(fewer);
    }
    tokens_unref(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t tag[16] = {3};
    slice in = slice_of(data, size);
    (void)head_read(in);
    (void)row_read(in, tag);
    tokens_table(in);
    slice first = take_front(&in, 8);
    struct log_receipt receipt = {0};
    for (size_t i = 0; i < first.n; i++)
        receipt.index = receipt.index << 8 | first.p[i];
    receipt.index &= TL_INT_MAX;
    struct log_head head = {.size = receipt.index, .root = sha256(in), .erasures = first.n};
    buf b;
    buf_init(&b, 1000);
    keys_head_put(&fixed_log()->keys, &b, &head);
    MUST(buf_err(&b) == TL_OK && head_read(buf_slice(&b)));
    if (in.n > 1) {
        b.p[in.p[0] % b.n] ^= (uint8_t)(in.p[1] ? in.p[1] : 1);
        MUST(!head_read(buf_slice(&b)));
    }
    buf_reset(&b);
    request_row_put(fixed_log(), &b, tag, &receipt);
    MUST(buf_err(&b) == TL_OK && row_read(buf_slice(&b), tag));
    if (in.n > 1) {
        b.p[in.p[0] % b.n] ^= (uint8_t)(in.p[1] ? in.p[1] : 1);
        MUST(!row_read(buf_slice(&b), tag));
    }
    buf_finish(&b);
    return 0;
}
