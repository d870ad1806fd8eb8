/* For the tests of TCB info and QE identity: texts that are edited, and what comes
 * of them. */
#ifndef TCB_TEXTS_H
#define TCB_TEXTS_H

#include "testlib.h"

#include "attest/tcb_info.h"
#include "codec/json.h"

enum kind { INFO, IDENTITY };

/* Reads and forgets; the member at fault is left in *why. */
static inline tl_err read_as(enum kind kind, slice text, struct tl_why *why)
{
    struct tcb_info info = {.version = 77};
    struct qe_identity id = {.evaluation_number = 77};
    /* On the heap to the byte, so that reading past it is seen. */
    uint8_t *copy = malloc(text.n ? text.n : 1);
    assert_non_null(copy);
    if (text.n)
        memcpy(copy, text.p, text.n);
    text.p = copy;
    *why = (struct tl_why){0};
    tl_err err = kind == INFO ? tcb_info_read(&info, text, why) : qe_identity_read(&id, text, why);
    if (err == TL_OK) {
        tcb_info_finish(kind == INFO ? &info : NULL);
        qe_identity_finish(kind == IDENTITY ? &id : NULL);
    } else {
        assert_int_equal(info.version, 77);
        assert_int_equal(id.evaluation_number, 77);
        assert_true(why->text[0]);
    }
    free(copy);
    return err;
}

/* The text with what stands from start to end replaced. */
static inline char *spliced(const char *text, const char *start, const char *end, const char *by,
                            size_t by_n)
{
    buf b;
    buf_init(&b, 1 << 20);
    buf_bytes(&b, slice_of(text, (size_t)(start - text)));
    buf_bytes(&b, slice_of(by, by_n));
    buf_str(&b, end);
    buf_u8(&b, 0);
    assert_ok(buf_err(&b));
    return (char *)b.p;
}

/* The text with the first from replaced; fails where there is none. */
static inline char *edited(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    if (!at)
        fail_msg("no such text: %s", from);
    return spliced(text, at, at + strlen(from), to, strlen(to));
}

struct edit {
    const char *from, *to;
    tl_err err;
    const char *field;
};

static inline void try_edits(enum kind kind, const char *text, const struct edit *e, size_t n)
{
    struct tl_why why;
    for (size_t i = 0; i < n; i++) {
        char *bad = edited(text, e[i].from, e[i].to);
        tl_err err = read_as(kind, slice_str(bad), &why);
        if (err != e[i].err || (err != TL_OK && strcmp(why.field, e[i].field) != 0))
            fail_msg("%s -> %s: %s %s (%s)", e[i].from, e[i].to, tl_err_name(err), why.field,
                     why.text);
        free(bad);
    }
}
#define TRY(kind, text, edits) try_edits(kind, text, edits, sizeof(edits) / sizeof *(edits))

/* Where the nth member of this name stands, from its key to the end of its value. */
static inline slice member(const char *text, const char *name, size_t nth)
{
    char key[64];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(text, key);
    while (at && nth--)
        at = strstr(at + 1, key);
    if (!at)
        return (slice){NULL, 0};
    js r = js_of(slice_str(at + strlen(key)));
    slice value = js_raw(&r);
    return slice_of(at, (size_t)(value.p + value.n - (const uint8_t *)at));
}

/* The text without m and a comma beside it. */
static inline char *without(const char *text, slice m)
{
    if (!m.p) /* a mistake in the test */
        abort();
    const char *from = (const char *)m.p, *to = from + m.n;
    if (*to == ',')
        to++;
    else if (from[-1] == ',')
        from--;
    return spliced(text, from, to, "", 0);
}

/* Each member, wherever it stands, may be missing only where it is optional, and may
 * not stand twice; its value may not be null. */
static inline void try_members(enum kind kind, const char *text, const char *const *names,
                               bool needed)
{
    struct tl_why why;
    for (; *names; names++) {
        slice m;
        for (size_t nth = 0; (m = member(text, *names, nth)).p; nth++) {
            const char *at = (const char *)m.p, *value = at + strlen(*names) + 3;
            char *lacks = without(text, m), *null = spliced(text, value, at + m.n, "null", 4);
            char *comma = spliced(text, at, at, ",", 1);
            char *twice = spliced(comma, comma + (at - text), comma + (at - text), at, m.n);
            tl_err err = read_as(kind, slice_str(lacks), &why);
            if (err != (needed ? TL_E_FIELD : TL_OK) || (needed && strcmp(why.field, *names) != 0))
                fail_msg("without %s %zu: %s %s", *names, nth, tl_err_name(err), why.field);
            err = read_as(kind, slice_str(twice), &why);
            if (err != TL_E_JSON || strcmp(why.field, *names) != 0)
                fail_msg("%s %zu twice: %s %s", *names, nth, tl_err_name(err), why.field);
            err = read_as(kind, slice_str(null), &why);
            if (err == TL_OK || strcmp(why.field, *names) != 0)
                fail_msg("%s %zu null: %s %s", *names, nth, tl_err_name(err), why.field);
            free(lacks);
            free(comma);
            free(twice);
            free(null);
        }
        assert_true(member(text, *names, 0).p);
    }
}

/* The text with the nth member of this name holding a list of n elements of this
 * form, in which # stands for their number in two hex digits and ~ in decimal. */
static inline char *with_list(const char *text, const char *name, size_t nth, const char *form,
                              size_t n)
{
    slice m = member(text, name, nth);
    buf b;
    buf_init(&b, 1 << 20);
    buf_bytes(&b, slice_of(text, (size_t)((const char *)m.p - text)));
    buf_printf(&b, "\"%s\":[", name);
    for (size_t i = 0; i < n; i++) {
        buf_str(&b, i ? "," : "");
        for (const char *c = form; *c; c++)
            if (*c == '~')
                buf_printf(&b, "%zu", i);
            else if (*c == '#')
                buf_printf(&b, "%02zX", i);
            else
                buf_u8(&b, (uint8_t)*c);
    }
    buf_u8(&b, ']');
    buf_str(&b, (const char *)m.p + m.n);
    buf_u8(&b, 0);
    assert_ok(buf_err(&b));
    return (char *)b.p;
}

/* Most elements are read, and one more is refused. */
static inline void try_bound(enum kind kind, const char *text, const char *name, size_t nth,
                             const char *form, size_t most)
{
    struct tl_why why;
    for (size_t n = most; n <= most + 1; n++) {
        char *many = with_list(text, name, nth, form, n);
        assert_err(read_as(kind, slice_str(many), &why), n > most ? TL_E_LIMIT : TL_OK);
        if (n > most)
            assert_string_equal(why.field, name);
        free(many);
    }
}

#endif
