/* What was wrong in the original (elizaOS pull request 1470, plugin-tee-log), as
 * attacks on ours. None may succeed. Here: findings 1, 2, 3 and 7; finding 4 in
 * test_original_records.c; 5, 6 and 7 against the running service in
 * tests/integration/test_rest.py. */
#include "testedit.h"

#include "badsync.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

/* ---- finding 1: what the signature covers ----
 *
 * There: only the first 64 hex digits of agentId|roomId|…; userId, type, content
 * and timestamp could be replaced. Here each of them is replaced after signing,
 * and the log's own key signs the tree that comes of it: the agent's signature
 * alone must show it. */

#define AT 3 /* of the record that is altered */

struct replaced {
    const char *name;
    void (*replace)(struct fake_step *s);
    uint8_t signature[64]; /* over what the agent logged */
};

static void body_of(struct fake_step *s)
{
    buf b;
    buf_init(&b, BODY_MAX);
    body_record_put(&b, &s->record);
    s->body = fake_keep(buf_slice(&b));
    buf_finish(&b);
}

static void replace_content(struct fake_step *s)
{
    s->record.content = slice_str("something else");
    body_of(s);
}

static void replace_user(struct fake_step *s)
{
    s->record.user_id = slice_str("another user");
    body_of(s);
}

static void replace_room(struct fake_step *s)
{
    s->record.room_id = slice_str("another room");
    body_of(s);
}

static void replace_salt(struct fake_step *s)
{
    s->record.salt = slice_str("0123456789abcdef");
    body_of(s);
}

static void replace_type(struct fake_step *s)
{
    s->st.type = slice_str("other type");
}

static void replace_time(struct fake_step *s)
{
    s->st.time_ms++; /* the next statement's: still in order */
}

static void replace_ref(struct fake_step *s)
{
    s->st.has_ref = true;
    s->st.ref = AT - 1;
}

static void keep_signature(void *ctx, enum fake_point point, struct fake_step *s)
{
    struct replaced *r = ctx;
    if (s->index != AT)
        return;
    if (point == FAKE_HEADER) {
        hash32 payload = sha256(s->body);
        buf header;
        buf_init(&header, STATEMENT_MAX);
        statement_header_put(&header, &s->st);
        hash32 digest = statement_digest(buf_slice(&header), &payload);
        buf_finish(&header);
        assert_ok(es256_sign(s->key.es256, &digest, r->signature));
        if (r->replace)
            r->replace(s);
    } else if (point == FAKE_SIGNED) {
        memcpy(s->st.signature, r->signature, sizeof r->signature);
    }
}

static struct fakelog *log_of(fake_hook *hook, void *ctx)
{
    struct fakelog *f = fakelog_new("example.org/original");
    f->hook = hook;
    f->hook_ctx = ctx;
    fakelog_boot(f);
    fakelog_session(f, "alice");
    fakelog_record(f, "alice", "first");
    fakelog_record(f, "alice", "pay 5");
    fakelog_record(f, "alice", "last");
    fakelog_heads(f);
    return f;
}

static struct teelog_report *report_on(const struct fakelog *f, enum bundle_scope scope)
{
    const uint64_t picks[] = {AT};
    struct fake_bundle *b =
        fakelog_export(f, scope, scope == SCOPE_CHAIN ? "alice" : NULL, picks, 1);
    struct teelog_report *r = fake_verify(b, NULL);
    fake_bundle_free(b);
    return r;
}

static void finding_1_everything_is_signed(void **state)
{
    struct replaced cases[] = {
        {"content", replace_content, {0}}, {"user", replace_user, {0}}, {"room", replace_room, {0}},
        {"salt", replace_salt, {0}},       {"type", replace_type, {0}}, {"time", replace_time, {0}},
        {"ref", replace_ref, {0}},
    };
    struct replaced none = {"nothing", NULL, {0}};
    (void)state;
    struct fakelog *f = log_of(keep_signature, &none);
    expect_verdict(report_on(f, SCOPE_WHOLE), TEELOG_UNPINNED);
    fakelog_free(f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        f = log_of(keep_signature, &cases[i]);
        for (int scope = SCOPE_WHOLE; scope <= SCOPE_RECORDS; scope++) {
            print_message("  %s, scope %d\n", cases[i].name, scope);
            expect_failure(report_on(f, (enum bundle_scope)scope), "signature", AT);
        }
        fakelog_free(f);
    }
}

