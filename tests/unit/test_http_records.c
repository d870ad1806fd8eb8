/* Reading the log over its socket: every parameter in its good and its bad forms, pages
 * and their cursors, one record with its proof, and who sees what. */
#include "testhttp.h"

#include "base/encoding.h"
#include "log/tokens.h"
#include "tlog/checkpoint.h"

#include <signal.h>
#include <unistd.h>

static struct reply get(const char *target)
{
    char request[HTTP_BODY_MAX / 1024 + 12000];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target);
    return ask(request);
}

/* The answer of a page, which must be one; the caller frees. */
static json_t *page_of(const char *query)
{
    char target[1000];
    snprintf(target, sizeof target, "/v1/records%s", query);
    struct reply r = get(target);
    if (r.status != 200)
        fail_msg("%s: %d %s", target, r.status, r.body);
    assert_non_null(strstr(r.head, "Content-Type: application/json\r\n"));
    json_t *page = parse(&r);
    finish(&r);
    return page;
}

/* The contents of a page's records, one after the other with blanks between; for the
 * log's own statements their types. */
static const char *contents(const json_t *page)
{
    static char text[4096];
    const json_t *records = json_object_get(page, "records");
    assert_true(json_is_array(records));
    text[0] = 0;
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *r = json_array_get(records, i);
        const char *content = json_string_value(json_object_get(r, "content"));
        if (!content)
            content = json_string_value(json_object_get(r, "type"));
        size_t n = strlen(text);
        snprintf(text + n, sizeof text - n, "%s%s", i ? " " : "", content);
    }
    return text;
}

static void add(const char *agent, const char *room, const char *user, const char *type,
                const char *content)
{
    struct log_record r = {.agent = slice_str(agent),
                           .room = slice_str(room),
                           .user = slice_str(user),
                           .type = slice_str(type),
                           .content = slice_str(content)};
    struct answer a;
    append(&world, &r, 1, &a);
    assert_ok(a.err);
    assert_ok(a.receipts[0].err);
}

/* boot 0, alice's session 1, One 2, two 3, bob's session 4, three 5, four 6 */
static void add_four(void)
{
    add("alice", "r 1", "u1", "note", "One");
    add("alice", "r 2", "u1", "Action:PAY", "two");
    add("bob", "r 1", "u2", "note", "three");
    add("bob", "r&2", "\xc3\xbc", "note", "four,one");
}

static void answers_what_is_asked(void **state)
{
    (void)state;
    static const struct {
        const char *query, *want;
    } asked[] = {
        {"", "One two three four,one"},
        {"?", "One two three four,one"},
        {"?order=oldest", "One two three four,one"},
        {"?order=newest", "four,one three two One"},
        {"?agent=alice", "One two"},
        {"?agent=carol", ""},
        {"?room=r%201", "One three"},
        {"?room=r%262", "four,one"},
        {"?user=%C3%BC", "four,one"},
        {"?type=note", "One three four,one"},
        {"?type=Action:PAY", "two"},
        {"?type=action:pay", ""},
        {"?type=teelog.session", "teelog.session teelog.session"},
        {"?type=teelog.session&agent=bob", "teelog.session"},
        {"?type=teelog.boot", "teelog.boot"},
        {"?type=teelog.end", ""},
        {"?type=teelog.erasure", ""},
        {"?type=teelog.heads", ""},
        {"?text=one", "One four,one"},
        {"?text=E%2Co", ""},
        {"?text=R,oN", "four,one"},
        {"?text=%25", ""},
        {"?text=_ne", ""},
        {"?from=3", "two three four,one"},
        {"?to=3", "One"},
        {"?from=3&to=6", "two three"},
        {"?from=4&to=5", ""},
        {"?from=1000", ""},
        {"?to=9007199254740991", "One two three four,one"},
        {"?after=0&before=9007199254740991", "One two three four,one"},
        {"?before=1", ""},
        {"?before=2020-01-01T00:00:00Z", ""},
        {"?after=2020-01-01T00:00:00Z", "One two three four,one"},
        {"?after=2999-12-31T23:59:59Z", ""},
        {"?agent=bob&room=r%201&user=u2&type=note&text=thr&from=5&to=6&after=1&limit=1", "three"},
        {"?agent=bob&room=r%202", ""},
        {"?limit=2", "One two"},
        {"?limit=2&order=newest", "four,one three"},
        {"?limit=1000", "One two three four,one"},
    };
    add_four();
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        json_t *page = page_of(asked[i].query);
        if (strcmp(contents(page), asked[i].want) != 0)
            print_error("%s\n", asked[i].query);
        assert_string_equal(contents(page), asked[i].want);
        assert_true(json_is_true(json_object_get(page, "simulated")));
        assert_int_equal(json_integer_value(json_object_get(page, "size")), 7);
        assert_int_equal(json_object_get(page, "next") != NULL, i >= 36 && i <= 37);
        assert_null(json_object_get(page, "total"));
        json_decref(page);
    }
}

