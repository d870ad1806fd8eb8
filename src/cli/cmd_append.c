#include "base/encoding.h"
#include "cli/answers.h"
#include "cli/cli.h"
#include "cli/reach.h"
#include "client/url.h"
#include "codec/cose.h"

#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Batches under way: the next is read and sent while the service works on one. */
#define DEPTH           2
#define RETRIES         30          /* of a second each, while the service is busy */
#define ANSWER_MAX      (64u << 20) /* bytes */
/* To wait for witnesses, in seconds. */
#define TIMEOUT_DEFAULT 10
#define TIMEOUT_MOST    300

#define OUTCOME_UNKNOWN "the outcome is unknown; repeat it with a requestId"
#define NOT_PINNED      "not to be taken as logged: a receipt of its request does not hold"

struct options {
    const char *agent, *alg, *log_key;
    bool full;
    bool cosigned;    /* each batch waits for the log's witnesses … */
    uint64_t timeout; /* … so many seconds */
};

struct appender {
    const struct reach *reach;
    const struct options *o;
    char *target;
    struct client *client;
    struct pinned *pinned; /* what receipts are checked by, or NULL */
    struct batches in;
    struct batch batches[DEPTH];
    size_t first, count; /* of batches, in a ring */
    unsigned retries;
    const char *known; /* what is known of the first batch, where no receipts came */
    buf answer;
    struct answers said;
};

static struct batch *at(struct appender *a, size_t i)
{
    return &a->batches[(a->first + i) % DEPTH];
}

static void drop_first(struct appender *a)
{
    buf_reset(&at(a, 0)->body);
    a->first = (a->first + 1) % DEPTH;
    a->count--;
}

static tl_err send_batch(struct appender *a, const struct batch *b, struct tl_why *why)
{
    return b->too_long ? TL_OK
                       : client_send(a->client, "POST", a->target, buf_slice(&b->body), why);
}

/* A service that waits for witnesses is silent meanwhile. */
static tl_err connect_to(struct appender *a, struct tl_why *why)
{
    tl_err err = reach_open(&a->client, a->reach, why);
    if (err == TL_OK && a->o->cosigned)
        client_set_patience(a->client, client_patience(a->client) + (int)a->o->timeout * 1000);
    return err;
}

/* The service is busy, or we have asked too often, and it has closed the connection, having looked
 * at nothing of the batch that it refused or after it: all that is under way is sent again. */
static tl_err send_again(struct appender *a, unsigned seconds, struct tl_why *why)
{
    struct timespec pause = {.tv_sec = (time_t)seconds};
    (void)nanosleep(&pause, NULL);
    client_close(a->client);
    a->client = NULL;
    tl_err err = connect_to(a, why);
    for (size_t i = 0; i < a->count && err == TL_OK; i++)
        err = send_batch(a, at(a, i), why);
    return err;
}

/* Notes what is known of the first batch. */
static tl_err refused(struct appender *a, const struct batch *b, const struct client_answer *answer,
                      struct tl_why *why)
{
    buf_reset(&a->answer);
    tl_err err = client_body_all(a->client, &a->answer, why);
    if (err != TL_OK)
        return err;
    err = client_refusal_of(buf_slice(&a->answer), answer->status, why);
    if (answer->status < 500 || answer->status == 507)
        a->known = "not appended: the service refused the request";
    if (answer->status != 503 || strcmp(why->field, "wait") != 0)
        return err;
    json_t *root = json_loadb((const char *)a->answer.p, a->answer.n, JSON_REJECT_DUPLICATES, NULL);
    answers_put_not_cosigned(&a->said, b, json_object_get(root, "errors"));
    json_decref(root);
    drop_first(a);
    tl_err put = answers_flush(&a->said, why);
    return put == TL_OK ? err : put;
}

