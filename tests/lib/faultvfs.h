/* SQLite on a disk that fails when told to: a VFS around the one of Unix, the
 * process's default once it is installed. It counts the calls that reach the disk,
 * and fails the k-th. */
#ifndef FAULTVFS_H
#define FAULTVFS_H

#include <stdbool.h>
#include <stdint.h>

enum fault_mode {
    FAULT_NOT_DONE, /* an error, and nothing was done */
    FAULT_DONE,     /* an error, and it was done nevertheless */
    FAULT_SHORT,    /* an error, and a write was done in part; else as not done */
    FAULT_FOR_EVER, /* not done, nor is any that follows */
    FAULT_SYNC,     /* for ever too, and a sync loses what it was to sync */
    FAULT_CRASH,    /* the power is cut: as for ever; then comes faultvfs_power_cut */
    FAULT_MODES,
};
extern const char *const fault_mode_names[FAULT_MODES];

/* Before SQLite's first use. */
void faultvfs_install(void);
/* Calls count from now on, and the k-th, from 1, fails; 0: none. The seed decides
 * between errors, and where a write is cut. */
void faultvfs_arm(enum fault_mode mode, uint64_t k, uint64_t seed);
void faultvfs_disarm(void);
uint64_t faultvfs_count(void);
/* Whether the fault came, and in which call: "write teelog.db-wal". */
bool faultvfs_fired(void);
const char *faultvfs_what(void);
/* Every file as a power cut would leave it; none may be open. */
void faultvfs_power_cut(uint64_t seed);
/* What lies in the files is on the disk. */
void faultvfs_forget(void);

#endif
