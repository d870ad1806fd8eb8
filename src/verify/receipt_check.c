#include "verify/receipt_check.h"

#include "base/encoding.h"
#include "base/refuse.h"
#include "codec/json.h"
#include "tlog/body.h"
#include "tlog/proof.h"

/* The members of a receipt, those that must be there first. */
enum member {
    INDEX,
    SEQ,
    AGENT_ID,
    LEAF_HASH,
    TREE_SIZE,
    CLASS,
    SALT,
    STATEMENT,
    CHECKPOINT,
    PATH,
    NEEDED,
    SIMULATED = NEEDED,
    REPEATED,
    MEMBERS
};
static const char *const names[MEMBERS] = {"index",      "seq",   "agentId",   "leafHash",
                                           "treeSize",   "class", "salt",      "statement",
                                           "checkpoint", "path",  "simulated", "repeated"};

/* A line, taken apart and not yet believed. Slices are borrowed from it, or from the bufs. */
struct line {
    uint64_t seq, tree_size;
    slice agent, class;
    hash32 leaf;
    uint8_t salt[BODY_SALT];
    buf statement, checkpoint;
    struct tlog_proof proof;
    bool simulated, repeated;
};

/* ---- taking it apart ---- */

/* Exactly n bytes. */
static void read_base64(js *j, uint8_t *out, size_t n)
{
    uint8_t mem[48];
    buf b;
    buf_init_fixed(&b, mem, n);
    tl_err err = base64_read(&b, js_plain(j));
    if (err != TL_OK || REFUSED(b.n != n))
        js_fail(j, TL_E_ENCODING);
    else
        memcpy(out, mem, n);
}

static void read_statement(js *j, buf *out)
{
    tl_err err = base64_read(out, js_plain(j));
    if (err != TL_OK)
        js_fail(j, err);
}

static void read_leaf_hash(js *j, hash32 *out)
{
    if (hex_read(out->b, sizeof out->b, js_plain(j)) != TL_OK)
        js_fail(j, TL_E_ENCODING);
}

static void read_path(js *j, struct tlog_proof *p)
{
    for (js_array(j); js_element(j); p->path_count++) {
        if (REFUSED(p->path_count == MERKLE_MAX_PATH)) {
            js_fail(j, TL_E_PROOF);
            return;
        }
        read_base64(j, p->path[p->path_count].b, sizeof(hash32));
    }
}

/* signed, degraded, or cosigned k of n */
static bool class_valid(slice s)
{
    static const char cosigned[] = "cosigned ", of[] = " of ";
    uint64_t k, n;
    if (slice_eq_str(s, "signed") || slice_eq_str(s, "degraded"))
        return true;
    if (!slice_starts(s, slice_str(cosigned)))
        return false;
    slice numbers = slice_of(s.p + sizeof cosigned - 1, s.n - (sizeof cosigned - 1));
    const uint8_t *between = memmem(numbers.p, numbers.n, of, sizeof of - 1);
    if (!between)
        return false;
    const uint8_t *last = between + sizeof of - 1;
    return decimal_read(&k, slice_of(numbers.p, (size_t)(between - numbers.p)),
                        NOTE_MAX_SIGNATURES) == TL_OK &&
           decimal_read(&n, slice_of(last, (size_t)(numbers.p + numbers.n - last)),
                        NOTE_MAX_SIGNATURES) == TL_OK;
}

static void read_class(js *j, slice *out)
{
    *out = js_plain(j);
    if (REFUSED(!class_valid(*out)))
        js_fail(j, TL_E_FIELD);
}

static void read_member(js *j, struct line *l, enum member m)
{
    switch (m) {
    case INDEX:
        l->proof.index = js_uint(j, TL_INT_MAX);
        break;
    case SEQ:
        l->seq = js_uint(j, TL_INT_MAX);
        break;
    case AGENT_ID:
        l->agent = js_plain(j);
        break;
    case LEAF_HASH:
        read_leaf_hash(j, &l->leaf);
        break;
    case TREE_SIZE:
        l->tree_size = js_uint(j, TL_INT_MAX);
        break;
    case CLASS:
        read_class(j, &l->class);
        break;
    case SALT:
        read_base64(j, l->salt, sizeof l->salt);
        break;
    case STATEMENT:
        read_statement(j, &l->statement);
        break;
    case CHECKPOINT:
        js_text(j, &l->checkpoint);
        break;
    case PATH:
        read_path(j, &l->proof);
        break;
    case SIMULATED:
        l->simulated = js_bool(j);
        break;
    case REPEATED:
        l->repeated = js_bool(j);
        break;
    case MEMBERS:
        js_skip(j); /* of a newer service */
        break;
    }
}

