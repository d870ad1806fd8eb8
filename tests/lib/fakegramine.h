/* A folder that stands in for Gramine's /dev/attestation, of FIFOs, which need no privilege: each
 * open of quote makes a quote over what was last written to user_report_data, one snapshot a
 * descriptor; the size that stat tells is 0. The quotes are the simulator's.
 *
 * What FIFOs cannot be: a read of user_report_data waits, where the device gives 0 bytes at once;
 * and of several writes between two quotes the last 64 bytes count. No cmocka in it. */
#ifndef FAKEGRAMINE_H
#define FAKEGRAMINE_H

#include "tee/tee.h"

#include <pthread.h>

/* What goes wrong. All zero: nothing. */
struct fake_gramine_play {
    unsigned delay_ms;
    bool hangs;             /* holds the answer back until this is false again */
    bool stale;             /* over what was written before */
    const uint8_t *intrude; /* 64 bytes that somebody else writes before the quote is made */
    bool cuts;              /* gives cut bytes of the quote */
    size_t cut;
    size_t more;         /* bytes that follow the quote */
    const uint8_t *says; /* says_n bytes in place of a quote */
    size_t says_n;
};

struct fake_gramine {
    char dir[256];
    struct tee *quoting; /* a simulator's; borrowed */
    int report_fd;
    pthread_t thread;
    pthread_mutex_t lock; /* for all below */
    pthread_cond_t wake;
    bool stop;
    struct fake_gramine_play play;
    uint8_t value[64], before[64];
    unsigned made; /* quotes */
};

/* Makes the files in dir, which is there, and serves them. 0, or errno. */
int fake_gramine_start(struct fake_gramine *f, const char *dir, struct tee *quoting);
void fake_gramine_play(struct fake_gramine *f, const struct fake_gramine_play *play);
void fake_gramine_stop(struct fake_gramine *f);
/* Writes one of the plain files: "attestation_type", "keys/_sgx_mrenclave". 0, or errno. */
int fake_gramine_file(const struct fake_gramine *f, const char *name, const void *bytes, size_t n);

#endif
