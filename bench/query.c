/* A log of many records, and how long questions to it take, in this process: milliseconds
 * of CPU time of all threads (machines are shared), and of the clock. Usage: query DIR
 * RECORDS. DIR is kept, and used again where it holds a log. */
#include "log/query.h"
#include "log/index.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define BATCH 1000

struct clocks {
    double cpu, wall;
};

static double ms(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static struct clocks now(void)
{
    return (struct clocks){ms(CLOCK_PROCESS_CPUTIME_ID), ms(CLOCK_MONOTONIC)};
}

static void die(const char *what, tl_err err, const struct tl_why *why)
{
    fprintf(stderr, "query: %s: %s\n", what, tl_why_text(why, err));
    exit(1);
}

static void fatal(void *ctx, const char *text)
{
    (void)ctx;
    fprintf(stderr, "query: %s\n", text);
    exit(1);
}

/* ---- appending ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static unsigned flying;

static void landed(void *ctx, const struct log_result *r)
{
    (void)ctx;
    if (r->err != TL_OK)
        die("append", r->err, &r->why);
    pthread_mutex_lock(&lock);
    flying--;
    pthread_cond_signal(&wake);
    pthread_mutex_unlock(&lock);
}

static void add(struct log_batch *b, unsigned long i)
{
    char agent[32], room[48], user[48], type[32], content[300];
    struct tl_why why = {{0}, {0}};
    snprintf(agent, sizeof agent, "agent-%lu", i % 4);
    snprintf(room, sizeof room, "9efdeebf-4e0c-07fc-88d2-%012lu", i * 2654435761u % 1000);
    snprintf(user, sizeof user, "522b276a-356b-0f39-813d-%012lu", i * 2654435761u / 7 % 100000);
    snprintf(type, sizeof type, "Action:T%lu", i % 11);
    snprintf(content, sizeof content, "%lu Sent 5 USDC to bob; %0170lu", i, i);
    struct log_record r = {.agent = slice_str(agent),
                           .room = slice_str(room),
                           .user = slice_str(user),
                           .type = slice_str(type),
                           .content = slice_of(content, 200)};
    tl_err err = log_batch_add(b, &r, &why);
    if (err != TL_OK)
        die("add", err, &why);
}

static void grow(struct log *log, unsigned long from, unsigned long to)
{
    struct clocks begin = now();
    for (unsigned long i = from; i < to;) {
        struct log_batch *b = NULL;
        tl_err err = log_batch_new(&b, log, ADMISSION_BEARER);
        for (unsigned k = 0; err == TL_OK && k < BATCH && i < to; k++)
            add(b, i++);
        pthread_mutex_lock(&lock);
        while (flying >= 4)
            pthread_cond_wait(&wake, &lock);
        flying++;
        pthread_mutex_unlock(&lock);
        if (err == TL_OK)
            err = log_submit(log, b, landed, NULL);
        if (err != TL_OK)
            die("submit", err, NULL);
    }
    pthread_mutex_lock(&lock);
    while (flying)
        pthread_cond_wait(&wake, &lock);
    pthread_mutex_unlock(&lock);
    struct clocks end = now();
    if (to > from)
        printf("append %lu: %.2f us CPU a record, %.0f /s\n", to - from,
               (end.cpu - begin.cpu) * 1e3 / (double)(to - from),
               (double)(to - from) / (end.wall - begin.wall) * 1e3);
}

/* ---- asking ---- */

static void ask(struct log *log, const char *what, struct log_query_options o)
{
    struct tl_why why = {{0}, {0}};
    double cpu = 1e9, wall = 1e9, first = 0;
    size_t count = 0;
    uint64_t total = 0;
    o.to = o.before_ms == 0 ? UINT64_MAX : o.to;
    if (o.before_ms == 0)
        o.before_ms = UINT64_MAX;
    o.to = UINT64_MAX;
    for (int i = 0; i < 5; i++) {
        struct log_query *q = NULL;
        struct clocks begin = now();
        tl_err err = log_query_new(&q, log, &o, &why);
        if (err == TL_OK)
            err = log_query_run(q, &why);
        if (err != TL_OK)
            die(what, err, &why);
        struct clocks end = now();
        (void)log_query_rows(q, &count);
        total = log_query_total(q);
        log_query_free(q);
        if (i == 0)
            first = end.cpu - begin.cpu;
        cpu = end.cpu - begin.cpu < cpu ? end.cpu - begin.cpu : cpu;
        wall = end.wall - begin.wall < wall ? end.wall - begin.wall : wall;
    }
    printf("%-44s %8.3f ms CPU (first %8.3f), %8.3f ms: %zu rows, total %llu\n", what, cpu, first,
           wall, count, (unsigned long long)total);
}

static void ask_all(struct log *log)
{
    const slice agent = slice_str("agent-1"), type = slice_str("Action:T3");
    const slice room = slice_str("9efdeebf-4e0c-07fc-88d2-000000000123");
    const slice user = slice_str("522b276a-356b-0f39-813d-000000000123");
    const slice nothing = slice_str("no such text");
    ask(log, "newest 100", (struct log_query_options){.newest_first = true, .limit = 100});
    ask(log, "newest 10", (struct log_query_options){.newest_first = true, .limit = 10});
    ask(log, "agent, newest 100",
        (struct log_query_options){.agent = agent, .newest_first = true, .limit = 100});
    ask(log, "agent, newest 10",
        (struct log_query_options){.agent = agent, .newest_first = true, .limit = 10});
    ask(log, "room, newest 100",
        (struct log_query_options){.room = room, .newest_first = true, .limit = 100});
    ask(log, "room, newest 10",
        (struct log_query_options){.room = room, .newest_first = true, .limit = 10});
    ask(log, "user, newest 10",
        (struct log_query_options){.user = user, .newest_first = true, .limit = 10});
    ask(log, "unknown user",
        (struct log_query_options){.user = agent, .newest_first = true, .limit = 10});
    ask(log, "room and user, oldest 10",
        (struct log_query_options){.room = room, .user = user, .limit = 10});
    ask(log, "last session of an agent",
        (struct log_query_options){
            .agent = agent, .type = slice_str("teelog.session"), .newest_first = true, .limit = 1});
    ask(log, "all erasures",
        (struct log_query_options){.type = slice_str("teelog.erasure"), .limit = 1000});
    ask(log, "agent, total",
        (struct log_query_options){.agent = agent, .limit = 10, .total = true});
    ask(log, "agent, type, total",
        (struct log_query_options){.agent = agent, .type = type, .limit = 10, .total = true});
    ask(log, "room, total", (struct log_query_options){.room = room, .limit = 10, .total = true});
    ask(log, "everything, total", (struct log_query_options){.limit = 10, .total = true});
    ask(log, "skip 900000",
        (struct log_query_options){.limit = 10, .skip = 900000, .newest_first = true});
    struct log_query_options half = {.limit = 10, .total = true, .agent = agent};
    half.after_ms = 1;
    half.before_ms = UINT64_MAX - 1;
    ask(log, "agent, time, total", half);
    ask(log, "text, no match", (struct log_query_options){.text = nothing, .limit = 10});
    ask(log, "text, no match, room",
        (struct log_query_options){.text = nothing, .room = room, .limit = 10});
    ask(log, "text of one letter, total",
        (struct log_query_options){.text = slice_str("u"), .limit = 10, .total = true});
    ask(log, "text, newest 10",
        (struct log_query_options){.text = slice_str("usdc"), .newest_first = true, .limit = 10});
}

static void wait_idle(struct log *log)
{
    struct clocks begin = now();
    struct index_progress p = {.busy = true};
    while (p.busy) {
        struct timespec t = {.tv_nsec = 1000000};
        if (index_progress(log, &p) != TL_OK)
            exit(1);
        nanosleep(&t, NULL);
    }
    struct clocks end = now();
    printf("index idle after %.1f ms CPU, %.1f ms\n", end.cpu - begin.cpu, end.wall - begin.wall);
}

int main(int argc, char **argv)
{
    struct tl_why why = {{0}, {0}};
    struct tee *tee = NULL;
    struct log *log = NULL;
    if (argc != 3) {
        fputs("usage: query DIR RECORDS\n", stderr);
        return 2;
    }
    struct log_config c = {
        .dir = argv[1], .origin = "bench/log", .admissions = 1 << ADMISSION_BEARER, .fatal = fatal};
    unsigned long n = strtoul(argv[2], NULL, 10);
    struct clocks begin = now();
    tl_err err = tee_open(&tee, "sim", argv[1], &why);
    if (err == TL_OK)
        err = log_open(&log, tee, &c, &why);
    if (err != TL_OK)
        die("open", err, &why);
    struct clocks end = now();
    struct log_info info;
    log_info(log, &info);
    printf("open at %llu leaves: %.1f ms CPU, %.1f ms\n", (unsigned long long)info.size,
           end.cpu - begin.cpu, end.wall - begin.wall);
    grow(log, info.size, n);
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    printf("most memory so far: %.1f MiB\n", (double)use.ru_maxrss / 1024);
    wait_idle(log);
    ask_all(log);
    getrusage(RUSAGE_SELF, &use);
    printf("most memory: %.1f MiB\n", (double)use.ru_maxrss / 1024);
    begin = now();
    log_close(log);
    end = now();
    printf("close: %.1f ms\n", end.wall - begin.wall);
    tee_close(tee);
    return 0;
}
