/* COSE_Sign1 and EC2 keys: what is read writes to the same bytes. */
#include "codec/cose.h"
#include "crypto/key.h"
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
    struct sign_job job = {.ok = false};
    if (sign_key_public(&job.key, &k) != TL_OK)
        return;
    sign_key_point(&job.key, &again);
    MUST(again.curve == k.curve);
    MUST(memcmp(again.x, k.x, 32) == 0 && memcmp(again.y, k.y, 32) == 0);
    /* Whatever follows the key is no signature over nothing. */
    if (c.rest.n)
        memcpy(job.signature, c.rest.p, c.rest.n < 64 ? c.rest.n : 64);
    verify_jobs(&job, 1);
    MUST(!job.ok || c.rest.n >= 2);
    sign_key_free(&job.key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size);
    sign1(in);
    key(in);
    return 0;
}
