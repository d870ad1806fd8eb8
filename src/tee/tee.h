/* The platform that we run on. One file a platform behind this face. */
#ifndef TL_TEE_TEE_H
#define TL_TEE_TEE_H

#include "attest/evidence.h"

#define TEE_QUOTE_MAX     65536  /* bytes */
#define TEE_EVENT_LOG_MAX 131072 /* bytes */

struct tee;

/* kind: KIND[:PATH]. KIND is
 * "sgx-gramine", "tdx-dstack" or "tdx-tsm"; PATH then names a folder or a socket in place of the
 * platform's own (a stand-in, a simulator of others), and the platform is simulated;
 * "auto": the first of these three that shows itself here, never a simulated one; or
 * "sim" (a simulated SGX enclave, quotes of version 3), "sim-tdx" (a simulated TD, version 4)
 * or "sim-tdx-v5" (the same, version 5 and TD 1.5).
 * dir: the data directory, where the simulator keeps its keys, certificates and sealing key
 * (dir/sim/, made at the first start with mode 0600). TL_E_TEE where there is no such platform,
 * with what to do about it. */
tl_err tee_open(struct tee **out, const char *kind, const char *dir, struct tl_why *why) TL_MUST;
/* The same for a log that is to be read and no more: makes nothing. TL_E_NOT_FOUND
 * where dir has nothing of the platform. */
tl_err tee_open_existing(struct tee **out, const char *kind, const char *dir,
                         struct tl_why *why) TL_MUST;
void tee_close(struct tee *t);

const char *tee_platform(const struct tee *t); /* as in evidence items: "simulator", … */
/* "sgx-gramine", …: also where that is a stand-in, for which tee_platform says "simulator". */
const char *tee_kind(const struct tee *t);
/* For config 7: "sgx mrenclave", "dstack GetKey", "dstack DeriveKey", "simulator file", "memory",
 * and "stand-in" where the platform is one and keeps keys. */
const char *tee_sealing(const struct tee *t);
bool tee_simulated(const struct tee *t);
/* Where "auto" found it; NULL where the kind was named. */
const char *tee_shown(const struct tee *t);
/* Whether its sealing key is the same at the next start. Where not, a log lives as long as its
 * boot. */
bool tee_keeps_keys(const struct tee *t);
/* Appends one line for people, of what is known here of what runs; nothing where nothing is. Not
 * evidence. */
void tee_identity(struct tee *t, buf *text);
/* The platform's sealing key, for HKDF only; the caller wipes it. */
tl_err tee_sealing_key(struct tee *t, uint8_t out[32], struct tl_why *why) TL_MUST;
/* Appends a quote over exactly this report data, and the event log that goes with it where
 * the platform has one; where not, nothing. event_log may be NULL. That the quote carries the
 * report data is checked: TL_E_TEE where it does not, and both are as they were. Any thread: others
 * wait for their turn. TL_E_NO_QUOTE where the platform has made nobody one for 30 s; nothing is
 * lost by that, and it can be asked again. */
tl_err tee_quote(struct tee *t, const uint8_t report_data[64], buf *quote, buf *event_log,
                 struct tl_why *why) TL_MUST;
/* What tee_quote gave, as an evidence item; borrows from all three. */
struct evidence tee_evidence(const struct tee *t, const buf *quote, const buf *event_log);
#define TEE_DEADLINE_MS 30000
#define TEE_HURRY_MS    2000
/* Another deadline for all quotes, those too that are waited for: TEE_HURRY_MS where a service
 * ends. NULL is fine. */
void tee_set_deadline(struct tee *t, unsigned ms);
/* Appends fresh collateral for its quotes (attest/collateral.h: JSON of at most
 * COLLATERAL_MAX), issued an hour before now (Unix seconds), where the platform makes its own,
 * as the simulator does; TL_E_NOT_FOUND where it has to be fetched. */
tl_err tee_collateral(struct tee *t, uint64_t now, buf *json, struct tl_why *why) TL_MUST;

#endif