/* ---- a real log's bundle, as a host may edit it ---- */

static void unedited_bundle_is_trusted(void **state)
{
    (void)state;
    struct fake_bundle *b = edit_export(&edited, &edit_whole);
    expect_verdict(fake_verify(b, edited.policy), TEELOG_TRUSTED);
    fake_bundle_free(b);
}

/* The statement with another member of its header or body, its signature kept. */
static void rewrite(struct bundle_item *leaf, const char *type, uint64_t later, const char *content)
{
    struct statement st;
    struct body_record body;
    buf header, out, plain;
    assert_ok(statement_read(&st, leaf->u.leaf.statement));
    assert_ok(body_record_read(&body, leaf->u.leaf.body));
    if (type)
        st.type = slice_str(type);
    if (content)
        body.content = slice_str(content);
    st.time_ms += later;
    buf_init(&header, STATEMENT_MAX);
    buf_init(&out, STATEMENT_MAX);
    buf_init(&plain, BODY_MAX);
    body_record_put(&plain, &body);
    statement_header_put(&header, &st);
    hash32 payload = sha256(buf_slice(&plain));
    statement_put(&out, buf_slice(&header), &payload, st.signature);
    leaf->u.leaf.body = fake_keep(buf_slice(&plain));
    leaf->u.leaf.statement = fake_keep(buf_slice(&out));
    buf_finish(&plain);
    buf_finish(&out);
    buf_finish(&header);
}

static void finding_1_exported_records_cannot_be_edited(void **state)
{
    const uint64_t at = 6;
    (void)state;
    struct fake_bundle *b = edit_export(&edited, &edit_whole);
    edit_leaf(b, at)->u.leaf.body = edit_leaf(b, at - 1)->u.leaf.body; /* the body alone */
    edit_rejected(b, edited.policy, "body", at);
    b = edit_export(&edited, &edit_whole);
    rewrite(edit_leaf(b, at), NULL, 0, NULL);
    expect_verdict(fake_verify(b, edited.policy), TEELOG_TRUSTED); /* rewriting is faithful */
    rewrite(edit_leaf(b, at), NULL, 0, "something else");
    edit_rejected(b, edited.policy, "signature", at);
    b = edit_export(&edited, &edit_whole);
    rewrite(edit_leaf(b, at), "Action:Y", 0, NULL);
    edit_rejected(b, edited.policy, "signature", at);
    b = edit_export(&edited, &edit_whole);
    rewrite(edit_leaf(b, 14), NULL, 0, "the last record"); /* nothing follows but heads */
    edit_rejected(b, edited.policy, "signature", 14);
}

/* ---- finding 2: signatures made from the public key alone ----
 *
 * There: 64 whitespace characters were signed as the number 0, and for a digest
 * that one may choose a signature needs no private key: with R = aG + bQ, r = x(R),
 * s = r/b verifies for e = ra/b, and for 0 with a = 0. */

struct forgery {
    unsigned a, b;
    hash32 digest; /* that it is good for */
    uint8_t signature[64];
};

static void forge(struct forgery *f, const struct cose_ec2 *key)
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    BN_CTX *ctx = BN_CTX_new();
    EC_POINT *q = EC_POINT_new(group), *r_point = EC_POINT_new(group);
    BIGNUM *a = BN_new(), *b = BN_new(), *x = BN_bin2bn(key->x, 32, NULL);
    BIGNUM *y = BN_bin2bn(key->y, 32, NULL), *r = BN_new(), *s = BN_new();
    const BIGNUM *n = EC_GROUP_get0_order(group);
    assert_true(ctx && q && r_point && a && b && x && y && r && s);
    BN_set_word(a, f->a);
    BN_set_word(b, f->b);
    assert_int_equal(EC_POINT_set_affine_coordinates(group, q, x, y, ctx), 1);
    assert_int_equal(EC_POINT_mul(group, r_point, a, q, b, ctx), 1);
    assert_int_equal(EC_POINT_get_affine_coordinates(group, r_point, r, NULL, ctx), 1);
    assert_int_equal(BN_nnmod(r, r, n, ctx), 1);
    assert_non_null(BN_mod_inverse(b, b, n, ctx));
    assert_int_equal(BN_mod_mul(s, r, b, n, ctx), 1); /* r/b */
    assert_int_equal(BN_mod_mul(a, a, s, n, ctx), 1); /* e = as */
    BN_bn2binpad(r, f->signature, 32);
    BN_bn2binpad(s, f->signature + 32, 32);
    BN_bn2binpad(a, f->digest.b, 32);
    BN_free(a), BN_free(b), BN_free(x), BN_free(y), BN_free(r), BN_free(s);
    EC_POINT_free(q), EC_POINT_free(r_point);
    BN_CTX_free(ctx);
    EC_GROUP_free(group);
}

