#include "cli/witnesses.h"

#include "cli/cli.h"
#include "cli/infile.h"
#include "cli/signals.h"
#include "cli/supervisor.h"

#include <string.h>

#define END_MS 3000 /* that the end of a log waits for them */

static void say(void *ctx, const char *text)
{
    (void)ctx;
    cli_say("witnesses: %s", text);
}

static void moved(void *ctx)
{
    (void)ctx;
    signals_fence();
}

tl_err witnesses_policy(struct tlog_policy **out, const char *path, struct tl_why *why)
{
    struct tl_why inner = {{0}, {0}};
    buf text;
    buf_init(&text, TLOG_POLICY_MAX);
    tl_err err = infile_read(&text, path) == EXIT_GOOD ? TL_OK : TL_E_IO;
    if (err == TL_OK)
        err = tlog_policy_read(out, buf_slice(&text), &inner);
    buf_finish(&text);
    if (err == TL_E_POLICY)
        return tl_explain(why, TL_E_USAGE, "witnesses", "%.100s: %s", path,
                          tl_why_text(&inner, err));
    return err;
}

tl_err witnesses_read(struct service *s, const struct service_options *o,
                      struct log_witnessing *out, struct tl_why *why)
{
    *out = (struct log_witnessing){.faulty = o->faulty,
                                   .degraded_starts = o->degraded_starts,
                                   .wait_ms = o->witness_wait * 1000,
                                   .end_ms = END_MS,
                                   .ca_file = o->witness_ca,
                                   .moved = moved,
                                   .say = say};
    tl_err err = o->witnesses ? witnesses_policy(&s->witnesses, o->witnesses, why) : TL_OK;
    out->policy = s->witnesses;
    return err;
}

/* ---- what is said ---- */

/* A line at a time: as many as it has. */
static void say_note(slice note)
{
    while (note.n) {
        slice line = note_line(&note);
        cli_say("    %.*s", (int)(line.n < 900 ? line.n : 900), (const char *)line.p);
    }
}

static void say_frozen(struct log *log, const struct log_info *info)
{
    char witness[128];
    buf ours, theirs;
    cli_say("THE LOG IS FROZEN: %s. It takes no more records; what is there can be read and "
            "exported. docs/operations.md says what to do",
            info->frozen_why);
    buf_init(&ours, NOTE_MAX);
    buf_init(&theirs, NOTE_MAX);
    if (log_fork(log, &ours, &theirs, witness) == TL_OK) {
        cli_say("this log's checkpoint:");
        say_note(buf_slice(&ours));
        cli_say("the other one, of %s:", witness[0] ? witness : "its own disk");
        say_note(buf_slice(&theirs));
    }
    buf_finish(&ours);
    buf_finish(&theirs);
}

void witnesses_say_start(const struct service *s)
{
    struct log_info info;
    log_info(s->log, &info);
    if (info.other_start[0])
        cli_say(
            "NOTE: unlike its last boot, this start has %s. Each boot says so, and whoever goes by "
            "the quorum of before rejects what is exported from now on until he is given the new "
            "policy. Was that meant?",
            info.other_start);
    if (info.frozen) {
        say_frozen(s->log, &info);
        return;
    }
    if (info.fence == LOG_PROVING)
        cli_say("the log takes records once %zu of its %zu witnesses have cosigned what is on its "
                "disk, and then its start",
                info.quorum, info.witnesses);
    if (info.fence == LOG_BOOTED)
        cli_say("the log takes records once %zu of its %zu witnesses have cosigned its start",
                info.quorum, info.witnesses);
    if (info.fence == LOG_BOOTED && info.size == 1)
        cli_say("its witnesses do not know it yet: give each of them its key, %s "
                "(teelog witness --log KEY; the operator of another sort of witness). They are "
                "asked until they do",
                info.log_key);
}

void witnesses_status(char out[160], const struct log_info *info)
{
    out[0] = 0;
    if (info->frozen)
        snprintf(out, 160, ", FROZEN");
    else if (info->fence == LOG_PROVING || info->fence == LOG_BOOTED)
        snprintf(out, 160, ", waits for %zu of %zu witnesses", info->quorum, info->witnesses);
    else if (info->fence == LOG_OPEN)
        snprintf(out, 160, ", %s",
                 info->degraded ? "degraded: no quorum of witnesses" : "witnessed");
}

void witnesses_say_moved(const struct service *s)
{
    struct log_info info;
    char words[160], status[400];
    log_info(s->log, &info);
    if (info.frozen)
        say_frozen(s->log, &info);
    else if (info.degraded)
        cli_say("no quorum of witnesses in time: the log goes on DEGRADED, as --degraded-starts "
                "allows, and each receipt says so until they have cosigned its start");
    else
        cli_say("%zu of %zu witnesses have cosigned the log's start: it takes records", info.quorum,
                info.witnesses);
    witnesses_status(words, &info);
    snprintf(status, sizeof status, "%s%s", info.origin, words);
    supervisor_status(status);
}

tl_err witnesses_wait(const struct service *s, struct tl_why *why)
{
    for (;;) {
        struct log_info info;
        bool terminal;
        log_info(s->log, &info);
        if (info.frozen)
            return tl_explain(why, TL_E_FROZEN, NULL, "the log is frozen: %.240s", info.frozen_why);
        if (info.fence == LOG_OPEN || info.fence == LOG_UNWITNESSED)
            return TL_OK;
        int number = service_wait(s, &terminal);
        if (number == SIGNALS_FATAL)
            return tl_explain(why, TL_E_STOPPING, NULL, "the log has stopped");
        if (number != SIGNALS_FENCE)
            return tl_explain(why, TL_E_STOPPING, NULL,
                              "a signal came while it waited for the log's witnesses");
    }
}