static const struct refused {
    const char *target;
    int status;
    const char *field;
} refused[] = {
    {"/v1/records?agents=a", 400, "agents"},
    {"/v1/records?agent=", 400, "agent"},
    {"/v1/records?agent=a%20b", 400, "agent"},
    {"/v1/records?agent=a&agent=b", 400, "agent"},
    {"/v1/records?room=", 400, "room"},
    {"/v1/records?room=%ff", 400, "room"},
    {"/v1/records?user=%c3", 400, "user"},
    {"/v1/records?text=%ed%a0%80", 400, "text"},
    {"/v1/records?type=%00", 400, "type"},
    {"/v1/records?type=teelog.", 400, "type"},
    {"/v1/records?type=teelog.Boot", 400, "type"},
    {"/v1/records?type=caf%C3%A9", 400, "type"},
    {"/v1/records?from=-1", 400, "from"},
    {"/v1/records?from=1.5", 400, "from"},
    {"/v1/records?to=x", 400, "to"},
    {"/v1/records?to=0", 400, "to"},
    {"/v1/records?to=9007199254740992", 400, "to"},
    {"/v1/records?from=3&to=3", 400, "to"},
    {"/v1/records?after=now", 400, "after"},
    {"/v1/records?after=-1", 400, "after"},
    {"/v1/records?after=2026-01-31", 400, "after"},
    {"/v1/records?before=2026-02-30T00:00:00Z", 400, "before"},
    {"/v1/records?before=2026-01-31T00:00:00%2B01:00", 400, "before"},
    {"/v1/records?after=5&before=5", 400, "before"},
    {"/v1/records?before=0", 400, "before"},
    {"/v1/records?order=", 400, "order"},
    {"/v1/records?order=Newest", 400, "order"},
    {"/v1/records?order=asc", 400, "order"},
    {"/v1/records?limit=0", 400, "limit"},
    {"/v1/records?limit=1001", 400, "limit"},
    {"/v1/records?limit=-1", 400, "limit"},
    {"/v1/records?limit=010", 400, "limit"},
    {"/v1/records?total=0", 400, "total"},
    {"/v1/records?total=true", 400, "total"},
    {"/v1/records?cursor=x", 400, "cursor"},
    {"/v1/records?cursor=", 400, "cursor"},
    {"/v1/records/0?agent=a", 400, "agent"},
    {"/v1/records/", 404, NULL},
    {"/v1/records/x", 400, "index"},
    {"/v1/records/-1", 400, "index"},
    {"/v1/records/01", 400, "index"},
    {"/v1/records/1/", 400, "index"},
    {"/v1/records/1%31", 400, "index"},
    {"/v1/records/7", 404, "index"},
    {"/v1/records/9007199254740990", 404, "index"},
    {"/v1/records/9007199254740991", 400, "index"},
    {"/v1/records/18446744073709551616", 400, "index"},
    {"/v1/tail?to=7", 400, "to"},
    {"/v1/tail?order=newest", 400, "order"},
    {"/v1/tail?limit=1", 400, "limit"},
    {"/v1/tail?agent=a%20b", 400, "agent"},
    {"/v1/tail?type=teelog.x", 400, "type"},
    {"/v1/tail?from=x", 400, "from"},
    {"/v1/tail?from=8", 400, "from"},
};

