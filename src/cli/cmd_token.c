#include "base/calendar.h"
#include "base/encoding.h"
#include "cli/cli.h"
#include "cli/outfile.h"
#include "cli/reach.h"
#include "client/url.h"
#include "codec/json_put.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ANSWER_MAX (1u << 20) /* bytes */
#define DAYS_MAX   36500

struct options {
    struct reach reach;
    const char **scopes, **agents; /* as many as arguments */
    size_t scope_count, agent_count;
    const char *label, *expires, *out;
    bool json;
};

static int fail(tl_err err, const struct tl_why *why)
{
    return cli_fail("token", err, why);
}

/* One request; what is answered to it, where that is good. */
static tl_err ask(const struct options *o, const char *method, const char *target, slice body,
                  buf *answer, struct tl_why *why)
{
    struct client *c = NULL;
    tl_err err = reach_open(&c, &o->reach, why);
    if (err == TL_OK)
        err = client_call(c, method, target, body, answer, why);
    client_close(c);
    return err;
}

/* ---- create ---- */

/* Days from now, a day (its first moment in UTC), or a moment. */
static bool expiry(uint64_t *ms, const char *text)
{
    char moment[64];
    uint64_t days, seconds;
    if (decimal_read(&days, slice_str(text), DAYS_MAX) == TL_OK && days) {
        *ms = ((uint64_t)time(NULL) + 86400 * days) * 1000;
        return true;
    }
    snprintf(moment, sizeof moment, "%s%s", text, strchr(text, 'T') ? "" : "T00:00:00Z");
    if (strlen(text) > 30 || calendar_rfc3339_read(&seconds, slice_str(moment)) != TL_OK)
        return false;
    *ms = 1000 * seconds;
    return true;
}

static void put_list(buf *b, const char *name, const char **texts, size_t n)
{
    buf_printf(b, "\"%s\":[", name);
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_u8(b, ',');
        json_put_str(b, texts[i]);
    }
    buf_u8(b, ']');
}

static tl_err wanted(const struct options *o, buf *b)
{
    uint64_t ms;
    buf_u8(b, '{');
    put_list(b, "scopes", o->scopes, o->scope_count);
    buf_u8(b, ',');
    put_list(b, "agents", o->agents, o->agent_count);
    if (o->label)
        json_put_member(b, "label", o->label);
    if (o->expires && expiry(&ms, o->expires))
        json_put_number(b, "expiresMs", ms);
    buf_str(b, "}\n");
    return buf_err(b);
}

/* As tokens and their ids are; a terminal that shows it has nothing to act upon. */
static bool is_word(const char *text)
{
    return text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")] ==
           0;
}

/* The token alone, or all that was answered, to where it is wanted. */
static tl_err put_token(const struct options *o, struct outfile *f, slice answer,
                        struct tl_why *why)
{
    buf b;
    json_t *root = json_loadb((const char *)answer.p, answer.n, JSON_REJECT_DUPLICATES, NULL);
    const char *text = json_string_value(json_object_get(root, "token"));
    const char *id = json_string_value(json_object_get(root, "id"));
    bool good = text && id && is_word(text) && is_word(id);
    tl_err err = TL_OK;
    buf_init_secret(&b, ANSWER_MAX);
    if (!good)
        err = tl_explain(why, TL_E_JSON, NULL, "the service's answer holds no token");
    else if (o->json)
        buf_bytes(&b, answer);
    else
        buf_printf(&b, "%s\n", text);
    if (err == TL_OK)
        err = buf_err(&b);
    if (err == TL_OK)
        err = outfile_write(f, buf_slice(&b), why);
    if (err == TL_OK)
        err = outfile_keep(f, why);
    if (good)
        cli_say(err == TL_OK ? "token %s: this is the only time that it is shown"
                             : "token %s was made and could not be written: revoke it",
                id);
    buf_finish(&b);
    json_decref(root);
    return err;
}

static int create(const struct options *o)
{
    struct tl_why why = {{0}, {0}};
    struct outfile f;
    buf body, answer;
    if (!o->scope_count)
        return cli_usage("token", "what is it good for? Give --scope append, read, erase or admin");
    uint64_t ms;
    if (o->expires && !expiry(&ms, o->expires))
        return cli_usage("token", "--expires takes a number of days, or a date such as 2027-01-31");
    /* Before the token is made: it could not be shown again. */
    tl_err err = outfile_open(&f, o->out ? o->out : "-", 0600, &why);
    if (err != TL_OK)
        return fail(err, &why);
    buf_init(&body, ANSWER_MAX);
    buf_init_secret(&answer, ANSWER_MAX);
    err = wanted(o, &body);
    if (err == TL_OK)
        err = ask(o, "POST", "/v1/tokens", buf_slice(&body), &answer, &why);
    if (err == TL_OK)
        err = put_token(o, &f, buf_slice(&answer), &why);
    outfile_close(&f);
    buf_finish(&body);
    buf_finish(&answer);
    return err == TL_OK ? EXIT_GOOD : fail(err, &why);
}

/* ---- list ---- */

static void print_texts(const json_t *list, const char *none)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        fputs(i ? "," : "", stdout);
        cli_print_plain(slice_of(json_string_value(v), json_string_length(v)));
    }
    if (!json_array_size(list))
        fputs(none, stdout);
}

