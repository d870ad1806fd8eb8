/* The statements of a database that a recovery reads, one by one: the leaves of a bundle, as
 * the host may have altered them, without any tree. */
#include "fuzz.h"
#include "log/recover_state.h"
#include "tlog/bundle.h"

/* The name and the id of the log, as its first boot has them. */
static void identify(struct log *log, const struct store_leaf *leaf)
{
    struct body_boot boot;
    if (log->keys.origin[0] || body_boot_read(&boot, leaf->body) != TL_OK)
        return;
    snprintf(log->keys.origin, sizeof log->keys.origin, "%.*s", SUBJECT_MAX, boot.key.name);
    log->keys.log_id = boot.log_id;
}

static void judge(struct log_recovery *r, const struct store_leaf *leaf)
{
    struct statement st;
    bool proven;
    const char *lost;
    size_t before = r->signer_count;
    MUST(recover_judge(r, leaf, &st, &proven, &lost) == TL_OK);
    MUST(!proven);
    if (lost) {
        MUST(r->signer_count == before);
        return;
    }
    /* Somebody who was here before, or is now, has signed it. */
    bool found = false;
    for (size_t i = 0; i < r->signer_count; i++)
        found = found || (r->signers[i].index == st.session &&
                          hash_eq(&r->signers[i].kid, &st.kid) && r->signers[i].next_seq > st.seq);
    MUST(found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size);
    struct log_recovery r = {.next = 0};
    struct bundle_reader *reader = NULL;
    struct bundle_item item;
    bool more = true;
    MUST(log_new(&r.log, NULL) == TL_OK);
    MUST(tree_new(&r.log->tree, NULL) == TL_OK);
    MUST(bundle_reader_new(&reader, (struct byte_source){slice_source_read, &in}) == TL_OK);
    while (more && bundle_next(reader, &item, &more) == TL_OK) {
        struct store_leaf leaf = {.index = 0};
        if (!more || item.kind != BUNDLE_LEAF)
            continue;
        leaf.index = item.u.leaf.index;
        leaf.statement = item.u.leaf.statement;
        leaf.body = item.u.leaf.body;
        identify(r.log, &leaf);
        judge(&r, &leaf);
    }
    bundle_reader_free(reader);
    recover_forget(&r);
    log_close(r.log);
    return 0;
}
