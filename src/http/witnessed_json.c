#include "http/witnessed_json.h"

#include "base/encoding.h"
#include "codec/json_put.h"

#include <inttypes.h>

static void put_witness(buf *b, const struct witness_view *v)
{
    buf_str(b, "{\"name\":");
    json_put_str(b, v->name);
    json_put_bool(b, "asked", v->url != NULL);
    json_put_bool(b, "good", v->good);
    json_put_bool(b, "ahead", v->ahead);
    json_put_number(b, "size", v->size);
    json_put_number(b, "time", v->time);
    if (v->why[0])
        json_put_member(b, "why", v->why);
    buf_str(b, "}");
}

static void put_witnesses(buf *b, struct log *log, const struct log_info *info)
{
    struct witness_view v;
    json_put_bool(b, "degraded", info->degraded);
    json_put_number(b, "quorum", info->quorum);
    buf_str(b, ",\"witnesses\":[");
    for (size_t i = 0; log_witness(log, i, &v); i++) {
        if (i)
            buf_str(b, ",");
        put_witness(b, &v);
    }
    buf_str(b, "]");
    if (info->cosigned) {
        json_put_number(b, "cosignedSize", info->cosigned);
        json_put_number(b, "cosignedTime", info->cosigned_time);
    }
}

static void put_fork(buf *b, struct log *log)
{
    char witness[128];
    buf ours, theirs;
    buf_init(&ours, NOTE_MAX);
    buf_init(&theirs, NOTE_MAX);
    if (log_fork(log, &ours, &theirs, witness) == TL_OK) {
        buf_str(b, ",\"fork\":{\"from\":");
        json_put_str(b, witness);
        json_put_slice(b, "ours", buf_slice(&ours));
        json_put_slice(b, "theirs", buf_slice(&theirs));
        buf_str(b, "}");
    }
    buf_finish(&ours);
    buf_finish(&theirs);
}

void witnessed_json_put(buf *b, struct log *log, const struct log_info *info)
{
    json_put_member(b, "fence", log_fence_name(info->fence));
    if (info->fence != LOG_UNWITNESSED)
        put_witnesses(b, log, info);
    if (info->frozen)
        put_fork(b, log);
}

static void gauge(buf *b, const char *name, const char *help, uint64_t value)
{
    buf_printf(b,
               "# HELP teelog_%s %s\n# TYPE teelog_%s gauge\n"
               "teelog_%s %" PRIu64 "\n",
               name, help, name, name, value);
}

/* Names in labels escape as JSON's texts do. */
static void put_each(buf *b, struct log *log, const char *name, const char *help,
                     uint64_t (*value)(const struct witness_view *v))
{
    struct witness_view v;
    buf_printf(b, "# HELP teelog_witness_%s %s\n# TYPE teelog_witness_%s gauge\n", name, help,
               name);
    for (size_t i = 0; log_witness(log, i, &v); i++) {
        buf_printf(b, "teelog_witness_%s{witness=", name);
        json_put_str(b, v.name);
        buf_printf(b, "} %" PRIu64 "\n", value(&v));
    }
}

static uint64_t is_good(const struct witness_view *v)
{
    return v->good;
}

static uint64_t its_size(const struct witness_view *v)
{
    return v->size;
}

static uint64_t its_time(const struct witness_view *v)
{
    return v->time;
}

void witnessed_metrics_put(buf *b, struct log *log, const struct log_info *info)
{
    if (info->fence == LOG_UNWITNESSED)
        return;
    gauge(b, "fence_open", "1 where the witnesses have let the log begin, or it began degraded.",
          info->fence == LOG_OPEN);
    gauge(b, "degraded", "1 where it began without them, and they have not cosigned it since.",
          info->degraded);
    gauge(b, "cosigned_size", "Statements of the largest checkpoint that a quorum has cosigned.",
          info->cosigned);
    gauge(b, "cosigned_time_seconds", "When a quorum had cosigned it, Unix time.",
          info->cosigned_time);
    put_each(b, log, "good", "1 where its last answer was a good one.", is_good);
    put_each(b, log, "size", "Statements that it has cosigned last.", its_size);
    put_each(b, log, "time_seconds", "When it did, Unix time.", its_time);
}
