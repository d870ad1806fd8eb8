/* `teelog verify` of what proves one entry: a tlog-proof or a COSE receipt. */
#ifndef TL_CLI_LOGGED_H
#define TL_CLI_LOGGED_H

#include <stdbool.h>

struct logged_files {
    const char *proof, *policy, *entry, *service_keys; /* paths; NULL where not given */
};

/* Whether a file begins as a tlog-proof does. One that cannot be read does not. */
bool logged_is_proof(const char *path);
int logged_verify(const struct logged_files *f, bool json);

#endif
