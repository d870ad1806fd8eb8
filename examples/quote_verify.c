/* Verifies a quote offline, from files, as a relying party has to: under a policy that
 * names the code, and with the report data that it asked for.
 *
 *     quote_verify QUOTE COLLATERAL POLICY REPORT_DATA
 *
 * REPORT_DATA holds the 1 to 64 bytes that the quote must begin its report data with:
 * a nonce that was sent, or a hash of the key that is to be trusted. Exits with 0 where
 * all is well, 1 where the quote is not to be relied on, 2 where it was not judged.
 *
 * After `make install`:
 *     cc -o quote_verify examples/quote_verify.c $(pkg-config --cflags --libs teelog) */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <teelog/quote.h>

static uint8_t contents[4][1 << 20];

/* Exits where the file cannot be read whole. */
static struct teelog_bytes read_file(int i, const char *path)
{
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(contents[i], 1, sizeof contents[i], f) : 0;
    if (!f || ferror(f) || n == sizeof contents[i]) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(2);
    }
    fclose(f);
    return (struct teelog_bytes){contents[i], n};
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: quote_verify QUOTE COLLATERAL POLICY REPORT_DATA\n");
        return 2;
    }
    struct teelog_bytes text = read_file(2, argv[3]);
    struct teelog_policy *policy = NULL;
    struct teelog_quote_report *report = NULL;
    char message[240] = "";
    if (teelog_policy_read(&policy, (const char *)text.p, text.n, message, sizeof message)) {
        fprintf(stderr, "%s: %s\n", argv[3], message);
        return 2;
    }
    const struct teelog_quote_options options = {
        .quote = read_file(0, argv[1]),
        .collateral = read_file(1, argv[2]),
        .time = (uint64_t)time(NULL),
        .policy = policy,
        .report_data = read_file(3, argv[4]),
    };
    if (teelog_quote_verify(&report, &options)) {
        fprintf(stderr, "not judged: memory is short\n");
        teelog_policy_free(policy);
        return 2;
    }
    /* Accepted alone is some genuine platform that runs something. */
    bool good = teelog_quote_accepted(report) && teelog_quote_pinned(report);
    char *why = teelog_quote_report_text(report);
    printf("%s", why ? why : "memory is short\n");
    free(why);
    teelog_quote_report_free(report);
    teelog_policy_free(policy);
    return good ? 0 : 1;
}
