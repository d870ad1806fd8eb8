/* What a power cut leaves of files: for each, the bytes that were synced, and what
 * was done to it since. Directory entries are kept apart from contents, since they
 * are synced apart. One thread at a time. */
#ifndef FAULTDISK_H
#define FAULTDISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct disk_file;

/* The file of this path, which stands in the directory now or is being made. What
 * it holds when it is seen for the first time counts as synced; that it is there
 * only where it is not empty. */
struct disk_file *disk_open(const char *path);
void disk_write(struct disk_file *f, int64_t at, const void *p, size_t n);
void disk_truncate(struct disk_file *f, int64_t size);
void disk_sync(struct disk_file *f);
/* A sync that failed: as Linux has it, what was to be synced can still be read and
 * never gets to the disk. */
void disk_lose(struct disk_file *f);
void disk_remove(const char *path);
/* The directory's entries, as they are now. */
void disk_sync_entries(void);

/* Puts every file to what a power cut could leave of it; the random number decides.
 * Then, and with disk_forget alone, what is there is synced. None may be open. */
void disk_power_cut(uint64_t random);
void disk_forget(void);

/* The next number of a sequence (splitmix64). */
uint64_t fault_random(uint64_t *state);

#endif
