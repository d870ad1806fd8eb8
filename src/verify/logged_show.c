/* What became of a proof, for people and programs. */
#include "verify/logged.h"
#include "verify/render.h"

#include <inttypes.h>
#include <stdlib.h>

static const char *verdict_name(const struct teelog_logged *l)
{
    return l->verdict == TEELOG_TRUSTED ? "LOGGED" : teelog_verdict_name(l->verdict);
}

char *teelog_logged_text(const struct teelog_logged *l)
{
    buf b;
    buf_init(&b, RENDER_MAX);
    buf_printf(&b, "%s: ", verdict_name(l));
    render_plain(&b, l->detail);
    buf_str(&b, "\n");
    if (l->verdict != TEELOG_REJECTED) {
        buf_str(&b, "log: ");
        render_plain(&b, l->origin);
        if (l->grown)
            buf_printf(&b, ", size %" PRIu64 " out of size %" PRIu64, l->size, l->since);
        else
            buf_printf(&b, ", index %" PRIu64 " of size %" PRIu64, l->index, l->size);
        if (l->witnessed) {
            buf_printf(&b, ", cosigned by %zu witnesses, the quorum as of ", l->cosigned);
            render_time(&b, l->time);
        }
        buf_str(&b, "\n");
        if (l->has_statement) {
            buf_str(&b, "entry: ");
            render_plain(&b, l->type);
            buf_str(&b, " of ");
            render_plain(&b, l->subject);
            buf_printf(&b, ", seq %" PRIu64 "\n", l->seq);
        }
        buf_str(&b, l->grown ? "This does not show which code logged it: for that ask for a "
                               "bundle.\n"
                             : "This does not show which code logged it, nor whether more was "
                               "logged: for that ask for a bundle.\n");
    }
    return render_take(&b);
}

/* null where there is none. */
static void put_number(buf *b, const char *name, uint64_t v, bool there)
{
    buf_printf(b, ", \"%s\": ", name);
    if (there)
        buf_printf(b, "%" PRIu64, v);
    else
        buf_str(b, "null");
}

char *teelog_logged_json(const struct teelog_logged *l)
{
    const bool shown = l->verdict != TEELOG_REJECTED;
    buf b;
    buf_init(&b, RENDER_MAX);
    buf_printf(&b, "{\"verdict\": \"%s\", \"kind\": \"%s\", \"detail\": ", verdict_name(l),
               l->kind);
    render_json_text(&b, l->detail);
    buf_str(&b, ",\n \"origin\": ");
    render_json_text(&b, shown ? l->origin : NULL);
    put_number(&b, "index", l->index, shown && !l->grown);
    put_number(&b, "size", l->size, shown);
    put_number(&b, "since", l->since, shown && l->grown);
    put_number(&b, "cosigned", l->cosigned, shown && l->witnessed);
    put_number(&b, "time", l->time, shown && l->witnessed);
    buf_str(&b, ", \"serviceKeys\": ");
    render_json_text(&b, shown ? l->service_keys : NULL);
    if (shown && l->has_statement) {
        buf_str(&b, ",\n \"entry\": {\"subject\": ");
        render_json_text(&b, l->subject);
        buf_str(&b, ", \"type\": ");
        render_json_text(&b, l->type);
        buf_printf(&b, ", \"seq\": %" PRIu64 ", \"time\": %" PRIu64 "}}\n", l->seq, l->time_ms);
    } else {
        buf_str(&b, ",\n \"entry\": null}\n");
    }
    return render_take(&b);
}
