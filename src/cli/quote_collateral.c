/* `teelog quote collateral`: what Intel says of a quote's platform, fetched, verified
 * and written to a file. */
#include "attest/collateral.h"
#include "attest/dcap.h"
#include "base/calendar.h"
#include "base/encoding.h"
#include "cli/cli.h"
#include "cli/infile.h"
#include "cli/outfile.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "pcs/pcs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct options {
    const char *quote, *out, *cache, *root, *update, *timeout;
    bool no_cache;
    struct pcs_options pcs;
};

static const char *environment(const char *lower, const char *upper)
{
    const char *v = getenv(lower);
    if (!v && upper)
        v = getenv(upper);
    return v && *v ? v : NULL;
}

/* XDG Base Directory Specification: a relative path there is to be ignored. Owned
 * by the caller; NULL, and *ok false, where memory is short. */
static char *default_cache(bool *ok)
{
    const char *base = environment("XDG_CACHE_HOME", NULL), *home = environment("HOME", NULL);
    char *path = NULL;
    int n = 0;
    if (base && base[0] == '/')
        n = asprintf(&path, "%s/teelog", base);
    else if (home && home[0] == '/')
        n = asprintf(&path, "%s/.cache/teelog", home);
    *ok = n >= 0;
    return n > 0 ? path : NULL;
}

static void on_progress(void *ctx, unsigned done, unsigned total)
{
    progress_at(ctx, done, total);
}

static int write_out(const char *path, slice json)
{
    struct outfile f;
    struct tl_why why = {{0}, {0}};
    tl_err err = outfile_open(&f, path, 0644, &why);
    if (err != TL_OK)
        return cli_fail("collateral", err, &why);
    err = outfile_write(&f, json, &why);
    if (err == TL_OK)
        err = outfile_keep(&f, &why);
    outfile_close(&f);
    return err == TL_OK ? EXIT_GOOD : cli_fail("collateral", err, &why);
}

/* Services and caches can give older collateral that is still valid: when it was
 * issued is for the user to see. */
static void say_written(const char *path, const struct pcs_result *r)
{
    char issued[CALENDAR_TEXT], expires[CALENDAR_TEXT];
    cli_say("wrote %s, %s, issued %s, good until %s", strcmp(path, "-") ? path : "standard output",
            r->from_cache ? "from the cache" : "fresh", calendar_text(issued, r->issued),
            calendar_text(expires, r->expires));
}

static int fetch(struct options *o, slice quote, const hash32 *root)
{
    /* A request may take seconds, so the line is there from the first one on. */
    struct progress p = {.what = "fetched", .unit = "documents", .last_ms = 1};
    struct tl_why why = {{0}, {0}};
    struct pcs_result result = {.from_cache = false};
    buf json;
    p.shown = isatty(STDERR_FILENO) ? 0 : -1;
    o->pcs.progress = on_progress;
    o->pcs.progress_ctx = &p;
    buf_init(&json, COLLATERAL_MAX);
    tl_err err = pcs_collateral(&json, &result, quote, &o->pcs, o->cache, (uint64_t)time(NULL),
                                root, 1, &why);
    progress_end(&p);
    int code = EXIT_GOOD;
    if (err != TL_OK) {
        code = cli_fail("no collateral was fetched", err, &why);
    } else {
        if (why.text[0])
            cli_say("warning: %s", why.text);
        code = write_out(o->out, buf_slice(&json));
    }
    if (code == EXIT_GOOD)
        say_written(o->out, &result);
    buf_finish(&json);
    return code;
}

static int run(struct options *o)
{
    hash32 root = dcap_intel_root;
    char *cache = NULL;
    bool ok = true;
    buf quote;
    if (!o->cache && !o->no_cache)
        o->cache = cache = default_cache(&ok);
    if (!ok) {
        cli_say("%s", tl_err_text(TL_E_MEMORY));
        return EXIT_FAILED;
    }
    buf_init(&quote, QUOTE_MAX + 1);
    int code = root_file_read(root.b, o->root);
    if (code == EXIT_GOOD)
        code = infile_read_quote(&quote, o->quote);
    if (code == EXIT_GOOD)
        code = fetch(o, buf_slice(&quote), &root);
    buf_finish(&quote);
    free(cache);
    return code;
}

static int check(struct options *o)
{
    uint64_t timeout = 0;
    if (!o->out)
        return cli_usage("quote", "where is the collateral to go? Give -o FILE");
    if (o->cache && o->no_cache)
        return cli_usage("quote", "--cache and --no-cache contradict each other");
    if (o->timeout && (decimal_read(&timeout, slice_str(o->timeout), 3600) != TL_OK || !timeout))
        return cli_usage("quote", "--timeout takes seconds, 1 to 3600, not %s", o->timeout);
    o->pcs.timeout_s = (unsigned)timeout;
    o->pcs.early = o->update && strcmp(o->update, "early") == 0;
    if (o->update && !o->pcs.early && strcmp(o->update, "standard") != 0)
        return cli_usage("quote", "--update takes standard or early, not %s", o->update);
    return EXIT_GOOD;
}

int quote_collateral(int argc, char **argv)
{
    static const struct option longs[] = {
        {"output", required_argument, NULL, 'o'}, {"pccs", required_argument, NULL, 'p'},
        {"proxy", required_argument, NULL, 'x'},  {"ca", required_argument, NULL, 'a'},
        {"cache", required_argument, NULL, 'c'},  {"no-cache", no_argument, NULL, 'n'},
        {"refresh", no_argument, NULL, 'f'},      {"update", required_argument, NULL, 'u'},
        {"root", required_argument, NULL, 'r'},   {"timeout", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},         {0},
    };
    struct options o = {0};
    for (int got; (got = cli_option(argc, argv, "ho:", longs, "quote")) != -1;) {
        const char **to = got == 'o'   ? &o.out
                          : got == 'p' ? &o.pcs.pccs
                          : got == 'x' ? &o.pcs.proxy
                          : got == 'a' ? &o.pcs.ca_file
                          : got == 'c' ? &o.cache
                          : got == 'u' ? &o.update
                          : got == 'r' ? &o.root
                          : got == 't' ? &o.timeout
                                       : NULL;
        if (got == 'n')
            o.no_cache = true;
        else if (got == 'f')
            o.pcs.refresh = true;
        else if (to)
            *to = optarg;
        else
            return cli_option_exit(got);
    }
    if (argc - optind != 1)
        return cli_usage("quote", "quote collateral takes one quote");
    o.quote = argv[optind];
    if (!o.pcs.proxy) {
        o.pcs.proxy = environment("https_proxy", "HTTPS_PROXY");
        o.pcs.no_proxy = environment("no_proxy", "NO_PROXY");
    }
    int code = check(&o);
    return code == EXIT_GOOD ? run(&o) : code;
}
