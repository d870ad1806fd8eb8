#include "tee/sim_files.h"

#include "crypto/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_SIZE  32
#define CHAIN_MAX 65536

static const char final_name[] = "sim";
/* What is being written; after a kill it is thrown away by the next start. */
static const char new_name[] = "sim.new";

static const struct {
    const char *name;
    size_t offset;
} keys[] = {
    {"root.key", offsetof(struct sim_files, root)},
    {"intermediate.key", offsetof(struct sim_files, intermediate)},
    {"pck.key", offsetof(struct sim_files, pck)},
    {"signer.key", offsetof(struct sim_files, signer)},
    {"attestation.key", offsetof(struct sim_files, attestation)},
    {"sealing.key", offsetof(struct sim_files, sealing)},
};
#define KEYS (sizeof keys / sizeof keys[0])

static const char *const chain_names[SIM_CHAINS] = {"chain.pem", "signer.pem"};

static tl_err io_error(struct tl_why *why, const char *what, const char *dir, const char *name)
{
    int e = errno;
    return tl_explain(why, TL_E_IO, "data", "cannot %s %.150s/sim%s%s: %s", what, dir,
                      *name ? "/" : "", name, strerror(e));
}

bool sim_files_there(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool there = fd >= 0 && faccessat(fd, final_name, F_OK, 0) == 0;
    if (fd >= 0)
        close(fd);
    return there;
}

tl_err sim_files_lock(int *fd, const char *dir, struct tl_why *why)
{
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return tl_explain(why, TL_E_IO, "data", "cannot make the data directory %.150s: %s", dir,
                          strerror(errno));
    int d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d < 0)
        return tl_explain(why, TL_E_IO, "data", "cannot open the data directory %.150s: %s", dir,
                          strerror(errno));
    while (flock(d, LOCK_EX) != 0) {
        if (errno == EINTR)
            continue;
        if (errno == ENOSYS) /* gramine-direct: nobody else of this instance makes them */
            break;
        tl_err err = io_error(why, "lock", dir, "");
        close(d);
        return err;
    }
    *fd = d;
    return TL_OK;
}

