#include "cli/report.h"

#include "base/encoding.h"
#include "cli/cli.h"
#include "cli/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define POLICY_FILE_MAX (1u << 20)             /* bytes */
#define TIME_MAX        UINT64_C(253402300799) /* the end of the year 9999 */

static tl_err read_some(void *ctx, uint8_t *out, size_t cap, size_t *got)
{
    const int *fd = ctx;
    ssize_t n;
    do
        n = read(*fd, out, cap);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return TL_E_IO;
    *got = (size_t)n;
    return TL_OK;
}

static void progress(void *ctx, uint64_t items)
{
    progress_at(ctx, items, 0);
}

static int open_file(int *fd, const char *path)
{
    if (strcmp(path, "-") == 0) {
        *fd = STDIN_FILENO;
        return EXIT_GOOD;
    }
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd >= 0)
        return EXIT_GOOD;
    cli_say("cannot read %s: %s", path, strerror(errno));
    return EXIT_FAILED;
}

static void close_file(int fd)
{
    if (fd != STDIN_FILENO)
        close(fd);
}

static tl_err read_whole(buf *out, int fd)
{
    tl_err err = TL_OK;
    size_t got = 1;
    while (got && err == TL_OK) {
        uint8_t bytes[16384];
        err = read_some(&fd, bytes, sizeof bytes, &got);
        if (err == TL_OK)
            buf_bytes(out, slice_of(bytes, got));
    }
    return err == TL_OK ? buf_err(out) : err;
}

/* A policy that cannot be used is wrong usage: no verdict follows from it. */
static int read_policy(struct teelog_policy **out, const char *path)
{
    char message[320] = "";
    int fd;
    if (!path)
        return EXIT_GOOD;
    int code = open_file(&fd, path);
    if (code != EXIT_GOOD)
        return code;
    buf b;
    buf_init(&b, POLICY_FILE_MAX);
    tl_err err = read_whole(&b, fd);
    close_file(fd);
    if (err == TL_OK)
        err = teelog_policy_read(out, (const char *)b.p, b.n, message, sizeof message);
    buf_finish(&b);
    if (err == TL_OK)
        return EXIT_GOOD;
    cli_say("the policy %s cannot be used: %s", path, message[0] ? message : tl_err_text(err));
    return err == TL_E_POLICY || err == TL_E_LIMIT ? EXIT_USAGE : EXIT_FAILED;
}

static int judge(struct teelog_report **out, const struct report_options *o, uint64_t at,
                 const struct teelog_policy *policy)
{
    struct progress p = {.what = "read", .unit = "items"};
    int fd;
    int code = open_file(&fd, o->bundle);
    if (code != EXIT_GOOD)
        return code;
    struct teelog_verify_options v = {
        .policy = policy,
        .time = at,
        .read = read_some,
        .ctx = &fd,
        .progress = progress,
        .progress_ctx = &p,
    };
    tl_err err = teelog_verify(out, &v);
    progress_end(&p);
    close_file(fd);
    if (err == TL_OK)
        return EXIT_GOOD;
    cli_say("%s was not judged: %s", o->bundle, tl_err_text(err));
    return EXIT_FAILED;
}

int report_make(struct teelog_report **out, const struct report_options *o)
{
    struct teelog_policy *policy = NULL;
    uint64_t at = (uint64_t)time(NULL);
    if (o->at && decimal_read(&at, slice_str(o->at), TIME_MAX) != TL_OK) {
        cli_say("--at takes Unix seconds, not %s", o->at);
        return EXIT_USAGE;
    }
    int code = read_policy(&policy, o->policy);
    if (code == EXIT_GOOD)
        code = judge(out, o, at, policy);
    teelog_policy_free(policy);
    return code;
}
