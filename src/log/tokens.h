/* The tokens of a log: who may do what over HTTP. A table is made once and never
 * changed; a change makes the next one. docs/format.md section 12 has its bytes. */
#ifndef TL_LOG_TOKENS_H
#define TL_LOG_TOKENS_H

#include "base/buf.h"
#include "crypto/hash.h"

/* What a token can be good for, as bits. */
enum scope {
    SCOPE_APPEND = 1,
    SCOPE_READ = 2, /* bodies, and queries over them */
    SCOPE_ERASE = 4,
    SCOPE_ADMIN = 8, /* tokens, backups */
    SCOPE_ALL = 15,
};

/* "append", …; and the bit of a name, 0 for any other. */
const char *scope_name(enum scope bit);
uint8_t scope_of(slice name);
/* "append or read"; out has room for 64 bytes. */
void scopes_text(char *out, uint8_t scopes, const char *between);

#define TOKENS_MAX       256
#define TOKENS_BYTES_MAX 65536
#define TOKEN_ID         8   /* bytes */
#define TOKEN_AGENTS_MAX 16  /* of one token */
#define TOKEN_LABEL_MAX  128 /* bytes */
#define TOKEN_PREFIX     "teelog_"
#define TOKEN_TEXT       (sizeof TOKEN_PREFIX - 1 + 2 * TOKEN_ID + 1 + 43) /* bytes */

struct token {
    uint8_t id[TOKEN_ID];
    hash32 digest; /* of its text */
    uint8_t scopes;
    size_t agent_count; /* 0: good for any */
    slice agents[TOKEN_AGENTS_MAX];
    slice label;
    uint64_t created_ms, expires_ms; /* expires_ms 0: never */
};

/* Shared between threads; each has a reference of its own. Slices of its tokens are
 * borrowed from it. */
struct tokens;

/* From the stored bytes, which are copied; empty bytes make an empty table.
 * TL_E_STORED where they are not such a table. */
tl_err tokens_read(struct tokens **out, slice stored) TL_MUST;
/* A table with this token more: TL_E_LIMIT where there is no room. */
tl_err tokens_add(struct tokens **out, const struct tokens *old, const struct token *fresh,
                  struct tl_why *why) TL_MUST;
/* A table without the token of this id: TL_E_NOT_FOUND. */
tl_err tokens_remove(struct tokens **out, const struct tokens *old,
                     const uint8_t id[TOKEN_ID]) TL_MUST;
struct tokens *tokens_ref(struct tokens *t);
void tokens_unref(struct tokens *t); /* NULL is fine */

/* The bytes to be stored, and their digest, which the head holds. */
slice tokens_stored(const struct tokens *t);
hash32 tokens_digest(const struct tokens *t);

size_t tokens_count(const struct tokens *t);
const struct token *tokens_at(const struct tokens *t, size_t i);
/* The token whose text this is, NULL where there is none or it has expired. How long
 * it takes says no more than whether the id is there. */
const struct token *tokens_find(const struct tokens *t, slice text, uint64_t now_ms);
bool token_expired(const struct token *t, uint64_t now_ms);

/* Makes id, text (with a NUL) and digest of a new token. text is a secret. */
tl_err token_make(struct token *t, char text[TOKEN_TEXT + 1]) TL_MUST;

/* The table of a log as it is now, a reference of the caller's. Any thread. */
struct log;
struct tokens *log_tokens(struct log *log);
/* The time by which tokens expire, in ms since 1970: the host's clock, but it never
 * goes back behind the log's last statement, nor behind what it said before. */
uint64_t log_clock(struct log *log);
/* Stores one more token: scopes, agents, label and expires_ms are the caller's; the
 * others, and text (with a NUL), are written. TL_E_FIELD names what is wrong. Waits
 * for the owner thread. */
tl_err log_token_create(struct log *log, struct token *t, char text[TOKEN_TEXT + 1],
                        struct tl_why *why) TL_MUST;
/* Takes one away; good for nothing from then on. TL_E_NOT_FOUND. */
tl_err log_token_revoke(struct log *log, const uint8_t id[TOKEN_ID], struct tl_why *why) TL_MUST;

#endif
