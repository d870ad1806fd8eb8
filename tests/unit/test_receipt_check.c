/* What a client takes for the receipt of what it sent, and what it does not. */
#include "testlib.h"

#include "fakewitness.h"

#include "tlog/body.h"
#include "tlog/merkle.h"
#include "verify/receipt_check.h"

#define ORIGIN "example.org/log"
#define OURS   1 /* the log that is pinned, and another one */
#define OTHERS 2
#define LEAVES 7

/* A receipt in the making: what the log put into its tree, and what it says of it. */
struct made {
    struct statement st;
    struct body_record body;
    bool body_is_sent; /* no: the payload is as it stands in st */
    uint8_t log;       /* who signs the checkpoint */
    const char *origin;
    uint64_t index, size;
    uint8_t last; /* what the tree's last leaf is made of */
};

static const uint8_t salt[BODY_SALT] = "sixteen bytes...";
static struct receipt_sent sent;
static struct receipt_seen seen;
static struct note_key pin;
static buf line, other;

static int set_up(void **state)
{
    (void)state;
    buf_init(&line, 200000);
    buf_init(&other, 200000);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_finish(&line);
    buf_finish(&other);
    return 0;
}

/* {"n": 1} */
static const uint8_t attributes[] = {0xa1, 0x61, 'n', 1};

/* All is as it should be. */
static struct made good(void)
{
    sent = (struct receipt_sent){.agent = slice_str("alice"),
                                 .room = slice_str("room"),
                                 .user = slice_str("user"),
                                 .type = slice_str("Action:pay"),
                                 .content = slice_str("ten \xe2\x82\xac"),
                                 .attributes = SLICE_ARRAY(attributes),
                                 .has_ref = true,
                                 .ref = 2};
    seen = (struct receipt_seen){.size = 0};
    pin = fake_log_key(ORIGIN, OURS);
    return (struct made){.st = {.kind = ST_RECORD,
                                .alg = COSE_ES256,
                                .origin = slice_str(ORIGIN),
                                .subject = sent.agent,
                                .type = sent.type,
                                .seq = 3,
                                .time_ms = 1793318400000,
                                .session = 1,
                                .has_prev = true,
                                .has_ref = true,
                                .ref = 2},
                         .body = {.salt = SLICE_ARRAY(salt),
                                  .room_id = sent.room,
                                  .user_id = sent.user,
                                  .content = sent.content,
                                  .attributes = sent.attributes},
                         .body_is_sent = true,
                         .log = OURS,
                         .origin = ORIGIN,
                         .index = 4,
                         .size = LEAVES,
                         .last = 6};
}

static void put_statement(buf *b, const struct made *m)
{
    static const uint8_t signature[64] = {1};
    struct statement st = m->st;
    buf body, header;
    buf_init(&body, BODY_MAX);
    buf_init(&header, 2000);
    body_record_put(&body, &m->body);
    if (m->body_is_sent)
        st.payload = sha256(buf_slice(&body));
    statement_header_put(&header, &st);
    statement_put(b, buf_slice(&header), &st.payload, signature);
    assert_ok(buf_err(b));
    buf_finish(&body);
    buf_finish(&header);
}

static void put_checkpoint(const struct made *m, const hash32 *root)
{
    buf note;
    buf_init(&note, NOTE_MAX);
    fake_checkpoint(&note, m->origin, m->log, m->size, root);
    for (size_t i = 0; i < note.n; i++)
        if (note.p[i] == '\n')
            buf_str(&line, "\\n");
        else
            buf_u8(&line, note.p[i]);
    buf_finish(&note);
}

