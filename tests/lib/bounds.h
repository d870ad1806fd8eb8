/* Whether a reader of hostile bytes is done with them in bounded time and memory.
 * Time is measured beside SHA-256 of the same bytes, so that the machine does not
 * matter; what is quadratic in 1 MiB takes hundreds of thousands of times as long. */
#ifndef BOUNDS_H
#define BOUNDS_H

#include "crypto/hash.h"
#include "testlib.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SIZE (1u << 20)
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifdef SANITIZED
#define TIMES 2000 /* of the time that SHA-256 takes, which is not instrumented */
#else
#define TIMES 400
#endif

/* Ours keep at most a few times the input. */
#define MEMORY (4 * (size_t)SIZE)

typedef tl_err reading(slice in);

/* What is wrong with a reader, for the status of a process. */
enum bounds { KEPT, SLOW, GREEDY, OTHERWISE, BROKEN };

static inline double seconds(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) != 0)
        _exit(BROKEN);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static inline double hashing(slice in)
{
    double least = 1;
    for (int i = 0; i < 3; i++) {
        double start = seconds();
        volatile uint8_t used = sha256(in).b[0];
        double took = seconds() - start;
        (void)used;
        least = took < least ? took : least;
    }
    return least;
}

/* The most that this process may come to map, in addition to what it has. The
 * sanitizers map as they like. */
static inline void limit_memory(size_t more)
{
#ifdef SANITIZED
    (void)more;
#else
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%ld", &pages) != 1 || fclose(f) != 0)
        _exit(BROKEN);
    rlim_t all = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + more;
    if (setrlimit(RLIMIT_AS, &(struct rlimit){all, all}) != 0)
        _exit(BROKEN);
#endif
}

static inline enum bounds judge(reading *read, slice in, bool taken, size_t memory,
                                const char *name)
{
    double hash = hashing(in), took = 0;
    limit_memory(memory);
    /* A neighbour's load may make any one run slow, and not all of three. */
    for (int i = 0; i < 3; i++) {
        double start = seconds();
        tl_err err = read(in);
        took = seconds() - start;
        if (err == TL_E_MEMORY) {
            print_error("%s: more than %zu MiB\n", name, memory >> 20);
            return GREEDY;
        }
        if ((err == TL_OK) != taken) {
            print_error("%s: %s\n", name, tl_err_text(err));
            return OTHERWISE;
        }
        if (took <= TIMES * hash)
            return KEPT;
    }
    print_error("%s: %.0f ms, %.0f times what SHA-256 takes\n", name, took * 1e3, took / hash);
    return SLOW;
}

/* How it does in a process of its own, whose memory nothing else has used before. */
static inline enum bounds bounds(reading *read, const buf *b, bool taken, size_t memory,
                                 const char *name)
{
    int status = 0;
    assert_ok(buf_err(b));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit((int)judge(read, buf_slice(b), taken, memory, name));
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? (enum bounds)WEXITSTATUS(status) : BROKEN;
}

/* It is taken or not as it should be, in time and within so much memory. */
static inline void check_bounds(reading *read, const buf *b, bool taken, size_t memory,
                                const char *name)
{
    if (bounds(read, b, taken, memory, name) != KEPT)
        fail_msg("%s", name);
}

static inline void begin(buf *b, const char *text)
{
    buf_reset(b);
    buf_str(b, text);
}

/* Pieces, as many as there is room for before the end, and the end. */
static inline void fill(buf *b, const char *piece, const char *end)
{
    while (b->n + strlen(piece) + strlen(end) <= SIZE)
        buf_str(b, piece);
    buf_str(b, end);
}

#endif
