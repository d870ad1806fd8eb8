/* COSE_Sign1 and EC2 keys: what is read writes to the same bytes. */
#include "codec/cose.h"
#include "crypto/sign.h"
#include "fuzz.h"

static void sign1(slice in)
{
    struct cose_sign1 s;
    if (cose_sign1_read(&s, in) != TL_OK)
        return;
    buf b;
    buf_init(&b, in.n);
    cose_sign1_put(&b, s.protected_header, s.payload, s.signature.p);
    must_equal(&b, in);
}

static void key(slice in)
{
    cbor c = cbor_of(in);
    struct cose_ec2 k, again;
    cose_ec2_read(&c, &k);
    if (c.err != TL_OK)
        return;
    uint8_t mem[COSE_EC2_SIZE];
    buf b;
    buf_init_fixed(&b, mem, sizeof mem);
    cose_ec2_put(&b, &k);
    must_equal(&b, slice_of(in.p, in.n - c.rest.n));
    struct es256_key *loaded;
    if (es256_public(&loaded, k.x, k.y) != TL_OK)
        return;
    es256_point(loaded, &again);
    MUST(memcmp(again.x, k.x, 32) == 0 && memcmp(again.y, k.y, 32) == 0);
    /* Whatever follows the key is no signature over nothing. */
    uint8_t signature[64] = {0};
    hash32 digest = {{0}};
    if (c.rest.n)
        memcpy(signature, c.rest.p, c.rest.n < 64 ? c.rest.n : 64);
    MUST(es256_verify(loaded, &digest, signature) != TL_OK || c.rest.n >= 2);
    es256_free(loaded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size);
    sign1(in);
    key(in);
    return 0;
}
