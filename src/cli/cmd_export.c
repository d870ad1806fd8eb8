#include "base/encoding.h"
#include "cli/bundle_out.h"
#include "cli/cli.h"
#include "cli/reach.h"
#include "cli/url.h"

#include <stdlib.h>
#include <string.h>

struct options {
    struct reach reach;
    const char *out, *tee, *agent, *from, *to;
    bool withhold;
};

static tl_err target(buf *b, const struct options *o)
{
    buf_str(b, "/v1/export");
    url_put_key(b, "agent", o->agent);
    url_put_key(b, "from", o->from);
    url_put_key(b, "to", o->to);
    url_put_key(b, "bodies", o->withhold ? "0" : NULL);
    buf_u8(b, 0);
    return buf_err(b);
}

static tl_err fetch(struct client *c, const struct options *o, struct tl_why *why)
{
    buf b;
    buf_init(&b, 4096);
    tl_err err = target(&b, o);
    if (err == TL_OK)
        err = bundle_out_fetch(o->out, c, "GET", (const char *)b.p, (slice){NULL, 0}, why);
    buf_finish(&b);
    return err;
}

static int export_running(const struct options *o)
{
    struct client *c = NULL;
    struct tl_why why = {{0}, {0}};
    tl_err err = reach_open(&c, &o->reach, &why);
    if (err == TL_OK)
        err = fetch(c, o, &why);
    client_close(c);
    return err == TL_OK ? EXIT_GOOD : cli_fail("no whole bundle was exported", err, &why);
}

static int export_stopped(const struct options *o)
{
    struct tl_why why = {{0}, {0}};
    struct log_export_options e = {.withhold_bodies = o->withhold, .to = TL_INT_MAX};
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
    tl_err err = bundle_out_stopped(o->out, o->tee, o->reach.data, &e, &simulated, &why);
    return err == TL_OK ? EXIT_GOOD : cli_fail("no whole bundle was exported", err, &why);
}

int cmd_export(int argc, char **argv)
{
    static const struct option longs[] = {
        {"agent", required_argument, NULL, 'a'},
        {"from", required_argument, NULL, 'f'},
        {"to", required_argument, NULL, 'u'},
        {"withhold-bodies", no_argument, NULL, 'w'},
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
                                       : NULL;
        if (got == 'w')
            o.withhold = true;
        else if (to)
            *to = optarg;
        else if (!reach_option(&o.reach, got, optarg))
            return cli_option_exit(got);
    }
    if (optind < argc)
        return cli_usage("export", "export takes no argument %s", argv[optind]);
    if (!o.out)
        return cli_usage("export", "where is the bundle to go? Give -o FILE");
    int code = o.tee ? reach_stopped(&o.reach, "export") : reach_check(&o.reach, "export");
    if (code == EXIT_GOOD)
        code = o.tee ? export_stopped(&o) : export_running(&o);
    reach_finish(&o.reach);
    return code;
}
