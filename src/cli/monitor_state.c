/* The folder of a monitor (docs/monitoring.md). `state` is what it goes on with; `checkpoint` is
 * the note in it, for other programs; NAME.known and NAME.shown are proof of what went wrong. */
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

void monitor_recall_fork(struct monitor *m)
{
    struct shown old = {.who = "this monitor"};
    buf b;
    buf_init(&b, NOTE_MAX);
    buf_init(&old.note, NOTE_MAX);
    if (folder_get(m->dir, "fork.shown", &b, NULL) == TL_OK &&
        shown_take(&old, m, buf_slice(&b)) == TL_OK)
        monitor_shout(
            m, ALARM_FORK, UINT64_MAX,
            "two histories were found before: the two checkpoints are in %s, fork.known and "
            "fork.shown",
            m->o->state);
    shown_finish(&old);
    buf_finish(&b);
}

void monitor_keep_proof(struct monitor *m, enum alarm alarm, const struct shown *a,
                        const struct shown *b)
{
    char known[32], shown[32];
    struct tl_why why = {{0}, {0}};
    snprintf(known, sizeof known, "%s.known", alarm_name(alarm));
    snprintf(shown, sizeof shown, "%s.shown", alarm_name(alarm));
    /* The first is kept: who makes more must not push it out. */
    if (is_there(m, shown))
        return;
    tl_err err = a->note.n ? folder_put(m->dir, known, buf_slice(&a->note), 0666, &why) : TL_OK;
    if (err == TL_OK)
        err = folder_put(m->dir, shown, buf_slice(&b->note), 0666, &why);
    if (err != TL_OK)
        cli_say("cannot keep the two checkpoints: %s. Here they are:\n%.*s\n%.*s",
                tl_why_text(&why, err), (int)a->note.n, a->note.n ? (const char *)a->note.p : "",
                (int)b->note.n, b->note.n ? (const char *)b->note.p : "");
}
