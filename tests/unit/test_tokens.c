/* The table of tokens, and the stored head that holds its digest. */
#include "testlib.h"

#include "codec/cbor.h"
#include "crypto/secret.h"
#include "log/keys.h"
#include "log/tokens.h"

static struct tokens *table(size_t n, char texts[][TOKEN_TEXT + 1])
{
    struct tokens *t = NULL, *next = NULL;
    assert_ok(tokens_read(&t, (slice){NULL, 0}));
    for (size_t i = 0; i < n; i++) {
        struct token one = {.scopes = SCOPE_APPEND | SCOPE_READ,
                            .agent_count = 2,
                            .agents = {slice_str("alice"), slice_str("bob")},
                            .label = slice_str("a label"),
                            .created_ms = 1000 + i,
                            .expires_ms = i ? 5000 : 0};
        assert_ok(token_make(&one, texts[i]));
        assert_ok(tokens_add(&next, t, &one, NULL));
        tokens_unref(t);
        t = next;
    }
    return t;
}

static void a_token_is_found_by_its_text_alone(void **state)
{
    char texts[3][TOKEN_TEXT + 1], wrong[TOKEN_TEXT + 2];
    (void)state;
    struct tokens *t = table(3, texts);
    assert_int_equal(tokens_count(t), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(strlen(texts[i]), TOKEN_TEXT);
        assert_int_equal(TOKEN_TEXT, 67);
        assert_memory_equal(texts[i], "teelog_", 7);
        const struct token *found = tokens_find(t, slice_str(texts[i]), 4999);
        assert_ptr_equal(found, tokens_at(t, i));
        assert_int_equal(found->created_ms, 1000 + i);
        assert_true(slice_eq_str(found->label, "a label"));
        assert_true(slice_eq_str(found->agents[1], "bob"));
        for (size_t at = 0; at < TOKEN_TEXT; at++) { /* every character counts */
            memcpy(wrong, texts[i], sizeof texts[i]);
            wrong[at] = wrong[at] == 'a' ? 'b' : 'a';
            assert_null(tokens_find(t, slice_str(wrong), 0));
        }
        assert_null(tokens_find(t, slice_of(texts[i], TOKEN_TEXT - 1), 0));
        snprintf(wrong, sizeof wrong, "%sA", texts[i]);
        assert_null(tokens_find(t, slice_str(wrong), 0));
    }
    assert_null(tokens_find(t, (slice){NULL, 0}, 0));
    tokens_unref(t);
}

static void a_token_ends_with_its_time(void **state)
{
    char texts[2][TOKEN_TEXT + 1];
    (void)state;
    struct tokens *t = table(2, texts);
    assert_non_null(tokens_find(t, slice_str(texts[0]), UINT64_MAX)); /* never */
    assert_non_null(tokens_find(t, slice_str(texts[1]), 4999));
    assert_null(tokens_find(t, slice_str(texts[1]), 5000));
    tokens_unref(t);
}

static void removing_takes_one_and_leaves_the_old_table(void **state)
{
    char texts[3][TOKEN_TEXT + 1];
    uint8_t none[TOKEN_ID] = {0};
    struct tokens *next = NULL, *last = NULL;
    (void)state;
    struct tokens *t = table(3, texts);
    hash32 before = tokens_digest(t);
    assert_err(tokens_remove(&next, t, none), TL_E_NOT_FOUND);
    assert_null(next);
    assert_ok(tokens_remove(&next, t, tokens_at(t, 1)->id));
    assert_int_equal(tokens_count(next), 2);
    assert_null(tokens_find(next, slice_str(texts[1]), 0));
    assert_non_null(tokens_find(next, slice_str(texts[2]), 0));
    assert_non_null(tokens_find(t, slice_str(texts[1]), 0));
    hash32 after = tokens_digest(next), same = sha256(tokens_stored(next)), old = tokens_digest(t);
    assert_false(hash_eq(&before, &after));
    assert_true(hash_eq(&same, &after));
    assert_true(hash_eq(&before, &old));
    for (size_t i = 0; tokens_count(next); i++) {
        assert_ok(tokens_remove(&last, next, tokens_at(next, 0)->id));
        tokens_unref(next);
        next = last;
    }
    hash32 empty = tokens_digest(next), nothing = sha256((slice){NULL, 0});
    assert_true(hash_eq(&empty, &nothing));
    tokens_unref(next);
    tokens_unref(t);
    tokens_unref(NULL);
}

