#include "http/json_get.h"

#include "base/refuse.h"

size_t json_get_name(const char *key, const char *const *names, size_t count)
{
    size_t i = 0;
    while (i < count && strcmp(names[i], key) != 0)
        i++;
    return i;
}

/* jansson's sentence about a duplicate key ends: near '"KEY"'. */
static const char *duplicate_field(const json_error_t *e, const char *const *names, size_t count)
{
    const char *near = strstr(e->text, "near '\"");
    if (!near)
        return NULL;
    near += strlen("near '\"");
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(names[i]);
        if (strncmp(near, names[i], n) == 0 && near[n] == '"')
            return names[i];
    }
    return NULL;
}

tl_err json_get_object(json_t **out, slice text, const char *what, const char *const *names,
                       size_t count, struct tl_why *why)
{
    json_error_t e;
    /* A NUL is a character like others in a text (RFC 8259 section 7); jansson
     * refuses it in keys all the same. */
    json_t *root =
        json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);
    if (REFUSED(!root)) {
        /* What jansson refuses it explains; without a word, memory was short. */
        if (!e.text[0])
            return TL_E_MEMORY;
        switch (json_error_code(&e)) {
        case json_error_out_of_memory:
            return TL_E_MEMORY;
        case json_error_invalid_utf8:
            return tl_explain(why, TL_E_UTF8, NULL, "not valid UTF-8 at byte %d", e.position);
        case json_error_duplicate_key:
            return tl_explain(why, TL_E_JSON, duplicate_field(&e, names, count),
                              "a member comes twice: %.*s", 160, e.text);
        default:
            return tl_explain(why, TL_E_JSON, NULL, "not valid JSON: %.*s", 200, e.text);
        }
    }
    if (REFUSED(!json_is_object(root))) {
        json_decref(root);
        return tl_explain(why, TL_E_JSON, NULL, "%s is a JSON object", what);
    }
    *out = root;
    return TL_OK;
}

tl_err json_get_text(slice *out, const json_t *v, const char *name, struct tl_why *why)
{
    if (REFUSED(!json_is_string(v)))
        return tl_explain(why, TL_E_FIELD, name, "%s must be a text", name);
    *out = slice_of(json_string_value(v), json_string_length(v));
    return TL_OK;
}
