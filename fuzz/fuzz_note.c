/* Signed notes and verifier keys. Nothing verifies under the key below but what
 * its seed signed. */
#include "crypto/sign.h"
#include "fuzz.h"
#include "tlog/note.h"

/* The key of the seeds, which forgot its seed: 32 bytes of 7. */
static struct note_key seed_key(void)
{
    uint8_t seed[32], public_key[32];
    struct note_key key;
    memset(seed, 7, sizeof seed);
    ed25519_public(seed, public_key);
    MUST(note_key_make(&key, slice_str("fuzz.example/log"), public_key) == TL_OK);
    return key;
}

static void note(slice in)
{
    static struct note n;
    static struct note_key key;
    if (!key.name[0])
        key = seed_key();
    if (note_read(&n, in) != TL_OK)
        return;
    MUST(in.n <= NOTE_MAX && n.text.n && n.text.p[n.text.n - 1] == '\n');
    MUST(n.signature_count > 0 && n.signature_count <= NOTE_MAX_SIGNATURES);
    buf b;
    buf_init(&b, in.n);
    buf_bytes(&b, n.text);
    buf_str(&b, "\n");
    for (size_t i = 0; i < n.signature_count; i++) {
        MUST(n.signatures[i].size > 0);
        buf_bytes(&b, n.signatures[i].line);
    }
    must_equal(&b, in);
    if (note_verify(&n, &key) == TL_OK)
        MUST(slice_eq_str(n.text, FUZZ_CHECKPOINT) || slice_eq_str(n.text, FUZZ_PARAGRAPHS));
}

static void verifier_key(slice in)
{
    struct note_key key, again;
    if (note_key_read(&key, in) != TL_OK)
        return;
    buf b;
    buf_init(&b, in.n);
    note_key_put(&b, &key);
    must_equal(&b, in);
    MUST(note_key_make(&again, slice_str(key.name), key.public_key) == TL_OK);
    MUST(memcmp(again.id, key.id, sizeof key.id) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    note(slice_of(data, size));
    verifier_key(slice_of(data, size));
    return 0;
}