static tl_err missing(uint32_t seen, struct tl_why *why)
{
    enum member m = INDEX;
    while (m < NEEDED - 1 && seen >> m & 1)
        m++;
    if (m == SALT)
        return tl_explain(why, TL_E_PEER, names[m],
                          "the receipt has no salt, so whether it is of what was sent cannot be "
                          "checked: the record was erased since, or the service is too old");
    return tl_explain(why, TL_E_PEER, names[m],
                      "the receipt has no %s: what answers does not give full receipts as teelog "
                      "does",
                      names[m]);
}

static tl_err read_line(struct line *l, slice text, struct tl_why *why)
{
    js j = js_of(text);
    uint32_t seen = 0;
    enum member m = MEMBERS;
    js_object(&j);
    for (slice key; js_member(&j, &key);) {
        for (m = INDEX; m < MEMBERS && !slice_eq_str(key, names[m]);)
            m++;
        if (m < MEMBERS && !js_named(&j, key, names[m], &seen, m))
            break; /* twice */
        read_member(&j, l, m);
    }
    if (j.err == TL_OK)
        m = MEMBERS; /* what is wrong then stands behind them */
    tl_err err = js_end(&j);
    if (err == TL_E_MEMORY)
        return err;
    if (REFUSED(err != TL_OK))
        return tl_explain(why, TL_E_PEER, m < MEMBERS ? names[m] : NULL,
                          "what answers gave no receipt of teelog's: %s", tl_err_text(err));
    if (REFUSED((seen & ((1u << NEEDED) - 1)) != (1u << NEEDED) - 1))
        return missing(seen, why);
    l->proof.checkpoint = buf_slice(&l->checkpoint);
    return TL_OK;
}

/* ---- judging it ---- */

/* The key is the log's, and it has signed a tree with the statement at the index. */
static tl_err check_log(const struct line *l, const hash32 *leaf, const struct note_key *key,
                        struct checkpoint *out, struct tl_why *why)
{
    struct tlog_proof_result r;
    tl_err err = tlog_proof_verify(&r, &l->proof, leaf, key, 1, NULL);
    if (err == TL_E_MEMORY)
        return err;
    if (err == TL_E_SIGNATURE)
        return tl_explain(why, TL_E_PEER, names[CHECKPOINT],
                          "the receipt is not of the log that is pinned, whose key is %s+…: the "
                          "connection leads to another log, or the pin is wrong",
                          key->name);
    if (err == TL_E_PROOF)
        return tl_explain(why, TL_E_PEER, names[PATH],
                          "the receipt's path does not lead to the checkpoint: the statement is "
                          "not logged where it says");
    if (REFUSED(err != TL_OK))
        return tl_explain(why, TL_E_PEER, names[CHECKPOINT], "the receipt's checkpoint: %s",
                          tl_err_text(err));
    *out = r.checkpoint;
    return TL_OK;
}

static tl_err not_sent(struct tl_why *why, const char *what)
{
    return tl_explain(why, TL_E_PEER, names[STATEMENT],
                      "the receipt is of another record than was sent: its %s", what);
}

/* H(body) as section 5 has it, with the service's salt and all else as it was sent. */
static tl_err sent_digest(hash32 *out, const struct line *l, const struct receipt_sent *sent,
                          struct tl_why *why)
{
    buf b;
    const struct body_record body = {.salt = SLICE_ARRAY(l->salt),
                                     .room_id = sent->room,
                                     .user_id = sent->user,
                                     .content = sent->content,
                                     .attributes = sent->attributes};
    buf_init(&b, BODY_MAX);
    body_record_put(&b, &body);
    tl_err err = buf_err(&b);
    if (err == TL_OK)
        *out = sha256(buf_slice(&b));
    buf_finish(&b);
    return err == TL_E_LIMIT ? not_sent(why, "content cannot be, for what was sent is too long")
                             : err;
}

