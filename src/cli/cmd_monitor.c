#include "base/encoding.h"
#include "cli/cli.h"
#include "cli/infile.h"
#include "cli/monitor.h"
#include "cli/reach.h"
#include "cli/web_address.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define INTERVAL    30 /* seconds */
#define LAG         10 /* seconds */
#define SECONDS_MAX 86400
#define AGE_MAX     (366u * 86400)
#define THREADS_MAX 16

struct options {
    struct reach reach;
    const char *log_key, *policy_file, *where; /* where: an address, or a folder */
    uint64_t interval, lag, max_age;           /* seconds */
    bool once;
    struct tlog_policy *policy;
    struct web_address at;
    const char *dir; /* the folder, or NULL */
    struct monitor_options monitor;
};

/* What was checked is in the folder. */
static void stop(int number)
{
    (void)number;
    _exit(monitor_alarmed ? EXIT_REJECTED : EXIT_GOOD);
}

/* ---- the log's place ---- */

static tl_err connect_log(void *ctx, struct client **out, struct tl_why *why)
{
    const struct options *o = ctx;
    tl_err err = reach_open(out, &o->reach, why);
    if (err == TL_OK)
        client_set_limit(*out, MONITOR_LIMIT);
    return err;
}

static tl_err open_source(void *ctx, struct tile_source *out, struct tl_why *why)
{
    const struct options *o = ctx;
    struct tile_source s = {.dir = -1, .prefix = o->at.prefix, .reopen = connect_log, .ctx = ctx};
    tl_err err = TL_OK;
    if (!o->dir)
        err = connect_log(ctx, &s.client, why);
    else if ((s.dir = open(o->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        err = tl_explain(why, TL_E_IO, NULL, "cannot open the folder %s: %s", o->dir,
                         strerror(errno));
    if (err == TL_OK)
        *out = s;
    return err;
}

static void close_source(void *ctx, struct tile_source *s)
{
    (void)ctx;
    client_close(s->client);
    if (s->dir >= 0)
        close(s->dir);
}

static int find_log(struct options *o)
{
    struct tl_why why = {{0}, {0}};
    slice where = o->where ? slice_str(o->where) : (slice){NULL, 0};
    if (o->where && (o->reach.socket || o->reach.data || o->reach.url))
        return cli_usage("monitor", "which one: %s, or --socket, --data or --url?", o->where);
    if (where.p && slice_starts(where, slice_str("file://")))
        o->dir = o->where + sizeof "file://" - 1;
    else if (where.p && !slice_starts(where, slice_str("https://")) &&
             !slice_starts(where, slice_str("http://")))
        o->dir = o->where;
    if (o->dir)
        return EXIT_GOOD;
    if (where.p) {
        if (web_address_read(&o->at, where, &why) != TL_OK)
            return cli_usage("monitor", "%s", why.text);
        o->reach.url = o->at.text;
    }
    int code = reach_check(&o->reach, "monitor");
    /* What is asked for is public: a token would only be shown to whoever serves it. */
    buf_finish_secret(&o->reach.token);
    return code;
}

/* ---- whose log it is ---- */

static int read_policy(struct options *o)
{
    struct tl_why why = {{0}, {0}};
    buf text;
    buf_init(&text, TLOG_POLICY_MAX);
    int code = infile_read(&text, o->policy_file);
    if (code == EXIT_GOOD && tlog_policy_read(&o->policy, buf_slice(&text), &why) != TL_OK)
        code = cli_usage("monitor", "%s: %s", o->policy_file, tl_why_text(&why, TL_E_POLICY));
    buf_finish(&text);
    return code;
}

static int find_key(struct options *o)
{
    if (o->log_key)
        return note_key_read(&o->monitor.key, slice_str(o->log_key)) == TL_OK
                   ? EXIT_GOOD
                   : cli_usage("monitor", "--log-key takes a verifier key, as `teelog serve` "
                                          "shows it");
    if (!o->policy || o->policy->log_count != 1)
        return cli_usage("monitor", "whose log is it? Give --log-key KEY, or a --policy FILE with "
                                    "one line `log`");
    o->monitor.key = o->policy->logs[0].key;
    return EXIT_GOOD;
}

static int check(struct options *o, int argc, char **argv)
{
    int code = EXIT_GOOD;
    if (optind + 1 < argc)
        return cli_usage("monitor", "one log, not %s too", argv[optind + 1]);
    if (!o->monitor.state)
        return cli_usage("monitor", "where does the monitor keep what it knows? Give --state DIR");
    if (o->policy_file)
        code = read_policy(o);
    if (code == EXIT_GOOD)
        code = find_key(o);
    if (code == EXIT_GOOD && o->max_age && (!o->policy || o->policy->quorum == TLOG_POLICY_NONE))
        code = cli_usage("monitor", "--max-age is of the quorum's time: give a --policy with one");
    o->where = optind < argc ? argv[optind] : NULL;
    return code == EXIT_GOOD ? find_log(o) : code;
}

/* ---- looking ---- */

static unsigned threads(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : (unsigned)n;
}

static bool is_away(tl_err err)
{
    return err != TL_OK && err != TL_E_PROOF && err != TL_E_STORED && err != TL_E_MEMORY;
}

static int follow(struct options *o)
{
    struct monitor *m = NULL;
    struct tl_why why = {{0}, {0}};
    const struct monitor_reach reach = {o, open_source, close_source};
    bool away = false;
    tl_err err = monitor_open(&m, &o->monitor, &why);
    if (err != TL_OK)
        return cli_fail("not monitored", err, &why);
    for (;;) {
        err = monitor_look(m, &reach, &why);
        if (ferror(stdout)) {
            err = tl_explain(&why, TL_E_STORED, NULL,
                             "what there is to say cannot be written to standard output");
            break;
        }
        if (o->once || err == TL_E_STORED || err == TL_E_MEMORY)
            break;
        if (is_away(err) && !away)
            cli_say("%s; trying again every %llu seconds", tl_why_text(&why, err),
                    (unsigned long long)o->interval);
        away = is_away(err);
        sleep((unsigned)o->interval);
        why = (struct tl_why){{0}, {0}};
    }
    monitor_close(m);
    if (err == TL_OK || err == TL_E_PROOF)
        return err == TL_OK ? EXIT_GOOD : EXIT_REJECTED;
    (void)!cli_fail("not monitored", err, &why);
    return monitor_alarmed ? EXIT_REJECTED : EXIT_FAILED;
}

static bool seconds(uint64_t *out, const char *text, uint64_t least, uint64_t most)
{
    return decimal_read(out, slice_str(text), most) == TL_OK && *out >= least;
}

/* EXIT_GOOD where the option is taken. */
static int take(struct options *o, int got)
{
    if (got == 'k')
        o->log_key = optarg;
    else if (got == 'p')
        o->policy_file = optarg;
    else if (got == 's')
        o->monitor.state = optarg;
    else if (got == 'o')
        o->once = true;
    else if (got == 'j')
        o->monitor.json = true;
    else if (got == 'i')
        return seconds(&o->interval, optarg, 1, SECONDS_MAX)
                   ? EXIT_GOOD
                   : cli_usage("monitor", "--interval takes seconds, 1 to %d", SECONDS_MAX);
    else if (got == 'l')
        return seconds(&o->lag, optarg, 0, SECONDS_MAX)
                   ? EXIT_GOOD
                   : cli_usage("monitor", "--lag takes seconds, 0 to %d", SECONDS_MAX);
    else if (got == 'a')
        return seconds(&o->max_age, optarg, 1, AGE_MAX)
                   ? EXIT_GOOD
                   : cli_usage("monitor", "--max-age takes seconds, 1 to %u", AGE_MAX);
    else if (!reach_option(&o->reach, got, optarg))
        return cli_option_exit(got);
    return EXIT_GOOD;
}

int cmd_monitor(int argc, char **argv)
{
    static const struct option longs[] = {
        {"log-key", required_argument, NULL, 'k'},
        {"policy", required_argument, NULL, 'p'},
        {"state", required_argument, NULL, 's'},
        {"once", no_argument, NULL, 'o'},
        {"interval", required_argument, NULL, 'i'},
        {"lag", required_argument, NULL, 'l'},
        {"max-age", required_argument, NULL, 'a'},
        {"json", no_argument, NULL, 'j'},
        {"socket", required_argument, NULL, REACH_SOCKET},
        {"data", required_argument, NULL, REACH_DATA},
        {"url", required_argument, NULL, REACH_URL},
        {"ca", required_argument, NULL, REACH_CA},
        {"peer-policy", required_argument, NULL, REACH_PEER_POLICY},
        {"peer-collateral", required_argument, NULL, REACH_PEER_COLLATERAL},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct options o = {.interval = INTERVAL, .lag = LAG};
    int code = EXIT_GOOD;
    for (int got;
         code == EXIT_GOOD && (got = cli_option(argc, argv, "h", longs, "monitor")) != -1;) {
        code = take(&o, got);
        if (got == 'h')
            return code;
    }
    if (code == EXIT_GOOD)
        code = check(&o, argc, argv);
    o.monitor.policy = o.policy;
    o.monitor.ca_file = o.reach.ca_file;
    o.monitor.lag = (unsigned)o.lag;
    o.monitor.max_age = o.max_age;
    o.monitor.threads = threads();
    (void)signal(SIGTERM, stop);
    (void)signal(SIGINT, stop);
    if (code == EXIT_GOOD)
        code = follow(&o);
    tlog_policy_free(o.policy);
    reach_finish(&o.reach);
    return code;
}
