#include "cli/cli.h"
#include "cli/logged.h"
#include "cli/outfile.h"
#include "cli/report.h"

#include <stdlib.h>

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

/* A page for the files; what standard output says stays the same. */
static int write_html(const struct teelog_report *report, const char *path)
{
    struct outfile f;
    struct tl_why why = {{0}, {0}};
    char *text = teelog_report_html(report);
    if (!text)
        return cli_fail("the page", TL_E_MEMORY, NULL);
    tl_err err = outfile_open(&f, path, 0666, &why);
    if (err == TL_OK) {
        err = outfile_write(&f, slice_str(text), &why);
        if (err == TL_OK)
            err = outfile_keep(&f, &why);
        outfile_close(&f);
    }
    free(text);
    return err == TL_OK ? EXIT_GOOD : cli_fail("the page", err, &why);
}

static int verify(const struct report_options *o, bool json, const char *html)
{
    struct teelog_report *report = NULL;
    int code = report_make(&report, o);
    if (code != EXIT_GOOD)
        return code;
    if (html)
        code = write_html(report, html);
    if (code == EXIT_GOOD)
        code = report_print(json ? teelog_report_json(report) : teelog_report_text(report),
                            verdict_exit(teelog_report_verdict(report)));
    teelog_report_free(report);
    return code;
}

int cmd_verify(int argc, char **argv)
{
    static const struct option longs[] = {
        {"policy", required_argument, NULL, 'p'},
        {"collateral", required_argument, NULL, 'c'},
        {"at", required_argument, NULL, 'a'},
        {"json", no_argument, NULL, 'j'},
        {"html", required_argument, NULL, 'H'},
        {"nonce", required_argument, NULL, 'n'},
        {"since", required_argument, NULL, 's'},
        {"entry", required_argument, NULL, 'e'},
        {"service-keys", required_argument, NULL, 'k'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct report_options o = {0};
    struct logged_files proof = {0};
    const char *html = NULL;
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
        case 'H':
            html = optarg;
            break;
        case 'n':
            o.nonce = optarg;
            break;
        case 's':
            o.since = optarg;
            break;
        case 'e':
            proof.entry = optarg;
            break;
        case 'k':
            proof.service_keys = optarg;
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
    if (proof.entry || proof.service_keys || logged_is_proof(o.bundle)) {
        if (o.nonce || html)
            return cli_usage("verify", "proofs of one entry take no --nonce and no --html");
        proof.since = o.since;
        proof.at = o.at;
        proof.collaterals = o.collaterals;
        proof.collateral_count = o.collateral_count;
        proof.proof = o.bundle;
        proof.policy = o.policy;
        return logged_verify(&proof, json);
    }
    return verify(&o, json, html);
}
