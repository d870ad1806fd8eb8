/* configfs-tsm as Linux has it (drivers/virt/coco/guest/report.c), in this process: what
 * is opened below FAKE_REPORTS comes here, by --wrap of open64, read, write, close, mkdir
 * and rmdir. One thread at a time. */
#ifndef FAKECONFIGFS_H
#define FAKECONFIGFS_H

#include "base/buf.h"

#define FAKE_REPORTS    "/fake/tsm/report"
#define FAKE_WRAP_PLACE "/sys/kernel/config/tsm/report" /* the same, for who gives no path */

struct fakeconfigfs {
    const char *provider;
    /* Makes a quote; over in, of in_n bytes. An errno, or 0. */
    int (*report_new)(void *ctx, const uint8_t *in, size_t in_n, buf *out);
    void *ctx;
    size_t piece; /* most bytes of one read; 0: as many as are asked for */

    /* What goes wrong: errno, and how often yet (-1: always). */
    struct {
        int error, times;
    } mkdir, open, write, read, outblob, rmdir;
    const char *open_file;     /* whose open goes wrong; NULL: any */
    int race_write, race_read; /* times somebody else writes behind our inblob, our outblob */
    bool deaf;                 /* a question is not taken, which no call tells */
    bool short_write;          /* takes half of it */
    const char *generation;    /* a text in place of the number */
    const char *generation_before, *generation_after; /* the right number; NULL: a line */
    uint64_t generation_begins;                       /* of a new report */
    bool endless;                                     /* outblob */
    /* Counted. */
    unsigned made, removed, quotes;
};
extern struct fakeconfigfs fake_configfs;

/* As it is in a TDX guest in which nothing goes wrong; forgets all reports. */
void fake_configfs_reset(void);
unsigned fake_configfs_reports(void); /* there are now */
unsigned fake_configfs_open(void);    /* files */

#endif
