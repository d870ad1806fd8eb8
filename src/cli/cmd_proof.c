#include "base/encoding.h"
#include "cli/cli.h"
#include "cli/infile.h"
#include "cli/logged.h"
#include "cli/outfile.h"
#include "cli/proof_fetch.h"
#include "cli/reach.h"
#include "codec/json_put.h"
#include "tlog/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct options {
    struct reach reach;
    const char *index, *since, *log_key, *policy, *keys, *out;
    bool cose, transparent, json;
    uint64_t n; /* the entry's index, or the older size */
    struct teelog_policy *trusted;
    buf text;  /* of c2sp.org/tlog-policy */
    buf older; /* the older checkpoint, where it was given */
};

/* A size, or a file with the older checkpoint. */
static int read_since(struct options *o)
{
    struct checkpoint c;
    struct note *note;
    if (decimal_read(&o->n, slice_str(o->since), TL_INT_MAX) == TL_OK)
        return o->n ? EXIT_GOOD : cli_usage("proof", "every log grew out of size 0");
    int code = infile_read(&o->older, o->since);
    if (code != EXIT_GOOD)
        return code;
    note = malloc(sizeof *note);
    if (!note)
        return cli_fail("no proof", TL_E_MEMORY, NULL);
    tl_err err = note_read(note, buf_slice(&o->older));
    if (err == TL_OK)
        err = checkpoint_read(&c, note->text);
    if (err == TL_OK)
        o->n = c.size;
    free(note);
    if (err != TL_OK)
        return cli_usage("proof", "--since takes a size, or a file with a checkpoint: %s",
                         tl_err_text(err));
    return o->n ? EXIT_GOOD : cli_usage("proof", "every log grew out of size 0");
}

static int read_trust(struct options *o)
{
    struct note_key key;
    if (o->policy && o->log_key)
        return cli_usage("proof", "--log-key or --policy, not both");
    if (o->policy)
        return logged_read_policy(&o->trusted, &o->text, o->policy);
    if (!o->log_key)
        return EXIT_GOOD;
    if (note_key_read(&key, slice_str(o->log_key)) != TL_OK)
        return cli_usage("proof", "--log-key takes a verifier key, as `teelog serve` shows it");
    buf_printf(&o->text, "log %s\nquorum none\n", o->log_key);
    return EXIT_GOOD;
}

static int check(struct options *o, int argc, char **argv)
{
    if (optind + (o->since ? 0 : 1) != argc)
        return cli_usage("proof",
                         o->since ? "--since is about no entry" : "of which entry? Give INDEX");
    if (o->cose + o->transparent + (o->since != NULL) > 1)
        return cli_usage("proof", "one of --cose, --transparent and --since");
    if (o->keys && !o->cose && !o->transparent && !o->since)
        return cli_usage("proof", "a tlog-proof has no service's key: --keys goes with --cose, "
                                  "--transparent and --since");
    if (o->json && strcmp(o->out, "-") == 0)
        return cli_usage("proof", "--json is about what goes to a file: give -o FILE");
    if (o->since)
        return read_since(o);
    o->index = argv[optind];
    if (decimal_read(&o->n, slice_str(o->index), TL_INT_MAX - 1) != TL_OK)
        return cli_usage("proof", "INDEX is a number, not %s", o->index);
    return EXIT_GOOD;
}

static tl_err fetch(const struct options *o, struct proof_found *found, struct tl_why *why)
{
    const struct proof_trust trust = {
        .policy = o->trusted,
        .tlog_policy = o->text.n && !o->trusted ? buf_slice(&o->text) : (slice){NULL, 0},
        .key_alone = o->log_key,
    };
    struct client *c = NULL;
    tl_err err = reach_open(&c, &o->reach, why);
    if (err == TL_OK && o->since)
        err = proof_fetch_growth(found, c, o->n,
                                 o->older.n ? buf_slice(&o->older) : (slice){NULL, 0}, &trust, why);
    else if (err == TL_OK && (o->cose || o->transparent))
        err = proof_fetch_receipt(found, c, o->n, o->transparent, &trust, why);
    else if (err == TL_OK)
        err = proof_fetch_text(found, c, o->n, &trust, why);
    client_close(c);
    return err;
}

