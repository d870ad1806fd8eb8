/* Writing where nobody reads any more without a signal, whatever the program makes of SIGPIPE:
 * OpenSSL writes without MSG_NOSIGNAL. For the calling thread. */
#ifndef TL_CLIENT_SIGPIPE_H
#define TL_CLIENT_SIGPIPE_H

#include <signal.h>
#include <stdbool.h>

struct sigpipe {
    sigset_t before;
    bool pending; /* one was held back already: it is not ours to take */
};
void sigpipe_hold(struct sigpipe *s);
void sigpipe_release(struct sigpipe *s); /* leaves errno as it is */

#endif
