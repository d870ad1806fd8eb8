/* A new log that follows an older one: its genesis, which quotes the older one's last note. */
#include "cli/cli.h"
#include "cli/infile.h"
#include "cli/service_options.h"
#include "cli/successor_ask.h"
#include "cli/witnesses.h"
#include "codec/json_put.h"
#include "crypto/sign.h"
#include "log/successor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct options {
    struct service_options service; /* of the new log */
    const char *old, *note, *log_key, *old_witnesses;
    bool unwitnessed, json;
};

/* ---- the older log ---- */

/* Its key, where its platform still opens it. */
static tl_err ask_old(struct note_key *out, const struct options *o, struct tl_why *why)
{
    struct tl_why inner = {{0}, {0}};
    struct tee *tee = NULL;
    struct log *log = NULL;
    struct log_info info;
    tl_err err = tee_open_existing(&tee, o->service.tee, o->old, &inner);
    if (err == TL_OK)
        err = log_open_read(&log, tee, o->old, &inner);
    if (err == TL_OK) {
        log_info(log, &info);
        err = note_key_read(out, slice_str(info.log_key));
    }
    log_close(log);
    tee_close(tee);
    if (err == TL_OK || err == TL_E_MEMORY)
        return err;
    if (err == TL_E_LOCKED)
        return tl_explain(why, err, inner.field, "%s", inner.text);
    return tl_explain(why, err, "log-key",
                      "the older log does not say by itself what its key is (%.150s): give the one "
                      "that you have pinned, --log-key KEY",
                      tl_why_text(&inner, err));
}

static tl_err find_key(struct note_key *out, const struct options *o, struct tl_why *why)
{
    if (o->log_key)
        return note_key_read(out, slice_str(o->log_key)); /* it was looked at before */
    return ask_old(out, o, why);
}

static tl_err read_note(struct log_last_note *out, const char *path,
                        const struct log_last_options *last, struct tl_why *why)
{
    buf b;
    buf_init(&b, NOTE_MAX);
    tl_err err = infile_read(&b, path) == EXIT_GOOD ? TL_OK : TL_E_IO;
    if (err == TL_OK)
        err = log_last_note_judge(out, buf_slice(&b), last, why);
    buf_finish(&b);
    return err;
}

/* A witness knows a log by its origin: under the old one it would have to take back what it has
 * cosigned. */
static tl_err check_origin(const struct options *o, const struct log_last_note *n,
                           struct tl_why *why)
{
    if (strcmp(o->service.origin, n->origin) != 0)
        return TL_OK;
    return tl_explain(why, TL_E_USAGE, "origin",
                      "%s is the older log's origin, by which witnesses know it: the new log needs "
                      "another",
                      n->origin);
}

/* s: for its witnesses, which are the older log's too, where none are named for that. */
static tl_err find_note(struct log_last_note *out, const struct options *o,
                        const struct tlog_policy *witnesses, struct tl_why *why)
{
    struct note_key key;
    struct tlog_policy *old = NULL;
    struct log_last_options last = {
        .key = &key, .policy = witnesses, .unwitnessed = o->unwitnessed};
    tl_err err = o->old_witnesses ? witnesses_policy(&old, o->old_witnesses, why) : TL_OK;
    if (old)
        last.policy = old;
    if (err == TL_OK)
        err = find_key(&key, o, why);
    if (err == TL_OK)
        err = o->note ? read_note(out, o->note, &last, why)
                      : log_last_note_read(out, o->old, &last, why);
    if (err == TL_OK)
        err = check_origin(o, out, why);
    if (err == TL_OK && last.policy)
        err = successor_ask(out, &key, last.policy, why);
    tlog_policy_free(old);
    return err;
}

/* ---- the new one ---- */

static tl_err begin(struct service *s, const struct options *o, const struct log_witnessing *w,
                    slice note, struct tl_why *why)
{
    const struct service_options *so = &o->service;
    struct log_config log = {.dir = so->data,
                             .origin = so->origin,
                             .admissions = 1 << ADMISSION_BEARER,
                             .succeeds = note,
                             .witnessing = *w};
    tl_err err = service_recovery_key(s, so->recovery_key, why);
    log.recovery = s->recovery;
    if (err == TL_OK)
        err = tee_open(&s->tee, so->tee, so->data, why);
    if (err == TL_OK && !tee_keeps_keys(s->tee))
        err = tl_explain(why, TL_E_USAGE, "tee",
                         "%s keeps no keys: a log that is begun there ends with this command",
                         tee_kind(s->tee));
    if (err == TL_OK)
        err = log_open(&s->log, s->tee, &log, why);
    return err;
}

static void put_cosigned(buf *b, const struct log_last_note *n)
{
    json_put_name(b, "cosigned");
    if (!n->cosigned) {
        buf_str(b, "null");
        return;
    }
    buf_printf(b, "{\"witnesses\":%zu,\"time\":%" PRIu64 "}", n->quorum.valid, n->quorum.time);
}

static void put_json(buf *b, const struct log_info *info, const struct log_last_note *n)
{
    buf_str(b, "{\"origin\":");
    json_put_str(b, info->origin);
    json_put_member(b, "logKey", info->log_key);
    json_put_hex(b, "logId", hash_slice(&info->log_id));
    json_put_number(b, "size", info->size);
    buf_str(b, ",\"succeeds\":{\"origin\":");
    json_put_str(b, n->origin);
    json_put_number(b, "size", n->size);
    json_put_base64(b, "root", hash_slice(&n->root));
    put_cosigned(b, n);
    buf_str(b, "}");
    if (info->simulated)
        json_put_bool(b, "simulated", true);
    buf_str(b, "}\n");
}

