/* The keys of one log, all derived from the platform's sealing key
 * (docs/format.md section 9), and the values sealed under them. */
#ifndef TL_LOG_KEYS_H
#define TL_LOG_KEYS_H

#include "base/buf.h"
#include "crypto/seal.h"
#include "store/store.h"
#include "tee/tee.h"
#include "tlog/note.h"

struct log_keys {
    char origin[129];
    hash32 log_id;
    struct note_key note_key; /* the log key, public half */
    uint8_t log_seed[32];     /* its seed: signs checkpoints and nothing else */
    uint8_t head_key[32];
    uint8_t data_key[32];
    uint8_t request_key[32]; /* tags request ids */
    uint8_t index_key[32];   /* seals the index */
    uint8_t term_key[32];    /* makes its terms */
};

/* Derives everything but the data key. origin and log_id are set before. */
tl_err keys_derive(struct log_keys *k, struct tee *tee, struct tl_why *why) TL_MUST;
void keys_wipe(struct log_keys *k);

/* A fresh data key, wrapped and appended to out; resp. the stored one opened. */
tl_err keys_make_data_key(struct log_keys *k, struct tee *tee, buf *out,
                          struct tl_why *why) TL_MUST;
tl_err keys_open_data_key(struct log_keys *k, struct tee *tee, slice wrapped,
                          struct tl_why *why) TL_MUST;

/* A data key that came another way: sets it, and what is derived from it. */
void keys_take_data_key(struct log_keys *k, const uint8_t data_key[32]);

/* What the stored head says: how far the log goes, how many erasures are in it, and
 * who may use it. */
struct log_head {
    uint64_t size;
    hash32 root;
    uint64_t erasures;
    hash32 tokens; /* digest of the stored table */
};
void keys_head_put(const struct log_keys *k, buf *out, const struct log_head *h);
/* TL_E_HEAD where it was not made under this head key for this log. One of version 1
 * comes from a time when nothing was erased and there were no tokens. */
tl_err keys_head_read(const struct log_keys *k, slice stored, struct log_head *out) TL_MUST;

/* Body keys: one a boot, opened again by number. */
struct body_keys;
tl_err body_keys_new(struct body_keys **out, const struct log_keys *k, struct store *s) TL_MUST;
void body_keys_free(struct body_keys *b);
/* A fresh key for this boot, its salt put into the open transaction. */
tl_err body_keys_fresh(struct body_keys *b) TL_MUST;
/* Seals under this boot's key. Any thread. */
tl_err body_seal(struct body_keys *b, buf *out, const hash32 *digest, slice plain) TL_MUST;
/* Opens and hashes again: TL_E_SEALED unless H(plain) is digest. The thread
 * that has the store. */
tl_err body_open(struct body_keys *b, buf *out, const hash32 *digest, slice sealed) TL_MUST;

#endif
