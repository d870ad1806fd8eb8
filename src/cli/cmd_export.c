#include "base/encoding.h"
#include "cli/bundle_out.h"
#include "cli/cli.h"
#include "cli/reach.h"
#include "client/url.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    struct reach reach;
    const char *out, *tee, *agent, *from, *to, *cosigned;
    bool withhold, json;
};

static tl_err target(buf *b, const struct options *o)
{
    buf_str(b, "/v1/export");
    url_put_key(b, "agent", o->agent);
    url_put_key(b, "from", o->from);
    url_put_key(b, "to", o->to);
    url_put_key(b, "bodies", o->withhold ? "0" : NULL);
    url_put_key(b, "cosigned", o->cosigned);
    buf_u8(b, 0);
    return buf_err(b);
}

static tl_err fetch(struct client *c, const struct options *o, struct log_export_said *said,
                    struct tl_why *why)
{
    buf b;
    buf_init(&b, 4096);
    tl_err err = target(&b, o);
    if (err == TL_OK)
        err = bundle_out_fetch(o->out, c, "GET", (const char *)b.p, (slice){NULL, 0}, said, why);
    buf_finish(&b);
    return err;
}

/* What was written. */
static int tell(const struct options *o, const struct log_export_said *said)
{
    bundle_out_warn(said);
    if (!o->json)
        return EXIT_GOOD;
    printf("{\"size\":%" PRIu64, said->size);
    if (said->witnessed)
        printf(",\"cosignedSize\":%" PRIu64 ",\"cosigned\":%s", said->cosigned,
               said->cosigned < said->size ? "false" : "true");
    printf("}\n");
    if (fflush(stdout) == 0)
        return EXIT_GOOD;
    cli_say("cannot write what was exported");
    return EXIT_FAILED;
}

static int export_running(const struct options *o)
{
    struct log_export_said said = {.size = 0};
    struct client *c = NULL;
    struct tl_why why = {{0}, {0}};
    tl_err err = reach_open(&c, &o->reach, &why);
    if (err == TL_OK)
        err = fetch(c, o, &said, &why);
    client_close(c);
    return err == TL_OK ? tell(o, &said) : cli_fail("no whole bundle was exported", err, &why);
}

static int export_stopped(const struct options *o)
{
    struct tl_why why = {{0}, {0}};
    struct log_export_options e = {.withhold_bodies = o->withhold, .to = TL_INT_MAX};
    struct log_export_said said = {.size = 0};
    bool simulated;
    if (o->agent)
        e.agent = slice_str(o->agent);
    e.has_range = o->from || o->to;
    if (o->from && decimal_read(&e.from, slice_str(o->from), TL_INT_MAX) != TL_OK)
        return cli_usage("export", "--from takes the index of a leaf, not %s", o->from);
    if (o->to && decimal_read(&e.to, slice_str(o->to), TL_INT_MAX) != TL_OK)
        return cli_usage("export", "--to takes the index of a leaf, not %s", o->to);
    if (e.from >= e.to)
        return cli_usage("export", "--to must be larger than --from");
    tl_err err = bundle_out_stopped(o->out, o->tee, o->reach.data, &e, &simulated, &said, &why);
    return err == TL_OK ? tell(o, &said) : cli_fail("no whole bundle was exported", err, &why);
}

int cmd_export(int argc, char **argv)
{
    static const struct option longs[] = {
        {"agent", required_argument, NULL, 'a'},
        {"from", required_argument, NULL, 'f'},
        {"to", required_argument, NULL, 'u'},
        {"withhold-bodies", no_argument, NULL, 'w'},
        {"cosigned", required_argument, NULL, 'c'},
        {"json", no_argument, NULL, 'j'},
        REACH_OPTIONS,
        {"tee", required_argument, NULL, 't'},
        {"output", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct options o = {0};
    for (int got; (got = cli_option(argc, argv, "ho:", longs, "export")) != -1;) {
        const char **to = got == 'a'   ? &o.agent
                          : got == 'f' ? &o.from
                          : got == 'u' ? &o.to
                          : got == 't' ? &o.tee
                          : got == 'o' ? &o.out
                          : got == 'c' ? &o.cosigned
                                       : NULL;
        if (got == 'w')
            o.withhold = true;
        else if (got == 'j')
            o.json = true;
        else if (to)
            *to = optarg;
        else if (!reach_option(&o.reach, got, optarg))
            return cli_option_exit(got);
    }
    if (optind < argc)
        return cli_usage("export", "export takes no argument %s", argv[optind]);
    if (!o.out)
        return cli_usage("export", "where is the bundle to go? Give -o FILE");
    if (o.json && strcmp(o.out, "-") == 0)
        return cli_usage("export", "with --json the bundle cannot go to standard output");
    if (o.cosigned && o.tee)
        return cli_usage("export", "a log that no service has open asks no witnesses: leave "
                                   "--cosigned out");
    int code = o.tee ? reach_stopped(&o.reach, "export") : reach_check(&o.reach, "export");
    if (code == EXIT_GOOD)
        code = o.tee ? export_stopped(&o) : export_running(&o);
    reach_finish(&o.reach);
    return code;
}