static void put_text(buf *b, const struct options *o, const struct log_info *info,
                     const struct log_last_note *n)
{
    buf_printf(b, "begun: %s%s, which follows %s at size %" PRIu64 ", ", info->origin,
               info->simulated ? " (SIMULATED platform)" : "", n->origin, n->size);
    if (n->cosigned)
        buf_printf(b, "cosigned by %zu of its witnesses\n", n->quorum.valid);
    else
        buf_str(b, "signed by its key alone, as you said\n");
    buf_printf(b,
               "its key: %s\n"
               "Pin that key and origin in the policy of whoever relies on the log, beside or in "
               "place of the older ones: until then they do not take it for theirs. What the older "
               "log has said stays good under the older key.\n",
               info->log_key);
    if (info->witnesses)
        buf_printf(
            b,
            "Give the key to each of the %zu witnesses (teelog witness --log KEY); no record "
            "is taken before %zu of them have cosigned the start.\n",
            info->witnesses, info->quorum);
    buf_printf(b, "It goes on with: teelog serve --data %s\n", o->service.data);
}

static tl_err tell(const struct service *s, const struct options *o, const struct log_last_note *n)
{
    struct log_info info;
    buf b;
    buf_init(&b, 65536);
    log_info(s->log, &info);
    if (o->json)
        put_json(&b, &info, n);
    else
        put_text(&b, o, &info, n);
    tl_err err = buf_err(&b);
    if (err == TL_OK && (fwrite(b.p, 1, b.n, stdout) != b.n || fflush(stdout) != 0))
        err = TL_E_IO;
    buf_finish(&b);
    return err;
}

static int succeed(const struct options *o)
{
    struct service s = {0};
    struct tl_why why = {{0}, {0}};
    struct log_last_note note;
    struct log_witnessing w;
    log_last_note_init(&note);
    tl_err err = witnesses_read(&s, &o->service, &w, &why);
    w.moved = NULL; /* they are asked once it is served */
    w.say = NULL;
    w.end_ms = 0;
    if (err == TL_OK)
        err = find_note(&note, o, s.witnesses, &why);
    if (err == TL_OK)
        err = service_prepare(&s, &o->service, &why);
    if (err == TL_OK)
        err = begin(&s, o, &w, buf_slice(&note.note), &why);
    if (err == TL_OK)
        err = tell(&s, o, &note);
    service_stop(&s);
    log_last_note_finish(&note);
    return err == TL_OK ? EXIT_GOOD : cli_fail("no log was begun", err, &why);
}

/* ---- the command line ---- */

enum { OLD = 1000, NOTE, LOG_KEY, OLD_WITNESSES, UNWITNESSED, JSON };

static int take(struct options *o, int got, char *value)
{
    switch (got) {
    case OLD:
        o->old = value;
        return EXIT_GOOD;
    case NOTE:
        o->note = value;
        return EXIT_GOOD;
    case LOG_KEY:
        o->log_key = value;
        return EXIT_GOOD;
    case OLD_WITNESSES:
        o->old_witnesses = value;
        return EXIT_GOOD;
    case UNWITNESSED:
        o->unwitnessed = true;
        return EXIT_GOOD;
    case JSON:
        o->json = true;
        return EXIT_GOOD;
    default:
        return service_option_take(&o->service, "successor", got, value);
    }
}

static int check(const struct options *o)
{
    struct note_key key;
    if (!o->old == !o->note)
        return cli_usage("successor", "which log is to be followed? Give its directory, --old DIR, "
                                      "or its last cosigned note, --note FILE");
    if (!o->service.origin)
        return cli_usage("successor", "what is the new log to be called? Give --origin, another "
                                      "than the older log's");
    if (o->note && !o->log_key)
        return cli_usage("successor", "whose note is it? Give the older log's key, --log-key");
    if (o->log_key && note_key_read(&key, slice_str(o->log_key)) != TL_OK)
        return cli_usage("successor",
                         "--log-key takes a verifier key, as `teelog verify` shows it");
    return service_options_check(&o->service, "successor");
}

int cmd_successor(int argc, char **argv)
{
    static const struct option longs[] = {
        {"old", required_argument, NULL, OLD},
        {"note", required_argument, NULL, NOTE},
        {"log-key", required_argument, NULL, LOG_KEY},
        {"old-witnesses", required_argument, NULL, OLD_WITNESSES},
        {"unwitnessed", no_argument, NULL, UNWITNESSED},
        {"data", required_argument, NULL, OPTION_DATA},
        {"tee", required_argument, NULL, OPTION_TEE},
        {"origin", required_argument, NULL, OPTION_ORIGIN},
        {"witnesses", required_argument, NULL, OPTION_WITNESSES},
        {"faulty", required_argument, NULL, OPTION_FAULTY},
        {"degraded-starts", no_argument, NULL, OPTION_DEGRADED_STARTS},
        {"recovery-key", required_argument, NULL, OPTION_RECOVERY_KEY},
        {"json", no_argument, NULL, JSON},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct options o = {.service = {.tee = "auto", .data = cli_data_default()}};
    for (int got; (got = cli_option(argc, argv, "h", longs, "successor")) != -1;) {
        int code = take(&o, got, optarg);
        if (code != EXIT_GOOD || got == 'h')
            return code;
    }
    if (optind < argc)
        return cli_usage("successor", "successor takes no argument %s", argv[optind]);
    int code = check(&o);
    return code == EXIT_GOOD ? succeed(&o) : code;
}
