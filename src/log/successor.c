#include "log/successor.h"

#include "base/refuse.h"
#include "log/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void log_last_note_init(struct log_last_note *n)
{
    *n = (struct log_last_note){.cosigned = false};
    buf_init(&n->note, NOTE_MAX);
}

void log_last_note_finish(struct log_last_note *n)
{
    buf_finish(&n->note);
}

static tl_err explain_count(const struct tlog_policy *p, const struct tlog_quorum *q, uint64_t size,
                            struct tl_why *why)
{
    size_t k = 0, n = 0;
    if (!p || !tlog_policy_one_group(p, &k, &n))
        return tl_explain(why, TL_E_NOT_COSIGNED, "witnesses",
                          "nobody has said which witnesses the older log's note is to have: give "
                          "their policy (--old-witnesses); or, where it had none, --unwitnessed");
    return tl_explain(why, TL_E_NOT_COSIGNED, "witnesses",
                      "%zu of %zu witnesses have to have cosigned the older log's note, and %zu "
                      "have cosigned that of size %" PRIu64
                      "; with --unwitnessed the log's own signature will do",
                      k, n, q->valid, size);
}

/* n: to work in. */
static tl_err judge(struct log_last_note *out, slice bytes, const struct log_last_options *o,
                    struct note *n, struct tl_why *why)
{
    struct checkpoint c;
    struct tlog_quorum q = {.met = false};
    tl_err err = checkpoint_open(&c, bytes, o->key);
    if (err == TL_E_MEMORY)
        return err;
    if (REFUSED(err != TL_OK))
        return tl_explain(why, TL_E_SIGNATURE, "note",
                          "the older log's note is no checkpoint under the key of %.100s that is "
                          "known for it: %s",
                          o->key->name, tl_err_text(err));
    err = note_read(n, bytes);
    if (err == TL_OK && o->policy)
        err = tlog_policy_judge(&q, o->policy, n);
    if (err == TL_E_MEMORY)
        return err;
    if (REFUSED(err != TL_OK))
        return tl_explain(why, err, "note",
                          "the older log's note has a line of one of its witnesses that does not "
                          "verify");
    if (REFUSED(!q.met && !o->unwitnessed))
        return explain_count(o->policy, &q, c.size, why);
    buf_reset(&out->note);
    buf_bytes(&out->note, bytes);
    snprintf(out->origin, sizeof out->origin, "%s", o->key->name);
    out->size = c.size;
    out->root = c.root;
    out->cosigned = q.met;
    out->quorum = q;
    return buf_err(&out->note);
}

tl_err log_last_note_judge(struct log_last_note *out, slice note, const struct log_last_options *o,
                           struct tl_why *why)
{
    struct note *n = malloc(sizeof *n);
    if (!n)
        return TL_E_MEMORY;
    tl_err err = judge(out, note, o, n, why);
    free(n);
    return err;
}

/* One that is kept under this name, where it will do and is larger than what there is. */
static tl_err try(struct log_last_note *out, struct store *s, const char *name,
                  const struct log_last_options *o, bool *found, struct tl_why *why)
{
    struct log_last_note other;
    struct tl_why inner = {{0}, {0}};
    buf b;
    buf_init(&b, NOTE_MAX);
    log_last_note_init(&other);
    tl_err err = store_get_meta(s, name, &b);
    if (err == TL_OK)
        err = log_last_note_judge(&other, buf_slice(&b), o, &inner);
    if (err == TL_OK && (!*found || (other.size > out->size && !out->cosigned))) {
        struct log_last_note less = *out;
        *out = other;
        other = less;
        *found = true;
    } else if (inner.text[0] && !why->text[0]) {
        *why = inner;
    }
    log_last_note_finish(&other);
    buf_finish(&b);
    return err;
}

tl_err log_last_note_read(struct log_last_note *out, const char *dir,
                          const struct log_last_options *o, struct tl_why *why)
{
    struct store *s = NULL;
    struct tl_why inner = {{0}, {0}};
    bool found = false;
    tl_err err = store_open(&s, dir, STORE_READ, why);
    if (err != TL_OK)
        return err;
    err = try(out, s, LOG_COSIGNED, o, &found, &inner);
    if (err != TL_E_MEMORY && err != TL_E_IO && o->unwitnessed)
        err = try(out, s, LOG_NOTE, o, &found, &inner);
    store_close(s);
    if (found)
        return TL_OK;
    if (inner.text[0])
        return tl_explain(why, err, inner.field, "%s", inner.text);
    return tl_explain(why, err, "old",
                      "the log in %.120s has kept no note that a quorum of witnesses has cosigned: "
                      "give one that you have (--note FILE); or, where it had no witnesses, "
                      "--unwitnessed",
                      dir);
}
