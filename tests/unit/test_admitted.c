/* Attested peers over TLS: connections wait for the verdict, appends are a peer's, one agent
 * for each, and nothing is carried over from one connection to another. The clock is
 * wrapped. */
#include "testhttp.h"

#include "attest/evidence.h"
#include "http/admit.h"
#include "http/admitted.h"
#include "http/ra_tls.h"
#include "http/tcp_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static atomic_uint judged, judge_ms;
static _Atomic uint64_t later_us;

uint64_t __real_stats_clock_us(void);
uint64_t __wrap_stats_clock_us(void);

uint64_t __wrap_stats_clock_us(void)
{
    return __real_stats_clock_us() + later_us;
}

static struct admit *admit;
static struct policy policy;
static struct policy_evidence entry;
static uint8_t mrenclave[32];
static SSL_CTX *server;
static struct ra_tls_identity one, two;

static SSL_CTX *give(void *ctx)
{
    (void)ctx;
    SSL_CTX_up_ref(server);
    return server;
}

/* Stands in for slow judging. */
static void keep(void *ctx, slice json)
{
    (void)ctx, (void)json;
    judged++;
    usleep(judge_ms * 1000);
}

static void make(struct ra_tls_identity *i)
{
    struct tl_why why = {{0}, {0}};
    buf json;
    buf_init(&json, 1u << 20);
    uint64_t now = (uint64_t)time(NULL);
    assert_ok(tee_collateral(world.tee, now, &json, &why));
    assert_ok(ra_tls_identity_make(i, world.tee, buf_slice(&json), now, 600, &why));
    buf_finish(&json);
}

/* The policy that takes this process's own code on the world's platform. */
static void make_policy(void)
{
    struct evidence_report r;
    struct evidence e = {.platform = slice_str("simulator")};
    const struct evidence_context context = {.time = (uint64_t)time(NULL)};
    uint8_t data[64] = {0};
    buf quote, json;
    buf_init(&quote, TEE_QUOTE_MAX);
    buf_init(&json, 1u << 20);
    assert_ok(tee_quote(world.tee, data, &quote, NULL, NULL));
    assert_ok(tee_collateral(world.tee, context.time, &json, NULL));
    e.quote = buf_slice(&quote);
    evidence_verify(&r, &e, buf_slice(&json), &context);
    assert_true(r.genuine);
    memcpy(mrenclave, r.code.mrenclave, sizeof mrenclave);
    entry = (struct policy_evidence){.platform = PLATFORM_SIMULATOR, .simulator_root = r.code.root};
    entry.mrenclave = (struct measurement_list){1, 32, mrenclave};
    policy = (struct policy){.simulator = true,
                             .evidence = &entry,
                             .evidence_count = 1,
                             .attested = &entry,
                             .attested_count = 1};
    buf_finish(&quote);
    buf_finish(&json);
}

static void start(struct http_limits limits)
{
    struct tl_why why = {{0}, {0}};
    struct http_config c = {.socket_path = socket_path,
                            .listen = "127.0.0.1:0",
                            .tls = give,
                            .admit = admit,
                            .limits = limits};
    assert_ok(http_start(&service, world.log, &c, &why));
}

static int set_up_peers(void **state)
{
    (void)state;
    struct tl_why why = {{0}, {0}};
    submit_admissions = 1 << ADMISSION_ATTESTED | 1 << ADMISSION_BEARER;
    judged = judge_ms = 0;
    later_us = 0;
    world_init(&world);
    world_open(&world);
    make_policy();
    snprintf(socket_path, sizeof socket_path, "%s/t.sock", world.dir);
    assert_ok(ra_tls_make(&server, world.tee, (slice){NULL, 0}, (uint64_t)time(NULL), 600, &why));
    assert_ok(admit_start(&admit, &(struct admit_options){.policy = &policy, .keep = keep}));
    make(&one);
    make(&two);
    start((struct http_limits){0});
    return 0;
}

static int tear_down_peers(void **state)
{
    admit_end(admit);
    int rc = tear_down(state);
    admit_free(admit);
    SSL_CTX_free(server);
    ra_tls_identity_free(&one);
    ra_tls_identity_free(&two);
    return rc;
}

struct end {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
};

static struct end enter(const struct ra_tls_identity *i)
{
    struct tcp_address a = *http_listening(service);
    struct end e = {.ctx = SSL_CTX_new(TLS_client_method()), .fd = socket(AF_INET, SOCK_STREAM, 0)};
    assert_return_code(connect(e.fd, &a.any, sizeof a.v4), errno);
    if (i) {
        assert_int_equal(SSL_CTX_use_certificate(e.ctx, i->cert), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(e.ctx, i->key), 1);
    }
    e.ssl = SSL_new(e.ctx);
    assert_int_equal(SSL_set_fd(e.ssl, e.fd), 1);
    assert_int_equal(SSL_connect(e.ssl), 1);
    return e;
}

static void leave(struct end *e)
{
    SSL_free(e->ssl);
    SSL_CTX_free(e->ctx);
    close(e->fd);
}

