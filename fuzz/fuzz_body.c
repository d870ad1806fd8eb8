/* Bodies of every kind; the first byte chooses. */
#include "fuzz.h"
#include "tlog/body.h"

static void record(slice in, buf *b)
{
    struct body_record v;
    if (body_record_read(&v, in) != TL_OK)
        return;
    MUST(v.salt.n == BODY_SALT && v.room_id.n <= RECORD_ID_MAX && v.user_id.n <= RECORD_ID_MAX &&
         v.content.n <= RECORD_CONTENT_MAX && v.attributes.n <= RECORD_ATTRIBUTES_MAX);
    MUST(v.attributes.n == 0 || attributes_check(v.attributes) == TL_OK);
    body_record_put(b, &v);
    must_equal(b, in);
}

static void boot(slice in, buf *b)
{
    struct body_boot v;
    if (body_boot_read(&v, in) != TL_OK)
        return;
    body_boot_put(b, &v);
    must_equal(b, in);
    hash32 digest = body_config_digest(&v.config);
    MUST(hash_eq(&digest, &v.config_digest));
    buf_init(b, in.n);
    note_key_put(b, &v.key);
    must_equal(b, v.log_key);
}

static void session(slice in, buf *b)
{
    struct body_session v;
    if (body_session_read(&v, in) != TL_OK)
        return;
    body_session_put(b, &v);
    must_equal(b, in);
}

static void erasure(slice in, buf *b)
{
    static uint64_t indexes[ERASURE_MAX];
    size_t count = 0;
    slice reason;
    if (body_erasure_read(indexes, &count, &reason, in) != TL_OK)
        return;
    for (size_t i = 1; i < count; i++)
        MUST(indexes[i - 1] < indexes[i]);
    body_erasure_put(b, indexes, count, reason);
    must_equal(b, in);
}

static void small(slice in, buf *b)
{
    struct heads v;
    if (body_heads_read(&v, in) == TL_OK) {
        body_heads_put(b, &v);
        must_equal(b, in);
    } else if (body_end_read(in) == TL_OK) {
        body_end_put(b);
        must_equal(b, in);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const kinds[])(slice, buf *) = {record, boot, session, erasure, small};
    if (size == 0)
        return 0;
    buf b;
    slice in = slice_of(data + 1, size - 1);
    buf_init(&b, size);
    if (data[0] % 6 == 5) {
        if (attributes_check(in) == TL_OK) {
            cbor c = cbor_of(in);
            (void)cbor_item(&c); /* what is allowed is deterministic too */
            MUST(cbor_end(&c) == TL_OK);
        }
    } else {
        kinds[data[0] % 6](in, &b);
    }
    buf_finish(&b);
    return 0;
}
