/* `teelog verify` of what proves one entry: a tlog-proof, a COSE receipt or a transparent
 * statement; and of receipts that a log grew. */
#ifndef TL_CLI_LOGGED_H
#define TL_CLI_LOGGED_H

#include "base/buf.h"
#include "teelog/verify.h"

#include <stdbool.h>

struct logged_files {
    const char *proof, *policy, *entry, *service_keys, *since; /* paths, or NULL */
    /* As of when, and with which collateral, a bundle is judged that service_keys may be. */
    const char *at, *const *collaterals;
    size_t collateral_count;
};

/* Whether a file begins as one of these does. One that cannot be read does not. */
bool logged_is_proof(const char *path);
/* A relying party's policy, or the text of one of c2sp.org/tlog-policy; then *json stays NULL. An
 * exit code. */
int logged_read_policy(struct teelog_policy **json, buf *text, const char *path);
int logged_verify(const struct logged_files *f, bool json);

#endif
