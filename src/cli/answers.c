#include "cli/answers.h"

#include "cli/cli.h"
#include "client/client.h"
#include "codec/json_put.h"

#include <stdio.h>

#define OUT_MAX      (128u << 20) /* bytes */
#define NOT_COSIGNED "signed and durable, and not cosigned; repeat it with the same requestId"

void answers_init(struct answers *a)
{
    *a = (struct answers){.full = false};
    buf_init(&a->out, OUT_MAX);
}

void answers_finish(struct answers *a)
{
    buf_finish(&a->out);
}

static void put_error(struct answers *a, tl_err err, uint64_t line, const char *field,
                      const char *text)
{
    struct tl_why why = {{0}, {0}};
    err = tl_explain(&why, err, field, "%s", text);
    json_put_error(&a->out, err, &why, line);
    a->bad = true;
}

void answers_put_error(struct answers *a, uint64_t line, const char *field, const char *text)
{
    put_error(a, TL_E_FIELD, line, field, text);
}

tl_err answers_flush(struct answers *a, struct tl_why *why)
{
    slice s = buf_slice(&a->out);
    tl_err err = buf_err(&a->out);
    if (err == TL_OK && s.n && fwrite(s.p, 1, s.n, stdout) != s.n)
        err = TL_E_IO;
    if (err == TL_OK && fflush(stdout) != 0)
        err = TL_E_IO;
    buf_reset(&a->out);
    return err == TL_E_IO ? tl_explain(why, err, NULL, "cannot write to standard output") : err;
}

void answers_put_errors(struct answers *a, const struct batch *b, const char *text)
{
    for (size_t i = 0; i < b->lines; i++)
        answers_put_error(a, b->first + i, NULL, text);
}

/* The service counts lines within its request; the user counts them in the input. */
static void put_error_line(struct answers *a, const struct batch *b, slice line)
{
    json_t *root = json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES, NULL);
    const char *text = json_string_value(json_object_get(root, "error"));
    const char *field = json_string_value(json_object_get(root, "field"));
    json_int_t number = json_integer_value(json_object_get(root, "line"));
    bool later = json_is_true(json_object_get(root, "later"));
    if (number < 1 || (uint64_t)number > b->lines)
        number = 1;
    put_error(a, later ? TL_E_BUSY : TL_E_FIELD, b->first + (uint64_t)number - 1, field,
              text ? text : "the service gave no reason");
    json_decref(root);
}

void answers_put_not_cosigned(struct answers *a, const struct batch *b, const json_t *errors)
{
    size_t next = 0;
    for (size_t i = 0; i < b->lines; i++) {
        const json_t *e = json_array_get(errors, next); /* in order of their lines */
        const char *text = json_string_value(json_object_get(e, "error"));
        if (json_integer_value(json_object_get(e, "line")) == (json_int_t)i + 1) {
            answers_put_error(a, b->first + i, json_string_value(json_object_get(e, "field")),
                              text ? text : "the service gave no reason");
            next++;
        } else {
            answers_put_error(a, b->first + i, NULL, NOT_COSIGNED);
        }
    }
}

/* sent: the record's line. */
static tl_err put_receipt(struct answers *a, const struct batch *b, slice sent, slice line,
                          struct tl_why *why)
{
    tl_err err = TL_OK;
    if (a->pinned)
        err = pinned_check(a->pinned, line, sent, a->agent, b->least, why);
    if (err == TL_OK)
        err = cli_check_json(line, why);
    if (err == TL_OK && a->pinned && !a->full)
        return pinned_put_short(&a->out, line, why);
    if (err == TL_OK)
        buf_bytes(&a->out, line);
    return err;
}

/* The next of the batch's lines, taken off. */
static slice next_sent(slice *rest)
{
    const uint8_t *lf = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
    slice line = {rest->p, lf ? (size_t)(lf - rest->p) : rest->n};
    *rest = lf ? slice_of(lf + 1, rest->n - line.n - 1) : (slice){NULL, 0};
    return line;
}

tl_err answers_put(struct answers *a, const struct batch *b, slice answer, struct tl_why *why)
{
    slice rest = answer, sent = buf_slice(&b->body);
    tl_err err = TL_OK;
    size_t lines = 0;
    if (a->pinned)
        pinned_answer(a->pinned);
    for (; rest.n && err == TL_OK; lines++) {
        const uint8_t *lf = memchr(rest.p, '\n', rest.n);
        if (!lf)
            break;
        slice line = slice_of(rest.p, (size_t)(lf - rest.p) + 1), record = next_sent(&sent);
        if (client_is_refusal(line))
            put_error_line(a, b, line);
        else
            err = put_receipt(a, b, record, line, why);
        rest = slice_of(lf + 1, rest.n - line.n);
    }
    if (err == TL_OK && (rest.n || lines != b->lines))
        err = tl_explain(why, TL_E_HTTP, NULL, "the service answered %zu lines with %zu", b->lines,
                         lines);
    return err == TL_OK ? answers_flush(a, why) : err;
}
