/* For LD_PRELOAD: fakeconfigfs in a process that is not the test's own, with simulated quotes
 * of a TD. What goes wrong stands in the file that FAKE_CONFIGFS names, which is read for each
 * report: one word of those in manner(), and a number. The quotes made so far are counted in
 * the file beside it, .count. */
#include "fakeconfigfs.h"
#include "fakedcap.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FROM_HERE __attribute__((visibility("default")))

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct fake_dcap td;
static bool stale, half, held;

static int (*next_open)(const char *path, int flags, ...);
static int (*next_close)(int fd);
static ssize_t (*next_read)(int fd, void *p, size_t n);
static ssize_t (*next_write)(int fd, const void *p, size_t n);
static int (*next_mkdir)(const char *path, mode_t mode);
static int (*next_rmdir)(const char *path);

static void find_next(void)
{
    /* POSIX has functions of data pointers this way. */
    *(void **)&next_open = dlsym(RTLD_NEXT, "open64");
    *(void **)&next_close = dlsym(RTLD_NEXT, "close");
    *(void **)&next_read = dlsym(RTLD_NEXT, "read");
    *(void **)&next_write = dlsym(RTLD_NEXT, "write");
    *(void **)&next_mkdir = dlsym(RTLD_NEXT, "mkdir");
    *(void **)&next_rmdir = dlsym(RTLD_NEXT, "rmdir");
}

static void real(void)
{
    (void)pthread_once(&once, find_next);
}

/* The word and the number in the file; "" where there is none. */
static unsigned long read_manner(char word[40])
{
    unsigned long number = 0;
    const char *path = getenv("FAKE_CONFIGFS");
    FILE *f = path ? fopen(path, "r") : NULL;
    word[0] = 0;
    if (f && fscanf(f, "%39s %lu", word, &number) < 1)
        word[0] = 0;
    if (f)
        (void)fclose(f);
    return number;
}

static void count(void)
{
    char path[4096];
    const char *named = getenv("FAKE_CONFIGFS");
    if (!named || snprintf(path, sizeof path, "%s.count", named) >= (int)sizeof path)
        return;
    FILE *f = fopen(path, "a");
    if (f && fputc('.', f) != EOF)
        (void)fclose(f);
}

static int report_new(void *ctx, const uint8_t *in, size_t in_n, buf *out)
{
    char word[40];
    const struct timespec pause = {.tv_nsec = 20000000};
    (void)ctx;
    count();
    while (held) {
        (void)nanosleep(&pause, NULL);
        (void)read_manner(word);
        held = strcmp(word, "hold") == 0;
    }
    struct sim_quote q = td.quote;
    memset(q.td.report_data, 0, sizeof q.td.report_data);
    if (!stale)
        memcpy(q.td.report_data, in, in_n);
    if (sim_quote_put(out, &q) != TL_OK)
        return EIO;
    out->n /= half ? 2 : 1;
    return 0;
}

static void manner(void)
{
    static bool made;
    static unsigned long reports;
    char word[40];
    unsigned long n = read_manner(word);
    bool is_made =
        made || (fake_dcap_init(&td, SIM_TDX_V4) == TL_OK &&
                 (fake_dcap_at(&td, (uint64_t)time(NULL)), fake_dcap_make(&td) == TL_OK));
    made = is_made;
    struct fakeconfigfs f = {.provider = "tdx_guest", .report_new = report_new};
    stale = strcmp(word, "stale") == 0;
    half = strcmp(word, "half") == 0;
    held = strcmp(word, "hold") == 0;
    reports++;
    f.endless = strcmp(word, "endless") == 0;
    f.deaf = strcmp(word, "deaf") == 0;
    if (strcmp(word, "provider") == 0)
        f.provider = "sev_guest";
    if (strcmp(word, "busy") == 0)
        f.race_write = 1000;
    if (strcmp(word, "race") == 0)
        f.race_write = reports % (n + 1) == 0 ? 0 : 1;
    if (strcmp(word, "outblob") == 0)
        f.outblob.error = (int)n, f.outblob.times = -1;
    if (strcmp(word, "mkdir") == 0)
        f.mkdir.error = (int)n, f.mkdir.times = -1;
    f.piece = strcmp(word, "pieces") == 0 ? n : 0;
    if (!is_made)
        f.mkdir.error = ENOMEM, f.mkdir.times = -1;
    fake_configfs = f;
}

/* What fakeconfigfs.c calls, and what it makes of it. */
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

int __real_open64(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    int mode = va_arg(args, int);
    va_end(args);
    real();
    return next_open(path, flags, mode);
}

int __real_close(int fd)
{
    real();
    return next_close(fd);
}

ssize_t __real_read(int fd, void *p, size_t n)
{
    real();
    return next_read(fd, p, n);
}

ssize_t __real_write(int fd, const void *p, size_t n)
{
    real();
    return next_write(fd, p, n);
}

int __real_mkdir(const char *path, mode_t mode)
{
    real();
    return next_mkdir(path, mode);
}

int __real_rmdir(const char *path)
{
    real();
    return next_rmdir(path);
}

/* In place of the C library's. */
int __open64_2(const char *path, int flags);

FROM_HERE int open64(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, int) : 0;
    va_end(args);
    return __wrap_open64(path, flags, mode);
}

FROM_HERE int __open64_2(const char *path, int flags)
{
    return __wrap_open64(path, flags, 0);
}

FROM_HERE int close(int fd)
{
    return __wrap_close(fd);
}

FROM_HERE ssize_t read(int fd, void *p, size_t n)
{
    return __wrap_read(fd, p, n);
}

FROM_HERE ssize_t write(int fd, const void *p, size_t n)
{
    return __wrap_write(fd, p, n);
}

FROM_HERE int mkdir(const char *path, mode_t mode)
{
    if (strncmp(path, FAKE_REPORTS "/", sizeof FAKE_REPORTS) == 0)
        manner();
    return __wrap_mkdir(path, mode);
}

FROM_HERE int rmdir(const char *path)
{
    return __wrap_rmdir(path);
}

/* For this process, and none that it starts. */
__attribute__((constructor)) static void alone(void)
{
    (void)unsetenv("LD_PRELOAD");
}