static void refuses_by_name(void **state)
{
    (void)state;
    add_four();
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct reply r = get(refused[i].target);
        if (r.status != refused[i].status)
            print_error("%s\n%s%s\n", refused[i].target, r.head, r.body);
        assert_refused(&r, refused[i].status, refused[i].field);
    }
    assert_int_equal(log_size(), 7);
    struct reply r = ask("GET /v1/tail HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 8\r\n\r\n");
    assert_refused(&r, 400, "Last-Event-ID");
    r = ask("GET /v1/tail?from=1 HTTP/1.1\r\nHost: x\r\nLast-Event-ID:\r\n\r\n");
    assert_refused(&r, 400, "Last-Event-ID");
}

/* Texts as long as they may be, each of their bytes escaped, and one byte more. */
static void bounds_the_texts(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t max;
    } texts[] = {{"room", 256}, {"user", 256}, {"text", 1024}};
    char target[8000];
    for (size_t i = 0; i < 3; i++)
        for (size_t n = texts[i].max; n <= texts[i].max + 1; n++) {
            int at = snprintf(target, sizeof target, "/v1/records?%s=", texts[i].name);
            for (size_t k = 0; k < n; k++)
                at += snprintf(target + at, sizeof target - (size_t)at, "%%41");
            struct reply r = get(target);
            if (n > texts[i].max) {
                assert_refused(&r, 400, texts[i].name);
            } else {
                assert_int_equal(r.status, 200);
                finish(&r);
            }
        }
}

/* Follows the cursors of a query; the contents of all pages. Appends between them where
 * grow is set. */
static const char *walk(const char *query, size_t *pages, bool grow)
{
    static char all[8192];
    char next[200] = "", target[600];
    *pages = 0;
    all[0] = 0;
    do {
        snprintf(target, sizeof target, "%s%s%s", query, next[0] ? "&cursor=" : "", next);
        json_t *page = page_of(target);
        const char *cursor = json_string_value(json_object_get(page, "next"));
        size_t n = strlen(all);
        snprintf(all + n, sizeof all - n, "%s%s", n ? " " : "", contents(page));
        snprintf(next, sizeof next, "%s", cursor ? cursor : "");
        json_decref(page);
        ++*pages;
        if (grow)
            add("alice", "r", "u", "late", "x");
    } while (next[0]);
    return all;
}

static void pages_follow_each_other(void **state)
{
    (void)state;
    char want[400] = "", back[400] = "", number[8];
    size_t pages;
    for (int i = 0; i < 20; i++) {
        snprintf(number, sizeof number, "n%d", i);
        add(i % 3 ? "alice" : "bob", "r", "u", "note", number);
        size_t n = strlen(want);
        snprintf(want + n, sizeof want - n, "%s%s", i ? " " : "", number);
    }
    for (int i = 19; i >= 0; i--) {
        size_t n = strlen(back);
        snprintf(back + n, sizeof back - n, "%sn%d", i < 19 ? " " : "", i);
    }
    assert_string_equal(walk("?limit=7", &pages, false), want);
    assert_int_equal(pages, 3);
    assert_string_equal(walk("?limit=1&order=newest", &pages, false), back);
    assert_int_equal(pages, 20);
    assert_string_equal(walk("?limit=20", &pages, false), want);
    assert_int_equal(pages, 1);
    /* What comes later stands neither among older ones nor twice. */
    assert_string_equal(walk("?limit=3&order=newest", &pages, true), back);
    assert_string_equal(walk("?limit=3&type=note", &pages, true), want);
    const char *bobs = walk("?limit=2&agent=bob", &pages, false);
    assert_string_equal(bobs, "n0 n3 n6 n9 n12 n15 n18");
}

