/* What the disk gives back: the stored head and the rows of request ids, each
 * under its key. Only what was written under the key is taken; the input also
 * says what to write, and how to spoil it. */
#include "fuzz.h"
#include "log/internal.h"

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

static bool head_read(slice in)
{
    uint64_t size = 77;
    hash32 root;
    if (keys_head_read(&fixed_log()->keys, in, &size, &root) != TL_OK) {
        MUST(size == 77);
        return false;
    }
    buf b;
    buf_init(&b, in.n);
    keys_head_put(&fixed_log()->keys, &b, size, &root);
    must_equal(&b, in);
    return true;
}

static bool row_read(slice in, const uint8_t tag[16])
{
    struct log_receipt receipt = {0};
    hash32 content;
    if (request_row_read(fixed_log(), in, tag, &receipt, &content) != TL_OK)
        return false;
    buf b;
    buf_init(&b, in.n);
    request_row_put(fixed_log(), &b, tag, &receipt, &content);
    must_equal(&b, in);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t tag[16] = {3};
    slice in = slice_of(data, size);
    (void)head_read(in);
    (void)row_read(in, tag);
    slice first = take_front(&in, 8);
    struct log_receipt receipt = {0};
    for (size_t i = 0; i < first.n; i++)
        receipt.index = receipt.index << 8 | first.p[i];
    receipt.index &= TL_INT_MAX;
    hash32 content = sha256(in);
    buf b;
    buf_init(&b, 1000);
    keys_head_put(&fixed_log()->keys, &b, receipt.index, &content);
    MUST(buf_err(&b) == TL_OK && head_read(buf_slice(&b)));
    if (in.n > 1) {
        b.p[in.p[0] % b.n] ^= (uint8_t)(in.p[1] ? in.p[1] : 1);
        MUST(!head_read(buf_slice(&b)));
    }
    buf_reset(&b);
    request_row_put(fixed_log(), &b, tag, &receipt, &content);
    MUST(buf_err(&b) == TL_OK && row_read(buf_slice(&b), tag));
    if (in.n > 1) {
        b.p[in.p[0] % b.n] ^= (uint8_t)(in.p[1] ? in.p[1] : 1);
        MUST(!row_read(buf_slice(&b), tag));
    }
    buf_finish(&b);
    return 0;
}
