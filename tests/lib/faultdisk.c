#include "faultdisk.h"

#include "testlib.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR 512

/* Since the last sync. size: of a truncation, where p is NULL. */
struct change {
    int64_t at;
    uint8_t *p;
    size_t n;
    struct change *next;
};

struct content {
    uint8_t *p;
    size_t n;
    struct change *changes, **last;
};

struct disk_file {
    char path[4096];
    struct content *on_disk, *now; /* as the directory says; often the same; may be NULL */
    struct disk_file *next;
};

static struct disk_file *files;

uint64_t fault_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void drop_changes(struct content *c)
{
    for (struct change *m = c->changes, *next; m; m = next) {
        next = m->next;
        free(m->p);
        free(m);
    }
    c->changes = NULL;
    c->last = &c->changes;
}

static struct content *content_new(uint8_t *p, size_t n)
{
    struct content *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->p = p;
    c->n = n;
    c->last = &c->changes;
    return c;
}

static void content_free(struct content *c)
{
    if (!c)
        return;
    drop_changes(c);
    free(c->p);
    free(c);
}

static void content_size(struct content *c, size_t n)
{
    if (n > c->n) {
        c->p = realloc(c->p, n);
        assert_non_null(c->p);
        memset(c->p + c->n, 0, n - c->n);
    }
    c->n = n;
}

/* Bytes [from, to) of a write. */
static void apply_part(struct content *c, const struct change *m, size_t from, size_t to)
{
    size_t at = (size_t)m->at;
    if (from == to)
        return;
    if (at + to > c->n)
        content_size(c, at + to);
    memcpy(c->p + at + from, m->p + from, to - from);
}

static void apply(struct content *c, const struct change *m)
{
    if (m->p)
        apply_part(c, m, 0, m->n);
    else
        content_size(c, (size_t)m->at);
}

/* Each sector by itself. */
static void apply_torn(struct content *c, const struct change *m, uint64_t *random)
{
    for (size_t from = 0; from < m->n;) {
        size_t to = from + SECTOR - ((size_t)m->at + from) % SECTOR;
        to = to < m->n ? to : m->n;
        if (fault_random(random) & 1)
            apply_part(c, m, from, to);
        from = to;
    }
}

static struct disk_file *find(const char *path)
{
    struct disk_file *f = files;
    while (f && strcmp(f->path, path) != 0)
        f = f->next;
    return f;
}

struct disk_file *disk_open(const char *path)
{
    struct disk_file *f = find(path);
    if (!f) {
        f = calloc(1, sizeof *f);
        assert_non_null(f);
        assert_true(strlen(path) < sizeof f->path);
        memcpy(f->path, path, strlen(path));
        f->next = files;
        files = f;
        size_t n = 0;
        uint8_t *p = test_file(path, &n);
        f->now = content_new(p, n);
        f->on_disk = n ? f->now : NULL;
    } else if (!f->now) {
        f->now = content_new(NULL, 0);
    }
    return f;
}

static struct change *add_change(struct disk_file *f, int64_t at)
{
    struct change *m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->at = at;
    *f->now->last = m;
    f->now->last = &m->next;
    return m;
}

void disk_write(struct disk_file *f, int64_t at, const void *p, size_t n)
{
    if (!f->now || n == 0)
        return;
    struct change *m = add_change(f, at);
    m->p = malloc(n);
    assert_non_null(m->p);
    memcpy(m->p, p, n);
    m->n = n;
}

void disk_truncate(struct disk_file *f, int64_t size)
{
    if (f->now)
        (void)add_change(f, size);
}

void disk_sync(struct disk_file *f)
{
    if (!f->now)
        return;
    for (const struct change *m = f->now->changes; m; m = m->next)
        apply(f->now, m);
    drop_changes(f->now);
}

void disk_lose(struct disk_file *f)
{
    if (f->now)
        drop_changes(f->now);
}

static void set_now(struct disk_file *f, struct content *c)
{
    if (f->now != f->on_disk)
        content_free(f->now);
    f->now = c;
}

void disk_remove(const char *path)
{
    struct disk_file *f = find(path);
    if (f)
        set_now(f, NULL);
}

void disk_sync_entries(void)
{
    for (struct disk_file *f = files; f; f = f->next) {
        if (access(f->path, F_OK) != 0)
            set_now(f, NULL); /* gone behind our back */
        if (f->on_disk != f->now)
            content_free(f->on_disk);
        f->on_disk = f->now;
    }
}

static void cut_content(struct content *c, uint64_t *random)
{
    enum { NONE, ALL, PREFIX, SOME, TORN, WAYS } way = fault_random(random) % WAYS;
    for (const struct change *m = c->changes; m; m = m->next) {
        if (way == PREFIX && fault_random(random) % 4 == 0)
            break;
        if (way == TORN && m->p)
            apply_torn(c, m, random);
        else if (way == ALL || way == PREFIX || (way != NONE && fault_random(random) & 1))
            apply(c, m);
    }
}

static void put_file(const char *path, const struct content *c)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_true(c->n == 0 || write(fd, c->p, c->n) == (ssize_t)c->n);
    close(fd);
}

static void cut_file(struct disk_file *f, uint64_t *random)
{
    if (access(f->path, F_OK) != 0)
        set_now(f, NULL);
    struct content *c = fault_random(random) & 1 ? f->now : f->on_disk;
    if (c) {
        cut_content(c, random);
        put_file(f->path, c);
    } else {
        (void)unlink(f->path);
    }
}

void disk_power_cut(uint64_t random)
{
    for (struct disk_file *f = files; f; f = f->next)
        cut_file(f, &random);
    disk_forget();
}

void disk_forget(void)
{
    for (struct disk_file *f = files, *next; f; f = next) {
        next = f->next;
        set_now(f, NULL);
        content_free(f->on_disk);
        free(f);
    }
    files = NULL;
}
