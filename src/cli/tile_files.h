/* A log as files in a folder (store/folder.h), under the paths of c2sp.org/tlog-tiles. What is
 * new is put beside its place (PATH.part) until it is known to be right. */
#ifndef TL_CLI_TILE_FILES_H
#define TL_CLI_TILE_FILES_H

#include "base/buf.h"

/* level -1: entries. */
tl_err tile_files_stage(int dir, int level, uint64_t n, unsigned width, slice bytes,
                        struct tl_why *why) TL_MUST;
/* Puts what was staged in its place. */
tl_err tile_files_publish(int dir, int level, uint64_t n, unsigned width,
                          struct tl_why *why) TL_MUST;
/* Takes the narrower ones of a tile that is full away. What is left of them does no harm. */
void tile_files_drop_partial(int dir, int level, uint64_t n);
/* Appends. TL_E_NOT_FOUND. */
tl_err tile_files_read(int dir, int level, uint64_t n, unsigned width, buf *out,
                       struct tl_why *why) TL_MUST;

/* Makes all that was published durable, then puts this checkpoint there. */
tl_err tile_files_checkpoint(int dir, slice note, struct tl_why *why) TL_MUST;
/* Appends. TL_E_NOT_FOUND. */
tl_err tile_files_read_checkpoint(int dir, buf *out, struct tl_why *why) TL_MUST;

#endif
