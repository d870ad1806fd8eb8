/* A running log with its socket: what `serve` and `run` share. */
#ifndef TL_CLI_SERVICE_H
#define TL_CLI_SERVICE_H

#include "http/http.h"
#include "log/retain.h"
#include "pcs/keeper.h"

#include <stdio.h>

struct service_options {
    const char *data, *tee, *origin;
    const char *socket;         /* NULL: data/teelog.sock */
    const char *recovery_key;   /* a PEM file, or NULL */
    bool set_aside;             /* a log that does not open */
    const char *token;          /* of run's child, or NULL */
    const char *const *command; /* of run's child, or NULL */
    const char **agents;
    size_t agent_count;
    struct retain_options retain; /* its callback apart */
    uint64_t max_bytes, min_free; /* of the log and its disk: as struct log_config has them */
    uint8_t admin_digest[32];     /* of --admin-token, where has_admin */
    bool has_admin;
    bool access_log;                /* a line for each request */
    const char *listen;             /* ADDR:PORT, or NULL */
    const char *tls_cert, *tls_key; /* files; both or none */
    const char *ra_tls;             /* "full", "small", or NULL: where nothing else can be */
    const char *admit_attested;     /* a policy file, or NULL */
    struct http_limits limits;
    unsigned session_rate, quote_rate; /* a second; 0: the log's own */
    unsigned max_agents;               /* of the log; 0: its own */
    const char *witnesses;             /* a policy file that names the log's, or NULL */
    unsigned faulty, witness_wait;     /* of them; seconds, 0: the log's own */
    bool degraded_starts;
    const char *witness_ca; /* a PEM file, or NULL: the system's */
    struct pcs_options pcs; /* where collateral for its evidence comes from */
};

struct service {
    struct tee *tee;
    struct log *log;
    struct http_service *http;
    struct es256_key *recovery;    /* or NULL */
    struct tlog_policy *witnesses; /* or NULL */
    struct retain *retain;         /* NULL where everything is kept */
    struct ssl_ctx_st *tls;        /* what connections are made with, or NULL */
    struct ra_tls *ra_tls;         /* in its place, or NULL */
    struct peers *peers;           /* who are let in; NULL: none */
    struct keeper *keeper;         /* of collateral; NULL where the platform makes its own */
    char *socket;                  /* absolute */
    char *collateral;              /* the directory where it is kept */
    bool failed;                   /* the log's fatal callback has run */
};

/* Makes the data directory where it is missing, and sets s->socket. Before there are
 * threads: what a supervisor put into the environment is taken out. */
tl_err service_prepare(struct service *s, const struct service_options *o,
                       struct tl_why *why) TL_MUST;
/* Opens the platform and the log and serves. After a failure service_stop is
 * still due. */
tl_err service_start(struct service *s, const struct service_options *o,
                     struct tl_why *why) TL_MUST;
/* Reads the recovery key into s->recovery; path: NULL for none. */
tl_err service_recovery_key(struct service *s, const char *path, struct tl_why *why) TL_MUST;
/* Waits for the next signal, as signals_wait; a supervisor hears that the log is
 * alive meanwhile. Of SIGNALS_FENCE the operator has been told. */
int service_wait(const struct service *s, bool *from_terminal);
/* Takes no more requests: nobody but this process appends after it. */
void service_shut(struct service *s);
/* And ends sessions and writes heads: s->log can still be read. */
void service_end(struct service *s);
/* And closes all of it. May come twice. */
void service_stop(struct service *s);

/* ---- service_say.c ---- */

/* What the log runs on, and why: an operator who let it choose reads it here. */
void service_say_platform(struct tee *tee);
/* What is new about the log in this directory, and who else can read it. */
void service_say_log(const struct service *s, const char *dir);
/* One line that says that it is ready and on what, to out and to a supervisor. */
void service_say_ready(const struct service *s, FILE *out);

#endif