static void a_cursor_is_of_one_query(void **state)
{
    (void)state;
    static const char *const others[] = {
        "",         "?agent=bob",          "?agent=alice&room=r", "?agent=alice&user=u",
        "?type=t",  "?agent=alice&text=t", "?agent=alice&from=1", "?agent=alice&to=99",
        "?after=1", "?before=999999",      "?order=newest",       "?agent=alice&type=note",
    };
    char target[600], cursor[100];
    add_four();
    json_t *page = page_of("?agent=alice&limit=1");
    snprintf(cursor, sizeof cursor, "%s", json_string_value(json_object_get(page, "next")));
    json_decref(page);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        snprintf(target, sizeof target, "/v1/records%s%ccursor=%s", others[i],
                 others[i][0] ? '&' : '?', cursor);
        struct reply r = get(target);
        assert_refused(&r, 400, "cursor");
    }
    /* Its own, with another limit; "oldest" is what it was asked with. */
    snprintf(target, sizeof target, "?order=oldest&limit=5&agent=alice&cursor=%s", cursor);
    page = page_of(target);
    assert_string_equal(contents(page), "two");
    json_decref(page);
    snprintf(target, sizeof target, "/v1/records?agent=alice&total=1&cursor=%s", cursor);
    struct reply r = get(target);
    assert_refused(&r, 400, "total");
    for (size_t i = 0; i < strlen(cursor); i++) {
        char was = cursor[i];
        cursor[i] = was == '0' ? '1' : '0';
        snprintf(target, sizeof target, "/v1/records?agent=alice&cursor=%s", cursor);
        r = get(target);
        /* The last digits of the position alone may say another place in the query. */
        if (r.status == 200) {
            assert_true(i >= 4 && i < 18);
            finish(&r);
        } else {
            assert_refused(&r, 400, "cursor");
        }
        cursor[i] = was;
    }
    cursor[strlen(cursor) - 2] = 0;
    snprintf(target, sizeof target, "/v1/records?agent=alice&cursor=%s", cursor);
    r = get(target);
    assert_refused(&r, 400, "cursor");
}

/* A position outside of what the query's own indexes allow. */
static void a_cursor_lies_within_its_query(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        int position, status;
    } places[] = {
        {"from=2&to=5", 1, 400},
        {"from=2&to=5", 2, 200},
        {"from=2&to=5", 4, 200},
        {"from=2&to=5", 5, 400},
        {"from=2&to=5&order=newest", 2, 400},
        {"from=2&to=5&order=newest", 3, 200},
        {"from=2&to=5&order=newest", 5, 200},
        {"from=2&to=5&order=newest", 6, 400},
    };
    add_four();
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char target[300], cursor[100];
        snprintf(target, sizeof target, "?%s&limit=1", places[i].query);
        json_t *page = page_of(target);
        snprintf(cursor, sizeof cursor, "%s", json_string_value(json_object_get(page, "next")));
        json_decref(page);
        cursor[17] = (char)('0' + places[i].position);
        snprintf(target, sizeof target, "/v1/records?%s&cursor=%s", places[i].query, cursor);
        struct reply r = get(target);
        if (places[i].status != 200) {
            assert_refused(&r, 400, "cursor");
        } else {
            assert_int_equal(r.status, 200);
            finish(&r);
        }
    }
}

static void totals_count_all(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        int want;
    } asked[] = {{"?total=1", 4},
                 {"?total=1&limit=1", 4},
                 {"?total=1&limit=2&order=newest", 4},
                 {"?total=1&agent=alice&limit=1", 2},
                 {"?total=1&text=one&limit=1", 2},
                 {"?total=1&from=3&to=6", 2},
                 {"?total=1&agent=nobody", 0}};
    add_four();
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        json_t *page = page_of(asked[i].query);
        assert_int_equal(json_integer_value(json_object_get(page, "total")), asked[i].want);
        json_decref(page);
    }
}