/* Writes the line that a service would. */
static void make(const struct made *m)
{
    hash32 leaves[LEAVES], path[MERKLE_MAX_PATH], root;
    struct merkle_leaves tree = {leaves, m->size};
    const struct merkle_nodes nodes = {merkle_leaves_get, &tree};
    size_t n = 0;
    buf statement;
    buf_init(&statement, STATEMENT_MAX);
    put_statement(&statement, m);
    for (uint8_t i = 0; i < LEAVES; i++)
        leaves[i] = merkle_leaf_hash(slice_of(i == m->size - 1 ? &m->last : &i, 1));
    leaves[m->index] = merkle_leaf_hash(buf_slice(&statement));
    assert_ok(merkle_root(&nodes, m->size, &root));
    assert_ok(merkle_prove_inclusion(&nodes, m->index, m->size, path, &n));
    buf_reset(&line);
    buf_printf(&line, "{\"index\":%u,\"seq\":3,\"agentId\":\"alice\",\"leafHash\":\"",
               (unsigned)m->index);
    hex_put(&line, hash_slice(&leaves[m->index]));
    buf_printf(&line, "\",\"treeSize\":%u,\"class\":\"signed\",\"salt\":\"", (unsigned)m->size);
    base64_put(&line, SLICE_ARRAY(salt));
    buf_str(&line, "\",\"statement\":\"");
    base64_put(&line, buf_slice(&statement));
    buf_str(&line, "\",\"checkpoint\":\"");
    put_checkpoint(m, &root);
    buf_str(&line, "\",\"path\":[");
    for (size_t i = 0; i < n; i++) {
        buf_str(&line, i ? ",\"" : "\"");
        base64_put(&line, hash_slice(&path[i]));
        buf_str(&line, "\"");
    }
    buf_str(&line, "]}\n");
    assert_ok(buf_err(&line));
    buf_finish(&statement);
}

/* Puts one text of the line in place of another, which stands in it. */
static void swap(const char *from, const char *to)
{
    const uint8_t *at = memmem(line.p, line.n, from, strlen(from));
    if (!at)
        fail_msg("there is no %s in %.*s", from, (int)line.n, (const char *)line.p);
    size_t before = (size_t)(at - line.p), after = before + strlen(from);
    buf_reset(&other);
    buf_bytes(&other, slice_of(line.p, before));
    buf_str(&other, to);
    buf_bytes(&other, slice_of(line.p + after, line.n - after));
    assert_ok(buf_err(&other));
    buf b = line;
    line = other;
    other = b;
}

static struct receipt_checked taken(void)
{
    struct receipt_checked got;
    struct tl_why why = {{0}, {0}};
    tl_err err = receipt_check(&got, buf_slice(&line), &sent, &pin, &seen, &why);
    if (err != TL_OK)
        fail_msg("%s: %s", why.field, why.text);
    return got;
}

static void refused(const char *field, const char *words)
{
    struct receipt_checked got = {.index = 99};
    const struct receipt_seen before = seen;
    struct tl_why why = {{0}, {0}};
    assert_err(receipt_check(&got, buf_slice(&line), &sent, &pin, &seen, &why), TL_E_PEER);
    assert_string_equal(why.field, field);
    if (!strstr(why.text, words))
        fail_msg("%s, and not %s", why.text, words);
    assert_true(got.index == 99 && seen.size == before.size && hash_eq(&seen.root, &before.root));
}

static void genuine(void **state)
{
    (void)state;
    struct made m = good();
    make(&m);
    struct receipt_checked got = taken();
    assert_true(got.index == 4 && got.seq == 3 && got.time_ms == 1793318400000 && got.session == 1);
    assert_true(got.tree_size == LEAVES && seen.size == LEAVES);
    assert_true(slice_eq_str(got.class, "signed") && !got.simulated && !got.repeated);
    swap("\"signed\"", "\"cosigned 2 of 3\",\"simulated\":true,\"repeated\":true,\"new\":[{}]");
    got = taken();
    assert_true(slice_eq_str(got.class, "cosigned 2 of 3") && got.simulated && got.repeated);
    swap("cosigned 2 of 3", "degraded");
    (void)taken();
    /* Without what need not be there. */
    m = good();
    m.body.attributes = sent.attributes = (slice){NULL, 0};
    m.st.has_ref = sent.has_ref = false;
    m.st.ref = sent.ref = 0;
    make(&m);
    (void)taken();
    /* Every place in every tree. */
    for (m.size = 1; m.size <= LEAVES; m.size++)
        for (m.index = 0; m.index < m.size; m.index++) {
            seen.size = 0;
            m.last = (uint8_t)(m.size - 1);
            make(&m);
            assert_true(taken().index == m.index);
        }
}

