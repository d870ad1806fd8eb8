/* A witnessed log over its socket: what it says of its witnesses, and appends that wait for them.
 * The test is the witness client. */
#include "fakefence.h"
#include "testhttp.h"

#include "base/encoding.h"
#include "http/internal.h"

#include <signal.h>
#include <unistd.h>

static int set_up_witnessed(void **state)
{
    submit_witnessing = (struct log_witnessing){.policy = fence_policy()};
    return set_up(state);
}

static int tear_down_witnessed(void **state)
{
    log_wind_up(world.log); /* as a service ends */
    (void)tear_down(state);
    tlog_policy_free((struct tlog_policy *)(uintptr_t)submit_witnessing.policy);
    submit_witnessing = (struct log_witnessing){.policy = NULL};
    return 0;
}

static json_t *get_json(const char *request, int status)
{
    struct reply r = ask(request);
    if (r.status != status)
        fail_msg("%d: %s", r.status, r.body);
    json_t *root = parse(&r);
    finish(&r);
    return root;
}

static const char *text_of(const json_t *o, const char *name)
{
    const char *s = json_string_value(json_object_get(o, name));
    return s ? s : "";
}

static json_int_t number_of(const json_t *o, const char *name)
{
    return json_integer_value(json_object_get(o, name));
}

static void fenced_log_says_so(void **state)
{
    (void)state;
    json_t *s = get_json(GET("/v1/status"), 200);
    assert_string_equal(text_of(s, "fence"), "booted");
    assert_true(json_is_false(json_object_get(s, "degraded")));
    assert_int_equal(number_of(s, "quorum"), 2);
    assert_null(json_object_get(s, "cosignedSize"));
    assert_null(json_object_get(s, "fork"));
    const json_t *all = json_object_get(s, "witnesses");
    assert_int_equal(json_array_size(all), 3);
    const json_t *w = json_array_get(all, 0);
    assert_string_equal(text_of(w, "name"), "w1");
    assert_true(json_is_true(json_object_get(w, "good")) &&
                json_is_true(json_object_get(w, "asked")) &&
                json_is_false(json_object_get(w, "ahead")));
    assert_null(json_object_get(w, "why"));
    w = json_array_get(all, 2);
    assert_int_equal(number_of(w, "size"), 14);
    assert_int_equal(number_of(w, "time"), 1002);
    assert_true(json_is_true(json_object_get(w, "ahead")));
    assert_string_equal(text_of(w, "why"), "it says \"no\"");
    assert_true(json_is_false(json_object_get(json_array_get(all, 1), "asked")));
    json_decref(s);

    struct reply r = ask(GET("/healthz"));
    assert_int_equal(r.status, 503);
    assert_non_null(strstr(r.head, "Retry-After: 1\r\n"));
    assert_non_null(strstr(r.body, "until 2 of its 3 witnesses"));
    finish(&r);
    r = post("/v1/records", "", RECORD "\n");
    assert_int_equal(r.status, 503);
    assert_non_null(strstr(r.head, "Retry-After: 1\r\n"));
    assert_non_null(strstr(r.body, "until 2 of its 3 witnesses"));
    finish(&r);
    r = ask(GET("/metrics"));
    assert_non_null(strstr(r.body, "\nteelog_fence_open 0\n"));
    assert_non_null(strstr(r.body, "\nteelog_witness_good{witness=\"another\"} 0\n"));
    finish(&r);

    (void)fence_pass(&world);
    s = get_json(GET("/v1/status"), 200);
    assert_string_equal(text_of(s, "fence"), "open");
    assert_int_equal(number_of(s, "cosignedSize"), 1);
    assert_int_equal(number_of(s, "cosignedTime"), 1002);
    json_decref(s);
    r = ask(GET("/healthz"));
    assert_string_equal(r.body, "{\"ok\":true}\n");
    finish(&r);
    r = ask(GET("/metrics"));
    assert_non_null(strstr(r.body, "\nteelog_fence_open 1\n"));
    assert_non_null(strstr(r.body, "\nteelog_cosigned_size 1\n"));
    assert_non_null(strstr(r.body, "\nteelog_cosigned_time_seconds 1002\n"));
    finish(&r);
    r = post("/v1/records", "", RECORD "\n");
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.body, "\"class\":\"signed\""));
    finish(&r);
}