static void a_table_is_read_as_it_was_stored(void **state)
{
    char texts[3][TOKEN_TEXT + 1];
    struct tokens *again = NULL;
    (void)state;
    struct tokens *t = table(3, texts);
    slice stored = tokens_stored(t);
    assert_ok(tokens_read(&again, stored));
    assert_ptr_equal(tokens_find(again, slice_str(texts[1]), 0), tokens_at(again, 1));
    tokens_unref(again);
    again = NULL;
    uint8_t *copy = malloc(stored.n + 1);
    assert_non_null(copy);
    for (size_t n = 1; n < stored.n; n++) { /* no part of it is one */
        memcpy(copy, stored.p, n);
        assert_err(tokens_read(&again, slice_of(copy, n)), TL_E_STORED);
    }
    memcpy(copy, stored.p, stored.n);
    copy[stored.n] = 0;
    assert_err(tokens_read(&again, slice_of(copy, stored.n + 1)), TL_E_STORED);
    assert_null(again);
    free(copy);
    tokens_unref(t);
}

static void put_token(buf *b, size_t agents)
{
    uint8_t zero[32] = {0};
    cbor_put_array(b, 7);
    cbor_put_bytes(b, slice_of(zero, TOKEN_ID));
    cbor_put_bytes(b, slice_of(zero, 32));
    cbor_put_uint(b, 1);
    cbor_put_array(b, agents);
    for (size_t i = 0; i < agents; i++)
        cbor_put_str(b, "a");
    cbor_put_str(b, "");
    cbor_put_uint(b, 1);
    cbor_put_null(b);
}

static void what_is_stored_is_bounded(void **state)
{
    struct tokens *t = NULL;
    buf b;
    (void)state;
    buf_init(&b, 1 << 20);
    for (size_t n = TOKENS_MAX; n <= TOKENS_MAX + 1; n++) {
        buf_reset(&b);
        cbor_put_array(&b, n);
        for (size_t i = 0; i < n; i++)
            put_token(&b, 0);
        assert_err(tokens_read(&t, buf_slice(&b)), n == TOKENS_MAX ? TL_OK : TL_E_STORED);
    }
    tokens_unref(t);
    t = NULL;
    for (size_t n = TOKEN_AGENTS_MAX; n <= TOKEN_AGENTS_MAX + 1; n++) {
        buf_reset(&b);
        cbor_put_array(&b, 1);
        put_token(&b, n);
        assert_err(tokens_read(&t, buf_slice(&b)), n == TOKEN_AGENTS_MAX ? TL_OK : TL_E_STORED);
    }
    tokens_unref(t);
    t = NULL;
    for (size_t n = TOKENS_BYTES_MAX; n <= TOKENS_BYTES_MAX + 1; n++) {
        uint8_t zero[32] = {0};
        size_t label = n - (1 + 1 + 9 + 34 + 1 + 1 + 3 + 1 + 1);
        buf_reset(&b);
        cbor_put_array(&b, 1);
        cbor_put_array(&b, 7);
        cbor_put_bytes(&b, slice_of(zero, TOKEN_ID));
        cbor_put_bytes(&b, slice_of(zero, 32));
        cbor_put_uint(&b, 1);
        cbor_put_array(&b, 0);
        cbor_put_head(&b, CBOR_TEXT, label);
        memset(buf_grow(&b, label), 'x', label);
        cbor_put_uint(&b, 1);
        cbor_put_null(&b);
        if (n == TOKENS_BYTES_MAX)
            assert_int_equal(b.n, n);
        assert_err(tokens_read(&t, buf_slice(&b)), n == TOKENS_BYTES_MAX ? TL_OK : TL_E_STORED);
    }
    tokens_unref(t);
    buf_finish(&b);
}

