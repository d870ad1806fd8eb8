/* Bodies of POST /v1/attest. The reader is private to its file, hence the include. */
#include "fuzz.h"
#include "http/attest.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct asked a = {.root = NULL};
    struct tl_why why = {0};
    tl_err err = asked_read(&a, slice_of(data, size), &why);
    MUST(utf8_valid(slice_str(why.text)) && utf8_valid(slice_str(why.field)));
    MUST(err == TL_OK || why.text[0]);
    if (err == TL_OK) {
        MUST(a.nonce_size >= FRESH_NONCE_MIN && a.nonce_size <= FRESH_NONCE_MAX);
        MUST(a.agent.p ? a.agent.n >= 1 && a.agent.n <= SUBJECT_MAX : !a.chain);
        MUST(utf8_valid(a.agent));
    }
    json_decref(a.root);
    return 0;
}
