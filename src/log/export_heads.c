/* The heads that let a bundle be shown to be complete. */
#include "log/export.h"

#include <stdio.h>

/* Slices that an export waits for; then what is left is hashed at once. More is not needed
 * but where others change as much meanwhile. */
#define TRIES 1000

/* Single records say nothing of completeness, and may yet turn out to be none. */
static bool wants_heads(const struct log_export *e)
{
    struct log *log = e->log;
    return !export_is_answer(e) && export_whole_range(e, log->durable_size) && log->has_owner &&
           heads_due(log, 1) && fence_gate(log, ST_HEADS) == TL_OK;
}

bool export_heads_ready(struct log_export *e)
{
    return !wants_heads(e) || roster_heads_ready(e->log->roster, owner_slice_end()) ||
           e->tries++ >= TRIES;
}

bool export_heads_again(struct log_export *e)
{
    if (export_heads_ready(e))
        return false;
    e->tries += TRIES / 8; /* appends have waited for this */
    return true;
}

/* Heads first, so that what is exported can be shown to be complete. */
tl_err export_append_heads(struct log_export *e)
{
    struct log *log = e->log;
    struct group *g = log->groups[0];
    if (!wants_heads(e))
        return TL_OK;
    tl_err err = sequence_heads(log, g);
    if (err == TL_OK) {
        sign_group(log, g);
        err = commit_group(log, g);
    }
    if (err != TL_OK)
        log->job_err = err;
    return err;
}

/* The place of one subject in the last heads. */
static tl_err prove_head(struct log_export *e, const char *subject)
{
    struct head_proof *p = &e->heads[e->head_count];
    snprintf(p->subject, sizeof p->subject, "%s", subject);
    tl_err err = roster_prove_head(e->log->roster, slice_str(subject), &p->position, p->path,
                                   &p->path_count);
    if (err == TL_OK)
        e->head_count++;
    return err;
}

/* In the bundle the two stand in order of subject. None where the log has no heads, or no
 * more those that its last statement of them is about. */
tl_err export_prove_heads(struct log_export *e)
{
    struct log *log = e->log;
    const char *origin = log->keys.origin;
    const bool before = slice_cmp(slice_str(e->agent), slice_str(origin)) < 0;
    if (log->heads_index == UINT64_MAX || log->heads_index >= e->size)
        return TL_OK;
    tl_err err = prove_head(e, before ? e->agent : origin);
    if (err == TL_OK)
        err = prove_head(e, before ? origin : e->agent);
    if (err != TL_OK)
        e->head_count = 0;
    e->heads_index = log->heads_index;
    return err == TL_E_NOT_FOUND ? TL_OK : err;
}