static void a_full_table_takes_no_more(void **state)
{
    char text[TOKEN_TEXT + 1], label[TOKEN_LABEL_MAX];
    struct tl_why why = {{0}, {0}};
    struct tokens *t = NULL, *next = NULL;
    (void)state;
    memset(label, 'l', sizeof label);
    for (int large = 0; large < 2; large++) {
        size_t n = 0;
        tl_err err = tokens_read(&t, (slice){NULL, 0});
        while (err == TL_OK) {
            struct token one = {.scopes = 1, .label = slice_of(label, large ? sizeof label : 1)};
            for (; large && one.agent_count < TOKEN_AGENTS_MAX; one.agent_count++)
                one.agents[one.agent_count] = slice_of(label, sizeof label);
            assert_ok(token_make(&one, text));
            err = tokens_add(&next, t, &one, &why);
            if (err != TL_OK)
                break;
            tokens_unref(t);
            t = next;
            n++;
        }
        assert_err(err, TL_E_LIMIT);
        assert_non_null(strstr(why.text, "revoke"));
        if (large)
            assert_in_range(n, 20, 40);
        else
            assert_int_equal(n, TOKENS_MAX);
        assert_int_equal(tokens_count(t), n);
        tokens_unref(t);
    }
}

static void scopes_have_names(void **state)
{
    char text[64];
    (void)state;
    for (uint8_t bit = 1; bit <= SCOPE_ADMIN; bit = (uint8_t)(bit << 1))
        assert_int_equal(scope_of(slice_str(scope_name(bit))), bit);
    assert_int_equal(scope_of(slice_str("")), 0);
    assert_int_equal(scope_of(slice_str("all")), 0);
    scopes_text(text, SCOPE_ALL, ", ");
    assert_string_equal(text, "append, read, erase, admin");
    scopes_text(text, SCOPE_READ | SCOPE_ADMIN, " or ");
    assert_string_equal(text, "read or admin");
}

/* Memory that is short is no table that was altered. */
static void short_memory_is_said(void **state)
{
    char texts[2][TOKEN_TEXT + 1];
    (void)state;
    struct tokens *t = table(2, texts);
    for (size_t n = 1;; n++) {
        struct tokens *next = NULL;
        test_fail_alloc(n);
        tl_err err = tokens_remove(&next, t, tokens_at(t, 0)->id);
        bool failed = test_alloc_failed();
        test_fail_alloc(0);
        if (!failed) {
            assert_ok(err);
            tokens_unref(next);
            break;
        }
        assert_err(err, TL_E_MEMORY);
        assert_null(next);
    }
    tokens_unref(t);
}

/* ---- the head ---- */

static struct log_keys some_keys(void)
{
    struct log_keys k = {.origin = "example.org/log"};
    memset(k.log_id.b, 7, sizeof k.log_id.b);
    memset(k.head_key, 9, sizeof k.head_key);
    return k;
}

static struct log_head some_head(void)
{
    return (struct log_head){300, sha256(slice_str("root")), 5, sha256(slice_str("tokens"))};
}

static void a_head_is_bound_to_every_byte(void **state)
{
    struct log_keys k = some_keys();
    struct log_head h = some_head(), got = {0};
    uint8_t mem[128], copy[129];
    buf b;
    (void)state;
    buf_init_fixed(&b, mem, sizeof mem);
    keys_head_put(&k, &b, &h);
    assert_ok(buf_err(&b));
    assert_int_equal(b.n, 1 + 3 + 34 + 1 + 34 + 32);
    assert_ok(keys_head_read(&k, buf_slice(&b), &got));
    assert_int_equal(got.size, h.size);
    assert_true(hash_eq(&got.root, &h.root));
    assert_true(hash_eq(&got.tokens, &h.tokens));
    assert_int_equal(got.erasures, 5);
    got = (struct log_head){.size = 1};
    for (size_t bit = 0; bit < 8 * b.n; bit++) {
        memcpy(copy, mem, b.n);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_err(keys_head_read(&k, slice_of(copy, b.n), &got), TL_E_HEAD);
    }
    for (size_t n = 0; n < b.n; n++)
        assert_err(keys_head_read(&k, slice_of(mem, n), &got), TL_E_HEAD);
    memcpy(copy, mem, b.n);
    copy[b.n] = 0;
    assert_err(keys_head_read(&k, slice_of(copy, b.n + 1), &got), TL_E_HEAD);
    assert_int_equal(got.size, 1); /* untouched */
    for (int i = 0; i < 3; i++) {
        struct log_keys other = some_keys();
        other.origin[i == 0 ? 3 : 0] ^= i == 0;
        other.log_id.b[31] ^= i == 1;
        other.head_key[31] ^= i == 2;
        assert_err(keys_head_read(&other, buf_slice(&b), &got), TL_E_HEAD);
    }
}

