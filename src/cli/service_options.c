#include "cli/service_options.h"

#include "base/encoding.h"
#include "cli/journal.h"

#include <string.h>

#define NUMBER_MAX 1000000

static int log_format(const char *command, const char *name)
{
    if (strcmp(name, "json") == 0)
        journal_as_json();
    else if (strcmp(name, "text") != 0)
        return cli_usage(command, "--log-format is text or json, not %s", name);
    return EXIT_GOOD;
}

static int number(const char *command, const char *name, unsigned *out, const char *value)
{
    uint64_t v;
    if (decimal_read(&v, slice_str(value), NUMBER_MAX) != TL_OK || v == 0)
        return cli_usage(command, "%s takes a number from 1 to %d, not %s", name, NUMBER_MAX,
                         value);
    *out = (unsigned)v;
    return EXIT_GOOD;
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
    case OPTION_LISTEN:
        o->listen = value;
        return EXIT_GOOD;
    case OPTION_TLS_CERT:
        o->tls_cert = value;
        return EXIT_GOOD;
    case OPTION_TLS_KEY:
        o->tls_key = value;
        return EXIT_GOOD;
    case OPTION_MAX_CONNECTIONS:
        return number(command, "--max-connections", &o->limits.connections, value);
    case OPTION_MAX_PEER_CONNECTIONS:
        return number(command, "--max-peer-connections", &o->limits.peer_connections, value);
    default:
        return cli_option_exit(got);
    }
}

int service_options_check(const struct service_options *o, const char *command)
{
    static const char https[] = "https://";
    if (!o->data)
        return cli_usage(command, "where is the log to be kept? Give --data DIR");
    if (!o->tls_cert != !o->tls_key)
        return cli_usage(command, "--tls-cert and --tls-key go together");
    if (o->tls_cert && !o->listen)
        return cli_usage(command, "where is TLS to be? Give --listen ADDR:PORT");
    /* It is not repeated: it may hold a password. */
    if (o->pcs.pccs && strncmp(o->pcs.pccs, https, sizeof https - 1) != 0)
        return cli_usage(command, "--pccs takes an address that begins with https://, as in "
                                  "--pccs https://localhost:8081");
    return EXIT_GOOD;
}
