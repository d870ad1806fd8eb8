#include "cli/supervisor.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un address;
static socklen_t address_size; /* 0: nobody listens */
static long watchdog_ms;

void supervisor_open(void)
{
    const char *path = getenv("NOTIFY_SOCKET"), *usec = getenv("WATCHDOG_USEC"),
               *pid = getenv("WATCHDOG_PID");
    size_t n = path ? strlen(path) : 0;
    /* A path, or a name in the abstract namespace, which systemd writes with an @. */
    if (n > 1 && n < sizeof address.sun_path && (path[0] == '/' || path[0] == '@')) {
        address.sun_family = AF_UNIX;
        memcpy(address.sun_path, path, n);
        if (path[0] == '@')
            address.sun_path[0] = 0;
        address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    }
    /* Twice as often as asked, as sd_watchdog_enabled(3) advises. */
    if (usec && (!pid || strtol(pid, NULL, 10) == (long)getpid())) {
        long long us = strtoll(usec, NULL, 10);
        watchdog_ms = us >= 2000 && us <= 86400000000LL ? (long)(us / 2000) : 0;
    }
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

static void notify(const char *text)
{
    if (!address_size)
        return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    /* It is a courtesy: nothing depends on its coming through. */
    (void)!sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&address,
                  address_size);
    close(fd);
}

void supervisor_ready(const char *status)
{
    char text[1200];
    snprintf(text, sizeof text, "READY=1\nSTATUS=%s\n", status);
    notify(text);
}

void supervisor_status(const char *status)
{
    char text[1200];
    snprintf(text, sizeof text, "STATUS=%s\n", status);
    notify(text);
}

void supervisor_stopping(void)
{
    notify("STOPPING=1\n");
}

long supervisor_watchdog_ms(void)
{
    return address_size ? watchdog_ms : 0;
}

void supervisor_alive(void)
{
    notify("WATCHDOG=1\n");
}
