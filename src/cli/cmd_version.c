#include "cli/cli.h"

#include <stdio.h>

int cmd_version(int argc, char **argv)
{
    static const struct option longs[] = {
        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
    bool json = false;
    for (int got; (got = cli_option(argc, argv, "h", longs, "version")) != -1;) {
        if (got != 'j')
            return cli_option_exit(got);
        json = true;
    }
    if (optind < argc)
        return cli_usage("version", "version takes no argument %s", argv[optind]);
    puts(json ? "{\"version\":\"" TEELOG_VERSION "\"}" : "teelog " TEELOG_VERSION);
    return EXIT_GOOD;
}