static tl_err receive(struct appender *a, struct tl_why *why)
{
    const struct batch *b = at(a, 0);
    struct client_answer answer;
    tl_err err = client_head(a->client, &answer, why);
    if (err != TL_OK)
        return err;
    bool later = answer.status == 503 || answer.status == 429;
    if (later && answer.retry_after && a->retries++ < RETRIES)
        return send_again(a, answer.retry_after, why);
    if (answer.status != 200)
        return refused(a, b, &answer, why);
    a->retries = 0;
    buf_reset(&a->answer);
    err = client_body_all(a->client, &a->answer, why);
    if (err == TL_OK)
        err = answers_put(&a->said, b, buf_slice(&a->answer), why);
    if (a->pinned && err == TL_E_PEER)
        a->known = NOT_PINNED;
    if (err == TL_OK)
        drop_first(a);
    return err;
}

/* Lines that were never sent are answered here, in their turn. */
static tl_err answer_long_lines(struct appender *a, struct tl_why *why)
{
    while (a->count && at(a, 0)->too_long) {
        answers_put_error(&a->said, at(a, 0)->first, NULL, "the line is longer than 8 MiB");
        drop_first(a);
    }
    return a->said.out.n ? answers_flush(&a->said, why) : TL_OK;
}

/* A batch goes off when it is full, or when nothing more can be read just now. */
static bool batch_is_due(struct appender *a)
{
    return a->count < DEPTH && batches_have_line(&a->in) &&
           (a->in.eof || batches_full(&a->in) || !batches_readable(&a->in));
}

static tl_err take_batch(struct appender *a, struct tl_why *why)
{
    struct batch *b = at(a, a->count);
    tl_err err = batches_take(&a->in, b);
    if (err != TL_OK)
        return err;
    a->count++;
    b->least = a->pinned ? pinned_size(a->pinned) : 0;
    return send_batch(a, b, why);
}

/* Waits for input, where there is room for it, or for an answer. */
static tl_err wait_and_move(struct appender *a, struct tl_why *why)
{
    /* A full buffer may still hold no more than the beginning of one line. */
    bool wants_input = !a->in.eof && !(batches_full(&a->in) && batches_have_line(&a->in));
    struct pollfd f[2] = {
        {.fd = wants_input ? a->in.fd : -1, .events = POLLIN},
        {.fd = a->count ? client_fd(a->client) : -1, .events = POLLIN},
    };
    bool here = a->count && client_has_input(a->client);
    int n = here ? 1 : poll(f, 2, a->count ? client_patience(a->client) : -1);
    if (n <= 0)
        return n == 0 ? client_silent(a->client, why) : TL_OK;
    if (here || f[1].revents)
        return receive(a, why);
    return f[0].revents ? batches_read(&a->in, why) : TL_OK;
}

static tl_err run(struct appender *a, struct tl_why *why)
{
    tl_err err = TL_OK;
    while (err == TL_OK) {
        err = answer_long_lines(a, why);
        if (err == TL_OK && batch_is_due(a))
            err = take_batch(a, why);
        else if (err == TL_OK && a->in.eof && a->count == 0)
            return TL_OK;
        else if (err == TL_OK)
            err = wait_and_move(a, why);
    }
    return err;
}

/* What is still under way when the connection fails. */
static void report_unknown(struct appender *a)
{
    struct tl_why why = {{0}, {0}};
    buf_reset(&a->said.out);
    for (size_t i = 0; i < a->count; i++)
        answers_put_errors(&a->said, at(a, i), i == 0 ? a->known : OUTCOME_UNKNOWN);
    (void)!answers_flush(&a->said, &why);
}

static tl_err make_target(struct appender *a)
{
    const struct options *o = a->o;
    buf b;
    buf_init(&b, 2048);
    buf_str(&b, "/v1/records?partial=1");
    if (o->full || a->pinned)
        buf_str(&b, "&receipt=full");
    if (o->agent) {
        buf_str(&b, "&agent=");
        url_put(&b, o->agent);
    }
    if (o->alg)
        buf_printf(&b, "&alg=%s", o->alg);
    if (o->cosigned)
        buf_printf(&b, "&wait=cosigned&timeout=%llu", (unsigned long long)o->timeout);
    buf_u8(&b, 0);
    a->target = (char *)b.p;
    return buf_err(&b);
}