static void put(struct end *e, const char *token, const char *body)
{
    char head[400];
    snprintf(head, sizeof head,
             "POST /v1/records HTTP/1.1\r\nHost: x\r\n%s%s%sContent-Length: %zu\r\n\r\n",
             token ? "Authorization: Bearer " : "", token ? token : "", token ? "\r\n" : "",
             strlen(body));
    assert_true(SSL_write(e->ssl, head, (int)strlen(head)) > 0);
    assert_true(SSL_write(e->ssl, body, (int)strlen(body)) > 0);
}

/* The status of the next answer; its text is in told. */
static char told[8192];

static int get(struct end *e)
{
    size_t n = 0, whole = sizeof told - 1;
    int status = 0;
    while (n < whole) {
        int k = SSL_read(e->ssl, told + n, (int)(sizeof told - 1 - n));
        if (k <= 0)
            return 0;
        n += (size_t)k;
        told[n] = 0;
        const char *body = strstr(told, "\r\n\r\n"), *length = strstr(told, "Content-Length: ");
        if (body)
            whole = (size_t)(body + 4 - told) + strtoul(length + 16, NULL, 10);
    }
    assert_int_equal(sscanf(told, "HTTP/1.1 %d ", &status), 1);
    return status;
}

#define LINE(agent)                                                                                \
    "{\"agentId\":\"" agent "\",\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"t\","                 \
    "\"content\":\"c\"}\n"

/* One request on a connection of its own. */
static int say(const struct ra_tls_identity *i, const char *token, const char *body)
{
    struct end e = enter(i);
    put(&e, token, body);
    int status = get(&e);
    leave(&e);
    return status;
}

static struct log_agent agent(const char *id)
{
    struct log_agent *all, found = {.admission = 0};
    size_t n;
    assert_ok(all_agents(world.log, &all, &n));
    for (size_t i = 0; i < n; i++)
        if (strcmp(all[i].id, id) == 0)
            found = all[i];
    free(all);
    return found;
}

static void a_peer_appends(void **state)
{
    (void)state;
    judge_ms = 300; /* its request waits */
    assert_int_equal(say(&one, NULL, LINE("alice")), 200);
    struct log_agent a = agent("alice");
    assert_int_equal(a.admission, ADMISSION_ATTESTED);
    assert_int_equal(judged, 1);
    /* The same certificate is known, and its session goes on. */
    assert_int_equal(say(&one, NULL, LINE("alice")), 200);
    assert_int_equal(judged, 1);
    assert_true(agent("alice").session == a.session);
    /* For a while. */
    later_us += (ADMITTED_MS - 1000) * UINT64_C(1000);
    assert_int_equal(say(&one, NULL, LINE("alice")), 200);
    assert_int_equal(judged, 1);
    later_us += UINT64_C(2000000);
    assert_int_equal(say(&one, NULL, LINE("alice")), 200);
    assert_int_equal(judged, 2);
    assert_true(agent("alice").session == a.session);
    assert_int_equal(say(NULL, NULL, LINE("alice")), 401);
}

static void one_agent_each(void **state)
{
    (void)state;
    assert_int_equal(say(&one, NULL, LINE("alice") LINE("bob")), 403);
    assert_non_null(strstr(told, "speaks for alice"));
    /* It was not stored, and said nevertheless. */
    assert_int_equal(say(&one, NULL, LINE("bob")), 403);
    assert_int_equal(say(&one, NULL, LINE("alice")), 200);
    assert_int_equal(say(&two, NULL, LINE("bob")), 200);
    assert_int_equal(say(&two, NULL, LINE("alice")), 403);
    /* Also once it was judged again. */
    later_us += ADMITTED_MS * UINT64_C(1000);
    assert_int_equal(say(&two, NULL, LINE("alice")), 403);
    assert_int_equal(judged, 3);
    /* What is wrong with a line binds nobody. */
    struct ra_tls_identity three = {NULL, NULL};
    make(&three);
    assert_int_equal(say(&three, NULL, LINE("no such id")), 400);
    assert_int_equal(say(&three, NULL, LINE("carl")), 200);
    ra_tls_identity_free(&three);
}

static char *token_of(uint8_t scopes, const char *for_agent)
{
    char body[200], *text;
    snprintf(body, sizeof body, "{\"scopes\":[\"%s\"]%s%s%s}",
             scopes == SCOPE_APPEND ? "append" : "read", for_agent ? ",\"agents\":[\"" : "",
             for_agent ? for_agent : "", for_agent ? "\"]" : "");
    struct reply r = post("/v1/tokens", "", body);
    assert_int_equal(r.status, 201);
    json_t *j = parse(&r);
    text = strdup(json_string_value(json_object_get(j, "token")));
    json_decref(j);
    finish(&r);
    return text;
}

