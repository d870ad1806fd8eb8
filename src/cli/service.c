#include "cli/service.h"

#include "attest/chain.h"
#include "attest/dcap.h"
#include "cli/cli.h"
#include "cli/infile.h"
#include "cli/journal.h"
#include "cli/peers.h"
#include "cli/signals.h"
#include "cli/supervisor.h"
#include "cli/witnesses.h"
#include "crypto/agree.h"
#include "http/ra_tls.h"
#include "http/shares.h"
#include "http/tcp_socket.h"
#include "http/tls.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static tl_err make_directory(const char *path, struct tl_why *why)
{
    struct stat st;
    if (mkdir(path, 0700) == 0)
        return TL_OK;
    int error = errno;
    if (error == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return TL_OK;
    return tl_explain(why, TL_E_IO, "data", "cannot make the data directory %s: %s", path,
                      strerror(error));
}

/* run's child may change its directory, so the path is made absolute. */
static char *absolute(const char *path)
{
    char *out = NULL;
    if (path[0] == '/')
        return strdup(path);
    char *here = getcwd(NULL, 0);
    int n = here ? asprintf(&out, "%s/%s", here, path) : -1;
    free(here);
    return n < 0 ? NULL : out;
}

tl_err service_prepare(struct service *s, const struct service_options *o, struct tl_why *why)
{
    supervisor_open();
    tl_err err = make_directory(o->data, why);
    if (err != TL_OK)
        return err;
    char *in_data = o->socket ? NULL : cli_socket_in(o->data);
    const char *path = o->socket ? o->socket : in_data;
    s->socket = path ? absolute(path) : NULL;
    free(in_data);
    if (asprintf(&s->collateral, "%s/" LOG_COLLATERAL, o->data) < 0)
        s->collateral = NULL;
    return s->socket && s->collateral ? TL_OK : TL_E_MEMORY;
}

static void fatal(void *ctx, const char *text)
{
    struct service *s = ctx;
    s->failed = true;
    cli_say("the log has stopped: %s; start the service again", text);
    signals_fatal();
}

static void give_collateral(void *ctx, slice json)
{
    struct service *s = ctx;
    tl_err err = log_put_collateral(s->log, json);
    if (err != TL_OK)
        cli_say("collateral cannot go into bundles: %s", tl_err_text(err));
    if (s->ra_tls)
        ra_tls_give_collateral(s->ra_tls, json);
}

static void say_collateral(void *ctx, const char *text)
{
    (void)ctx;
    cli_say("collateral for this platform's evidence: %s", text);
}

static bool is_ending(void *ctx)
{
    (void)ctx;
    return signals_pending();
}

/* Which root its quotes come from: the simulator's is its own. */
static tl_err own_root(hash32 *out, const struct tee *tee, slice quote)
{
    struct quote q;
    struct chain chain;
    *out = dcap_intel_root;
    if (!tee_simulated(tee))
        return TL_OK;
    tl_err err = quote_read(&q, quote, NULL);
    if (err == TL_OK)
        err = chain_read_pck(&chain, q.cert_data, NULL);
    if (err != TL_OK)
        return err;
    *out = chain.root_spki;
    chain_finish(&chain);
    return TL_OK;
}

/* Verifiers need collateral beside the evidence. The simulator signs its own, and
 * is asked for it with each bundle; for hardware Intel's service is asked, or the
 * PCCS that was named. */
static tl_err keep_collateral(struct service *s, const struct service_options *o,
                              struct tl_why *why)
{
    static const uint8_t nothing[64];
    struct keeper_options k = {.pcs = o->pcs,
                               .cache_dir = s->collateral,
                               .give = give_collateral,
                               .say = say_collateral,
                               .hurry = is_ending,
                               .ctx = s};
    buf quote;
    if (tee_simulated(s->tee) && !o->pcs.pccs) {
        if (o->pcs.proxy || o->pcs.ca_file)
            cli_say("note: --proxy and --ca have no effect, since a simulated platform makes its "
                    "own collateral; give --pccs to ask a PCCS instead");
        return TL_OK;
    }
    buf_init(&quote, TEE_QUOTE_MAX);
    tl_err err = tee_quote(s->tee, nothing, &quote, NULL, why);
    if (err == TL_OK)
        err = own_root(&k.root, s->tee, buf_slice(&quote));
    k.quote = buf_slice(&quote);
    if (err == TL_OK)
        err = keeper_start(&s->keeper, &k);
    buf_finish(&quote);
    return err;
}

/* Each connection asks. */
static SSL_CTX *give_tls(void *ctx)
{
    struct service *s = ctx;
    if (s->ra_tls)
        return ra_tls_context(s->ra_tls);
    return SSL_CTX_up_ref(s->tls) == 1 ? s->tls : NULL;
}

/* In a TEE it needs no asking: a certificate that the host holds the key of would show
 * less, and without one there is no TLS. */
static bool is_attested(const struct service *s, const struct service_options *o)
{
    return o->listen && !o->tls_cert && (o->ra_tls || !tee_simulated(s->tee));
}

static void say_certificate(void *ctx, const char *text)
{
    (void)ctx;
    cli_say("no new certificate for TLS, and the old one goes on for a day at most: %s", text);
}

static tl_err attest_tls(struct service *s, const struct service_options *o, struct tl_why *why)
{
    const struct ra_tls_options r = {
        .tee = s->tee,
        .small = o->ra_tls && strcmp(o->ra_tls, "small") == 0,
        .say = say_certificate,
    };
    return is_attested(s, o) ? ra_tls_start(&s->ra_tls, &r, why) : TL_OK;
}

static tl_err check_listen(const struct service *s, const struct service_options *o,
                           struct tl_why *why)
{
    struct tcp_address address;
    if (!o->listen)
        return TL_OK;
    tl_err err = tcp_address_read(&address, o->listen, why);
    if (err == TL_OK && o->admit_attested && !o->tls_cert && !is_attested(s, o))
        err = tl_explain(why, TL_E_USAGE, "admit-attested",
                         "attested peers come in over TLS: give --ra-tls full as well");
    if (err == TL_OK && !o->tls_cert && !is_attested(s, o))
        err = tcp_may_be_plain(&address, tee_simulated(s->tee), why);
    return err;
}

/* Who is let in is the owner's choice; whether that was right, a verifier's policy says. */
static tl_err admit_peers(struct service *s, const struct service_options *o, struct tl_why *why)
{
    const struct peers_options p = {
        .policy_file = o->admit_attested,
        .log = &s->log,
        .dir = s->collateral,
        .pcs = tee_simulated(s->tee) && !o->pcs.pccs ? NULL : &o->pcs,
    };
    return o->admit_attested ? peers_start(&s->peers, &p, why) : TL_OK;
}

static void say_retention(void *ctx, const char *text)
{
    (void)ctx;
    cli_say("%s", text);
}

tl_err service_recovery_key(struct service *s, const char *path, struct tl_why *why)
{
    buf pem;
    if (!path)
        return TL_OK;
    buf_init(&pem, PEM_KEY_MAX);
    tl_err err = infile_read(&pem, path) == EXIT_GOOD ? TL_OK : TL_E_IO;
    if (err == TL_OK && es256_public_pem(&s->recovery, buf_slice(&pem)) != TL_OK)
        err =
            tl_explain(why, TL_E_USAGE, "recovery-key",
                       "%s is not a public key on P-256 in PEM: openssl pkey -in KEY -pubout makes "
                       "it of the private one, which has no place here",
                       path);
    buf_finish(&pem);
    return err;
}

static tl_err keep_for_a_time(struct service *s, const struct service_options *o)
{
    struct retain_options r = o->retain;
    r.say = say_retention;
    return r.count ? retain_start(&s->retain, s->log, &r) : TL_OK;
}

tl_err service_start(struct service *s, const struct service_options *o, struct tl_why *why)
{
    struct log_config log = {
        .dir = o->data,
        .origin = o->origin,
        .admissions = o->token ? 1 << ADMISSION_CHILD : 1 << ADMISSION_BEARER,
        .command = o->command,
        .sessions_per_second = o->session_rate,
        .quotes_per_second = o->quote_rate,
        .quotes_burst = 3 * o->quote_rate,
        .stall_bytes = memory_stalled(&o->limits),
        .query_bytes = memory_rows(&o->limits),
        .agents = o->max_agents,
        .max_bytes = o->max_bytes,
        .min_free = o->min_free,
        .fatal = fatal,
        .fatal_ctx = s,
        .set_aside = o->set_aside,
    };
    if (o->admit_attested)
        log.admissions |= 1 << ADMISSION_ATTESTED;
    struct http_config http = {
        .socket_path = s->socket,
        .run_token = o->token,
        .agents = o->agents,
        .agent_count = o->agent_count,
        .admin_digest = o->has_admin ? o->admin_digest : NULL,
        .access = o->access_log ? journal_access : NULL,
        .broke_off = journal_broke_off,
        .listen = o->listen,
        .tls_ctx = s,
        .limits = o->limits,
    };
    signals_block(true);
    tl_err err = o->tls_cert ? tls_from_files(&s->tls, o->tls_cert, o->tls_key, why) : TL_OK;
    if (err == TL_OK)
        err = service_recovery_key(s, o->recovery_key, why);
    log.recovery = s->recovery;
    if (err == TL_OK)
        err = witnesses_read(s, o, &log.witnessing, why);
    if (err == TL_OK)
        err = tee_open(&s->tee, o->tee, o->data, why);
    if (err == TL_OK)
        service_say_platform(s->tee);
    if (err == TL_OK)
        err = check_listen(s, o, why); /* before there is a log */
    if (err == TL_OK)
        err = admit_peers(s, o, why); /* likewise */
    if (err == TL_OK)
        err = log_open(&s->log, s->tee, &log, why);
    if (err == TL_OK)
        err = attest_tls(s, o, why); /* before there is a thread that gives collateral */
    if (err == TL_OK) {
        service_say_log(s, o->data);
        err = keep_collateral(s, o, why);
    }
    if (err == TL_OK)
        err = keep_for_a_time(s, o);
    http.tls = s->tls || s->ra_tls ? give_tls : NULL;
    http.admit = peers_admit(s->peers);
    if (err == TL_OK)
        err = http_start(&s->http, s->log, &http, why);
    signals_block(false);
    return err;
}

int service_wait(const struct service *s, bool *from_terminal)
{
    int number;
    do {
        number = signals_wait(supervisor_watchdog_ms(), from_terminal);
        /* The thread that commits answers this, or nobody hears of us again. */
        if (number == SIGNALS_NONE && log_ping(s->log) == TL_OK)
            supervisor_alive();
    } while (number == SIGNALS_NONE);
    if (number == SIGNALS_FENCE)
        witnesses_say_moved(s);
    return number;
}

void service_shut(struct service *s)
{
    supervisor_stopping();
    tee_set_deadline(s->tee, TEE_HURRY_MS);
    log_wind_up(s->log);
    peers_end(s->peers);
    http_stop(s->http);
    peers_free(s->peers);
    s->peers = NULL;
    s->http = NULL;
}

void service_end(struct service *s)
{
    service_shut(s);
    keeper_stop(s->keeper);
    ra_tls_stop(s->ra_tls);
    retain_stop(s->retain);
    s->keeper = NULL;
    s->ra_tls = NULL;
    s->retain = NULL;
    log_end(s->log);
}

void service_stop(struct service *s)
{
    service_end(s);
    SSL_CTX_free(s->tls);
    s->tls = NULL;
    log_close(s->log);
    tee_close(s->tee);
    es256_free(s->recovery);
    s->recovery = NULL;
    tlog_policy_free(s->witnesses);
    s->witnesses = NULL;
    free(s->socket);
    free(s->collateral);
    s->collateral = NULL;
    s->log = NULL;
    s->tee = NULL;
    s->socket = NULL;
}
