/* Backups (docs/format.md section 13): the files of a data directory as they are at one
 * head, made in slices while the log goes on, and put back elsewhere.
 *
 * A restored backup is an older state. A log that goes on from one, while somebody holds a
 * later checkpoint, is a fork; but for a final backup, which was the last that its log did. */
#ifndef TL_LOG_BACKUP_H
#define TL_LOG_BACKUP_H

#include "log/log.h"

#define BACKUP_NAME_MAX 128 /* bytes of the name that a handed over log is told */

struct log_backup;
/* Of a running log, or one that was opened to read. final: of one that was handed over. */
tl_err log_backup_new(struct log_backup **out, struct log *log, bool final) TL_MUST;
/* As log_export_step and log_export_submit: about up to 256 KiB more. TL_E_BUSY: another
 * backup is being made, or records were erased meanwhile; TL_E_LIMIT: too much was
 * appended meanwhile. */
tl_err log_backup_step(struct log_backup *b, buf *out, bool *more, struct tl_why *why) TL_MUST;
tl_err log_backup_submit(struct log_backup *b, buf *out, log_export_done_fn *done,
                         void *ctx) TL_MUST;
/* Bytes done so far and in all; 0 in all until that is known. Between steps. */
void log_backup_progress(const struct log_backup *b, uint64_t *done, uint64_t *total);
/* Not while it runs. Any thread; NULL is fine. */
void log_backup_free(struct log_backup *b);

/* Marks a stopped log as handed over to a backup of this name: it starts no more. The
 * mark of a log that has one stays. */
tl_err log_hand_over(struct tee *tee, const char *dir, const char *name,
                     struct tl_why *why) TL_MUST;

struct log_backup_info {
    char origin[SUBJECT_MAX + 1];
    hash32 log_id;
    uint64_t size, time_ms, database_bytes;
    char platform[33], version[65];
    bool final;
};

struct log_restore;
/* Reads the start of a backup from a source, which is borrowed. TL_E_BACKUP where it is
 * none. Nothing in *info is proven: a start proves it. */
tl_err log_restore_new(struct log_restore **out, struct byte_source source,
                       struct log_backup_info *info, struct tl_why *why) TL_MUST;
struct log_restore_progress {
    void (*report)(void *ctx, uint64_t done, uint64_t total); /* bytes; NULL is fine */
    void *ctx;
};
/* Reads all of it and writes nothing; resp. puts it into dir, which is made, or must be
 * empty: all of it, or nothing. One of them, once. */
tl_err log_restore_check(struct log_restore *r, struct log_restore_progress progress,
                         struct tl_why *why) TL_MUST;
tl_err log_restore_into(struct log_restore *r, const char *dir,
                        struct log_restore_progress progress, struct tl_why *why) TL_MUST;
void log_restore_free(struct log_restore *r); /* NULL is fine */

#endif
