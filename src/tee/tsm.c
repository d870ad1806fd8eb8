/* A TDX guest's quotes by way of Linux (6.7 and later): the reports of configfs-tsm
 * (Documentation/ABI/testing/configfs-tsm-report). A report is a folder that mkdir makes:
 * what is asked goes into inblob, which the kernel takes at its close, and reading outblob
 * makes the quote. generation counts what was written, so that a quote over what somebody
 * else wrote in between is not taken for ours.
 *
 * There is no sealing key: what is sealed can be opened until the process ends. */
#include "base/encoding.h"
#include "base/refuse.h"
#include "crypto/secret.h"
#include "tee/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define REPORTS  "/sys/kernel/config/tsm/report"
#define PROVIDER "tdx_guest"
#define TRIES    6
#define PAUSE_MS 5 /* before the second try, and twice that before each that follows */
#define ATTR_MAX 64

struct tsm {
    struct tee tee;
    char reports[256];
    uint8_t sealing[32];
};

/* A report of ours: a folder under a name that nobody else has. */
struct report {
    char dir[320];
    bool again;          /* what failed may go well in another report */
    const char *failed;  /* which file, NULL for the folder itself */
    int error;           /* errno, 0 where the contents were wrong */
    uint64_t generation; /* of our question */
};

static struct tsm *tsm_of(struct tee *t)
{
    return (struct tsm *)t; /* its first member */
}

/* Notes which step failed, and how. */
static tl_err fail(struct report *r, const char *file, int error)
{
    r->failed = file;
    r->error = error;
    r->again = error == EBUSY || error == EWOULDBLOCK || error == ESTALE || error == EINTR ||
               error == EEXIST;
    return TL_E_TEE;
}

static tl_err open_file(struct report *r, const char *file, int flags, int *fd)
{
    char path[sizeof r->dir + 16];
    snprintf(path, sizeof path, "%s/%s", r->dir, file);
    *fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW);
    return *fd >= 0 ? TL_OK : fail(r, file, errno);
}

/* Until its end: attributes come in pieces of the kernel's choice. */
static tl_err read_file(struct report *r, const char *file, buf *out)
{
    uint8_t piece[4096];
    int fd;
    tl_err err = open_file(r, file, O_RDONLY, &fd);
    if (err != TL_OK)
        return err;
    for (ssize_t n = 1; err == TL_OK && n > 0;) {
        n = read(fd, piece, sizeof piece);
        if (n < 0)
            err = fail(r, file, errno);
        else if (n > 0)
            buf_bytes(out, slice_of(piece, (size_t)n));
        if (REFUSED(buf_err(out) != TL_OK))
            err = fail(r, file, EFBIG);
    }
    close(fd);
    return err;
}

/* The question, in one write. The kernel carries it out at the close, which tells of no
 * error: generation does. */
static tl_err write_question(struct report *r, const uint8_t report_data[64])
{
    int fd;
    tl_err err = open_file(r, "inblob", O_WRONLY, &fd);
    if (err != TL_OK)
        return err;
    ssize_t n = write(fd, report_data, 64);
    if (n != 64)
        err = fail(r, "inblob", n < 0 ? errno : EIO);
    if (close(fd) != 0 && err == TL_OK)
        err = fail(r, "inblob", errno);
    return err;
}

/* An attribute's one line, without its end. */
static tl_err read_line(struct report *r, const char *file, char out[ATTR_MAX])
{
    buf b;
    buf_init_fixed(&b, (uint8_t *)out, ATTR_MAX - 1);
    tl_err err = read_file(r, file, &b);
    if (err != TL_OK)
        return err;
    if (REFUSED(b.n < 2) || REFUSED(out[b.n - 1] != '\n'))
        return fail(r, file, 0);
    out[b.n - 1] = 0;
    return TL_OK;
}

static tl_err read_generation(struct report *r, uint64_t *out)
{
    char line[ATTR_MAX], *end;
    tl_err err = read_line(r, "generation", line);
    if (err != TL_OK)
        return err;
    /* One too large is taken for the largest there is, which none that moves is. */
    unsigned long long v = strtoull(line, &end, 10);
    if (REFUSED(line[0] < '0' || line[0] > '9') || REFUSED(*end))
        return fail(r, "generation", 0);
    *out = v;
    return TL_OK;
}

static tl_err expect_generation(struct report *r, uint64_t expected)
{
    uint64_t now = 0;
    tl_err err = read_generation(r, &now);
    if (err == TL_OK && REFUSED(now != expected))
        err = fail(r, "generation", ESTALE);
    return err;
}

static tl_err check_provider(struct report *r)
{
    char line[ATTR_MAX];
    tl_err err = read_line(r, "provider", line);
    if (err == TL_OK && REFUSED(strcmp(line, PROVIDER) != 0))
        err = fail(r, "provider", 0);
    return err;
}

static tl_err make_report(const struct tsm *s, struct report *r)
{
    uint8_t name[8];
    char hex[2 * sizeof name + 1];
    *r = (struct report){0};
    tl_err err = random_bytes(name, sizeof name);
    if (err != TL_OK)
        return err;
    hex_text(hex, name, sizeof name);
    snprintf(r->dir, sizeof r->dir, "%s/teelog-%s", s->reports, hex);
    return mkdir(r->dir, 0700) == 0 ? TL_OK : fail(r, NULL, errno);
}

