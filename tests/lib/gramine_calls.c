/* Runs teelog with no more system calls than a program inside Gramine has: those that
 * Gramine lacks are answered as it answers them (docs/deploy-sgx.md has the table). Stands
 * in the binary's place, so that the tests of the commands run as they are.
 *
 * What a filter cannot see is left out: paths, descriptors passed over sockets, and of which
 * kind a socket is (so no socket of ours has a timeout here). */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNT(a)  (sizeof(a) / sizeof(a)[0])
#define CODES_MAX 512
#define SKIPPED   77
#define ANY       (-1)
#define FIELD(f)  ((unsigned)offsetof(struct seccomp_data, f))
#define ARG(n)    (FIELD(args) + 8u * (unsigned)(n)) /* its low half */

static const int lacking[] = {
    __NR_signalfd4,
    __NR_timerfd_create,
    __NR_timerfd_settime,
    __NR_timerfd_gettime,
    __NR_timer_create,
    __NR_pwritev,
    __NR_pwritev2,
    __NR_statx,
    __NR_mremap,
    __NR_memfd_create,
    __NR_prctl,
    __NR_getrusage,
    __NR_inotify_init1,
    __NR_inotify_add_watch,
    __NR_io_uring_setup,
    __NR_io_uring_enter,
    __NR_io_uring_register,
    __NR_linkat,
    __NR_symlinkat,
    __NR_renameat2,
    __NR_utimensat,
    __NR_copy_file_range,
    __NR_setresuid,
    __NR_setresgid,
    __NR_membarrier,
    __NR_rseq,
    __NR_flock, /* unless the manifest turns an experimental option on */
    __NR_pidfd_open,
    __NR_pidfd_send_signal,
#ifdef __NR_epoll_pwait2
    __NR_epoll_pwait2,
#endif
#ifdef __NR_link
    __NR_link,
    __NR_symlink,
    __NR_signalfd,
    __NR_inotify_init,
    __NR_utimes,
    __NR_futimesat,
#endif
};

/* Calls that it has, but not with this argument. at, value: one more, or ANY. A value with a
 * mask is looked for under it. */
static const struct {
    int call, at, value, with, with_value, error, mask;
} lacking_forms[] = {
    {__NR_getsockopt, 1, SOL_SOCKET, 2, SO_PEERCRED, ENOPROTOOPT, -1},
    {__NR_setsockopt, 1, SOL_SOCKET, 2, SO_RCVTIMEO, ENOPROTOOPT, -1},
    {__NR_setsockopt, 1, SOL_SOCKET, 2, SO_SNDTIMEO, ENOPROTOOPT, -1},
    {__NR_setsockopt, 1, IPPROTO_TCP, 2, TCP_FASTOPEN, ENOPROTOOPT, -1},
    {__NR_setsockopt, 1, IPPROTO_TCP, 2, TCP_FASTOPEN_CONNECT, ENOPROTOOPT, -1},
    {__NR_fcntl, 1, F_OFD_GETLK, ANY, 0, EINVAL, -1},
    {__NR_fcntl, 1, F_OFD_SETLK, ANY, 0, EINVAL, -1},
    {__NR_fcntl, 1, F_OFD_SETLKW, ANY, 0, EINVAL, -1},
    {__NR_madvise, 2, MADV_DONTDUMP, ANY, 0, ENOSYS, -1},
    {__NR_socket, 0, AF_UNIX, 1, SOCK_DGRAM, EPROTONOSUPPORT, 0xf},
    {__NR_openat, 2, O_TMPFILE, ANY, 0, EOPNOTSUPP, O_TMPFILE},
    /* A Unix socket is an abstract one on the host: no file has its path. */
    {__NR_fchmodat, ANY, 0, ANY, 0, ENOENT, -1},
#ifdef __NR_chmod
    {__NR_chmod, ANY, 0, ANY, 0, ENOENT, -1},
#endif
};

static struct sock_filter codes[CODES_MAX];
static unsigned short count;

static void add(struct sock_filter code)
{
    codes[count++] = code;
}

/* Skips what follows up to the mark that is set later, unless the loaded word is value. */
static size_t unless(int value)
{
    add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)value, 0, 0));
    return count - 1u;
}

static void land(size_t jump)
{
    codes[jump].jf = (unsigned char)(count - jump - 1);
}

static void load(unsigned field)
{
    add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, field));
}

static void answer(int error)
{
    add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
                                     SECCOMP_RET_ERRNO | ((unsigned)error & SECCOMP_RET_DATA)));
}

static void mask(int bits)
{
    if (bits != -1)
        add((struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, (unsigned)bits));
}

static void build(void)
{
    for (size_t i = 0; i < COUNT(lacking); i++) {
        load(FIELD(nr));
        size_t other = unless(lacking[i]);
        answer(ENOSYS);
        land(other);
    }
    for (size_t i = 0; i < COUNT(lacking_forms); i++) {
        size_t others[3], n = 0;
        load(FIELD(nr));
        others[n++] = unless(lacking_forms[i].call);
        if (lacking_forms[i].at != ANY) {
            load(ARG(lacking_forms[i].at));
            if (lacking_forms[i].with == ANY)
                mask(lacking_forms[i].mask);
            others[n++] = unless(lacking_forms[i].value);
        }
        if (lacking_forms[i].with != ANY) {
            load(ARG(lacking_forms[i].with));
            mask(lacking_forms[i].mask);
            others[n++] = unless(lacking_forms[i].with_value);
        }
        answer(lacking_forms[i].error);
        while (n)
            land(others[--n]);
    }
    add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
}

int main(int argc, char **argv)
{
    struct sock_fprog program = {.filter = codes};
    (void)argc;
    build();
    program.len = count;
    /* Inside the filter already, as a command that the child of `run` runs. */
    bool inside = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 && errno == ENOSYS;
    if (!inside && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        perror("skipped: this machine takes no seccomp filter");
        return SKIPPED;
    }
    execv(PROGRAM, argv);
    perror(PROGRAM);
    return SKIPPED;
}
