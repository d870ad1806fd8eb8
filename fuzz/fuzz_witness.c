/* What logs and witnesses send each other. Nothing verifies under the keys below but what
 * their seeds signed: the log's the seeds' checkpoint alone. */
#include "crypto/sign.h"
#include "fuzz.h"
#include "tlog/witness.h"

static void keys(struct note_key *log, struct cosigner *witness)
{
    uint8_t seed[32], public_key[32];
    memset(seed, 7, sizeof seed);
    ed25519_public(seed, public_key);
    MUST(note_key_make(log, slice_str("fuzz.example/log"), public_key) == TL_OK);
    memset(seed, 8, sizeof seed);
    ed25519_public(seed, public_key);
    MUST(cosigner_make(witness, slice_str("w.example"), public_key) == TL_OK);
}

static void request(slice in, const struct note_key *key)
{
    static struct witness_request r;
    const struct witness_log log = {key, 1, 0, merkle_empty_root()};
    if (witness_request_read(&r, in) != TL_OK)
        return;
    MUST(r.path_count <= MERKLE_MAX_PATH && r.old <= r.checkpoint.size);
    buf b;
    buf_init(&b, in.n);
    witness_request_put(&b, r.old, r.path, r.path_count,
                        slice_of(r.note.text.p, in.n - (size_t)(r.note.text.p - in.p)));
    must_equal(&b, in);
    MUST(witness_judge(NULL, &r) == WITNESS_UNKNOWN);
    if (witness_judge(&log, &r) == WITNESS_COSIGNS)
        MUST(r.old == 0 && r.path_count == 0 && slice_eq_str(r.note.text, FUZZ_CHECKPOINT));
}

static void answer(slice in, const struct cosigner *key)
{
    uint64_t size = 0, time = 0;
    buf b;
    buf_init(&b, NOTE_MAX);
    if (witness_size_read(&size, in) == TL_OK) {
        witness_size_put(&b, size);
        MUST(slice_eq(buf_slice(&b), in));
    }
    buf_reset(&b);
    tl_err err = witness_answer_take(&b, &time, key, slice_str(FUZZ_CHECKPOINT), in);
    MUST(err == TL_OK ? b.n && b.n <= in.n && time : b.n == 0);
    buf_finish(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct note_key log;
    static struct cosigner witness;
    if (!log.name[0])
        keys(&log, &witness);
    request(slice_of(data, size), &log);
    answer(slice_of(data, size), &witness);
    return 0;
}
