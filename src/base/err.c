#include "base/err.h"

#include "base/encoding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum tl_category tl_err_category(tl_err err)
{
    return (enum tl_category)((unsigned)err >> 8);
}

const char *tl_err_text(tl_err err)
{
    switch (err) {
#define TL_ERR_TEXT(name, cat, num, text)                                                          \
    case TL_##name:                                                                                \
        return text;
        TL_ERROR_TABLE(TL_ERR_TEXT)
#undef TL_ERR_TEXT
    }
    return "unknown error";
}

const char *tl_err_name(tl_err err)
{
    switch (err) {
#define TL_ERR_NAME(name, cat, num, text)                                                          \
    case TL_##name:                                                                                \
        return #name;
        TL_ERROR_TABLE(TL_ERR_NAME)
#undef TL_ERR_NAME
    }
    return "E_UNKNOWN";
}

static const struct {
    int http, exit;
} outside[] = {
    [TL_CAT_OK] = {200, 0},        [TL_CAT_INPUT] = {400, 1},       [TL_CAT_USAGE] = {400, 2},
    [TL_CAT_AUTH] = {401, 3},      [TL_CAT_NOT_FOUND] = {404, 3},   [TL_CAT_CONFLICT] = {409, 3},
    [TL_CAT_LIMIT] = {413, 3},     [TL_CAT_UNAVAILABLE] = {503, 3}, [TL_CAT_SYSTEM] = {500, 3},
    [TL_CAT_INTEGRITY] = {500, 3}, [TL_CAT_FORBIDDEN] = {403, 3},   [TL_CAT_RATE] = {429, 3},
    [TL_CAT_ROOM] = {507, 3},
};

int tl_err_http(tl_err err)
{
    unsigned cat = tl_err_category(err);
    return cat < sizeof outside / sizeof outside[0] ? outside[cat].http : 500;
}

int tl_err_exit(tl_err err)
{
    unsigned cat = tl_err_category(err);
    return cat < sizeof outside / sizeof outside[0] ? outside[cat].exit : 3;
}

/* Explanations quote hostile text, and end up in JSON and on terminals: what is
 * not UTF-8, or was cut off in the middle of a character, and control
 * characters become question marks. */
static void make_printable(char *text)
{
    uint8_t *p = (uint8_t *)text, *end = p + strlen(text);
    while (p < end) {
        size_t n = utf8_character(slice_of(p, (size_t)(end - p)));
        if (n == 0 || utf8_acts(slice_of(p, n)))
            memset(p, '?', n ? n : 1);
        p += n ? n : 1;
    }
}

#undef tl_explain /* what err.h says for clang's analyzer */
tl_err tl_explain(struct tl_why *why, tl_err err, const char *field, const char *fmt, ...)
{
    if (!why || why->text[0])
        return err;
    snprintf(why->field, sizeof why->field, "%s", field ? field : "");
    make_printable(why->field);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why->text, sizeof why->text, fmt, ap);
    va_end(ap);
    make_printable(why->text);
    return err;
}

const char *tl_why_text(const struct tl_why *why, tl_err err)
{
    return why && why->text[0] ? why->text : tl_err_text(err);
}
