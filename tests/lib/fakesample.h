/* A good quote of fakedcap.h, to be changed byte by byte. */
#ifndef FAKESAMPLE_H
#define FAKESAMPLE_H

#include "fakedcap.h"
#include "testlib.h"

/* A quote and all that it is judged by; slices point into f. */
struct sample {
    struct fake_dcap f;
    struct dcap_input in;
    struct dcap_report good;
    uint8_t *bytes; /* what is changed, a copy of the quote or of the collateral */
    size_t n;
};

static inline void sample_start(struct sample *s, enum sim_kind kind, bool apart)
{
    assert_ok(fake_dcap_init(&s->f, kind));
    s->f.pck_chain_apart = apart;
    s->f.quote_trailing = slice_of("\0\1\377", 3);
    assert_ok(fake_dcap_make(&s->f));
    s->in = fake_dcap_input(&s->f);
    dcap_verify(&s->good, &s->in);
    assert_true(s->good.ok);
}

static inline void sample_copy(struct sample *s, slice from)
{
    s->bytes = malloc(from.n);
    s->n = from.n;
    assert_non_null(s->bytes);
    memcpy(s->bytes, from.p, from.n);
}

static inline void sample_finish(struct sample *s)
{
    free(s->bytes);
    fake_dcap_finish(&s->f);
}

/* Where what was changed is accepted, nothing is found otherwise; only where the
 * parts of the quote lie differs. */
static inline void sample_same(const struct sample *s, struct dcap_report *r, const char *where)
{
    r->quote = s->good.quote;
    if (memcmp(r, &s->good, sizeof *r) != 0)
        fail_msg("%s: accepted, and something else is found", where);
}

/* Whether a stage is one of those in a list, between spaces. */
static inline bool sample_stage_in(const char *stage, const char *list)
{
    char word[40];
    snprintf(word, sizeof word, " %s ", stage);
    return strstr(list, word) != NULL;
}

#endif
