/* The options that `serve` and `run` share. */
#ifndef TL_CLI_SERVICE_OPTIONS_H
#define TL_CLI_SERVICE_OPTIONS_H

#include "cli/cli.h"
#include "cli/service.h"

/* Room for the write-ahead log, twice. */
#define MIN_FREE_DEFAULT (UINT64_C(64) << 20)

/* Entries for getopt_long; their values are above every character. */
enum service_option {
    OPTION_DATA = 256,
    OPTION_SOCKET,
    OPTION_TEE,
    OPTION_ORIGIN,
    OPTION_MAX_BYTES,
    OPTION_MIN_FREE,
    OPTION_PCCS,
    OPTION_PROXY,
    OPTION_CA,
    OPTION_LOG_FORMAT,
    OPTION_ACCESS_LOG,
    OPTION_LISTEN,
    OPTION_TLS_CERT,
    OPTION_TLS_KEY,
    OPTION_RA_TLS,
    OPTION_MAX_CONNECTIONS,
    OPTION_MAX_PEER_CONNECTIONS,
    OPTION_RETAIN,
    OPTION_REQUEST_RATE,
    OPTION_RECORD_RATE,
    OPTION_SESSION_RATE,
    OPTION_QUOTE_RATE,
    OPTION_ADMIN_TOKEN,
    OPTION_RECOVERY_KEY,
    OPTION_SET_ASIDE,
    OPTION_MEMORY,
    OPTION_MAX_AGENTS,
    OPTION_ADMIT_ATTESTED,
    OPTION_WITNESSES,
    OPTION_FAULTY,
    OPTION_DEGRADED_STARTS,
    OPTION_WITNESS_WAIT,
    OPTION_WITNESS_CA,
};
#define SERVICE_OPTIONS                                                                            \
    {"data", required_argument, NULL, OPTION_DATA},                                                \
        {"socket", required_argument, NULL, OPTION_SOCKET},                                        \
        {"tee", required_argument, NULL, OPTION_TEE},                                              \
        {"origin", required_argument, NULL, OPTION_ORIGIN},                                        \
        {"max-bytes", required_argument, NULL, OPTION_MAX_BYTES},                                  \
        {"min-free", required_argument, NULL, OPTION_MIN_FREE},                                    \
        {"pccs", required_argument, NULL, OPTION_PCCS},                                            \
        {"proxy", required_argument, NULL, OPTION_PROXY},                                          \
        {"ca", required_argument, NULL, OPTION_CA},                                                \
        {"recovery-key", required_argument, NULL, OPTION_RECOVERY_KEY},                            \
        {"set-aside", no_argument, NULL, OPTION_SET_ASIDE},                                        \
        {"log-format", required_argument, NULL, OPTION_LOG_FORMAT},                                \
        {"access-log", no_argument, NULL, OPTION_ACCESS_LOG},                                      \
        {"memory", required_argument, NULL, OPTION_MEMORY},                                        \
        {"max-agents", required_argument, NULL, OPTION_MAX_AGENTS},                                \
        {"witnesses", required_argument, NULL, OPTION_WITNESSES},                                  \
        {"faulty", required_argument, NULL, OPTION_FAULTY},                                        \
        {"degraded-starts", no_argument, NULL, OPTION_DEGRADED_STARTS},                            \
        {"witness-wait", required_argument, NULL, OPTION_WITNESS_WAIT},                            \
        {"witness-ca", required_argument, NULL, OPTION_WITNESS_CA},                                \
    {                                                                                              \
        "help", no_argument, NULL, 'h'                                                             \
    }

/* Those of `serve` alone. */
#define SERVE_OPTIONS                                                                              \
    {"retain", required_argument, NULL, OPTION_RETAIN},                                            \
        {"listen", required_argument, NULL, OPTION_LISTEN},                                        \
        {"tls-cert", required_argument, NULL, OPTION_TLS_CERT},                                    \
        {"tls-key", required_argument, NULL, OPTION_TLS_KEY},                                      \
        {"ra-tls", required_argument, NULL, OPTION_RA_TLS},                                        \
        {"admit-attested", required_argument, NULL, OPTION_ADMIT_ATTESTED},                        \
        {"request-rate", required_argument, NULL, OPTION_REQUEST_RATE},                            \
        {"record-rate", required_argument, NULL, OPTION_RECORD_RATE},                              \
        {"session-rate", required_argument, NULL, OPTION_SESSION_RATE},                            \
        {"quote-rate", required_argument, NULL, OPTION_QUOTE_RATE},                                \
        {"admin-token", required_argument, NULL, OPTION_ADMIN_TOKEN},                              \
        {"max-connections", required_argument, NULL, OPTION_MAX_CONNECTIONS},                      \
    {                                                                                              \
        "max-peer-connections", required_argument, NULL, OPTION_MAX_PEER_CONNECTIONS               \
    }

/* Takes one that getopt_long gave: EXIT_GOOD, or the exit code after the user was
 * told what is wrong with it, --help and unknown options too. */
int service_option_take(struct service_options *o, const char *command, int got, char *value);
/* Whether what was given goes together: EXIT_GOOD, or the user has been told. */
int service_options_check(const struct service_options *o, const char *command);

#endif
