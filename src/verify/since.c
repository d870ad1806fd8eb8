#include "verify/since.h"

#include "base/refuse.h"

#include <inttypes.h>
#include <stdlib.h>

tl_err since_read(struct since *s, slice bytes)
{
    if (!bytes.p)
        return TL_OK;
    s->note = malloc(sizeof *s->note);
    if (!s->note)
        return TL_E_MEMORY;
    tl_err err = note_read(s->note, bytes);
    return err == TL_OK ? checkpoint_read(&s->checkpoint, s->note->text) : err;
}

void since_finish(struct since *s)
{
    free(s->note);
    s->note = NULL;
}

tl_err since_check_key(const struct since *s, struct teelog_report *r, const struct note_key *key)
{
    if (!s->note)
        return TL_OK;
    if (REFUSED(note_verify(s->note, key) != TL_OK) ||
        REFUSED(!slice_eq_str(s->checkpoint.origin, key->name)))
        return report_fail(r, CHECK_CONSISTENCY, NO_INDEX,
                           "the older checkpoint that was given is not this log's: its key has "
                           "not signed it under its origin");
    return TL_OK;
}

void since_see(struct since *s, uint64_t size, const hash32 *root)
{
    if (!s->note || size != s->checkpoint.size)
        return;
    s->seen = true;
    s->root = *root;
}

tl_err since_end(const struct since *s, struct teelog_report *r, uint64_t size)
{
    /* A tree grows out of nothing, and nothing has one root alone (checkpoint_read). */
    if (!s->note || s->checkpoint.size == 0)
        return TL_OK;
    if (REFUSED(s->checkpoint.size > size))
        return report_fail(r, CHECK_CONSISTENCY, NO_INDEX,
                           "the checkpoint that was given is of size %" PRIu64
                           ", and the bundle's of %" PRIu64 ": the bundle is older, or the log "
                           "was rolled back",
                           s->checkpoint.size, size);
    if (REFUSED(!s->seen))
        return report_fail(r, CHECK_CONSISTENCY, NO_INDEX,
                           "the bundle does not show the tree of size %" PRIu64
                           " that was given; ask for the whole log, or for a bundle with an "
                           "earlier checkpoint of that size",
                           s->checkpoint.size);
    if (REFUSED(!hash_eq(&s->root, &s->checkpoint.root)))
        return report_fail(r, CHECK_CONSISTENCY, NO_INDEX,
                           "the older checkpoint that was given, of size %" PRIu64
                           ", has another tree than the bundle shows: the log has two histories, "
                           "and has signed both. Keep both files",
                           s->checkpoint.size);
    return TL_OK;
}
