/* dstack's parts, for its own files and their tests. */
#ifndef TL_TEE_DSTACK_H
#define TL_TEE_DSTACK_H

#include "tee/platform.h"

#define DSTACK_PATH_MAX 108 /* bytes with the NUL, as a socket's (unix(7)) */

/* The first of dstack_places below root ("" on a real platform) that is a socket. False
 * where there is none. */
bool dstack_find(char path[DSTACK_PATH_MAX], const char *root);
/* patience_ms: for an answer. */
tl_err dstack_open_at(struct tee **out, const char *path, unsigned patience_ms,
                      struct tl_why *why) TL_MUST;

#endif
