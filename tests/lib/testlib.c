#include "testlib.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

uint8_t *test_file(const char *path, size_t *n)
{
    FILE *f = path ? fopen(path, "rb") : NULL;
    if (!f)
        return NULL;
    size_t cap = 65536, got = 0;
    uint8_t *p = malloc(cap);
    for (size_t r; p && (r = fread(p + got, 1, cap - got, f)) > 0;) {
        got += r;
        if (got == cap)
            p = realloc(p, cap *= 2);
    }
    fclose(f);
    *n = got;
    return p;
}

static const char *join(const char *dir, const char *below)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, below);
    return path;
}

const char *test_source(const char *below)
{
    return join(TEST_SOURCE_DIR, below);
}

const char *test_vectors(const char *below)
{
    static bool said;
    const char *dir = getenv("TEELOG_VECTORS");
    if (!dir)
        dir = TEST_SOURCE_DIR "/../../shared/vectors";
    if (access(dir, R_OK) == 0)
        return join(dir, below);
    if (!said)
        printf("skipped: no shared vectors at %s\n", dir);
    said = true;
    return NULL;
}

uint8_t *test_hex(const char *hex, size_t *n)
{
    *n = strlen(hex) / 2;
    uint8_t *p = malloc(*n ? *n : 1);
    assert_non_null(p);
    assert_ok(hex_read(p, *n, slice_str(hex)));
    return p;
}

char *test_tmpdir(void)
{
    const char *base = getenv("TMPDIR");
    char *dir = malloc(4096);
    assert_non_null(dir);
    snprintf(dir, 4096, "%s/teelog-test-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(dir));
    return dir;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void test_rmdir(char *dir)
{
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(dir);
}

static size_t countdown;
static bool delivered;

void test_fail_alloc(size_t n)
{
    countdown = n;
    delivered = false;
}

bool test_alloc_failed(void)
{
    return delivered;
}

static bool fail_now(void)
{
    if (countdown == 0 || --countdown > 0)
        return false;
    delivered = true;
    return true;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

#pragma weak __real_malloc
#pragma weak __real_calloc
#pragma weak __real_realloc

void *__wrap_malloc(size_t n)
{
    return fail_now() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fail_now() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fail_now() ? NULL : __real_realloc(p, n);
}

#ifdef TL_MUTATE
#include "base/refuse.h"

/* A mutation build lists its checks (TEELOG_MUTANT=list), or runs with one of
 * them taken out (TEELOG_MUTANT=FILE:LINE:CONDITION). */
extern const struct tl_refusal __start_tl_refusals[] __attribute__((weak));
extern const struct tl_refusal __stop_tl_refusals[] __attribute__((weak));

__attribute__((constructor)) static void take_out(void)
{
    const char *want = getenv("TEELOG_MUTANT");
    char name[4096];
    if (!want)
        return;
    for (const struct tl_refusal *r = __start_tl_refusals; r < __stop_tl_refusals; r++) {
        snprintf(name, sizeof name, "%s:%d:%s", r->file, r->line, r->what);
        if (strcmp(want, "list") == 0)
            printf("%s\n", name);
        else if (strcmp(want, name) == 0)
            tl_refusal_taken_out = r;
    }
    if (strcmp(want, "list") == 0)
        exit(0);
    if (!tl_refusal_taken_out)
        exit(99); /* this executable does not have that check */
}
#endif
