/* PEM chains: one text for each list of certificates, but for a final NUL or a final LF. */
#include "codec/pem.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size);
    struct pem_chain chain;
    if (pem_read(&chain, in) != TL_OK)
        return 0;
    MUST(chain.count >= 1 && chain.count <= PEM_MAX_CERTIFICATES);
    buf b;
    buf_init(&b, size + 1);
    for (size_t i = 0; i < chain.count; i++)
        pem_put(&b, chain.certificates[i]);
    if (in.p[in.n - 1] == 0)
        in.n--;
    else if (in.p[in.n - 1] != '\n')
        b.n--;
    must_equal(&b, in);
    pem_finish(&chain);
    return 0;
}