static tl_err write_all(int fd, slice s)
{
    while (s.n) {
        ssize_t n = write(fd, s.p, s.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return TL_E_IO;
        s = slice_of(s.p + n, s.n - (size_t)n);
    }
    return fsync(fd) == 0 ? TL_OK : TL_E_IO;
}

static tl_err write_file(int dir_fd, const char *name, slice contents)
{
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return TL_E_IO;
    tl_err err = write_all(fd, contents);
    if (close(fd) != 0)
        err = TL_E_IO;
    return err;
}

/* Throws away what a killed first start left. */
static void remove_new(int dir_fd)
{
    int fd = openat(dir_fd, new_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    for (size_t i = 0; i < KEYS; i++)
        unlinkat(fd, keys[i].name, 0);
    for (size_t i = 0; i < SIM_CHAINS; i++)
        unlinkat(fd, chain_names[i], 0);
    close(fd);
    unlinkat(dir_fd, new_name, AT_REMOVEDIR); /* else making it again says why */
}

tl_err sim_files_save(const struct sim_files *files, int dir_fd, const char *dir,
                      struct tl_why *why)
{
    remove_new(dir_fd);
    if (mkdirat(dir_fd, new_name, 0700) != 0)
        return io_error(why, "make", dir, "");
    int fd = openat(dir_fd, new_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return io_error(why, "open", dir, "");
    tl_err err = TL_OK;
    const char *name = "";
    for (size_t i = 0; err == TL_OK && i < KEYS; i++) {
        name = keys[i].name;
        err = write_file(fd, name, slice_of((const uint8_t *)files + keys[i].offset, KEY_SIZE));
    }
    for (size_t i = 0; err == TL_OK && i < SIM_CHAINS; i++) {
        name = chain_names[i];
        err = write_file(fd, name, buf_slice(&files->chains[i]));
    }
    /* All or nothing: the files are durable before the name is there. */
    if (err == TL_OK && (fsync(fd) != 0 || renameat(dir_fd, new_name, dir_fd, final_name) != 0 ||
                         fsync(dir_fd) != 0)) {
        name = "";
        err = TL_E_IO;
    }
    if (err != TL_OK)
        err = io_error(why, "write", dir, name);
    close(fd);
    return err;
}

static tl_err check_file(int fd, size_t size, const char *dir, const char *name, struct tl_why *why)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return io_error(why, "read", dir, name);
    if (!S_ISREG(st.st_mode))
        return tl_explain(why, TL_E_TEE, "data", "%.150s/sim/%s is not a file", dir, name);
    if (st.st_mode & 077)
        return tl_explain(why, TL_E_TEE, "data",
                          "%.150s/sim/%s can be read by others (mode %03o): it holds a secret; "
                          "set its mode to 600 if nobody has read it",
                          dir, name, (unsigned)(st.st_mode & 0777));
    if (size && st.st_size != (off_t)size)
        return tl_explain(why, TL_E_TEE, "data",
                          "%.150s/sim/%s is damaged: %lld bytes instead of %zu", dir, name,
                          (long long)st.st_size, size);
    return TL_OK;
}

/* size: the exact size, or 0 for any up to the buffer's maximum. */
static tl_err read_file(buf *out, int sim_fd, size_t size, const char *dir, const char *name,
                        struct tl_why *why)
{
    uint8_t chunk[4096];
    int fd = openat(sim_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return tl_explain(why, TL_E_TEE, "data",
                          "%.120s/sim is damaged, or older than this teelog, whose simulator makes "
                          "collateral too: %s is missing; put it back, or start with a fresh "
                          "directory",
                          dir, name);
    if (fd < 0)
        return io_error(why, "open", dir, name);
    tl_err err = check_file(fd, size, dir, name, why);
    for (ssize_t n = 1; err == TL_OK && n > 0;) {
        n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) {
            n = 1;
            continue;
        }
        if (n < 0)
            err = io_error(why, "read", dir, name);
        else
            buf_bytes(out, slice_of(chunk, (size_t)n));
    }
    secret_wipe(chunk, sizeof chunk);
    close(fd);
    if (err == TL_OK && buf_err(out) != TL_OK)
        err = tl_explain(why, buf_err(out), "data", "cannot read %.150s/sim/%s: %s", dir, name,
                         tl_err_text(buf_err(out)));
    return err;
}

static tl_err read_key(uint8_t out[KEY_SIZE], int sim_fd, const char *dir, const char *name,
                       struct tl_why *why)
{
    uint8_t mem[KEY_SIZE];
    buf b;
    buf_init_fixed(&b, mem, sizeof mem);
    tl_err err = read_file(&b, sim_fd, KEY_SIZE, dir, name, why);
    if (err == TL_OK && b.n == KEY_SIZE)
        memcpy(out, mem, KEY_SIZE);
    else if (err == TL_OK)
        err = tl_explain(why, TL_E_TEE, "data", "%.150s/sim/%s is damaged", dir, name);
    secret_wipe(mem, sizeof mem);
    return err;
}

tl_err sim_files_load(struct sim_files *out, bool *found, int dir_fd, const char *dir,
                      struct tl_why *why)
{
    struct sim_files v = {0};
    tl_err err = TL_OK;
    int fd = openat(dir_fd, final_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        *found = false;
        return TL_OK;
    }
    if (fd < 0)
        return io_error(why, "open", dir, "");
    for (size_t i = 0; i < SIM_CHAINS; i++)
        buf_init(&v.chains[i], CHAIN_MAX);
    for (size_t i = 0; err == TL_OK && i < KEYS; i++)
        err = read_key((uint8_t *)&v + keys[i].offset, fd, dir, keys[i].name, why);
    for (size_t i = 0; err == TL_OK && i < SIM_CHAINS; i++)
        err = read_file(&v.chains[i], fd, 0, dir, chain_names[i], why);
    close(fd);
    if (err != TL_OK) {
        sim_files_finish(&v);
        return err;
    }
    *out = v;
    *found = true;
    return TL_OK;
}

void sim_files_finish(struct sim_files *files)
{
    for (size_t i = 0; i < SIM_CHAINS; i++)
        buf_finish(&files->chains[i]);
    secret_wipe(files, sizeof *files);
}