static slice text_member(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));
    assert_non_null(text);
    return slice_str(text);
}

static void assert_hex(const json_t *o, const char *name, const hash32 *h)
{
    char text[65];
    hex_text(text, h->b, 32);
    assert_string_equal(json_string_value(json_object_get(o, name)), text);
}

/* A record by its proof alone: statement under checkpoint, body under statement. */
static void assert_proven(const json_t *r, uint64_t index, bool with_body)
{
    struct log_info info;
    struct note_key key;
    struct checkpoint c;
    struct statement st;
    hash32 path[MERKLE_MAX_PATH];
    const json_t *hashes = json_object_get(r, "path");
    buf statement, body, bytes;
    buf_init(&statement, STATEMENT_MAX);
    buf_init(&body, BODY_MAX);
    buf_init(&bytes, sizeof path);
    log_info(world.log, &info);
    assert_ok(note_key_read(&key, slice_str(info.log_key)));
    assert_ok(checkpoint_open(&c, text_member(r, "checkpoint"), &key));
    assert_int_equal(json_integer_value(json_object_get(r, "treeSize")), c.size);
    assert_ok(base64_read(&statement, text_member(r, "statement")));
    for (size_t i = 0; i < json_array_size(hashes); i++)
        assert_ok(base64_read(&bytes, slice_str(json_string_value(json_array_get(hashes, i)))));
    memcpy(path, bytes.p, bytes.n);
    hash32 leaf = merkle_leaf_hash(buf_slice(&statement));
    assert_ok(merkle_verify_inclusion(index, c.size, &leaf, path, bytes.n / 32, &c.root));
    assert_hex(r, "leafHash", &leaf);
    assert_ok(statement_read(&st, buf_slice(&statement)));
    assert_hex(r, "keyId", &st.kid);
    assert_int_equal(json_integer_value(json_object_get(r, "index")), index);
    assert_int_equal(json_integer_value(json_object_get(r, "seq")), st.seq);
    assert_int_equal(json_integer_value(json_object_get(r, "time")), st.time_ms);
    assert_int_equal(json_integer_value(json_object_get(r, "session")), st.session);
    assert_true(slice_eq(text_member(r, "agentId"), st.subject));
    assert_true(slice_eq(text_member(r, "type"), st.type));
    if (with_body) {
        assert_ok(base64_read(&body, text_member(r, "body")));
        hash32 digest = sha256(buf_slice(&body));
        assert_true(hash_eq(&digest, &st.payload));
    } else {
        assert_true(json_is_null(json_object_get(r, "body")));
    }
    buf_finish(&statement);
    buf_finish(&body);
    buf_finish(&bytes);
}

static json_t *shown(uint64_t index)
{
    char target[64];
    snprintf(target, sizeof target, "/v1/records/%llu", (unsigned long long)index);
    struct reply r = get(target);
    assert_int_equal(r.status, 200);
    json_t *o = parse(&r);
    assert_true(json_is_true(json_object_get(o, "simulated")));
    finish(&r);
    return o;
}

static void one_record_with_its_proof(void **state)
{
    (void)state;
    add_four();
    for (uint64_t i = 0; i < 7; i++) {
        json_t *o = shown(i);
        assert_proven(o, i, true);
        assert_int_equal(json_object_get(o, "content") != NULL, i != 0 && i != 1 && i != 4);
        assert_null(json_object_get(o, "withheld"));
        json_decref(o);
    }
    json_t *o = shown(6);
    assert_string_equal(json_string_value(json_object_get(o, "content")), "four,one");
    assert_string_equal(json_string_value(json_object_get(o, "roomId")), "r&2");
    assert_string_equal(json_string_value(json_object_get(o, "userId")), "\xc3\xbc");
    assert_null(json_object_get(o, "ref"));
    assert_null(json_object_get(o, "attributes"));
    json_decref(o);
}

