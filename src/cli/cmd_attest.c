#include "base/encoding.h"
#include "cli/bundle_out.h"
#include "cli/cli.h"
#include "cli/reach.h"
#include "cli/report.h"
#include "codec/json_put.h"
#include "crypto/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWN_NONCE   32    /* bytes, where the caller brings none */
#define REQUEST_MAX 65536 /* bytes */

struct options {
    struct reach reach;
    const char *out, *nonce, *agent;
    bool chain, json;
    char hex[2 * FRESH_NONCE_MAX + 1]; /* of the nonce that is used */
};

static int choose_nonce(struct options *o)
{
    uint8_t bytes[FRESH_NONCE_MAX];
    size_t n = OWN_NONCE;
    if (o->nonce) {
        int code = nonce_read(bytes, &n, o->nonce);
        if (code != EXIT_GOOD)
            return code;
    } else {
        tl_err err = random_bytes(bytes, n);
        if (err != TL_OK)
            return cli_fail("no nonce", err, NULL);
    }
    hex_text(o->hex, bytes, n);
    return EXIT_GOOD;
}

static void put_request(buf *b, const struct options *o)
{
    buf_str(b, "{\"nonce\":");
    json_put_str(b, o->hex);
    if (o->agent)
        json_put_member(b, "agent", o->agent);
    if (o->chain)
        json_put_bool(b, "chain", true);
    buf_str(b, "}");
}

static int fetch(const struct options *o)
{
    struct client *c = NULL;
    struct tl_why why = {{0}, {0}};
    buf body;
    buf_init(&body, REQUEST_MAX);
    put_request(&body, o);
    tl_err err = buf_err(&body);
    if (err == TL_OK)
        err = reach_open(&c, &o->reach, &why);
    if (err == TL_OK)
        err = bundle_out_fetch(o->out, c, "POST", "/v1/attest", buf_slice(&body), NULL, &why);
    client_close(c);
    buf_finish(&body);
    return err == TL_OK ? EXIT_GOOD : cli_fail("the log did not answer", err, &why);
}

/* Who did not bring a nonce needs the one that was made. */
static int tell(const struct options *o)
{
    if (strcmp(o->out, "-") == 0)
        cli_say("nonce %s", o->hex);
    else if (o->json)
        printf("{\"nonce\":\"%s\"}\n", o->hex);
    else if (!o->nonce)
        printf("%s\n", o->hex);
    if (fflush(stdout) == 0)
        return EXIT_GOOD;
    cli_say("cannot write the nonce");
    return EXIT_FAILED;
}

int cmd_attest(int argc, char **argv)
{
    static const struct option longs[] = {
        {"nonce", required_argument, NULL, 'n'},
        {"agent", required_argument, NULL, 'a'},
        {"chain", no_argument, NULL, 'c'},
        {"json", no_argument, NULL, 'j'},
        REACH_OPTIONS,
        {"output", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct options o = {0};
    for (int got; (got = cli_option(argc, argv, "ho:", longs, "attest")) != -1;) {
        const char **to = got == 'n'   ? &o.nonce
                          : got == 'a' ? &o.agent
                          : got == 'o' ? &o.out
                                       : NULL;
        if (to)
            *to = optarg;
        else if (got == 'c')
            o.chain = true;
        else if (got == 'j')
            o.json = true;
        else if (!reach_option(&o.reach, got, optarg))
            return cli_option_exit(got);
    }
    if (optind < argc)
        return cli_usage("attest", "attest takes no argument %s", argv[optind]);
    if (!o.out)
        return cli_usage("attest", "where is the answer to go? Give -o FILE");
    if (o.chain && !o.agent)
        return cli_usage("attest", "whose chain? Give --agent ID");
    int code = choose_nonce(&o);
    if (code == EXIT_GOOD)
        code = reach_check(&o.reach, "attest");
    if (code == EXIT_GOOD)
        code = fetch(&o);
    reach_finish(&o.reach);
    return code == EXIT_GOOD ? tell(&o) : code;
}
