/* JSON lines of records. What is taken has attributes that a body takes. */
#include "fuzz.h"
#include "http/record_json.h"
#include "tlog/attributes.h"

/* As JSON and back they are the same bytes. */
static void attributes_again(slice encoded)
{
    buf text, again;
    struct tl_why why = {0};
    buf_init(&text, 6 * RECORD_ATTRIBUTES_MAX);
    buf_init(&again, RECORD_ATTRIBUTES_MAX);
    attributes_json_put(&text, encoded);
    MUST(buf_err(&text) == TL_OK);
    json_t *root =
        json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    MUST(root && attributes_put(&again, root, &why) == TL_OK);
    json_decref(root);
    must_equal(&again, encoded);
    buf_finish(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size);
    struct record_json j;
    struct log_record out = {0};
    struct tl_why why = {0};
    record_json_init(&j);
    for (int agent = 0; agent < 2; agent++) {
        slice name = agent ? slice_str("agent") : slice_of(NULL, 0);
        tl_err err = record_json_read(&j, &out, in, name, &why);
        MUST(utf8_valid(slice_str(why.text)) && utf8_valid(slice_str(why.field)));
        if (err != TL_OK)
            continue;
        MUST(out.attributes.n == 0 || attributes_check(out.attributes) == TL_OK);
        if (out.attributes.n)
            attributes_again(out.attributes);
        MUST(utf8_valid(out.content) && utf8_valid(out.room) && utf8_valid(out.user));
    }
    record_json_finish(&j);
    return 0;
}
