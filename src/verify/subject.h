/* What the verifier keeps of each subject, and of the leaves that others may
 * name. */
#ifndef TL_VERIFY_SUBJECT_H
#define TL_VERIFY_SUBJECT_H

#include "crypto/key.h"
#include "tlog/heads.h"
#include "verify/report.h"

struct subject {
    char id[SUBJECT_MAX + 1];
    size_t id_size;
    uint32_t number; /* in order of appearance */
    /* The statements that the bundle holds. */
    uint64_t count, first_seq, last_seq, last_index, sessions;
    uint64_t es256k;               /* of the sessions */
    uint64_t admitted[ADMISSIONS]; /* sessions, by enum admission */
    struct report_peer *peers;     /* owned: PEERS_OF_AGENT_MAX; NULL where there is none */
    size_t peer_count;
    hash32 last_hash; /* H(Sig_structure) of the last of them */
    /* The key that signs now: the open session's, or for the origin the boot's. */
    bool open;
    uint64_t session; /* its index */
    uint64_t boot;    /* of that session */
    struct sign_key key;
    hash32 kid;
};

static inline slice subject_id(const struct subject *s)
{
    return slice_of(s->id, s->id_size);
}

struct subjects {
    void *tree; /* of tsearch(3), which is balanced: no choice of ids makes it slow */
    struct subject **list;
    size_t count, cap;
    size_t sorted; /* the first so many of list are in bytewise order */
};

void subjects_finish(struct subjects *s);
/* Finds or adds. */
tl_err subjects_get(struct subjects *s, struct subject **out, slice id) TL_MUST;
/* NULL where there is none of this id. */
const struct subject *subjects_find(const struct subjects *s, slice id);
/* Puts list in bytewise order of the ids. */
void subjects_sort(struct subjects *s);

/* Of a leaf: it is a record; its body is not here; an erasure names it. */
enum { OWNER_RECORD = 1, OWNER_BARE = 2, OWNER_ERASED = 4 };
#define OWNER_BITS 3

/* Which subject each leaf of the bundle is of: 4 bytes a leaf where it holds
 * them all, and 12 where it does not. */
struct owners {
    bool all;          /* leaf i is at place i */
    uint32_t *of;      /* subject's number << OWNER_BITS | OWNER_… */
    uint64_t *indexes; /* NULL where all */
    size_t count, cap;
};

void owners_finish(struct owners *o);
tl_err owners_add(struct owners *o, uint64_t index, const struct subject *s, unsigned bits) TL_MUST;
/* NULL where the bundle does not hold that leaf. */
uint32_t *owners_find(const struct owners *o, uint64_t index);

#endif
