#include "faultvfs.h"

#include "faultdisk.h"
#include "testlib.h"

#include <sqlite3.h>

const char *const fault_mode_names[FAULT_MODES] = {"not done", "done",      "short",
                                                   "for ever", "lost sync", "power cut"};

static struct {
    enum fault_mode mode;
    uint64_t k, count, random;
    bool fired;
    char what[80];
} fault;

static sqlite3_vfs *unix_vfs, fault_vfs;

struct file {
    sqlite3_file base;
    struct disk_file *disk;
    bool entry; /* its first sync brings the directory's entries to the disk */
    const char *name;
    sqlite3_file real; /* as large as unix_vfs says: the last member */
};

static struct file *file_of(sqlite3_file *f)
{
    return (struct file *)f;
}

/* What becomes of a call. */
enum fate { GOES, FAILS, DONE_AND_FAILS, CUT_AND_FAILS, LOSES };

static enum fate next_call(const char *call, const char *path)
{
    static const enum fate fates[FAULT_MODES] = {FAILS, DONE_AND_FAILS, CUT_AND_FAILS,
                                                 FAILS, LOSES,          FAILS};
    bool lasting = fault.mode >= FAULT_FOR_EVER;
    fault.count++;
    if (!fault.k || fault.count < fault.k || (fault.count > fault.k && !lasting))
        return GOES;
    if (!fault.fired) {
        const char *slash = path ? strrchr(path, '/') : NULL;
        snprintf(fault.what, sizeof fault.what, "%s %s", call, slash ? slash + 1 : "?");
    }
    fault.fired = true;
    return fates[fault.mode];
}

static bool coin(void)
{
    return fault_random(&fault.random) & 1;
}

/* A call that does nothing but go through or fail. */
#define PLAIN(f, call, error, real_call)                                                           \
    do {                                                                                           \
        enum fate fate_ = next_call(call, (f)->name);                                              \
        if (fate_ != GOES && fate_ != DONE_AND_FAILS)                                              \
            return (error);                                                                        \
        int rc_ = (real_call);                                                                     \
        return fate_ == GOES ? rc_ : (error);                                                      \
    } while (0)

static int file_close(sqlite3_file *p)
{
    struct file *f = file_of(p);
    return f->real.pMethods ? f->real.pMethods->xClose(&f->real) : SQLITE_OK;
}

static int file_read(sqlite3_file *p, void *out, int n, sqlite3_int64 at)
{
    struct file *f = file_of(p);
    PLAIN(f, "read", SQLITE_IOERR_READ, f->real.pMethods->xRead(&f->real, out, n, at));
}

static int file_write(sqlite3_file *p, const void *bytes, int n, sqlite3_int64 at)
{
    struct file *f = file_of(p);
    enum fate fate = next_call("write", f->name);
    int error = coin() ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    if (fate == FAILS || fate == LOSES)
        return error;
    if (fate == CUT_AND_FAILS)
        n = (int)(fault_random(&fault.random) % (uint64_t)n);
    int rc = n ? f->real.pMethods->xWrite(&f->real, bytes, n, at) : SQLITE_OK;
    if (rc == SQLITE_OK)
        disk_write(f->disk, at, bytes, (size_t)n);
    return fate == GOES ? rc : error;
}

static int file_truncate(sqlite3_file *p, sqlite3_int64 size)
{
    struct file *f = file_of(p);
    enum fate fate = next_call("truncate", f->name);
    if (fate != GOES && fate != DONE_AND_FAILS)
        return SQLITE_IOERR_TRUNCATE;
    int rc = f->real.pMethods->xTruncate(&f->real, size);
    if (rc == SQLITE_OK)
        disk_truncate(f->disk, size);
    return fate == GOES ? rc : SQLITE_IOERR_TRUNCATE;
}

