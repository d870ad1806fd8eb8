/* The list of agents as JSON: what the service answers, and what `teelog agents`
 * shows of a log that nobody has open. Pure. */
#ifndef TL_HTTP_AGENTS_JSON_H
#define TL_HTTP_AGENTS_JSON_H

#include "log/log.h"

/* {"simulated":…,"agents":[…]} and a newline, by agent id; sorts the array. */
void agents_json_put(buf *b, bool simulated, struct log_agent *agents, size_t n);
/* "child", "attested" or "bearer". */
const char *admission_name(enum admission a);

#endif
