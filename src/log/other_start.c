/* Whether this start is held to other witnesses than the last boot was: those who rely on the log
 * hear of it by their policy, its operator by this. */
#include "base/refuse.h"
#include "log/internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* Appends to text, behind what is there. */
__attribute__((format(printf, 3, 4))) static void also(char *text, size_t size, const char *fmt,
                                                       ...)
{
    const size_t n = strlen(text);
    va_list ap;
    va_start(ap, fmt);
    snprintf(text + n, size - n, "%s", n ? ", " : "");
    const size_t more = strlen(text);
    vsnprintf(text + more, size - more, fmt, ap);
    va_end(ap);
}

static void compare(struct log *log, const struct body_config *then)
{
    const struct fence *f = &log->fence;
    const bool has = f->count > 0, had = then->quorum.p != NULL;
    char *text = log->other_start;
    const size_t size = sizeof log->other_start;
    if (has != had)
        also(text, size, has ? "witnesses, where it had none" : "no witnesses any more");
    else if (has && !slice_eq(buf_slice(&f->text), then->quorum))
        also(text, size, "other witnesses or another quorum");
    if (f->config.faulty != then->faulty)
        also(text, size, "%" PRIu64 " of them that may be faulty, not %" PRIu64, f->config.faulty,
             then->faulty);
    if (f->config.degraded_starts != then->degraded_starts)
        also(text, size,
             f->config.degraded_starts ? "degraded starts, which it did not allow"
                                       : "no degraded starts any more");
}

static tl_err compare_boot(struct log *log, uint64_t index)
{
    struct store_leaf leaf;
    struct statement st;
    struct body_boot boot;
    tl_err err = stored_leaf(log, index, &leaf, &st);
    if (err != TL_OK)
        return err;
    hash32 digest = sha256(leaf.body);
    if (REFUSED(!hash_eq(&digest, &st.payload)) || body_boot_read(&boot, leaf.body) != TL_OK)
        return TL_E_STORED;
    compare(log, &boot.config);
    return TL_OK;
}

void other_start(struct log *log)
{
    struct store_leaf leaf;
    struct statement st;
    tl_err err = stored_leaf(log, log->origin->last_index, &leaf, &st);
    if (err == TL_OK)
        err = compare_boot(log, st.session);
    if (err != TL_OK)
        snprintf(log->other_start, sizeof log->other_start,
                 "perhaps other witnesses: its last boot cannot be read (teelog fsck)");
}
