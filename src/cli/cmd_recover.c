#include "cli/bundle_out.h"
#include "cli/cli.h"
#include "cli/infile.h"
#include "cli/recover_out.h"
#include "crypto/agree.h"
#include "crypto/secret.h"

#include <stdio.h>
#include <sys/stat.h>

struct options {
    const char *data, *key, *out, *checkpoint, *log_key;
    bool json;
};

/* A file that is its owner's alone. */
static tl_err read_secret(buf *out, int fd, const char *path, struct tl_why *why)
{
    struct stat st;
    size_t got = 1;
    if (fstat(fd, &st) != 0)
        return tl_explain(why, TL_E_IO, "key", "cannot read %s", path);
    if (S_ISREG(st.st_mode) && st.st_mode & (S_IRWXG | S_IRWXO))
        return tl_explain(why, TL_E_USAGE, "key",
                          "others may read or write the key %s: chmod 600 it. If somebody did, "
                          "they can read the log with any copy of it",
                          path);
    for (tl_err err; got;) {
        uint8_t some[512];
        err = infile_some(&fd, some, sizeof some, &got);
        if (err == TL_OK)
            buf_bytes(out, slice_of(some, got));
        secret_wipe(some, sizeof some);
        if (err != TL_OK)
            return tl_explain(why, err, "key", "cannot read %s", path);
        if (buf_err(out) != TL_OK)
            break; /* too long for a key */
    }
    return TL_OK;
}

static tl_err read_key(struct es256_key **out, const char *path, int *code, struct tl_why *why)
{
    buf pem;
    int fd;
    *code = infile_open(&fd, path);
    if (*code != EXIT_GOOD)
        return TL_E_IO;
    buf_init_secret(&pem, PEM_KEY_MAX);
    tl_err err = read_secret(&pem, fd, path, why);
    infile_close(fd);
    if (err == TL_OK && buf_err(&pem) == TL_E_MEMORY)
        err = TL_E_MEMORY;
    if (err == TL_OK && (err = es256_private_pem(out, buf_slice(&pem))) == TL_E_KEY)
        err = tl_explain(why, TL_E_USAGE, "key",
                         "%s is not a private key on P-256 in PEM, without a password", path);
    buf_finish_secret(&pem);
    return err;
}

/* A note, or the one that a bundle is under. */
static tl_err read_checkpoint(buf *out, const char *path, int *code)
{
    struct bundle_reader *r = NULL;
    struct bundle_item item;
    bool more;
    int fd;
    *code = infile_open(&fd, path);
    if (*code != EXIT_GOOD)
        return TL_E_IO;
    tl_err err = bundle_reader_new(&r, (struct byte_source){infile_some, &fd});
    if (err == TL_OK)
        err = bundle_next(r, &item, &more);
    if (err == TL_OK && more && item.kind == BUNDLE_HEADER)
        buf_bytes(out, item.u.header.checkpoint);
    bundle_reader_free(r);
    infile_close(fd);
    if (err == TL_E_MEMORY)
        return err;
    if (out->n == 0)
        *code = infile_read(out, path);
    return *code == EXIT_GOOD ? buf_err(out) : TL_E_IO;
}

static tl_err recover(const struct options *o, const struct es256_key *owner, slice checkpoint,
                      const struct note_key *log_key, int *code, struct tl_why *why)
{
    struct log_recover_options options = {
        .dir = o->data, .owner = owner, .checkpoint = checkpoint, .log_key = log_key};
    struct recover_out out = {.dir = o->out,
                              .data = o->data,
                              .owner = es256_thumbprint(owner),
                              .key_given = log_key != NULL};
    tl_err err = log_recovery_new(&out.recovery, &options, &out.found, why);
    if (err == TL_OK)
        err = recover_out_write(&out, why);
    if (err == TL_OK)
        err = recover_out_say(&out, o->json);
    if (err == TL_OK && !recover_out_all(&out))
        *code = EXIT_FAILED;
    log_recovery_free(out.recovery);
    return err;
}

static int run(const struct options *o)
{
    struct es256_key *owner = NULL;
    struct note_key log_key;
    struct tl_why why = {{0}, {0}};
    int code = EXIT_GOOD;
    buf checkpoint;
    if (o->log_key && note_key_read(&log_key, slice_str(o->log_key)) != TL_OK)
        return cli_usage("recover", "--log-key takes a verifier key, as `teelog verify` shows it");
    buf_init(&checkpoint, NOTE_MAX);
    tl_err err = o->checkpoint ? read_checkpoint(&checkpoint, o->checkpoint, &code) : TL_OK;
    if (err == TL_OK)
        err = read_key(&owner, o->key, &code, &why);
    if (err == TL_OK)
        err = recover(o, owner, buf_slice(&checkpoint), o->log_key ? &log_key : NULL, &code, &why);
    es256_free(owner);
    buf_finish(&checkpoint);
    if (err != TL_OK && code == EXIT_GOOD)
        code = cli_fail("the log could not be recovered", err, &why);
    return code;
}

int cmd_recover(int argc, char **argv)
{
    static const struct option longs[] = {
        {"data", required_argument, NULL, 'd'},    {"key", required_argument, NULL, 'k'},
        {"output", required_argument, NULL, 'o'},  {"checkpoint", required_argument, NULL, 'c'},
        {"log-key", required_argument, NULL, 'l'}, {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},          {0},
    };
    struct options o = {.data = cli_data_default()};
    for (int got; (got = cli_option(argc, argv, "ho:", longs, "recover")) != -1;) {
        const char **to = got == 'd'   ? &o.data
                          : got == 'k' ? &o.key
                          : got == 'o' ? &o.out
                          : got == 'c' ? &o.checkpoint
                          : got == 'l' ? &o.log_key
                                       : NULL;
        if (got == 'j')
            o.json = true;
        else if (to)
            *to = optarg;
        else
            return cli_option_exit(got);
    }
    if (optind < argc)
        return cli_usage("recover", "recover takes no argument %s", argv[optind]);
    if (!o.data || !o.key || !o.out)
        return cli_usage("recover", "recover needs --data DIR, --key FILE and -o DIR");
    return run(&o);
}
