#include "cli/tile_files.h"

#include "store/folder.h"
#include "tlog/tile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_ROOM  128
#define CHECKPOINT "checkpoint"

/* The path, and a suffix behind it. */
static void put_path(char path[PATH_ROOM], int level, uint64_t n, unsigned width,
                     const char *suffix)
{
    buf b;
    buf_init_fixed(&b, (uint8_t *)path, PATH_ROOM);
    tile_path_put(&b, level, n, width);
    buf_str(&b, suffix);
    buf_u8(&b, 0);
}

/* Those above a file. */
static tl_err make_folders(int dir, char *path, struct tl_why *why)
{
    for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        bool made = mkdirat(dir, path, 0777) == 0 || errno == EEXIST;
        if (!made)
            return tl_explain(why, TL_E_IO, NULL, "cannot make the folder %s: %s", path,
                              strerror(errno));
        *slash = '/';
    }
    return TL_OK;
}

tl_err tile_files_stage(int dir, int level, uint64_t n, unsigned width, slice bytes,
                        struct tl_why *why)
{
    char path[PATH_ROOM];
    put_path(path, level, n, width, ".part");
    tl_err err = make_folders(dir, path, why);
    return err == TL_OK ? folder_write(dir, path, bytes, 0666, false, why) : err;
}

tl_err tile_files_publish(int dir, int level, uint64_t n, unsigned width, struct tl_why *why)
{
    char path[PATH_ROOM], part[PATH_ROOM];
    put_path(path, level, n, width, "");
    put_path(part, level, n, width, ".part");
    return folder_rename(dir, part, path, why);
}

void tile_files_drop_partial(int dir, int level, uint64_t n)
{
    char path[PATH_ROOM];
    put_path(path, level, n, TILE_WIDTH, ".p");
    int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (!d) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (const struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.')
            (void)unlinkat(fd, e->d_name, 0);
    closedir(d);
    (void)unlinkat(dir, path, AT_REMOVEDIR);
}

tl_err tile_files_read(int dir, int level, uint64_t n, unsigned width, buf *out, struct tl_why *why)
{
    char path[PATH_ROOM];
    put_path(path, level, n, width, "");
    return folder_get(dir, path, out, why);
}

tl_err tile_files_checkpoint(int dir, slice note, struct tl_why *why)
{
    if (syncfs(dir) != 0)
        return tl_explain(why, TL_E_IO, NULL, "cannot write the files of the mirror: %s",
                          strerror(errno));
    return folder_put(dir, CHECKPOINT, note, 0666, why);
}

tl_err tile_files_read_checkpoint(int dir, buf *out, struct tl_why *why)
{
    return folder_get(dir, CHECKPOINT, out, why);
}
