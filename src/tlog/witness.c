#include "tlog/witness.h"

#include "base/encoding.h"
#include "base/reader.h"
#include "base/refuse.h"
#include "tlog/proof.h"

#include <stdlib.h>

#define OLD "old "

/* "old <size>", and 0 to 63 lines of proof before an empty one. */
static tl_err read_proof(struct witness_request *out, slice *rest)
{
    slice line = note_line(rest), old = slice_str(OLD);
    if (REFUSED(!slice_starts(line, old)))
        return TL_E_FIELD;
    tl_err err =
        decimal_read(&out->old, slice_of(line.p + old.n, line.n - old.n), COSIGNATURE_TIME_MAX);
    return err == TL_OK ? tlog_proof_read_path(out->path, &out->path_count, rest) : err;
}

static tl_err read_request(struct witness_request *out, slice body)
{
    tl_err err = read_proof(out, &body);
    if (err == TL_OK)
        err = note_read(&out->note, body);
    if (err == TL_OK)
        err = checkpoint_read_submitted(&out->checkpoint, out->note.text);
    if (err == TL_OK && REFUSED(out->old > out->checkpoint.size))
        err = TL_E_RANGE;
    return err;
}

tl_err witness_request_read(struct witness_request *out, slice body)
{
    struct witness_request *r = malloc(sizeof *r);
    tl_err err = r ? read_request(r, body) : TL_E_MEMORY;
    if (err == TL_OK)
        *out = *r;
    free(r);
    return err;
}

void witness_request_put(buf *b, uint64_t old, const hash32 *path, size_t path_count, slice note)
{
    buf_printf(b, OLD "%llu\n", (unsigned long long)old);
    for (size_t i = 0; i < path_count; i++) {
        base64_put(b, hash_slice(&path[i]));
        buf_str(b, "\n");
    }
    buf_str(b, "\n");
    buf_bytes(b, note);
}

tl_err witness_size_read(uint64_t *out, slice body)
{
    if (REFUSED(body.n == 0 || body.p[body.n - 1] != '\n'))
        return TL_E_RANGE;
    return decimal_read(out, slice_of(body.p, body.n - 1), INT64_MAX);
}

void witness_size_put(buf *b, uint64_t size)
{
    buf_printf(b, "%llu\n", (unsigned long long)size);
}

enum witness_conflict witness_conflict(uint64_t old, uint64_t size, uint64_t told)
{
    if (REFUSED(told > size))
        return WITNESS_IS_AHEAD;
    return REFUSED(told == old) ? WITNESS_CONTRADICTS : WITNESS_GO_ON;
}

/* Of the lines of this key, all of which verify, the one of this time. */
static void put_line(buf *line, const struct note *n, const struct cosigner *key, uint64_t time)
{
    for (size_t i = 0; i < n->signature_count; i++) {
        const struct note_signature *s = &n->signatures[i];
        reader r = reader_of(slice_of(s->bytes, sizeof(uint64_t)));
        if (!slice_eq_str(s->name, key->name) || memcmp(s->id, key->id, sizeof s->id) != 0 ||
            reader_u64be(&r) != time)
            continue;
        buf_bytes(line, s->line);
        return;
    }
}

tl_err witness_answer_take(buf *line, uint64_t *time, const struct cosigner *key, slice text,
                           slice body)
{
    size_t before = line->n;
    uint64_t at = 0;
    struct note *n = malloc(sizeof *n);
    buf whole;
    /* "The client MAY concatenate it to the checkpoint, and use a note verification function". */
    buf_init(&whole, NOTE_MAX);
    buf_bytes(&whole, text);
    buf_str(&whole, "\n");
    buf_bytes(&whole, body);
    tl_err err = n ? buf_err(&whole) : TL_E_MEMORY;
    if (err == TL_OK)
        err = note_read(n, buf_slice(&whole));
    /* An empty line in the body would move the place where the text ends. */
    if (err == TL_OK && REFUSED(!slice_eq(n->text, text)))
        err = TL_E_NOTE;
    if (err == TL_OK)
        err = cosignature_verify(n, key, &at);
    if (err == TL_OK) {
        put_line(line, n, key, at);
        err = buf_err(line);
    }
    if (err == TL_OK)
        *time = at;
    else
        line->n = before;
    buf_finish(&whole);
    free(n);
    return err;
}

/* At least one line of a trusted key, and none that fails. */
static bool is_signed(const struct witness_log *log, const struct note *n)
{
    bool found = false;
    for (size_t i = 0; i < log->key_count; i++) {
        tl_err err = note_verify_known(n, &log->keys[i]);
        if (REFUSED(err != TL_OK && err != TL_E_NOT_FOUND))
            return false;
        found = found || err == TL_OK;
    }
    return !REFUSED(!found);
}

enum witness_status witness_judge(const struct witness_log *log,
                                  const struct witness_request *request)
{
    const struct checkpoint *c = &request->checkpoint;
    if (REFUSED(!log))
        return WITNESS_UNKNOWN;
    if (!is_signed(log, &request->note))
        return WITNESS_FORBIDDEN;
    if (REFUSED(request->old != log->size))
        return WITNESS_CONFLICT;
    /* Of size 0 the root is that of no leaves, from 0 the proof is empty, and of the same size
     * so are the roots: merkle_verify_consistency says no otherwise. */
    if (REFUSED(merkle_verify_consistency(log->size, c->size, &log->root, &c->root, request->path,
                                          request->path_count) != TL_OK))
        return WITNESS_REFUSES;
    return WITNESS_COSIGNS;
}
