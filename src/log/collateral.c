#include "log/collateral.h"

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
#define TRIED_MAX   64 /* files that are looked into when a directory is loaded */

/* Where a piece comes from. Files are the host's: what was given or made here, which
 * somebody has verified or signed, goes before them. */
enum origin { ORIGIN_LOADED, ORIGIN_OWN, ORIGIN_GIVEN };

struct shelf_item {
    struct about about;
    struct validity when; /* nothing where that cannot be read */
    hash32 digest;
    enum origin origin;
    uint64_t since; /* Unix seconds */
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

slice shelf_bytes(const struct shelf_item *item)
{
    return slice_of(item->bytes, item->n);
}

static tl_err item_new(struct shelf_item **out, slice json, enum origin origin)
{
    struct about about;
    struct validity when = {1, 0};
    tl_err err = about_collateral(&about, json);
    if (err == TL_OK && about_validity(&when, json) == TL_E_MEMORY)
        err = TL_E_MEMORY;
    if (err != TL_OK)
        return err;
    struct shelf_item *item = malloc(sizeof *item + json.n);
    if (!item)
        return TL_E_MEMORY;
    item->about = about;
    item->when = when;
    item->digest = sha256(json);
    item->origin = origin;
    item->since = (uint64_t)time(NULL);
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

/* Among what is about one platform. Of files, and of what was given, the later
 * counts, by the word of its TCB info; the platform's own is made when it is due. */
static bool counts_before(const struct shelf_item *item, const struct shelf_item *there)
{
    if (item->origin == there->origin && item->origin != ORIGIN_OWN)
        return item->about.issued >= there->about.issued;
    return item->origin != ORIGIN_LOADED;
}

/* The oldest piece that comes from a file; NULL where there is none. */
static struct shelf_item **oldest_loaded(struct shelf *s)
{
    struct shelf_item **oldest = NULL;
    for (size_t i = 0; i < s->count; i++)
        if (s->items[i]->origin == ORIGIN_LOADED &&
            (!oldest || s->items[i]->about.issued < (*oldest)->about.issued))
            oldest = &s->items[i];
    return oldest;
}

/* Gives the item away: in place of one about the same platform, or where there is
 * room, which a file makes for what does not come from one. False where it found no
 * room; *taken tells whether it is there now. */
static bool place(struct shelf *s, struct shelf_item *item, bool *taken)
{
    struct shelf_item **at = NULL;
    *taken = false;
    for (size_t i = 0; i < s->count && !at; i++)
        if (about_same(&s->items[i]->about, &item->about))
            at = &s->items[i];
    if (at && !counts_before(item, *at)) {
        drop(item);
        return true;
    }
    if (!at && s->count < SHELF_MAX)
        at = &s->items[s->count++];
    if (!at && item->origin != ORIGIN_LOADED)
        at = oldest_loaded(s);
    if (!at) {
        drop(item);
        return false;
    }
    drop(*at);
    *at = item;
    *taken = true;
    return true;
}

static tl_err put(struct shelf *s, slice json, enum origin origin)
{
    struct shelf_item *item = NULL;
    bool taken;
    tl_err err = item_new(&item, json, origin);
    if (err != TL_OK)
        return err;
    pthread_mutex_lock(&s->lock);
    if (!place(s, item, &taken))
        err = TL_E_LIMIT;
    pthread_mutex_unlock(&s->lock);
    return err;
}

tl_err shelf_put(struct shelf *s, slice json)
{
    return put(s, json, ORIGIN_GIVEN);
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
    struct dirent *e;
    /* Nobody else reads this directory's stream. */
    for (size_t tried = 0; tried < TRIED_MAX && (e = readdir(d));) {
        if (!is_json(e->d_name))
            continue;
        tried++;
        buf_reset(&b);
        /* What cannot be used is as good as not there; and a file may be years old. */
        if (read_file(&b, dirfd(d), e->d_name) == TL_OK)
            (void)put(s, buf_slice(&b), ORIGIN_LOADED);
    }
    buf_finish(&b);
    closedir(d);
}

/* What was given about the platform itself is as good as what a simulated one makes. */
static const struct shelf_item *given_lately(const struct shelf *s, const struct shelf_item *own,
                                             uint64_t now)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->items[i]->origin == ORIGIN_GIVEN && about_same(&s->items[i]->about, &own->about) &&
            now - s->items[i]->since < OWN_SECONDS)
            return s->items[i];
    return NULL;
}

