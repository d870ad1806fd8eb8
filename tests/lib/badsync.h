/* Stands in for libc's fdatasync and fsync, so that a disk's error can be
 * played. Included by one file of an executable. */
#ifndef BADSYNC_H
#define BADSYNC_H

#include <errno.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool sync_fails;

int fdatasync(int fd)
{
    if (sync_fails) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return fdatasync(fd);
}

#endif
