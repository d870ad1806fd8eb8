#include "cli/report.h"

#include "attest/about.h"
#include "attest/collateral.h"
#include "base/encoding.h"
#include "cli/cli.h"
#include "cli/infile.h"
#include "cli/progress.h"
#include "teelog/quote.h"
#include "tlog/note.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POLICY_FILE_MAX (1u << 20)             /* bytes */
#define ROOT_FILE_MAX   65536                  /* bytes */
#define TIME_MAX        UINT64_C(253402300799) /* the end of the year 9999 */

static void progress(void *ctx, uint64_t items)
{
    progress_at(ctx, items, 0);
}

/* A policy that cannot be used is wrong usage: no verdict follows from it. */
int policy_file_read(struct teelog_policy **out, const char *path)
{
    char message[320] = "";
    if (!path)
        return EXIT_GOOD;
    buf b;
    buf_init(&b, POLICY_FILE_MAX);
    int code = infile_read(&b, path);
    tl_err err = TL_OK;
    if (code == EXIT_GOOD)
        err = teelog_policy_read(out, (const char *)b.p, b.n, message, sizeof message);
    if (buf_err(&b) == TL_E_LIMIT)
        code = EXIT_USAGE;
    buf_finish(&b);
    if (err == TL_OK)
        return code;
    cli_say("the policy %s cannot be used: %s", path, message[0] ? message : tl_err_text(err));
    return err == TL_E_POLICY || err == TL_E_LIMIT ? EXIT_USAGE : EXIT_FAILED;
}

int root_file_read(uint8_t out[32], const char *path)
{
    if (!path)
        return EXIT_GOOD;
    buf text;
    buf_init(&text, ROOT_FILE_MAX);
    int code = infile_read(&text, path);
    if (code == EXIT_GOOD) {
        tl_err err = teelog_root_from_pem(out, (const char *)text.p, text.n);
        if (err != TL_OK) {
            cli_say("%s is not one certificate in PEM of the kind that attestation roots are: %s",
                    path, tl_err_text(err));
            code = EXIT_USAGE;
        }
    }
    buf_finish(&text);
    return code;
}

int at_read(uint64_t *out, const char *text)
{
    *out = (uint64_t)time(NULL);
    if (!text || decimal_read(out, slice_str(text), TIME_MAX) == TL_OK)
        return EXIT_GOOD;
    cli_say("--at takes Unix seconds, not %s", text);
    return EXIT_USAGE;
}

int nonce_read(uint8_t out[FRESH_NONCE_MAX], size_t *size, const char *text)
{
    if (fresh_nonce_read(out, size, slice_str(text)) == TL_OK)
        return EXIT_GOOD;
    cli_say("--nonce takes %d to %d bytes in hex", FRESH_NONCE_MIN, FRESH_NONCE_MAX);
    return EXIT_USAGE;
}

/* A verdict that follows from a file's being the wrong one helps nobody. */
static int check_collateral(slice json, const char *path)
{
    struct collateral parts;
    struct about about;
    struct tl_why why = {{0}, {0}};
    tl_err err = collateral_read(&parts, json, &why);
    if (err == TL_OK) {
        collateral_finish(&parts);
        err = about_collateral(&about, json);
    }
    if (err == TL_OK)
        return EXIT_GOOD;
    cli_say("the collateral %s cannot be used: %s", path, tl_why_text(&why, err));
    return err == TL_E_MEMORY ? EXIT_FAILED : EXIT_USAGE;
}

/* The collateral files that the caller brings; bytes[i] holds what list[i] shows. */
static int read_collateral(buf *bytes, struct teelog_bytes *list, const struct report_options *o)
{
    for (size_t i = 0; i < o->collateral_count; i++) {
        int code = infile_read(&bytes[i], o->collaterals[i]);
        if (buf_err(&bytes[i]) == TL_E_LIMIT)
            code = EXIT_USAGE;
        if (code == EXIT_GOOD)
            code = check_collateral(buf_slice(&bytes[i]), o->collaterals[i]);
        if (code != EXIT_GOOD)
            return code;
        list[i] = (struct teelog_bytes){bytes[i].p, bytes[i].n};
    }
    return EXIT_GOOD;
}

static int judge(struct teelog_report **out, const struct report_options *o, uint64_t at,
                 const struct teelog_policy *policy, const struct teelog_bytes *collaterals,
                 struct teelog_bytes since)
{
    struct progress p = {.what = "read", .unit = "items"};
    uint8_t nonce[FRESH_NONCE_MAX];
    size_t nonce_size = 0;
    int fd, code = o->nonce ? nonce_read(nonce, &nonce_size, o->nonce) : EXIT_GOOD;
    if (code == EXIT_GOOD)
        code = infile_open(&fd, o->bundle);
    if (code != EXIT_GOOD)
        return code;
    struct teelog_verify_options v = {
        .policy = policy,
        .time = at,
        .collaterals = collaterals,
        .collateral_count = o->collateral_count,
        .nonce = o->nonce ? nonce : NULL,
        .nonce_size = nonce_size,
        .since = since,
        .read = infile_some,
        .ctx = &fd,
        .progress = progress,
        .progress_ctx = &p,
    };
    tl_err err = teelog_verify(out, &v);
    progress_end(&p);
    infile_close(fd);
    if (err == TL_OK)
        return EXIT_GOOD;
    bool usage = err == TL_E_NOTE || err == TL_E_CHECKPOINT;
    cli_say("%s was not judged: %s", usage ? o->since : o->bundle, tl_err_text(err));
    return usage ? EXIT_USAGE : EXIT_FAILED;
}

int report_make(struct teelog_report **out, const struct report_options *o)
{
    struct teelog_policy *policy = NULL;
    buf bytes[REPORT_COLLATERALS];
    struct teelog_bytes collaterals[REPORT_COLLATERALS], since = {NULL, 0};
    buf older;
    uint64_t at;
    int code = at_read(&at, o->at);
    if (code != EXIT_GOOD)
        return code;
    for (size_t i = 0; i < REPORT_COLLATERALS; i++)
        buf_init(&bytes[i], COLLATERAL_MAX);
    buf_init(&older, NOTE_MAX);
    code = policy_file_read(&policy, o->policy);
    if (code == EXIT_GOOD && o->since)
        code = infile_read(&older, o->since);
    if (o->since)
        since = (struct teelog_bytes){older.p ? older.p : (const uint8_t *)"", older.n};
    if (code == EXIT_GOOD)
        code = read_collateral(bytes, collaterals, o);
    if (code == EXIT_GOOD)
        code = judge(out, o, at, policy, collaterals, since);
    buf_finish(&older);
    for (size_t i = 0; i < REPORT_COLLATERALS; i++)
        buf_finish(&bytes[i]);
    teelog_policy_free(policy);
    return code;
}

int report_print(char *text, int code)
{
    if (!text) {
        cli_say("%s", tl_err_text(TL_E_MEMORY));
        return EXIT_FAILED;
    }
    size_t n = strlen(text);
    printf("%s%s", text, n && text[n - 1] == '\n' ? "" : "\n");
    free(text);
    if (fflush(stdout) == 0)
        return code;
    cli_say("cannot write the report");
    return EXIT_FAILED;
}
