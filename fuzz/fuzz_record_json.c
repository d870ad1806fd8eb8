/* JSON lines of records. What is taken has attributes that a body takes. */
#include "fuzz.h"
#include "http/record_json.h"

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
        MUST(utf8_valid(out.content) && utf8_valid(out.room) && utf8_valid(out.user));
    }
    record_json_finish(&j);
    return 0;
}