static int append(const struct reach *reach, const struct options *o)
{
    struct appender a = {.reach = reach, .o = o, .known = OUTCOME_UNKNOWN};
    struct tl_why why = {{0}, {0}};
    tl_err err = o->log_key ? pinned_new(&a.pinned, o->log_key, &why) : TL_OK;
    if (err == TL_E_USAGE)
        return cli_usage("append", "%s", why.text);
    (void)signal(SIGPIPE, SIG_IGN);
    batches_init(&a.in, STDIN_FILENO);
    buf_init(&a.answer, ANSWER_MAX);
    answers_init(&a.said);
    a.said.agent = o->agent;
    a.said.full = o->full;
    a.said.pinned = a.pinned;
    for (size_t i = 0; i < DEPTH; i++)
        buf_init(&a.batches[i].body, LINE_MAX_BYTES + 1);
    if (err == TL_OK)
        err = make_target(&a);
    if (err == TL_OK)
        err = connect_to(&a, &why);
    if (err == TL_OK)
        err = run(&a, &why);
    if (err != TL_OK) {
        (void)cli_fail("append", err, &why);
        report_unknown(&a);
    }
    client_close(a.client);
    pinned_free(a.pinned);
    batches_finish(&a.in);
    buf_finish(&a.answer);
    answers_finish(&a.said);
    for (size_t i = 0; i < DEPTH; i++)
        buf_finish(&a.batches[i].body);
    free(a.target);
    return err != TL_OK || a.said.bad ? EXIT_FAILED : EXIT_GOOD;
}

int cmd_append(int argc, char **argv)
{
    static const struct option longs[] = {
        {"agent", required_argument, NULL, 'a'},
        {"alg", required_argument, NULL, 'k'},
        {"full", no_argument, NULL, 'f'},
        {"wait-cosigned", no_argument, NULL, 'w'},
        {"log-key", required_argument, NULL, 'l'},
        {"timeout", required_argument, NULL, 't'},
        REACH_OPTIONS,
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct options o = {.log_key = cli_log_key()};
    struct reach reach = {.socket = NULL};
    enum cose_alg known;
    for (int got; (got = cli_option(argc, argv, "h", longs, "append")) != -1;) {
        switch (got) {
        case 'a':
            o.agent = optarg;
            break;
        case 'k':
            o.alg = optarg;
            break;
        case 'l':
            o.log_key = optarg;
            break;
        case 'f':
            o.full = true;
            break;
        case 'w':
            o.cosigned = true;
            break;
        case 't':
            if (decimal_read(&o.timeout, slice_str(optarg), TIMEOUT_MOST) != TL_OK ||
                o.timeout == 0)
                return cli_usage("append", "--timeout takes 1 to %d seconds, not %s", TIMEOUT_MOST,
                                 optarg);
            break;
        default:
            if (!reach_option(&reach, got, optarg))
                return cli_option_exit(got);
        }
    }
    if (optind < argc)
        return cli_usage("append", "append takes no argument %s; records come on standard input",
                         argv[optind]);
    if (o.alg && !cose_alg_named(&known, slice_str(o.alg)))
        return cli_usage("append", "--alg is ES256 or ES256K, not %s", o.alg);
    if (o.timeout && !o.cosigned)
        return cli_usage("append", "--timeout is for --wait-cosigned");
    if (o.timeout == 0)
        o.timeout = TIMEOUT_DEFAULT;
    int code = reach_check(&reach, "append");
    if (code == EXIT_GOOD)
        code = append(&reach, &o);
    reach_finish(&reach);
    return code;
}
