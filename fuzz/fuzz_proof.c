/* Proofs that something was logged, as text and as COSE receipts. Nothing verifies under the
 * seeds' log key but what its seed signed. */
#include "codec/problem.h"
#include "crypto/sign.h"
#include "fuzz.h"
#include "tlog/key_set.h"
#include "tlog/proof.h"
#include "tlog/transparent.h"

static void text(slice in)
{
    static struct note_key key;
    struct tlog_proof p;
    struct tlog_proof_result r;
    const hash32 leaf = sha256(slice_str("a leaf"));
    if (!key.name[0]) {
        uint8_t seed[32], public_key[32];
        memset(seed, 7, sizeof seed);
        ed25519_public(seed, public_key);
        MUST(note_key_make(&key, slice_str("fuzz.example/log"), public_key) == TL_OK);
    }
    if (tlog_proof_read(&p, in) != TL_OK)
        return;
    MUST(p.path_count <= MERKLE_MAX_PATH && p.checkpoint.n < in.n);
    buf b, extra;
    buf_init(&b, in.n);
    buf_init(&extra, PROOF_EXTRA_MAX);
    MUST(!p.has_extra || base64_read(&extra, p.extra) == TL_OK);
    slice given =
        p.has_extra ? slice_of(extra.p ? extra.p : (const uint8_t *)"", extra.n) : (slice){NULL, 0};
    tlog_proof_put(&b, given, p.index, p.path, p.path_count, p.checkpoint);
    must_equal(&b, in);
    buf_finish(&extra);
    /* The seeds' root is of no leaf. */
    MUST(tlog_proof_verify(&r, &p, &leaf, &key, 1, NULL) != TL_OK);
}

static void receipt(slice in)
{
    struct receipt r, again;
    hash32 root;
    if (receipt_read(&r, in) != TL_OK)
        return;
    MUST(in.n <= RECEIPT_MAX && r.signature.n == 64 && r.path_count <= MERKLE_MAX_PATH);
    MUST(!r.has_size || r.size == r.tree_size);
    buf b;
    buf_init(&b, in.n);
    receipt_put(&b, &r);
    MUST(receipt_read(&again, buf_slice(&b)) == TL_OK);
    must_equal(&b, in);
    if (receipt_root(&root, &r, &(hash32){{0}}) == TL_OK)
        MUST(r.kind == RECEIPT_INCLUSION || r.first == r.tree_size || r.path_count > 0);
}

/* What is found has the thumbprint that was asked for. */
static void keys(slice in)
{
    struct cose_ec2 key;
    const hash32 zero = {{0}};
    tl_err err = key_set_find(&key, in, hash_slice(&zero));
    MUST(err != TL_OK); /* nobody knows a key with that thumbprint */
}

/* What was logged is the statement without its receipts, and reads as none that has any. */
static void transparent(slice in)
{
    struct transparent t, again;
    if (transparent_read(&t, in) != TL_OK)
        return;
    MUST(in.n <= TRANSPARENT_MAX && t.count >= 1 && t.count <= TRANSPARENT_RECEIPTS);
    buf b;
    buf_init(&b, in.n);
    transparent_put(&b, &t);
    must_equal(&b, in);
    buf_reset(&b);
    transparent_statement_put(&b, &t);
    MUST(buf_err(&b) == TL_OK && b.n < in.n);
    MUST(transparent_read(&again, buf_slice(&b)) != TL_OK);
    buf_finish(&b);
    for (size_t i = 0; i < t.count; i++)
        receipt(t.receipts[i]);
}

static void problem(slice in)
{
    struct problem p;
    if (problem_read(&p, in) == TL_OK)
        MUST(p.title.n + p.detail.n < in.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    text(slice_of(data, size));
    receipt(slice_of(data, size));
    keys(slice_of(data, size));
    transparent(slice_of(data, size));
    problem(slice_of(data, size));
    return 0;
}
