/* Evidence, read and verified with no policy. Genuine evidence carries a
 * simulator's root, and names no stage; all other names one and says why. */
#include "attest/evidence.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size);
    struct evidence e;
    if (evidence_read(&e, in) != TL_OK)
        return 0;
    buf b;
    buf_init(&b, size);
    evidence_put(&b, &e);
    must_equal(&b, in);
    struct evidence_report r;
    memset(&r, 0x55, sizeof r);
    const struct evidence_context context = {.time = FUZZ_TIME};
    evidence_verify(&r, &e, (slice){NULL, 0}, &context);
    MUST(r.detail[0] && memchr(r.detail, 0, sizeof r.detail));
    MUST(utf8_valid(slice_str(r.detail)));
    MUST(r.genuine ? !r.stage : r.stage != NULL);
    MUST(!r.genuine || (r.simulated && r.platform == PLATFORM_SIMULATOR && !r.root_pinned));
    return 0;
}
