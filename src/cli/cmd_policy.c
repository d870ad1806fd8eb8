#include "cli/cli.h"
#include "cli/outfile.h"
#include "cli/report.h"

#include <stdlib.h>
#include <string.h>

static int write_policy(const char *path, const char *text)
{
    struct outfile f;
    struct tl_why why = {{0}, {0}};
    size_t n = strlen(text);
    tl_err err = outfile_open(&f, path, 0644, &why);
    if (err != TL_OK)
        return cli_fail("policy", err, &why);
    err = outfile_write(&f, slice_of(text, n), &why);
    if (err == TL_OK && (n == 0 || text[n - 1] != '\n'))
        err = outfile_write(&f, slice_str("\n"), &why);
    if (err == TL_OK)
        err = outfile_keep(&f, &why);
    outfile_close(&f);
    return err == TL_OK ? EXIT_GOOD : cli_fail("policy", err, &why);
}

static int init(const struct report_options *o, const char *path)
{
    struct teelog_report *report = NULL;
    char message[320] = "";
    int code = report_make(&report, o);
    if (code != EXIT_GOOD)
        return code;
    char *text = teelog_report_policy(report, message, sizeof message);
    if (!text) {
        cli_say("no policy was written: %s; `teelog verify %s` shows each check", message,
                o->bundle);
        code = EXIT_REJECTED;
    } else {
        code = write_policy(path, text);
        if (code == EXIT_GOOD && strcmp(path, "-") != 0)
            cli_say("wrote %s%s; read it: it trusts the very bundle that it was made from", path,
                    teelog_report_simulated(report) ? " (SIMULATED platform)" : "");
    }
    free(text);
    teelog_report_free(report);
    return code;
}

int cmd_policy(int argc, char **argv)
{
    static const struct option longs[] = {
        {"at", required_argument, NULL, 'a'}, {"help", no_argument, NULL, 'h'}, {0}};
    struct report_options o = {0};
    const char *path = NULL;
    for (int got; (got = cli_option(argc, argv, "ho:", longs, "policy")) != -1;) {
        switch (got) {
        case 'o':
            path = optarg;
            break;
        case 'a':
            o.at = optarg;
            break;
        default:
            return cli_option_exit(got);
        }
    }
    if (argc - optind != 2 || strcmp(argv[optind], "init") != 0)
        return cli_usage("policy", "policy knows: policy init FILE -o POLICY");
    if (!path)
        return cli_usage("policy", "where is the policy to go? Give -o POLICY");
    o.bundle = argv[optind + 1];
    return init(&o, path);
}
