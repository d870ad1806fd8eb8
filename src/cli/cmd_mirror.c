#include "base/encoding.h"
#include "cli/cli.h"
#include "cli/mirror.h"
#include "cli/reach.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define EVERY_DEFAULT 10    /* seconds */
#define EVERY_MOST    86400 /* seconds */

struct options {
    struct reach reach;
    const char *dir, *log_key;
    unsigned every; /* seconds between two looks; 0: one look */
    bool json;
};

/* Each file is put into place whole: whatever is under way is done anew the next time. */
static void stop(int number)
{
    (void)number;
    _exit(EXIT_GOOD);
}

static tl_err find_key(struct note_key *out, const struct options *o, struct client *c,
                       struct tl_why *why)
{
    if (o->log_key)
        return note_key_read(out, slice_str(o->log_key));
    tl_err err = client_log_key(c, out, why);
    if (err == TL_OK)
        cli_say("note: the log's key is what the service says it is; --log-key pins it");
    return err;
}

static void say(const struct options *o, const struct mirror *m, uint64_t before)
{
    char root[65];
    hex_text(root, m->root.b, sizeof m->root.b);
    if (o->json)
        printf("{\"size\":%llu,\"added\":%llu,\"root\":\"%s\"}\n", (unsigned long long)m->size,
               (unsigned long long)(m->size - before), root);
    else
        printf("%llu entries, %llu of them new, in %s\n", (unsigned long long)m->size,
               (unsigned long long)(m->size - before), o->dir);
    fflush(stdout);
}

static tl_err look(const struct options *o, struct mirror **m, struct tl_why *why)
{
    struct client *c = NULL;
    struct note_key key;
    tl_err err = reach_open(&c, &o->reach, why);
    if (err == TL_OK && !*m) {
        err = find_key(&key, o, c, why);
        if (err == TL_OK)
            err = mirror_open(m, o->dir, &key, why);
    }
    if (err == TL_OK) {
        uint64_t before = (*m)->size;
        err = mirror_grow(*m, c, why);
        if (err == TL_OK && (!o->every || before != (*m)->size))
            say(o, *m, before);
    }
    client_close(c);
    return err;
}

/* While it follows, a service that is away may come back; a log that is another does not. */
static bool worth_another_look(tl_err err)
{
    return err == TL_OK || err == TL_E_IO || err == TL_E_BUSY || err == TL_E_RATE;
}

static int mirror(const struct options *o)
{
    struct mirror *m = NULL;
    struct tl_why why = {{0}, {0}};
    tl_err err = look(o, &m, &why), last = err;
    while (o->every && m && worth_another_look(err)) {
        if (err != TL_OK && last == TL_OK)
            cli_say("%s; trying again every %u seconds", tl_why_text(&why, err), o->every);
        last = err;
        sleep(o->every);
        why = (struct tl_why){{0}, {0}};
        err = look(o, &m, &why);
    }
    mirror_close(m);
    return err == TL_OK ? EXIT_GOOD : cli_fail("not mirrored", err, &why);
}

static int check(const struct options *o, int argc, char **argv)
{
    struct note_key key;
    if (optind + 1 != argc)
        return cli_usage("mirror",
                         optind < argc ? "one folder, not %s too" : "which folder? Give DIR%s",
                         optind < argc ? argv[optind + 1] : "");
    if (o->log_key && note_key_read(&key, slice_str(o->log_key)) != TL_OK)
        return cli_usage("mirror", "--log-key takes a verifier key, as `teelog serve` shows it");
    return EXIT_GOOD;
}

int cmd_mirror(int argc, char **argv)
{
    static const struct option longs[] = {
        REACH_OPTIONS,
        {"log-key", required_argument, NULL, 'k'},
        {"follow", no_argument, NULL, 'f'},
        {"every", required_argument, NULL, 'e'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct options o = {.every = 0};
    uint64_t every = EVERY_DEFAULT;
    bool follow = false;
    for (int got; (got = cli_option(argc, argv, "h", longs, "mirror")) != -1;) {
        if (got == 'k')
            o.log_key = optarg;
        else if (got == 'f')
            follow = true;
        else if (got == 'j')
            o.json = true;
        else if (got == 'e') {
            if (decimal_read(&every, slice_str(optarg), EVERY_MOST) != TL_OK || every == 0)
                return cli_usage("mirror", "--every takes seconds, 1 to %d", EVERY_MOST);
        } else if (!reach_option(&o.reach, got, optarg))
            return cli_option_exit(got);
    }
    int code = check(&o, argc, argv);
    if (code != EXIT_GOOD)
        return code;
    o.dir = argv[optind];
    o.every = follow ? (unsigned)every : 0;
    (void)signal(SIGTERM, stop);
    (void)signal(SIGINT, stop);
    code = reach_check(&o.reach, "mirror");
    if (code == EXIT_GOOD)
        code = mirror(&o);
    reach_finish(&o.reach);
    return code;
}
