/* Where the service is, and who asks: the options of every command that talks to one. */
#ifndef TL_CLI_REACH_H
#define TL_CLI_REACH_H

#include "cli/identity.h"
#include "client/client.h"

#include <getopt.h>

struct reach {
    const char *socket, *data, *url, *ca_file, *token_file; /* as given, or NULL */
    const char *peer_policy, *peer_collateral;              /* files, likewise */
    const char *attest;                                     /* KIND[:PATH], likewise */
    bool remote;                                            /* reach_check: over TCP, by */
    struct link_url where;                                  /* this; */
    char *path;                                             /* else by this socket, owned */
    buf token;                    /* reach_check: a text, empty for none */
    struct teelog_policy *policy; /* reach_check: of peer_policy, owned */
    buf collateral;               /* of peer_collateral */
    struct identity *identity;    /* reach_check: of attest, owned */
};

/* Entries for getopt_long; their values are above every character. */
enum reach_option {
    REACH_SOCKET = 512,
    REACH_DATA,
    REACH_URL,
    REACH_CA,
    REACH_TOKEN_FILE,
    REACH_PEER_POLICY,
    REACH_PEER_COLLATERAL,
    REACH_ATTEST
};
#define REACH_OPTIONS                                                                              \
    {"socket", required_argument, NULL, REACH_SOCKET},                                             \
        {"data", required_argument, NULL, REACH_DATA},                                             \
        {"url", required_argument, NULL, REACH_URL}, {"ca", required_argument, NULL, REACH_CA},    \
        {"peer-policy", required_argument, NULL, REACH_PEER_POLICY},                               \
        {"peer-collateral", required_argument, NULL, REACH_PEER_COLLATERAL},                       \
        {"attest", required_argument, NULL, REACH_ATTEST},                                         \
    {                                                                                              \
        "token-file", required_argument, NULL, REACH_TOKEN_FILE                                    \
    }

/* Takes an option's value where it is one of these. */
bool reach_option(struct reach *r, int option, const char *value);
/* Settles where and who, from options and environment: EXIT_GOOD, or the user has been
 * told. reach_finish in any case. */
int reach_check(struct reach *r, const char *command);
/* For --tee, which reads a log that nobody has open: settles r->data instead. */
int reach_stopped(struct reach *r, const char *command);
/* After reach_check; any number of times. */
tl_err reach_open(struct client **out, const struct reach *r, struct tl_why *why) TL_MUST;
/* The same, by a time of client/clock.h (0: no such time). */
tl_err reach_open_by(struct client **out, const struct reach *r, int64_t until_ms,
                     struct tl_why *why) TL_MUST;
void reach_finish(struct reach *r);

#endif