static tl_err write_file(const char *path, slice bytes, struct tl_why *why)
{
    struct outfile f;
    tl_err err = outfile_open(&f, path, 0666, why);
    if (err != TL_OK)
        return err;
    err = outfile_write(&f, bytes, why);
    if (err == TL_OK)
        err = outfile_keep(&f, why);
    outfile_close(&f);
    return err;
}

static const char *kind(const struct options *o)
{
    return o->since         ? "receipt of consistency"
           : o->transparent ? "transparent statement"
           : o->cose        ? "receipt"
                            : "tlog-proof";
}

static tl_err put_summary(buf *b, const struct options *o, const struct proof_found *found)
{
    buf_str(b, "{\"kind\":");
    json_put_str(b, kind(o));
    json_put_number(b, o->since ? "since" : "index", o->n);
    json_put_number(b, "size", found->size);
    json_put_slice(b, "origin", slice_str(found->origin));
    json_put_bool(b, "pinned", o->policy || o->log_key);
    json_put_member(b, "file", o->out);
    buf_str(b, "}\n");
    return buf_err(b);
}

static tl_err say(const struct options *o, const struct proof_found *found, struct tl_why *why)
{
    buf b;
    buf_init(&b, 65536);
    if (!o->policy && !o->log_key)
        cli_say("note: whose log it is was not checked; --log-key or --policy pins it");
    tl_err err = TL_OK;
    if (o->json) {
        err = put_summary(&b, o, found);
        if (err == TL_OK)
            err = cli_print_json(buf_slice(&b), why);
    }
    buf_finish(&b);
    return err;
}

static int proof(const struct options *o)
{
    struct proof_found found;
    struct tl_why why = {{0}, {0}};
    proof_found_init(&found);
    tl_err err = fetch(o, &found, &why);
    if (err == TL_OK)
        err = write_file(o->out, buf_slice(&found.proof), &why);
    if (err == TL_OK && o->keys)
        err = write_file(o->keys, buf_slice(&found.key), &why);
    if (err == TL_OK)
        err = say(o, &found, &why);
    proof_found_finish(&found);
    return err == TL_OK ? EXIT_GOOD : cli_fail("no proof", err, &why);
}

static int run(struct options *o, int argc, char **argv)
{
    int code = check(o, argc, argv);
    if (code == EXIT_GOOD)
        code = read_trust(o);
    if (code == EXIT_GOOD)
        code = reach_check(&o->reach, "proof");
    if (code == EXIT_GOOD)
        code = proof(o);
    reach_finish(&o->reach);
    return code;
}

int cmd_proof(int argc, char **argv)
{
    static const struct option longs[] = {
        REACH_OPTIONS,
        {"cose", no_argument, NULL, 'c'},
        {"transparent", no_argument, NULL, 't'},
        {"since", required_argument, NULL, 's'},
        {"log-key", required_argument, NULL, 'l'},
        {"policy", required_argument, NULL, 'p'},
        {"keys", required_argument, NULL, 'k'},
        {"output", required_argument, NULL, 'o'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct options o = {.out = "-"};
    for (int got; (got = cli_option(argc, argv, "ho:", longs, "proof")) != -1;) {
        const char **to = got == 's'   ? &o.since
                          : got == 'l' ? &o.log_key
                          : got == 'p' ? &o.policy
                          : got == 'k' ? &o.keys
                          : got == 'o' ? &o.out
                                       : NULL;
        if (to)
            *to = optarg;
        else if (got == 'c')
            o.cose = true;
        else if (got == 't')
            o.transparent = true;
        else if (got == 'j')
            o.json = true;
        else if (!reach_option(&o.reach, got, optarg))
            return cli_option_exit(got);
    }
    buf_init(&o.text, TLOG_POLICY_MAX);
    buf_init(&o.older, NOTE_MAX);
    int code = run(&o, argc, argv);
    buf_finish(&o.text);
    buf_finish(&o.older);
    teelog_policy_free(o.trusted);
    return code;
}
