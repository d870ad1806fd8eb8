/* What the index knows a leaf by: a term for each of its fields. Pure. */
#ifndef TL_LOG_TERMS_H
#define TL_LOG_TERMS_H

#include "crypto/hash.h"

enum term_field {
    TERM_RECORD, /* of every record, with an empty value */
    TERM_AGENT,  /* the subject, of every statement */
    TERM_TYPE,   /* of every statement */
    TERM_ROOM,   /* of records */
    TERM_USER,
    TERM_FIELDS
};

#define TERM_KEY  32   /* bytes of the key that terms are made with */
#define TERM_TEXT 2048 /* longer contents are looked for in their bodies */

struct term {
    uint8_t b[16];
};
struct term term_of(const uint8_t key[TERM_KEY], enum term_field field, slice value);

/* All of one leaf. */
struct leaf_terms {
    unsigned fields; /* bit 1 << field: it has this one */
    struct term term[TERM_FIELDS];
    bool content; /* it is a record with its content, */
    bool is_long; /* which is longer than TERM_TEXT, */
    slice text;   /* or is this, ASCII letters in lower case */
};
/* What any statement has. */
void leaf_terms_statement(struct leaf_terms *t, const uint8_t key[TERM_KEY], slice subject,
                          slice type, bool record);
/* What a record's body adds; lower has room for TERM_TEXT bytes, and t borrows from it. */
void leaf_terms_body(struct leaf_terms *t, const uint8_t key[TERM_KEY], slice room, slice user,
                     slice content, uint8_t *lower);

static inline uint8_t text_lower_one(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}
/* Copies n bytes, ASCII letters in lower case. */
void text_lower(uint8_t *out, const uint8_t *in, size_t n);

#endif
