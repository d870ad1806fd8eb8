/* What a log's witnesses are to it, in JSON and for Prometheus. */
#ifndef TL_HTTP_WITNESSED_JSON_H
#define TL_HTTP_WITNESSED_JSON_H

#include "log/log.h"

/* More members of an object that has some: "fence" and, of a log that has witnesses, how they do;
 * and the two notes by which it froze, where notes show why. */
void witnessed_json_put(buf *b, struct log *log, const struct log_info *info);
/* Metrics of a log that has witnesses; of another nothing. */
void witnessed_metrics_put(buf *b, struct log *log, const struct log_info *info);

#endif
