/* Evidence, read and verified with no policy. Genuine evidence carries a
 * simulator's root, and names no stage; all other names one and says why. An input
 * is the length of the item (16 bits), the item, and what is left is collateral. */
#include "attest/evidence.h"
#include "base/reader.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    reader r = reader_of(slice_of(data, size));
    slice in = reader_bytes(&r, reader_u16be(&r));
    struct evidence e;
    if (r.err != TL_OK || evidence_read(&e, in) != TL_OK)
        return 0;
    buf b;
    buf_init(&b, size);
    evidence_put(&b, &e);
    must_equal(&b, in);
    struct evidence_report v;
    memset(&v, 0x55, sizeof v);
    const struct evidence_context context = {.time = FUZZ_TIME};
    evidence_verify(&v, &e, r.rest, &context);
    MUST(v.detail[0] && memchr(v.detail, 0, sizeof v.detail));
    MUST(utf8_valid(slice_str(v.detail)));
    MUST(v.genuine ? !v.stage : v.stage != NULL);
    MUST(!v.genuine || (v.simulated && v.platform == PLATFORM_SIMULATOR));
    return 0;
}
