#include "cli/logged.h"

#include "cli/cli.h"
#include "cli/infile.h"
#include "cli/report.h"
#include "teelog/proof.h"
#include "tlog/key_set.h"
#include "tlog/proof.h"
#include "tlog/statement.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define HEAD          "c2sp.org/tlog-proof@"
#define BUNDLE_HEADER 0          /* the kind of a bundle's first item */
#define SIGN1         "\xd2\x84" /* a COSE_Sign1 with its tag; a bundle begins with an array */

/* The first bytes of a file, as many as there are; none where it cannot be read. */
static slice read_head(char head[sizeof HEAD - 1], const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return (slice){NULL, 0};
    ssize_t n = read(fd, head, sizeof HEAD - 1);
    close(fd);
    return slice_of(head, n > 0 ? (size_t)n : 0);
}

bool logged_is_proof(const char *path)
{
    char head[sizeof HEAD - 1];
    slice start = read_head(head, path);
    return slice_eq_str(start, HEAD) || slice_starts(start, slice_str(SIGN1));
}

/* An array with a number first; a COSE_KeySet is one of maps. */
static bool is_bundle(const char *path)
{
    char head[sizeof HEAD - 1];
    cbor c = cbor_of(read_head(head, path));
    return cbor_array(&c) && cbor_uint(&c, BUNDLE_HEADER) == BUNDLE_HEADER && c.err == TL_OK;
}

/* A relying party's policy is JSON; the other kind has no line that begins with a brace. */
static bool is_json(slice s)
{
    size_t i = 0;
    while (i < s.n && (s.p[i] == ' ' || s.p[i] == '\t' || s.p[i] == '\n' || s.p[i] == '\r'))
        i++;
    return i < s.n && s.p[i] == '{';
}

int logged_read_policy(struct teelog_policy **json, buf *text, const char *path)
{
    char message[320] = "";
    int code = infile_read(text, path);
    if (code != EXIT_GOOD || !is_json(buf_slice(text)))
        return code;
    tl_err err = teelog_policy_read(json, (const char *)text->p, text->n, message, sizeof message);
    if (err == TL_OK)
        return EXIT_GOOD;
    cli_say("the policy %s cannot be used: %s", path, message[0] ? message : tl_err_text(err));
    return err == TL_E_POLICY ? EXIT_USAGE : EXIT_FAILED;
}

static struct teelog_bytes bytes_of(const buf *b, const char *path)
{
    return path ? (struct teelog_bytes){b->p ? b->p : (const uint8_t *)"", b->n}
                : (struct teelog_bytes){NULL, 0};
}

static int judge(const struct teelog_logged_options *o, const char *path, bool json)
{
    struct teelog_logged *l = NULL;
    char message[320] = "";
    tl_err err = teelog_logged_verify(&l, o, message, sizeof message);
    if (err != TL_OK) {
        cli_say("%s was not judged: %s", path, message[0] ? message : tl_err_text(err));
        return err == TL_E_MEMORY ? EXIT_FAILED : EXIT_USAGE;
    }
    static const int codes[] = {[TEELOG_TRUSTED] = EXIT_GOOD,
                                [TEELOG_UNPINNED] = EXIT_UNPINNED,
                                [TEELOG_REJECTED] = EXIT_REJECTED};
    int code = report_print(json ? teelog_logged_json(l) : teelog_logged_text(l),
                            codes[teelog_logged_verdict(l)]);
    teelog_logged_free(l);
    return code;
}

/* A bundle whose boots name the keys, and which is to be good under the same policy. */
static int read_service(struct teelog_report **out, const struct logged_files *f)
{
    static const int codes[] = {
        [TEELOG_UNPINNED] = EXIT_UNPINNED, [TEELOG_REJECTED] = EXIT_REJECTED};
    struct report_options o = {.bundle = f->service_keys,
                               .policy = f->policy,
                               .at = f->at,
                               .collateral_count = f->collateral_count};
    struct teelog_report *report = NULL;
    for (size_t i = 0; i < f->collateral_count; i++)
        o.collaterals[i] = f->collaterals[i];
    int code = report_make(&report, &o);
    if (code != EXIT_GOOD)
        return code;
    enum teelog_verdict verdict = teelog_report_verdict(report);
    if (verdict == TEELOG_TRUSTED) {
        *out = report;
        return EXIT_GOOD;
    }
    cli_say("the service's keys cannot be taken from %s: it is %s under this policy (teelog "
            "verify says why)",
            f->service_keys, teelog_verdict_name(verdict));
    teelog_report_free(report);
    return codes[verdict];
}

static int read_keys(struct teelog_report **service, buf *keys, const struct logged_files *f)
{
    if (f->service_keys && is_bundle(f->service_keys))
        return read_service(service, f);
    if (f->at || f->collateral_count)
        return cli_usage("verify", "of proofs --at and --collateral go with a bundle that has the "
                                   "service's keys (--service-keys)");
    return f->service_keys ? infile_read(keys, f->service_keys) : EXIT_GOOD;
}

int logged_verify(const struct logged_files *f, bool json)
{
    struct teelog_policy *policy = NULL;
    struct teelog_report *service = NULL;
    buf proof, entry, keys, text, since;
    buf_init(&proof, PROOF_MAX + 1);
    buf_init(&entry, STATEMENT_MAX);
    buf_init(&keys, KEY_SET_MAX);
    buf_init(&text, TLOG_POLICY_MAX);
    buf_init(&since, NOTE_MAX);
    int code = infile_read_start(&proof, f->proof);
    if (code == EXIT_GOOD && f->entry)
        code = infile_read(&entry, f->entry);
    if (code == EXIT_GOOD)
        code = read_keys(&service, &keys, f);
    if (code == EXIT_GOOD && f->since)
        code = infile_read(&since, f->since);
    if (code == EXIT_GOOD && f->policy)
        code = logged_read_policy(&policy, &text, f->policy);
    const struct teelog_logged_options o = {
        .proof = bytes_of(&proof, f->proof),
        .entry = bytes_of(&entry, f->entry),
        .policy = policy,
        .tlog_policy = bytes_of(&text, policy ? NULL : f->policy),
        .service = service,
        .service_keys = bytes_of(&keys, service ? NULL : f->service_keys),
        .since = bytes_of(&since, f->since),
    };
    if (code == EXIT_GOOD)
        code = judge(&o, f->proof, json);
    buf_finish(&proof);
    buf_finish(&entry);
    buf_finish(&keys);
    buf_finish(&text);
    buf_finish(&since);
    teelog_policy_free(policy);
    teelog_report_free(service);
    return code;
}
