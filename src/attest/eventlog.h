/* dstack's event log of a TDX guest, replayed (docs/format.md section 8). The log
 * is the host's word until its replay gives the quoted RTMRs. Pure. */
#ifndef TL_ATTEST_EVENTLOG_H
#define TL_ATTEST_EVENTLOG_H

#include "attest/td_report.h"
#include "base/buf.h"

#define EVENTLOG_MAX_BYTES  1048576
#define EVENTLOG_MAX_EVENTS 4096

/* Payloads; .p == NULL where the event is not there. All of them stand before
 * system-ready, in RTMR3; borrowed from memory. */
struct eventlog {
    buf memory;
    size_t event_count;
    size_t ready_at;     /* which event is system-ready, from 0, where there is one */
    uint8_t rtmr[4][48]; /* as replayed */
    slice app_id, compose_hash, instance_id, os_image_hash;
    slice key_provider;      /* the payload: JSON */
    slice key_provider_name; /* "NAME:ID", as policies have it; empty where unreadable */
    bool system_ready;
};

/* text: the JSON array of events. Reads, recomputes every runtime event's digest
 * (V1 and V2) and replays. TL_E_EVIDENCE or a JSON error, with the event's number
 * in why. On failure there is nothing to finish.
 *
 * Refused beyond what the replay asks for: members that are not known; events of
 * the firmware after those of the running system, or with names that dstack does
 * not give them; in version 1, before system-ready, names with a colon, which could
 * end elsewhere under the same digest. Types and (most) payloads of the firmware's
 * events are bound by nothing, and never used or shown. */
tl_err eventlog_read(struct eventlog *out, slice text, struct tl_why *why) TL_MUST;
void eventlog_finish(struct eventlog *e); /* NULL is fine */
/* Whether the replay gives all four RTMRs of the report, and whether the log has
 * what a dstack boot must have once: system-ready, app-id, compose-hash. */
tl_err eventlog_check(const struct eventlog *e, const struct td_report *td,
                      struct tl_why *why) TL_MUST;
/* Whether SHA-256 of the compose file's exact bytes is the logged compose-hash. */
bool eventlog_compose_ok(const struct eventlog *e, slice compose);

#endif
