#include "cli/service_options.h"

#include "base/encoding.h"
#include "cli/journal.h"

#include <string.h>

static int log_format(const char *command, const char *name)
{
    if (strcmp(name, "json") == 0)
        journal_as_json();
    else if (strcmp(name, "text") != 0)
        return cli_usage(command, "--log-format is text or json, not %s", name);
    return EXIT_GOOD;
}

/* The options that take a number: where it goes, and the most that it may be. */
static int number(struct service_options *o, const char *command, int got, const char *value)
{
    const struct {
        int option;
        unsigned most;
        const char *name;
        unsigned *out;
    } numbers[] = {
        {OPTION_MAX_CONNECTIONS, 10000, "--max-connections", &o->limits.connections},
        {OPTION_MAX_PEER_CONNECTIONS, 10000, "--max-peer-connections", &o->limits.peer_connections},
        {OPTION_REQUEST_RATE, 100000, "--request-rate", &o->limits.requests},
        {OPTION_RECORD_RATE, 500000, "--record-rate", &o->limits.records},
        {OPTION_SESSION_RATE, 10000, "--session-rate", &o->session_rate},
        {OPTION_QUOTE_RATE, 1000, "--quote-rate", &o->quote_rate},
        {OPTION_MAX_AGENTS, 65535, "--max-agents", &o->max_agents},
        {OPTION_FAULTY, 255, "--faulty", &o->faulty},
        {OPTION_WITNESS_WAIT, 86400, "--witness-wait", &o->witness_wait},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        uint64_t v;
        if (got != numbers[i].option)
            continue;
        unsigned least = got == OPTION_FAULTY ? 0 : 1;
        if (decimal_read(&v, slice_str(value), numbers[i].most) != TL_OK || v < least)
            return cli_usage(command, "%s takes a number from %u to %u, not %s", numbers[i].name,
                             least, numbers[i].most, value);
        *numbers[i].out = (unsigned)v;
        return EXIT_GOOD;
    }
    return cli_option_exit(got);
}

static int retain(struct retain_options *r, const char *command, const char *value)
{
    struct tl_why why = {{0}, {0}};
    struct retain_rule rule;
    tl_err err = retain_rule_read(&rule, value, &why);
    if (err != TL_OK)
        return cli_usage(command, "--%s", tl_why_text(&why, err));
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->rules[i].type, rule.type) == 0)
            return cli_usage(command, "--retain has two rules for %s", rule.type);
    if (r->count == RETAIN_MAX)
        return cli_usage(command, "--retain has more than %d rules", RETAIN_MAX);
    r->rules[r->count++] = rule;
    return EXIT_GOOD;
}

/* A number of bytes, or of KiB, MiB, GiB or TiB. */
static int size_option(uint64_t *out, const char *command, const char *name, const char *value)
{
    static const char units[] = "KMGT";
    size_t n = strlen(value);
    const char *unit = n ? strchr(units, value[n - 1]) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    uint64_t v;
    if (decimal_read(&v, slice_of(value, n - (unit != NULL)), (UINT64_C(1) << 62) >> shift) !=
        TL_OK)
        return cli_usage(command, "%s takes bytes, as in 500M or 20G, not %s", name, value);
    *out = v << shift;
    return EXIT_GOOD;
}

static int admin_token(struct service_options *o, const char *command, const char *value)
{
    if (hex_read(o->admin_digest, sizeof o->admin_digest, slice_str(value)) != TL_OK)
        return cli_usage(command, "--admin-token takes the SHA-256 of a token, 64 hex digits, and "
                                  "not the token: this line is no place for a secret");
    o->has_admin = true;
    return EXIT_GOOD;
}

static int memory(struct service_options *o, const char *command, const char *value)
{
    uint64_t v = 0;
    int code = size_option(&v, command, "--memory", value);
    if (code == EXIT_GOOD && (v < HTTP_MEMORY_LEAST || v > HTTP_MEMORY_MOST))
        code = cli_usage(command, "--memory takes 16M to 1T, not %s", value);
    o->limits.memory = (size_t)v;
    return code;
}

