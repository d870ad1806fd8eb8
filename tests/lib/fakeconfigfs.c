#include "fakeconfigfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>

#define REPORTS  16
#define FILES    8
#define FIRST_FD 1000000
#define OUT_MAX  (1u << 20)

struct fakeconfigfs fake_configfs;

static struct report {
    char name[80]; /* empty: none */
    uint8_t in[64];
    size_t in_n;
    uint64_t written, made; /* generations */
    buf out;
} reports[REPORTS];

static struct file {
    struct report *report; /* NULL: not open */
    char attr[16];
    buf text; /* what is read, or was written */
    size_t at;
} files[FILES];

int __real_open64(const char *path, int flags, ...);
int __real_close(int fd);
ssize_t __real_read(int fd, void *p, size_t n);
ssize_t __real_write(int fd, const void *p, size_t n);
int __real_mkdir(const char *path, mode_t mode);
int __real_rmdir(const char *path);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_close(int fd);
ssize_t __wrap_read(int fd, void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_rmdir(const char *path);

static int failed(int error)
{
    errno = error;
    return -1;
}

#define GOES_WRONG(what)                                                                           \
    (fake_configfs.what.error != 0 && fake_configfs.what.times != 0                                \
         ? (fake_configfs.what.times--, errno = fake_configfs.what.error, true)                    \
         : false)

/* What follows the folder in a path, or NULL where the path is another's. */
static const char *below(const char *path)
{
    static const char *const places[] = {FAKE_REPORTS "/", FAKE_WRAP_PLACE "/"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (strncmp(path, places[i], strlen(places[i])) == 0)
            return path + strlen(places[i]);
    return NULL;
}

static struct report *find(const char *name, size_t n)
{
    for (size_t i = 0; i < REPORTS; i++)
        if (n && strlen(reports[i].name) == n && memcmp(reports[i].name, name, n) == 0)
            return &reports[i];
    return NULL;
}

static struct file *file_of(int fd)
{
    return fd >= FIRST_FD && fd < FIRST_FD + FILES ? &files[fd - FIRST_FD] : NULL;
}

void fake_configfs_reset(void)
{
    for (size_t i = 0; i < REPORTS; i++) {
        buf_finish(&reports[i].out);
        reports[i] = (struct report){.name = ""};
    }
    for (size_t i = 0; i < FILES; i++)
        buf_finish(&files[i].text);
    memset(files, 0, sizeof files);
    fake_configfs = (struct fakeconfigfs){.provider = "tdx_guest"};
}

unsigned fake_configfs_reports(void)
{
    unsigned n = 0;
    for (size_t i = 0; i < REPORTS; i++)
        n += reports[i].name[0] != 0;
    return n;
}

unsigned fake_configfs_open(void)
{
    unsigned n = 0;
    for (size_t i = 0; i < FILES; i++)
        n += files[i].report != NULL;
    return n;
}

int __wrap_mkdir(const char *path, mode_t mode)
{
    const char *name = below(path);
    if (!name)
        return __real_mkdir(path, mode);
    if (GOES_WRONG(mkdir))
        return -1;
    if (find(name, strlen(name)))
        return failed(EEXIST);
    struct report *r = reports;
    while (r < reports + REPORTS && r->name[0])
        r++;
    if (r == reports + REPORTS || strchr(name, '/') || strlen(name) >= sizeof r->name)
        return failed(ENAMETOOLONG);
    *r = (struct report){.written = fake_configfs.generation_begins,
                         .made = fake_configfs.generation_begins};
    snprintf(r->name, sizeof r->name, "%s", name);
    buf_init(&r->out, OUT_MAX);
    fake_configfs.made++;
    return 0;
}

int __wrap_rmdir(const char *path)
{
    const char *name = below(path);
    if (!name)
        return __real_rmdir(path);
    if (GOES_WRONG(rmdir))
        return -1;
    struct report *r = find(name, strlen(name));
    if (!r)
        return failed(ENOENT);
    buf_finish(&r->out);
    *r = (struct report){.name = ""};
    fake_configfs.removed++;
    return 0;
}

static void store_question(struct report *r, slice in)
{
    if (in.n == 0 || in.n > sizeof r->in || r->written == r->made - 1)
        return; /* EINVAL, EBUSY: which configfs tells nobody */
    memcpy(r->in, in.p, in.n);
    r->in_n = in.n;
    r->written++;
}

static void somebody_writes(struct report *r)
{
    store_question(r, slice_str("somebody else's question"));
}

/* TSM_REPORT's read: makes the quote where it was not made of this question. */
static int make_quote(struct report *r, buf *text)
{
    if (r->in_n == 0)
        return failed(EINVAL);
    if (GOES_WRONG(outblob))
        return -1;
    if (r->made != r->written) {
        buf_reset(&r->out);
        int error = fake_configfs.report_new(fake_configfs.ctx, r->in, r->in_n, &r->out);
        if (error)
            return failed(error);
        fake_configfs.quotes++;
        r->made = r->written;
    }
    buf_bytes(text, buf_slice(&r->out));
    if (fake_configfs.race_read > 0) {
        fake_configfs.race_read--;
        somebody_writes(r);
    }
    return 0;
}

static int fill(struct file *f)
{
    if (strcmp(f->attr, "provider") == 0)
        buf_printf(&f->text, "%s", fake_configfs.provider);
    else if (strcmp(f->attr, "generation") == 0 && fake_configfs.generation)
        buf_printf(&f->text, "%s", fake_configfs.generation);
    else if (strcmp(f->attr, "generation") == 0)
        buf_printf(&f->text, "%s%llu%s",
                   fake_configfs.generation_before ? fake_configfs.generation_before : "",
                   (unsigned long long)f->report->written,
                   fake_configfs.generation_after ? fake_configfs.generation_after : "\n");
    else if (strcmp(f->attr, "outblob") == 0)
        return make_quote(f->report, &f->text);
    else if (strcmp(f->attr, "inblob") != 0)
        return failed(ENOENT);
    if (strcmp(f->attr, "provider") == 0 && !strchr(fake_configfs.provider, '\n'))
        buf_u8(&f->text, '\n');
    return 0;
}

int __wrap_open64(const char *path, int flags, ...)
{
    const char *name = below(path), *attr = name ? strchr(name, '/') : NULL;
    if (!name) {
        va_list args;
        va_start(args, flags);
        int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, int) : 0;
        va_end(args);
        return __real_open64(path, flags, mode);
    }
    struct report *r = attr ? find(name, (size_t)(attr - name)) : NULL;
    struct file *f = files;
    if (!r)
        return failed(ENOENT);
    if ((!fake_configfs.open_file || strcmp(fake_configfs.open_file, attr + 1) == 0) &&
        GOES_WRONG(open))
        return -1;
    while (f < files + FILES && f->report)
        f++;
    bool writes = (flags & O_ACCMODE) != O_RDONLY;
    if (f == files + FILES || writes != (strcmp(attr + 1, "inblob") == 0))
        return failed(EACCES);
    *f = (struct file){.report = r};
    snprintf(f->attr, sizeof f->attr, "%s", attr + 1);
    buf_init(&f->text, OUT_MAX);
    if (strcmp(f->attr, "outblob") != 0 && fill(f) != 0) {
        f->report = NULL;
        return -1;
    }
    return FIRST_FD + (int)(f - files);
}

ssize_t __wrap_read(int fd, void *p, size_t n)
{
    struct file *f = file_of(fd);
    if (!f)
        return __real_read(fd, p, n);
    if (GOES_WRONG(read))
        return -1;
    bool blob = strcmp(f->attr, "outblob") == 0;
    if (blob && f->text.n == 0 && fill(f) != 0)
        return -1;
    size_t left = f->text.n - f->at;
    if (fake_configfs.piece && n > fake_configfs.piece)
        n = fake_configfs.piece;
    if (blob && fake_configfs.endless) {
        memset(p, 0, n);
        return (ssize_t)n;
    }
    n = n < left ? n : left;
    if (n)
        memcpy(p, f->text.p + f->at, n);
    f->at += n;
    return (ssize_t)n;
}

ssize_t __wrap_write(int fd, const void *p, size_t n)
{
    struct file *f = file_of(fd);
    if (!f)
        return __real_write(fd, p, n);
    if (GOES_WRONG(write))
        return -1;
    n = fake_configfs.short_write ? n / 2 : n;
    buf_bytes(&f->text, slice_of(p, n));
    return (ssize_t)n;
}

int __wrap_close(int fd)
{
    struct file *f = file_of(fd);
    if (!f)
        return __real_close(fd);
    if (strcmp(f->attr, "inblob") == 0 && !fake_configfs.deaf)
        store_question(f->report, buf_slice(&f->text));
    if (strcmp(f->attr, "inblob") == 0 && fake_configfs.race_write > 0) {
        fake_configfs.race_write--;
        somebody_writes(f->report);
    }
    buf_finish(&f->text);
    f->report = NULL;
    return 0;
}
