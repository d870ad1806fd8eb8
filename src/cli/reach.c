#include "cli/reach.h"

#include "attest/collateral.h"
#include "cli/cli.h"
#include "cli/infile.h"
#include "cli/report.h"
#include "verify/policy.h"

#include <stdlib.h>
#include <time.h>

#define TOKEN_MAX 4096 /* bytes */

bool reach_option(struct reach *r, int option, const char *value)
{
    const char **to = option == REACH_SOCKET            ? &r->socket
                      : option == REACH_DATA            ? &r->data
                      : option == REACH_URL             ? &r->url
                      : option == REACH_CA              ? &r->ca_file
                      : option == REACH_TOKEN_FILE      ? &r->token_file
                      : option == REACH_PEER_POLICY     ? &r->peer_policy
                      : option == REACH_PEER_COLLATERAL ? &r->peer_collateral
                      : option == REACH_ATTEST          ? &r->attest
                                                        : NULL;
    if (to)
        *to = value;
    return to != NULL;
}

/* It goes into a header line. */
static bool is_token(slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    return s.n > 0;
}

static int read_token(struct reach *r, const char *command)
{
    const char *file = r->token_file ? r->token_file : cli_token_file();
    buf_init_secret(&r->token, TOKEN_MAX);
    if (file) {
        int code = infile_read(&r->token, file);
        if (code != EXIT_GOOD)
            return code;
        while (r->token.n && strchr("\r\n", r->token.p[r->token.n - 1]))
            r->token.n--;
    } else if (cli_token()) {
        buf_str(&r->token, cli_token());
    } else {
        return EXIT_GOOD;
    }
    if (!is_token(buf_slice(&r->token)))
        return cli_usage(command, "%s holds no token: `teelog token create -o FILE` writes one",
                         file ? file : "TEELOG_TOKEN");
    buf_u8(&r->token, 0);
    if (buf_err(&r->token) != TL_OK)
        return cli_fail(command, buf_err(&r->token), NULL);
    return EXIT_GOOD;
}

/* What is given counts before the environment, and there an address before a socket. */
static int find(struct reach *r, const char *command)
{
    struct tl_why why = {{0}, {0}};
    bool here = r->socket || r->data;
    if (here && (r->url || r->ca_file || r->peer_policy || r->attest))
        return cli_usage(command, "--url, --ca, --peer-policy and --attest are for a service "
                                  "elsewhere: give them, or --socket or --data");
    const char *url = r->url || here ? r->url : cli_url_default();
    r->remote = url != NULL;
    if (!url) {
        r->path = cli_socket_path(command, r->socket, r->data);
        return r->path ? EXIT_GOOD : EXIT_USAGE;
    }
    tl_err err = link_url_read(&r->where, url, &why);
    return err == TL_OK ? EXIT_GOOD : cli_usage(command, "%s", why.text);
}

/* A policy that is not asked would be worse than none. */
static int read_peer(struct reach *r, const char *command)
{
    buf_init(&r->collateral, COLLATERAL_MAX);
    if (r->peer_collateral && !r->peer_policy)
        return cli_usage(command, "--peer-collateral goes with --peer-policy");
    if (!r->peer_policy)
        return EXIT_GOOD;
    if (r->ca_file)
        return cli_usage(command,
                         "--peer-policy judges the certificate in place of a CA: leave out "
                         "--ca, or it");
    if (!r->remote || !r->where.tls)
        return cli_usage(command,
                         "--peer-policy judges a certificate: give --url https://HOST:PORT");
    int code = policy_file_read(&r->policy, r->peer_policy);
    if (code == EXIT_GOOD && r->peer_collateral)
        code = infile_read(&r->collateral, r->peer_collateral);
    return code;
}

/* What we show of ourselves. */
static int open_identity(struct reach *r, const char *command)
{
    struct tl_why why = {{0}, {0}};
    if (!r->attest)
        return EXIT_GOOD;
    if (!r->remote || !r->where.tls)
        return cli_usage(command, "--attest shows a certificate: give --url https://HOST:PORT");
    tl_err err = identity_open(&r->identity, r->attest, &why);
    if (err == TL_E_USAGE)
        return cli_usage(command, "%s", why.text);
    if (err != TL_OK)
        return cli_fail(command, err, &why);
    if (identity_simulated(r->identity))
        cli_say("note: --attest shows a SIMULATED platform; it proves nothing");
    return EXIT_GOOD;
}

int reach_check(struct reach *r, const char *command)
{
    int code = read_token(r, command);
    if (code == EXIT_GOOD)
        code = find(r, command);
    if (code == EXIT_GOOD)
        code = read_peer(r, command);
    return code == EXIT_GOOD ? open_identity(r, command) : code;
}

int reach_stopped(struct reach *r, const char *command)
{
    if (!r->data)
        r->data = cli_data_default();
    return r->data ? EXIT_GOOD
                   : cli_usage(command, "--tee reads a stopped log; which? Give --data DIR");
}

/* Of every connection alike, so it is said once. */
static void say_simulated(void)
{
    static bool said;
    if (!said)
        cli_say(
            "note: the service shows a SIMULATED platform, which --peer-policy takes; it proves "
            "nothing");
    said = true;
}

static tl_err open_socket(struct client **out, const char *path, const char *token,
                          int64_t until_ms, struct tl_why *why)
{
    struct link link;
    tl_err err = link_open_socket(&link, path, until_ms, why);
    return err == TL_OK ? client_over(out, &link, path, "localhost", token) : err;
}

tl_err reach_open(struct client **out, const struct reach *r, struct tl_why *why)
{
    return reach_open_by(out, r, 0, why);
}

tl_err reach_open_by(struct client **out, const struct reach *r, int64_t until_ms,
                     struct tl_why *why)
{
    const char *token = r->token.n ? (const char *)r->token.p : NULL;
    struct link_trust trust = {
        .until_ms = until_ms,
        .ca_file = r->ca_file,
        .policy = r->policy ? r->policy->policy : NULL,
        .collateral = r->collateral.n ? buf_slice(&r->collateral) : (slice){NULL, 0},
    };
    if (!r->remote)
        return open_socket(out, r->path, token, until_ms, why);
    tl_err err = TL_OK;
    const struct ra_tls_identity *own = NULL;
    if (r->identity)
        err = identity_get(r->identity, (uint64_t)time(NULL), &own, why);
    if (err == TL_OK && own) {
        trust.cert = own->cert;
        trust.key = own->key;
    }
    if (err == TL_OK)
        err = client_open_url(out, &r->where, &trust, token, why);
    if (err == TL_OK && client_is_simulated(*out))
        say_simulated();
    return err;
}

void reach_finish(struct reach *r)
{
    buf_finish(&r->token);
    buf_finish(&r->collateral);
    teelog_policy_free(r->policy);
    r->policy = NULL;
    identity_free(r->identity);
    r->identity = NULL;
    free(r->path);
    r->path = NULL;
}
