/* An agent in C that pays people: one line "NAME AMOUNT" a payment. It says what it is about to do,
 * does it only once that is logged, and then says how it went.
 *
 *     echo 'bob 5' | teelog run --data DIR --tee sim -- ./agent
 *
 * `teelog run` gives it the log's socket, a token, and the log's key, which it checks each receipt
 * under. Elsewhere set TEELOG_SOCKET (or TEELOG_URL), TEELOG_TOKEN and TEELOG_LOG_KEY. Exits with 1
 * where something could not be logged.
 *
 * After `make install`:
 *     cc -o agent examples/agent.c $(pkg-config --cflags --libs teelog-client) */
#include <stdio.h>
#include <string.h>

#include <teelog/client.h>

static struct teelog_client *log_;

/* One record of a payment, logged or not; its receipt is checked by then. ref: the intent's index,
 * of what follows it. */
static bool logged(struct teelog_client_receipt *receipt, const char *content, const uint64_t *ref)
{
    char why[400];
    struct teelog_client_record record = {
        .agent = "payer",
        .type = "Action:PAY",
        .content = content,
        .has_ref = ref != NULL,
        .ref = ref ? *ref : 0,
    };
    if (teelog_client_append(log_, receipt, &record, 1, why, sizeof why) == TL_OK)
        return true;
    fprintf(stderr, "agent: not logged: %s\n", why);
    return false;
}

/* In place of a bank. */
static bool pay(const char *name, unsigned amount)
{
    if (strcmp(name, "nobody") == 0)
        return false;
    printf("paid %s %u\n", name, amount);
    return fflush(stdout) == 0;
}

static bool act(const char *name, unsigned amount)
{
    char content[200];
    struct teelog_client_receipt intent, outcome;
    snprintf(content, sizeof content, "{\"phase\":\"intent\",\"to\":\"%s\",\"amount\":%u}", name,
             amount);
    if (!logged(&intent, content, NULL))
        return false; /* and not done */
    bool done = pay(name, amount);
    snprintf(content, sizeof content, "{\"phase\":\"%s\"}", done ? "result" : "failure");
    if (!logged(&outcome, content, &intent.index))
        return false;
    printf("statement %llu, and %llu that answers it: %s\n", (unsigned long long)intent.index,
           (unsigned long long)outcome.index, outcome.class_name);
    return fflush(stdout) == 0;
}

int main(void)
{
    char line[100], name[32], why[400];
    unsigned amount;
    struct teelog_client_options options = {.timeout_ms = 10000};
    teelog_client_environment(&options);
    if (teelog_client_open(&log_, &options, why, sizeof why) != TL_OK) {
        fprintf(stderr, "agent: %s\n", why);
        return 2;
    }
    bool good = true;
    while (good && fgets(line, sizeof line, stdin))
        if (sscanf(line, "%31[a-z] %u", name, &amount) == 2)
            good = act(name, amount);
    teelog_client_close(log_);
    return good ? 0 : 1;
}
