/* Verifies a bundle under a policy: verify_min BUNDLE POLICY. Exits with 0 for TRUSTED alone.
 *
 *     cc -o verify_min verify_min.c $(pkg-config --cflags --libs teelog) */
#include <stdio.h>
#include <teelog/verify.h>
#include <time.h>

static tl_err more(void *file, uint8_t *out, size_t cap, size_t *got)
{
    *got = fread(out, 1, cap, file);
    return ferror((FILE *)file) ? TL_E_IO : TL_OK;
}

int main(int argc, char **argv)
{
    static char json[1 << 20];
    struct teelog_policy *policy = NULL;
    struct teelog_report *report = NULL;
    FILE *bundle = argc == 3 ? fopen(argv[1], "rb") : NULL;
    FILE *rules = argc == 3 ? fopen(argv[2], "rb") : NULL;
    size_t n = rules ? fread(json, 1, sizeof json, rules) : 0;
    if (!bundle || teelog_policy_read(&policy, json, n, NULL, 0))
        return 2;
    struct teelog_verify_options options = {
        .policy = policy, .time = (uint64_t)time(NULL), .read = more, .ctx = bundle};
    if (teelog_verify(&report, &options))
        return 2; /* no verdict: reading failed, or memory is short */
    puts(teelog_verdict_name(teelog_report_verdict(report)));
    return teelog_report_verdict(report) == TEELOG_TRUSTED ? 0 : 1;
}