static void of_another_log(void **state)
{
    (void)state;
    /* Genuine, of the same code and name, under another key. */
    struct made m = good();
    m.log = OTHERS;
    make(&m);
    refused("checkpoint", "another log, or the pin is wrong");
    m = good();
    m.origin = "example.org/other";
    m.st.origin = slice_str("example.org/other");
    make(&m);
    refused("checkpoint", "another log, or the pin is wrong");
    /* One that the pinned log would never have. */
    m = good();
    m.st.origin = slice_str("example.org/other");
    make(&m);
    refused("statement", "its log is another");
    m = good();
    make(&m);
    swap("example.org/log\\n7\\n", "example.org/log\\n8\\n");
    refused("checkpoint", "another log, or the pin is wrong");
    make(&m);
    swap("example.org/log\\n7\\n", "example.org/log\\n07\\n");
    refused("checkpoint", "the receipt's checkpoint: not a checkpoint");
    make(&m);
    swap("\\n\\n", "\\n");
    refused("checkpoint", "the receipt's checkpoint: not a signed note");
}

static void of_another_record(void **state)
{
    (void)state;
    struct made m = good();
    m.st.subject = slice_str("bob");
    make(&m);
    refused("statement", "its agent is another");
    m = good();
    m.st.type = slice_str("Action:pray");
    make(&m);
    refused("statement", "its type is another");
    m = good();
    m.st.ref = 1;
    make(&m);
    refused("statement", "its ref is another");
    m = good();
    m.st.has_ref = false;
    m.st.ref = 0;
    sent.ref = 0;
    make(&m);
    refused("statement", "its ref is another");
    m = good();
    m.st.kind = ST_END;
    m.st.type = sent.type = slice_str("teelog.end");
    m.st.has_ref = sent.has_ref = false;
    m.st.ref = sent.ref = 0;
    make(&m);
    refused("statement", "no record's");
    const slice less = slice_str("ten");
    slice *const parts[] = {&m.body.room_id, &m.body.user_id, &m.body.content};
    for (size_t i = 0; i < 3; i++) {
        m = good();
        *parts[i] = less;
        make(&m);
        refused("statement", "roomId, userId, content or attributes are others");
    }
    m = good();
    m.body.attributes = (slice){NULL, 0};
    make(&m);
    refused("statement", "roomId, userId, content or attributes are others");
    m = good();
    m.body_is_sent = false;
    make(&m);
    refused("statement", "roomId, userId, content or attributes are others");
    /* Another salt gives another body. */
    m = good();
    make(&m);
    swap("c2l4dGVlbi", "C2l4dGVlbi");
    refused("statement", "roomId, userId, content or attributes are others");
    /* Longer than any record. */
    m = good();
    make(&m);
    static uint8_t long_content[BODY_MAX];
    memset(long_content, 'a', sizeof long_content);
    sent.content = SLICE_ARRAY(long_content);
    refused("statement", "too long");
}

