/* The list of agents as JSON: what the service answers, and what `teelog agents`
 * shows of a log that nobody has open. Pure. */
#ifndef TL_HTTP_AGENTS_JSON_H
#define TL_HTTP_AGENTS_JSON_H

#include "log/log.h"

/* {"simulated":…,"agents":[ and each agent, and ]} with a newline. */
void agents_json_begin(buf *b, bool simulated);
void agents_json_row(buf *b, const struct log_agent *a, bool first);
void agents_json_end(buf *b);
/* "child", "attested" or "bearer". */
const char *admission_name(enum admission a);

#endif
