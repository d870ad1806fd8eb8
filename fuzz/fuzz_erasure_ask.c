/* Bodies of POST /v1/erasures. What is taken says one thing, within its bounds. */
#include "fuzz.h"
#include "http/erasure_json.h"
#include "log/erase.h"
#include "tlog/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct erasure_ask a; /* that its slices lie in */
    struct tl_why why = {0};
    tl_err err = erasure_ask_read(&a, slice_of(data, size), &why);
    MUST(utf8_valid(slice_str(why.text)) && utf8_valid(slice_str(why.field)));
    MUST(err == TL_OK || why.text[0]);
    if (err == TL_OK) {
        MUST((a.indexes != NULL) != (a.user.p || a.room.p || a.agent.p));
        MUST(a.count <= ERASE_MAX && (a.indexes || a.count == 0));
        for (size_t i = 0; i < a.count; i++)
            MUST(a.indexes[i] <= TL_INT_MAX);
        MUST(a.user.n <= RECORD_ID_MAX && a.room.n <= RECORD_ID_MAX);
        MUST(a.agent.n <= SUBJECT_MAX && utf8_valid(a.user) && utf8_valid(a.room));
        MUST(utf8_valid(a.reason) && !(a.indexes && a.before_ms != UINT64_MAX));
    }
    erasure_ask_finish(&a);
    return 0;
}
