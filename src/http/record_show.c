/* GET /v1/records/INDEX: one statement with its proof. The statement and the proof are
 * public; what the body of a record says is for readers. */
#include "base/encoding.h"
#include "base/refuse.h"
#include "http/lookup.h"

static tl_err index_of(uint64_t *index, slice path, uint64_t size, struct tl_why *why)
{
    size_t before = strlen("/v1/records/");
    if (REFUSED(decimal_read(index, slice_of(path.p + before, path.n - before), TL_INT_MAX - 1) !=
                TL_OK))
        return tl_explain(why, TL_E_FIELD, "index", "must be the index of a statement");
    if (REFUSED(*index >= size))
        return tl_explain(why, TL_E_NOT_FOUND, "index", "the log has %llu statements",
                          (unsigned long long)size);
    return TL_OK;
}

static bool reads(const struct exchange *x)
{
    return x->caller.scopes & SCOPE_READ;
}

static bool put_record(struct lookup *l, const struct exchange *x)
{
    size_t n;
    struct row_json how = l->how;
    const struct log_row *row = log_query_rows(l->query, &n);
    const struct log_proof *proof = log_query_proof(l->query);
    if (!proof) { /* there is such a leaf */
        buf_fail(&l->answer, TL_E_STORED);
        return false;
    }
    how.withheld = !reads(x) || caller_agent(x, row->agent, NULL) != TL_OK;
    row_json_put_proof(&l->answer, row, proof, how);
    return false;
}

void get_record(struct exchange *x)
{
    struct http_query q = {{0}};
    struct tl_why why = {{0}, {0}};
    struct log_info info;
    struct log_query_options o = {.before_ms = UINT64_MAX, .limit = 1, .every = true};
    if (!query_or_answer(x, &q, NULL, 0))
        return;
    log_info(x->service->log, &info);
    tl_err err = index_of(&o.from, x->head.path, info.size, &why);
    if (err != TL_OK) {
        answer_error(x, err, &why);
        return;
    }
    o.to = o.from + 1;
    o.without_bodies = !reads(x); /* strangers have no megabyte opened */
    struct lookup *l = lookup_new(x, &o);
    if (!l)
        return;
    l->put = put_record;
    log_query_prove(l->query);
    lookup_begin(x);
}
