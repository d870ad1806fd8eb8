/* What a service says to systemd, or to whatever else speaks sd_notify(3) on the
 * socket that NOTIFY_SOCKET names. Without one nothing happens. */
#ifndef TL_CLI_SUPERVISOR_H
#define TL_CLI_SUPERVISOR_H

/* Takes NOTIFY_SOCKET and WATCHDOG_USEC out of the environment, before there are
 * threads: they are for us and not for a child. */
void supervisor_open(void);
/* "READY=1\nSTATUS=…", and begins to send WATCHDOG=1 as often as asked. */
void supervisor_ready(const char *status);
/* STATUS=… alone. */
void supervisor_status(const char *status);
/* STOPPING=1. */
void supervisor_stopping(void);
/* Milliseconds between two signs of life, 0 where none are wanted. */
long supervisor_watchdog_ms(void);
void supervisor_alive(void);

#endif
