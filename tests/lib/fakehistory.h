/* A relying party's policy that asks for two of the fake witnesses 1 to 3. */
#ifndef FAKEHISTORY_H
#define FAKEHISTORY_H

#include "fakewitness.h"

#include "teelog/verify.h"

#include <jansson.h>

#define FAKE_MAX_AGE 600 /* seconds */

/* From one that says "unwitnessed". */
static inline struct teelog_policy *fake_history_policy(const char *json)
{
    char message[400];
    struct teelog_policy *p = NULL;
    buf text, b;
    const char *at = strstr(json, "\"unwitnessed\"");
    assert_non_null(at);
    buf_init(&text, 10000);
    fake_quorum_text(&text, 2, 3);
    buf_u8(&text, 0);
    json_t *j = json_string((const char *)text.p);
    char *quoted = json_dumps(j, JSON_ENCODE_ANY);
    buf_init(&b, 100000);
    buf_bytes(&b, slice_of(json, (size_t)(at - json)));
    buf_printf(&b, "{\"quorum\": %s, \"faulty\": 0, \"max_age_s\": %d}", quoted, FAKE_MAX_AGE);
    buf_str(&b, at + strlen("\"unwitnessed\""));
    assert_ok(buf_err(&b));
    if (teelog_policy_read(&p, (const char *)b.p, b.n, message, sizeof message) != TL_OK)
        fail_msg("%s", message);
    free(quoted);
    json_decref(j);
    buf_finish(&text);
    buf_finish(&b);
    return p;
}

#endif
