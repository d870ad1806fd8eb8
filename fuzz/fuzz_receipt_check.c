/* Receipts as a client checks them. The seeds' log key has signed the tree of one of them, whose
 * record was sent; whatever else passes must be of that record. */
#include "crypto/sign.h"
#include "fuzz.h"
#include "verify/receipt_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct note_key key;
    const struct receipt_sent sent = {.agent = slice_str("alice"),
                                      .room = slice_str("r"),
                                      .user = slice_str("u"),
                                      .type = slice_str("t"),
                                      .content = slice_str("c")};
    struct receipt_seen seen = {.size = 0};
    struct receipt_checked got;
    struct tl_why why = {{0}, {0}};
    if (!key.name[0]) {
        uint8_t seed[32], public_key[32];
        memset(seed, 7, sizeof seed);
        ed25519_public(seed, public_key);
        MUST(note_key_make(&key, slice_str("fuzz.example/log"), public_key) == TL_OK);
    }
    tl_err err = receipt_check(&got, slice_of(data, size), &sent, &key, &seen, &why);
    if (err != TL_OK) {
        MUST(err == TL_E_PEER && why.text[0] && seen.size == 0);
        return 0;
    }
    MUST(got.index == 1 && got.tree_size == 2 && seen.size == 2 && got.seq == 5);
    seen.size++;
    MUST(receipt_check(&got, slice_of(data, size), &sent, &key, &seen, &why) == TL_E_PEER);
    return 0;
}
