/* For agents: log what you are about to do, and do it only once it is logged.
 *
 *     struct teelog_client *c = NULL;
 *     struct teelog_client_options o = {0};
 *     teelog_client_environment(&o);    (what `teelog run` gives its command)
 *     if (teelog_client_open(&c, &o, why, sizeof why) != TL_OK)
 *         exit(2);
 *
 *     struct teelog_client_receipt receipt;
 *     struct teelog_client_record intent = {.agent = "alice", .type = "Action:pay", …};
 *     if (teelog_client_append(c, &receipt, &intent, 1, why, sizeof why) != TL_OK)
 *         return;                       (not logged, so not done)
 *     pay();
 *     struct teelog_client_record result = {…, .has_ref = true, .ref = receipt.index};
 *
 * Every receipt is checked under the log's key, which the caller pins: that it is of what was sent,
 * that the log has signed a tree with it, and that this log has not grown smaller as long as the
 * client is open (docs/format.md section 11). What cannot be checked is an error, and to be taken
 * as not logged. Put something into each content that no other has, a random number: the first
 * receipt of a client might else be an older one, of the same words.
 *
 * This is libteelog-client, a library of its own beside libteelog, which does no I/O: this one
 * opens sockets, waits, and reads the monotonic clock; the wall clock where a certificate is to be
 * judged. It starts no thread, takes no signal (SIGPIPE is held back while it writes), prints
 * nothing. A client is for one thread at a time, and for the process that opened it: after a fork
 * the child opens its own. examples/agent.c is a whole agent. */
#ifndef TEELOG_CLIENT_H
#define TEELOG_CLIENT_H

#include "teelog/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct teelog_client;

/* Zeros, and what differs. All texts are borrowed during teelog_client_open alone. */
struct teelog_client_options {
    const char *socket; /* path of the service's Unix socket; or */
    const char *url;    /* https://HOST:PORT; http:// on this machine. Counts before socket */
    const char *token;  /* that may append, or NULL; shown to whatever socket or url leads to */
    /* The log's verifier key, NAME+HASH+BASE64, as `teelog serve` prints it: the pin. */
    const char *log_key;
    /* Without a pin: take the key that the service shows first, and keep it for this client. It
     * protects from what comes between later, and from nothing that is there already. */
    bool first_use;
    /* Whose certificate is good, of https: one that goes back to these (a PEM file; NULL: the
     * system's), or, with a policy (JSON, docs/policy.md), one with good evidence in it; then
     * collateral may be brought (JSON, docs/format.md section 8). */
    const char *ca_file, *peer_policy, *peer_collateral;
    /* How long an append may take in all, repeats and waiting included; 0: 30,000. What the
     * resolver of names takes comes on top. */
    unsigned timeout_ms;
};

/* Fills in what is NULL from TEELOG_SOCKET, TEELOG_URL, TEELOG_TOKEN and TEELOG_LOG_KEY, where
 * they are set and not empty; a socket or a URL only where neither is given (the token is then for
 * where the caller says: for another log than that of the environment give its own). Borrowed from
 * the environment. */
void teelog_client_environment(struct teelog_client_options *o);

/* TL_E_USAGE where what is given cannot be used or is not enough, the pin above all. Connects only
 * where the key is taken on first use (with the errors of teelog_client_append). On failure *out is
 * untouched and message (of message_size bytes, may be NULL) says what to do. */
tl_err teelog_client_open(struct teelog_client **out, const struct teelog_client_options *o,
                          char *message, size_t message_size) TL_MUST;
void teelog_client_close(struct teelog_client *c); /* NULL is fine */
/* The key that receipts are checked under, borrowed. To be kept and pinned after a first use. */
const char *teelog_client_log_key(const struct teelog_client *c);

#define TEELOG_REQUEST_ID 128 /* bytes, at most */

/* One record. Texts are UTF-8 and borrowed during the call; NULL is an empty one. */
struct teelog_client_record {
    const char *agent; /* whose it is: 1 to 128 of A-Z a-z 0-9 . _ : @ / - */
    const char *room, *user;
    const char *type;       /* public and permanent: 1 to 64 of A-Z a-z 0-9 . _ : / - and space */
    const char *content;    /* at most 1 MiB */
    const char *attributes; /* a JSON object without real numbers, or NULL */
    bool has_ref;
    uint64_t ref; /* with has_ref: index of the statement that this one answers */
    /* Empty: made at random, and written here. As long as it is there the record is logged once,
     * however often it is handed over: after an error call again with the same struct, or leave
     * it. The caller may give an id of his own, of a log of before. */
    char request_id[TEELOG_REQUEST_ID + 1];
    uint64_t least; /* goes with an id that was made here: not the caller's */
};

/* What holds of a record that is logged. All but the class, simulated and repeated is shown by the
 * log's key; those the service says. */
struct teelog_client_receipt {
    /* TL_OK; TL_E_USAGE: the service did not take this record; TL_E_BUSY: not yet. Else as returned
     */
    tl_err err;
    uint64_t index, seq;
    uint64_t time_ms; /* since 1970, by the service's clock */
    uint64_t tree_size;
    uint8_t leaf[32];
    char class_name[40]; /* "signed", "degraded" or "cosigned K of N" */
    bool simulated;      /* also where the service's certificate shows it */
    bool repeated;       /* it was logged by an earlier request */
};

#define TEELOG_CLIENT_RECORDS 1024 /* in one call, and 8 MiB of JSON */

/* Logs 1 or more records in their order, and waits until they are durable: TL_OK, and all of them
 * are logged. Where the connection is lost or the service has no time, the same request is
 * repeated, under the same ids, until the time is up.
 *
 * Else the first error, whose sentence is in message (may be NULL), the service's own where it gave
 * one; receipts says of each record what is known. TL_E_USAGE: the request, or some record in it,
 * is not one that the service takes. TL_E_AUTH, TL_E_FORBIDDEN: the token is not good, or not for
 * this agent, or the certificate is not. TL_E_PEER: what came is no receipt of this record by the
 * pinned log. TL_E_BUSY, TL_E_RATE, TL_E_FULL: it was not logged. All of this but TL_E_PEER is the
 * service's word, which nobody has signed. TL_E_IO: the time is up, or the answer to one try was
 * lost and a later one came to another error: whether it is logged is not known. */
tl_err teelog_client_append(struct teelog_client *c, struct teelog_client_receipt *receipts,
                            struct teelog_client_record *records, size_t count, char *message,
                            size_t message_size) TL_MUST;

#endif
