#include "cli/logged.h"

#include "cli/cli.h"
#include "cli/infile.h"
#include "cli/report.h"
#include "teelog/proof.h"
#include "tlog/key_set.h"
#include "tlog/proof.h"
#include "tlog/statement.h"

#include <fcntl.h>
#include <unistd.h>

#define HEAD  "c2sp.org/tlog-proof@"
#define SIGN1 "\xd2\x84" /* a COSE_Sign1 with its tag; a bundle begins with an array */

bool logged_is_proof(const char *path)
{
    char head[sizeof HEAD - 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, head, sizeof head);
    close(fd);
    slice start = slice_of(head, n > 0 ? (size_t)n : 0);
    return slice_eq_str(start, HEAD) || slice_starts(start, slice_str(SIGN1));
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

int logged_verify(const struct logged_files *f, bool json)
{
    struct teelog_policy *policy = NULL;
    buf proof, entry, keys, text, since;
    buf_init(&proof, PROOF_MAX + 1);
    buf_init(&entry, STATEMENT_MAX);
    buf_init(&keys, KEY_SET_MAX);
    buf_init(&text, TLOG_POLICY_MAX);
    buf_init(&since, NOTE_MAX);
    int code = infile_read_start(&proof, f->proof);
    if (code == EXIT_GOOD && f->entry)
        code = infile_read(&entry, f->entry);
    if (code == EXIT_GOOD && f->service_keys)
        code = infile_read(&keys, f->service_keys);
    if (code == EXIT_GOOD && f->since)
        code = infile_read(&since, f->since);
    if (code == EXIT_GOOD && f->policy)
        code = logged_read_policy(&policy, &text, f->policy);
    const struct teelog_logged_options o = {
        .proof = bytes_of(&proof, f->proof),
        .entry = bytes_of(&entry, f->entry),
        .policy = policy,
        .tlog_policy = bytes_of(&text, policy ? NULL : f->policy),
        .service_keys = bytes_of(&keys, f->service_keys),
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
    return code;
}