static void not_in_the_tree(void **state)
{
    (void)state;
    struct made m = good();
    make(&m);
    swap("{\"index\":4", "{\"index\":5");
    refused("path", "not logged where it says");
    make(&m);
    swap("\"path\":[\"", "\"path\":[\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"");
    refused("path", "not logged where it says");
    make(&m);
    swap("{\"index\":4", "{\"index\":7");
    refused("path", "not logged where it says");
}

/* What is said twice. */
static void in_other_words(void **state)
{
    (void)state;
    struct made m = good();
    make(&m);
    swap("\"seq\":3", "\"seq\":4");
    refused("seq", "not what its statement");
    make(&m);
    swap("\"agentId\":\"alice\"", "\"agentId\":\"bob\"");
    refused("agentId", "not what its statement");
    make(&m);
    swap("\"treeSize\":7", "\"treeSize\":8");
    refused("treeSize", "not what its statement");
    make(&m);
    static const char before[] = "\"leafHash\":\"";
    uint8_t *at = memmem(line.p, line.n, before, sizeof before - 1);
    assert_non_null(at);
    at += sizeof before - 1;
    *at = *at == '0' ? '1' : '0';
    refused("leafHash", "not what its statement");
}

static void histories(void **state)
{
    (void)state;
    struct made m = good();
    make(&m);
    (void)taken();
    (void)taken(); /* again: nothing was appended since */
    m.last = 99;
    make(&m);
    refused("checkpoint", "two different trees of 7 statements");
    m = good();
    make(&m);
    (void)taken();
    m.size = 6;
    m.last = 5;
    make(&m);
    refused("treeSize", "had 7 statements and now shows 6");
    seen.size = 5;
    assert_true(taken().tree_size == 6 && seen.size == 6);
    /* An older receipt of the same words. */
    m = good();
    make(&m);
    sent.least = 4;
    (void)taken();
    sent.least = 5;
    refused("index", "it is an older one's");
}

static void forms(void **state)
{
    (void)state;
    static const char *const needed[] = {"index", "seq",  "agentId",   "leafHash",   "treeSize",
                                         "class", "salt", "statement", "checkpoint", "path"};
    struct made m = good();
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        char from[40], to[40];
        snprintf(from, sizeof from, "\"%s\":", needed[i]);
        snprintf(to, sizeof to, "\"x%s\":", needed[i]);
        make(&m);
        swap(from, to);
        refused(needed[i], "the receipt has no ");
    }
    static const char *const wrong[][3] = {
        {"\"index\":4", "\"index\":-4", "index"},
        {"\"index\":4", "\"index\":9007199254740992", "index"},
        {"\"seq\":3", "\"seq\":3.0", "seq"},
        {"\"seq\":3", "\"seq\":3,\"seq\":3", "seq"},
        {"]}\n", "],\"path\":[]}", "path"},
        {"\"agentId\":\"alice\"", "\"agentId\":null", "agentId"},
        {"\"leafHash\":\"", "\"leafHash\":\"00", "leafHash"},
        {"\"treeSize\":7", "\"treeSize\":\"7\"", "treeSize"},
        {"\"signed\"", "\"good\"", "class"},
        {"\"signed\"", "\"cosigned 2\"", "class"},
        {"\"signed\"", "\"cosigned x of 3\"", "class"},
        {"\"signed\"", "\"cosigned 2 of three\"", "class"},
        {"\"salt\":\"", "\"salt\":\"AAAA", "salt"},
        {"\"salt\":\"c2l4", "\"salt\":\"", "salt"},
        {"\"statement\":\"", "\"statement\":\"*", "statement"},
        {"\"checkpoint\":\"", "\"checkpoint\":\"\\ud800", "checkpoint"},
        {"\"path\":[", "\"path\":[\"\",", "path"},
        {"\"path\":[\"", "\"path\":[{},\"", "path"},
        {"]}\n", "],\"simulated\":1}", "simulated"},
        {"]}\n", "],\"repeated\":null}", "repeated"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        make(&m);
        swap(wrong[i][0], wrong[i][1]);
        refused(wrong[i][2], "no receipt of teelog's: ");
    }
    make(&m);
    swap("]}\n", "]}{}");
    refused("", "no receipt of teelog's: ");
    make(&m);
    swap("\"statement\":\"", "\"statement\":\"AAAA");
    refused("statement", "no record's");
    buf_reset(&line);
    refused("", "no receipt of teelog's: ");
    buf_str(&line, "{\"error\":\"no\",\"line\":1}");
    refused("index", "does not give full receipts");
    /* An endless path. */
    make(&m);
    buf_reset(&other);
    buf_str(&other, "\"path\":[");
    for (size_t i = 0; i <= MERKLE_MAX_PATH; i++)
        buf_str(&other, "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",");
    buf_u8(&other, 0);
    char *endless = strdup((const char *)other.p);
    swap("\"path\":[", endless);
    free(endless);
    refused("path", "no receipt of teelog's: a Merkle proof");
}

static void without_memory(void **state)
{
    (void)state;
    struct made m = good();
    make(&m);
    size_t n = 1;
    for (;; n++) {
        struct receipt_checked got = {.index = 99};
        test_fail_alloc(n);
        tl_err err = receipt_check(&got, buf_slice(&line), &sent, &pin, &seen, NULL);
        if (!test_alloc_failed()) {
            test_fail_alloc(0);
            assert_ok(err);
            break;
        }
        assert_err(err, TL_E_MEMORY);
        assert_true(got.index == 99 && seen.size == 0);
    }
    assert_true(n > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(genuine),
        cmocka_unit_test(of_another_log),
        cmocka_unit_test(of_another_record),
        cmocka_unit_test(not_in_the_tree),
        cmocka_unit_test(in_other_words),
        cmocka_unit_test(histories),
        cmocka_unit_test(forms),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
