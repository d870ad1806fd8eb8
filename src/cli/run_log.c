#include "cli/run_log.h"

#include "codec/cbor.h"
#include "codec/json_put.h"
#include "log/waiter.h"

#include <sys/wait.h>

struct own_append {
    struct waiter waiter;
    uint64_t index;
};

/* On the owner thread. */
static void appended(void *ctx, const struct log_result *result)
{
    struct own_append *a = ctx;
    if (result->err != TL_OK) {
        waiter_done(&a->waiter, result->err, &result->why);
        return;
    }
    a->index = result->receipts[0].index;
    waiter_done(&a->waiter, result->receipts[0].err, &result->receipts[0].why);
}

/* Waits until r is durable. anyway: also where there is room for no agent's record. */
static tl_err append(uint64_t *index, struct log *log, const struct log_record *r, bool anyway,
                     struct tl_why *why)
{
    struct own_append a = {.index = 0};
    struct log_batch *b;
    tl_err err = log_batch_new(&b, log, ADMISSION_CHILD);
    if (err != TL_OK)
        return err;
    log_batch_own(b);
    if (anyway)
        log_batch_anyway(b);
    err = log_batch_add(b, r, why);
    if (err != TL_OK) {
        log_batch_free(b);
        return err;
    }
    waiter_init(&a.waiter);
    tl_err submitted = log_submit(log, b, appended, &a);
    if (submitted != TL_OK) {
        log_batch_free(b);
        submitted = log_refusal(log, submitted, why);
    }
    err = waiter_wait(&a.waiter, submitted, why);
    if (err == TL_OK)
        *index = a.index;
    return err;
}

tl_err run_log_start(uint64_t *index, struct log *log, char *const *argv, struct tl_why *why)
{
    struct tl_why inner = {{0}, {0}};
    struct log_record r = {.agent = slice_str(RUN_AGENT), .type = slice_str("run.start")};
    buf content;
    buf_init(&content, 2 * RECORD_CONTENT_MAX);
    for (size_t i = 0; argv[i]; i++) {
        buf_str(&content, i ? "," : "[");
        json_put_str(&content, argv[i]);
    }
    buf_str(&content, "]");
    r.content = buf_slice(&content);
    tl_err err = buf_err(&content);
    if (err == TL_OK)
        err = append(index, log, &r, false, &inner);
    buf_finish(&content);
    return err == TL_OK ? TL_OK
                        : tl_explain(why, err, inner.field,
                                     "its start cannot be logged, and so it was not started: %s",
                                     tl_why_text(&inner, err));
}

/* What became of the command, for people and for programs. */
static void put_end(buf *content, buf *attributes, int status, const char *error)
{
    const char *name = error ? "error" : WIFSIGNALED(status) ? "signal" : "code";
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    cbor_put_map(attributes, 1);
    cbor_put_str(attributes, name);
    if (error) {
        buf_str(content, error);
        cbor_put_str(attributes, error);
        return;
    }
    buf_printf(content, WIFSIGNALED(status) ? "ended by signal %d" : "exit code %d", number);
    cbor_put_int(attributes, number);
}

tl_err run_log_exit(struct log *log, uint64_t start, int status, const char *error,
                    struct tl_why *why)
{
    struct tl_why inner = {{0}, {0}};
    struct log_record r = {.agent = slice_str(RUN_AGENT),
                           .type = slice_str("run.exit"),
                           .has_ref = true,
                           .ref = start};
    uint64_t index;
    buf content, attributes;
    buf_init(&content, 4096);
    buf_init(&attributes, 4096);
    put_end(&content, &attributes, status, error);
    r.content = buf_slice(&content);
    r.attributes = buf_slice(&attributes);
    tl_err err = buf_err(&content) != TL_OK ? buf_err(&content) : buf_err(&attributes);
    if (err == TL_OK)
        err = append(&index, log, &r, true, &inner);
    buf_finish(&content);
    buf_finish(&attributes);
    return err == TL_OK ? TL_OK
                        : tl_explain(why, err, inner.field,
                                     "the command has ended, and that cannot be logged: %s",
                                     tl_why_text(&inner, err));
}
