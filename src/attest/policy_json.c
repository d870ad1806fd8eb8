#include "attest/policy_json.h"

#include "attest/policy.h"
#include "base/refuse.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* A path too long for its place is cut, and what cannot be printed becomes '?':
 * it is for people, and names come from the file. */
static void append(struct json_at *at, const char *s)
{
    size_t n = strlen(at->path);
    for (; *s && n < sizeof at->path - 1; s++)
        at->path[n++] = *s >= ' ' && *s <= '~' ? *s : '?';
    at->path[n] = 0;
}

struct json_at json_at_top(const char *key)
{
    return json_at_key((struct json_at){""}, key);
}

struct json_at json_at_key(struct json_at at, const char *key)
{
    if (at.path[0])
        append(&at, ".");
    append(&at, key);
    return at;
}

struct json_at json_at_index(struct json_at at, size_t i)
{
    char text[24];
    snprintf(text, sizeof text, "[%zu]", i);
    append(&at, text);
    return at;
}

tl_err json_wrong(struct tl_why *why, struct json_at at, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    tl_explain(why, TL_E_POLICY, at.path, "%s%s%s", at.path, at.path[0] ? ": " : "", text);
    return TL_E_POLICY;
}

tl_err json_load(json_t **out, slice text, struct tl_why *why)
{
    json_error_t error;
    if (REFUSED(text.n > POLICY_MAX_BYTES))
        return json_wrong(why, json_at_top(""), "a policy is at most %d bytes long",
                          POLICY_MAX_BYTES);
    /* jansson passes over a NUL at the end. */
    if (REFUSED(text.n && memchr(text.p, 0, text.n)))
        return json_wrong(why, json_at_top(""), "not JSON: there is a NUL in it");
    /* jansson takes no NULL, even for no bytes. */
    json_t *top =
        json_loadb(text.n ? (const char *)text.p : "", text.n, JSON_REJECT_DUPLICATES, &error);
    /* jansson has no words for every allocation that fails. */
    if (!top && (json_error_code(&error) == json_error_out_of_memory || !error.text[0]))
        return TL_E_MEMORY;
    if (!top)
        return json_wrong(why, json_at_top(""), "not JSON, in line %d: %s", error.line, error.text);
    *out = top;
    return TL_OK;
}

tl_err json_members(const json_t *v, const char *const names[], struct json_at at,
                    struct tl_why *why)
{
    if (REFUSED(!json_is_object(v)))
        return json_wrong(why, at, "must be an object");
    /* jansson's iterators want a pointer to non-const, and change nothing. */
    union {
        const json_t *in;
        json_t *out;
    } object = {v};
    for (void *it = json_object_iter(object.out); it; it = json_object_iter_next(object.out, it)) {
        const char *key = json_object_iter_key(it);
        size_t i = 0;
        while (names[i] && strcmp(names[i], key) != 0)
            i++;
        if (REFUSED(!names[i]))
            return json_wrong(why, json_at_key(at, key), "unknown member");
    }
    return TL_OK;
}

tl_err json_list(size_t *count, const json_t *v, size_t least, struct json_at at,
                 struct tl_why *why)
{
    if (REFUSED(!json_is_array(v)))
        return json_wrong(why, at, "must be a list");
    size_t n = json_array_size(v);
    if (REFUSED(n < least))
        return json_wrong(why, at, "must not be empty");
    if (REFUSED(n > POLICY_MAX_LIST))
        return json_wrong(why, at, "a list has at most %d elements", POLICY_MAX_LIST);
    *count = n;
    return TL_OK;
}

tl_err json_text(slice *out, const json_t *v, struct json_at at, struct tl_why *why)
{
    if (REFUSED(!json_is_string(v) || json_string_length(v) == 0))
        return json_wrong(why, at, "must be a text that is not empty");
    *out = slice_of(json_string_value(v), json_string_length(v));
    return TL_OK;
}

tl_err json_flag(bool *out, const json_t *object, const char *key, struct json_at at,
                 struct tl_why *why)
{
    const json_t *v = json_object_get(object, key);
    if (!v)
        return TL_OK;
    if (REFUSED(!json_is_boolean(v)))
        return json_wrong(why, json_at_key(at, key), "must be true or false");
    *out = json_is_true(v);
    return TL_OK;
}

tl_err json_uint(uint64_t *out, const json_t *v, uint64_t max, struct json_at at,
                 struct tl_why *why)
{
    json_int_t n = json_integer_value(v);
    if (REFUSED(!json_is_integer(v) || n < 0 || (uint64_t)n > max))
        return json_wrong(why, at, "must be a whole number from 0 to %llu",
                          (unsigned long long)max);
    *out = (uint64_t)n;
    return TL_OK;
}

tl_err json_name_bits(uint32_t *out, const json_t *object, const char *key,
                      const char *const names[], struct json_at at, struct tl_why *why)
{
    const json_t *v = json_object_get(object, key);
    if (!v)
        return TL_OK;
    at = json_at_key(at, key);
    size_t n = 0;
    uint32_t bits = 0;
    tl_err err = json_list(&n, v, 0, at, why);
    for (size_t i = 0; err == TL_OK && i < n; i++) {
        slice text = {NULL, 0};
        err = json_text(&text, json_array_get(v, i), json_at_index(at, i), why);
        size_t k = 0;
        while (err == TL_OK && names[k] && !slice_eq_str(text, names[k]))
            k++;
        if (err == TL_OK && REFUSED(!names[k]))
            err = json_wrong(why, json_at_index(at, i), "not a name that may stand here");
        bits |= UINT32_C(1) << k;
    }
    if (err == TL_OK)
        *out = bits;
    return err;
}

tl_err json_text_list(char ***out, size_t *count, const json_t *v, size_t least, struct json_at at,
                      struct tl_why *why)
{
    size_t n = 0;
    tl_err err = json_list(&n, v, least, at, why);
    if (err != TL_OK)
        return err;
    char **list = calloc(n ? n : 1, sizeof *list);
    if (!list)
        return TL_E_MEMORY;
    for (size_t i = 0; err == TL_OK && i < n; i++) {
        slice s = {NULL, 0};
        err = json_text(&s, json_array_get(v, i), json_at_index(at, i), why);
        if (err != TL_OK)
            continue;
        list[i] = malloc(s.n + 1);
        if (list[i])
            memcpy(list[i], s.p, s.n + 1); /* jansson ends it with a NUL, and has none inside */
        else
            err = TL_E_MEMORY;
    }
    if (err != TL_OK) {
        text_list_free(list, n);
        return err;
    }
    *out = list;
    *count = n;
    return TL_OK;
}

void text_list_free(char **list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(list[i]);
    free(list);
}