/* As format.md gives the bytes, without the code that writes them. */
static size_t head_by_hand(const struct log_keys *k, uint8_t *out, size_t members,
                           const char *label)
{
    struct log_head h = some_head();
    uint8_t mem[512];
    buf b, m;
    buf_init_fixed(&b, out, 128);
    buf_init_fixed(&m, mem, sizeof mem);
    buf_str(&m, label);
    buf_u8(&m, 0);
    cbor_put_array(&m, 2 + members);
    cbor_put_str(&m, k->origin);
    cbor_put_bytes(&m, hash_slice(&k->log_id));
    cbor_put_array(&b, members);
    for (int i = 0; i < 2; i++) {
        buf *to = i ? &m : &b;
        cbor_put_uint(to, h.size);
        if (members > 1)
            cbor_put_bytes(to, hash_slice(&h.root));
        if (members > 2)
            cbor_put_uint(to, h.erasures);
        if (members > 3)
            cbor_put_bytes(to, hash_slice(&h.tokens));
        if (members > 4)
            cbor_put_null(to);
    }
    hash32 mac = hmac_sha256(slice_of(k->head_key, 32), buf_slice(&m));
    buf_bytes(&b, hash_slice(&mac));
    assert_ok(buf_err(&b));
    return b.n;
}

static void heads_of_both_versions(void **state)
{
    struct log_keys k = some_keys();
    struct log_head h = some_head(), got = {0};
    hash32 nothing = sha256((slice){NULL, 0});
    uint8_t hand[128], mem[128];
    buf b;
    (void)state;
    buf_init_fixed(&b, mem, sizeof mem);
    keys_head_put(&k, &b, &h);
    assert_int_equal(head_by_hand(&k, hand, 4, "teelog/head/v2"), b.n);
    assert_memory_equal(hand, mem, b.n);
    size_t n = head_by_hand(&k, hand, 2, "teelog/head/v1");
    assert_ok(keys_head_read(&k, slice_of(hand, n), &got));
    assert_int_equal(got.size, h.size);
    assert_true(hash_eq(&got.root, &h.root));
    assert_true(hash_eq(&got.tokens, &nothing)); /* no tokens, and no others' */
    assert_int_equal(got.erasures, 0);
    static const struct {
        size_t members;
        const char *label;
    } wrong[] = {{1, "teelog/head/v1"}, {1, "teelog/head/v2"}, {2, "teelog/head/v2"},
                 {3, "teelog/head/v1"}, {3, "teelog/head/v2"}, {4, "teelog/head/v1"},
                 {5, "teelog/head/v1"}, {5, "teelog/head/v2"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        n = head_by_hand(&k, hand, wrong[i].members, wrong[i].label);
        assert_err(keys_head_read(&k, slice_of(hand, n), &got), TL_E_HEAD);
    }
    n = head_by_hand(&k, hand, 4, "teelog/head/v2");
    hand[0] = 0x83; /* the same members, called three */
    assert_err(keys_head_read(&k, slice_of(hand, n), &got), TL_E_HEAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_found_by_its_text_alone),
        cmocka_unit_test(a_token_ends_with_its_time),
        cmocka_unit_test(removing_takes_one_and_leaves_the_old_table),
        cmocka_unit_test(a_table_is_read_as_it_was_stored),
        cmocka_unit_test(what_is_stored_is_bounded),
        cmocka_unit_test(a_full_table_takes_no_more),
        cmocka_unit_test(scopes_have_names),
        cmocka_unit_test(short_memory_is_said),
        cmocka_unit_test(a_head_is_bound_to_every_byte),
        cmocka_unit_test(heads_of_both_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
