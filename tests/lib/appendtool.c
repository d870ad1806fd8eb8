/* teelog/client.h as a command, for the tests: logs one record of agent "alice", type "t", whose
 * content is the last argument, and prints what its receipt says.
 *
 *     appendtool [NAME VALUE]… CONTENT     NAME: a member of teelog_client_options */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <teelog/client.h>

static char *contents(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = calloc(1, 1 << 20);
    if (!f || !text || fread(text, 1, (1 << 20) - 1, f) == 0) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(2);
    }
    fclose(f);
    return text;
}

static void take(struct teelog_client_options *o, const char *name, const char *value)
{
    if (strcmp(name, "socket") == 0)
        o->socket = value;
    else if (strcmp(name, "url") == 0)
        o->url = value;
    else if (strcmp(name, "token") == 0)
        o->token = value;
    else if (strcmp(name, "log_key") == 0)
        o->log_key = value;
    else if (strcmp(name, "first_use") == 0)
        o->first_use = true;
    else if (strcmp(name, "ca_file") == 0)
        o->ca_file = value;
    else if (strcmp(name, "peer_policy") == 0)
        o->peer_policy = contents(value);
    else if (strcmp(name, "peer_collateral") == 0)
        o->peer_collateral = contents(value);
    else if (strcmp(name, "timeout_ms") == 0)
        o->timeout_ms = (unsigned)strtoul(value, NULL, 10);
    else
        exit(2);
}

int main(int argc, char **argv)
{
    struct teelog_client *c = NULL;
    struct teelog_client_options o = {.timeout_ms = 5000};
    struct teelog_client_receipt receipt;
    char why[400] = "";
    int i = 1;
    for (; i + 1 < argc; i += 2)
        take(&o, argv[i], argv[i + 1]);
    if (i != argc - 1)
        return 2;
    struct teelog_client_record record = {.agent = "alice", .type = "t", .content = argv[i]};
    tl_err err = teelog_client_open(&c, &o, why, sizeof why);
    if (err == TL_OK)
        err = teelog_client_append(c, &receipt, &record, 1, why, sizeof why);
    if (err == TL_OK)
        printf("%llu %s %s\n", (unsigned long long)receipt.index, receipt.class_name,
               teelog_client_log_key(c));
    else
        printf("%s: %s\n", tl_err_name(err), why);
    teelog_client_close(c);
    free((char *)(uintptr_t)o.peer_policy);
    free((char *)(uintptr_t)o.peer_collateral);
    return err == TL_OK ? 0 : 1;
}
