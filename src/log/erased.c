#include "log/erased.h"

#include "base/refuse.h"
#include "log/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void erased_finish(struct erased *e)
{
    leaf_set_finish(&e->set);
    leaf_set_finish(&e->places);
    free(e->indexes);
    *e = (struct erased){0};
}

/* ---- where the erasures are ---- */

static void place_name(char out[32], uint64_t number)
{
    snprintf(out, 32, "erasure/%" PRIu64, number);
}

tl_err erased_put_place(struct log *log, uint64_t number, uint64_t index)
{
    char name[32];
    uint8_t mem[16];
    buf b;
    place_name(name, number);
    buf_init_fixed(&b, mem, sizeof mem);
    cbor_put_uint(&b, index);
    return store_put_meta(log->store, name, buf_slice(&b));
}

tl_err erased_get_place(struct log *log, uint64_t number, uint64_t *index)
{
    char name[32];
    place_name(name, number);
    return stored_uint(log, name, index);
}

/* ---- reading them ---- */

tl_err erased_read(uint64_t *indexes, size_t *count, const struct store_leaf *leaf,
                   const struct statement *st)
{
    slice reason;
    hash32 digest = sha256(leaf->body);
    if (REFUSED(!hash_eq(&digest, &st->payload)))
        return TL_E_STORED;
    return body_erasure_read(indexes, count, &reason, leaf->body);
}

/* Takes in what one erasure, which is proven, says. */
static tl_err take(struct erased *e, const struct store_leaf *leaf, const struct statement *st)
{
    size_t count = 0;
    if (!e->indexes && !(e->indexes = malloc(ERASURE_MAX * sizeof *e->indexes)))
        return TL_E_MEMORY;
    tl_err err = erased_read(e->indexes, &count, leaf, st);
    for (size_t i = 0; i < count && err == TL_OK; i++)
        err = leaf_set_add(&e->set, e->indexes[i]);
    return err == TL_OK ? leaf_set_add(&e->places, leaf->index) : err;
}

/* The next erasure, where the store says that it is. */
static tl_err take_placed(struct log *log)
{
    struct erased *e = &log->erased;
    struct store_leaf leaf;
    struct statement st;
    uint64_t index;
    tl_err err = erased_get_place(log, e->next, &index);
    if (err == TL_OK && REFUSED(index < e->bound || index >= log->durable_size))
        err = TL_E_STORED; /* one of them twice would hide another */
    if (err == TL_OK)
        err = stored_leaf(log, index, &leaf, &st);
    if (err == TL_OK && REFUSED(st.kind != ST_ERASURE))
        err = TL_E_STORED;
    if (err == TL_OK)
        err = take(e, &leaf, &st);
    if (err == TL_OK) {
        e->next++;
        e->found++;
        e->bound = index + 1;
    }
    return err;
}

/* The next leaf, whatever it is. */
static tl_err take_leaf(struct log *log, struct tl_why *why)
{
    struct erased *e = &log->erased;
    struct store_leaf leaf;
    struct statement st;
    tl_err err = stored_leaf(log, e->next, &leaf, &st);
    if (err == TL_OK && st.kind == ST_ERASURE) {
        err = take(e, &leaf, &st);
        e->found += err == TL_OK;
    }
    if (err == TL_E_STORED)
        return tl_explain(why, err, NULL,
                          "statement %" PRIu64 " is missing or altered, so that it is not known "
                          "what was erased, and bodies cannot be shown; `teelog fsck` says more",
                          e->next);
    e->next++;
    return err;
}

/* Slower, and just as right. */
static void look_at_every_leaf(struct erased *e)
{
    leaf_set_finish(&e->set);
    leaf_set_finish(&e->places);
    e->every_leaf = true;
    e->next = e->found = e->bound = 0;
}

tl_err erased_load(struct log *log, bool *ready, struct tl_why *why)
{
    struct erased *e = &log->erased;
    uint64_t end = owner_slice_end();
    tl_err err = TL_OK;
    /* Once it is known, what is erased goes into the set as it is stored: nothing is read
     * again, and the host is not asked. */
    while (!e->ready && err == TL_OK && e->found < e->statements && !owner_slice_over(end)) {
        err = e->every_leaf ? take_leaf(log, why) : take_placed(log);
        if (!e->every_leaf && (err == TL_E_STORED || err == TL_E_NOT_FOUND)) {
            look_at_every_leaf(e);
            err = TL_OK;
        }
    }
    if (err != TL_OK)
        return err;
    if (!e->ready && e->found == e->statements) {
        free(e->indexes);
        e->indexes = NULL;
        e->ready = true;
    }
    *ready = e->ready;
    return TL_OK;
}

bool log_is_erased(const struct log *log, uint64_t index)
{
    return leaf_set_has(&log->erased.set, index);
}

tl_err record_body(struct log *log, const struct store_leaf *leaf, const struct statement *st,
                   buf *plain, slice *body)
{
    if (log_is_erased(log, leaf->index)) {
        *body = (slice){NULL, 0};
        return TL_OK;
    }
    if (REFUSED(!leaf->body.p))
        return TL_E_STORED;
    tl_err err = body_open(log->bodies, plain, &st->payload, leaf->body);
    if (err == TL_OK)
        *body = buf_slice(plain);
    return err;
}
