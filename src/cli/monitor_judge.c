/* What it is that does not fit. Proofs are made of what is served, and then checked against
 * roots that the log has signed: what they show does not rest on who serves. */
#include "base/reader.h"
#include "base/refuse.h"
#include "cli/monitor_own.h"

#include <stdio.h>
#include <stdlib.h>

#define U(v) ((unsigned long long)(v))

static struct tile_nodes *nodes_of(struct tile_source *s, uint64_t size, struct tl_why *why)
{
    struct tile_nodes *t = calloc(1, sizeof *t);
    if (t) {
        t->source = s;
        t->size = size;
        t->why = why;
    }
    return t;
}

/* Whether the tiles are of the tree that was signed, and what its first m leaves have for a
 * root: TL_E_PROOF where they are not. */
static tl_err beginning(hash32 *out, const struct shown *of, uint64_t m, struct tile_nodes *t)
{
    const struct merkle_nodes nodes = {tile_nodes_get, t};
    hash32 path[MERKLE_MAX_PATH], root;
    size_t count = 0;
    tl_err err = merkle_root(&nodes, m, &root);
    if (err == TL_OK)
        err = merkle_prove_consistency(&nodes, m, of->size, path, &count);
    if (err == TL_OK)
        err = merkle_verify_consistency(m, of->size, &root, &of->root, path, count);
    if (err == TL_OK)
        *out = root;
    return err;
}

tl_err monitor_forked(struct monitor *m, const struct shown *a, const struct shown *b)
{
    monitor_keep_proof(m, ALARM_FORK, a, b);
    if (m->raised[ALARM_FORK].now)
        return TL_E_PROOF; /* said, of two others */
    return monitor_alarm(m, ALARM_FORK, UINT64_MAX,
                         "two histories under the log's own key: %s shows %llu entries, and %s "
                         "%llu that are not of the same tree",
                         a->who, U(a->size), b->who, U(b->size));
}

/* small->size <= large->size, and the tiles are those of large. */
static tl_err compare(struct monitor *m, struct tile_source *s, const struct shown *small,
                      const struct shown *large, struct tl_why *why)
{
    hash32 root = large->root;
    tl_err err = TL_OK;
    if (small->size == 0)
        return TL_OK; /* a tree grows out of nothing */
    if (small->size < large->size) {
        struct tile_nodes *t = nodes_of(s, large->size, why);
        err = t ? beginning(&root, large, small->size, t) : TL_E_MEMORY;
        free(t);
    }
    if (err == TL_E_PROOF) {
        monitor_keep_proof(m, ALARM_REWRITE, small, large);
        return monitor_alarm(m, ALARM_REWRITE, UINT64_MAX,
                             "the tiles do not give the root of %llu entries that the log has "
                             "signed, so that nothing shows that it grew out of %llu",
                             U(large->size), U(small->size));
    }
    if (err == TL_OK && REFUSED(!hash_eq(&root, &small->root)))
        return monitor_forked(m, small, large);
    return err;
}

tl_err monitor_compare(struct monitor *m, struct tile_source *s, const struct shown *other,
                       struct tl_why *why)
{
    return other->size < m->known.size ? compare(m, s, other, &m->known, why)
                                       : compare(m, s, &m->known, other, why);
}

/* ---- one entry ---- */

static tl_err read_entry(hash32 *out, slice bundle, uint64_t n)
{
    slice entry = {NULL, 0};
    reader r = reader_of(bundle);
    for (uint64_t i = 0; i <= n; i++)
        entry = reader_bytes(&r, reader_u16be(&r));
    *out = merkle_leaf_hash(entry);
    return r.err == TL_OK ? TL_OK : TL_E_PROOF;
}

/* Whether the entry that is served at this index is the tree's: TL_E_PROOF where it is not. */
static tl_err is_logged(const struct monitor *m, struct tile_source *s, uint64_t index,
                        struct tl_why *why)
{
    hash32 leaf, path[MERKLE_MAX_PATH];
    size_t count = 0;
    uint64_t n = index / TILE_WIDTH;
    buf bundle;
    buf_init(&bundle, TILE_FILE_MAX);
    struct tile_nodes *t = nodes_of(s, m->log.size, why);
    const struct merkle_nodes nodes = {tile_nodes_get, t};
    tl_err err = t ? tile_source_ask_tile(s, -1, n, tile_width(n, m->log.size), why) : TL_E_MEMORY;
    if (err == TL_OK)
        err = tile_source_take(s, &bundle, why);
    if (err == TL_OK)
        err = read_entry(&leaf, buf_slice(&bundle), index % TILE_WIDTH);
    if (err == TL_OK)
        err = merkle_prove_inclusion(&nodes, index, m->log.size, path, &count);
    if (err == TL_OK)
        err = merkle_verify_inclusion(index, m->log.size, &leaf, path, count, &m->log.root);
    buf_finish(&bundle);
    free(t);
    return err == TL_E_LIMIT ? TL_E_PROOF : err;
}

static tl_err judge_statement(struct monitor *m, struct tile_source *s, struct tl_why *why)
{
    const char *check = "";
    const struct report_result *f = follow_failure(m->follow, &check);
    tl_err err = is_logged(m, s, f->index, why);
    if (err == TL_OK)
        return monitor_alarm(m, ALARM_STATEMENT, f->index, "%s: %s", check, f->detail);
    return err;
}

void monitor_suspect(struct monitor *m, uint64_t at, tl_err err)
{
    const char *check = "";
    if (err == VERDICT) {
        const struct report_result *f = follow_failure(m->follow, &check);
        snprintf(m->failed, sizeof m->failed, "the statement at index %llu is not a good one (%s)",
                 U(f->index), check);
    } else if (err == TL_E_PROOF) {
        snprintf(m->failed, sizeof m->failed, "an entry or a tile at index %llu is not the tree's",
                 U(at));
    }
}

tl_err monitor_judge(struct monitor *m, struct tile_source *s, uint64_t at, tl_err err,
                     struct tl_why *why)
{
    if (err != TL_E_PROOF && err != VERDICT)
        return err;
    tl_err compared = monitor_compare(m, s, &m->log, why);
    if (compared != TL_OK)
        return compared;
    if (err == VERDICT)
        err = judge_statement(m, s, why);
    if (err != TL_E_PROOF || m->raised[ALARM_STATEMENT].now)
        return err;
    return monitor_alarm(m, ALARM_GAP, at,
                         "an entry or a tile is not the tree's: one of its bundle, or a tile that "
                         "it is in");
}
