/* What a backup says of itself, on standard output. */
#ifndef TL_CLI_BACKUP_PRINT_H
#define TL_CLI_BACKUP_PRINT_H

#include "log/backup.h"

/* path: its file. */
tl_err backup_print(const struct log_backup_info *info, const char *path, bool json) TL_MUST;

#endif