static tl_err ask(struct report *r, const uint8_t report_data[64], buf *quote)
{
    uint64_t before = 0;
    tl_err err = check_provider(r);
    if (err == TL_OK)
        err = read_generation(r, &before);
    if (err == TL_OK)
        err = write_question(r, report_data);
    if (err == TL_OK)
        err = expect_generation(r, before + 1);
    if (err == TL_OK)
        err = read_file(r, "outblob", quote);
    if (err == TL_OK)
        err = expect_generation(r, before + 1);
    if (err == TL_OK && REFUSED(quote->n == 0))
        err = fail(r, "outblob", 0);
    return err;
}

static const char *advice(const struct report *r)
{
    if (!r->failed) {
        if (r->error == ENXIO || r->error == ENOENT)
            return ": Linux 6.7 or later in a TDX guest, with the module tdx_guest loaded and "
                   "configfs mounted, has it";
        return r->error == EACCES || r->error == EPERM || r->error == EROFS
                   ? ": it takes root, and configfs mounted to be written to"
                   : "";
    }
    if (r->again)
        return ": somebody else wrote to it, again and again; try once more";
    if (strcmp(r->failed, "provider") == 0 && r->error == 0)
        return ": it is not " PROVIDER ", so this is no TDX guest";
    if (strcmp(r->failed, "outblob") == 0)
        return ": the host's quote generation service did not make a quote; is it running (qgsd), "
               "and does the virtual machine reach it?";
    return "";
}

static tl_err explain(const struct tsm *s, const struct report *r, tl_err err, struct tl_why *why)
{
    if (err != TL_E_TEE)
        return err;
    return tl_explain(
        why, err, "tee", "%s a report of %s%s%s: %s%s", r->failed ? "cannot use" : "cannot make",
        s->reports, r->failed ? ", " : "", r->failed ? r->failed : "",
        r->error ? strerror(r->error) : "its contents are not what it should hold", advice(r));
}

static void pause_before(unsigned try)
{
    long ms = try ? (long)PAUSE_MS << (try - 1) : 0;
    const struct timespec t = {.tv_nsec = ms * 1000000};
    if (ms)
        (void)nanosleep(&t, NULL);
}

/* Does a thing with a report of its own, in another one where somebody was in the way. A
 * report that stays behind, after a kill, is in nobody's way. */
static tl_err with_report(const struct tsm *s, const uint8_t *report_data, buf *quote,
                          struct tl_why *why)
{
    struct report r;
    tl_err err = TL_E_TEE;
    size_t before = quote ? quote->n : 0;
    for (unsigned i = 0; i < TRIES; i++) {
        pause_before(i);
        err = make_report(s, &r);
        if (err == TL_OK) {
            err = quote ? ask(&r, report_data, quote) : check_provider(&r);
            (void)rmdir(r.dir);
        }
        if (err == TL_OK || !r.again)
            break;
        if (quote)
            quote->n = before;
    }
    return explain(s, &r, err, why);
}

static tl_err tsm_quote(struct tee *t, const uint8_t report_data[64], buf *quote, buf *event_log,
                        struct tl_why *why)
{
    buf own;
    (void)event_log; /* Linux keeps none for RTMRs */
    buf_init(&own, TEE_QUOTE_MAX);
    tl_err err = with_report(tsm_of(t), report_data, &own, why);
    if (err == TL_OK)
        buf_bytes(quote, buf_slice(&own));
    buf_finish(&own);
    return err;
}

static tl_err tsm_sealing_key(struct tee *t, uint8_t out[32], struct tl_why *why)
{
    (void)why;
    memcpy(out, tsm_of(t)->sealing, 32);
    return TL_OK;
}

static void tsm_identity(struct tee *t, buf *text)
{
    buf_str(text, "a TDX guest's quotes from ");
    buf_str(text, tsm_of(t)->reports);
    buf_str(text, "; keys of this start alone");
}

static void tsm_close(struct tee *t)
{
    secret_wipe(t, sizeof(struct tsm));
    free(t);
}

static const struct tee_ops tsm_ops = {
    .platform = "tdx-tsm",
    .sealing = "memory",
    .keeps_keys = false,
    .close = tsm_close,
    .sealing_key = tsm_sealing_key,
    .quote = tsm_quote,
    .identity = tsm_identity,
};

tl_err tsm_open(struct tee **out, const char *path, struct tl_why *why)
{
    struct tsm *s = calloc(1, sizeof *s);
    if (!s)
        return TL_E_MEMORY;
    s->tee.ops = &tsm_ops;
    int n = snprintf(s->reports, sizeof s->reports, "%s", path ? path : REPORTS);
    tl_err err = n > 0 && (size_t)n < sizeof s->reports
                     ? random_seed(s->sealing, sizeof s->sealing)
                     : tl_explain(why, TL_E_USAGE, "tee",
                                  "the folder of reports needs a name of 1 "
                                  "to %zu bytes",
                                  sizeof s->reports - 1);
    if (err == TL_OK)
        err = with_report(s, NULL, NULL, why);
    if (err == TL_OK)
        *out = &s->tee;
    else
        tsm_close(&s->tee);
    return err;
}