int service_option_take(struct service_options *o, const char *command, int got, char *value)
{
    switch (got) {
    case OPTION_DATA:
        o->data = value;
        return EXIT_GOOD;
    case OPTION_SOCKET:
        o->socket = value;
        return EXIT_GOOD;
    case OPTION_TEE:
        o->tee = value;
        return EXIT_GOOD;
    case OPTION_ORIGIN:
        o->origin = value;
        return EXIT_GOOD;
    case OPTION_RECOVERY_KEY:
        o->recovery_key = value;
        return EXIT_GOOD;
    case OPTION_SET_ASIDE:
        o->set_aside = true;
        return EXIT_GOOD;
    case OPTION_MAX_BYTES:
        return size_option(&o->max_bytes, command, "--max-bytes", value);
    case OPTION_MIN_FREE:
        return size_option(&o->min_free, command, "--min-free", value);
    case OPTION_MEMORY:
        return memory(o, command, value);
    case OPTION_PCCS:
        o->pcs.pccs = value;
        return EXIT_GOOD;
    case OPTION_PROXY:
        o->pcs.proxy = value;
        return EXIT_GOOD;
    case OPTION_CA:
        o->pcs.ca_file = value;
        return EXIT_GOOD;
    case OPTION_LOG_FORMAT:
        return log_format(command, value);
    case OPTION_RETAIN:
        return retain(&o->retain, command, value);
    case OPTION_ACCESS_LOG:
        o->access_log = true;
        return EXIT_GOOD;
    case OPTION_ADMIN_TOKEN:
        return admin_token(o, command, value);
    case OPTION_LISTEN:
        o->listen = value;
        return EXIT_GOOD;
    case OPTION_TLS_CERT:
        o->tls_cert = value;
        return EXIT_GOOD;
    case OPTION_TLS_KEY:
        o->tls_key = value;
        return EXIT_GOOD;
    case OPTION_ADMIT_ATTESTED:
        o->admit_attested = value;
        return EXIT_GOOD;
    case OPTION_RA_TLS:
        o->ra_tls = value;
        return EXIT_GOOD;
    case OPTION_WITNESSES:
        o->witnesses = value;
        return EXIT_GOOD;
    case OPTION_DEGRADED_STARTS:
        o->degraded_starts = true;
        return EXIT_GOOD;
    case OPTION_WITNESS_CA:
        o->witness_ca = value;
        return EXIT_GOOD;
    default:
        return number(o, command, got, value);
    }
}

int service_options_check(const struct service_options *o, const char *command)
{
    static const char https[] = "https://";
    if (!o->data)
        return cli_usage(command, "where is the log to be kept? Give --data DIR");
    if (!o->tls_cert != !o->tls_key)
        return cli_usage(command, "--tls-cert and --tls-key go together");
    if (o->ra_tls && strcmp(o->ra_tls, "full") != 0 && strcmp(o->ra_tls, "small") != 0)
        return cli_usage(command, "--ra-tls is full or small, not %s", o->ra_tls);
    if (o->ra_tls && o->tls_cert)
        return cli_usage(command, "--ra-tls makes the certificate: leave out --tls-cert, or it");
    if (o->admit_attested && !o->listen)
        return cli_usage(command, "where are attested peers to come in? Give --listen ADDR:PORT");
    if (!o->witnesses && (o->faulty || o->degraded_starts || o->witness_wait || o->witness_ca))
        return cli_usage(command,
                         "--faulty, --degraded-starts, --witness-wait and --witness-ca are "
                         "about the witnesses: give --witnesses FILE as well");
    if (o->witness_wait && !o->degraded_starts)
        return cli_usage(command, "--witness-wait is how long a start waits before it goes on "
                                  "without them: give --degraded-starts as well");
    if ((o->tls_cert || o->ra_tls) && !o->listen)
        return cli_usage(command, "where is TLS to be? Give --listen ADDR:PORT");
    /* It is not repeated: it may hold a password. */
    if (o->pcs.pccs && strncmp(o->pcs.pccs, https, sizeof https - 1) != 0)
        return cli_usage(command, "--pccs takes an address that begins with https://, as in "
                                  "--pccs https://localhost:8081");
    return EXIT_GOOD;
}
