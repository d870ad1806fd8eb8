/* The thread that asks a log's witnesses, against a server of such. */
#include "witnessserver.h"

#include "witness/asking.h"
#include "witness/client.h"

#include <signal.h>
#include <time.h>

static struct {
    pthread_mutex_t lock;
    struct asked_log log;
    struct witness_log_face face;
    struct witness_server server;
    struct tlog_policy *policy;
    struct note_key key;
    struct witness_client *client;
} t = {.lock = PTHREAD_MUTEX_INITIALIZER};

#define SOON 60 /* seconds on a slow machine, where a request may take ten times as long */

static atomic_uint looks; /* of the client's thread at the log's size: one or two a turn */

/* The log's face is called on the client's thread, and looked at on ours. */
static uint64_t face_size(void *ctx)
{
    looks++;
    pthread_mutex_lock(&t.lock);
    uint64_t size = asked_size(ctx);
    pthread_mutex_unlock(&t.lock);
    return size;
}

static tl_err face_checkpoint(void *ctx, uint64_t old, buf *note, uint64_t *size,
                              hash32 path[MERKLE_MAX_PATH], size_t *count)
{
    pthread_mutex_lock(&t.lock);
    tl_err err = asked_checkpoint(ctx, old, note, size, path, count);
    pthread_mutex_unlock(&t.lock);
    return err;
}

static tl_err face_prove(void *ctx, uint64_t old, uint64_t size, hash32 path[MERKLE_MAX_PATH],
                         size_t *count)
{
    pthread_mutex_lock(&t.lock);
    tl_err err = asked_prove(ctx, old, size, path, count);
    pthread_mutex_unlock(&t.lock);
    return err;
}

static void face_cosigned(void *ctx, slice note, uint64_t size, const struct tlog_quorum *quorum)
{
    pthread_mutex_lock(&t.lock);
    asked_cosigned(ctx, note, size, quorum);
    pthread_mutex_unlock(&t.lock);
}

static bool face_seen(void *ctx, const char *witness, slice note)
{
    pthread_mutex_lock(&t.lock);
    bool contradicts = asked_seen(ctx, witness, note);
    pthread_mutex_unlock(&t.lock);
    return contradicts;
}

static void face_ahead(void *ctx, size_t count, const char *witness, uint64_t size)
{
    pthread_mutex_lock(&t.lock);
    asked_ahead(ctx, count, witness, size);
    pthread_mutex_unlock(&t.lock);
}

