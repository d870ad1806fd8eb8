/* The attested peers of a service: who is let in, and their collateral. */
#ifndef TL_CLI_PEERS_H
#define TL_CLI_PEERS_H

#include "http/admit.h"
#include "pcs/pcs.h"

struct peers_options {
    const char *policy_file; /* whose admission.attested names them */
    struct log *const *log;  /* whose bundles take their collateral: there before anyone is let
                                in; borrowed, as all else */
    const char *dir;         /* where collateral is kept */
    /* Where it comes from, where a certificate brings none; NULL: from nowhere. */
    const struct pcs_options *pcs;
};

struct peers;
/* TL_E_USAGE for a policy that names none. */
tl_err peers_start(struct peers **out, const struct peers_options *o, struct tl_why *why) TL_MUST;
struct admit *peers_admit(struct peers *p);
/* Ends what is asked for, and answers those who wait; before http_stop. NULL is fine. */
void peers_end(struct peers *p);
void peers_free(struct peers *p);

#endif
