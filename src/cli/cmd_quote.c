/* `teelog quote`: quotes, their collateral and event logs, from files. */
#include "attest/collateral.h"
#include "attest/eventlog.h"
#include "attest/quote.h"
#include "base/encoding.h"
#include "cli/cli.h"
#include "cli/infile.h"
#include "cli/report.h"
#include "teelog/quote.h"

#include <string.h>

static int show(int argc, char **argv)
{
    static const struct option longs[] = {
        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
    bool json = false;
    char message[320] = "";
    for (int got; (got = cli_option(argc, argv, "h", longs, "quote")) != -1;) {
        if (got != 'j')
            return cli_option_exit(got);
        json = true;
    }
    if (argc - optind != 1)
        return cli_usage("quote", "quote show takes one quote");
    buf quote;
    char *text = NULL;
    buf_init(&quote, QUOTE_MAX + 1);
    int code = infile_read_quote(&quote, argv[optind]);
    if (code == EXIT_GOOD) {
        tl_err err = teelog_quote_show(&text, quote.p, quote.n, json, message, sizeof message);
        if (err == TL_OK) {
            code = report_print(text, EXIT_GOOD);
        } else {
            cli_say("%s: %s", argv[optind], message[0] ? message : tl_err_text(err));
            code = err == TL_E_LIMIT ? EXIT_REJECTED : tl_err_exit(err); /* no quote is as long */
        }
    }
    buf_finish(&quote);
    return code;
}

struct verify_options {
    const char *quote, *collateral, *policy, *root, *at, *event_log, *compose;
    uint8_t report_data[64];
    size_t report_data_size; /* 0: not asked */
    bool json;
};

/* What the paths name, read. */
struct verify_files {
    buf quote, collateral, event_log, compose;
    struct teelog_policy *policy;
    uint8_t root[32];
};

static int read_file(buf *out, const char *path)
{
    return path ? infile_read(out, path) : EXIT_GOOD;
}

static struct teelog_bytes bytes_of(const buf *b, const char *path)
{
    /* An empty file is there all the same. */
    const uint8_t *p = b->p ? b->p : (const uint8_t *)"";
    return path ? (struct teelog_bytes){p, b->n} : (struct teelog_bytes){NULL, 0};
}

static int judge(const struct verify_options *o, const struct verify_files *f, uint64_t at)
{
    struct teelog_quote_report *report = NULL;
    struct teelog_quote_options options = {
        .quote = bytes_of(&f->quote, o->quote),
        .collateral = bytes_of(&f->collateral, o->collateral),
        .time = at,
        .root = o->root ? f->root : NULL,
        .policy = f->policy,
        .event_log = bytes_of(&f->event_log, o->event_log),
        .compose = bytes_of(&f->compose, o->compose),
        .report_data = {o->report_data_size ? o->report_data : NULL, o->report_data_size},
    };
    tl_err err = teelog_quote_verify(&report, &options);
    if (err != TL_OK) {
        cli_say("%s was not judged: %s", o->quote, tl_err_text(err));
        return EXIT_FAILED;
    }
    int code = !teelog_quote_accepted(report) ? EXIT_REJECTED
               : teelog_quote_pinned(report)  ? EXIT_GOOD
                                              : EXIT_UNPINNED;
    code = report_print(
        o->json ? teelog_quote_report_json(report) : teelog_quote_report_text(report), code);
    teelog_quote_report_free(report);
    return code;
}

static int run_verify(const struct verify_options *o)
{
    struct verify_files f = {.policy = NULL};
    uint64_t at;
    /* A byte more than the verifier takes, which then says that it is too much. */
    buf_init(&f.quote, QUOTE_MAX + 1);
    buf_init(&f.collateral, COLLATERAL_MAX + 1);
    buf_init(&f.event_log, EVENTLOG_MAX_BYTES + 1);
    buf_init(&f.compose, EVENTLOG_MAX_BYTES);
    int code = at_read(&at, o->at);
    if (code == EXIT_GOOD)
        code = policy_file_read(&f.policy, o->policy);
    if (code == EXIT_GOOD)
        code = root_file_read(f.root, o->root);
    if (code == EXIT_GOOD)
        code = infile_read_quote(&f.quote, o->quote);
    if (code == EXIT_GOOD)
        code = infile_read_start(&f.collateral, o->collateral);
    if (code == EXIT_GOOD && o->event_log)
        code = infile_read_start(&f.event_log, o->event_log);
    if (code == EXIT_GOOD)
        code = read_file(&f.compose, o->compose);
    if (code == EXIT_GOOD)
        code = judge(o, &f, at);
    teelog_policy_free(f.policy);
    buf_finish(&f.quote);
    buf_finish(&f.collateral);
    buf_finish(&f.event_log);
    buf_finish(&f.compose);
    return code;
}

static bool report_data_read(struct verify_options *o, const char *hex)
{
    size_t n = strlen(hex) / 2;
    if (n < 1 || n > sizeof o->report_data || hex_read(o->report_data, n, slice_str(hex)) != TL_OK)
        return false;
    o->report_data_size = n;
    return true;
}

static int verify(int argc, char **argv)
{
    static const struct option longs[] = {
        {"collateral", required_argument, NULL, 'c'},
        {"policy", required_argument, NULL, 'p'},
        {"root", required_argument, NULL, 'r'},
        {"at", required_argument, NULL, 'a'},
        {"report-data", required_argument, NULL, 'd'},
        {"event-log", required_argument, NULL, 'e'},
        {"compose", required_argument, NULL, 'f'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct verify_options o = {0};
    for (int got; (got = cli_option(argc, argv, "h", longs, "quote")) != -1;) {
        switch (got) {
        case 'c':
            o.collateral = optarg;
            break;
        case 'p':
            o.policy = optarg;
            break;
        case 'r':
            o.root = optarg;
            break;
        case 'a':
            o.at = optarg;
            break;
        case 'd':
            if (!report_data_read(&o, optarg))
                return cli_usage("quote", "--report-data needs 1 to 64 bytes in hex");
            break;
        case 'e':
            o.event_log = optarg;
            break;
        case 'f':
            o.compose = optarg;
            break;
        case 'j':
            o.json = true;
            break;
        default:
            return cli_option_exit(got);
        }
    }
    if (argc - optind != 1)
        return cli_usage("quote", "quote verify takes one quote");
    if (!o.collateral)
        return cli_usage("quote",
                         "quote verify needs --collateral FILE; `teelog quote collateral "
                         "%s -o FILE` fetches it",
                         argv[optind]);
    o.quote = argv[optind];
    return run_verify(&o);
}

static int run_eventlog(const char *log_path, const char *quote_path, const char *compose_path,
                        bool json)
{
    buf log, quote, compose;
    char message[320] = "";
    char *text = NULL;
    bool ok = false;
    buf_init(&log, EVENTLOG_MAX_BYTES + 1);
    buf_init(&quote, QUOTE_MAX + 1);
    buf_init(&compose, EVENTLOG_MAX_BYTES);
    int code = infile_read_start(&log, log_path);
    if (code == EXIT_GOOD)
        code = infile_read_quote(&quote, quote_path);
    if (code == EXIT_GOOD)
        code = read_file(&compose, compose_path);
    if (code == EXIT_GOOD) {
        struct teelog_bytes c = bytes_of(&compose, compose_path);
        tl_err err = teelog_eventlog_show(&text, &ok, log.p, log.n, quote.p, quote.n, c.p, c.n,
                                          json, message, sizeof message);
        if (err == TL_OK) {
            code = report_print(text, ok ? EXIT_GOOD : EXIT_REJECTED);
        } else {
            cli_say("%s: %s", log_path, message[0] ? message : tl_err_text(err));
            code = tl_err_exit(err);
        }
    }
    buf_finish(&log);
    buf_finish(&quote);
    buf_finish(&compose);
    return code;
}

static int eventlog(int argc, char **argv)
{
    static const struct option longs[] = {{"quote", required_argument, NULL, 'q'},
                                          {"compose", required_argument, NULL, 'f'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    const char *quote = NULL, *compose = NULL;
    bool json = false;
    for (int got; (got = cli_option(argc, argv, "h", longs, "quote")) != -1;) {
        switch (got) {
        case 'q':
            quote = optarg;
            break;
        case 'f':
            compose = optarg;
            break;
        case 'j':
            json = true;
            break;
        default:
            return cli_option_exit(got);
        }
    }
    if (argc - optind != 1 || !quote)
        return cli_usage("quote", "quote eventlog takes one event log and --quote QUOTE");
    return run_eventlog(argv[optind], quote, compose, json);
}

int cmd_quote(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } parts[] = {{"show", show},
                 {"verify", verify},
                 {"eventlog", eventlog},
                 {"collateral", quote_collateral}};
    for (size_t i = 0; argc > 1 && i < sizeof parts / sizeof parts[0]; i++) {
        if (strcmp(argv[1], parts[i].name) != 0)
            continue;
        /* getopt begins its complaints with the first of them. */
        argv[1] = argv[0];
        return parts[i].run(argc - 1, argv + 1);
    }
    static const struct option longs[] = {{"help", no_argument, NULL, 'h'}, {0}};
    for (int got; (got = cli_option(argc, argv, "h", longs, "quote")) != -1;)
        return cli_option_exit(got);
    return cli_usage("quote", "quote knows: show, verify, eventlog, collateral");
}