static void the_token_of_run_reads_no_bodies(void **state)
{
    (void)state;
    static const char *const closed[] = {"/v1/records", "/v1/tail", "/v1/records?agent=alice"};
    add_four();
    http_stop(service);
    serve(TOKEN, NULL, 0);
    for (size_t i = 0; i < sizeof closed / sizeof closed[0]; i++) {
        char request[300];
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", closed[i]);
        struct reply r = ask(request);
        assert_refused(&r, 401, "Authorization");
        snprintf(request, sizeof request,
                 "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " TOKEN "\r\n\r\n",
                 closed[i]);
        r = ask(request);
        assert_refused(&r, 403, "Authorization");
    }
    for (uint64_t i = 0; i < 7; i++) {
        bool own = i == 0 || i == 1 || i == 4;
        json_t *o = shown(i);
        assert_proven(o, i, own);
        assert_int_equal(json_is_true(json_object_get(o, "withheld")), !own);
        assert_null(json_object_get(o, "content"));
        assert_null(json_object_get(o, "roomId"));
        assert_null(json_object_get(o, "userId"));
        json_decref(o);
    }
}

/* The same with a token. */
static struct reply get_with(const char *target, const char *token)
{
    char request[1000];
    snprintf(request, sizeof request,
             "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", target, token);
    return ask(request);
}

static void tokens_read_what_they_are_for(void **state)
{
    (void)state;
    static const struct {
        const char *target, *field;
        int bound, append; /* with a token for reading alice; for the rest, of anyone */
    } asked[] = {
        {"/v1/records?agent=alice", "Authorization", 200, 403},
        {"/v1/records?agent=alice&type=teelog.session", "Authorization", 200, 403},
        {"/v1/records", "agent", 403, 403},
        {"/v1/records?agent=bob", "agent", 403, 403},
        {"/v1/records?agent=test/log&type=teelog.boot", "agent", 403, 403},
        {"/v1/tail", "agent", 403, 403},
        {"/v1/tail?agent=bob", "agent", 403, 403},
        {"/v1/tail?type=teelog.session", "agent", 403, 403},
    };
    char bound[TOKEN_TEXT + 1], append_only[TOKEN_TEXT + 1];
    struct token t = {.scopes = SCOPE_READ, .agent_count = 1, .agents = {slice_str("alice")}};
    add_four();
    assert_ok(log_token_create(world.log, &t, bound, NULL));
    t = (struct token){.scopes = SCOPE_APPEND | SCOPE_ERASE | SCOPE_ADMIN};
    assert_ok(log_token_create(world.log, &t, append_only, NULL));
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        struct reply r = get_with(asked[i].target, append_only);
        assert_refused(&r, asked[i].append, "Authorization");
        r = get_with(asked[i].target, bound);
        if (r.status != asked[i].bound)
            print_error("%s: %s\n", asked[i].target, r.body);
        assert_int_equal(r.status, asked[i].bound);
        if (asked[i].bound != 200)
            assert_refused(&r, asked[i].bound, asked[i].field);
        else
            finish(&r);
    }
    for (int i = 2; i < 7; i++) {
        char target[40];
        snprintf(target, sizeof target, "/v1/records/%d", i);
        struct reply r = get_with(target, bound);
        json_t *o = parse(&r);
        assert_proven(o, (uint64_t)i, i < 5);
        assert_int_equal(json_is_true(json_object_get(o, "withheld")), i > 4);
        json_decref(o);
        finish(&r);
        r = get_with(target, append_only);
        o = parse(&r);
        assert_proven(o, (uint64_t)i, i == 4);
        json_decref(o);
        finish(&r);
    }
}

static const json_t *first_of(const json_t *page)
{
    return json_array_get(json_object_get(page, "records"), 0);
}

static const char *decoded_text(const json_t *page, const char *name)
{
    return json_string_value(json_object_get(json_object_get(first_of(page), "decoded"), name));
}

