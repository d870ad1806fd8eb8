#include "cli/cli.h"
#include "cli/infile.h"
#include "cli/outfile.h"
#include "cli/progress.h"
#include "crypto/agree.h"
#include "http/row_json.h"
#include "log/recover.h"

#include <inttypes.h>
#include <stdio.h>

#define LINE_MAX_BYTES (16u << 20)
#define PAGE           100

struct recovery {
    struct log *log;
    struct log_recovered found;
    struct outfile out;
    uint64_t next, opened, lost; /* the next leaf; records with their bodies, and without */
};

/* From r->next on; without: with bodies left closed. */
static tl_err ask(struct recovery *r, struct log_query **q, size_t limit, bool without,
                  struct tl_why *why)
{
    const struct log_query_options o = {.from = r->next,
                                        .to = r->found.size,
                                        .before_ms = UINT64_MAX,
                                        .limit = limit,
                                        .every = true,
                                        .without_bodies = without};
    tl_err err = log_query_new(q, r->log, &o, why);
    return err == TL_OK ? log_query_run(*q, why) : err;
}

static tl_err write_rows(struct recovery *r, const struct log_query *q, bool without,
                         struct tl_why *why)
{
    size_t n;
    const struct log_row *rows = log_query_rows(q, &n);
    const struct row_json how = {.simulated = r->found.simulated, .withheld = without};
    tl_err err = TL_OK;
    buf b;
    buf_init(&b, LINE_MAX_BYTES);
    for (size_t i = 0; i < n && err == TL_OK; i++) {
        buf_reset(&b);
        row_json_put_whole(&b, &rows[i], how);
        err = buf_err(&b);
        if (err == TL_OK)
            err = outfile_write(&r->out, buf_slice(&b), why);
        r->next = rows[i].index + 1;
        r->opened += rows[i].body.p != NULL;
    }
    buf_finish(&b);
    return err;
}

static bool is_damage(tl_err err)
{
    return err == TL_E_STORED || err == TL_E_SEALED || err == TL_E_NOT_FOUND;
}

/* A page; where a body in it is missing or does not open, leaf by leaf, and of that one
 * the statement alone. */
static tl_err step(struct recovery *r, struct tl_why *why)
{
    static const struct {
        size_t limit;
        bool without;
    } tries[] = {{PAGE, false}, {1, false}, {1, true}};
    tl_err err = TL_E_STORED;
    for (size_t i = 0; i < 3 && is_damage(err); i++) {
        struct log_query *q = NULL;
        struct tl_why inner = {{0}, {0}};
        err = ask(r, &q, tries[i].limit, tries[i].without, &inner);
        if (err == TL_OK) {
            err = write_rows(r, q, tries[i].without, why);
            r->lost += tries[i].without;
        } else if (i == 2 || !is_damage(err)) {
            err = tl_explain(why, err, inner.field, "%s", tl_why_text(&inner, err));
        }
        log_query_free(q);
    }
    return err;
}

static void conclude(const struct recovery *r, const char *data)
{
    char root[2 * sizeof r->found.root.b + 1] = "";
    for (size_t i = 0; i < sizeof r->found.root.b; i++)
        snprintf(root + 2 * i, 3, "%02x", r->found.root.b[i]);
    cli_say("%s: %" PRIu64 " statements, of them %" PRIu64 " records; %" PRIu64
            " bodies could not be opened%s",
            data, r->found.size, r->found.records, r->lost,
            r->found.simulated ? " (SIMULATED platform)" : "");
    cli_say(
        "each statement is signed in its session, follows its subject's former one, and lies in "
        "the tree of size %" PRIu64 " with root %s. Compare those with the last checkpoint that "
        "you have: no checkpoint can be signed any more, and what came later may be missing. "
        "Quotes were not judged",
        r->found.size, root);
}

static tl_err read_key(struct es256_key **out, const char *path, int *code, struct tl_why *why)
{
    buf pem;
    buf_init_secret(&pem, PEM_KEY_MAX);
    *code = infile_read(&pem, path);
    tl_err err = *code == EXIT_GOOD ? es256_private_pem(out, buf_slice(&pem)) : TL_E_IO;
    buf_finish_secret(&pem);
    if (*code == EXIT_GOOD && err == TL_E_KEY)
        err = tl_explain(why, TL_E_USAGE, "key",
                         "%s is not a private key on P-256 in PEM, without a password", path);
    return err;
}

static int recover(const char *data, const char *key_path, const char *output)
{
    struct recovery r = {.out = {.fd = -1}};
    struct progress progress = {.what = "recovered", .unit = "statements"};
    struct es256_key *key = NULL;
    struct tl_why why = {{0}, {0}};
    int code;
    bool writing = false;
    tl_err err = read_key(&key, key_path, &code, &why);
    if (code != EXIT_GOOD)
        return code;
    if (err == TL_OK)
        err = log_open_recover(&r.log, key, data, &r.found, &why);
    es256_free(key);
    if (err == TL_OK) {
        err = outfile_open(&r.out, output, 0600, &why);
        writing = err == TL_OK;
    }
    while (err == TL_OK && r.next < r.found.size) {
        err = step(&r, &why);
        progress_at(&progress, r.next, r.found.size);
    }
    progress_end(&progress);
    if (err == TL_OK)
        err = outfile_keep(&r.out, &why);
    if (writing)
        outfile_close(&r.out);
    if (err == TL_OK)
        conclude(&r, data);
    else
        code = cli_fail("the log could not be recovered", err, &why);
    log_close(r.log);
    return code == EXIT_GOOD && r.lost ? EXIT_FAILED : code;
}

int cmd_recover(int argc, char **argv)
{
    static const struct option longs[] = {
        {"data", required_argument, NULL, 'd'},
        {"key", required_argument, NULL, 'k'},
        {"output", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    const char *data = cli_data_default(), *key = NULL, *output = "-";
    for (int got; (got = cli_option(argc, argv, "ho:", longs, "recover")) != -1;) {
        if (got == 'd')
            data = optarg;
        else if (got == 'k')
            key = optarg;
        else if (got == 'o')
            output = optarg;
        else
            return cli_option_exit(got);
    }
    if (optind < argc)
        return cli_usage("recover", "recover takes no argument %s", argv[optind]);
    if (!data || !key)
        return cli_usage("recover", "recover needs --data DIR and --key FILE");
    return recover(data, key, output);
}
