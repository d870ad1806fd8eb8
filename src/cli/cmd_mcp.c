#include "base/encoding.h"
#include "cli/child.h"
#include "cli/cli.h"
#include "cli/reach.h"
#include "cli/signals.h"
#include "proxy/http.h"
#include "proxy/pipes.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define TIMEOUT_DEFAULT 5000 /* milliseconds */
#define TIMEOUT_MOST    300  /* seconds */
#define NAME_MOST       256  /* bytes, as roomId has them */

struct mcp_options {
    const char *agent, *name, *log_key;
    bool first_use;
    int timeout; /* milliseconds */
    struct mcp_rules rules;
    char **argv;     /* the server, */
    const char *url; /* or this */
    struct mcp_http_options http;
};

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static tl_err open_log(const void *ctx, struct client **out, int64_t until_ms, struct tl_why *why)
{
    const struct reach *r = ctx;
    /* A service on this machine that has to be waited for takes no connections now. */
    int64_t soon = clock_ms() + 50;
    return reach_open_by(out, r, r->remote ? until_ms : soon, why);
}

static void say(const char *text)
{
    cli_say("mcp: %s", text);
}

static int next_signal(bool *from_terminal)
{
    return signals_wait(0, from_terminal);
}

static void become(char **argv, int failed)
{
    static const char *const none[] = {NULL};
    child_exec(argv, none, failed);
}

static tl_err run(int *code, const struct mcp_options *o, struct mcp_calls *calls,
                  struct mcp_log *log, struct tl_why *why)
{
    const struct mcp_process process = {.signals = signals_fd(),
                                        .signal = next_signal,
                                        .become = become,
                                        .become_error = child_exec_error};
    bool logged = false;
    int ended = -1;
    tl_err err = o->url ? mcp_http(&logged, calls, log, &o->http, &process, why)
                        : mcp_stdio(&ended, calls, log, o->argv, &process, why);
    if (err == TL_OK && o->url)
        *code = logged ? EXIT_GOOD : EXIT_FAILED;
    else if (err == TL_OK)
        *code = ended < 0 ? EXIT_RUN_FAILED : ended;
    return err;
}

static int proxy(const struct reach *reach, const struct mcp_options *o, const struct note_key *key)
{
    struct tl_why why = {{0}, {0}};
    struct mcp_log *log = NULL;
    struct mcp_calls *calls = NULL;
    const struct mcp_log_options lo = {.open = open_log,
                                       .ctx = reach,
                                       .say = say,
                                       .agent = o->agent,
                                       .room = o->name,
                                       .key = key,
                                       .timeout = o->timeout};
    const struct mcp_calls_options co = {.server = o->name, .rules = &o->rules};
    int code = EXIT_RUN_FAILED;
    tl_err err = signals_open();
    if (err == TL_OK)
        err = mcp_log_new(&log, &lo, &why);
    if (err == TL_OK)
        err = mcp_calls_new(&calls, &co, log);
    if (err == TL_OK)
        err = run(&code, o, calls, log, &why);
    if (err != TL_OK) {
        int failed = cli_fail("mcp", err, &why);
        code = o->url ? failed : EXIT_RUN_FAILED;
    }
    mcp_log_free(log);
    mcp_calls_free(calls);
    if (!mcp_http_is_quiet())
        _exit(code);
    return code;
}

/* The pin, or the user's word that there is none. */
static int read_key(struct note_key *key, const struct mcp_options *o)
{
    if (o->log_key && o->first_use)
        return cli_usage("mcp", "--trust-on-first-use is for where no --log-key is known");
    if (o->log_key && note_key_read(key, slice_str(o->log_key)) != TL_OK)
        return cli_usage("mcp", "--log-key takes a verifier key, as `teelog serve` shows it");
    if (!o->log_key && !o->first_use)
        return cli_usage("mcp", "which log? Give --log-key KEY (or TEELOG_LOG_KEY), as `teelog "
                                "serve` shows it; or --trust-on-first-use");
    return EXIT_GOOD;
}

static int take_rule(struct mcp_options *o, char *text)
{
    if (!mcp_rule_read(&o->rules.list[o->rules.count], text))
        return cli_usage("mcp",
                         "--rule takes GLOB=ARGUMENTS[,RESULT] with text, digest or none, or "
                         "GLOB=pass, not %s",
                         text);
    o->rules.count++;
    return EXIT_GOOD;
}

enum {
    AGENT = 'a',
    NAME = 'n',
    KEY = 'k',
    FIRST_USE = 'u',
    RULE = 'r',
    TEXT_MAX = 'm',
    TIMEOUT = 't',
    URL = 'U',
    LISTEN = 'l',
    CA = 'c',
    JSON = 'j'
};

