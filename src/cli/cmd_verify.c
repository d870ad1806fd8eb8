#include "cli/cli.h"
#include "cli/report.h"

static int verdict_exit(enum teelog_verdict v)
{
    switch (v) {
    case TEELOG_TRUSTED:
        return EXIT_GOOD;
    case TEELOG_UNPINNED:
        return EXIT_UNPINNED;
    case TEELOG_REJECTED:
        break;
    }
    return EXIT_REJECTED;
}

static int verify(const struct report_options *o, bool json)
{
    struct teelog_report *report = NULL;
    int code = report_make(&report, o);
    if (code != EXIT_GOOD)
        return code;
    code = report_print(json ? teelog_report_json(report) : teelog_report_text(report),
                        verdict_exit(teelog_report_verdict(report)));
    teelog_report_free(report);
    return code;
}

int cmd_verify(int argc, char **argv)
{
    static const struct option longs[] = {
        {"policy", required_argument, NULL, 'p'}, {"collateral", required_argument, NULL, 'c'},
        {"at", required_argument, NULL, 'a'},     {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},         {0},
    };
    struct report_options o = {0};
    bool json = false;
    for (int got; (got = cli_option(argc, argv, "h", longs, "verify")) != -1;) {
        switch (got) {
        case 'p':
            o.policy = optarg;
            break;
        case 'a':
            o.at = optarg;
            break;
        case 'c':
            if (o.collateral_count == REPORT_COLLATERALS)
                return cli_usage("verify", "--collateral may be given %d times",
                                 REPORT_COLLATERALS);
            o.collaterals[o.collateral_count++] = optarg;
            break;
        case 'j':
            json = true;
            break;
        default:
            return cli_option_exit(got);
        }
    }
    if (argc - optind != 1)
        return cli_usage("verify", "verify takes one bundle");
    o.bundle = argv[optind];
    return verify(&o, json);
}