/* The forgery is real for its own digest, so what refuses it is that ours is the
 * hash of the whole Sig_structure, which cannot be chosen. */
static void put_forgery(void *ctx, enum fake_point point, struct fake_step *s)
{
    struct forgery *f = ctx;
    struct cose_ec2 key;
    if (s->index != AT || (point != FAKE_FIELDS && point != FAKE_SIGNED))
        return;
    if (point == FAKE_FIELDS) {
        s->record.content = slice_str("                                                "
                                      "                                                ");
        return;
    }
    es256_point(s->key.es256, &key);
    forge(f, &key);
    assert_ok(es256_verify(s->key.es256, &f->digest, f->signature));
    memcpy(s->st.signature, f->signature, sizeof f->signature);
}

static void finding_2_public_key_alone_signs_nothing(void **state)
{
    struct forgery cases[] = {{0, 1, {{0}}, {0}}, {0, 77, {{0}}, {0}}, {5, 9, {{0}}, {0}}};
    const hash32 zero = {{0}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fakelog *f = log_of(put_forgery, &cases[i]);
        assert_int_equal(hash_eq(&cases[i].digest, &zero), cases[i].a == 0);
        for (int scope = SCOPE_WHOLE; scope <= SCOPE_RECORDS; scope++)
            expect_failure(report_on(f, (enum bundle_scope)scope), "signature", AT);
        fakelog_free(f);
    }
}

static void finding_2_whitespace_is_content_like_any(void **state)
{
    static const char *const spaces[] = {"", " ", "\t\n\r ", NULL, NULL};
    char many[65] = {0}, more[1025] = {0};
    struct log_receipt r[5];
    (void)state;
    memset(many, ' ', 64);
    memset(more, '\t', 1024);
    for (size_t i = 0; i < 5; i++)
        r[i] = append_one(&edited, "alice", spaces[i] ? spaces[i] : i == 3 ? many : more);
    struct fake_bundle *b = edit_export(&edited, &edit_whole);
    expect_verdict(fake_verify(b, edited.policy), TEELOG_TRUSTED);
    rewrite(edit_leaf(b, r[3].index), NULL, 0, more);
    edit_rejected(b, edited.policy, "signature", r[3].index);
}

/* ---- finding 3: fields that run into one another ---- */

static void body_at(const struct fake_bundle *b, uint64_t index, struct statement *st,
                    struct body_record *body)
{
    const struct bundle_item *leaf = &b->items[fake_bundle_find_leaf(b, index)];
    assert_ok(statement_read(st, leaf->u.leaf.statement));
    assert_ok(body_record_read(body, leaf->u.leaf.body));
}

static void finding_3_fields_do_not_run_together(void **state)
{
    static const char *const fields[][3] = {/* room, user, content */
                                            {"A", "B|C", "x"},   {"A|B", "C", "x"},
                                            {"A", "B", "C|x"},   {"A|B|C", "x", ""},
                                            {"", "A|B|C|x", ""}, {"", "", "A|B|C|x"}};
    enum { N = sizeof fields / sizeof fields[0] };
    struct log_record records[N];
    struct answer a;
    uint8_t mem[N][128];
    buf same_salt[N];
    (void)state;
    for (size_t i = 0; i < N; i++) {
        records[i] = record("alice", fields[i][2]);
        records[i].room = slice_str(fields[i][0]);
        records[i].user = slice_str(fields[i][1]);
        struct body_record body = {.salt = slice_str("0123456789abcdef"),
                                   .room_id = records[i].room,
                                   .user_id = records[i].user,
                                   .content = records[i].content};
        buf_init_fixed(&same_salt[i], mem[i], sizeof mem[i]);
        body_record_put(&same_salt[i], &body);
        for (size_t k = 0; k < i; k++) /* not by their salts alone */
            assert_false(slice_eq(buf_slice(&same_salt[i]), buf_slice(&same_salt[k])));
    }
    append(&edited, records, N, &a);
    struct fake_bundle *b = edit_export(&edited, &edit_whole);
    for (size_t i = 0; i < N; i++) {
        struct statement st, other;
        struct body_record body, other_body;
        assert_ok(a.receipts[i].err);
        body_at(b, a.receipts[i].index, &st, &body);
        assert_true(slice_eq_str(body.room_id, fields[i][0]));
        assert_true(slice_eq_str(body.user_id, fields[i][1]));
        assert_true(slice_eq_str(body.content, fields[i][2]));
        for (size_t k = 0; k < i; k++) {
            body_at(b, a.receipts[k].index, &other, &other_body);
            assert_false(hash_eq(&st.payload, &other.payload));
        }
    }
    expect_verdict(fake_verify(b, edited.policy), TEELOG_TRUSTED);
    /* One's body does not pass for the other's. */
    edit_leaf(b, a.receipts[0].index)->u.leaf.body = edit_leaf(b, a.receipts[1].index)->u.leaf.body;
    edit_rejected(b, edited.policy, "body", a.receipts[0].index);
}

