#include "attest/signed_json.h"

#include "base/calendar.h"
#include "base/encoding.h"
#include "base/refuse.h"

#include <stdlib.h>

#define FIRST_ROOM 16

struct in in_of(slice text)
{
    struct in in = {.r = js_of(text), .text = text, .at = ""};
    if (REFUSED(text.n > SIGNED_JSON_MAX))
        in_fail(&in, TL_E_LIMIT, "", NULL);
    return in;
}

void in_fail(struct in *in, tl_err err, const char *at, const char *says)
{
    if (in->r.err != TL_OK)
        return;
    in->at = at;
    in->says = says;
    js_fail(&in->r, err);
}

/* An object or array that reading was within: the member's name, or the index. */
struct around {
    bool array;
    slice name;
    size_t index;
};

/* What read was within when it ended, outermost first. All but its last token is
 * well-formed JSON, so that brackets, commas and colons outside strings tell. */
static size_t find_around(struct around out[JS_MAX_DEPTH], slice read)
{
    size_t depth = 0;
    slice string = {NULL, 0};
    for (size_t i = 0; i < read.n; i++) {
        struct around *inner = depth ? &out[depth - 1] : NULL;
        switch (read.p[i]) {
        case '"': {
            size_t start = i + 1;
            for (i++; i < read.n && read.p[i] != '"'; i++)
                i += read.p[i] == '\\';
            string = slice_of(read.p + start, (i < read.n ? i : read.n) - start);
            break;
        }
        case ':':
            if (inner)
                inner->name = string;
            break;
        case ',':
            if (inner)
                *inner = (struct around){inner->array, {NULL, 0}, inner->index + 1};
            break;
        case '{':
        case '[':
            if (depth < JS_MAX_DEPTH)
                out[depth++] = (struct around){read.p[i] == '[', {NULL, 0}, 0};
            break;
        case '}':
        case ']':
            depth -= depth > 0;
            break;
        default:
            break;
        }
    }
    return depth;
}

/* "tcbLevels[0].tcb.sgxtcbcomponents[1].svn": where reading ended, and the member that
 * is said to be at fault, where that is another. */
static void put_place(buf *b, const struct in *in)
{
    struct around around[JS_MAX_DEPTH];
    const uint8_t *stopped = in->r.stopped;
    slice last = {NULL, 0};
    size_t n = stopped ? (size_t)(stopped - in->text.p) : 0;
    size_t depth = find_around(around, slice_of(in->text.p, n));
    for (size_t i = 0; i < depth; i++) {
        if (around[i].array) {
            buf_printf(b, "[%zu]", around[i].index);
        } else {
            last = around[i].name;
            buf_printf(b, "%s%.*s", b->n && last.n ? "." : "", (int)last.n, (const char *)last.p);
        }
    }
    if (in->says && !slice_eq_str(last, in->at))
        buf_printf(b, "%s%s", b->n ? "." : "", in->at);
}

tl_err in_end(struct in *in, struct tl_why *why)
{
    char place[200];
    buf b;
    tl_err err = js_end(&in->r);
    if (err == TL_OK)
        return TL_OK;
    buf_init_fixed(&b, (uint8_t *)place, sizeof place);
    put_place(&b, in);
    /* It has room for all but members with long names, which we do not read. */
    int n = buf_err(&b) == TL_OK ? (int)b.n : 0;
    return tl_explain(why, err, in->at, "%.*s%s%s", n, place, n ? ": " : "",
                      in->says ? in->says : tl_err_text(err));
}

/* Reads the value of a member that has none of the names. */
static void skip(struct in *in)
{
    in->at = "";
    js_skip(&in->r);
}

int in_member(struct in *in, const struct name *names, size_t count, uint32_t *seen)
{
    slice key;
    while (js_member(&in->r, &key)) {
        size_t i = 0;
        while (i < count && (names[i].n != key.n || memcmp(names[i].s, key.p, key.n) != 0))
            i++;
        if (i == count) {
            skip(in);
            continue;
        }
        in->at = names[i].s;
        if (js_named(&in->r, key, names[i].s, seen, (unsigned)i))
            return (int)i;
        in->says = "stands there twice";
    }
    return -1;
}

void in_need(struct in *in, const struct name *names, uint32_t seen, uint32_t need)
{
    uint32_t lacks = need & ~seen;
    if (REFUSED(lacks))
        in_fail(in, TL_E_FIELD, names[__builtin_ctz(lacks)].s, "is missing");
}

void in_hex(struct in *in, uint8_t *out, size_t n)
{
    slice text = js_plain(&in->r);
    if (REFUSED(hex_read(out, n, text) != TL_OK))
        in_fail(in, TL_E_ENCODING, in->at, "is not hex of the right length");
}

uint64_t in_time(struct in *in)
{
    uint64_t t = 0;
    slice text = js_plain(&in->r);
    if (REFUSED(calendar_rfc3339_read(&t, text) != TL_OK))
        in_fail(in, TL_E_ENCODING, in->at, "is not a time like 2025-06-04T09:25:11Z");
    return t;
}

enum tcb_status in_status(struct in *in, uint32_t allowed)
{
    enum tcb_status s = TCB_UP_TO_DATE;
    slice text = js_plain(&in->r);
    if (REFUSED(!tcb_status_from(&s, text) || !(allowed & BIT(s))))
        in_fail(in, TL_E_FIELD, in->at, "is not a status that can stand here");
    return s;
}

