/* GET /.well-known/scitt-keys[/KID]: the keys by which this log's boots sign receipts. They
 * change with a boot alone, so that they are looked up once. */
#include "base/encoding.h"
#include "http/internal.h"
#include "log/boot_keys.h"
#include "tlog/key_set.h"

#include <stdlib.h>

#define ROUTE "/.well-known/scitt-keys"
#define CBOR  "application/cbor"

struct asked {
    struct log_boot_keys *keys;
    tl_err err;
    struct tl_why why;
};

static void asked_free(void *state)
{
    struct asked *a = state;
    if (!a)
        return;
    log_boot_keys_free(a->keys);
    free(a);
}

static void answer_set(struct exchange *x, slice set)
{
    struct log_info info;
    log_info(x->service->log, &info);
    const char *fields = info.simulated ? "Teelog-Platform: simulator\r\n" : NULL;
    if (slice_eq_str(x->head.path, ROUTE)) {
        answer(x, 200, CBOR, fields, set);
        return;
    }
    struct tl_why why = {{0}, {0}};
    hash32 kid;
    struct cose_ec2 key;
    size_t before = strlen(ROUTE "/");
    slice text = slice_of(x->head.path.p + before, x->head.path.n - before);
    tl_err err = base64url_read(kid.b, sizeof kid.b, text);
    err = err == TL_OK ? key_set_find(&key, set, hash_slice(&kid)) : TL_E_NOT_FOUND;
    if (err != TL_OK) {
        answer_error(x,
                     tl_explain(&why, err, "kid",
                                "no key of this log's boots has this thumbprint (in base64url, "
                                "without padding)"),
                     &why);
        return;
    }
    buf b;
    buf_init(&b, 256);
    key_set_put_key(&b, &key);
    answer_take(x, 200, CBOR, fields, &b);
}

/* The set is kept where the running boot's key is in it, and where there is no boot. */
static void keep(struct http_service *s, const struct asked *a, buf *set)
{
    struct log_info info;
    log_info(s->log, &info);
    if (info.boot != log_boot_keys_newest(a->keys) && info.boot != UINT64_MAX) {
        buf_finish(set);
        return;
    }
    buf_finish(&s->boot_keys);
    s->boot_keys = *set;
    s->boot_keys_boot = info.boot;
}

static void resume(struct exchange *x)
{
    struct asked *a = x->state;
    if (a->err != TL_OK) {
        answer_error(x, a->err, &a->why);
        return;
    }
    buf b;
    buf_init(&b, KEY_SET_MAX);
    log_boot_keys_put(a->keys, &b);
    if (buf_err(&b) != TL_OK) {
        answer_error(x, buf_err(&b), NULL);
        buf_finish(&b);
        return;
    }
    answer_set(x, buf_slice(&b));
    keep(x->service, a, &b);
}

/* On the owner thread. */
static void done(void *ctx, tl_err err, const struct tl_why *why)
{
    struct exchange *x = ctx;
    struct asked *a = x->state;
    a->err = err;
    a->why = *why;
    service_post(x);
}

static tl_err submit(struct exchange *x)
{
    struct asked *a = calloc(1, sizeof *a);
    if (!a)
        return TL_E_MEMORY;
    x->state = a;
    x->state_free = asked_free;
    x->resume = resume;
    tl_err err = log_boot_keys_new(&a->keys, x->service->log);
    if (err != TL_OK)
        return err;
    service_hold(x);
    err = log_boot_keys_submit(a->keys, done, x);
    if (err != TL_OK)
        service_release(x);
    return err;
}

static bool is_kept(const struct http_service *s)
{
    struct log_info info;
    log_info(s->log, &info);
    return s->boot_keys.n && s->boot_keys_boot == info.boot;
}

void get_scitt_keys(struct exchange *x)
{
    struct http_query q = {{0}};
    struct tl_why why = {{0}, {0}};
    if (!query_or_answer(x, &q, NULL, 0))
        return;
    tl_err err = answers_room(x, &why);
    if (err == TL_OK && is_kept(x->service)) {
        answer_set(x, buf_slice(&x->service->boot_keys));
        return;
    }
    if (err == TL_OK)
        err = place_take(x, PLACE_QUERY, &why);
    if (err == TL_OK)
        err = submit(x);
    if (err != TL_OK)
        answer_error(x, err, &why);
}
