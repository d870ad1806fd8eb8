#include "cli/cli.h"
#include "cli/infile.h"
#include "cli/journal.h"
#include "cli/signals.h"
#include "codec/json_put.h"
#include "http/http.h"
#include "http/tcp_socket.h"
#include "http/tls.h"
#include "witness/state.h"

#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct options {
    const char *data, *name, *policy, *socket, *listen, *tls_cert, *tls_key;
    const char **logs; /* of --log: owned, its texts are not */
    size_t log_count;
    bool access_log, json;
};

struct serving {
    struct witness_state *state;
    struct http_service *http;
    SSL_CTX *tls;
    char *socket; /* owned */
};

static tl_err add_policy(struct witness_state *w, slice text, struct tl_why *why)
{
    struct tlog_policy *p = NULL;
    tl_err err = tlog_policy_read(&p, text, why);
    for (size_t i = 0; err == TL_OK && i < p->log_count; i++)
        err = witness_state_add(w, &p->logs[i].key, why);
    tlog_policy_free(p);
    return err;
}

static tl_err add_logs(struct witness_state *w, const struct options *o, struct tl_why *why)
{
    tl_err err = TL_OK;
    for (size_t i = 0; i < o->log_count && err == TL_OK; i++) {
        struct note_key key;
        err = note_key_read(&key, slice_str(o->logs[i]));
        if (err == TL_OK)
            err = witness_state_add(w, &key, why);
    }
    if (err != TL_OK || !o->policy)
        return err;
    buf text;
    buf_init(&text, TLOG_POLICY_MAX);
    err = infile_read(&text, o->policy) == EXIT_GOOD ? TL_OK : TL_E_IO;
    if (err == TL_OK)
        err = add_policy(w, buf_slice(&text), why);
    buf_finish(&text);
    return err;
}

static SSL_CTX *give_tls(void *ctx)
{
    struct serving *s = ctx;
    return SSL_CTX_up_ref(s->tls) == 1 ? s->tls : NULL;
}

static tl_err start(struct serving *s, const struct options *o, struct tl_why *why)
{
    tl_err err = witness_state_open(&s->state, o->data, o->name, why);
    if (err == TL_OK)
        err = add_logs(s->state, o, why);
    if (err == TL_OK && o->tls_cert)
        err = tls_from_files(&s->tls, o->tls_cert, o->tls_key, why);
    if (err == TL_OK && !o->socket && asprintf(&s->socket, "%s/witness.sock", o->data) < 0) {
        s->socket = NULL;
        err = TL_E_MEMORY;
    }
    if (err != TL_OK)
        return err;
    const struct http_config config = {
        .socket_path = o->socket ? o->socket : s->socket,
        .listen = o->listen,
        .tls = s->tls ? give_tls : NULL,
        .tls_ctx = s,
        .access = o->access_log ? journal_access : NULL,
        .broke_off = journal_broke_off,
    };
    signals_block(true);
    err = http_start_witness(&s->http, s->state, &config, why);
    signals_block(false);
    return err;
}

static void finish(struct serving *s)
{
    http_stop(s->http);
    SSL_CTX_free(s->tls);
    witness_state_close(s->state);
    free(s->socket);
}

static void say_ready(const struct serving *s, const struct options *o)
{
    char at[TCP_TEXT] = "";
    buf key, line;
    buf_init(&key, 1024);
    buf_init(&line, 8192);
    cosigner_put(&key, witness_state_key(s->state));
    buf_u8(&key, 0);
    const char *text = buf_err(&key) == TL_OK ? (const char *)key.p : "";
    const char *socket = o->socket ? o->socket : s->socket;
    size_t logs = witness_state_count(s->state);
    if (o->listen)
        tcp_address_text(at, http_listening(s->http));
    if (o->json) {
        buf_str(&line, "{\"event\":\"ready\"");
        json_put_member(&line, "key", text);
        json_put_number(&line, "logs", logs);
        json_put_member(&line, "socket", socket);
        if (at[0])
            json_put_member(&line, "listening", at);
        buf_str(&line, "}\n");
    } else {
        buf_printf(&line, "teelog: ready, witness of %zu logs, socket %s, %s%s%skey %s\n", logs,
                   socket, at[0] ? "listening on " : "", at, at[0] ? ", " : "", text);
    }
    (void)!fwrite(line.p, 1, line.n, stdout);
    fflush(stdout);
    buf_finish(&line);
    buf_finish(&key);
}

