#include "verify/fields.h"

#include "base/encoding.h"
#include "verify/render.h"

#include <inttypes.h>

#define COLUMN 28 /* of the values, in text */

void fields_begin(struct fields *f, buf *b, bool json)
{
    *f = (struct fields){.b = b, .json = json};
    if (json)
        buf_str(b, "{");
}

void fields_end(struct fields *f)
{
    if (f->json)
        buf_str(f->b, "}\n");
}

static void spaces(struct fields *f, size_t n)
{
    buf_printf(f->b, "%*s", (int)n, "");
}

/* A name as people read it; returns its length. */
static size_t label(struct fields *f, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < n; i++)
        buf_u8(f->b, name[i] == '_' ? ' ' : (uint8_t)name[i]);
    return n;
}

/* What stands before a value. suffix is of JSON's name alone. */
static void json_member(struct fields *f, const char *name, const char *suffix)
{
    buf_str(f->b, f->some ? ",\n" : "\n");
    spaces(f, f->depth + 1);
    buf_printf(f->b, "\"%s%s\": ", name, suffix);
    f->some = true;
}

static void member(struct fields *f, const char *name)
{
    if (f->json) {
        json_member(f, name, "");
        return;
    }
    size_t indent = 2 * (size_t)f->depth;
    spaces(f, indent);
    size_t used = indent + label(f, name);
    spaces(f, used < COLUMN ? COLUMN - used : 1);
}

static void line_end(struct fields *f)
{
    if (!f->json)
        buf_str(f->b, "\n");
}

void fields_open(struct fields *f, const char *group)
{
    if (f->json) {
        json_member(f, group, "");
        buf_str(f->b, "{");
        f->some = false;
    } else {
        if (f->depth == 0)
            buf_str(f->b, "\n");
        spaces(f, 2 * (size_t)f->depth);
        (void)label(f, group);
        buf_str(f->b, "\n");
    }
    f->depth++;
}

void fields_close(struct fields *f)
{
    if (f->json)
        buf_str(f->b, "}");
    f->some = true;
    f->depth--;
}

void fields_number(struct fields *f, const char *name, uint64_t v)
{
    member(f, name);
    buf_printf(f->b, "%" PRIu64, v);
    line_end(f);
}

void fields_code(struct fields *f, const char *name, uint64_t v, const char *meaning)
{
    member(f, name);
    buf_printf(f->b, "%" PRIu64, v);
    if (f->json) {
        json_member(f, name, "_name");
        render_json_text(f->b, meaning);
    } else {
        buf_printf(f->b, " (%s)\n", meaning);
    }
}

void fields_bool(struct fields *f, const char *name, bool v)
{
    member(f, name);
    if (f->json)
        buf_str(f->b, render_json_bool(v));
    else
        buf_str(f->b, v ? "yes\n" : "no\n");
}

void fields_text(struct fields *f, const char *name, slice text)
{
    buf copy;
    buf_init(&copy, text.n + 1);
    for (size_t i = 0; i < text.n; i++)
        buf_u8(&copy, text.p[i] ? text.p[i] : '?');
    buf_u8(&copy, 0);
    member(f, name);
    if (buf_err(&copy) != TL_OK)
        buf_fail(f->b, buf_err(&copy));
    else if (f->json)
        render_json_text(f->b, (const char *)copy.p);
    else
        render_plain(f->b, (const char *)copy.p);
    line_end(f);
    buf_finish(&copy);
}

void fields_hex(struct fields *f, const char *name, slice bytes)
{
    member(f, name);
    if (f->json)
        render_json_hex(f->b, bytes.p ? bytes : slice_str(""));
    else
        hex_put(f->b, bytes);
    line_end(f);
}

void fields_bytes(struct fields *f, const char *name, slice bytes)
{
    member(f, name);
    buf_str(f->b, f->json ? "[" : "");
    for (size_t i = 0; i < bytes.n; i++)
        buf_printf(f->b, "%s%u", i == 0 ? "" : f->json ? ", " : " ", (unsigned)bytes.p[i]);
    buf_str(f->b, f->json ? "]" : "\n");
}

static void put_bit(struct fields *f, unsigned bit, const struct bit_name *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (names[i].bit == bit) {
            buf_printf(f->b, f->json ? "\"%s\"" : "%s", names[i].name);
            return;
        }
    }
    buf_printf(f->b, f->json ? "\"bit %u\"" : "bit %u", bit);
}

void fields_bits(struct fields *f, const char *name, slice bytes, const struct bit_name *names,
                 size_t count)
{
    size_t set = 0;
    fields_hex(f, name, bytes);
    if (f->json)
        json_member(f, name, "_bits");
    else
        spaces(f, COLUMN);
    buf_str(f->b, f->json ? "[" : "");
    for (unsigned bit = 0; bit < 8 * bytes.n; bit++) {
        if (!(bytes.p[bit / 8] >> bit % 8 & 1))
            continue;
        buf_str(f->b, set++ ? ", " : "");
        put_bit(f, bit, names, count);
    }
    if (f->json)
        buf_str(f->b, "]");
    else
        buf_str(f->b, set ? "\n" : "none\n");
}

void fields_time(struct fields *f, const char *name, uint64_t seconds)
{
    member(f, name);
    if (f->json)
        render_json_time(f->b, seconds);
    else
        render_time(f->b, seconds);
    line_end(f);
}
