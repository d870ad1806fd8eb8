#include "cli/service.h"

#include "cli/cli.h"
#include "cli/signals.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static tl_err make_directory(const char *path, struct tl_why *why)
{
    struct stat st;
    if (mkdir(path, 0700) == 0)
        return TL_OK;
    int error = errno;
    if (error == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return TL_OK;
    return tl_explain(why, TL_E_IO, "data", "cannot make the data directory %s: %s", path,
                      strerror(error));
}

/* run's child may change its directory, so the path is made absolute. */
static char *absolute(const char *path)
{
    char *out = NULL;
    if (path[0] == '/')
        return strdup(path);
    char *here = getcwd(NULL, 0);
    int n = here ? asprintf(&out, "%s/%s", here, path) : -1;
    free(here);
    return n < 0 ? NULL : out;
}

tl_err service_prepare(struct service *s, const struct service_options *o, struct tl_why *why)
{
    tl_err err = make_directory(o->data, why);
    if (err != TL_OK)
        return err;
    char *in_data = o->socket ? NULL : cli_socket_in(o->data);
    const char *path = o->socket ? o->socket : in_data;
    s->socket = path ? absolute(path) : NULL;
    free(in_data);
    return s->socket ? TL_OK : TL_E_MEMORY;
}

static void fatal(void *ctx, const char *text)
{
    struct service *s = ctx;
    s->failed = true;
    cli_say("the log has stopped: %s; start the service again", text);
    signals_fatal();
}

tl_err service_start(struct service *s, const struct service_options *o, struct tl_why *why)
{
    struct log_config log = {
        .dir = o->data,
        .origin = o->origin,
        .admissions = (uint8_t)(1u << (o->token ? ADMISSION_CHILD : ADMISSION_BEARER)),
        .command = o->command,
        .fatal = fatal,
        .fatal_ctx = s,
    };
    struct http_config http = {
        .socket_path = s->socket,
        .run_token = o->token,
        .agents = o->agents,
        .agent_count = o->agent_count,
    };
    signals_block(true);
    tl_err err = tee_open(&s->tee, o->tee, o->data, why);
    if (err == TL_OK)
        err = log_open(&s->log, s->tee, &log, why);
    if (err == TL_OK)
        err = http_start(&s->http, s->log, &http, why);
    signals_block(false);
    return err;
}

void service_describe(const struct service *s, char *line, size_t size)
{
    struct log_info info;
    log_info(s->log, &info);
    snprintf(line, size, "%s%s, origin %s, socket %s, log key %s",
             info.simulated ? "SIMULATED platform" : "platform ",
             info.simulated ? "" : info.platform, info.origin, s->socket, info.log_key);
}

void service_stop(struct service *s)
{
    http_stop(s->http);
    log_close(s->log);
    tee_close(s->tee);
    free(s->socket);
    s->http = NULL;
    s->log = NULL;
    s->tee = NULL;
    s->socket = NULL;
}
