/* GET /v1/backup: the files of the data directory, at one head. */
#include "log/backup.h"
#include "http/stream.h"

static tl_err submit(void *made, buf *out, log_export_done_fn *done, void *ctx)
{
    return log_backup_submit(made, out, done, ctx);
}

static void release(void *made)
{
    log_backup_free(made);
}

void get_backup(struct exchange *x)
{
    struct http_query q = {{0}};
    struct log_backup *b = NULL;
    if (!query_or_answer(x, &q, NULL, 0))
        return;
    tl_err err = log_backup_new(&b, x->service->log, false);
    if (err == TL_OK)
        stream_answer(x, &(struct stream_source){.made = b,
                                                 .submit = submit,
                                                 .free = release,
                                                 .media = "application/vnd.teelog.backup"});
    else
        answer_error(x, err, NULL);
}
