#include "fakestore.h"

#include "crypto/secret.h"
#include "log/recovery.h"
#include "log/tree.h"

static bool is_erased(const struct fakelog *f, uint64_t index)
{
    static uint64_t indexes[ERASURE_MAX];
    size_t count;
    slice reason;
    for (size_t i = index; i < f->count; i++) {
        if (f->leaves[i].kind != ST_ERASURE ||
            body_erasure_read(indexes, &count, &reason, f->leaves[i].body) != TL_OK)
            continue;
        for (size_t k = 0; k < count; k++)
            if (indexes[k] == index)
                return true;
    }
    return false;
}

/* A body as the service stores it; the caller frees .p of a record's. */
static slice stored_body(struct body_keys *keys, const struct fake_leaf *l)
{
    buf b;
    if (l->kind != ST_RECORD)
        return l->body;
    hash32 digest = sha256(l->body);
    buf_init(&b, BODY_MAX + 64);
    assert_ok(body_seal(keys, &b, &digest, l->body));
    slice kept = fake_keep(buf_slice(&b));
    buf_finish(&b);
    return kept;
}

static void put_leaves(struct fakestore *s, struct store *store, const struct fakelog *f)
{
    struct body_keys *keys = NULL;
    struct tree *tree = NULL;
    assert_ok(tree_new(&tree, store));
    for (size_t i = 0; i < f->count; i++) {
        const struct fake_leaf *l = &f->leaves[i];
        if (l->kind == ST_BOOT || !keys) {
            body_keys_free(keys);
            assert_ok(body_keys_new(&keys, &s->keys, store));
            assert_ok(body_keys_fresh(keys));
        }
        struct store_leaf leaf = {.index = i, .statement = l->statement};
        if (!is_erased(f, i))
            leaf.body = stored_body(keys, l);
        assert_ok(tree_add(tree, &l->hash));
        assert_ok(store_put_leaf(store, &leaf));
    }
    assert_ok(tree_save(tree));
    tree_free(tree);
    body_keys_free(keys);
}

void fakestore_make(struct fakestore *s, const struct fakelog *f, const struct es256_key *owner,
                    uint64_t noted)
{
    struct store *store = NULL;
    uint8_t data_key[32];
    buf wrapped;
    *s = (struct fakestore){.w = {.dir = test_tmpdir()}};
    snprintf(s->keys.origin, sizeof s->keys.origin, "%s", f->origin);
    s->keys.log_id = f->log_id;
    assert_ok(random_bytes(data_key, sizeof data_key));
    keys_take_data_key(&s->keys, data_key);
    buf_init(&wrapped, 1024);
    assert_ok(recovery_wrap(&s->keys, owner, &wrapped));
    assert_ok(store_open(&store, s->w.dir, STORE_CREATE, &s->why));
    assert_ok(store_begin(store));
    assert_ok(store_put_meta(store, "origin", slice_str(f->origin)));
    assert_ok(store_put_meta(store, "log_id", hash_slice(&f->log_id)));
    assert_ok(store_put_meta(store, RECOVERY_WRAPPED, buf_slice(&wrapped)));
    if (noted)
        assert_ok(store_put_meta(store, "checkpoint", fakelog_checkpoint(f, noted)));
    for (size_t i = 0; i < f->evidence_count; i++)
        assert_ok(store_put_evidence(store, &f->evidence[i].digest, f->evidence[i].item));
    put_leaves(s, store, f);
    assert_ok(store_commit(store));
    store_close(store);
    buf_finish(&wrapped);
}

static void forget(struct fakestore *s)
{
    for (size_t i = 0; i < s->lost_count; i++)
        free(s->lost[i]);
    s->lost_count = 0;
    s->rows[0] = 0;
    s->why = (struct tl_why){{0}, {0}};
}

void fakestore_finish(struct fakestore *s)
{
    forget(s);
    test_rmdir(s->w.dir);
}

void fakestore_put(struct fakestore *s, const struct fakelog *f, uint64_t from, uint64_t to)
{
    struct store *store = NULL;
    struct body_keys *keys = NULL;
    const struct fake_leaf *l = &f->leaves[from];
    assert_ok(store_open(&store, s->w.dir, STORE_OPEN, &s->why));
    assert_ok(store_begin(store));
    assert_ok(body_keys_new(&keys, &s->keys, store));
    assert_ok(body_keys_fresh(keys));
    struct store_leaf leaf = {to, l->statement, stored_body(keys, l), {NULL, 0}};
    assert_ok(store_put_leaf(store, &leaf));
    assert_ok(store_commit(store));
    body_keys_free(keys);
    store_close(store);
}

static char letter(const struct log_recover_row *row)
{
    if (row->lost)
        return '-';
    if (row->body_lost)
        return row->proven ? 'p' : 's';
    if (row->row.erased)
        return row->proven ? 'E' : 'X';
    assert_non_null(row->row.body.p);
    return row->proven ? 'P' : 'S';
}

static void take(struct fakestore *s, const struct log_recover_row *row)
{
    size_t n = strlen(s->rows);
    const char *why = row->lost ? row->lost : row->body_lost;
    assert_true(n + 1 < sizeof s->rows && s->lost_count < 512);
    s->rows[n] = letter(row);
    s->rows[n + 1] = 0;
    if (why)
        s->lost[s->lost_count++] = strdup(why);
    if (row->lost)
        return;
    /* Whatever is given is the statement's own. */
    struct statement st;
    hash32 digest = sha256(row->row.body);
    assert_ok(statement_read(&st, row->row.statement));
    assert_true(!row->row.body.p || hash_eq(&digest, &st.payload));
    assert_int_equal(row->row.index, row->from);
    assert_int_equal(row->to, row->from + 1);
}

tl_err fakestore_read(struct fakestore *s, const struct es256_key *owner)
{
    struct log_recovery *r = NULL;
    const struct log_recover_options o = {
        .dir = s->w.dir, .owner = owner, .checkpoint = s->checkpoint, .log_key = s->log_key};
    bool more = true;
    forget(s);
    tl_err err = log_recovery_new(&r, &o, &s->found, &s->why);
    if (err != TL_OK)
        assert_null(r);
    while (err == TL_OK && more) {
        struct log_recover_row row;
        err = log_recovery_next(r, &row, &more);
        if (err == TL_OK && more)
            take(s, &row);
    }
    log_recovery_free(r);
    s->found.checkpoint = (slice){NULL, 0}; /* it was the log's */
    return err;
}

void fakestore_expect(struct fakestore *s, const struct es256_key *owner, const char *rows)
{
    tl_err err = fakestore_read(s, owner);
    if (err != TL_OK)
        fail_msg("%s: %s", tl_err_name(err), s->why.text);
    assert_string_equal(s->rows, rows);
}

void fakestore_expect_lost(struct fakestore *s, const struct es256_key *owner, const char *rows,
                           const char *words)
{
    fakestore_expect(s, owner, rows);
    assert_true(s->lost_count > 0);
    for (size_t i = 0; i < s->lost_count; i++)
        if (!strstr(s->lost[i], words))
            fail_msg("\"%s\" has not \"%s\"", s->lost[i], words);
}
