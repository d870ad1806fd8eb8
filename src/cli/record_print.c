#include "cli/record_print.h"

#include "base/calendar.h"
#include "base/encoding.h"
#include "cli/cli.h"
#include "codec/cbor.h"
#include "codec/json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define CONTENT_SHOWN 4096 /* bytes, for people */
#define INDENT        "          "

static slice text_of(const json_t *o, const char *name)
{
    const json_t *v = json_object_get(o, name);
    return json_is_string(v) ? slice_of(json_string_value(v), json_string_length(v))
                             : (slice){NULL, 0};
}

static void print_member(const json_t *o, const char *name, const char *before)
{
    slice s = text_of(o, name);
    if (s.n == 0)
        return;
    fputs(before, stdout);
    cli_print_plain(s);
}

/* Lines of a text, each indented. */
static void print_content(slice s)
{
    size_t size = s.n;
    s.n = s.n < CONTENT_SHOWN ? s.n : CONTENT_SHOWN;
    /* No character is cut. */
    while (s.n < size && s.n && (s.p[s.n] & 0xc0) == 0x80)
        s.n--;
    size_t shown = s.n;
    do {
        const uint8_t *lf = s.n ? memchr(s.p, '\n', s.n) : NULL;
        slice line = {s.p, lf ? (size_t)(lf - s.p) : s.n};
        fputs(INDENT, stdout);
        cli_print_plain(line);
        putchar('\n');
        s = lf ? slice_of(lf + 1, s.n - line.n - 1) : (slice){NULL, 0};
    } while (s.n);
    if (shown < size)
        printf(INDENT "(%zu bytes of %zu; --json shows all)\n", shown, size);
}

static void print_object(const json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
    if (text) {
        fputs(INDENT, stdout);
        cli_print_plain(slice_str(text));
        putchar('\n');
    }
    free(text);
}

static void print_time(json_int_t ms)
{
    char text[CALENDAR_TEXT];
    uint64_t t = ms > 0 ? (uint64_t)ms : 0;
    size_t n = strlen(calendar_rfc3339(text, t / 1000));
    if (text[n - 1] == 'Z')
        printf("%.*s.%03uZ", (int)n - 1, text, (unsigned)(t % 1000));
    else
        fputs(text, stdout);
}

static void print_record(const json_t *r)
{
    static const char *const absences[] = {"erased", "withheld"};
    slice content = text_of(r, "content");
    const json_t *attributes = json_object_get(r, "attributes"), *ref = json_object_get(r, "ref"),
                 *decoded = json_object_get(r, "decoded");
    printf("%8" JSON_INTEGER_FORMAT "  ", json_integer_value(json_object_get(r, "index")));
    print_time(json_integer_value(json_object_get(r, "time")));
    print_member(r, "agentId", "  ");
    print_member(r, "type", "  ");
    print_member(r, "roomId", "  room ");
    print_member(r, "userId", "  user ");
    if (ref)
        printf("  answers %" JSON_INTEGER_FORMAT, json_integer_value(ref));
    for (size_t i = 0; i < sizeof absences / sizeof absences[0]; i++)
        if (json_is_true(json_object_get(r, absences[i])))
            printf("  (%s)", absences[i]);
    putchar('\n');
    if (content.p)
        print_content(content);
    if (attributes)
        print_object(attributes);
    if (json_object_size(decoded))
        print_object(decoded);
}

static tl_err no_record(struct tl_why *why)
{
    return tl_explain(why, TL_E_JSON, NULL, "what the service answered is not a record");
}

static tl_err parse(json_t **out, slice record, struct tl_why *why)
{
    *out =
        json_loadb((const char *)record.p, record.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    if (json_is_object(*out))
        return TL_OK;
    json_decref(*out);
    *out = NULL;
    return no_record(why);
}

static void say_simulated(struct record_printer *p, const json_t *r)
{
    if (!p->begun && json_is_true(json_object_get(r, "simulated")))
        printf("SIMULATED platform\n");
    p->begun = true;
}

tl_err record_print(struct record_printer *p, slice record, struct tl_why *why)
{
    json_t *r = NULL;
    if (p->json) {
        tl_err wrong = cli_print_json(record, why);
        if (wrong == TL_OK)
            putchar('\n');
        return wrong;
    }
    tl_err err = parse(&r, record, why);
    if (err != TL_OK)
        return err;
    say_simulated(p, r);
    print_record(r);
    json_decref(r);
    return TL_OK;
}

static void print_proof(const json_t *r)
{
    const json_t *path = json_object_get(r, "path");
    print_member(r, "leafHash", "\nleaf hash  ");
    print_member(r, "keyId", "\nsigned by  ");
    printf("\npath       %zu hashes to the root of %" JSON_INTEGER_FORMAT " statements\n",
           json_array_size(path), json_integer_value(json_object_get(r, "treeSize")));
    for (size_t i = 0; i < json_array_size(path); i++) {
        fputs(INDENT " ", stdout);
        cli_print_plain(slice_of(json_string_value(json_array_get(path, i)),
                                 json_string_length(json_array_get(path, i))));
        putchar('\n');
    }
    printf("checkpoint\n");
    print_content(text_of(r, "checkpoint"));
}

tl_err record_print_proof(struct record_printer *p, slice record, struct tl_why *why)
{
    json_t *r = NULL;
    if (p->json)
        return cli_print_json(record, why);
    tl_err err = parse(&r, record, why);
    if (err != TL_OK)
        return err;
    say_simulated(p, r);
    print_record(r);
    print_proof(r);
    json_decref(r);
    return TL_OK;
}

tl_err record_print_end(struct tl_why *why)
{
    return fflush(stdout) != 0 || ferror(stdout)
               ? tl_explain(why, TL_E_IO, NULL, "cannot write to standard output")
               : TL_OK;
}

tl_err record_page_read(struct record_page *out, slice page,
                        tl_err (*each)(void *ctx, slice record, struct tl_why *why), void *ctx,
                        struct tl_why *why)
{
    struct record_page p = {.next = {NULL, 0}};
    uint32_t seen = 0;
    tl_err err = TL_OK;
    js r = js_of(page);
    js_object(&r);
    for (slice key; err == TL_OK && js_member(&r, &key);) {
        if (js_named(&r, key, "records", &seen, 0)) {
            for (js_array(&r); err == TL_OK && js_element(&r);) {
                slice record = js_raw(&r);
                if (r.err == TL_OK && each)
                    err = each(ctx, record, why);
            }
        } else if (js_named(&r, key, "next", &seen, 1)) {
            p.next = js_plain(&r);
        } else if (js_named(&r, key, "size", &seen, 2)) {
            p.size = js_uint(&r, TL_INT_MAX);
        } else if (js_named(&r, key, "total", &seen, 3)) {
            p.total = js_uint(&r, TL_INT_MAX);
        } else if (js_named(&r, key, "simulated", &seen, 4)) {
            p.simulated = js_bool(&r);
        } else {
            js_skip(&r);
        }
    }
    if (err != TL_OK)
        return err;
    if (js_end(&r) != TL_OK || !(seen & 1))
        return tl_explain(why, TL_E_JSON, NULL, "what the service answered is no page of records");
    *out = p;
    return TL_OK;
}