/* A log whose boot has not come answers all that is only read. */
static void log_without_a_boot_is_read(void **state)
{
    (void)state;
    http_stop(service);
    service = NULL;
    world_stop(&world);
    world_open(&world);
    serve(NULL, NULL, 0);
    json_t *s = get_json(GET("/v1/status"), 200);
    assert_string_equal(text_of(s, "fence"), "proving");
    assert_null(json_object_get(s, "boot"));
    json_decref(s);
    static const char *const reads[] = {
        GET("/checkpoint"), GET("/v1/records?order=newest"),
        GET("/v1/agents"),  GET("/v1/records/0"),
        GET("/metrics"),    GET("/tile/0/000.p/1"),
        GET("/tee/agents"),
    };
    for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
        struct reply r = ask(reads[i]);
        if (r.status != 200)
            fail_msg("%s: %d %s", reads[i], r.status, r.body);
        finish(&r);
    }
    buf bundle;
    int status = 0;
    buf_init(&bundle, 1u << 20);
    assert_true(fetch(GET("/v1/export?cosigned=0"), &bundle, &status, false));
    assert_int_equal(status, 200);
    buf_finish(&bundle);
    struct reply r = post("/v1/attest", "", "{\"nonce\":\"00112233445566778899aabbccddeeff\"}");
    assert_int_equal(r.status, 503);
    finish(&r);
    r = post("/v1/records", "", RECORD "\n");
    assert_int_equal(r.status, 503);
    assert_non_null(strstr(r.body, "the history that is on its disk"));
    finish(&r);
    r = post("/v1/tokens", "", "{\"scopes\":[\"read\"],\"label\":\"x\"}");
    assert_int_equal(r.status, 201);
    finish(&r);
}

static void frozen_log_shows_both_notes(void **state)
{
    (void)state;
    struct witness_log_face face = witnessing_face(world.log);
    hash32 root = merkle_empty_root();
    struct note_key key = world.log->keys.note_key;
    buf note;
    (void)fence_pass(&world);
    buf_init(&note, NOTE_MAX);
    assert_ok(
        checkpoint_sign(&note, slice_str("test/log"), 99, &root, &key, world.log->keys.log_seed));
    assert_true(face.seen(face.ctx, "w2", buf_slice(&note)));
    json_t *s = get_json(GET("/v1/status"), 200);
    assert_true(json_is_true(json_object_get(s, "frozen")));
    const json_t *fork = json_object_get(s, "fork");
    assert_string_equal(text_of(fork, "from"), "w2");
    assert_true(slice_eq_str(buf_slice(&note), text_of(fork, "theirs")));
    assert_true(strncmp(text_of(fork, "ours"), "test/log\n1\n", 11) == 0);
    assert_non_null(strstr(text_of(s, "frozenWhy"), "a checkpoint of 99 statements"));
    json_decref(s);
    struct reply r = ask(GET("/healthz"));
    assert_int_equal(r.status, 503);
    assert_null(strstr(r.head, "Retry-After"));
    assert_non_null(strstr(r.body, "frozen, and takes nothing: w2 has a checkpoint"));
    finish(&r);
    r = post("/v1/records", "", RECORD "\n");
    assert_int_equal(r.status, 503);
    assert_null(strstr(r.head, "Retry-After"));
    finish(&r);
    buf_finish(&note);
}

/* ---- appends that wait ---- */

