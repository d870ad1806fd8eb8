/* The folder of a monitor (docs/monitoring.md). `state` is what it goes on with; `checkpoint` is
 * the note in it, for other programs; NAME.known and NAME.shown, NAME.2.known and so on are proof
 * of what went wrong. */
#include "base/reader.h"
#include "base/refuse.h"
#include "cli/cli.h"
#include "cli/monitor_own.h"
#include "codec/cbor.h"
#include "store/folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define STATE      "state"
#define CHECKPOINT "checkpoint"
#define VERSION    1
#define PROOF_NAME 32
#define STATE_MAX  (FOLLOW_STATE_MAX + NOTE_MAX + sizeof(hash32) * TILE_LEVELS * TILE_WIDTH + 64)

/* ---- out ---- */

static void put_edge(buf *b, const struct tile_edge *e)
{
    uint64_t n = 0;
    for (unsigned level = 0; level < TILE_LEVELS; level++)
        n += tile_edge_width(e->size, level);
    cbor_put_head(b, CBOR_BYTES, n * sizeof(hash32));
    for (unsigned level = 0; level < TILE_LEVELS; level++)
        buf_bytes(
            b, slice_of(e->hashes[level][0].b, tile_edge_width(e->size, level) * sizeof(hash32)));
}

tl_err monitor_save(struct monitor *m, struct tl_why *why)
{
    buf b, follow;
    buf_init(&b, STATE_MAX);
    buf_init(&follow, FOLLOW_STATE_MAX);
    follow_put(m->follow, &follow);
    cbor_put_array(&b, 4);
    cbor_put_uint(&b, VERSION);
    cbor_put_bytes(&b, buf_slice(&m->known.note));
    put_edge(&b, &m->edge);
    cbor_put_bytes(&b, buf_slice(&follow));
    tl_err err = buf_err(&follow) != TL_OK ? buf_err(&follow) : buf_err(&b);
    if (err == TL_OK)
        err = folder_put(m->dir, STATE, buf_slice(&b), 0666, why);
    if (err == TL_OK)
        err = folder_put(m->dir, CHECKPOINT, buf_slice(&m->known.note), 0666, why);
    buf_finish(&follow);
    buf_finish(&b);
    return err;
}

/* ---- in ---- */

static tl_err read_edge(struct tile_edge *e, slice bytes, const struct shown *known)
{
    reader r = reader_of(bytes);
    *e = (struct tile_edge){.size = known->size};
    for (unsigned level = 0; level < TILE_LEVELS; level++)
        reader_copy(&r, e->hashes[level][0].b, tile_edge_width(e->size, level) * sizeof(hash32));
    hash32 root = tile_edge_root(e);
    if (REFUSED(!hash_eq(&root, &known->root)))
        return TL_E_STORED;
    return reader_end(&r);
}

static tl_err read_state(struct monitor *m, slice bytes)
{
    cbor c = cbor_of(bytes);
    cbor_array_of(&c, 4);
    if (REFUSED(cbor_uint(&c, VERSION) != VERSION))
        cbor_fail(&c, TL_E_STORED);
    slice note = cbor_bytes(&c), edge = cbor_bytes(&c), follow = cbor_bytes(&c);
    tl_err err = cbor_end(&c);
    if (err == TL_OK)
        err = shown_take(&m->known, m, note);
    if (err == TL_OK)
        err = read_edge(&m->edge, edge, &m->known);
    if (err == TL_OK)
        err = follow_read(&m->follow, follow, slice_str(m->o->key.name), m->known.size,
                          m->o->threads);
    return err == TL_OK || err == TL_E_MEMORY ? err : TL_E_STORED;
}

static tl_err begin(struct monitor *m)
{
    shown_finish(&m->known);
    m->edge = (struct tile_edge){0};
    return follow_new(&m->follow, slice_str(m->o->key.name), m->o->threads);
}

