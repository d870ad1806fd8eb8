/* What the commands share. One command is one cmd_*.c; main.c has the table. */
#ifndef TL_CLI_CLI_H
#define TL_CLI_CLI_H

#include "base/err.h"
#include "base/slice.h"

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

enum exit_code {
    EXIT_GOOD = 0,     /* TRUSTED, clean */
    EXIT_REJECTED = 1, /* also: findings, malformed input */
    EXIT_USAGE = 2,
    EXIT_FAILED = 3,
    EXIT_UNPINNED = 4,
    EXIT_RUN_FAILED = 125, /* `run` itself, not its command */
};

struct command {
    const char *name;
    const char *synopsis; /* the arguments, as `teelog help` prints them */
    const char *summary;  /* one line */
    const char *options;  /* lines for `teelog help NAME` */
    int (*run)(int argc, char **argv);
};
extern const struct command commands[];
extern const size_t command_count;
const struct command *command_find(const char *name);

int cmd_serve(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_append(int argc, char **argv);
int cmd_agents(int argc, char **argv);
int cmd_erase(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_backup(int argc, char **argv);
int cmd_restore(int argc, char **argv);
int cmd_records(int argc, char **argv);
int cmd_recover(int argc, char **argv);
int cmd_successor(int argc, char **argv);
int cmd_tail(int argc, char **argv);
int cmd_mcp(int argc, char **argv);
int cmd_mirror(int argc, char **argv);
int cmd_monitor(int argc, char **argv);
int cmd_proof(int argc, char **argv);
int cmd_witness(int argc, char **argv);
int cmd_attest(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_policy(int argc, char **argv);
int cmd_quote(int argc, char **argv);
int quote_collateral(int argc, char **argv); /* quote_collateral.c, for cmd_quote.c */
int cmd_fsck(int argc, char **argv);
int cmd_token(int argc, char **argv);
int cmd_version(int argc, char **argv);

/* "teelog: …" on stderr. */
__attribute__((format(printf, 1, 2))) void cli_say(const char *fmt, ...);
/* What cli_say has to say goes to this function from now on. */
void cli_say_through(void (*say)(const char *text));
/* Says what is wrong with the command line; returns EXIT_USAGE. */
__attribute__((format(printf, 2, 3))) int cli_usage(const char *command, const char *fmt, ...);
/* Says "teelog: WHAT: why"; returns the exit code of err. */
int cli_fail(const char *what, tl_err err, const struct tl_why *why);

/* To standard output, for a terminal: what it may act upon becomes a question mark. */
void cli_print_plain(slice s);
/* What came from a service and is passed on as it is: a JSON object it must be, in which
 * what a terminal may act upon is escaped, as our services do: TL_E_JSON. */
tl_err cli_check_json(slice s, struct tl_why *why) TL_MUST;
/* To standard output, where it is good. */
tl_err cli_print_json(slice s, struct tl_why *why) TL_MUST;

/* Prints how a command is used. */
void cli_help(const struct command *c);
/* The next option of a command, as getopt_long gives it; '?' after a wrong one,
 * about which the user has been told, and 'h' after --help, which is answered. */
int cli_option(int argc, char **argv, const char *shorts, const struct option *longs,
               const char *command);
/* What a command does when cli_option returned 'h' or '?'. */
int cli_option_exit(int option);

/* Environment of the harmless settings: TEELOG_DATA, TEELOG_SOCKET. NULL where
 * a variable is unset or empty. */
const char *cli_data_default(void);
const char *cli_socket_default(void);
/* TEELOG_URL, or NULL. */
const char *cli_url_default(void);
/* What `run` gave to its command, TEELOG_TOKEN, or NULL. */
const char *cli_token(void);
/* The key to check receipts under, TEELOG_LOG_KEY, or NULL. */
const char *cli_log_key(void);
/* TEELOG_TOKEN_FILE, or NULL. */
const char *cli_token_file(void);
/* The socket to talk to: given, else TEELOG_SOCKET, else DATA/teelog.sock, where
 * data is given or TEELOG_DATA. NULL, and the user told, where there is none.
 * Owned by the caller. */
char *cli_socket_path(const char *command, const char *given, const char *data);
/* data/teelog.sock; owned by the caller, NULL where memory is short. */
char *cli_socket_in(const char *data);

#endif
