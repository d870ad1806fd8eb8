/* What a service says of itself at its start. */
#include "base/encoding.h"
#include "cli/cli.h"
#include "cli/journal.h"
#include "cli/service.h"
#include "cli/supervisor.h"
#include "cli/witnesses.h"
#include "crypto/sign.h"
#include "http/tcp_socket.h"

#include <string.h>

void service_say_platform(struct tee *tee)
{
    buf text;
    buf_init(&text, 512);
    const char *kind = tee_kind(tee), *shown = tee_shown(tee);
    if (shown)
        buf_printf(&text, "--tee auto chose %s, since there is %s; ", kind, shown);
    else if (strcmp(kind, tee_platform(tee)) != 0)
        buf_printf(&text, "%s with a stand-in that was named: SIMULATED, it proves nothing; ",
                   kind);
    if (!tee_keeps_keys(tee))
        buf_str(&text, "it keeps no keys, so that this log ends with this boot; ");
    tee_identity(tee, &text);
    if (text.n > 2 && memcmp(text.p + text.n - 2, "; ", 2) == 0)
        text.n -= 2;
    if (text.n && buf_err(&text) == TL_OK)
        cli_say("platform: %.*s", (int)text.n, (const char *)text.p);
    buf_finish(&text);
}

static void say_upgraded(struct log *log)
{
    struct log_info info;
    log_info(log, &info);
    if (info.upgraded)
        cli_say("note: the database was of version %u, which teelogs of before can open; it is now "
                "of a newer one, which they cannot",
                info.upgraded);
}

static void say_set_aside(const struct service *s, const char *dir)
{
    struct log_info info;
    log_info(s->log, &info);
    if (info.set_aside[0])
        cli_say("note: this is a new log, with a new key. %s; it lies whole in %s/%s",
                tee_keeps_keys(s->tee)
                    ? "The one before did not open, and was set aside as you said (--set-aside)"
                    : "The keys of the one before ended with its service, as they do on this "
                      "platform, and nobody but a recovery key's owner can open it any more",
                dir, info.set_aside);
}

/* What a verifier's report calls it by. */
static void say_recovery_key(const struct service *s)
{
    char hex[65];
    if (!s->recovery)
        return;
    hash32 tp = es256_thumbprint(s->recovery);
    hex_text(hex, tp.b, sizeof tp.b);
    cli_say("the holder of the recovery key %s can read all that is logged here", hex);
}

void service_say_log(const struct service *s, const char *dir)
{
    say_upgraded(s->log);
    say_set_aside(s, dir);
    say_recovery_key(s);
    witnesses_say_start(s);
}

void service_say_ready(const struct service *s, FILE *out)
{
    struct log_info info;
    char status[500], words[160];
    buf line;
    log_info(s->log, &info);
    buf_init(&line, 4096);
    const struct tcp_address *address = http_listening(s->http);
    char listening[TCP_TEXT] = "";
    if (address)
        tcp_address_text(listening, address);
    journal_ready(&line, &info, s->socket, address ? listening : NULL);
    (void)!fwrite(line.p, 1, line.n, out);
    fflush(out);
    buf_finish(&line);
    witnesses_status(words, &info);
    snprintf(status, sizeof status, "%s, %s%s", info.origin,
             info.simulated ? "SIMULATED platform" : info.platform, words);
    supervisor_ready(status);
}
