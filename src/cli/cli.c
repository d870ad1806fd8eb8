#include "cli/cli.h"

#include "base/encoding.h"
#include "codec/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void (*saying)(const char *text);

void cli_say_through(void (*say)(const char *text))
{
    saying = say;
}

__attribute__((format(printf, 1, 0))) static void say(const char *fmt, va_list ap)
{
    char text[1024];
    vsnprintf(text, sizeof text, fmt, ap);
    if (saying)
        saying(text);
    else
        dprintf(STDERR_FILENO, "teelog: %s\n", text); /* one write: threads do not mix */
}

void cli_say(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(fmt, ap);
    va_end(ap);
}

int cli_usage(const char *command, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(fmt, ap);
    va_end(ap);
    fprintf(stderr, "teelog: `teelog help %s` shows how\n", command);
    return EXIT_USAGE;
}

int cli_fail(const char *what, tl_err err, const struct tl_why *why)
{
    cli_say("%s: %s", what, tl_why_text(why, err));
    return tl_err_exit(err);
}

void cli_print_plain(slice s)
{
    while (s.n) {
        size_t n = utf8_character(s);
        if (n == 0 || utf8_acts(slice_of(s.p, n)))
            putchar('?');
        else
            fwrite(s.p, 1, n, stdout);
        n = n ? n : 1;
        s = slice_of(s.p + n, s.n - n);
    }
}

/* Control characters of ASCII, which JSON takes between its tokens alone, are white space
 * there. */
static bool acts(slice s)
{
    for (size_t n; s.n; s = slice_of(s.p + n, s.n - n)) {
        n = utf8_character(s);
        if (n == 0 || (s.p[0] >= 0x7f && utf8_acts(slice_of(s.p, n))))
            return true;
    }
    return false;
}

tl_err cli_check_json(slice s, struct tl_why *why)
{
    js r = js_of(s);
    bool object = js_peek(&r) == JS_OBJECT;
    js_skip(&r);
    if (js_end(&r) != TL_OK || !object || acts(s))
        return tl_explain(why, TL_E_JSON, NULL, "what the service answered is not what was asked");
    return TL_OK;
}

tl_err cli_print_json(slice s, struct tl_why *why)
{
    tl_err err = cli_check_json(s, why);
    if (err == TL_OK)
        fwrite(s.p, 1, s.n, stdout);
    return err;
}

void cli_help(const struct command *c)
{
    printf("usage: teelog %s %s\n\n%s.\n\n%s", c->name, c->synopsis, c->summary, c->options);
}

/* getopt_long takes the beginning of a name for the whole. What it stands for could
 * change with each new option. */
static bool abbreviated(char **argv, const struct option *o)
{
    bool apart = o->has_arg != no_argument && optarg == argv[optind - 1];
    const char *word = argv[optind - (apart ? 2 : 1)];
    size_t n = strlen(o->name);
    return strncmp(word, "--", 2) != 0 || strncmp(word + 2, o->name, n) != 0 ||
           (word[2 + n] && word[2 + n] != '=');
}

int cli_option(int argc, char **argv, const char *shorts, const struct option *longs,
               const char *command)
{
    int index = -1, got = getopt_long(argc, argv, shorts, longs, &index);
    if (index >= 0 && got != '?' && abbreviated(argv, &longs[index])) {
        cli_say("an option is written out whole: --%s", longs[index].name);
        got = '?';
    }
    if (got == '?')
        fprintf(stderr, "teelog: `teelog help %s` lists the options\n", command);
    if (got == 'h')
        cli_help(command_find(command));
    return got;
}

int cli_option_exit(int option)
{
    return option == 'h' ? EXIT_GOOD : EXIT_USAGE;
}

static const char *setting(const char *name)
{
    const char *v = getenv(name);
    return v && *v ? v : NULL;
}

const char *cli_data_default(void)
{
    return setting("TEELOG_DATA");
}

const char *cli_socket_default(void)
{
    return setting("TEELOG_SOCKET");
}

const char *cli_url_default(void)
{
    return setting("TEELOG_URL");
}

const char *cli_token(void)
{
    return setting("TEELOG_TOKEN");
}

const char *cli_log_key(void)
{
    return setting("TEELOG_LOG_KEY");
}

const char *cli_token_file(void)
{
    return setting("TEELOG_TOKEN_FILE");
}

char *cli_socket_in(const char *data)
{
    char *path = NULL;
    return asprintf(&path, "%s/teelog.sock", data) < 0 ? NULL : path;
}

char *cli_socket_path(const char *command, const char *given, const char *data)
{
    if (!given)
        given = data ? NULL : cli_socket_default();
    if (!given && !data)
        data = cli_data_default();
    if (!given && !data) {
        (void)cli_usage(command, "which service? Give --socket PATH or --data DIR, or set "
                                 "TEELOG_SOCKET");
        return NULL;
    }
    char *path = given ? strdup(given) : cli_socket_in(data);
    if (!path)
        cli_say("%s", tl_err_text(TL_E_MEMORY));
    return path;
}
