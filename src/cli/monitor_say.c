/* What a monitor says: alarms on standard error, and with --json on standard output too. */
#include "base/calendar.h"
#include "base/encoding.h"
#include "cli/cli.h"
#include "cli/monitor_own.h"
#include "codec/json_put.h"

#include <stdarg.h>
#include <stdio.h>

#define U(v)  ((unsigned long long)(v))
#define AGAIN 3600 /* seconds */

const char *alarm_name(enum alarm alarm)
{
#define ALARM_NAME(name, text) [ALARM_##name] = text,
    static const char *const names[] = {ALARM_TABLE(ALARM_NAME)};
#undef ALARM_NAME
    return names[alarm];
}

static void start(buf *b, const char *event)
{
    buf_init(b, 65536);
    buf_printf(b, "{\"event\":\"%s\"", event);
}

static void finish(buf *b)
{
    buf_str(b, "}\n");
    if (buf_err(b) == TL_OK)
        (void)!fwrite(b->p, 1, b->n, stdout);
    fflush(stdout);
    buf_finish(b);
}

static void json_alarm(const char *event, enum alarm alarm, uint64_t index, const char *text)
{
    buf b;
    start(&b, event);
    json_put_member(&b, "alarm", alarm_name(alarm));
    if (index != UINT64_MAX)
        json_put_number(&b, "index", index);
    if (text)
        json_put_member(&b, "text", text);
    finish(&b);
}

/* Whether it is new, or an hour old. */
static bool is_news(struct raised *r, const char *text)
{
    if (strcmp(r->text, text) == 0 && monitor_now() - r->said < AGAIN)
        return false;
    r->said = monitor_now();
    snprintf(r->text, sizeof r->text, "%s", text);
    return true;
}

void monitor_shout(struct monitor *m, enum alarm alarm, uint64_t index, const char *fmt, ...)
{
    char said[sizeof m->raised[0].text];
    struct tl_why why = {{0}, {0}}; /* makes valid UTF-8 of what came from elsewhere */
    va_list args;
    va_start(args, fmt);
    vsnprintf(said, sizeof said, fmt, args);
    va_end(args);
    (void)tl_explain(&why, TL_E_PROOF, NULL, "%s", said);
    monitor_alarmed = 1;
    m->raised[alarm].now = true;
    if (!is_news(&m->raised[alarm], why.text))
        return;
    if (index == UINT64_MAX)
        cli_say("ALARM (%s): %s", alarm_name(alarm), why.text);
    else
        cli_say("ALARM (%s) at index %llu: %s", alarm_name(alarm), U(index), why.text);
    if (m->o->json)
        json_alarm("alarm", alarm, index, why.text);
}

void monitor_recall_fork(struct monitor *m)
{
    char text[sizeof m->raised[0].text];
    if (m->raised[ALARM_FORK].now || !monitor_has_proof(m, ALARM_FORK))
        return;
    memcpy(text, m->raised[ALARM_FORK].text, sizeof text);
    if (!text[0])
        snprintf(text, sizeof text,
                 "two histories under the log's own key were shown before: the checkpoints are "
                 "fork.known and fork.shown in %s. This lasts until you have moved all fork.* "
                 "elsewhere",
                 m->o->state);
    monitor_shout(m, ALARM_FORK, UINT64_MAX, "%s", text);
}

void monitor_say_over(struct monitor *m)
{
    for (int i = 0; i < ALARM_COUNT; i++) {
        if (m->raised[i].now || !m->raised[i].text[0])
            continue;
        m->raised[i].text[0] = 0;
        if (i == ALARM_FORK)
            continue; /* it was one: only its proof has been taken away */
        cli_say("the alarm \"%s\" is not there any more", alarm_name((enum alarm)i));
        if (m->o->json)
            json_alarm("over", (enum alarm)i, UINT64_MAX, NULL);
    }
}

void monitor_note(struct monitor *m, size_t witness, const char *fmt, ...)
{
    const char *who = m->witnesses[witness].who;
    char said[320];
    struct tl_why why = {{0}, {0}};
    va_list args;
    va_start(args, fmt);
    vsnprintf(said, sizeof said, fmt, args);
    va_end(args);
    (void)tl_explain(&why, TL_E_PEER, NULL, "%s", said);
    if (!is_news(&m->noted[witness], why.text))
        return;
    cli_say("note: the witness %s %s", who, why.text);
    if (!m->o->json)
        return;
    buf b;
    start(&b, "witness");
    json_put_member(&b, "witness", who);
    json_put_member(&b, "text", why.text);
    finish(&b);
}

static void json_log(const struct monitor *m, const struct follow_totals *t, uint64_t before)
{
    buf b;
    start(&b, "log");
    json_put_number(&b, "size", m->known.size);
    json_put_number(&b, "added", m->known.size - before);
    json_put_hex(&b, "root", hash_slice(&m->known.root));
    json_put_number(&b, "agents", t->agents);
    json_put_number(&b, "records", t->records);
    json_put_number(&b, "sessions", t->sessions);
    json_put_number(&b, "boots", t->boots);
    json_put_number(&b, "timeMs", t->time_ms);
    json_put_number(&b, "refsUnseen", t->refs_unseen);
    if (m->quorum_current) {
        json_put_number(&b, "cosignedSize", m->quorum_size);
        json_put_number(&b, "cosignedTime", m->quorum_current);
    }
    finish(&b);
}

static void plain_log(const struct monitor *m, const struct follow_totals *t, uint64_t before)
{
    char when[CALENDAR_TEXT];
    printf("%llu entries, %llu of them new; %llu agents, %llu records", U(m->known.size),
           U(m->known.size - before), U(t->agents), U(t->records));
    if (m->quorum_current)
        printf("; a quorum has cosigned %llu, current as of %s", U(m->quorum_size),
               calendar_text(when, m->quorum_current));
    printf("\n");
}

static void say_agent(const struct monitor *m, const struct subject *s)
{
    buf b;
    if (!m->o->json) {
        printf("%10llu  %-9llu %s\n", U(s->count), U(s->last_index), s->id);
        return;
    }
    start(&b, "agent");
    json_put_member(&b, "agent", s->id);
    json_put_number(&b, "count", s->count);
    json_put_number(&b, "lastIndex", s->last_index);
    json_put_number(&b, "sessions", s->sessions);
    finish(&b);
}

/* Agents that said something since; all, the first time. */
void monitor_say(struct monitor *m, uint64_t before)
{
    struct follow_totals t;
    struct subject *const *list;
    bool all = !m->said, heading = !m->o->json;
    m->said = true;
    if (!all && m->known.size == before)
        return;
    follow_totals(m->follow, &t);
    size_t n = follow_agents(m->follow, &list);
    for (size_t i = 0; i < n; i++) {
        if (list[i]->number == 0 || (!all && list[i]->last_index < before))
            continue;
        if (heading)
            printf("statements  last      agent\n");
        heading = false;
        say_agent(m, list[i]);
    }
    if (m->o->json)
        json_log(m, &t, before);
    else
        plain_log(m, &t, before);
    fflush(stdout);
}
