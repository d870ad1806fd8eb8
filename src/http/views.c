/* The routes that show the log's state. */
#include "base/encoding.h"
#include "http/internal.h"
#include "http/json_put.h"

#include <stdlib.h>

#define AGENTS_ANSWER_MAX (256u << 20) /* bytes */

void get_healthz(struct exchange *x)
{
    struct http_query q = {{0}};
    struct log_info info;
    if (!query_or_answer(x, &q, NULL, 0))
        return;
    log_info(x->service->log, &info);
    if (info.frozen)
        answer_error(x, TL_E_FROZEN, NULL);
    else
        answer(x, 200, "application/json", NULL, slice_str("{\"ok\":true}\n"));
}

static void put_member(buf *b, const char *name, const char *text)
{
    buf_str(b, ",\"");
    buf_str(b, name);
    buf_str(b, "\":");
    json_put_str(b, text);
}

static void put_number(buf *b, const char *name, uint64_t v)
{
    buf_printf(b, ",\"%s\":%llu", name, (unsigned long long)v);
}

static void put_hash(buf *b, const char *name, const hash32 *h)
{
    buf_printf(b, ",\"%s\":\"", name);
    hex_put(b, hash_slice(h));
    buf_str(b, "\"");
}

void get_status(struct exchange *x)
{
    struct http_query q = {{0}};
    struct log_info info;
    if (!query_or_answer(x, &q, NULL, 0))
        return;
    log_info(x->service->log, &info);
    buf b;
    buf_init(&b, 16384);
    buf_str(&b, "{\"version\":");
    json_put_str(&b, TEELOG_VERSION);
    put_member(&b, "origin", info.origin);
    put_member(&b, "logKey", info.log_key);
    put_hash(&b, "logId", &info.log_id);
    put_member(&b, "platform", info.platform);
    buf_printf(&b, ",\"simulated\":%s", info.simulated ? "true" : "false");
    put_number(&b, "size", info.size);
    put_hash(&b, "root", &info.root);
    if (info.boot != UINT64_MAX)
        put_number(&b, "boot", info.boot);
    put_number(&b, "subjects", info.subjects);
    buf_printf(&b, ",\"frozen\":%s", info.frozen ? "true" : "false");
    if (info.frozen)
        put_member(&b, "frozenWhy", info.frozen_why);
    buf_str(&b, "}\n");
    answer_take(x, 200, "application/json", NULL, &b);
}

static const char *admission_name(enum admission a)
{
    switch (a) {
    case ADMISSION_CHILD:
        return "child";
    case ADMISSION_ATTESTED:
        return "attested";
    case ADMISSION_BEARER:
        return "bearer";
    }
    return "unknown";
}

static void put_agent(buf *b, const struct log_agent *a)
{
    buf_str(b, "{\"id\":");
    json_put_str(b, a->id);
    put_number(b, "count", a->count);
    put_number(b, "lastIndex", a->last_index);
    buf_str(b, a->open ? ",\"open\":true" : ",\"open\":false");
    if (a->open) {
        put_number(b, "session", a->session);
        buf_str(b, ",\"publicKey\":\"");
        hex_put(b, SLICE_ARRAY(a->public_key));
        buf_str(b, "\"");
        put_member(b, "admission", admission_name(a->admission));
    }
    buf_str(b, "}");
}

static int by_id(const void *a, const void *b)
{
    const struct log_agent *l = a, *r = b;
    return strcmp(l->id, r->id);
}

void get_agents(struct exchange *x)
{
    struct http_query q = {{0}};
    struct log_agent *agents = NULL;
    size_t n = 0;
    if (!query_or_answer(x, &q, NULL, 0))
        return;
    tl_err err = log_agents(x->service->log, &agents, &n);
    if (err != TL_OK) {
        answer_error(x, err, NULL);
        return;
    }
    if (n)
        qsort(agents, n, sizeof *agents, by_id);
    buf b;
    buf_init(&b, AGENTS_ANSWER_MAX);
    buf_str(&b, "{\"agents\":[");
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_str(&b, ",");
        put_agent(&b, &agents[i]);
    }
    buf_str(&b, "]}\n");
    free(agents);
    answer_take(x, 200, "application/json", NULL, &b);
}

void get_checkpoint(struct exchange *x)
{
    struct http_query q = {{0}};
    if (!query_or_answer(x, &q, NULL, 0))
        return;
    buf b;
    buf_init(&b, NOTE_MAX);
    tl_err err = log_checkpoint(x->service->log, &b);
    if (err != TL_OK)
        buf_fail(&b, err);
    answer_take(x, 200, "text/plain; charset=utf-8", NULL, &b);
}
