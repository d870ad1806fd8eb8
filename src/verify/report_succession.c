/* Which older log a log says that it follows. */
#include "base/encoding.h"
#include "base/refuse.h"
#include "tlog/checkpoint.h"
#include "verify/render.h"
#include "verify/report.h"

#include <inttypes.h>
#include <stdlib.h>

static tl_err read(struct report_succeeds *out, struct note *n, slice bytes)
{
    struct checkpoint c;
    tl_err err = note_read(n, bytes);
    if (err == TL_OK)
        err = checkpoint_read(&c, n->text);
    if (err != TL_OK)
        return err;
    if (REFUSED(!origin_valid(c.origin)))
        return TL_E_CHECKPOINT;
    memcpy(out->origin, c.origin.p, c.origin.n); /* origin_valid bounds it */
    out->size = c.size;
    out->root = c.root;
    out->read = true;
    return TL_OK;
}

tl_err report_succession(struct teelog_report *r, slice note)
{
    if (note.n == 0)
        return TL_OK;
    struct note *n = malloc(sizeof *n);
    if (!n)
        return TL_E_MEMORY;
    r->succeeds.there = true;
    tl_err err = read(&r->succeeds, n, note);
    free(n);
    return err == TL_E_MEMORY ? err : TL_OK; /* what is none is told so */
}

void report_succession_text(buf *b, const struct teelog_report *r)
{
    const struct report_succeeds *s = &r->succeeds;
    if (!s->read) {
        buf_str(b,
                "Its genesis says that it follows an older log, by a note that is no checkpoint.");
        return;
    }
    buf_str(b, "Its genesis says that it follows the log ");
    render_plain(b, s->origin);
    buf_printf(b, ", which was at size %" PRIu64 " with the root ", s->size);
    hex_put(b, hash_slice(&s->root));
    buf_str(b, ". That is another log, with a key of its own, and is not checked here.");
}