static tl_err check_statement(const struct statement *st, const struct line *l,
                              const struct receipt_sent *sent, const struct note_key *key,
                              struct tl_why *why)
{
    hash32 digest;
    if (REFUSED(!slice_eq_str(st->origin, key->name)))
        return not_sent(why, "log is another");
    if (REFUSED(!slice_eq(st->subject, sent->agent)))
        return not_sent(why, "agent is another");
    if (REFUSED(!slice_eq(st->type, sent->type)))
        return not_sent(why, "type is another");
    if (REFUSED(st->has_ref != sent->has_ref) || REFUSED(st->ref != sent->ref))
        return not_sent(why, "ref is another");
    tl_err err = sent_digest(&digest, l, sent, why);
    if (err == TL_OK && REFUSED(!hash_eq(&digest, &st->payload)))
        return not_sent(why, "roomId, userId, content or attributes are others");
    return err;
}

/* What stands in the line beside the statement and the checkpoint says the same. */
static tl_err check_words(const struct line *l, const struct statement *st, const hash32 *leaf,
                          const struct checkpoint *c, struct tl_why *why)
{
    enum member m = REFUSED(l->seq != st->seq)                  ? SEQ
                    : REFUSED(!slice_eq(l->agent, st->subject)) ? AGENT_ID
                    : REFUSED(!hash_eq(&l->leaf, leaf))         ? LEAF_HASH
                    : REFUSED(l->tree_size != c->size)          ? TREE_SIZE
                                                                : MEMBERS;
    return m == MEMBERS ? TL_OK
                        : tl_explain(why, TL_E_PEER, names[m],
                                     "the receipt's %s is not what its statement and checkpoint "
                                     "say",
                                     names[m]);
}

/* Of two histories under one key, and of an older receipt given again, this much is seen. */
static tl_err check_history(uint64_t index, const struct checkpoint *c, uint64_t least,
                            const struct receipt_seen *seen, struct tl_why *why)
{
    if (REFUSED(index < least))
        return tl_explain(why, TL_E_PEER, names[INDEX],
                          "the receipt is of statement %llu, which was there before this record "
                          "was sent: it is an older one's",
                          (unsigned long long)index);
    if (REFUSED(c->size < seen->size))
        return tl_explain(why, TL_E_PEER, names[TREE_SIZE],
                          "the log had %llu statements and now shows %llu: it was rolled back, or "
                          "there are two of it. Keep both checkpoints, and see `teelog monitor`",
                          (unsigned long long)seen->size, (unsigned long long)c->size);
    if (REFUSED(c->size == seen->size && !hash_eq(&c->root, &seen->root)))
        return tl_explain(why, TL_E_PEER, names[CHECKPOINT],
                          "the log has signed two different trees of %llu statements: it was "
                          "forked. Keep both checkpoints, and see `teelog monitor`",
                          (unsigned long long)c->size);
    return TL_OK;
}

static tl_err judge(struct receipt_checked *out, const struct line *l,
                    const struct receipt_sent *sent, const struct note_key *key,
                    struct receipt_seen *seen, struct tl_why *why)
{
    struct statement st;
    struct checkpoint c;
    const hash32 leaf = merkle_leaf_hash(buf_slice(&l->statement));
    tl_err err = statement_read(&st, buf_slice(&l->statement));
    if (err != TL_OK || REFUSED(st.kind != ST_RECORD))
        return not_sent(why, "statement is no record's");
    err = check_log(l, &leaf, key, &c, why);
    if (err == TL_OK)
        err = check_statement(&st, l, sent, key, why);
    if (err == TL_OK)
        err = check_words(l, &st, &leaf, &c, why);
    if (err == TL_OK)
        err = check_history(l->proof.index, &c, sent->least, seen, why);
    if (err != TL_OK)
        return err;
    *seen = (struct receipt_seen){c.size, c.root};
    *out = (struct receipt_checked){.index = l->proof.index,
                                    .seq = st.seq,
                                    .time_ms = st.time_ms,
                                    .session = st.session,
                                    .tree_size = c.size,
                                    .leaf = leaf,
                                    .class = l->class,
                                    .simulated = l->simulated,
                                    .repeated = l->repeated};
    return TL_OK;
}

tl_err receipt_check(struct receipt_checked *out, slice line, const struct receipt_sent *sent,
                     const struct note_key *log_key, struct receipt_seen *seen, struct tl_why *why)
{
    struct line l = {.seq = 0};
    buf_init(&l.statement, STATEMENT_MAX);
    buf_init(&l.checkpoint, NOTE_MAX);
    tl_err err = read_line(&l, line, why);
    if (err == TL_OK)
        err = judge(out, &l, sent, log_key, seen, why);
    buf_finish(&l.statement);
    buf_finish(&l.checkpoint);
    return err;
}
