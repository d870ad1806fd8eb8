#include "testedit.h"

struct world edited;
const struct log_export_options edit_whole = {.withhold_bodies = false};

int edit_set_up(void **state)
{
    (void)state;
    world_init(&edited);
    world_open(&edited);
    grow_log(&edited, 12);
    world_pin(&edited);
    return 0;
}

int edit_tear_down(void **state)
{
    (void)state;
    world_finish(&edited);
    fakelog_done();
    return 0;
}

struct fake_bundle *edit_export(struct world *w, const struct log_export_options *o)
{
    size_t n;
    uint8_t *p = export_all(w, o, &n);
    slice bytes = fake_keep(slice_of(p, n)), rest = bytes;
    struct fake_bundle *b = calloc(1, sizeof *b);
    struct bundle_reader *r = NULL;
    struct bundle_item item;
    bool more = true;
    free(p);
    assert_non_null(b);
    assert_ok(bundle_reader_new(&r, (struct byte_source){slice_source_read, &rest}));
    for (;;) {
        assert_ok(bundle_next(r, &item, &more));
        if (!more)
            break;
        if (item.kind == BUNDLE_HEADER)
            item.u.header.checkpoint = fake_keep(item.u.header.checkpoint);
        if (item.kind == BUNDLE_EVIDENCE) {
            item.u.evidence.item = fake_keep(item.u.evidence.item);
            if (item.u.evidence.collateral.p)
                item.u.evidence.collateral = fake_keep(item.u.evidence.collateral);
        }
        if (item.kind == BUNDLE_LEAF) {
            item.u.leaf.statement = fake_keep(item.u.leaf.statement);
            if (item.u.leaf.body.p)
                item.u.leaf.body = fake_keep(item.u.leaf.body);
        }
        if (item.kind == BUNDLE_PROOF && item.u.proof.type == PROOF_HEAD)
            item.u.proof.subject = fake_keep(item.u.proof.subject);
        fake_bundle_insert(b, b->count, &item);
    }
    bundle_reader_free(r);
    return b;
}

void edit_rejected(struct fake_bundle *b, const struct teelog_policy *policy, const char *check,
                   uint64_t index)
{
    struct teelog_report *r = fake_verify(b, policy);
    bool found = false;
    for (size_t i = 0; i < teelog_report_check_count(r); i++) {
        const struct teelog_check *c = teelog_report_check(r, i);
        found = found || (!c->ok && strcmp(c->name, check) == 0 &&
                          (index == ANY_INDEX || c->index == index));
    }
    if (!found) {
        char *text = teelog_report_text(r);
        print_error("not %s at %lld:\n%s\n", check, (long long)index, text);
        free(text);
    }
    assert_int_equal(teelog_report_verdict(r), TEELOG_REJECTED);
    assert_true(found);
    teelog_report_free(r);
    fake_bundle_free(b);
}

struct bundle_item *edit_leaf(struct fake_bundle *b, uint64_t index)
{
    return &b->items[fake_bundle_find_leaf(b, index)];
}
