/* Evidence, and what it vouches for. */
#ifndef TL_VERIFY_ATTESTED_H
#define TL_VERIFY_ATTESTED_H

#include "verify/report.h"

/* An item once it is checked; the item itself is not kept. */
struct attested_item {
    hash32 digest;
    uint8_t report_data[64];
    uint32_t code; /* place in the report's codes */
    bool used;
    bool peer;      /* an attested peer's, of any number of sessions */
    uint64_t index; /* of the first statement that names it; NO_INDEX: only the fresh answer does */
    uint64_t valid_from, valid_until; /* when it is genuine, as far as that is a question of time */
    char *failure;                    /* why it is not genuine; NULL where it is */
};

struct attested {
    struct attested_item *items; /* by ascending digest */
    size_t count, cap;
    bool code_open;                   /* the policy does not pin some code that was seen */
    bool peer_open;                   /* the same of some peer's code */
    uint64_t peers;                   /* sessions of attested peers */
    char code_detail[200];            /* of the last code that was seen */
    size_t position;                  /* of the next item of evidence in the bundle */
    struct shared_collateral *shared; /* what earlier items carry, for later ones */
    size_t shared_count, shared_bytes;
};

/* Codes of different kinds in one bundle; a log's key is bound to its code, so
 * that more than a few are a mistake or an attack. */
#define CODES_MAX             256
/* Items that carry collateral, and bytes of it that are kept. */
#define COLLATERALS_MAX       256
#define COLLATERALS_MAX_BYTES (8u << 20)

void attested_finish(struct attested *a);
/* Checks one item of the bundle. */
tl_err attested_add(struct attested *a, struct teelog_report *r, const struct bundle_item *item,
                    const struct evidence_context *context) TL_MUST;
/* The boot or session at index, or with NO_INDEX the fresh answer, names digest and wants
 * this binding. platform: what the configuration of its boot says. */
tl_err attested_use(struct attested *a, struct teelog_report *r, uint64_t index,
                    const hash32 *digest, const uint8_t binding[64],
                    enum platform platform) TL_MUST;
/* The session at index was opened for an attested peer, with this evidence: for the key and
 * the claims that it names. *code: its place in the report's codes. */
tl_err attested_use_peer(struct attested *a, struct teelog_report *r, uint64_t index,
                         const struct body_session *s, uint32_t *code) TL_MUST;
/* After all of these: nothing is left over. */
tl_err attested_end(const struct attested *a, struct teelog_report *r) TL_MUST;

#endif
