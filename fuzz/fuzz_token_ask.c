/* Bodies of POST /v1/tokens, and the table that the token then stands in. The reader is
 * private to its file, hence the include. */
#include "fuzz.h"
#include "http/tokens.c"

/* What a table takes, it gives back from its stored bytes. */
static void stored_and_back(const struct token *t)
{
    struct tokens *none, *one, *again;
    struct tl_why why = {0};
    MUST(tokens_read(&none, slice_of(NULL, 0)) == TL_OK);
    tl_err err = tokens_add(&one, none, t, &why);
    MUST(utf8_valid(slice_str(why.text)));
    if (err == TL_OK) {
        MUST(tokens_read(&again, tokens_stored(one)) == TL_OK && tokens_count(again) == 1);
        const struct token *back = tokens_at(again, 0);
        MUST(back->scopes == t->scopes && back->agent_count == t->agent_count);
        MUST(slice_eq(back->label, t->label) && back->expires_ms == t->expires_ms);
        for (size_t i = 0; i < t->agent_count; i++)
            MUST(slice_eq(back->agents[i], t->agents[i]));
        tokens_unref(again);
        tokens_unref(one);
    }
    tokens_unref(none);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct token t;
    struct tl_why why = {0};
    uint8_t mem[TEXTS_MAX];
    buf texts;
    buf_init_fixed(&texts, mem, sizeof mem);
    tl_err err = token_read(&t, &texts, slice_of(data, size), &why);
    MUST(utf8_valid(slice_str(why.text)) && utf8_valid(slice_str(why.field)));
    MUST(err == TL_OK || why.text[0]);
    if (err == TL_OK) {
        MUST(t.scopes <= SCOPE_ALL && t.agent_count <= TOKEN_AGENTS_MAX);
        MUST(t.expires_ms <= TL_INT_MAX && utf8_valid(t.label));
        for (size_t i = 0; i < t.agent_count; i++)
            MUST(utf8_valid(t.agents[i]));
        stored_and_back(&t);
    }
    return 0;
}
