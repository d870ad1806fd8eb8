#include "log/successor.h"

#include "base/refuse.h"
#include "codec/cbor.h"
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

/* As of the policy of a log that is served. By a quorum of none nothing is cosigned. */
static bool k_of_n(const struct tlog_policy *p, size_t *k, size_t *n)
{
    return tlog_policy_one_group(p, k, n) && *k >= 1;
}

static tl_err explain_count(const struct tlog_policy *p, const struct tlog_quorum *q, uint64_t size,
                            struct tl_why *why)
{
    size_t k = 0, n = 0;
    if (p && !k_of_n(p, &k, &n))
        return tl_explain(why, TL_E_NOT_COSIGNED, "witnesses",
                          "the quorum of the older log's witnesses has to be k of all of them, in "
                          "one group, and k at least 1: give the policy that it was served with "
                          "(--old-witnesses); or, where it had none, --unwitnessed");
    if (!p)
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
    const bool cosigned = q.met && k_of_n(o->policy, &(size_t){0}, &(size_t){0});
    if (REFUSED(!cosigned && !o->unwitnessed))
        return explain_count(o->policy, &q, c.size, why);
    buf_reset(&out->note);
    buf_bytes(&out->note, bytes);
    snprintf(out->origin, sizeof out->origin, "%s", o->key->name);
    out->size = c.size;
    out->root = c.root;
    out->cosigned = cosigned;
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

/* Nothing that is kept, or no good, is no failure; those of the machine are. */
static tl_err passed_over(tl_err err)
{
    return tl_err_category(err) == TL_CAT_SYSTEM ? err : TL_OK;
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

/* ---- what stands against it ---- */

tl_err log_last_note_against(const struct log_last_note *n, const struct note_key *key, slice other,
                             const char *who, struct tl_why *why)
{
    struct checkpoint c;
    tl_err err = checkpoint_open(&c, other, key);
    if (err == TL_E_MEMORY)
        return err;
    if (err != TL_OK)
        return TL_E_SIGNATURE;
    if (REFUSED(c.size > n->size))
        return tl_explain(why, TL_E_FROZEN, "note",
                          "%.100s has a note of size %" PRIu64 " under the older log's key, and "
                          "that to be followed is of size %" PRIu64
                          ": what lies between may have been acknowledged. Fetch the largest that "
                          "its witnesses have cosigned and give it with --note FILE",
                          who, c.size, n->size);
    if (REFUSED(c.size == n->size && !hash_eq(&c.root, &n->root)))
        return tl_explain(why, TL_E_FROZEN, "note",
                          "%.100s has a note of size %" PRIu64 " under the older log's key with "
                          "another root than that to be followed: two copies of the log have gone "
                          "on. Ask its witnesses which they have cosigned, and give that with "
                          "--note FILE",
                          who, c.size);
    return TL_OK;
}

static tl_err against(const struct log_last_note *n, const struct log_last_options *o, slice other,
                      const char *who, struct tl_why *why)
{
    tl_err err = log_last_note_against(n, o->key, other, who, why);
    return err == TL_E_SIGNATURE ? TL_OK : err; /* anybody's, which shows nothing */
}

static tl_err against_kept(const struct log_last_note *n, struct store *s, const char *name,
                           const struct log_last_options *o, struct tl_why *why)
{
    buf b;
    buf_init(&b, NOTE_MAX);
    tl_err err = store_get_meta(s, name, &b);
    err = err == TL_OK ? against(n, o, buf_slice(&b), "its database", why) : passed_over(err);
    buf_finish(&b);
    return err;
}

/* The notes by which it froze: one of them is what a newer disk, or another copy, signed. */
static tl_err against_fork(const struct log_last_note *n, struct store *s,
                           const struct log_last_options *o, struct tl_why *why)
{
    buf b;
    buf_init(&b, 2 * NOTE_MAX + 256);
    tl_err err = store_get_meta(s, LOG_FORK, &b);
    cbor c = cbor_of(buf_slice(&b));
    cbor_array_of(&c, 3);
    (void)cbor_text(&c); /* the host's word on whose it is */
    slice ours = cbor_bytes(&c), theirs = cbor_bytes(&c);
    if (err == TL_OK)
        err = cbor_end(&c);
    if (err == TL_OK)
        err = against(n, o, theirs, "the log froze, and its database", why);
    if (err == TL_OK)
        err = against(n, o, ours, "the log froze, and its database", why);
    else if (err != TL_E_FROZEN)
        err = passed_over(err);
    buf_finish(&b);
    return err;
}

/* Nothing in that directory may know of more than the note does. On the owner's word that the
 * log's signature will do, what its own disk has signed last may be left out. */
static tl_err check_others(const struct log_last_note *n, struct store *s,
                           const struct log_last_options *o, struct tl_why *why)
{
    tl_err err = against_fork(n, s, o, why);
    if (err == TL_OK)
        err = against_kept(n, s, LOG_COSIGNED, o, why);
    if (err == TL_OK && !o->unwitnessed)
        err = against_kept(n, s, LOG_NOTE, o, why);
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
    tl_err other = found ? check_others(out, s, o, why) : TL_OK;
    store_close(s);
    if (found)
        return other;
    if (inner.text[0])
        return tl_explain(why, err, inner.field, "%s", inner.text);
    return tl_explain(why, err, "old",
                      "the log in %.120s has kept no note that a quorum of witnesses has cosigned: "
                      "give one that you have (--note FILE); or, where it had no witnesses, "
                      "--unwitnessed",
                      dir);
}
