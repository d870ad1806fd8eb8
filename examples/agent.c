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
#include <sys/random.h>

#include <teelog/client.h>

static struct teelog_client *log_;
/* How the last payment went, and whether that is not logged yet. */
static struct teelog_client_record outcome;
static bool owed;

/* Logged or not; its receipt is checked by then. */
static bool logged(struct teelog_client_receipt *receipt, struct teelog_client_record *record)
{
    char why[400];
    record->agent = "payer";
    record->type = "Action:PAY";
    if (teelog_client_append(log_, receipt, record, 1, why, sizeof why) == TL_OK)
        return true;
    fprintf(stderr, "agent: not logged: %s\n", why);
    return false;
}

/* The same record, until it is logged: it has its request id since the first time. */
static bool settle(struct teelog_client_receipt *receipt)
{
    owed = owed && !logged(receipt, &outcome);
    return !owed;
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
    unsigned long long id; /* so that no receipt of an older intent is one of this */
    struct teelog_client_record intent = {.content = content};
    struct teelog_client_receipt before, after;
    if (getrandom(&id, sizeof id, 0) != sizeof id)
        return false;
    snprintf(content, sizeof content,
             "{\"phase\":\"intent\",\"id\":\"%016llx\",\"to\":\"%s\",\"amount\":%u}", id, name,
             amount);
    if (!settle(&before) || !logged(&before, &intent))
        return false; /* and not done */
    bool done = pay(name, amount);
    outcome = (struct teelog_client_record){
        .content = done ? "{\"phase\":\"result\"}" : "{\"phase\":\"failure\"}",
        .has_ref = true,
        .ref = before.index,
    };
    owed = true;
    if (!settle(&after))
        return false;
    printf("statement %llu, and %llu that answers it: %s\n", (unsigned long long)before.index,
           (unsigned long long)after.index, after.class_name);
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
    while (fgets(line, sizeof line, stdin))
        if (sscanf(line, "%31[a-z] %u", name, &amount) == 2)
            good = act(name, amount) && good;
    teelog_client_close(log_);
    return good ? 0 : 1;
}
