/* The simulator's files in DIR/sim: written once, all of them or none. */
#ifndef TL_TEE_SIM_FILES_H
#define TL_TEE_SIM_FILES_H

#include "base/buf.h"
#include "base/err.h"

enum sim_files_chain {
    SIM_PCK_CHAIN,    /* leaf, intermediate, root */
    SIM_SIGNER_CHAIN, /* signer of TCB info and QE identity, root */
    SIM_CHAINS
};

/* All keys but the sealing key are private scalars. */
struct sim_files {
    uint8_t root[32], intermediate[32], pck[32], signer[32], attestation[32], sealing[32];
    buf chains[SIM_CHAINS]; /* PEM */
};

/* Whether there is a DIR/sim. */
bool sim_files_there(const char *dir);
/* Makes DIR where it is missing and locks it against a second first start;
 * close the descriptor to unlock. */
tl_err sim_files_lock(int *fd, const char *dir, struct tl_why *why) TL_MUST;
/* dir_fd: from sim_files_lock; dir is for messages. *found is false, and *out
 * untouched, where there is no DIR/sim yet. */
tl_err sim_files_load(struct sim_files *out, bool *found, int dir_fd, const char *dir,
                      struct tl_why *why) TL_MUST;
tl_err sim_files_save(const struct sim_files *files, int dir_fd, const char *dir,
                      struct tl_why *why) TL_MUST;
/* Wipes and frees. */
void sim_files_finish(struct sim_files *files);

#endif
