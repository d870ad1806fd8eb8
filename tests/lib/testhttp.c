#include "testhttp.h"

#include "http/unix_socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

struct world world;
struct http_service *service;
char socket_path[200];

void serve(const char *token, const char *const *agents, size_t count)
{
    struct http_config c = {socket_path, token, agents, count};
    struct tl_why why = {{0}, {0}};
    assert_ok(http_start(&service, world.log, &c, &why));
}

int set_up(void **state)
{
    (void)state;
    world_init(&world);
    world_open(&world);
    snprintf(socket_path, sizeof socket_path, "%s/t.sock", world.dir);
    serve(NULL, NULL, 0);
    return 0;
}

int tear_down(void **state)
{
    (void)state;
    http_stop(service);
    service = NULL;
    world_finish(&world);
    return 0;
}

uint64_t log_size(void)
{
    struct log_info info;
    log_info(world.log, &info);
    return info.size;
}

int dial(void)
{
    struct sockaddr_un address;
    assert_ok(unix_address(&address, socket_path, NULL));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_return_code(connect(fd, (const struct sockaddr *)&address, sizeof address), errno);
    return fd;
}

void send_all(int fd, const void *p, size_t n)
{
    const char *at = p;
    while (n) {
        ssize_t put = send(fd, at, n, MSG_NOSIGNAL);
        if (put < 0)
            return; /* the service has refused the rest; its answer says why */
        at += put;
        n -= (size_t)put;
    }
}

/* One byte a time for the head, so that nothing of the next answer is taken. */
bool read_reply(int fd, struct reply *r)
{
    size_t n = 0;
    *r = (struct reply){0};
    while (n < sizeof r->head - 1 && !(n > 3 && memcmp(r->head + n - 4, "\r\n\r\n", 4) == 0)) {
        if (read(fd, r->head + n, 1) != 1)
            return false;
        n++;
    }
    assert_int_equal(sscanf(r->head, "HTTP/1.1 %d ", &r->status), 1);
    const char *length = strstr(r->head, "Content-Length: ");
    r->size = length ? strtoul(length + 16, NULL, 10) : 0;
    r->body = calloc(1, r->size + 1);
    assert_non_null(r->body);
    for (size_t got = 0; got < r->size;) {
        ssize_t k = read(fd, r->body + got, r->size - got);
        if (k <= 0)
            return false;
        got += (size_t)k;
    }
    return true;
}

void finish(struct reply *r)
{
    free(r->body);
    r->body = NULL;
}

struct reply ask_bytes(const void *p, size_t n)
{
    struct reply r;
    int fd = dial();
    send_all(fd, p, n);
    if (!read_reply(fd, &r))
        fail_msg("no answer to: %.*s", (int)n, (const char *)p);
    close(fd);
    return r;
}

struct reply ask(const char *request)
{
    return ask_bytes(request, strlen(request));
}

struct reply post(const char *target, const char *fields, const char *body)
{
    size_t n = strlen(body);
    char *request = malloc(n + 1024);
    assert_non_null(request);
    int head =
        snprintf(request, 1024, "POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n",
                 target, fields, n);
    memcpy(request + head, body, n);
    struct reply r = ask_bytes(request, (size_t)head + n);
    free(request);
    return r;
}

json_t *parse(const struct reply *r)
{
    json_error_t e;
    json_t *root = json_loads(r->body, JSON_REJECT_DUPLICATES, &e);
    if (!root)
        print_error("not JSON: %s\n", r->body);
    assert_non_null(root);
    return root;
}

/* A one-line JSON error that names field. */
void assert_refused(struct reply *r, int status, const char *field)
{
    assert_int_equal(r->status, status);
    assert_non_null(strstr(r->head, "Content-Type: application/json\r\n"));
    assert_ptr_equal(strchr(r->body, '\n'), r->body + r->size - 1);
    json_t *root = parse(r);
    assert_non_null(json_string_value(json_object_get(root, "error")));
    const char *named = json_string_value(json_object_get(root, "field"));
    assert_string_equal(named ? named : "", field ? field : "");
    json_decref(root);
    finish(r);
}

/* Reads a chunked body to its end; false where it is cut off. */
static bool read_chunks(int fd, buf *out, bool slowly)
{
    for (;;) {
        char line[32];
        size_t n = 0;
        do {
            if (n == sizeof line - 1 || read(fd, line + n, 1) != 1)
                return false;
        } while (line[n++] != '\n');
        line[n] = 0;
        size_t left = strtoul(line, NULL, 16);
        bool last = left == 0;
        uint8_t *p = buf_grow(out, left + 2);
        assert_non_null(p);
        for (left += 2; left;) {
            ssize_t got = read(fd, p, left);
            if (got <= 0)
                return false;
            p += got;
            left -= (size_t)got;
            if (slowly)
                usleep(200);
        }
        out->n -= 2;
        if (last)
            return true;
    }
}

bool fetch(const char *request, buf *out, int *status, bool slowly)
{
    struct reply r;
    int fd = dial();
    send_all(fd, request, strlen(request));
    assert_true(read_reply(fd, &r));
    *status = r.status;
    bool chunked = strstr(r.head, "Transfer-Encoding: chunked\r\n") != NULL;
    if (chunked)
        assert_non_null(strstr(r.head, "Content-Type: application/vnd.teelog.bundle\r\n"));
    finish(&r);
    bool whole = chunked && read_chunks(fd, out, slowly);
    close(fd);
    return whole;
}
