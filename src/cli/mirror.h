/* A copy of a log as static files (c2sp.org/tlog-tiles): grown from a service's entries, and
 * kept only where they give the root of a checkpoint under the log's key. */
#ifndef TL_CLI_MIRROR_H
#define TL_CLI_MIRROR_H

#include "client/client.h"
#include "tlog/checkpoint.h"
#include "tlog/tile.h"

struct mirror {
    int dir;
    struct note_key key;
    uint64_t size; /* of the checkpoint that is in the folder; 0: there is none */
    hash32 root;
    struct tile_edge edge; /* of that tree */
};

/* Goes on with what is in the folder: TL_E_STORED where that is no mirror under this key. On
 * the heap: it is large. */
tl_err mirror_open(struct mirror **out, const char *path, const struct note_key *key,
                   struct tl_why *why) TL_MUST;
void mirror_close(struct mirror *m);

/* Brings the folder up to the service's checkpoint, and m with it. TL_E_PROOF where what the
 * service shows is not what the log was, only longer: then the folder is as it was. */
tl_err mirror_grow(struct mirror *m, struct client *c, struct tl_why *why) TL_MUST;

#endif