static json_int_t decoded_number(const json_t *page, const char *name)
{
    return json_integer_value(json_object_get(json_object_get(first_of(page), "decoded"), name));
}

static void the_logs_own_statements_are_decoded(void **state)
{
    (void)state;
    struct log_info info;
    add_four();
    log_info(world.log, &info);
    json_t *page = page_of("?type=teelog.boot");
    assert_string_equal(decoded_text(page, "platform"), "simulator");
    assert_string_equal(decoded_text(page, "logKey"), info.log_key);
    assert_string_equal(decoded_text(page, "version"), TEELOG_VERSION);
    assert_hex(json_object_get(first_of(page), "decoded"), "logId", &info.log_id);
    assert_int_equal(decoded_number(page, "size"), 0);
    json_decref(page);
    struct reply r = get("/v1/agents");
    json_t *agents = parse(&r);
    const json_t *bob = json_array_get(json_object_get(agents, "agents"), 1);
    page = page_of("?type=teelog.session&agent=bob");
    assert_string_equal(decoded_text(page, "publicKey"),
                        json_string_value(json_object_get(bob, "publicKey")));
    assert_string_equal(decoded_text(page, "admission"), "bearer");
    assert_int_equal(decoded_number(page, "boot"), 0);
    json_decref(page);
    json_decref(agents);
    finish(&r);
    /* A stop ends each session and appends heads. */
    http_stop(service);
    world_stop(&world);
    world_open(&world);
    serve(NULL, NULL, 0);
    page = page_of("?type=teelog.heads");
    assert_int_equal(decoded_number(page, "subjects"), 3);
    assert_int_equal(decoded_number(page, "size"),
                     json_integer_value(json_object_get(first_of(page), "index")));
    json_decref(page);
    page = page_of("?type=teelog.end");
    assert_int_equal(json_object_size(json_object_get(first_of(page), "decoded")), 0);
    assert_string_equal(json_string_value(json_object_get(first_of(page), "body")), "oA==");
    json_decref(page);
}

static void erased_records_say_so(void **state)
{
    (void)state;
    add_four();
    struct reply r = post("/v1/erasures", "", "{\"indexes\":[2],\"reason\":\"asked for\"}");
    assert_int_equal(r.status, 200);
    finish(&r);
    json_t *page = page_of("?agent=alice");
    assert_string_equal(contents(page), "note two");
    const json_t *first = json_array_get(json_object_get(page, "records"), 0);
    assert_true(json_is_true(json_object_get(first, "erased")));
    assert_null(json_object_get(first, "roomId"));
    assert_null(json_object_get(first, "userId"));
    json_decref(page);
    json_t *o = shown(2);
    assert_proven(o, 2, false);
    assert_true(json_is_true(json_object_get(o, "erased")));
    assert_null(json_object_get(o, "withheld"));
    json_decref(o);
    page = page_of("?text=One");
    assert_string_equal(contents(page), "four,one");
    json_decref(page);
    /* The statement that says so is the log's own: shown to all, its body too. */
    page = page_of("?type=teelog.erasure");
    assert_string_equal(contents(page), "teelog.erasure");
    first = json_array_get(json_object_get(page, "records"), 0);
    assert_non_null(json_string_value(json_object_get(first, "body")));
    assert_string_equal(decoded_text(page, "reason"), "asked for");
    const json_t *indexes = json_object_get(json_object_get(first, "decoded"), "indexes");
    assert_int_equal(json_array_size(indexes), 1);
    assert_int_equal(json_integer_value(json_array_get(indexes, 0)), 2);
    json_decref(page);
}

static void post_line(const char *line)
{
    struct reply r = post("/v1/records", "", line);
    if (r.status != 200)
        fail_msg("%s: %s", line, r.body);
    finish(&r);
}

