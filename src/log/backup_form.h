/* The frames of a backup, and the names of the files in it. */
#ifndef TL_LOG_BACKUP_FORM_H
#define TL_LOG_BACKUP_FORM_H

#include "log/backup.h"

#define BACKUP_MAGIC      "teelog backup 1\n"
#define BACKUP_MAGIC_SIZE (sizeof BACKUP_MAGIC - 1)
#define BACKUP_FRAME      5 /* bytes before a frame's own */
#define BACKUP_FRAME_MAX  (1u << 20)
#define BACKUP_DATABASE   "teelog.db"
#define BACKUP_NAME_BYTES 100
#define BACKUP_PATH_MAX   (sizeof "collateral/" + BACKUP_NAME_BYTES)

enum backup_kind { BACKUP_HEADER, BACKUP_FILE, BACKUP_PIECE, BACKUP_END };

/* The folders below a data directory that belong to a backup. */
extern const char *const backup_folders[];
extern const size_t backup_folder_count;
/* Whether a file of this name in one of them does. */
bool backup_name_valid(slice name);

/* The first frame's bytes. checkpoint: the signed note, which put wants and read gives,
 * borrowed. TL_E_BACKUP. */
void backup_header_put(buf *b, const struct log_backup_info *info, slice checkpoint);
tl_err backup_header_read(struct log_backup_info *out, slice bytes) TL_MUST;

#endif
