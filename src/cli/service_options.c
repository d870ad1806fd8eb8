#include "cli/service_options.h"

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
    case OPTION_ACCESS_LOG:
        o->access_log = true;
        return EXIT_GOOD;
    default:
        return cli_option_exit(got);
    }
}

int service_options_check(const struct service_options *o, const char *command)
{
    static const char https[] = "https://";
    if (!o->data)
        return cli_usage(command, "where is the log to be kept? Give --data DIR");
    /* It is not repeated: it may hold a password. */
    if (o->pcs.pccs && strncmp(o->pcs.pccs, https, sizeof https - 1) != 0)
        return cli_usage(command, "--pccs takes an address that begins with https://, as in "
                                  "--pccs https://localhost:8081");
    return EXIT_GOOD;
}
