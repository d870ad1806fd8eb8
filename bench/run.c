/* Runs a command some times, its output thrown away. Usage: run TIMES COMMAND….
 * Prints JSON: milliseconds from start to end, the median; the most memory that
 * one of them had; how the last one ended. A process of its own, since a child
 * also counts the memory of the process that it was made from. */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_TIMES 1000

static double milliseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

int main(int argc, char **argv)
{
    static double times[MAX_TIMES];
    size_t n = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
    int status = 0;
    if (n == 0 || n > MAX_TIMES) {
        fputs("usage: run TIMES COMMAND [ARGUMENT]...\n", stderr);
        return 2;
    }
    posix_spawn_file_actions_t to_null;
    if (posix_spawn_file_actions_init(&to_null) != 0 ||
        posix_spawn_file_actions_addopen(&to_null, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) != 0)
        return 1;
    for (size_t i = 0; i < n; i++) {
        pid_t pid;
        double start = milliseconds();
        int err = posix_spawn(&pid, argv[2], &to_null, NULL, argv + 2, environ);
        if (err != 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) {
            fprintf(stderr, "run: %s: %s\n", argv[2], err ? strerror(err) : "killed");
            return 1;
        }
        times[i] = milliseconds() - start;
    }
    posix_spawn_file_actions_destroy(&to_null);
    struct rusage use;
    getrusage(RUSAGE_CHILDREN, &use);
    qsort(times, n, sizeof *times, by_size);
    printf("{\"p50_ms\": %.2f, \"rss_peak\": %.1f, \"exit\": %d}\n", times[n / 2],
           (double)use.ru_maxrss / 1024, WEXITSTATUS(status));
    return 0;
}
