/* Bundles to a file. */
#ifndef TL_CLI_BUNDLE_OUT_H
#define TL_CLI_BUNDLE_OUT_H

#include "log/log.h"

/* Writes a bundle of a stopped log in dir to path ("-": standard output).
 * *simulated tells the platform. */
tl_err bundle_out_stopped(const char *path, const char *tee, const char *dir,
                          const struct log_export_options *o, bool *simulated,
                          struct tl_why *why) TL_MUST;

#endif
