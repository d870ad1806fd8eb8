/* A folder of small files of which one process writes each whole. */
#ifndef TL_STORE_FOLDER_H
#define TL_STORE_FOLDER_H

#include "base/buf.h"

#include <sys/types.h>

/* Opens it, made with this mode where it is missing, and locks it until *dir is closed:
 * TL_E_LOCKED where another process has. */
tl_err folder_open(int *dir, const char *path, mode_t mode, struct tl_why *why) TL_MUST;
/* Writes a new file in place of what is there, which is not written through: it may be a link,
 * or be read by others. synced: its bytes are on the disk on TL_OK. */
tl_err folder_write(int dir, const char *name, slice bytes, mode_t mode, bool synced,
                    struct tl_why *why) TL_MUST;
tl_err folder_rename(int dir, const char *from, const char *to, struct tl_why *why) TL_MUST;
/* Replaces a file at once and durably: after a crash it is the old one or the new. Uses
 * NAME.part. */
tl_err folder_put(int dir, const char *name, slice bytes, mode_t mode, struct tl_why *why) TL_MUST;
/* Appends the whole file, which out's maximum bounds. TL_E_NOT_FOUND. */
tl_err folder_get(int dir, const char *name, buf *out, struct tl_why *why) TL_MUST;

#endif
