/* What a store holds beside leaves, tiles and bodies: rows that save work, and that
 * nobody believes. fsck.c says which of them the host has touched. */
#include "log/internal.h"

#include <stdio.h>

struct request_walk {
    struct log *log;
    void (*bad)(void *ctx, const char *text);
    void *ctx;
};

/* A row of ours, about a leaf that is where it says. */
static tl_err check_request(void *ctx, slice tag, slice row)
{
    struct request_walk *w = ctx;
    struct log_receipt receipt = {0};
    hash32 leaf;
    tl_err err = tag.n == 16 ? request_row_read(w->log, row, tag.p, &receipt) : TL_E_STORED;
    if (err == TL_OK)
        err = tree_leaf(w->log->tree, receipt.index, &leaf);
    if (err == TL_OK && hash_eq(&leaf, &receipt.leaf))
        return TL_OK;
    if (err != TL_OK && err != TL_E_STORED && err != TL_E_RANGE)
        return err;
    char text[120];
    snprintf(text, sizeof text, "a request id's row is not of this log's history");
    w->bad(w->ctx, text);
    return TL_OK;
}

tl_err fsck_rows(struct log *log, uint64_t size, const hash32 *root,
                 void (*bad)(void *ctx, const char *text), void *ctx)
{
    struct request_walk w = {log, bad, ctx};
    uint64_t from;
    tl_err err = log->tree ? TL_OK : tree_new(&log->tree, log->store);
    if (err == TL_OK)
        err = tree_load(log->tree, size, root, NULL);
    if (err == TL_E_STORED)
        return TL_OK; /* the tiles are bad, which was said */
    if (err == TL_OK)
        err = heads_load(log, size, &from);
    if (err != TL_OK && tl_err_category(err) != TL_CAT_SYSTEM) {
        bad(ctx, "the rows behind the last heads are not what they were; the next start reads the "
                 "whole log instead, and writes them again");
        err = TL_OK;
    }
    if (err == TL_OK)
        err = store_each_request(log->store, check_request, &w);
    if (err == TL_E_STORED) {
        bad(ctx, "a request id's row has a form that is none of ours");
        err = TL_OK;
    }
    return err;
}
