#include "log/collateral.h"

#include "attest/collateral.h"
#include "attest/evidence.h"
#include "tee/tee.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define OWN_SECONDS 86400

struct shelf_item {
    struct about about;
    atomic_uint refs;
    size_t n;
    uint8_t bytes[];
};

struct shelf {
    pthread_mutex_t lock;
    struct shelf_item *items[SHELF_MAX];
    size_t count;
    uint64_t own_time; /* when the platform's own was made, Unix seconds */
};

static void drop(struct shelf_item *item)
{
    if (item && atomic_fetch_sub(&item->refs, 1) == 1)
        free(item);
}

static tl_err item_new(struct shelf_item **out, slice json)
{
    struct about about;
    tl_err err = about_collateral(&about, json);
    if (err != TL_OK)
        return err;
    struct shelf_item *item = malloc(sizeof *item + json.n);
    if (!item)
        return TL_E_MEMORY;
    item->about = about;
    atomic_init(&item->refs, 1);
    item->n = json.n;
    memcpy(item->bytes, json.p, json.n);
    *out = item;
    return TL_OK;
}

tl_err shelf_new(struct shelf **out)
{
    struct shelf *s = calloc(1, sizeof *s);
    if (!s)
        return TL_E_MEMORY;
    pthread_mutex_init(&s->lock, NULL);
    *out = s;
    return TL_OK;
}

void shelf_free(struct shelf *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->count; i++)
        drop(s->items[i]);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* Gives the item away, in place of one about the same platform. */
static bool place(struct shelf_item **items, size_t *count, struct shelf_item *item)
{
    for (size_t i = 0; i < *count; i++) {
        if (about_same(&items[i]->about, &item->about)) {
            drop(items[i]);
            items[i] = item;
            return true;
        }
    }
    if (*count == SHELF_MAX)
        return false;
    items[(*count)++] = item;
    return true;
}

static tl_err put(struct shelf *s, slice json, bool fresh)
{
    struct shelf_item *item = NULL;
    tl_err err = item_new(&item, json);
    if (err != TL_OK)
        return err;
    pthread_mutex_lock(&s->lock);
    bool placed = place(s->items, &s->count, item);
    if (placed && fresh)
        s->own_time = (uint64_t)time(NULL);
    pthread_mutex_unlock(&s->lock);
    if (placed)
        return TL_OK;
    drop(item);
    return TL_E_LIMIT;
}

tl_err shelf_put(struct shelf *s, slice json)
{
    /* As good as what a simulated platform makes itself. */
    return put(s, json, true);
}

static bool is_json(const char *name)
{
    size_t n = strlen(name);
    return name[0] != '.' && n > 5 && strcmp(name + n - 5, ".json") == 0;
}

static tl_err read_file(buf *out, int dir, const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return TL_E_IO;
    ssize_t n = 1;
    while (n > 0 && buf_err(out) == TL_OK) {
        uint8_t bytes[16384];
        do
            n = read(fd, bytes, sizeof bytes);
        while (n < 0 && errno == EINTR);
        if (n > 0)
            buf_bytes(out, slice_of(bytes, (size_t)n));
    }
    close(fd);
    return n < 0 ? TL_E_IO : buf_err(out);
}

void shelf_load(struct shelf *s, const char *dir)
{
    DIR *d = opendir(dir);
    if (!d)
        return;
    buf b;
    buf_init(&b, COLLATERAL_MAX);
    size_t taken = 0;
    for (struct dirent *e; taken < SHELF_MAX && (e = readdir(d));) {
        buf_reset(&b);
        /* What cannot be used is as good as not there; and a file may be years old. */
        if (is_json(e->d_name) && read_file(&b, dirfd(d), e->d_name) == TL_OK &&
            put(s, buf_slice(&b), false) == TL_OK)
            taken++;
    }
    buf_finish(&b);
    closedir(d);
}

/* Fresh from the platform itself, where it makes its own: once a day, so that one
 * log's bundles do not differ for nothing. The lock is held. */
static tl_err renew_own(struct shelf *s, struct tee *tee)
{
    struct shelf_item *own = NULL;
    uint64_t now = (uint64_t)time(NULL);
    /* Modulo 2^64: where the clock was set back, it is made anew. */
    if (now - s->own_time < OWN_SECONDS)
        return TL_OK;
    buf json;
    buf_init(&json, COLLATERAL_MAX);
    tl_err err = tee_collateral(tee, now, &json, NULL);
    if (err == TL_OK)
        err = item_new(&own, buf_slice(&json));
    if (err == TL_OK && !place(s->items, &s->count, own))
        drop(own);
    if (err == TL_E_NOT_FOUND)
        err = TL_OK;
    if (err == TL_OK)
        s->own_time = now;
    buf_finish(&json);
    return err;
}

tl_err bundle_collateral_begin(struct bundle_collateral *c, struct shelf *s, struct tee *tee)
{
    *c = (struct bundle_collateral){.count = 0};
    pthread_mutex_lock(&s->lock);
    tl_err err = renew_own(s, tee);
    for (; err == TL_OK && c->count < s->count; c->count++) {
        c->items[c->count] = s->items[c->count];
        atomic_fetch_add(&c->items[c->count]->refs, 1);
    }
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < SHELF_MAX; i++)
        c->position[i] = UINT64_MAX;
    return err;
}

void bundle_collateral_finish(struct bundle_collateral *c)
{
    for (size_t i = 0; i < c->count; i++)
        drop(c->items[i]);
    c->count = 0;
}

void bundle_collateral_for(struct bundle_collateral *c, slice evidence, uint64_t position,
                           slice *json, bool *has_at, uint64_t *at)
{
    struct evidence e;
    struct about about;
    *json = (slice){NULL, 0};
    *has_at = false;
    if (evidence_read(&e, evidence) != TL_OK || about_quote(&about, e.quote) != TL_OK)
        return;
    for (size_t i = 0; i < c->count; i++) {
        if (!about_same(&c->items[i]->about, &about))
            continue;
        *has_at = c->position[i] != UINT64_MAX;
        if (*has_at) {
            *at = c->position[i];
        } else {
            *json = slice_of(c->items[i]->bytes, c->items[i]->n);
            c->position[i] = position;
        }
        return;
    }
}
