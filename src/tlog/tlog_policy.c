/* The reader: line by line, in one pass; groups name only what stands before them. */
#include "tlog/tlog_policy.h"

#include "base/encoding.h"
#include "base/err.h"
#include "base/refuse.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct reading {
    struct tlog_policy *p;
    size_t line; /* from 1 */
    size_t groups;
    bool has_quorum;
    struct tl_why *why;
};

__attribute__((format(printf, 2, 3))) static void say_wrong(const struct reading *r,
                                                            const char *fmt, ...)
{
    char text[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    (void)tl_explain(r->why, TL_E_POLICY, "quorum", "line %zu: %s", r->line, text);
}
/* So that clang's analyzer, which cannot look into variadic functions, sees an error. */
#define wrong(...) (say_wrong(__VA_ARGS__), TL_E_POLICY)

/* The next item of a line; empty at its end. White space is spaces and tabs alone
 * ("Structure"). */
static slice take_item(slice *line)
{
    size_t from = 0;
    while (from < line->n && (line->p[from] == ' ' || line->p[from] == '\t'))
        from++;
    size_t to = from;
    while (to < line->n && line->p[to] != ' ' && line->p[to] != '\t')
        to++;
    slice item = slice_of(line->p + from, to - from);
    *line = slice_of(line->p + to, line->n - to);
    return item;
}

/* Nothing more stands on the line. */
static tl_err end_line(const struct reading *r, slice *line)
{
    if (REFUSED(take_item(line).n != 0))
        return wrong(r, "there is more on it than belongs there");
    return TL_OK;
}

static size_t find_name(const struct tlog_policy *p, slice name)
{
    size_t i = 0;
    while (i < p->member_count && !slice_eq(p->members[i].name, name))
        i++;
    return i < p->member_count ? i : TLOG_POLICY_NONE;
}

static tl_err new_member(struct reading *r, slice name, struct tlog_policy_member **out)
{
    struct tlog_policy *p = r->p;
    if (REFUSED(name.n == 0))
        return wrong(r, "a name is missing");
    if (REFUSED(slice_eq_str(name, "none")))
        return wrong(r, "the name none has a meaning of its own");
    if (REFUSED(find_name(p, name) != TLOG_POLICY_NONE))
        return wrong(r, "the name %.*s is taken", (int)(name.n < 64 ? name.n : 64),
                     (const char *)name.p);
    *out = &p->members[p->member_count];
    **out = (struct tlog_policy_member){.name = name, .group = TLOG_POLICY_NONE};
    return TL_OK;
}

/* log <vkey> [<url>] ("Defining a log") */
static tl_err read_log(struct reading *r, slice *line)
{
    struct tlog_policy *p = r->p;
    struct tlog_policy_log *log = &p->logs[p->log_count];
    if (REFUSED(p->log_count == TLOG_POLICY_MAX_LINES))
        return wrong(r, "more than %d logs", TLOG_POLICY_MAX_LINES);
    tl_err err = note_key_read(&log->key, take_item(line));
    if (err != TL_OK)
        return wrong(r, "not a log's verifier key (name+id+key, Ed25519)");
    for (size_t i = 0; i < p->log_count; i++)
        if (REFUSED(memcmp(p->logs[i].key.public_key, log->key.public_key,
                           sizeof log->key.public_key) == 0))
            return wrong(r, "this log's key stands on an earlier line too");
    log->url = take_item(line);
    p->log_count++;
    return end_line(r, line);
}

/* witness <name> <vkey> [<url>] ("Defining a witness") */
static tl_err read_witness(struct reading *r, slice *line)
{
    struct tlog_policy *p = r->p;
    struct tlog_policy_member *m = NULL;
    if (REFUSED(p->witness_count == TLOG_POLICY_MAX_LINES))
        return wrong(r, "more than %d witnesses", TLOG_POLICY_MAX_LINES);
    tl_err err = new_member(r, take_item(line), &m);
    if (err != TL_OK)
        return err;
    m->witness = true;
    err = cosigner_read(&m->key, take_item(line));
    if (err != TL_OK)
        return wrong(r, "not a witness's verifier key (name+id+key, of type 04 or 06)");
    for (size_t i = 0; i < p->member_count; i++)
        if (p->members[i].witness &&
            REFUSED(hash_eq(&p->members[i].key.key_digest, &m->key.key_digest)))
            return wrong(r, "this witness's key stands on an earlier line too");
    m->url = take_item(line);
    p->member_count++;
    p->witness_count++;
    return end_line(r, line);
}

/* Marks what the line names as members of the group that comes next. */
static tl_err take_members(struct reading *r, slice *line, size_t *count)
{
    struct tlog_policy *p = r->p;
    for (slice name; (name = take_item(line)).n; ++*count) {
        size_t i = find_name(p, name);
        if (REFUSED(i == TLOG_POLICY_NONE))
            return wrong(r, "no line before it is about %.*s", (int)(name.n < 64 ? name.n : 64),
                         (const char *)name.p);
        if (REFUSED(p->members[i].group != TLOG_POLICY_NONE))
            return wrong(r, "%.*s is a member already", (int)(name.n < 64 ? name.n : 64),
                         (const char *)name.p);
        p->members[i].group = p->member_count;
    }
    return TL_OK;
}

/* group <name> all|any|<k> <member>… ("Defining a witness group") */
static tl_err read_group(struct reading *r, slice *line)
{
    struct tlog_policy *p = r->p;
    struct tlog_policy_member *m = NULL;
    uint64_t need = 0;
    if (REFUSED(r->groups == TLOG_POLICY_MAX_LINES))
        return wrong(r, "more than %d groups", TLOG_POLICY_MAX_LINES);
    tl_err err = new_member(r, take_item(line), &m);
    if (err != TL_OK)
        return err;
    slice how = take_item(line);
    err = take_members(r, line, &m->count);
    if (err != TL_OK)
        return err;
    if (slice_eq_str(how, "all"))
        need = m->count;
    else if (slice_eq_str(how, "any"))
        need = 1;
    else if (decimal_read(&need, how, TLOG_POLICY_MAX) != TL_OK)
        return wrong(r, "how many of its members a group needs is all, any or a number");
    if (REFUSED(need == 0) || REFUSED(need > m->count))
        return wrong(r, "a group of %zu cannot need %llu", m->count, (unsigned long long)need);
    m->need = (size_t)need;
    p->member_count++;
    r->groups++;
    return TL_OK;
}

/* quorum <name>|none ("Defining the quorum") */
static tl_err read_quorum(struct reading *r, slice *line)
{
    slice name = take_item(line);
    if (REFUSED(r->has_quorum))
        return wrong(r, "a second quorum");
    r->has_quorum = true;
    if (!slice_eq_str(name, "none")) {
        r->p->quorum = find_name(r->p, name);
        if (REFUSED(r->p->quorum == TLOG_POLICY_NONE))
            return wrong(r, "the quorum is that of a witness or a group on a line before it");
    }
    return end_line(r, line);
}

static tl_err read_line(struct reading *r, slice line)
{
    slice word = take_item(&line);
    if (word.n == 0 || word.p[0] == '#')
        return TL_OK;
    if (slice_eq_str(word, "log"))
        return read_log(r, &line);
    if (slice_eq_str(word, "witness"))
        return read_witness(r, &line);
    if (slice_eq_str(word, "group"))
        return read_group(r, &line);
    if (REFUSED(!slice_eq_str(word, "quorum")))
        return wrong(r, "it is about no log, witness, group or quorum");
    return read_quorum(r, &line);
}

/* "Character set". */
static bool octet_allowed(uint8_t c)
{
    return c == '\t' || c == '\n' || (c >= 0x20 && c != 0x7f);
}

static tl_err read_lines(struct reading *r, slice text)
{
    for (size_t i = 0; i < text.n; i++)
        if (REFUSED(!octet_allowed(text.p[i])))
            return tl_explain(r->why, TL_E_POLICY, "quorum", "there is a control character in it");
    if (text.n && REFUSED(text.p[text.n - 1] != '\n'))
        return tl_explain(r->why, TL_E_POLICY, "quorum", "its last line has no end (a newline)");
    while (text.n) {
        r->line++;
        tl_err err = read_line(r, note_line(&text));
        if (err != TL_OK)
            return err;
    }
    if (REFUSED(!r->has_quorum))
        return tl_explain(r->why, TL_E_POLICY, "quorum", "it has no line that begins with quorum");
    return TL_OK;
}

tl_err tlog_policy_read(struct tlog_policy **out, slice text, struct tl_why *why)
{
    if (REFUSED(text.n > TLOG_POLICY_MAX))
        return tl_explain(why, TL_E_POLICY, "quorum", "more than %d bytes", TLOG_POLICY_MAX);
    struct tlog_policy *p = calloc(1, sizeof *p);
    if (!p)
        return TL_E_MEMORY;
    p->quorum = TLOG_POLICY_NONE;
    p->text = malloc(text.n + 1);
    p->logs = calloc(TLOG_POLICY_MAX_LINES + 1, sizeof *p->logs);
    p->members = calloc(2 * TLOG_POLICY_MAX_LINES + 1, sizeof *p->members);
    tl_err err = p->text && p->logs && p->members ? TL_OK : TL_E_MEMORY;
    if (err == TL_OK) {
        if (text.n)
            memcpy(p->text, text.p, text.n);
        struct reading r = {.p = p, .why = why};
        err = read_lines(&r, slice_of(p->text, text.n));
    }
    if (err != TL_OK) {
        tlog_policy_free(p);
        return err;
    }
    *out = p;
    return TL_OK;
}

void tlog_policy_free(struct tlog_policy *p)
{
    if (!p)
        return;
    free(p->text);
    free(p->logs);
    free(p->members);
    free(p);
}

static void put_name(buf *b, slice name)
{
    buf_str(b, " ");
    buf_bytes(b, name);
}

static void put_member(buf *b, const struct tlog_policy *p, size_t i)
{
    const struct tlog_policy_member *m = &p->members[i];
    buf_str(b, m->witness ? "witness" : "group");
    put_name(b, m->name);
    buf_str(b, " ");
    if (m->witness) {
        if (!m->key.verifiable)
            buf_fail(b, TL_E_KEY);
        cosigner_put(b, &m->key);
    } else {
        buf_printf(b, "%zu", m->need);
    }
    for (size_t j = 0; j < i; j++)
        if (p->members[j].group == i)
            put_name(b, p->members[j].name);
    buf_str(b, "\n");
}

void tlog_policy_put(buf *b, const struct tlog_policy *p)
{
    for (size_t i = 0; i < p->member_count; i++)
        put_member(b, p, i);
    buf_str(b, "quorum");
    put_name(b, p->quorum == TLOG_POLICY_NONE ? slice_str("none") : p->members[p->quorum].name);
    buf_str(b, "\n");
}