static int post_waiting(const char *query, const char *body)
{
    char request[2000];
    int fd = dial();
    snprintf(request, sizeof request,
             POST("/v1/records?wait=cosigned%s") "Content-Length: %zu\r\n\r\n%s", query,
             strlen(body), body);
    send_all(fd, request, strlen(request));
    return fd;
}

static void until_size(uint64_t size)
{
    while (log_size() < size)
        fence_settle(&world);
}

static void append_waits(void **state)
{
    (void)state;
    struct reply r;
    (void)fence_pass(&world);
    int fd = post_waiting("", RECORD "\n" RECORD "\n");
    until_size(4);
    r = post("/v1/records", "", RECORD "\n");
    assert_int_equal(r.status, 200);
    finish(&r);
    assert_int_equal(fence_pass(&world), 5);
    assert_true(read_reply(fd, &r));
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.body, "\"index\":2,"));
    assert_non_null(strstr(r.body, "\"treeSize\":5,\"class\":\"cosigned 2 of 3\""));
    finish(&r);
    close(fd);
}

static void full_receipt_is_of_what_was_cosigned(void **state)
{
    (void)state;
    struct reply r;
    hash32 path[MERKLE_MAX_PATH], leaf;
    struct checkpoint c;
    size_t n;
    (void)fence_pass(&world);
    int fd = post_waiting("&receipt=full", RECORD);
    until_size(3);
    buf note;
    uint64_t size = fence_cosign(&world, &note, 3, 70);
    struct reply other = post("/v1/records", "", RECORD);
    finish(&other);
    fence_tell(&world, buf_slice(&note), size);
    assert_true(read_reply(fd, &r));
    json_t *o = parse(&r);
    assert_string_equal(text_of(o, "class"), "cosigned 3 of 3");
    assert_int_equal(number_of(o, "treeSize"), 3);
    assert_true(slice_eq_str(buf_slice(&note), text_of(o, "checkpoint")));
    assert_ok(hex_read(leaf.b, sizeof leaf.b, slice_str(text_of(o, "leafHash"))));
    const json_t *hashes = json_object_get(o, "path");
    for (n = 0; n < json_array_size(hashes); n++) {
        buf b;
        buf_init_fixed(&b, path[n].b, sizeof path[n].b);
        assert_ok(base64_read(&b, slice_str(json_string_value(json_array_get(hashes, n)))));
    }
    struct note *read = malloc(sizeof *read);
    assert_non_null(read);
    assert_ok(note_read(read, buf_slice(&note)));
    assert_ok(checkpoint_read(&c, read->text));
    assert_ok(merkle_verify_inclusion(2, 3, &leaf, path, n, &c.root));
    free(read);
    json_decref(o);
    finish(&r);
    close(fd);
    buf_finish(&note);
}

static void time_is_over(void **state)
{
    (void)state;
    struct reply r;
    (void)fence_pass(&world);
    int fd = post_waiting("&timeout=1", RECORD);
    assert_true(read_reply(fd, &r));
    assert_int_equal(r.status, 503);
    assert_null(strstr(r.head, "Retry-After"));
    assert_null(strstr(r.head, "Connection: close")); /* what was sent after it is not lost */
    json_t *o = parse(&r);
    assert_string_equal(text_of(o, "field"), "wait");
    assert_non_null(strstr(text_of(o, "error"), "signed and durable, and not cosigned"));
    json_decref(o);
    finish(&r);
    close(fd);
    assert_int_equal(log_size(), 3);
}

