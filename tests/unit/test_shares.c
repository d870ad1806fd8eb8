/* What one caller gets of what there is only so much of, and what is left for others. */
#include "testlib.h"

#include "http/conn.h"
#include "log/internal.h"
#include "log/query.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#define CONNS 2

static struct http_service service;
static struct log log_of_it;
static struct conn conns[CONNS];
static struct exchange exchanges[CONNS];
static struct event_base *base;
static uint8_t *nothing; /* ANSWERS_MAX + 1 bytes that nobody touches */
static struct tl_why why;

static struct limit_key who(uint8_t name)
{
    return (struct limit_key){.kind = name ? LIMIT_TOKEN : 0, .b = {name}};
}

static struct exchange of(uint8_t name)
{
    why = (struct tl_why){{0}, {0}};
    return (struct exchange){.service = &service, .caller.who = who(name)};
}

static int set_up(void **state)
{
    (void)state;
    service = (struct http_service){
        .conns = conns, .log = &log_of_it, .config.limits.memory = HTTP_MEMORY};
    log_of_it.row_bytes = 0;
    base = event_base_new();
    nothing = malloc(ANSWERS_MAX + 1);
    assert_true(base && nothing);
    for (size_t i = 0; i < CONNS; i++) {
        exchanges[i] = of((uint8_t)(i + 1));
        exchanges[i].out = evbuffer_new();
        conns[i] = (struct conn){.service = &service,
                                 .who = who((uint8_t)(i + 1)),
                                 .next = i + 1 < CONNS ? &conns[i + 1] : NULL,
                                 .first = &exchanges[i],
                                 .bev = bufferevent_socket_new(base, -1, 0)};
        assert_true(exchanges[i].out && conns[i].bev);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < CONNS; i++) {
        evbuffer_free(exchanges[i].out);
        bufferevent_free(conns[i].bev);
    }
    event_base_free(base);
    free(nothing);
    return 0;
}

static void wait_unread(struct evbuffer *b, size_t n)
{
    assert_int_equal(evbuffer_add_reference(b, nothing, n, NULL, NULL), 0);
}

static void half_of_the_places(void **state)
{
    static const size_t counts[PLACE_KINDS] = {EXPORTS_MAX, QUERIES_MAX, RESTS_MAX, ERASURES_MAX,
                                               TAILS_MAX};
    struct exchange one = of(1), other = of(2), third = of(3);
    (void)state;
    for (enum place_kind k = 0; k < PLACE_KINDS; k++) {
        for (size_t i = 0; i < counts[k] / 2; i++) {
            assert_ok(place_take(&one, k, &why));
            assert_true(one.place && one.place->taken);
        }
        one.place = NULL;
        assert_err(place_take(&one, k, &why), TL_E_BUSY);
        assert_non_null(strstr(why.text, "you have"));
        assert_null(one.place);
        for (size_t i = 0; i < counts[k] / 2; i++)
            assert_ok(place_take(&other, k, NULL));
        why = (struct tl_why){{0}, {0}};
        assert_err(place_take(&third, k, &why), TL_E_BUSY);
        assert_null(strstr(why.text, "you have"));
        /* One that is left is anybody's. */
        other.place->taken = false;
        assert_ok(place_take(&third, k, NULL));
        assert_ptr_equal(third.place, other.place);
        why = (struct tl_why){{0}, {0}};
    }
}

static void all_places_without_limits(void **state)
{
    struct exchange owner = of(0);
    (void)state;
    for (size_t i = 0; i < EXPORTS_MAX; i++)
        assert_ok(place_take(&owner, PLACE_EXPORT, &why));
    assert_err(place_take(&owner, PLACE_EXPORT, &why), TL_E_BUSY);
}

