/* What is read back. */
#include "base/refuse.h"
#include "log/internal.h"

tl_err stored_statement(struct log *log, const struct store_leaf *leaf, struct statement *out)
{
    hash32 want, got = merkle_leaf_hash(leaf->statement);
    tl_err err = tree_leaf(log->tree, leaf->index, &want);
    if (err != TL_OK)
        return err;
    if (REFUSED(!hash_eq(&want, &got)))
        return TL_E_STORED;
    return statement_read(out, leaf->statement) == TL_OK ? TL_OK : TL_E_STORED;
}

tl_err stored_leaf(struct log *log, uint64_t index, struct store_leaf *leaf, struct statement *out)
{
    tl_err err = store_get_leaf(log->store, index, leaf);
    if (err == TL_OK)
        err = stored_statement(log, leaf, out);
    return err == TL_E_NOT_FOUND ? TL_E_STORED : err;
}

tl_err stored_explain(struct tl_why *why, tl_err err, uint64_t index)
{
    return err == TL_OK ? err
                        : tl_explain(why, err, NULL, "statement %llu: %s; `teelog fsck` says more",
                                     (unsigned long long)index, tl_err_text(err));
}

tl_err stored_uint(struct log *log, const char *name, uint64_t *out)
{
    uint8_t mem[16];
    buf b;
    buf_init_fixed(&b, mem, sizeof mem);
    tl_err err = store_get_meta(log->store, name, &b);
    if (err == TL_E_LIMIT)
        err = TL_E_STORED;
    if (err != TL_OK)
        return err;
    cbor c = cbor_of(buf_slice(&b));
    uint64_t found = cbor_uint(&c, TL_INT_MAX);
    if (REFUSED(cbor_end(&c) != TL_OK))
        return TL_E_STORED;
    *out = found;
    return TL_OK;
}