/* A line that was not appended is not said to be durable: before it was placed, or by the log. */
static void refused_lines_are_named(void **state)
{
    (void)state;
    struct reply r;
    (void)fence_pass(&world);
#define WITH_ID(id, text)                                                                          \
    "{\"agentId\":\"alice\",\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"t\",\"content\":\"" text  \
    "\",\"requestId\":\"" id "\"}\n"
    static const char *const full[] = {"&timeout=1&partial=1", "&timeout=1&partial=1&receipt=full"};
    for (size_t i = 0; i < 2; i++) {
        r = post("/v1/records", "", i ? WITH_ID("b", "first") : WITH_ID("a", "first"));
        assert_int_equal(r.status, 200);
        finish(&r);
        const uint64_t size = log_size();
        int fd =
            post_waiting(full[i], i ? RECORD "\n{\"no\":1}\n" RECORD "\n" WITH_ID("b", "other")
                                    : RECORD "\n{\"no\":1}\n" RECORD "\n" WITH_ID("a", "other"));
        assert_true(read_reply(fd, &r));
        assert_int_equal(r.status, 503);
        assert_null(strstr(r.head, "Retry-After"));
        assert_null(strstr(r.head, "Connection: close"));
        json_t *o = parse(&r);
        assert_string_equal(text_of(o, "field"), "wait");
        assert_non_null(strstr(text_of(o, "error"), "2 of 4 lines were refused, and not appended"));
        assert_non_null(strstr(text_of(o, "error"), "signed and durable, and not cosigned"));
        assert_int_equal(number_of(o, "count"), 2);
        const json_t *errors = json_object_get(o, "errors");
        assert_int_equal(json_array_size(errors), 2);
        assert_int_equal(number_of(json_array_get(errors, 0), "line"), 2);
        assert_string_equal(text_of(json_array_get(errors, 0), "field"), "no");
        assert_int_equal(number_of(json_array_get(errors, 1), "line"), 4);
        assert_string_equal(text_of(json_array_get(errors, 1), "field"), "requestId");
        assert_int_equal(log_size(), size + 2);
        json_decref(o);
        finish(&r);
        close(fd);
    }
}

/* Those who wait keep no bodies, of which there is a quarter of the memory for all. */
static void waiting_bodies_are_given_back(void **state)
{
    (void)state;
    static char body[300000];
    char head[300];
    int fds[4];
    struct reply r;
    (void)fence_pass(&world);
    memset(body, 'x', sizeof body);
    static const char begin_of[] = "{\"agentId\":\"alice\",\"roomId\":\"r\",\"userId\":\"u\","
                                   "\"type\":\"t\",\"content\":\"";
    memcpy(body, begin_of, sizeof begin_of - 1);
    for (size_t i = 60000; i + 200 < sizeof body; i += 60000) {
        memcpy(body + i - 4, "\"}\n", 3);
        memcpy(body + i - 1, begin_of, sizeof begin_of - 1);
    }
    memcpy(body + sizeof body - 4, "\"}\n", 4);
    for (size_t i = 0; i < 4; i++) {
        const uint64_t size = log_size();
        fds[i] = dial();
        snprintf(head, sizeof head,
                 POST("/v1/records?wait=cosigned&timeout=100") "Content-Length: %zu\r\n\r\n",
                 strlen(body));
        send_all(fds[i], head, strlen(head));
        send_all(fds[i], body, strlen(body));
        until_size(size + 5);
        size_t room = 1, held = 1;
        for (int k = 0; k < 30000 && (room || held > 5 * 2048 * (i + 1)); k++) {
            fence_settle(&world);
            room = *(volatile size_t *)&service->inflight;
            held = *(volatile size_t *)&service->held;
        }
        assert_int_equal(room, 0);
        assert_true(held <= 5 * 2048 * (i + 1));
    }
    (void)fence_pass(&world);
    for (size_t i = 0; i < 4; i++) {
        assert_true(read_reply(fds[i], &r));
        assert_int_equal(r.status, 200);
        assert_non_null(strstr(r.body, "cosigned 2 of 3"));
        finish(&r);
        close(fds[i]);
    }
}

static void parameters_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *query, *field;
    } wrong[] = {
        {"wait=", "wait"},
        {"wait=signed", "wait"},
        {"timeout=3", "timeout"},
        {"wait=cosigned&timeout=0", "timeout"},
        {"wait=cosigned&timeout=", "timeout"},
        {"wait=cosigned&timeout=301", "timeout"},
        {"wait=cosigned&timeout=1s", "timeout"},
    };
    (void)fence_pass(&world);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char target[200];
        snprintf(target, sizeof target, "/v1/records?%s", wrong[i].query);
        struct reply r = post(target, "", RECORD);
        assert_refused(&r, 400, wrong[i].field);
    }
    assert_int_equal(log_size(), 1);
}

