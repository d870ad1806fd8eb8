/* The routes that show the log's state. */
#include "codec/json_put.h"
#include "http/internal.h"
#include "http/witnessed_json.h"

/* Two notes with each byte escaped, and some hundred witnesses. */
#define STATUS_MAX (1u << 20)

void get_healthz(struct exchange *x)
{
    struct http_query q = {{0}};
    struct log_info info;
    struct log_room room;
    struct tl_why why = {{0}, {0}};
    if (!query_or_answer(x, &q, NULL, 0))
        return;
    log_info(x->service->log, &info);
    log_room(x->service->log, &room);
    const bool fenced = info.fence == LOG_PROVING || info.fence == LOG_BOOTED;
    if (info.frozen || fenced)
        answer_error(x, log_refusal(x->service->log, info.frozen ? TL_E_FROZEN : TL_E_FENCED, &why),
                     &why);
    else if (room.full)
        answer_error(x, tl_explain(&why, TL_E_FULL, NULL, "%s", room.why), &why);
    else
        answer(x, 200, "application/json", NULL,
               slice_str(info.degraded ? "{\"ok\":true,\"degraded\":true}\n" : "{\"ok\":true}\n"));
}

static void put_room(buf *b, struct log *log)
{
    struct log_room room;
    log_room(log, &room);
    json_put_number(b, "storeBytes", room.store_bytes);
    if (room.free_bytes != UINT64_MAX)
        json_put_number(b, "freeBytes", room.free_bytes);
    json_put_number(b, "maxBytes", room.max_bytes);
    json_put_number(b, "minFree", room.min_free);
    json_put_bool(b, "full", room.full);
    if (room.full)
        json_put_member(b, "fullWhy", room.why);
}

void get_status(struct exchange *x)
{
    struct http_query q = {{0}};
    struct log_info info;
    if (!query_or_answer(x, &q, NULL, 0))
        return;
    log_info(x->service->log, &info);
    buf b;
    buf_init(&b, STATUS_MAX);
    buf_str(&b, "{\"version\":");
    json_put_str(&b, TEELOG_VERSION);
    json_put_member(&b, "origin", info.origin);
    json_put_member(&b, "logKey", info.log_key);
    json_put_hex(&b, "logId", hash_slice(&info.log_id));
    json_put_member(&b, "platform", info.platform);
    json_put_bool(&b, "simulated", info.simulated);
    json_put_number(&b, "size", info.size);
    json_put_hex(&b, "root", hash_slice(&info.root));
    if (info.boot != UINT64_MAX)
        json_put_number(&b, "boot", info.boot);
    json_put_number(&b, "subjects", info.subjects);
    json_put_number(&b, "indexed", info.indexed);
    json_put_bool(&b, "frozen", info.frozen);
    if (info.frozen)
        json_put_member(&b, "frozenWhy", info.frozen_why);
    witnessed_json_put(&b, x->service->log, &info);
    put_room(&b, x->service->log);
    buf_str(&b, "}\n");
    answer_take(x, 200, "application/json", NULL, &b);
}

void get_checkpoint(struct exchange *x)
{
    struct http_query q = {{0}};
    if (!query_or_answer(x, &q, NULL, 0))
        return;
    struct log_info info;
    log_info(x->service->log, &info);
    buf b;
    buf_init(&b, NOTE_MAX);
    tl_err err = log_checkpoint(x->service->log, &b);
    if (err != TL_OK)
        buf_fail(&b, err);
    x->cache = "max-age=1"; /* "at most a few seconds" (c2sp.org/tlog-tiles) */
    /* The note has no place to say it. */
    answer_take(x, 200, "text/plain; charset=utf-8",
                info.simulated ? "Teelog-Platform: simulator\r\n" : NULL, &b);
}