static void face_say(void *ctx, const char *text)
{
    pthread_mutex_lock(&t.lock);
    asked_say(ctx, text);
    pthread_mutex_unlock(&t.lock);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Until it holds, under the lock; a minute is for slow machines. */
#define AWAIT(condition)                                                                           \
    do {                                                                                           \
        double until = seconds() + 60;                                                             \
        for (bool holds = false; !holds;) {                                                        \
            pthread_mutex_lock(&t.lock);                                                           \
            holds = (condition);                                                                   \
            pthread_mutex_unlock(&t.lock);                                                         \
            if (!holds && seconds() > until)                                                       \
                fail_msg("not within a minute: %s", #condition);                                   \
            usleep(500);                                                                           \
        }                                                                                          \
    } while (0)

/* Under the lock: whether the operator was told so. */
static bool tells(const char *part)
{
    buf_u8(&t.log.text, 0);
    t.log.text.n--;
    return strstr((const char *)t.log.text.p, part) != NULL;
}

struct options {
    const char *base; /* NULL: the server's */
    const char *proxy, *ca_file;
    unsigned timeout_ms, interval_ms;
    bool tls;
};

static void serve(SSL_CTX *tls)
{
    asked_log_init(&t.log, 9, 0);
    t.face = (struct witness_log_face){.ctx = &t.log,
                                       .size = face_size,
                                       .checkpoint = face_checkpoint,
                                       .prove = face_prove,
                                       .cosigned = face_cosigned,
                                       .seen = face_seen,
                                       .ahead = face_ahead,
                                       .say = face_say};
    t.key = fake_log_key(FAKE_ORIGIN, ASKED_LOG);
    witness_server_start(&t.server, tls);
}

/* k of n. */
static void ask(unsigned k, uint8_t n, const struct options *o)
{
    char base[100];
    snprintf(base, sizeof base, "http%s://127.0.0.1:%u", o->tls ? "s" : "", t.server.port);
    t.policy = asked_policy(k, n, o->base ? o->base : base);
    const struct witness_client_options options = {
        .policy = t.policy,
        .log_key = &t.key,
        .timeout_ms = o->timeout_ms,
        .interval_ms = o->interval_ms ? o->interval_ms : 20,
        .ca_file = o->ca_file,
        .proxy = o->proxy,
    };
    assert_ok(witness_client_start(&t.client, &options, &t.face, NULL));
    assert_int_equal(witness_client_count(t.client), n);
}

static double stop(void)
{
    double before = seconds();
    witness_client_stop(t.client);
    double took = seconds() - before;
    t.client = NULL;
    witness_server_stop(&t.server);
    tlog_policy_free(t.policy);
    asked_log_finish(&t.log);
    return took;
}

static struct witness_view view(size_t i)
{
    struct witness_view v;
    witness_client_view(t.client, i, &v);
    return v;
}

static void grow(uint64_t size, bool now)
{
    pthread_mutex_lock(&t.lock);
    t.log.size = size;
    pthread_mutex_unlock(&t.lock);
    witness_client_wake(t.client, now);
}

static void set_manner(size_t i, enum manner manner)
{
    atomic_store(&t.server.served[i].manner, manner);
}

static size_t lines_of(slice note)
{
    size_t count = 0;
    while (note.n) {
        slice line = note_line(&note);
        count += slice_starts(line, slice_str("\xe2\x80\x94 w"));
    }
    return count;
}

/* Three that answer well: every size that somebody waits for is cosigned, over connections
 * that stay. */
static void cosigned(void **state)
{
    (void)state;
    serve(NULL);
    ask(3, 3, &(struct options){.interval_ms = 600000});
    AWAIT(t.log.cosigned_size == 9);
    for (uint64_t size = 10; size < 60; size++) {
        grow(size, true);
        AWAIT(t.log.cosigned_size == size);
    }
    assert_int_equal(t.log.said, 0);
    assert_int_equal(lines_of(buf_slice(&t.log.note)), 3);
    AWAIT(view(0).size == 59 && view(1).size == 59 && view(2).size == 59);
    struct witness_view v = view(2);
    assert_true(v.good && v.time + 600 > (uint64_t)time(NULL) && !strcmp(v.name, "w3.example"));
    assert_int_equal(t.server.connections, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(t.server.served[i].requests, 51);
        assert_int_equal(t.server.served[i].posts_without_length, 0);
    }
    assert_true(stop() < SOON);
}

/* Without anybody who waits, at the interval. */
static void by_itself(void **state)
{
    (void)state;
    serve(NULL);
    ask(2, 3, &(struct options){.interval_ms = 50});
    AWAIT(t.log.cosigned_size == 9);
    grow(12, false);
    AWAIT(t.log.cosigned_size == 12);
    stop();
}

/* One that is slow holds up nobody, and comes along later. */
static void slow(void **state)
{
    (void)state;
    serve(NULL);
    set_manner(1, HELD);
    ask(2, 3, &(struct options){.timeout_ms = 60000});
    AWAIT(t.log.cosigned_size == 9);
    grow(20, true);
    AWAIT(t.log.cosigned_size == 20);
    assert_int_equal(t.server.served[1].requests, 1);
    atomic_store(&t.server.let_go, true);
    AWAIT(view(1).size == 20);
    AWAIT(lines_of(buf_slice(&t.log.note)) == 3);
    assert_int_equal(t.log.said, 0);
    stop();
}

/* A bad one is told of, left alone, and holds up nobody; when it is well again, that is told. */
static void bad(void **state)
{
    (void)state;
    static const struct {
        enum manner manner;
        const char *why, *headers, *body;
        unsigned status;
    } cases[] = {
        {HANGS, "not a whole one within 2000 ms"},
        {DRIPS, "not a whole one within 2000 ms"},
        {CLOSES, "gives no answer"},
        {GARBAGE, "gives no answer"},
        {CUT, "gives no answer"},
        {ENDLESS, "it sends more than"},
        {ENDLESS_HEAD, "it sends more than"},
        {SAYS, "HTTP 301", "Location: /w1/add-checkpoint\r\n", "", 301},
        {SAYS, "(HTTP 404)", "", "no", 404},
        {SAYS, "(HTTP 429)", "Retry-After: 1\r\n", "", 429},
        {SAYS, "without a cosignature", "", "no line\n", 200},
        {SAYS, "without a size", "Content-Type: text/plain\r\n", "9\n", 409},
        {SAYS, "as it says, and refuses", "Content-Type: " WITNESS_SIZE_TYPE "\r\n", "0\n", 409},
        {SAYS, "does not show", "Content-Type: " WITNESS_SIZE_TYPE "\r\n", "99\n", 409},
        {SAYS, "did not only grow", "", "", 422},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        serve(NULL);
        t.server.served[0].status = cases[i].status;
        t.server.served[0].headers = cases[i].headers;
        t.server.served[0].body = cases[i].body;
        set_manner(0, cases[i].manner);
        bool waits = cases[i].manner == HANGS || cases[i].manner == DRIPS;
        ask(2, 3, &(struct options){.timeout_ms = waits ? 2000 : 60000});
        AWAIT(t.log.cosigned_size == 9);
        AWAIT(view(0).why[0]);
        if (!strstr(view(0).why, cases[i].why))
            fail_msg("%s, not %s", view(0).why, cases[i].why);
        assert_false(view(0).good);
        set_manner(0, HONEST);
        AWAIT(view(0).good);
        AWAIT(lines_of(buf_slice(&t.log.note)) == 3);
        AWAIT(tells("witness w1.example cosigns again"));
        assert_int_equal(t.log.ahead_count, 0);
        assert_true(stop() < SOON);
    }
}

/* Nobody listens there. */
static void down(void **state)
{
    (void)state;
    serve(NULL);
    ask(2, 3, &(struct options){.base = "http://127.0.0.1:1"});
    AWAIT(view(0).why[0] && view(1).why[0] && view(2).why[0]);
    AWAIT(tells("witness w2.example gives no answer"));
    assert_int_equal(t.log.cosigned, 0);
    assert_true(stop() < SOON);
}

static void forgets(void **state)
{
    (void)state;
    serve(NULL);
    ask(3, 3, &(struct options){0});
    AWAIT(t.log.cosigned_size == 9);
    pthread_mutex_lock(&t.server.lock);
    t.server.served[2].state = (struct asked_witness){0};
    pthread_mutex_unlock(&t.server.lock);
    grow(11, true);
    AWAIT(t.log.cosigned_size == 11);
    AWAIT(t.log.said == 2);
    assert_true(
        asked_said(&t.log, "w3.example had 9 entries of this log and says now that it has 0"));
    stop();
}

/* It says that it has more, and shows it. */
static void ahead(void **state)
{
    (void)state;
    serve(NULL);
    t.log.contradicted = true;
    t.server.served[1].state = (struct asked_witness){10, asked_log_root(&t.log, 10)};
    asked_log_note(&t.log, 10, &t.server.served[1].shown);
    ask(2, 3, &(struct options){0});
    AWAIT(t.log.seen == 1);
    struct checkpoint c;
    assert_ok(checkpoint_open(&c, buf_slice(&t.log.shown), &t.key));
    assert_int_equal(c.size, 10);
    AWAIT(strstr(view(1).why, "contradicts this log"));
    AWAIT(atomic_load(&t.server.served[0].requests) == 1);
    grow(12, true);
    const unsigned before = looks;
    AWAIT(looks - before > 20); /* turns at which it would ask */
    assert_int_equal(t.server.served[0].requests, 1);
    assert_int_equal(t.server.served[1].fetches, 1);
    assert_int_equal(t.log.ahead, 0);
    stop();
}

/* However many are under way, and whatever they do: an end is an end. */
static void stopped(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        serve(NULL);
        for (size_t k = 0; k < 5; k++)
            set_manner(k, i ? DRIPS : HANGS);
        ask(3, 5, &(struct options){.timeout_ms = 10 * SOON * 1000});
        for (size_t k = 0; k < 5; k++)
            while (atomic_load(&t.server.served[k].requests) == 0)
                usleep(500);
        assert_true(stop() < SOON);
    }
}

static void https(void **state)
{
    (void)state;
    char *dir = test_tmpdir(), ca[300], other[300];
    snprintf(ca, sizeof ca, "%s/ca.pem", dir);
    snprintf(other, sizeof other, "%s/other.pem", dir);
    SSL_CTX_free(witness_server_tls(other));
    serve(witness_server_tls(ca));
    ask(2, 2, &(struct options){.tls = true, .ca_file = ca});
    AWAIT(t.log.cosigned_size == 9);
    stop();
    serve(witness_server_tls(ca));
    ask(2, 2, &(struct options){.tls = true, .ca_file = other});
    AWAIT(strstr(view(0).why, "certificate is not trusted"));
    assert_int_equal(t.server.served[0].requests, 0);
    stop();
    test_rmdir(dir);
}

/* Through a proxy where one is named, and not where only the environment has one. */
static void proxy(void **state)
{
    (void)state;
    char at[100];
    serve(NULL);
    snprintf(at, sizeof at, "http://127.0.0.1:%u", t.server.port);
    ask(2, 2, &(struct options){.base = "http://nowhere.example", .proxy = at});
    AWAIT(t.log.cosigned_size == 9);
    stop();
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    serve(NULL);
    ask(2, 2, &(struct options){0});
    AWAIT(t.log.cosigned_size == 9);
    stop();
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

static void refusals(void **state)
{
    (void)state;
    struct tl_why why = {{0}, {0}};
    struct witness_client *c = NULL;
    serve(NULL);
    t.policy = fake_quorum(2, 3); /* without URLs */
    const struct witness_client_options o = {.policy = t.policy, .log_key = &t.key};
    assert_err(witness_client_start(&c, &o, &t.face, &why), TL_E_USAGE);
    assert_non_null(strstr(why.text, "URL"));
    assert_null(c);
    why = (struct tl_why){{0}, {0}};
    assert_err(witness_client_check(&o, &why), TL_E_USAGE);
    assert_non_null(strstr(why.text, "URL"));
    tlog_policy_free(t.policy);
    t.policy = asked_policy(2, 3, "http://127.0.0.1:1");
    assert_ok(witness_client_check(&(struct witness_client_options){.policy = t.policy}, &why));
    witness_client_stop(NULL);
    stop();
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN); /* as the service does: who was asked may be gone */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cosigned), cmocka_unit_test(by_itself), cmocka_unit_test(slow),
        cmocka_unit_test(bad),      cmocka_unit_test(down),      cmocka_unit_test(forgets),
        cmocka_unit_test(ahead),    cmocka_unit_test(stopped),   cmocka_unit_test(https),
        cmocka_unit_test(proxy),    cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
