#include "log/match.h"

#include "log/terms.h"

#include <stdlib.h>

static slice copy(uint8_t **at, slice s)
{
    if (!s.p)
        return s;
    slice to = {*at, s.n};
    if (s.n)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return to;
}

tl_err match_init(struct match *m, const struct log_query_options *o, struct tl_why *why)
{
    if (o->limit < 1 || o->limit > QUERY_LIMIT_MAX)
        return tl_explain(why, TL_E_FIELD, "limit", "limit must be 1 to %d", QUERY_LIMIT_MAX);
    if (o->text.n > QUERY_TEXT_MAX)
        return tl_explain(why, TL_E_FIELD, "text", "text is %zu bytes long; at most %d are allowed",
                          o->text.n, QUERY_TEXT_MAX);
    *m = (struct match){.want = *o};
    if (o->bytes == 0 || o->bytes > QUERY_BYTES_MAX)
        m->want.bytes = QUERY_BYTES_MAX;
    /* One more than needed: an empty text is not the same as none. */
    m->text = malloc(o->agent.n + o->room.n + o->user.n + o->type.n + o->text.n + 1);
    if (!m->text)
        return TL_E_MEMORY;
    uint8_t *at = m->text;
    m->want.agent = copy(&at, o->agent);
    m->want.room = copy(&at, o->room);
    m->want.user = copy(&at, o->user);
    m->want.type = copy(&at, o->type);
    if (o->text.p) {
        text_lower(at, o->text.p, o->text.n);
        m->want.text = slice_of(at, o->text.n);
    }
    m->own = o->every || slice_starts(m->want.type, slice_str("teelog."));
    m->body = o->room.p || o->user.p || o->text.p;
    return TL_OK;
}

void match_finish(struct match *m)
{
    free(m->text);
    m->text = NULL;
}

static bool equal_or_any(slice want, slice is)
{
    return !want.p || slice_eq(want, is);
}

bool match_statement(const struct match *m, const struct statement *st)
{
    return ((m->own && !m->body) || st->kind == ST_RECORD) &&
           equal_or_any(m->want.agent, st->subject) && equal_or_any(m->want.type, st->type);
}

/* want is in lower case. */
static bool contains(slice content, slice want)
{
    for (size_t i = 0; i + want.n <= content.n; i++) {
        size_t k = 0;
        while (k < want.n && text_lower_one(content.p[i + k]) == want.p[k])
            k++;
        if (k == want.n)
            return true;
    }
    return false;
}

bool match_body(const struct match *m, const struct body_record *r)
{
    return equal_or_any(m->want.room, r->room_id) && equal_or_any(m->want.user, r->user_id) &&
           (!m->want.text.p || contains(r->content, m->want.text));
}
