/* What a file of a platform gives to tee.c. For src/tee only. */
#ifndef TL_TEE_PLATFORM_H
#define TL_TEE_PLATFORM_H

#include "tee/tee.h"

struct tee_ops {
    const char *platform, *sealing;
    bool simulated;
    /* The same sealing key at the next start; false: sealing_key gives a random key of this
     * boot, the same one each time it is called. */
    bool keeps_keys;
    void (*close)(struct tee *t);
    /* Never the platform's own secret: HKDF-SHA-256 of it, info "teelog/platform/KIND/v1". */
    tl_err (*sealing_key)(struct tee *t, uint8_t out[32], struct tl_why *why);
    /* Called by one thread at a time; tee.c looks whether the quote is over what it was asked
     * for. */
    tl_err (*quote)(struct tee *t, const uint8_t report_data[64], buf *quote, buf *event_log,
                    struct tl_why *why);
    /* NULL where the platform makes none: it is Intel's service that does. */
    tl_err (*collateral)(struct tee *t, uint64_t now, buf *json, struct tl_why *why);
    /* Appends one line for people: what is known here of what runs. NULL: nothing is. */
    void (*identity)(struct tee *t, buf *text);
};

/* The first member of a platform's own structure; its file sets ops, tee.c the others. */
struct asker;
struct tee {
    const struct tee_ops *ops;
    struct asker *asker; /* NULL: of a simulator, which answers at once */
    bool stand_in;       /* its endpoint was named: simulated, whatever ops says */
    const char *shown;   /* where --tee auto found it; NULL: it was named */
};

/* path: a folder or a socket in place of the platform's own, borrowed during the call; NULL: the
 * platform's own. */
tl_err gramine_open(struct tee **out, const char *path, struct tl_why *why) TL_MUST;
tl_err dstack_open(struct tee **out, const char *path, struct tl_why *why) TL_MUST;
tl_err tsm_open(struct tee **out, const char *path, struct tl_why *why) TL_MUST;

/* Where dstack's agent has its socket; the last one is NULL. */
extern const char *const dstack_places[];

/* Whether there is a simulated platform of this name ("sim", "sim-tdx", …). */
bool sim_is_kind(const char *kind);
/* The kinds' names, as a sentence lists them. */
extern const char sim_kind_names[];
/* name: one that sim_is_kind takes. */
tl_err sim_open(struct tee **out, const char *name, const char *dir, struct tl_why *why) TL_MUST;

#endif
