#include "http/erasure_json.h"

#include "base/refuse.h"
#include "codec/json.h"
#include "crypto/secret.h"
#include "log/erase.h"
#include "tlog/body.h"

#include <stdio.h>
#include <stdlib.h>

void erasure_ask_finish(struct erasure_ask *ask)
{
    free(ask->indexes);
    ask->indexes = NULL;
    secret_wipe(ask->mem, sizeof ask->mem);
}

static void read_indexes(js *r, struct erasure_ask *a)
{
    a->indexes = malloc(ERASE_MAX * sizeof *a->indexes);
    if (!a->indexes) {
        js_fail(r, TL_E_MEMORY);
        return;
    }
    js_array(r);
    while (js_element(r)) {
        uint64_t index = js_uint(r, TL_INT_MAX);
        if (REFUSED(a->count == ERASE_MAX))
            js_fail(r, TL_E_LIMIT);
        else if (r->err == TL_OK)
            a->indexes[a->count++] = index;
    }
}

static slice read_text(js *r, buf *texts)
{
    size_t before = texts->n;
    js_text(r, texts);
    return slice_of(texts->p + before, texts->n - before);
}

/* False for a member that a request has not. */
static bool read_member(js *r, slice key, uint32_t *seen, struct erasure_ask *a)
{
    if (js_named(r, key, "indexes", seen, 0))
        read_indexes(r, a);
    else if (js_named(r, key, "user", seen, 1))
        a->user = read_text(r, &a->texts);
    else if (js_named(r, key, "room", seen, 2))
        a->room = read_text(r, &a->texts);
    else if (js_named(r, key, "agent", seen, 3))
        a->agent = read_text(r, &a->texts);
    else if (js_named(r, key, "before", seen, 4))
        a->before_ms = js_uint(r, TL_INT_MAX);
    else if (js_named(r, key, "reason", seen, 5))
        a->reason = read_text(r, &a->texts);
    else if (js_named(r, key, "dryRun", seen, 6))
        a->dry_run = js_bool(r);
    else
        return false;
    return true;
}

static tl_err check(const struct erasure_ask *a, struct tl_why *why)
{
    bool filter = a->user.p || a->room.p || a->agent.p;
    if (REFUSED(filter == (a->indexes != NULL)) ||
        REFUSED(a->indexes && a->before_ms != UINT64_MAX))
        return tl_explain(why, TL_E_FIELD, "indexes",
                          "say what to erase: indexes, or some of user, room and agent, with "
                          "before where it is wanted");
    if (REFUSED(a->user.n > RECORD_ID_MAX) || REFUSED(a->room.n > RECORD_ID_MAX))
        return tl_explain(why, TL_E_FIELD, a->user.n > RECORD_ID_MAX ? "user" : "room",
                          "user and room have at most %d bytes", RECORD_ID_MAX);
    if (a->agent.p && REFUSED(!origin_valid(a->agent)))
        return tl_explain(why, TL_E_FIELD, "agent", "agent is not the id of an agent");
    return TL_OK;
}

tl_err erasure_ask_read(struct erasure_ask *out, slice json, struct tl_why *why)
{
    js r = js_of(json);
    uint32_t seen = 0;
    char name[48] = "";
    *out = (struct erasure_ask){.before_ms = UINT64_MAX};
    buf_init_fixed(&out->texts, out->mem, sizeof out->mem);
    js_object(&r);
    for (slice key; js_member(&r, &key);) {
        snprintf(name, sizeof name, "%.*s", (int)(key.n < 40 ? key.n : 40), (const char *)key.p);
        if (REFUSED(!read_member(&r, key, &seen, out)) && r.err == TL_OK)
            return tl_explain(why, TL_E_FIELD, name,
                              "an erasure has indexes, or user, room, agent and before; reason, "
                              "and dryRun; and nothing else");
    }
    if (r.err == TL_E_LIMIT || buf_err(&out->texts) == TL_E_LIMIT)
        return tl_explain(why, TL_E_FIELD, name, "%s is too long", name);
    tl_err err = js_end(&r);
    if (err == TL_E_MEMORY)
        return err;
    if (err != TL_OK)
        return tl_explain(why, TL_E_JSON, name[0] ? name : NULL,
                          "the body must be {\"indexes\":[…]}, or {\"user\":\"…\"} and the like");
    return check(out, why);
}