/* Fresh from the platform itself, where it makes its own: once a day, so that one
 * log's bundles do not differ for nothing. The lock is held. */
static tl_err renew_own(struct shelf *s, struct tee *tee)
{
    struct shelf_item *own = NULL;
    bool taken;
    uint64_t now = (uint64_t)time(NULL);
    /* Modulo 2^64: where the clock was set back, it is made anew. */
    if (!tee || now - s->own_time < OWN_SECONDS)
        return TL_OK;
    buf json;
    buf_init(&json, COLLATERAL_MAX);
    tl_err err = tee_collateral(tee, now, &json, NULL);
    if (err == TL_OK)
        err = item_new(&own, buf_slice(&json), ORIGIN_OWN);
    if (err == TL_OK) {
        const struct shelf_item *given = given_lately(s, own, now);
        if (given) {
            now = given->since;
            drop(own);
        } else {
            (void)place(s, own, &taken);
        }
    }
    if (err == TL_E_NOT_FOUND)
        err = TL_OK;
    if (err == TL_OK)
        s->own_time = now;
    buf_finish(&json);
    return err;
}

tl_err bundle_collateral_begin(struct bundle_collateral *c, struct shelf *s, struct tee *tee)
{
    c->count = c->shelved = c->carried = c->bytes = 0;
    pthread_mutex_lock(&s->lock);
    tl_err err = renew_own(s, tee);
    for (; err == TL_OK && c->count < s->count; c->count++) {
        struct shelf_item *item = s->items[c->count];
        atomic_fetch_add(&item->refs, 1);
        c->pieces[c->count] = (struct bundle_piece){.about = item->about,
                                                    .when = item->when,
                                                    .digest = item->digest,
                                                    .n = item->n,
                                                    .item = item,
                                                    .position = UINT64_MAX};
    }
    pthread_mutex_unlock(&s->lock);
    c->shelved = c->count;
    return err;
}

void bundle_collateral_finish(struct bundle_collateral *c)
{
    for (size_t i = 0; i < c->shelved; i++)
        drop(c->pieces[i].item);
    c->count = c->shelved = 0;
}

bool bundle_collateral_keep(struct bundle_collateral *c, const struct bundle_piece *kept)
{
    for (size_t i = 0; i < c->count; i++)
        if (hash_eq(&c->pieces[i].digest, &kept->digest))
            return true;
    if (c->count == COLLATERAL_PIECES)
        return false;
    c->pieces[c->count] = *kept;
    c->pieces[c->count].item = NULL;
    c->pieces[c->count++].position = UINT64_MAX;
    return true;
}

static bool good_at(const struct bundle_piece *p, uint64_t time)
{
    return p->when.from <= time && time <= p->when.until;
}

struct bundle_piece *bundle_collateral_find(struct bundle_collateral *c, const struct about *about,
                                            uint64_t time)
{
    struct bundle_piece *best = NULL, *shelved = NULL;
    for (size_t i = 0; i < c->count; i++) {
        struct bundle_piece *p = &c->pieces[i];
        if (!about_same(&p->about, about))
            continue;
        if (i < c->shelved)
            shelved = p;
        if (time && good_at(p, time) && (!best || p->when.from > best->when.from))
            best = p;
    }
    return best ? best : shelved;
}

void bundle_collateral_for(struct bundle_collateral *c, slice evidence, uint64_t time,
                           uint64_t position, struct bundle_carried *out)
{
    struct evidence e;
    struct about about;
    *out = (struct bundle_carried){.json = {NULL, 0}};
    if (evidence_read(&e, evidence) != TL_OK || about_quote(&about, e.quote) != TL_OK)
        return;
    struct bundle_piece *p = bundle_collateral_find(c, &about, time);
    if (!p)
        return;
    out->has_at = p->position != UINT64_MAX;
    if (out->has_at) {
        out->at = p->position;
        return;
    }
    if (c->carried == COLLATERAL_PIECES || p->n > COLLATERAL_BYTES - c->bytes)
        return;
    p->position = position;
    c->carried++;
    c->bytes += p->n;
    if (p->item)
        out->json = shelf_bytes(p->item);
    else
        out->stored = p;
}

void bundle_collateral_lose(struct bundle_collateral *c, struct bundle_piece *stored)
{
    stored->when = (struct validity){1, 0};
    stored->position = UINT64_MAX;
    c->carried--;
    c->bytes -= stored->n;
}
