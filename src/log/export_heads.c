/* The heads that let a bundle be shown to be complete. */
#include "base/refuse.h"
#include "log/export.h"

#include <stdlib.h>

/* Heads first, so that what is exported can be shown to be complete. */
tl_err export_append_heads(struct log *log)
{
    struct group *g = log->groups[0];
    if (!log->has_owner || !heads_due(log, 1) || is_frozen(log) || log->dead)
        return TL_OK;
    tl_err err = sequence_heads(log, g);
    if (err == TL_OK) {
        sign_group(log, g);
        err = commit_group(log, g);
    }
    if (err != TL_OK)
        log->job_err = err;
    return err;
}

struct head_list {
    struct log_export *e;
    hash32 *leaves;
    size_t count, capacity;
};

static tl_err list_head(void *ctx, slice subject, slice row)
{
    struct head_list *l = ctx;
    struct log_export *e = l->e;
    struct head h = {.subject = subject};
    tl_err err = head_row_read(&h, row);
    if (err == TL_OK)
        err = export_grow((void **)&l->leaves, l->count, &l->capacity, sizeof *l->leaves);
    if (err != TL_OK)
        return err;
    bool mine = slice_eq_str(subject, e->agent) || slice_eq_str(subject, e->log->keys.origin);
    if (mine && e->head_count < 2 && subject.n <= SUBJECT_MAX) {
        struct head_proof *p = &e->heads[e->head_count++];
        memcpy(p->subject, subject.p, subject.n);
        p->position = l->count;
    }
    l->leaves[l->count++] = head_leaf_hash(&h);
    return TL_OK;
}

/* The agent's and the origin's places in the heads tree, from the stored rows;
 * none where the rows are not those of the last heads. */
tl_err export_prove_heads(struct log_export *e)
{
    struct head_list list = {.e = e};
    struct log *log = e->log;
    if (log->heads_index == UINT64_MAX || log->heads_index >= e->size)
        return TL_OK;
    tl_err err = store_each_head(log->store, list_head, &list);
    struct merkle_leaves leaves = {list.leaves, list.count};
    struct merkle_nodes nodes = {merkle_leaves_get, &leaves};
    hash32 root;
    if (err == TL_OK)
        err = merkle_root(&nodes, list.count, &root);
    if (err == TL_OK && REFUSED(!hash_eq(&root, &log->heads.root)))
        err = TL_E_STORED;
    for (size_t i = 0; i < e->head_count && err == TL_OK; i++)
        err = merkle_prove_inclusion(&nodes, e->heads[i].position, list.count, e->heads[i].path,
                                     &e->heads[i].path_count);
    if (err != TL_OK || e->head_count != 2)
        e->head_count = 0;
    e->heads_index = log->heads_index;
    free(list.leaves);
    return err == TL_E_IO || err == TL_E_MEMORY ? err : TL_OK;
}