/* The real sync is left out: no machine's power is cut. */
static int file_sync(sqlite3_file *p, int flags)
{
    struct file *f = file_of(p);
    enum fate fate = next_call("sync", f->name);
    (void)flags;
    if (fate == LOSES)
        disk_lose(f->disk);
    if (fate != GOES && fate != DONE_AND_FAILS)
        return SQLITE_IOERR_FSYNC;
    disk_sync(f->disk);
    if (f->entry)
        disk_sync_entries();
    f->entry = false;
    return fate == GOES ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int file_size(sqlite3_file *p, sqlite3_int64 *out)
{
    struct file *f = file_of(p);
    PLAIN(f, "size of", SQLITE_IOERR_FSTAT, f->real.pMethods->xFileSize(&f->real, out));
}

static int file_lock(sqlite3_file *p, int level)
{
    struct file *f = file_of(p);
    int error = coin() ? SQLITE_BUSY : SQLITE_IOERR_LOCK;
    PLAIN(f, "lock", error, f->real.pMethods->xLock(&f->real, level));
}

static int file_unlock(sqlite3_file *p, int level)
{
    struct file *f = file_of(p);
    PLAIN(f, "unlock", SQLITE_IOERR_UNLOCK, f->real.pMethods->xUnlock(&f->real, level));
}

static int file_check_lock(sqlite3_file *p, int *out)
{
    struct file *f = file_of(p);
    PLAIN(f, "lock check of", SQLITE_IOERR_CHECKRESERVEDLOCK,
          f->real.pMethods->xCheckReservedLock(&f->real, out));
}

/* Hints and the marks around a sync are the ones that may touch the disk. */
static int file_control(sqlite3_file *p, int op, void *arg)
{
    struct file *f = file_of(p);
    if (op == SQLITE_FCNTL_SIZE_HINT || op == SQLITE_FCNTL_CHUNK_SIZE)
        PLAIN(f, "size hint for", SQLITE_FULL, f->real.pMethods->xFileControl(&f->real, op, arg));
    if (op == SQLITE_FCNTL_SYNC || op == SQLITE_FCNTL_COMMIT_PHASETWO)
        PLAIN(f, "commit mark of", SQLITE_IOERR, f->real.pMethods->xFileControl(&f->real, op, arg));
    return f->real.pMethods->xFileControl(&f->real, op, arg);
}

static int file_sector(sqlite3_file *p)
{
    struct file *f = file_of(p);
    return f->real.pMethods->xSectorSize(&f->real);
}

static int file_traits(sqlite3_file *p)
{
    struct file *f = file_of(p);
    return f->real.pMethods->xDeviceCharacteristics(&f->real);
}

/* Version 1: no shared memory, as in an enclave, and no mapping. */
static const sqlite3_io_methods methods = {
    1,         file_close,  file_read,       file_write,   file_truncate, file_sync,   file_size,
    file_lock, file_unlock, file_check_lock, file_control, file_sector,   file_traits,
};

static int fault_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *p, int flags, int *out)
{
    struct file *f = file_of(p);
    (void)vfs;
    memset(f, 0, sizeof *f);
    enum fate fate = next_call("open", path);
    if (fate != GOES && fate != DONE_AND_FAILS)
        return SQLITE_CANTOPEN;
    int rc = unix_vfs->xOpen(unix_vfs, path, &f->real, flags, out);
    if (rc != SQLITE_OK)
        return rc;
    if (fate == DONE_AND_FAILS) {
        f->real.pMethods->xClose(&f->real);
        disk_open(path);
        return SQLITE_CANTOPEN;
    }
    f->base.pMethods = &methods;
    f->name = path;
    f->disk = disk_open(path);
    f->entry =
        (flags & SQLITE_OPEN_CREATE) && (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL));
    return SQLITE_OK;
}

static int fault_delete(sqlite3_vfs *vfs, const char *path, int sync_directory)
{
    (void)vfs;
    enum fate fate = next_call("delete", path);
    if (fate != GOES && fate != DONE_AND_FAILS)
        return SQLITE_IOERR_DELETE;
    int rc = unix_vfs->xDelete(unix_vfs, path, 0);
    if (rc == SQLITE_OK)
        disk_remove(path);
    if (rc == SQLITE_OK && sync_directory)
        disk_sync_entries();
    return fate == GOES ? rc : SQLITE_IOERR_DELETE;
}

static int fault_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
    const struct file f = {.name = path};
    (void)vfs;
    PLAIN(&f, "look for", SQLITE_IOERR_ACCESS, unix_vfs->xAccess(unix_vfs, path, flags, out));
}

void faultvfs_install(void)
{
    unix_vfs = sqlite3_vfs_find(NULL);
    assert_non_null(unix_vfs);
    fault_vfs = *unix_vfs;
    fault_vfs.szOsFile = (int)offsetof(struct file, real) + unix_vfs->szOsFile;
    fault_vfs.zName = "fault";
    fault_vfs.pNext = NULL;
    fault_vfs.xOpen = fault_open;
    fault_vfs.xDelete = fault_delete;
    fault_vfs.xAccess = fault_access;
    assert_int_equal(sqlite3_vfs_register(&fault_vfs, 1), SQLITE_OK);
}

void faultvfs_arm(enum fault_mode mode, uint64_t k, uint64_t seed)
{
    memset(&fault, 0, sizeof fault);
    fault.mode = mode;
    fault.k = k;
    fault.random = seed;
}

void faultvfs_disarm(void)
{
    fault.k = 0;
}

uint64_t faultvfs_count(void)
{
    return fault.count;
}

bool faultvfs_fired(void)
{
    return fault.fired;
}

const char *faultvfs_what(void)
{
    return fault.fired ? fault.what : "nothing";
}

void faultvfs_power_cut(uint64_t seed)
{
    disk_power_cut(seed);
}

void faultvfs_forget(void)
{
    disk_forget();
}
