#include "cli/pinned.h"

#include "base/refuse.h"
#include "cli/batches.h"
#include "http/record_json.h"
#include "verify/receipt_check.h"

#include <stdlib.h>

/* A receipt of the answer that is under way. */
struct given {
    uint64_t index;
    hash32 request; /* digest of its request id, which may be empty */
};

struct pinned {
    struct note_key key;
    struct receipt_seen seen;
    struct record_json record;
    uint64_t next; /* one more than the largest index of a receipt */
    struct given given[BATCH_LINES];
    size_t count;
};

tl_err pinned_new(struct pinned **out, const char *log_key, struct tl_why *why)
{
    struct note_key key;
    if (note_key_read(&key, slice_str(log_key)) != TL_OK)
        return tl_explain(why, TL_E_USAGE, "log-key",
                          "--log-key (or TEELOG_LOG_KEY) is no verifier key: it looks like "
                          "NAME+HASH+BASE64, as `teelog serve` prints it");
    struct pinned *p = calloc(1, sizeof *p);
    if (!p)
        return TL_E_MEMORY;
    p->key = key;
    record_json_init(&p->record);
    *out = p;
    return TL_OK;
}

void pinned_free(struct pinned *p)
{
    if (!p)
        return;
    record_json_finish(&p->record);
    free(p);
}

uint64_t pinned_size(const struct pinned *p)
{
    return p->seen.size;
}

void pinned_answer(struct pinned *p)
{
    p->count = 0;
}

/* Two records of one request are two statements, unless they have one request id. */
static bool given_before(const struct pinned *p, const struct given *g)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->given[i].index == g->index && !hash_eq(&p->given[i].request, &g->request))
            return true;
    return false;
}

static tl_err note_given(struct pinned *p, uint64_t index, slice request, struct tl_why *why)
{
    const struct given g = {index, sha256(request)};
    if (REFUSED(given_before(p, &g)))
        return tl_explain(why, TL_E_PEER, "index",
                          "the receipt is of statement %llu, which is another record's of the same "
                          "request",
                          (unsigned long long)index);
    if (p->count < BATCH_LINES) /* of no more lines was one sent */
        p->given[p->count++] = g;
    p->next = p->next > index ? p->next : index + 1;
    return TL_OK;
}

tl_err pinned_check(struct pinned *p, slice receipt, slice record, const char *agent,
                    uint64_t least, struct tl_why *why)
{
    struct log_record r;
    struct receipt_checked got;
    tl_err err = record_json_read(&p->record, &r, record, slice_str(agent ? agent : ""), NULL);
    if (err == TL_E_MEMORY)
        return err;
    if (err != TL_OK)
        return tl_explain(why, TL_E_PEER, NULL, "there is a receipt for what is no record");
    struct receipt_sent sent = {.agent = r.agent,
                                .room = r.room,
                                .user = r.user,
                                .type = r.type,
                                .content = r.content,
                                .attributes = r.attributes,
                                .has_ref = r.has_ref,
                                .ref = r.ref};
    if (!r.request.n) /* it cannot have been sent before */
        sent.least = least > p->next ? least : p->next;
    err = receipt_check(&got, receipt, &sent, &p->key, &p->seen, why);
    return err == TL_OK ? note_given(p, got.index, r.request, why) : err;
}

tl_err pinned_put_short(buf *out, slice receipt, struct tl_why *why)
{
    static const char *const proof[] = {"salt", "statement", "checkpoint", "path"};
    json_t *root = json_loadb((const char *)receipt.p, receipt.n, JSON_REJECT_DUPLICATES, NULL);
    for (size_t i = 0; root && i < sizeof proof / sizeof *proof; i++)
        (void)json_object_del(root, proof[i]);
    char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    if (!text) /* it was read and checked; jansson may not take what was passed over */
        return tl_explain(why, TL_E_PEER, NULL, "the receipt has members that cannot be read");
    buf_str(out, text);
    buf_str(out, "\n");
    free(text);
    return TL_OK;
}
