/* A file that is there whole or not at all: written beside itself as FILE.part,
 * made durable, then renamed. "-" is standard output; a device or a pipe that is
 * there is written to as it is. */
#ifndef TL_CLI_OUTFILE_H
#define TL_CLI_OUTFILE_H

#include "base/err.h"
#include "base/slice.h"

#include <sys/types.h>

struct outfile {
    const char *path; /* borrowed */
    char *part;       /* NULL where nothing is renamed */
    int fd;
};

/* mode: the new file's, less the umask. Bundles hold what agents said: 0600. */
tl_err outfile_open(struct outfile *f, const char *path, mode_t mode, struct tl_why *why) TL_MUST;
tl_err outfile_write(struct outfile *f, slice bytes, struct tl_why *why) TL_MUST;
/* Puts the file in its place. */
tl_err outfile_keep(struct outfile *f, struct tl_why *why) TL_MUST;
/* Removes what was not kept. Needed after outfile_open in any case. */
void outfile_close(struct outfile *f);
/* What was put at path, a file or a folder, is durable once the folder that it is in is. */
void outfile_sync_parent(const char *path);

#endif
