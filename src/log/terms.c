#include "log/terms.h"

#define VALUE_MAX 256 /* bytes of the longest that a leaf may have */

struct term term_of(const uint8_t key[TERM_KEY], enum term_field field, slice value)
{
    uint8_t message[1 + VALUE_MAX];
    struct term t;
    hash32 digest;
    message[0] = (uint8_t)field;
    if (value.n > VALUE_MAX) { /* asked for, and found nowhere */
        message[0] |= 0x80;
        digest = sha256(value);
        value = hash_slice(&digest);
    }
    if (value.n)
        memcpy(message + 1, value.p, value.n);
    hash32 mac = hmac_sha256(slice_of(key, TERM_KEY), slice_of(message, 1 + value.n));
    memcpy(t.b, mac.b, sizeof t.b);
    return t;
}

static void add(struct leaf_terms *t, const uint8_t key[TERM_KEY], enum term_field field,
                slice value)
{
    t->fields |= 1u << field;
    t->term[field] = term_of(key, field, value);
}

void leaf_terms_statement(struct leaf_terms *t, const uint8_t key[TERM_KEY], slice subject,
                          slice type, bool record)
{
    *t = (struct leaf_terms){.fields = 0};
    add(t, key, TERM_AGENT, subject);
    add(t, key, TERM_TYPE, type);
    if (record)
        add(t, key, TERM_RECORD, (slice){NULL, 0});
}

void leaf_terms_body(struct leaf_terms *t, const uint8_t key[TERM_KEY], slice room, slice user,
                     slice content, uint8_t *lower)
{
    add(t, key, TERM_ROOM, room);
    add(t, key, TERM_USER, user);
    t->content = true;
    t->is_long = content.n > TERM_TEXT;
    if (t->is_long)
        return;
    text_lower(lower, content.p, content.n);
    t->text = slice_of(lower, content.n);
}

void text_lower(uint8_t *out, const uint8_t *in, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = text_lower_one(in[i]);
}