tl_err monitor_load(struct monitor *m, struct tl_why *why)
{
    buf b;
    buf_init(&b, STATE_MAX);
    follow_free(m->follow);
    m->follow = NULL;
    m->astray = true;
    tl_err err = folder_get(m->dir, STATE, &b, why);
    if (err == TL_E_NOT_FOUND)
        err = begin(m);
    else if (err == TL_OK)
        err = read_state(m, buf_slice(&b));
    else if (err == TL_E_LIMIT)
        err = TL_E_STORED;
    buf_finish(&b);
    if (err == TL_E_STORED)
        return tl_explain(why, err, NULL,
                          "what is in %s is not what a monitor of this log left there: look at who "
                          "writes there, then take an older copy of it, or an empty folder",
                          m->o->state);
    m->astray = err != TL_OK;
    return err;
}

/* ---- proofs ---- */

static bool is_there(const struct monitor *m, const char *name)
{
    struct stat st;
    return fstatat(m->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The first, or a later pair of them. */
static void proof_name(char out[PROOF_NAME], enum alarm alarm, unsigned i, const char *which)
{
    if (i == 0)
        snprintf(out, PROOF_NAME, "%s.%s", alarm_name(alarm), which);
    else
        snprintf(out, PROOF_NAME, "%s.%u.%s", alarm_name(alarm), i + 1, which);
}

static bool same_tree(const struct shown *a, const struct shown *b)
{
    return a->size == b->size && hash_eq(&a->root, &b->root);
}

/* Whether a file has a note of this log, and where of is not NULL, of that tree: cosignatures come
 * and go. */
static bool is_kept(const struct monitor *m, const char *name, const struct shown *of)
{
    struct shown kept = {0};
    struct tl_why why = {{0}, {0}};
    buf b;
    buf_init(&b, NOTE_MAX);
    buf_init(&kept.note, NOTE_MAX);
    bool is = folder_get(m->dir, name, &b, &why) == TL_OK &&
              shown_take(&kept, m, buf_slice(&b)) == TL_OK && (!of || same_tree(&kept, of));
    shown_finish(&kept);
    buf_finish(&b);
    return is;
}

bool monitor_has_proof(const struct monitor *m, enum alarm alarm)
{
    char name[PROOF_NAME];
    bool has = false;
    for (unsigned i = 0; i < PROOFS_MAX && !has; i++) {
        proof_name(name, alarm, i, "shown");
        has = is_kept(m, name, NULL);
    }
    return has;
}

/* new: that of them which is not ours. */
static void print_proof(struct monitor *m, const struct shown *a, const struct shown *b,
                        const struct shown *new, const char *reason)
{
    if (m->printed.there && same_tree(&m->printed, new))
        return;
    cli_say("cannot keep the two checkpoints: %s. Here they are:\n%.*s\n%.*s", reason,
            (int)a->note.n, a->note.n ? (const char *)a->note.p : "", (int)b->note.n,
            b->note.n ? (const char *)b->note.p : "");
    m->printed.there = true;
    m->printed.size = new->size;
    m->printed.root = new->root;
}

/* A pair of which one was kept before proves no more than that did. What is kept stays. */
void monitor_keep_proof(struct monitor *m, enum alarm alarm, const struct shown *a,
                        const struct shown *b)
{
    const struct shown *new = b == &m->known ? a : b;
    char known[PROOF_NAME], shown[PROOF_NAME];
    struct tl_why why = {{0}, {0}};
    unsigned i = 0;
    for (; i < PROOFS_MAX; i++) {
        proof_name(known, alarm, i, "known");
        proof_name(shown, alarm, i, "shown");
        if (!is_there(m, shown))
            break;
        if (is_kept(m, shown, new) || is_kept(m, known, new))
            return;
    }
    tl_err err = TL_E_FULL;
    if (i < PROOFS_MAX)
        err = a->note.n ? folder_put(m->dir, known, buf_slice(&a->note), 0666, &why) : TL_OK;
    if (err == TL_OK)
        err = folder_put(m->dir, shown, buf_slice(&b->note), 0666, &why);
    if (err != TL_OK)
        print_proof(m, a, b, new,
                    i < PROOFS_MAX ? tl_why_text(&why, err) : "the folder has as many as it may");
}