static void a_quarter_of_the_answers(void **state)
{
    struct exchange one = of(1), other = of(2), owner = of(0);
    (void)state;
    wait_unread(bufferevent_get_output(conns[0].bev), ANSWERS_MAX / 8);
    wait_unread(exchanges[0].out, ANSWERS_MAX / 8);
    assert_ok(answers_taken(&one, &why));
    wait_unread(exchanges[0].out, 1);
    assert_err(answers_taken(&one, &why), TL_E_BUSY);
    assert_ok(answers_taken(&other, NULL));
    conns[0].who = who(0);
    assert_ok(answers_taken(&owner, NULL));
}

static void room_for_answers(void **state)
{
    struct exchange owner = of(0);
    (void)state;
    wait_unread(exchanges[0].out, ANSWERS_MAX / 2);
    wait_unread(exchanges[1].out, ANSWERS_MAX / 2);
    assert_ok(answers_room(&owner, &why));
    wait_unread(exchanges[1].out, 1);
    assert_err(answers_room(&owner, &why), TL_E_BUSY);
}

static void half_of_the_bodies(void **state)
{
    struct exchange one = of(1), other = of(2), owner = of(0);
    const size_t half = BODIES_MAX / 2;
    (void)state;
    exchanges[0].body_room = service.inflight = half - 10;
    assert_ok(bodies_room(&one, 10, &why));
    assert_err(bodies_room(&one, 11, &why), TL_E_BUSY);
    assert_ok(bodies_room(&other, half, NULL));
    assert_err(bodies_room(&other, half + 1, NULL), TL_E_BUSY);
    conns[0].who = exchanges[0].caller.who = who(0);
    service.inflight = BODIES_MAX - 10;
    assert_ok(bodies_room(&owner, 10, NULL));
    assert_err(bodies_room(&owner, 11, NULL), TL_E_BUSY);
}

/* Whatever they are held for: all in all. */
static void one_measure(void **state)
{
    struct exchange one = of(1), owner = of(0);
    const size_t most = HTTP_MEMORY_LEAST;
    (void)state;
    service.config.limits.memory = most;
    assert_err(memory_take(&one, most + 1, &why), TL_E_BUSY);
    assert_non_null(strstr(why.text, "--memory"));
    assert_int_equal(one.held + service.held, 0);
    assert_ok(memory_take(&one, most, NULL));
    assert_int_equal(one.held, most);
    assert_int_equal(service.held, most);
    assert_err(memory_take(&owner, 1, NULL), TL_E_BUSY);
    service.held = 1;
    log_of_it.row_bytes = 2;
    wait_unread(exchanges[1].out, 4);
    wait_unread(bufferevent_get_output(conns[0].bev), 8);
    assert_err(memory_take(&owner, most - 14, NULL), TL_E_BUSY);
    assert_ok(memory_take(&owner, most - 15, NULL));
    assert_int_equal(owner.held, most - 15);
    service.held = SIZE_MAX / 2; /* which never is */
    assert_err(memory_take(&owner, 0, NULL), TL_E_BUSY);
}

static void shares_of_it(void **state)
{
    struct http_limits l = {.memory = 0};
    (void)state;
    assert_int_equal(memory_rows(&l), QUERIES_BYTES);
    assert_int_equal(memory_body(&service), HTTP_BODY_MAX);
    assert_int_equal(memory_page(&service), QUERY_BYTES_MAX);
    assert_int_equal(memory_bodies(&service), BODIES_MAX);
    assert_int_equal(memory_answers(&service), ANSWERS_MAX);
    l.memory = service.config.limits.memory = HTTP_MEMORY_LEAST;
    assert_int_equal(memory_rows(&l), HTTP_MEMORY_LEAST / 4);
    assert_int_equal(memory_body(&service), 1 << 20);
    assert_int_equal(memory_page(&service), 512 << 10);
    assert_int_equal(memory_bodies(&service), 4 << 20);
    assert_int_equal(memory_answers(&service), 8 << 20);
    assert_int_equal(memory_conns(&service), 32);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_measure),
        TEST(shares_of_it),
        TEST(half_of_the_places),
        TEST(all_places_without_limits),
        TEST(a_quarter_of_the_answers),
        TEST(room_for_answers),
        TEST(half_of_the_bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