static void nobody_waits_for_no_witnesses(void **state)
{
    (void)state;
    const struct log_witnessing before = submit_witnessing;
    http_stop(service);
    world_stop(&world);
    submit_witnessing = (struct log_witnessing){.policy = NULL};
    world_open(&world);
    serve(NULL, NULL, 0);
    submit_witnessing = before;
    struct reply r = post("/v1/records?wait=cosigned", "", RECORD);
    assert_refused(&r, 400, "wait");
    json_t *s = get_json(GET("/v1/status"), 200);
    assert_string_equal(text_of(s, "fence"), "unwitnessed");
    assert_null(json_object_get(s, "witnesses"));
    json_decref(s);
}

/* A refused line is no reason to wait, and one that was appended is. */
static void only_what_was_appended_is_waited_for(void **state)
{
    (void)state;
    struct reply r;
    (void)fence_pass(&world);
    int fd = post_waiting("&partial=1", "{\"agentId\":\"alice\",\"roomId\":\"r\",\"userId\":\"u\","
                                        "\"type\":\"t\",\"content\":\"c\",\"ref\":7}\n");
    assert_true(read_reply(fd, &r));
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.body, "\"field\":\"ref\""));
    finish(&r);
    close(fd);
}

static void clients_that_leave(void **state)
{
    (void)state;
    struct reply r;
    (void)fence_pass(&world);
    for (int i = 0; i < 20; i++) {
        int fd = post_waiting("&timeout=300&receipt=full", RECORD);
        until_size(3 + (uint64_t)i);
        close(fd);
    }
    int fd = post_waiting("&timeout=300", RECORD);
    until_size(23);
    (void)fence_pass(&world);
    assert_true(read_reply(fd, &r));
    assert_int_equal(r.status, 200);
    finish(&r);
    close(fd);
    for (int i = 0; i < 5; i++)
        close(post_waiting("&timeout=300", RECORD));
}

/* The end does not wait for those who wait. */
static void the_end_answers_them(void **state)
{
    (void)state;
    struct reply r;
    (void)fence_pass(&world);
    int fd = post_waiting("&timeout=300", RECORD);
    until_size(3);
    log_wind_up(world.log);
    http_stop(service);
    service = NULL;
    assert_true(read_reply(fd, &r));
    assert_int_equal(r.status, 503);
    assert_non_null(strstr(r.body, "the service is stopping"));
    finish(&r);
    close(fd);
}

static void a_freeze_answers_them(void **state)
{
    (void)state;
    struct reply r;
    (void)fence_pass(&world);
    int fd = post_waiting("&timeout=300", RECORD);
    until_size(3);
    log_freeze(world.log, "a test");
    assert_true(read_reply(fd, &r));
    assert_int_equal(r.status, 503);
    assert_non_null(strstr(r.body, "not cosigned: the log is frozen"));
    finish(&r);
    close(fd);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
#define T(name) cmocka_unit_test_setup_teardown(name, set_up_witnessed, tear_down_witnessed)
    const struct CMUnitTest tests[] = {
        T(fenced_log_says_so),
        T(log_without_a_boot_is_read),
        T(frozen_log_shows_both_notes),
        T(append_waits),
        T(full_receipt_is_of_what_was_cosigned),
        T(time_is_over),
        T(refused_lines_are_named),
        T(waiting_bodies_are_given_back),
        T(parameters_are_checked),
        T(nobody_waits_for_no_witnesses),
        T(only_what_was_appended_is_waited_for),
        T(clients_that_leave),
        T(the_end_answers_them),
        T(a_freeze_answers_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