static bool is_advisory(slice id)
{
    if (REFUSED(id.n == 0) || REFUSED(id.n > 31))
        return false;
    for (size_t i = 0; i < id.n; i++) {
        uint8_t c = id.p[i];
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        if (REFUSED(!letter && !(c >= '0' && c <= '9') && c != '-'))
            return false;
    }
    return true;
}

struct advisories in_advisories(struct in *in)
{
    struct advisories a = {{NULL, 0}, 0};
    (void)js_peek(&in->r); /* over white space */
    const uint8_t *start = in->r.rest.p;
    js_array(&in->r);
    for (; js_element(&in->r); a.count++) {
        slice id = js_plain(&in->r);
        if (!is_advisory(id))
            in_fail(in, TL_E_FIELD, in->at, "has something that is not an advisory's id");
        if (REFUSED(a.count == TCB_LEVEL_ADVISORIES))
            in_fail(in, TL_E_LIMIT, in->at, "has too many ids");
    }
    if (in->r.err != TL_OK)
        return (struct advisories){{NULL, 0}, 0};
    a.json = slice_of(start, (size_t)(in->r.rest.p - start));
    return a;
}

bool advisories_next(const struct advisories *a, size_t *at, slice *id)
{
    /* The strings are plain: no quote stands within one. */
    const uint8_t *p = a->json.p, *open, *close;
    size_t n = a->json.n;
    if (*at >= n || !(open = memchr(p + *at, '"', n - *at)))
        return false;
    open++;
    if (!(close = memchr(open, '"', (size_t)(p + n - open))))
        return false;
    *id = slice_of(open, (size_t)(close - open));
    *at = (size_t)(close + 1 - p);
    return true;
}

void *in_room(struct in *in, void *list, size_t size, size_t count, size_t max, const char *name)
{
    if (REFUSED(count == max)) {
        in_fail(in, TL_E_LIMIT, name, "has too many elements");
        return NULL;
    }
    /* Room is made when it is full: at FIRST_ROOM elements and each doubling. */
    if (count == 0 || (count >= FIRST_ROOM && (count & (count - 1)) == 0)) {
        void *grown = realloc(list, size * (count ? 2 * count : FIRST_ROOM));
        if (!grown) {
            in_fail(in, TL_E_MEMORY, name, NULL);
            return NULL;
        }
        list = grown;
    }
    memset((uint8_t *)list + size * count, 0, size);
    return list;
}

static const struct name svn_names[] = {NAME("isvsvn")};

/* A level of more than a u16 is one that nothing meets. */
static uint32_t isv_svn(struct in *in)
{
    uint64_t svn = 0;
    uint32_t seen = 0;
    js_object(&in->r);
    while (in_member(in, svn_names, COUNT_OF(svn_names), &seen) >= 0)
        svn = js_uint(&in->r, UINT32_MAX);
    in_need(in, svn_names, seen, ALL_OF(svn_names));
    return (uint32_t)svn;
}

enum { SVN_TCB, SVN_DATE, SVN_STATUS, SVN_ADVISORIES };
static const struct name svn_level_names[] = {
    [SVN_TCB] = NAME("tcb"),
    [SVN_DATE] = NAME("tcbDate"),
    [SVN_STATUS] = NAME("tcbStatus"),
    [SVN_ADVISORIES] = NAME("advisoryIDs"),
};

static void svn_level(struct in *in, struct svn_level *l, uint32_t allowed)
{
    uint32_t seen = 0;
    js_object(&in->r);
    for (int i; (i = in_member(in, svn_level_names, COUNT_OF(svn_level_names), &seen)) >= 0;)
        switch (i) {
        case SVN_TCB:
            l->isv_svn = isv_svn(in);
            break;
        case SVN_DATE:
            l->date = in_time(in);
            break;
        case SVN_STATUS:
            l->status = in_status(in, allowed);
            break;
        case SVN_ADVISORIES:
            l->advisories = in_advisories(in);
            break;
        }
    in_need(in, svn_level_names, seen, ALL_OF(svn_level_names) & ~BIT(SVN_ADVISORIES));
}

static int highest_svn_first(const void *a, const void *b)
{
    const struct svn_level *x = a, *y = b;
    return (x->isv_svn < y->isv_svn) - (x->isv_svn > y->isv_svn);
}

void in_svn_levels(struct in *in, struct svn_level **levels, size_t *count, uint32_t allowed)
{
    js_array(&in->r);
    while (js_element(&in->r)) {
        struct svn_level *list =
            in_room(in, *levels, sizeof *list, *count, TCB_MAX_LEVELS, "tcbLevels");
        if (!list)
            return;
        *levels = list;
        svn_level(in, &list[(*count)++], allowed);
    }
    if (REFUSED(*count == 0)) {
        in_fail(in, TL_E_FIELD, "tcbLevels", "has no level");
        return;
    }
    qsort(*levels, *count, sizeof **levels, highest_svn_first);
    for (size_t i = 1; i < *count; i++)
        if (REFUSED((*levels)[i].isv_svn == (*levels)[i - 1].isv_svn))
            in_fail(in, TL_E_FIELD, "tcbLevels", "has two levels of one SVN");
}

void in_dates(struct in *in, uint64_t issue_date, uint64_t next_update)
{
    if (REFUSED(next_update < issue_date))
        in_fail(in, TL_E_FIELD, "nextUpdate", "is before issueDate");
}
