/* Bundles to a file. */
#ifndef TL_CLI_BUNDLE_OUT_H
#define TL_CLI_BUNDLE_OUT_H

#include "client/client.h"
#include "log/log.h"

/* Writes a bundle to path ("-": standard output). said may be NULL, here as below. */
tl_err bundle_out_log(const char *path, struct log *log, const struct log_export_options *o,
                      struct log_export_said *said, struct tl_why *why) TL_MUST;
/* Where the log has witnesses, and no quorum of them has cosigned the bundle's checkpoint: says
 * so, and what to do. */
void bundle_out_warn(const struct log_export_said *said);

/* The same of a stopped log in dir.
 * *simulated tells the platform. */
tl_err bundle_out_stopped(const char *path, const char *tee, const char *dir,
                          const struct log_export_options *o, bool *simulated,
                          struct log_export_said *said, struct tl_why *why) TL_MUST;

/* Writes the bundle that a service answers this request with. */
tl_err bundle_out_fetch(const char *path, struct client *c, const char *method, const char *target,
                        slice body, struct log_export_said *said, struct tl_why *why) TL_MUST;

#endif