static int take_option(struct mcp_options *o, struct reach *reach, int got)
{
    uint64_t number;
    switch (got) {
    case AGENT:
        o->agent = optarg;
        return EXIT_GOOD;
    case NAME:
        o->name = optarg;
        return EXIT_GOOD;
    case KEY:
        o->log_key = optarg;
        return EXIT_GOOD;
    case FIRST_USE:
        o->first_use = true;
        return EXIT_GOOD;
    case RULE:
        return take_rule(o, optarg);
    case URL:
        o->url = optarg;
        return EXIT_GOOD;
    case LISTEN:
        o->http.listen = optarg;
        return EXIT_GOOD;
    case CA:
        o->http.ca_file = optarg;
        return EXIT_GOOD;
    case JSON:
        o->http.json = true;
        return EXIT_GOOD;
    case TEXT_MAX:
        if (decimal_read(&number, slice_str(optarg), MCP_TEXT_MAX_MOST) != TL_OK)
            return cli_usage("mcp", "--text-max takes 0 to %d bytes, not %s", MCP_TEXT_MAX_MOST,
                             optarg);
        o->rules.text_max = (size_t)number;
        return EXIT_GOOD;
    case TIMEOUT:
        if (decimal_read(&number, slice_str(optarg), TIMEOUT_MOST) != TL_OK || !number)
            return cli_usage("mcp", "--log-timeout takes 1 to %d seconds, not %s", TIMEOUT_MOST,
                             optarg);
        o->timeout = (int)number * 1000;
        return EXIT_GOOD;
    default:
        return reach_option(reach, got, optarg) ? EXIT_GOOD : cli_option_exit(got);
    }
}

static int check_server(struct mcp_options *o, int argc, char **argv)
{
    if (o->http.listen || o->http.ca_file || o->http.json)
        return cli_usage("mcp", "--listen, --ca and --json go with --url");
    if (optind >= argc)
        return cli_usage("mcp", "which server? Put its command after --, as in: teelog mcp -- npx "
                                "some-server; or give --url URL");
    o->argv = argv + optind;
    if (!o->name)
        o->name = last_part(o->argv[0]);
    return EXIT_GOOD;
}

static int check_url(struct mcp_options *o, int argc)
{
    struct tl_why why = {{0}, {0}};
    if (optind < argc)
        return cli_usage("mcp", "a command, or --url URL: which of them is the server?");
    if (!o->http.listen)
        o->http.listen = "127.0.0.1:0";
    if (mcp_http_server(&o->http, o->url, &why) != TL_OK)
        return cli_usage("mcp", "%s", why.text);
    if (!o->name)
        o->name = o->http.server.authority;
    return EXIT_GOOD;
}

static int options(struct mcp_options *o, struct reach *reach, int argc, char **argv)
{
    static const struct option longs[] = {
        {"agent", required_argument, NULL, AGENT},
        {"name", required_argument, NULL, NAME},
        {"log-key", required_argument, NULL, KEY},
        {"trust-on-first-use", no_argument, NULL, FIRST_USE},
        {"rule", required_argument, NULL, RULE},
        {"text-max", required_argument, NULL, TEXT_MAX},
        {"log-timeout", required_argument, NULL, TIMEOUT},
        {"url", required_argument, NULL, URL},
        {"listen", required_argument, NULL, LISTEN},
        {"ca", required_argument, NULL, CA},
        {"json", no_argument, NULL, JSON},
        {"socket", required_argument, NULL, REACH_SOCKET},
        {"data", required_argument, NULL, REACH_DATA},
        {"log-url", required_argument, NULL, REACH_URL},
        {"log-ca", required_argument, NULL, REACH_CA},
        {"token-file", required_argument, NULL, REACH_TOKEN_FILE},
        {"peer-policy", required_argument, NULL, REACH_PEER_POLICY},
        {"peer-collateral", required_argument, NULL, REACH_PEER_COLLATERAL},
        {"attest", required_argument, NULL, REACH_ATTEST},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    for (int got; (got = cli_option(argc, argv, "+h", longs, "mcp")) != -1;) {
        int code = take_option(o, reach, got);
        if (code != EXIT_GOOD || got == 'h')
            return code;
    }
    int code = o->url ? check_url(o, argc) : check_server(o, argc, argv);
    if (code != EXIT_GOOD)
        return code;
    if (strlen(o->name) > NAME_MOST || !utf8_valid(slice_str(o->name)))
        return cli_usage("mcp", "--name takes a text of at most %d bytes", NAME_MOST);
    return EXIT_GOOD;
}

/* Where one of the first three is closed, something else would be opened as it. */
static void fill_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int cmd_mcp(int argc, char **argv)
{
    struct mcp_options o = {
        .agent = "mcp", .log_key = cli_log_key(), .timeout = TIMEOUT_DEFAULT, .argv = NULL};
    struct reach reach = {.socket = NULL};
    struct note_key key;
    fill_descriptors();
    o.rules.text_max = MCP_TEXT_MAX;
    o.rules.list = calloc((size_t)argc, sizeof *o.rules.list);
    int code = o.rules.list ? options(&o, &reach, argc, argv) : EXIT_RUN_FAILED;
    if (code == EXIT_GOOD && (o.argv || o.http.target[0])) { /* it was not --help */
        code = read_key(&key, &o);
        if (code == EXIT_GOOD)
            code = reach_check(&reach, "mcp");
        if (code == EXIT_GOOD)
            code = proxy(&reach, &o, o.log_key ? &key : NULL);
        reach_finish(&reach);
    }
    free(o.rules.list);
    return code;
}