/* Agent ids and types stand in the header, where their alphabets are closed. */
static void finding_3_names_have_no_separators(void **state)
{
    struct log_record r = record("A|B", "x");
    struct log_batch *b = NULL;
    struct tl_why why = {{0}, {0}}, type_why = {{0}, {0}};
    (void)state;
    assert_ok(log_batch_new(&b, edited.log, ADMISSION_BEARER));
    assert_err(log_batch_add(b, &r, &why), TL_E_FIELD);
    assert_string_equal(why.field, "agentId");
    r = record("A", "x");
    r.type = slice_str("B|C");
    assert_err(log_batch_add(b, &r, &type_why), TL_E_FIELD);
    assert_string_equal(type_why.field, "type");
    log_batch_free(b);
}

/* ---- finding 7: the second agent, and errors that are told ---- */

static void finding_7_second_agent_registers(void **state)
{
    struct log_agent *agents = NULL;
    size_t count = 0, open = 0;
    (void)state;
    append_one(&edited, "carol", "hello");
    assert_ok(all_agents(edited.log, &agents, &count));
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++) {
        open += agents[i].open;
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(agents[i].public_key, agents[k].public_key, 33);
    }
    assert_int_equal(open, 3);
    free(agents);
    for (size_t i = 0; i < 3; i++) {
        static const char *const names[] = {"alice", "bob", "carol"};
        const struct log_export_options chain = {.agent = slice_str(names[i])};
        struct fake_bundle *b = edit_export(&edited, &chain);
        expect_verdict(fake_verify(b, edited.policy), TEELOG_TRUSTED);
        fake_bundle_free(b);
    }
}

static void finding_7_write_error_is_an_error(void **state)
{
    struct log_record r = record("alice", "not written");
    struct answer a;
    (void)state;
    sync_fails = true;
    append(&edited, &r, 1, &a);
    sync_fails = false;
    assert_err(a.err, TL_E_COMMIT);
    append(&edited, &r, 1, &a); /* nor does it go on as if nothing had been */
    assert_err(a.err, TL_E_STOPPING);
    world_stop(&edited);
    assert_int_equal(edited.fatal, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finding_1_everything_is_signed, edit_set_up,
                                        edit_tear_down),
        cmocka_unit_test_setup_teardown(unedited_bundle_is_trusted, edit_set_up, edit_tear_down),
        cmocka_unit_test_setup_teardown(finding_1_exported_records_cannot_be_edited, edit_set_up,
                                        edit_tear_down),
        cmocka_unit_test_setup_teardown(finding_2_public_key_alone_signs_nothing, edit_set_up,
                                        edit_tear_down),
        cmocka_unit_test_setup_teardown(finding_2_whitespace_is_content_like_any, edit_set_up,
                                        edit_tear_down),
        cmocka_unit_test_setup_teardown(finding_3_fields_do_not_run_together, edit_set_up,
                                        edit_tear_down),
        cmocka_unit_test_setup_teardown(finding_3_names_have_no_separators, edit_set_up,
                                        edit_tear_down),
        cmocka_unit_test_setup_teardown(finding_7_second_agent_registers, edit_set_up,
                                        edit_tear_down),
        cmocka_unit_test_setup_teardown(finding_7_write_error_is_an_error, edit_set_up,
                                        edit_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