static void json_says_what_was_said(void **state)
{
    (void)state;
    static const char said[] =
        "{\"agentId\":\"alice\",\"roomId\":\"\\\"\\\\/"
        "\",\"userId\":\"\",\"type\":\"t\",\"content\":"
        "\"\\b\\t\\n\\u0000\\u001b[2J\\u009b\\u202e\\u2066 \\ud83d\\ude00 \\u0416\\u007f\","
        "\"attributes\":{\"b\":[1,-9007199254740991,9007199254740991,true,false,null,[],{}],"
        "\"a\":{\"\\\"k\\n\":\"\\ud83d\\ude00\\u2029\"}}}\n";
    static const char want[] =
        "\"roomId\":\"\\\"\\\\/\",\"userId\":\"\",\"content\":"
        "\"\\b\\t\\n\\u0000\\u001b[2J\\u009b\\u202e\\u2066 \xf0\x9f\x98\x80 "
        "\xd0\x96\\u007f\","
        "\"attributes\":{\"a\":{\"\\\"k\\n\":\"\xf0\x9f\x98\x80\\u2029\"},"
        "\"b\":[1,-9007199254740991,9007199254740991,true,false,null,[],{}]},\"leafHash\":\"";
    post_line(said);
    post_line("{\"agentId\":\"alice\",\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"t\",\"content\":"
              "\"after\",\"ref\":2}\n");
    struct reply r = get("/v1/records");
    assert_int_equal(r.status, 200);
    if (!strstr(r.body, want))
        print_error("%s\n", r.body);
    assert_non_null(strstr(r.body, want));
    assert_non_null(strstr(r.body, "\"session\":1,\"ref\":2,\"roomId\":\"r\""));
    finish(&r);
    r = get("/v1/records/2");
    assert_non_null(strstr(r.body, want));
    finish(&r);
}

/* Contents of a megabyte: pages are shorter than asked for, and go on. */
static void large_records_make_short_pages(void **state)
{
    (void)state;
    char target[300], next[100] = "";
    char *text = malloc(RECORD_CONTENT_MAX + 1);
    assert_non_null(text);
    memset(text, 1, RECORD_CONTENT_MAX); /* six bytes each as JSON */
    text[RECORD_CONTENT_MAX] = 0;
    for (int i = 0; i < 17; i++)
        (void)append_one(&world, "alice", text);
    size_t seen = 0, pages = 0;
    do {
        snprintf(target, sizeof target, "?limit=100%s%s", next[0] ? "&cursor=" : "", next);
        json_t *page = page_of(target);
        const json_t *records = json_object_get(page, "records");
        assert_in_range(json_array_size(records), 1, 8);
        for (size_t i = 0; i < json_array_size(records); i++) {
            const json_t *r = json_array_get(records, i);
            assert_int_equal(json_integer_value(json_object_get(r, "index")), 2 + seen++);
            assert_string_equal(json_string_value(json_object_get(r, "content")), text);
        }
        const char *cursor = json_string_value(json_object_get(page, "next"));
        snprintf(next, sizeof next, "%s", cursor ? cursor : "");
        json_decref(page);
        pages++;
    } while (next[0]);
    assert_int_equal(seen, 17);
    assert_in_range(pages, 3, 4);
    json_t *o = shown(2);
    assert_proven(o, 2, true);
    assert_string_equal(json_string_value(json_object_get(o, "content")), text);
    json_decref(o);
    free(text);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_what_is_asked),
        TEST(refuses_by_name),
        TEST(bounds_the_texts),
        TEST(pages_follow_each_other),
        TEST(a_cursor_is_of_one_query),
        TEST(a_cursor_lies_within_its_query),
        TEST(totals_count_all),
        TEST(one_record_with_its_proof),
        TEST(the_token_of_run_reads_no_bodies),
        TEST(tokens_read_what_they_are_for),
        TEST(the_logs_own_statements_are_decoded),
        TEST(erased_records_say_so),
        TEST(json_says_what_was_said),
        TEST(large_records_make_short_pages),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
