/* The policy file of a relying party: one versioned JSON object, in which an
 * unknown key is an error (docs/policy.md). Pure. */
#ifndef TL_ATTEST_POLICY_H
#define TL_ATTEST_POLICY_H

#include "base/err.h"
#include "base/slice.h"
#include "crypto/hash.h"
#include "tlog/note.h"

#define POLICY_MAX_BYTES 1048576

enum platform {
    PLATFORM_UNKNOWN,
    PLATFORM_SIMULATOR,
    PLATFORM_SGX_GRAMINE,
    PLATFORM_TDX_DSTACK,
    PLATFORM_TDX_TSM
};
/* "simulator", …; PLATFORM_UNKNOWN for anything else. */
enum platform platform_from(slice name);
const char *platform_name(enum platform p);

/* A list of measurements of up to 48 bytes each. */
struct measurement_list {
    size_t count, size; /* size: bytes of each */
    uint8_t *bytes;     /* count * size */
};

struct policy_evidence {
    enum platform platform;
    hash32 simulator_root;
    struct measurement_list mrenclave, mrtd, rtmr0, rtmr1, rtmr2, rtmr3, compose_hash;
    char **key_providers;
    size_t key_provider_count;
};

struct policy {
    bool has_log;
    char origin[129];
    size_t key_count;
    struct note_key *keys; /* verifier keys; each name equals origin */
    size_t evidence_count;
    struct policy_evidence *evidence;
    bool allow_child, allow_bearer; /* admission; defaults true, false */
    size_t attested_count;
    struct policy_evidence *attested;
    bool simulator;    /* the one evidence entry is a simulator */
    bool has_history;  /* "history" is there: then "unwitnessed" in this version */
    char **tcb_accept; /* default UpToDate, SWHardeningNeeded */
    size_t tcb_accept_count;
};

/* text: the JSON, need not be NUL-terminated. On failure why names the member
 * by its path ("evidence[0].mrenclave") and says what is wrong; TL_E_POLICY. */
tl_err policy_read(struct policy **out, slice text, struct tl_why *why) TL_MUST;
void policy_free(struct policy *p);

#endif
