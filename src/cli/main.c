/* teelog: one binary, a table of commands. */
#include "cli/cli.h"
#include "cli/cores.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

const struct command commands[] = {
#ifdef TEELOG_SERVICE /* the others are the verifier alone */
    {"serve", "--data DIR [--socket PATH] [--tee KIND] [--origin NAME]",
     "run the log as a service on a Unix socket",
     "  --data DIR      where the log is kept; made if missing (or TEELOG_DATA)\n"
     "  --socket PATH   the socket (or TEELOG_SOCKET; else DIR/teelog.sock)\n"
     "  --tee KIND      auto: the hardware that this runs on (the default);\n"
     "                  sim, sim-tdx, sim-tdx-v5: a simulated platform, which proves\n"
     "                  nothing (an SGX enclave; a TDX domain, quotes v4 or v5)\n"
     "  --origin NAME   the name of a new log\n"
     "  --recovery-key FILE   a public key (P-256, PEM) whose owner can read what is\n"
     "                  logged without this platform: teelog recover\n"
     "  --set-aside     a log in DIR that does not open here is moved into a folder of its\n"
     "                  own in it, and a new one begun\n"
     "  --listen ADDR:PORT   over TCP as well, where callers need tokens; port 0: any\n"
     "  --tls-cert FILE --tls-key FILE   TLS 1.3 for it (PEM)\n"
     "  --admit-attested POLICY   over TLS: attested peers append without a token, where\n"
     "                  their code is in the policy's admission.attested\n"
     "  --ra-tls KIND   TLS whose certificate attests the code: full, or small for\n"
     "                  clients that take 16 KiB at most; full is what hardware does\n"
     "                  without --tls-cert. A simulated platform is plain without\n"
     "                  either, on a loopback address\n"
     "  --request-rate N --record-rate N   a second, of a token or an address\n"
     "                  (1000 and 100000)\n"
     "  --session-rate N --quote-rate N   a second, in the log (20 and 20)\n"
     "  --admin-token HEX   SHA-256 of a token that makes tokens, where nobody reaches\n"
     "                  the socket (an enclave)\n"
     "  --max-connections N   over TCP in all (256)\n"
     "  --max-peer-connections N   of one address (64)\n"
     "  --memory N      hold no more bytes of what callers ask for (512M)\n"
     "  --max-agents N  refuse records of further agents (65535)\n"
     "  --witnesses FILE   a policy (c2sp.org/tlog-policy) of witnesses with URLs, of which a\n"
     "                  quorum has to cosign each start; --faulty N so many may deceive (0),\n"
     "                  --witness-ca FILE the TLS roots (PEM)\n"
     "  --degraded-starts   go on without them after --witness-wait SECONDS (30); each\n"
     "                  receipt says so\n"
     "  --max-bytes N   refuse records once the log has this many bytes (as in 20G)\n"
     "  --min-free N    refuse them while its disk has less left (64M; 0: never)\n"
     "  --pccs URL      fetch collateral for the evidence from this PCCS instead of\n"
     "                  Intel's service; --proxy URL an HTTPS proxy, --ca FILE the\n"
     "                  TLS roots (PEM)\n"
     "  --log-format F  what it says on standard error: text, or json\n"
     "  --access-log    a line there for each request\n"
     "  --retain TYPE=DAYS  erase the bodies of records of TYPE that are older; * for\n"
     "                  every type that is not named. Repeat it for more\n",
     cmd_serve},
    {"run", "--data DIR [--tee KIND] [--export FILE] [OPTIONS] -- CMD [ARG]...",
     "run a command with a log beside it",
     "  --data DIR      where the log is kept; made if missing (or TEELOG_DATA)\n"
     "  --tee KIND      as for serve\n"
     "  --export FILE   write a bundle of the whole log once CMD has ended\n"
     "  --socket PATH   the socket (else DIR/teelog.sock)\n"
     "  --origin NAME   the name of a new log\n"
     "  --recovery-key FILE   as for serve, and --set-aside\n"
     "  --pccs URL      as for serve, and --proxy URL, --ca FILE, --max-bytes N,\n"
     "                  --min-free N, --memory N, --max-agents N, --log-format F, --access-log\n"
     "                  --witnesses FILE, --faulty N, --witness-ca FILE, --degraded-starts and\n"
     "                  --witness-wait SECONDS; CMD is started once they let the log begin\n"
     "  --agent ID      an agent that CMD may log as; repeat it for more. Without\n"
     "                  it CMD may log as any\n"
     "CMD finds the socket in TEELOG_SOCKET, its token in TEELOG_TOKEN, and the log's\n"
     "key, to check receipts under, in TEELOG_LOG_KEY.\n",
     cmd_run},
    {"append", "[--agent ID] [--alg ALG] [--full] [--wait-cosigned] [--socket PATH | --data DIR]",
     "append records, JSON lines on standard input",
     "  --agent ID      the agent of records that name none\n"
     "  --alg ALG       what they sign by, ES256 or ES256K; costs a quote to change\n"
     "  --full          receipts with statement, checkpoint and path\n"
     "  --log-key KEY   check each receipt under this verifier key (or TEELOG_LOG_KEY)\n"
     "  --wait-cosigned   receipts once the log's witnesses have cosigned what was appended,\n"
     "                  after --timeout SECONDS (10) at most\n"
     "  --socket PATH   the service (or TEELOG_SOCKET; else DIR/teelog.sock)\n"
     "  --data DIR      the service's data directory (or TEELOG_DATA)\n"
     "  --url URL       a service elsewhere, https://HOST:PORT (or TEELOG_URL); --ca FILE\n"
     "                  what its certificate goes back to (PEM), not the system's roots\n"
     "  --peer-policy FILE   judge its certificate by the evidence in it (--ra-tls);\n"
     "                  --peer-collateral FILE for that\n"
     "  --attest KIND   show evidence of this platform, as an attested peer\n"
     "  --token-file FILE   the token to show (or TEELOG_TOKEN_FILE)\n",
     cmd_append},
    {"agents", "[--json] [--socket PATH | --data DIR [--tee KIND]]", "list the log's agents",
     "  --json          the same as JSON\n"
     "  --socket PATH   the service (or TEELOG_SOCKET; else DIR/teelog.sock)\n"
     "  --data DIR      the data directory (or TEELOG_DATA)\n"
     "  --url URL       a service elsewhere, https://HOST:PORT (or TEELOG_URL); --ca FILE\n"
     "                  what its certificate goes back to (PEM), not the system's roots\n"
     "  --peer-policy FILE   judge its certificate by the evidence in it (--ra-tls);\n"
     "                  --peer-collateral FILE for that\n"
     "  --attest KIND   show evidence of this platform, as an attested peer\n"
     "  --token-file FILE   the token to show (or TEELOG_TOKEN_FILE)\n"
     "  --tee KIND      with --data: read a log that no service has open\n",
     cmd_agents},
    {"records", "[INDEX] [FILTERS] [--newest] [--limit N] [--total] [--json] [OPTIONS]",
     "show records, or one with its proof",
     "  INDEX           this record alone, with its proof\n"
     "  --agent ID      records of this agent; --room ID, --user ID, --type TYPE\n"
     "                  likewise. A type of the log's own, teelog.session, shows those\n"
     "  --text TEXT     with TEXT in the content; ASCII letters match either case\n"
     "  --after TIME    not before TIME: milliseconds since 1970, or as in\n"
     "  --before TIME   2026-01-31T08:00:00Z; and before TIME\n"
     "  --from I        from index I, and\n"
     "  --to J          up to index J, which is not in it\n"
     "  --oldest        the oldest first (the default)\n"
     "  --newest        the newest first\n"
     "  --limit N       at most N; without it all of them\n"
     "  --total         only how many there are\n"
     "  --json          JSON lines\n"
     "  --socket PATH   the service (or TEELOG_SOCKET; else DIR/teelog.sock)\n"
     "  --data DIR      the data directory (or TEELOG_DATA)\n"
     "  --url URL       a service elsewhere, https://HOST:PORT (or TEELOG_URL); --ca FILE\n"
     "                  what its certificate goes back to (PEM), not the system's roots\n"
     "  --peer-policy FILE   judge its certificate by the evidence in it (--ra-tls);\n"
     "                  --peer-collateral FILE for that\n"
     "  --attest KIND   show evidence of this platform, as an attested peer\n"
     "  --token-file FILE   the token to show (or TEELOG_TOKEN_FILE)\n"
     "  --tee KIND      with --data: read a log that no service has open\n",
     cmd_records},
    {"recover", "--data DIR --key FILE -o DIR [--checkpoint FILE] [--log-key KEY] [--json]",
     "read a log that its platform opens no more",
     "  --data DIR      the log's directory (or TEELOG_DATA)\n"
     "  --key FILE      the private half of the recovery key (PEM)\n"
     "  -o DIR          a new folder: records.jsonl, log.teelog and checkpoint\n"
     "  --checkpoint FILE   a checkpoint of this log that you have, or a bundle with one\n"
     "  --log-key KEY   the log's verifier key; else as the database names it\n"
     "  --json          what came of it as a line of JSON\n",
     cmd_recover},
    {"successor", "--data DIR --origin NAME (--old DIR | --note FILE) [OPTIONS]",
     "begin a log that follows an older one",
     "  --data DIR      where the new log is to be kept (or TEELOG_DATA)\n"
     "  --tee KIND      its platform, as for serve\n"
     "  --origin NAME   its name, another than the older log's\n"
     "  --old DIR       the older log's directory; no service may have it open\n"
     "  --note FILE     instead: the last note of it that a quorum has cosigned\n"
     "  --log-key KEY   the older log's verifier key, where it does not open\n"
     "  --old-witnesses FILE   whose quorum the note has to have; else --witnesses\n"
     "  --unwitnessed   it had no witnesses: what its key alone has signed will do\n"
     "  --witnesses FILE   the new log's, as for serve; --faulty N, --degraded-starts\n"
     "  --recovery-key FILE   a public key whose owner can read the new log's bodies\n"
     "  --json          what was begun as a line of JSON\n",
     cmd_successor},
    {"tail", "[-n N | --from I] [FILTERS] [--json] [--socket PATH | --data DIR]",
     "follow the log as it grows",
     "  -n N            the last N first, 10 without it\n"
     "  --from I        all from index I instead\n"
     "  --agent ID      records of this agent; --room ID, --user ID, --type TYPE,\n"
     "                  --text TEXT as for records\n"
     "  --json          JSON lines\n"
     "  --socket PATH   the service (or TEELOG_SOCKET; else DIR/teelog.sock)\n"
     "  --data DIR      the service's data directory (or TEELOG_DATA)\n"
     "  --url URL       a service elsewhere, https://HOST:PORT (or TEELOG_URL); --ca FILE\n"
     "                  what its certificate goes back to (PEM), not the system's roots\n"
     "  --peer-policy FILE   judge its certificate by the evidence in it (--ra-tls);\n"
     "                  --peer-collateral FILE for that\n"
     "  --attest KIND   show evidence of this platform, as an attested peer\n"
     "  --token-file FILE   the token to show (or TEELOG_TOKEN_FILE)\n",
     cmd_tail},
    {"mcp",
     "[OPTIONS] -- SERVER [ARG]...\n       teelog mcp [OPTIONS] --url URL [--listen ADDR:PORT]",
     "log each tool call that an agent makes of an MCP server, before and after it",
     "  --url URL       a server that speaks streamable HTTP, https://HOST:PORT/PATH, or http://\n"
     "                  on this machine; --ca FILE what its certificate goes back to (PEM)\n"
     "  --listen ADDR:PORT   where agents find it then: a loopback address (127.0.0.1:0, any\n"
     "                  port that is free); --json: the line that says where, as JSON\n"
     "  --agent ID      the agent that the records are of (mcp)\n"
     "  --name NAME     what the records call the server (else the last part of SERVER, or URL's "
     "host)\n"
     "  --log-key KEY   the log's verifier key (or TEELOG_LOG_KEY), by which each receipt is\n"
     "                  checked; --trust-on-first-use: where it is not known, the first\n"
     "                  one that is seen\n"
     "  --rule GLOB=ARGUMENTS[,RESULT]   what is recorded of the tools that match: text,\n"
     "                  digest or none; or GLOB=pass: their calls are not logged. The first\n"
     "                  that matches counts; repeat it for more\n"
     "  --text-max N    record longer texts by their digest (65536)\n"
     "  --log-timeout SECONDS   refuse a call whose record takes longer (5)\n"
     "  --socket PATH   the log's service (or TEELOG_SOCKET; else DIR/teelog.sock)\n"
     "  --data DIR      the service's data directory (or TEELOG_DATA)\n"
     "  --log-url URL   a service elsewhere, https://HOST:PORT (or TEELOG_URL); --log-ca FILE\n"
     "                  what its certificate goes back to (PEM), not the system's roots\n"
     "  --peer-policy FILE   judge its certificate by the evidence in it (--ra-tls);\n"
     "                  --peer-collateral FILE for that\n"
     "  --attest KIND   show evidence of this platform, as an attested peer\n"
     "  --token-file FILE   the token to show (or TEELOG_TOKEN_FILE)\n",
     cmd_mcp},
    {"mirror", "DIR [--log-key KEY] [--follow] [--socket PATH | --data DIR]",
     "copy the log's tree and entries into a folder of static files",
     "  --log-key KEY   the log's verifier key; without it the service's word is taken\n"
     "  --follow        go on as the log grows, until SIGTERM or SIGINT\n"
     "  --every S       with --follow: seconds between two looks (10)\n"
     "  --json          an object a line for each time that it grew\n"
     "  --socket PATH   the service (or TEELOG_SOCKET; else DIR/teelog.sock)\n"
     "  --data DIR      the service's data directory (or TEELOG_DATA)\n"
     "  --url URL       a service elsewhere, https://HOST:PORT (or TEELOG_URL); --ca FILE\n"
     "                  what its certificate goes back to (PEM), not the system's roots\n"
     "  --peer-policy FILE   judge its certificate by the evidence in it (--ra-tls);\n"
     "                  --peer-collateral FILE for that\n"
     "  --token-file FILE   the token to show, if any (or TEELOG_TOKEN_FILE)\n",
     cmd_mirror},
    {"monitor", "[URL | DIR] --state DIR (--log-key KEY | --policy FILE) [--once] [--json]",
     "follow a log from outside, and shout on a fork, a gap or a rewrite",
     "  URL | DIR       the log, or a copy of it: https://HOST:PORT/PATH, or a folder\n"
     "  --state DIR     where the monitor keeps what it knows; made if missing\n"
     "  --log-key KEY   the log's verifier key\n"
     "  --policy FILE   or a policy (c2sp.org/tlog-policy) with one log, and its witnesses\n"
     "  --once          one look, not one after the other\n"
     "  --interval S    seconds between two looks (30)\n"
     "  --max-age S     alarm where the last quorum of witnesses is older\n"
     "  --lag S         seconds for which an older checkpoint is no alarm yet (10)\n"
     "  --json          an object a line for each thing found\n"
     "  --socket PATH   in place of URL: the service's socket (or TEELOG_SOCKET)\n"
     "  --data DIR      the service's data directory (or TEELOG_DATA)\n"
     "  --url URL       a service elsewhere, https://HOST:PORT (or TEELOG_URL)\n"
     "  --ca FILE       what its and the witnesses' certificates go back to (PEM), not the\n"
     "                  system's roots\n"
     "  --peer-policy FILE   judge its certificate by the evidence in it (--ra-tls);\n"
     "                  --peer-collateral FILE for that\n",
     cmd_monitor},
    {"proof",
     "INDEX [--cose | --transparent] [--log-key KEY | --policy FILE] [-o FILE]\n"
     "       teelog proof --since SIZE|CHECKPOINT [--log-key KEY | --policy FILE] [-o FILE]",
     "fetch and check the proof that one entry is logged",
     "  --cose          a COSE receipt (RFC 9942), not a tlog-proof\n"
     "  --transparent   the statement with that receipt in it\n"
     "  --since SIZE    the receipt that the log grew since it had this size; or a file with\n"
     "                  the checkpoint that you kept\n"
     "  --log-key KEY   the log's verifier key; or --policy FILE, as for verify\n"
     "  --keys FILE     also write the key of the receipt there, which verify wants beside it\n"
     "  -o FILE         where to (standard output without it)\n"
     "  --json          what it is, as JSON\n"
     "  --socket PATH   the service (or TEELOG_SOCKET; else DIR/teelog.sock)\n"
     "  --data DIR      the service's data directory (or TEELOG_DATA)\n"
     "  --url URL       a service elsewhere, https://HOST:PORT (or TEELOG_URL); --ca FILE\n"
     "                  what its certificate goes back to (PEM), not the system's roots\n"
     "  --peer-policy FILE   judge its certificate by the evidence in it (--ra-tls);\n"
     "                  --peer-collateral FILE for that\n"
     "  --attest KIND   show evidence of this platform, as an attested peer\n"
     "  --token-file FILE   the token to show (or TEELOG_TOKEN_FILE)\n",
     cmd_proof},
    {"witness", "--data DIR --log KEY... [--name NAME] [--listen ADDR:PORT]",
     "cosign logs that only grow (c2sp.org/tlog-witness)",
     "  --data DIR      where the key is, and what was cosigned; made if missing\n"
     "  --name NAME     of a new witness, like example.org/witness\n"
     "  --log KEY       a log's verifier key; repeat it for more\n"
     "  --policy FILE   all logs of a policy (c2sp.org/tlog-policy)\n"
     "  --listen ADDR:PORT   over TCP; port 0: any. Without TLS on loopback alone\n"
     "  --tls-cert FILE --tls-key FILE   TLS 1.3 for it (PEM)\n"
     "  --socket PATH   the socket (DIR/witness.sock)\n"
     "  --access-log    a line on standard error for each request\n"
     "  --json          the line that says it is ready as JSON\n",
     cmd_witness},
    {"erase", "INDEX... | --user ID | --room ID | --agent ID [--before TIME] [OPTIONS]",
     "erase the bodies of records for good",
     "  INDEX           these records; or those that match all of\n"
     "  --user ID       a user id,\n"
     "  --room ID       a room id,\n"
     "  --agent ID      an agent, and\n"
     "  --before TIME   before TIME: milliseconds since 1970, or as in\n"
     "                  2026-01-31T08:00:00Z\n"
     "  --reason TEXT   why. Public, and for ever: nothing about a person in it\n"
     "  --dry-run       only say how many they are\n"
     "  --yes           do not ask\n"
     "  --json          the answer as JSON\n"
     "  --socket PATH   the service (or TEELOG_SOCKET; else DIR/teelog.sock)\n"
     "  --data DIR      the service's data directory (or TEELOG_DATA)\n"
     "  --url URL       a service elsewhere, https://HOST:PORT (or TEELOG_URL); --ca FILE\n"
     "                  what its certificate goes back to (PEM), not the system's roots\n"
     "  --peer-policy FILE   judge its certificate by the evidence in it (--ra-tls);\n"
     "                  --peer-collateral FILE for that\n"
     "  --attest KIND   show evidence of this platform, as an attested peer\n"
     "  --token-file FILE   the token to show (or TEELOG_TOKEN_FILE)\n",
     cmd_erase},
    {"export", "-o FILE [--agent ID] [--from I] [--to J] [--withhold-bodies] [OPTIONS]",
     "write a bundle, evidence that anyone can check",
     "  -o FILE         the bundle; - for standard output\n"
     "  --agent ID      one agent's chain instead of the whole log\n"
     "  --from I        from leaf I, and\n"
     "  --to J          up to leaf J, which is not in it\n"
     "  --withhold-bodies   leave out what the records say\n"
     "  --cosigned SECONDS  how long to wait for a quorum of the log's witnesses (10)\n"
     "  --json              print what was exported as JSON\n"
     "  --socket PATH   the service (or TEELOG_SOCKET; else DIR/teelog.sock)\n"
     "  --data DIR      the data directory (or TEELOG_DATA)\n"
     "  --url URL       a service elsewhere, https://HOST:PORT (or TEELOG_URL); --ca FILE\n"
     "                  what its certificate goes back to (PEM), not the system's roots\n"
     "  --peer-policy FILE   judge its certificate by the evidence in it (--ra-tls);\n"
     "                  --peer-collateral FILE for that\n"
     "  --attest KIND   show evidence of this platform, as an attested peer\n"
     "  --token-file FILE   the token to show (or TEELOG_TOKEN_FILE)\n"
     "  --tee KIND      with --data: read a log that no service has open\n",
     cmd_export},
    {"backup", "-o FILE [--json] [--socket PATH | --data DIR [--tee KIND [--final]]] [OPTIONS]",
     "copy the whole log, for `teelog restore`",
     "  -o FILE         the backup; - for standard output. It is as secret as the\n"
     "                  data directory\n"
     "  --final         of a stopped log, which starts no more: it goes on where this\n"
     "                  is restored\n"
     "  --json          what it is, as JSON\n"
     "  --socket PATH   the service (or TEELOG_SOCKET; else DIR/teelog.sock)\n"
     "  --data DIR      the data directory (or TEELOG_DATA)\n"
     "  --url URL       a service elsewhere, https://HOST:PORT (or TEELOG_URL); --ca FILE\n"
     "                  what its certificate goes back to (PEM), not the system's roots\n"
     "  --peer-policy FILE   judge its certificate by the evidence in it (--ra-tls);\n"
     "                  --peer-collateral FILE for that\n"
     "  --attest KIND   show evidence of this platform, as an attested peer\n"
     "  --token-file FILE   the token to show (or TEELOG_TOKEN_FILE)\n"
     "  --tee KIND      with --data: copy a log that no service has open\n",
     cmd_backup},
    {"restore", "FILE --data DIR [--accept-rollback] [--json], FILE --check [--json]",
     "make a log's data directory from a backup",
     "  FILE            the backup; - for standard input\n"
     "  --data DIR      a directory that is empty, or made (or TEELOG_DATA)\n"
     "  --accept-rollback   of a backup that is not final: what came after it is lost\n"
     "  --check         read all of it, whether it is whole; restore nothing\n"
     "  --json          what it is, as JSON\n",
     cmd_restore},
    {"attest", "-o FILE [--nonce HEX] [--agent ID [--chain]] [--json] [OPTIONS]",
     "have the running log answer a nonce",
     "  -o FILE         the answer, a bundle; - for standard output\n"
     "  --nonce HEX     16 to 64 bytes of yours; without it some are made and printed\n"
     "  --agent ID      say how far this agent is, with its last statement\n"
     "  --chain         with all of its statements\n"
     "  --json          print the nonce as JSON\n"
     "  --socket PATH   the service (or TEELOG_SOCKET; else DIR/teelog.sock)\n"
     "  --data DIR      the service's data directory (or TEELOG_DATA)\n"
     "  --url URL       a service elsewhere, https://HOST:PORT (or TEELOG_URL); --ca FILE\n"
     "                  what its certificate goes back to (PEM), not the system's roots\n"
     "  --peer-policy FILE   judge its certificate by the evidence in it (--ra-tls);\n"
     "                  --peer-collateral FILE for that\n"
     "  --attest KIND   show evidence of this platform, as an attested peer\n"
     "  --token-file FILE   the token to show (or TEELOG_TOKEN_FILE)\n"
     "`teelog verify FILE --nonce HEX` checks it.\n",
     cmd_attest},
    {"token", "create|list|revoke [OPTIONS]", "make, list and revoke tokens of a running service",
     "  token create --scope append|read|erase|admin\n"
     "                  a token that is good for this; repeat it for more\n"
     "    --agent ID        for this agent alone; repeat it for more\n"
     "    --label TEXT      what it is for\n"
     "    --expires WHEN    days from now, or a date (2027-01-31)\n"
     "    -o FILE           write it there (mode 0600), not to standard output\n"
     "  token list          all of them, without their secrets\n"
     "  token revoke ID     good for nothing from now on\n"
     "  --json          answers as JSON\n"
     "  --socket PATH   the service (or TEELOG_SOCKET; else DIR/teelog.sock)\n"
     "  --data DIR      the service's data directory (or TEELOG_DATA)\n"
     "  --url URL       a service elsewhere, https://HOST:PORT (or TEELOG_URL); --ca FILE\n"
     "                  what its certificate goes back to (PEM), not the system's roots\n"
     "  --peer-policy FILE   judge its certificate by the evidence in it (--ra-tls);\n"
     "                  --peer-collateral FILE for that\n"
     "  --attest KIND   show evidence of this platform, as an attested peer\n"
     "  --token-file FILE   a token of scope admin (or TEELOG_TOKEN_FILE); the socket\n"
     "                  needs none\n",
     cmd_token},
    {"fsck", "--data DIR [--tee KIND] [--json]", "check a stopped log in full",
     "  --data DIR      the data directory (or TEELOG_DATA)\n"
     "  --tee KIND      as for serve\n"
     "  --json          a finding a line, and at the end whether it is clean\n",
     cmd_fsck},
#endif
    {"verify",
     "FILE [--policy FILE] [--nonce HEX] [--since FILE] [--collateral FILE]...\n"
     "                     [--at UNIXTIME] [--json] [--html PAGE]\n"
     "       teelog verify PROOF --policy FILE [--entry FILE] [--service-keys FILE]\n"
     "                     [--since FILE] [--json]",
     "check a bundle, offline, under a policy",
     "  --policy FILE   what to trust; without it nothing is pinned\n"
     "  --nonce HEX     yours: the bundle must hold the log's answer to it\n"
     "  --since FILE    a checkpoint that you kept: the log must only have grown since\n"
     "  --collateral FILE   newer collateral than the bundle holds\n"
     "  --at UNIXTIME   judge as of this time instead of now\n"
     "  --entry FILE    of a tlog-proof or COSE receipt: what was logged\n"
     "  --service-keys FILE   of a receipt or transparent statement: a bundle, TRUSTED\n"
     "                  under the policy, with the keys that it may be signed by; or a set of\n"
     "                  them, which nothing pins (UNPINNED)\n"
     "  --json          the report as JSON\n"
     "  --html PAGE     also write the report as a page of HTML\n"
     "FILE may be - for standard input. Exit: 0 TRUSTED or LOGGED, 1 REJECTED, 4 UNPINNED,\n"
     "2 usage or a bad policy, 3 failure.\n",
     cmd_verify},
    {"policy", "init FILE -o POLICY [--at UNIXTIME]",
     "write a policy that pins what a bundle shows",
     "  -o POLICY       the policy; - for standard output\n"
     "  --at UNIXTIME   judge as of this time instead of now\n"
     "Read the policy before you use it: it trusts the bundle it was made from.\n",
     cmd_policy},
    {"quote", "show|verify|eventlog|collateral FILE [OPTIONS]", "read and check hardware quotes",
     "  quote show QUOTE [--json]\n"
     "                  every field of a quote, unverified\n"
     "  quote verify QUOTE --collateral FILE [OPTIONS]\n"
     "                  whether it is genuine, and what a policy says of it\n"
     "    --policy FILE     what to trust; without it nothing is pinned\n"
     "    --at UNIXTIME     judge as of this time instead of now\n"
     "    --root PEM        trust this root certificate's key instead of Intel's\n"
     "    --report-data HEX its report data: a nonce of yours, say; without it the\n"
     "                      quote may have been made for somebody else\n"
     "    --event-log FILE  dstack's event log; --compose FILE the app-compose file\n"
     "    --json            the report as JSON\n"
     "  quote eventlog LOG --quote QUOTE [--compose FILE] [--json]\n"
     "                  replay an event log against a quote\n"
     "  quote collateral QUOTE -o FILE [--pccs URL] [OPTIONS]\n"
     "                  fetch what Intel says about the quote's platform\n"
     "    --pccs URL        a PCCS instead of Intel's service\n"
     "    --proxy URL       an HTTPS proxy; --ca FILE the TLS roots (PEM)\n"
     "    --cache DIR       where to keep answers; --no-cache nowhere\n"
     "    --refresh         ask the service, however good what the cache has is\n"
     "    --update early    TCB data from its first day, not standard; --root PEM\n"
     "                      as above\n"
     "    --timeout SECONDS for all answers together, 30 without it\n"
     "QUOTE is bytes, hex or dstack's GetQuote answer; - is standard input.\n"
     "Exit: 0 accepted, 1 rejected, 4 genuine but nothing pins its code, 2 usage or\n"
     "a bad policy, 3 failure.\n",
     cmd_quote},
    {"version", "[--json]", "print the version", "  --json          as JSON\n", cmd_version},
};
const size_t command_count = sizeof commands / sizeof commands[0];

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < command_count; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static void print_commands(FILE *out)
{
    fputs("usage: teelog COMMAND [OPTIONS]\n\n", out);
    for (size_t i = 0; i < command_count; i++)
        fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].summary);
    fputs("\n`teelog help COMMAND` says more, and so does `man teelog`.\n", out);
}

static int help(int argc, char **argv)
{
    if (argc < 2) {
        print_commands(stdout);
        return EXIT_GOOD;
    }
    const struct command *c = command_find(argv[1]);
    if (!c)
        return cli_usage("help", "there is no command %s", argv[1]);
    cli_help(c);
    return EXIT_GOOD;
}

int main(int argc, char **argv)
{
    /* OPENSSL_CONF and openssl.cnf are the host's, and could load a provider of its own. */
    if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1) {
        cli_say("%s", tl_err_text(TL_E_CRYPTO));
        return EXIT_FAILED;
    }
    cores_off();
    if (argc < 2) {
        print_commands(stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return help(argc - 1, argv + 1);
    if (strcmp(name, "--version") == 0)
        name = "version";
    const struct command *c = command_find(name);
    if (!c) {
        cli_say("there is no command %s; `teelog help` lists them", name);
        return EXIT_USAGE;
    }
    /* getopt begins its complaints with this. */
    static char self[] = "teelog";
    argv[1] = self;
    return c->run(argc - 1, argv + 1);
}