/* A token says for whom, and what else; the certificate says how the agent came in. */
static void with_a_token(void **state)
{
    (void)state;
    char *append_token = token_of(SCOPE_APPEND, "bob"), *read_token = token_of(SCOPE_READ, NULL);
    assert_int_equal(say(&one, append_token, LINE("bob")), 200);
    assert_int_equal(agent("bob").admission, ADMISSION_ATTESTED);
    assert_int_equal(say(&one, append_token, LINE("carl")), 403);
    assert_int_equal(say(&one, NULL, LINE("alice")), 200); /* it had said nothing by itself */
    assert_int_equal(say(&one, read_token, LINE("alice")), 403);
    assert_int_equal(say(&one, "none-at-all", LINE("alice")), 401);
    free(append_token);
    free(read_token);
}

/* A certificate that is not good is told so, and takes nothing else away. */
static void refused(void **state)
{
    (void)state;
    mrenclave[0] ^= 1;
    assert_int_equal(say(&one, NULL, LINE("alice")), 403);
    assert_non_null(strstr(told, "not that of an attested peer: code"));
    assert_int_equal(judged, 0);
    char *token = token_of(SCOPE_APPEND, NULL);
    assert_int_equal(say(&one, token, LINE("alice")), 200);
    assert_int_equal(agent("alice").admission, ADMISSION_BEARER);
    free(token);
    struct end e = enter(&one);
    static const char ask_health[] = GET("/healthz");
    assert_true(SSL_write(e.ssl, ask_health, sizeof ask_health - 1) > 0);
    assert_int_equal(get(&e), 200);
    leave(&e);
    mrenclave[0] ^= 1; /* it was not remembered */
    assert_int_equal(say(&one, NULL, LINE("bob")), 200);
    assert_int_equal(agent("bob").admission, ADMISSION_ATTESTED);
}

/* Tickets would let a later connection be what an earlier one was. */
static void nothing_is_resumed(void **state)
{
    (void)state;
    struct end e = enter(&one);
    put(&e, NULL, LINE("alice"));
    assert_int_equal(get(&e), 200);
    SSL_SESSION *session = SSL_get1_session(e.ssl);
    assert_int_equal(SSL_SESSION_is_resumable(session), 0);
    leave(&e);
    struct tcp_address a = *http_listening(service);
    e = (struct end){.ctx = SSL_CTX_new(TLS_client_method()),
                     .fd = socket(AF_INET, SOCK_STREAM, 0)};
    assert_return_code(connect(e.fd, &a.any, sizeof a.v4), errno);
    e.ssl = SSL_new(e.ctx);
    (void)SSL_set_session(e.ssl, session);
    SSL_set_fd(e.ssl, e.fd);
    assert_int_equal(SSL_connect(e.ssl), 1);
    assert_int_equal(SSL_session_reused(e.ssl), 0);
    put(&e, NULL, LINE("alice"));
    assert_int_equal(get(&e), 401);
    leave(&e);
    SSL_SESSION_free(session);
}

/* Judging costs its address as much as many requests. */
static void not_too_often(void **state)
{
    (void)state;
    http_stop(service);
    start((struct http_limits){.requests = 1}); /* two at once */
    struct end e = enter(&one);
    while (!judged)
        usleep(1000);
    later_us += UINT64_C(20000000); /* it is in debt for so long, and no request is let in */
    put(&e, NULL, LINE("alice"));
    assert_int_equal(get(&e), 200);
    leave(&e);
    later_us += 500000;
    e = enter(&two); /* which takes more than is left */
    while (!__atomic_load_n(&service->stats.peers_refused, __ATOMIC_SEQ_CST))
        usleep(1000);
    later_us += UINT64_C(10000000);
    put(&e, NULL, LINE("bob"));
    assert_int_equal(get(&e), 503);
    leave(&e);
    assert_non_null(strstr(told, "too many certificates"));
    assert_int_equal(judged, 1);
}

/* Clients that leave while they are judged, and a service that ends meanwhile. */
static void gone_meanwhile(void **state)
{
    (void)state;
    judge_ms = 200;
    for (int i = 0; i < 3; i++) {
        struct ra_tls_identity i3 = {NULL, NULL};
        make(&i3);
        struct end e = enter(&i3);
        put(&e, NULL, LINE("alice"));
        leave(&e);
        ra_tls_identity_free(&i3);
    }
    assert_int_equal(say(&one, NULL, LINE("bob")), 200);
    struct end e = enter(&two);
    put(&e, NULL, LINE("carl"));
    admit_end(admit);
    http_stop(service);
    service = NULL;
    leave(&e);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_peer_appends, set_up_peers, tear_down_peers),
        cmocka_unit_test_setup_teardown(one_agent_each, set_up_peers, tear_down_peers),
        cmocka_unit_test_setup_teardown(with_a_token, set_up_peers, tear_down_peers),
        cmocka_unit_test_setup_teardown(refused, set_up_peers, tear_down_peers),
        cmocka_unit_test_setup_teardown(nothing_is_resumed, set_up_peers, tear_down_peers),
        cmocka_unit_test_setup_teardown(not_too_often, set_up_peers, tear_down_peers),
        cmocka_unit_test_setup_teardown(gone_meanwhile, set_up_peers, tear_down_peers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
