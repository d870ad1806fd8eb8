/* A database that nobody here can open any more makes room for another. */
#include "store/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* The database last: a folder without it was begun, and is gone on with, since what lies
 * there belongs to the database that lies here. */
static const char *const parts[] = {STORE_DATABASE "-wal", STORE_DATABASE "-journal",
                                    STORE_DATABASE};

static bool has_database(int at)
{
    return faccessat(at, STORE_DATABASE, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The first folder that is free; its descriptor, or -1. */
static int open_folder(int dir, char name[STORE_ASIDE])
{
    for (unsigned i = 1; i <= STORE_ASIDE_MAX; i++) {
        snprintf(name, STORE_ASIDE, "unsealable-%04u", i);
        if (mkdirat(dir, name, 0700) != 0 && errno != EEXIST)
            return -1;
        int at = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (at < 0 || !has_database(at))
            return at;
        close(at);
    }
    errno = EEXIST;
    return -1;
}

static bool move_all(int from, int to)
{
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (renameat(from, parts[i], to, parts[i]) != 0 && errno != ENOENT)
            return false;
    return fsync(to) == 0 && fsync(from) == 0;
}

static tl_err failed(struct tl_why *why, const char *dir, const char *name)
{
    if (errno == EEXIST)
        return tl_explain(why, TL_E_EXISTS, "data",
                          "%s has %d logs that were set aside already; move them elsewhere", dir,
                          STORE_ASIDE_MAX);
    return tl_explain(why, TL_E_IO, "data", "the log in %s cannot be set aside to %s: %s", dir,
                      name, strerror(errno));
}

tl_err store_set_aside(const char *dir, char name[STORE_ASIDE], struct tl_why *why)
{
    struct store_files f = {.lock = -1};
    char at[STORE_ASIDE] = "";
    tl_err err = store_files_init(&f, dir, STORE_OPEN, why);
    if (err != TL_OK)
        return err;
    int from = open(f.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int to = from >= 0 ? open_folder(from, at) : -1;
    if (to < 0 || !move_all(from, to))
        err = failed(why, dir, at);
    else
        memcpy(name, at, sizeof at);
    if (to >= 0)
        close(to);
    if (from >= 0)
        close(from);
    store_files_finish(&f);
    return err;
}