static int serve(const struct options *o)
{
    struct serving s = {0};
    struct tl_why why = {{0}, {0}};
    bool terminal;
    tl_err err = signals_open();
    if (err == TL_OK)
        err = start(&s, o, &why);
    if (err == TL_OK) {
        say_ready(&s, o);
        while (signals_wait(0, &terminal) == SIGCHLD)
            ;
    }
    finish(&s);
    return err == TL_OK ? EXIT_GOOD : cli_fail("cannot witness", err, &why);
}

static int check(const struct options *o, int argc, char **argv)
{
    struct note_key key;
    if (optind < argc)
        return cli_usage("witness", "witness takes no argument %s", argv[optind]);
    if (!o->data)
        return cli_usage("witness", "where does the witness keep what it said? Give --data DIR");
    if (o->log_count == 0 && !o->policy)
        return cli_usage("witness", "which logs? Give --log KEY, a verifier key, or --policy FILE");
    for (size_t i = 0; i < o->log_count; i++)
        if (note_key_read(&key, slice_str(o->logs[i])) != TL_OK)
            return cli_usage("witness", "--log takes a log's verifier key, as `teelog serve` "
                                        "shows it");
    if (!o->tls_cert != !o->tls_key)
        return cli_usage("witness", "--tls-cert and --tls-key go together");
    if (o->tls_cert && !o->listen)
        return cli_usage("witness", "--tls-cert is for --listen");
    return EXIT_GOOD;
}

static int take(struct options *o, int got)
{
    const char **texts[] = {
        ['d'] = &o->data,   ['n'] = &o->name,     ['p'] = &o->policy, ['s'] = &o->socket,
        ['l'] = &o->listen, ['c'] = &o->tls_cert, ['k'] = &o->tls_key};
    if (got == 'L')
        o->logs[o->log_count++] = optarg;
    else if (got == 'a')
        o->access_log = true;
    else if (got == 'j')
        o->json = true;
    else if (got > 0 && (size_t)got < sizeof texts / sizeof texts[0] && texts[got])
        *texts[got] = optarg;
    else
        return cli_option_exit(got);
    return EXIT_GOOD;
}

int cmd_witness(int argc, char **argv)
{
    static const struct option longs[] = {
        {"data", required_argument, NULL, 'd'},     {"name", required_argument, NULL, 'n'},
        {"log", required_argument, NULL, 'L'},      {"policy", required_argument, NULL, 'p'},
        {"socket", required_argument, NULL, 's'},   {"listen", required_argument, NULL, 'l'},
        {"tls-cert", required_argument, NULL, 'c'}, {"tls-key", required_argument, NULL, 'k'},
        {"access-log", no_argument, NULL, 'a'},     {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},           {0},
    };
    struct options o = {.logs = calloc((size_t)argc + 1, sizeof *o.logs)};
    int code = EXIT_GOOD;
    if (!o.logs)
        return cli_fail("witness", TL_E_MEMORY, NULL);
    for (int got;
         code == EXIT_GOOD && (got = cli_option(argc, argv, "h", longs, "witness")) != -1;) {
        code = take(&o, got);
        if (got == 'h') {
            free(o.logs);
            return code;
        }
    }
    if (code == EXIT_GOOD)
        code = check(&o, argc, argv);
    if (code == EXIT_GOOD)
        code = serve(&o);
    free(o.logs);
    return code;
}
