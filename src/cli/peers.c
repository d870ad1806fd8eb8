#include "cli/peers.h"

#include "attest/about.h"
#include "attest/dcap.h"
#include "base/encoding.h"
#include "cli/cli.h"
#include "cli/report.h"
#include "pcs/cache.h"
#include "verify/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ASK_S 10 /* other peers wait meanwhile */

struct peers {
    struct admit *admit;
    struct teelog_policy *policy;
    struct log *const *log;
    const char *dir;
    struct pcs_options pcs;
    atomic_bool stop;
};

static tl_err ask(void *ctx, slice quote, buf *json, struct tl_why *why)
{
    struct peers *p = ctx;
    struct pcs_result result;
    return pcs_collateral(json, &result, quote, &p->pcs, p->dir, (uint64_t)time(NULL),
                          &dcap_intel_root, 1, why);
}

/* A file for each platform, which a later start of the service finds: sessions of today are
 * exported then too. */
static void keep_file(const struct peers *p, slice json)
{
    struct about about;
    struct tl_why why = {{0}, {0}};
    char hex[17], name[32];
    if (about_collateral(&about, json) != TL_OK)
        return;
    const slice parts[] = {SLICE_ARRAY(about.fmspc), hash_slice(&about.ca), hash_slice(&about.root),
                           slice_str(about.tdx ? "tdx" : "sgx")};
    hash32 digest = sha256_parts(parts, 4);
    hex_text(hex, digest.b, 8);
    snprintf(name, sizeof name, "peer-%s.json", hex);
    tl_err err = pcs_cache_write(p->dir, name, json, &why);
    if (err != TL_OK)
        cli_say("an attested peer's collateral is not kept for a later start: %s",
                tl_why_text(&why, err));
}

static void keep(void *ctx, slice json)
{
    struct peers *p = ctx;
    tl_err err = log_put_collateral(*p->log, json);
    if (err != TL_OK)
        cli_say("an attested peer's collateral cannot go into bundles: %s", tl_err_text(err));
    else
        keep_file(p, json);
}

static tl_err read_policy(struct peers *p, const char *path, struct tl_why *why)
{
    if (policy_file_read(&p->policy, path) != EXIT_GOOD)
        return tl_explain(why, TL_E_USAGE, "admit-attested", "--admit-attested takes a policy");
    if (p->policy->policy->attested_count == 0)
        return tl_explain(why, TL_E_USAGE, "admit-attested",
                          "%s lets no attested peer in: its member admission.attested is to name "
                          "their code",
                          path);
    return TL_OK;
}

tl_err peers_start(struct peers **out, const struct peers_options *o, struct tl_why *why)
{
    struct peers *p = calloc(1, sizeof *p);
    if (!p)
        return TL_E_MEMORY;
    p->log = o->log;
    p->dir = o->dir;
    tl_err err = read_policy(p, o->policy_file, why);
    if (o->pcs) {
        p->pcs = *o->pcs;
        p->pcs.timeout_s = ASK_S;
        p->pcs.stop = &p->stop;
    }
    if (err == TL_OK)
        err = admit_start(&p->admit, &(struct admit_options){.policy = p->policy->policy,
                                                             .ask = o->pcs ? ask : NULL,
                                                             .keep = keep,
                                                             .ctx = p});
    if (err != TL_OK) {
        peers_free(p);
        return err;
    }
    *out = p;
    return TL_OK;
}

struct admit *peers_admit(struct peers *p)
{
    return p ? p->admit : NULL;
}

void peers_end(struct peers *p)
{
    if (!p)
        return;
    atomic_store(&p->stop, true);
    admit_end(p->admit);
}

void peers_free(struct peers *p)
{
    if (!p)
        return;
    admit_free(p->admit);
    teelog_policy_free(p->policy);
    free(p);
}
