#include "tlog/proof.h"

#include "base/encoding.h"
#include "base/refuse.h"

#include <stdlib.h>

#define FIRST_LINE "c2sp.org/tlog-proof@v1"
#define EXTRA      "extra "
#define INDEX      "index "

static tl_err check_extra(slice text)
{
    buf b;
    buf_init(&b, PROOF_EXTRA_MAX);
    tl_err err = base64_read(&b, text);
    buf_finish(&b);
    return err;
}

tl_err tlog_proof_read_path(hash32 path[MERKLE_MAX_PATH], size_t *count, slice *rest)
{
    size_t n = 0;
    for (slice line; (line = note_line(rest)).n; n++) {
        buf b;
        if (REFUSED(n == MERKLE_MAX_PATH))
            return TL_E_PROOF;
        buf_init_fixed(&b, path[n].b, sizeof path[n].b);
        if (base64_read(&b, line) != TL_OK || REFUSED(b.n != sizeof path[n].b))
            return TL_E_PROOF;
    }
    *count = n;
    return TL_OK;
}

tl_err tlog_proof_read(struct tlog_proof *out, slice text)
{
    struct tlog_proof p = {0};
    if (REFUSED(!slice_eq_str(note_line(&text), FIRST_LINE)))
        return TL_E_PROOF;
    slice line = note_line(&text);
    p.has_extra = slice_starts(line, slice_str(EXTRA));
    if (p.has_extra) {
        p.extra = slice_of(line.p + strlen(EXTRA), line.n - strlen(EXTRA));
        tl_err err = check_extra(p.extra);
        if (err != TL_OK)
            return err;
        line = note_line(&text);
    }
    if (REFUSED(!slice_starts(line, slice_str(INDEX))))
        return TL_E_PROOF;
    tl_err err =
        decimal_read(&p.index, slice_of(line.p + strlen(INDEX), line.n - strlen(INDEX)), INT64_MAX);
    if (err == TL_OK)
        err = tlog_proof_read_path(p.path, &p.path_count, &text);
    if (err != TL_OK)
        return err;
    /* Else a line before it, which may lack its end, would be the last. */
    if (REFUSED(text.n == 0))
        return TL_E_PROOF;
    p.checkpoint = text;
    *out = p;
    return TL_OK;
}

void tlog_proof_put(buf *b, slice extra, uint64_t index, const hash32 *path, size_t path_count,
                    slice checkpoint)
{
    buf_str(b, FIRST_LINE "\n");
    if (extra.p) {
        buf_str(b, EXTRA);
        base64_put(b, extra);
        buf_str(b, "\n");
    }
    buf_printf(b, INDEX "%llu\n", (unsigned long long)index);
    for (size_t i = 0; i < path_count; i++) {
        base64_put(b, hash_slice(&path[i]));
        buf_str(b, "\n");
    }
    buf_str(b, "\n");
    buf_bytes(b, checkpoint);
}

/* One of the keys has signed the note, no line of any of them fails, and the origin is the
 * name of one that signed. */
static tl_err check_log(const struct note *n, const struct checkpoint *c,
                        const struct note_key *keys, size_t key_count)
{
    bool found = false;
    for (size_t i = 0; i < key_count; i++) {
        tl_err err = note_verify_known(n, &keys[i]);
        if (REFUSED(err != TL_OK && err != TL_E_NOT_FOUND))
            return TL_E_SIGNATURE;
        found = found || (err == TL_OK && !REFUSED(!slice_eq_str(c->origin, keys[i].name)));
    }
    return REFUSED(!found) ? TL_E_SIGNATURE : TL_OK;
}

static tl_err verify(struct tlog_proof_result *out, struct note *n, const struct tlog_proof *proof,
                     const hash32 *leaf, const struct note_key *keys, size_t key_count,
                     const struct tlog_policy *policy)
{
    struct tlog_proof_result r = {0};
    tl_err err = note_read(n, proof->checkpoint);
    if (err == TL_OK)
        err = checkpoint_read_foreign(&r.checkpoint, n->text);
    if (err == TL_OK)
        err = check_log(n, &r.checkpoint, keys, key_count);
    if (err == TL_OK && policy)
        err = tlog_policy_judge(&r.quorum, policy, n);
    if (err == TL_OK)
        err = merkle_verify_inclusion(proof->index, r.checkpoint.size, leaf, proof->path,
                                      proof->path_count, &r.checkpoint.root);
    if (err != TL_OK)
        return err;
    *out = r;
    return policy && REFUSED(!r.quorum.met) ? TL_E_AUTH : TL_OK;
}

tl_err tlog_proof_verify(struct tlog_proof_result *out, const struct tlog_proof *proof,
                         const hash32 *leaf, const struct note_key *keys, size_t key_count,
                         const struct tlog_policy *policy)
{
    struct note *n = malloc(sizeof *n);
    tl_err err = n ? verify(out, n, proof, leaf, keys, key_count, policy) : TL_E_MEMORY;
    free(n);
    return err;
}
