/* GET /metrics: what the service has done and is doing, in the text form that
 * Prometheus reads (version 0.0.4). Nothing in it is about what records say. */
#include "http/internal.h"
#include "http/witnessed_json.h"

#include <inttypes.h>

#define METRICS_MAX (256u << 10) /* bytes */

static void metric(buf *b, const char *name, const char *type, const char *help, uint64_t value)
{
    buf_printf(b, "# HELP teelog_%s %s\n# TYPE teelog_%s %s\nteelog_%s %" PRIu64 "\n", name, help,
               name, type, name, value);
}

static void seconds(buf *b, uint64_t us)
{
    buf_printf(b, "%" PRIu64 ".%06" PRIu64, us / 1000000, us % 1000000);
}

static void histogram(buf *b, const char *name, const char *help, const struct histogram *h)
{
    uint64_t sum = 0;
    buf_printf(b, "# HELP teelog_%s %s\n# TYPE teelog_%s histogram\n", name, help, name);
    for (size_t i = 0; i < HISTOGRAM_STEPS; i++) {
        sum += h->steps[i];
        buf_printf(b, "teelog_%s_bucket{le=\"", name);
        seconds(b, histogram_ends_us[i]);
        buf_printf(b, "\"} %" PRIu64 "\n", sum);
    }
    buf_printf(b, "teelog_%s_bucket{le=\"+Inf\"} %" PRIu64 "\nteelog_%s_sum ", name, h->count,
               name);
    seconds(b, h->sum_us);
    buf_printf(b, "\nteelog_%s_count %" PRIu64 "\n", name, h->count);
}

static void put_log(buf *b, struct log *log)
{
    struct log_info info;
    struct log_stats s;
    struct log_room room;
    log_room(log, &room);
    log_info(log, &info);
    log_stats(log, &s);
    buf_printf(b,
               "# HELP teelog_build_info The version that runs, and where.\n"
               "# TYPE teelog_build_info gauge\n"
               "teelog_build_info{version=\"%s\",platform=\"%s\",simulated=\"%s\"} 1\n",
               TEELOG_VERSION, info.platform, info.simulated ? "true" : "false");
    metric(b, "log_size", "gauge", "Durable statements of the log.", info.size);
    metric(b, "subjects", "gauge", "Agents with a statement, and the log itself.", info.subjects);
    metric(b, "indexed", "gauge", "Statements that the index knows.", info.indexed);
    metric(b, "frozen", "gauge", "1 where the log takes no more records.", info.frozen);
    witnessed_metrics_put(b, log, &info);
    metric(b, "queued_bytes", "gauge", "Bytes of records that wait for their place.",
           s.queued_bytes);
    metric(b, "store_bytes", "gauge", "Bytes of the store on disk.", s.store_bytes);
    if (room.free_bytes != UINT64_MAX)
        metric(b, "disk_free_bytes", "gauge", "Bytes free on the store's disk.", room.free_bytes);
    metric(b, "full", "gauge", "1 where records are refused for want of room.", room.full);
    metric(b, "statements_total", "counter", "Statements committed by this boot.", s.statements);
    metric(b, "records_total", "counter", "Records among them.", s.records);
    metric(b, "sessions_total", "counter", "Sessions among them; each took a quote.", s.sessions);
    metric(b, "heads_total", "counter", "Lists of heads among them.", s.heads);
    metric(b, "records_repeated_total", "counter",
           "Records answered with an earlier receipt, by their request id.", s.repeated);
    metric(b, "records_refused_total", "counter", "Records that the log refused.", s.refused);
    metric(b, "commits_total", "counter", "Transactions of this boot.", s.commits);
    histogram(b, "commit_seconds", "From a transaction's first row until it is durable.",
              &s.commit_us);
}

static void put_http(buf *b, const struct http_service *service)
{
    const struct http_stats *s = &service->stats;
    buf_str(b, "# HELP teelog_http_requests_total Requests answered, by status.\n"
               "# TYPE teelog_http_requests_total counter\n");
    for (size_t i = 0; i < sizeof s->answers / sizeof s->answers[0]; i++)
        if (s->answers[i])
            buf_printf(b, "teelog_http_requests_total{code=\"%zu\"} %" PRIu64 "\n", i,
                       s->answers[i]);
    metric(b, "http_requests_cut_total", "counter",
           "Requests whose client was gone before the answer's end.", s->cut);
    metric(b, "http_connections", "gauge", "Connections that are open.", service->conn_count);
    metric(b, "http_connections_total", "counter", "Connections that were taken.", s->accepted);
    metric(b, "http_connections_refused_total", "counter",
           "Connections that were turned away: too many were open.", s->turned_away);
    metric(b, "attested_peers_total", "counter",
           "Connections of peers whose certificate was found good.", s->peers_admitted);
    metric(b, "attested_peers_refused_total", "counter",
           "Connections whose certificate was not that of an attested peer.", s->peers_refused);
    metric(b, "http_body_bytes", "gauge", "Bytes of request bodies in memory.", service->inflight);
    histogram(b, "http_request_seconds", "From a request's head to its answer's last byte.",
              &s->request_us);
}

void get_metrics(struct exchange *x)
{
    struct http_query q = {{0}};
    if (!query_or_answer(x, &q, NULL, 0))
        return;
    buf b;
    buf_init(&b, METRICS_MAX);
    put_log(&b, x->service->log);
    put_http(&b, x->service);
    answer_take(x, 200, "text/plain; version=0.0.4; charset=utf-8", NULL, &b);
}
