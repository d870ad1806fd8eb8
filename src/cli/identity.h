/* Who we are to a service that lets attested peers in (--attest): a key of this process, and a
 * certificate with this platform's evidence, made anew before it grows old. */
#ifndef TL_CLI_IDENTITY_H
#define TL_CLI_IDENTITY_H

#include "http/ra_tls.h"

struct identity;
/* kind: as tee_open has it; a simulated platform's with the folder of its keys, as sim:DIR. */
tl_err identity_open(struct identity **out, const char *kind, struct tl_why *why) TL_MUST;
/* What a connection shows that is made now (Unix seconds): borrowed until the next call. Takes
 * as long as a quote where there is none yet, or the last is old. */
tl_err identity_get(struct identity *i, uint64_t now, const struct ra_tls_identity **out,
                    struct tl_why *why) TL_MUST;
bool identity_simulated(const struct identity *i);
void identity_free(struct identity *i); /* NULL is fine */

#endif