static void print_token(const json_t *t)
{
    char text[CALENDAR_TEXT];
    const json_t *expires = json_object_get(t, "expiresMs"), *label = json_object_get(t, "label");
    const char *id = json_string_value(json_object_get(t, "id"));
    cli_print_plain(slice_str(id ? id : "?"));
    fputs("  ", stdout);
    print_texts(json_object_get(t, "scopes"), "-");
    fputs("  agents ", stdout);
    print_texts(json_object_get(t, "agents"), "any");
    if (json_is_true(json_object_get(t, "expired")))
        printf("  EXPIRED");
    else if (json_is_integer(expires))
        printf("  until %s", calendar_text(text, (uint64_t)json_integer_value(expires) / 1000));
    if (json_string_length(label)) {
        fputs("  ", stdout);
        cli_print_plain(slice_of(json_string_value(label), json_string_length(label)));
    }
    putchar('\n');
}

static int list(const struct options *o)
{
    struct tl_why why = {{0}, {0}};
    buf answer;
    buf_init(&answer, ANSWER_MAX);
    tl_err err = ask(o, "GET", "/v1/tokens", (slice){NULL, 0}, &answer, &why);
    if (err == TL_OK && o->json) {
        err = cli_print_json(buf_slice(&answer), &why);
    } else if (err == TL_OK) {
        json_t *root = json_loadb((const char *)answer.p, answer.n, JSON_REJECT_DUPLICATES, NULL);
        const json_t *tokens = json_object_get(root, "tokens");
        for (size_t i = 0; i < json_array_size(tokens); i++)
            print_token(json_array_get(tokens, i));
        if (!json_is_array(tokens))
            err =
                tl_explain(&why, TL_E_JSON, NULL, "what the service answered is no list of tokens");
        json_decref(root);
    }
    buf_finish(&answer);
    return err == TL_OK ? EXIT_GOOD : fail(err, &why);
}

/* ---- revoke ---- */

static int revoke(const struct options *o, const char *id)
{
    struct tl_why why = {{0}, {0}};
    buf target, answer;
    buf_init(&target, 1024);
    buf_init(&answer, ANSWER_MAX);
    buf_str(&target, "/v1/tokens/");
    url_put(&target, id);
    buf_u8(&target, 0);
    tl_err err = buf_err(&target);
    if (err == TL_OK)
        err = ask(o, "DELETE", (const char *)target.p, (slice){NULL, 0}, &answer, &why);
    if (err == TL_OK && o->json)
        err = cli_print_json(buf_slice(&answer), &why);
    buf_finish(&target);
    buf_finish(&answer);
    return err == TL_OK ? EXIT_GOOD : fail(err, &why);
}

static int run(struct options *o, const char *what, const char *id)
{
    int code = reach_check(&o->reach, "token");
    if (code == EXIT_GOOD)
        code = id ? revoke(o, id) : strcmp(what, "create") == 0 ? create(o) : list(o);
    reach_finish(&o->reach);
    return code;
}

/* Takes what the options say; -1, or the exit code where the command ends here. */
static int read_options(struct options *o, int argc, char **argv)
{
    static const struct option longs[] = {
        REACH_OPTIONS,
        {"scope", required_argument, NULL, 's'},
        {"agent", required_argument, NULL, 'a'},
        {"label", required_argument, NULL, 'l'},
        {"expires", required_argument, NULL, 'e'},
        {"output", required_argument, NULL, 'o'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    for (int got; (got = cli_option(argc, argv, "ho:", longs, "token")) != -1;) {
        if (reach_option(&o->reach, got, optarg))
            continue;
        const char **to = got == 's'   ? &o->scopes[o->scope_count++]
                          : got == 'a' ? &o->agents[o->agent_count++]
                          : got == 'l' ? &o->label
                          : got == 'e' ? &o->expires
                          : got == 'o' ? &o->out
                                       : NULL;
        if (to)
            *to = optarg;
        else if (got == 'j')
            o->json = true;
        else
            return cli_option_exit(got);
    }
    return -1;
}

/* Options may stand before and after what is to be done. */
static int token(struct options *o, int argc, char **argv)
{
    int code = read_options(o, argc, argv);
    if (code != -1)
        return code;
    const char *what = optind < argc ? argv[optind++] : "";
    bool revokes = strcmp(what, "revoke") == 0;
    if (!revokes && strcmp(what, "create") != 0 && strcmp(what, "list") != 0)
        return cli_usage("token", "what is to be done? `teelog token create`, `list` or `revoke`");
    if (revokes && optind == argc)
        return cli_usage("token", "which one? Give its id: `teelog token list` shows them");
    const char *id = revokes ? argv[optind++] : NULL;
    if (optind < argc)
        return cli_usage("token", "token %s takes no argument %s", what, argv[optind]);
    return run(o, what, id);
}

int cmd_token(int argc, char **argv)
{
    struct options o = {.out = NULL};
    o.scopes = calloc((size_t)argc, sizeof *o.scopes);
    o.agents = calloc((size_t)argc, sizeof *o.agents);
    int code = o.scopes && o.agents ? token(&o, argc, argv) : fail(TL_E_MEMORY, NULL);
    free(o.scopes);
    free(o.agents);
    return code;
}
