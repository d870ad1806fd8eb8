#include "cli/successor_ask.h"

#include "base/encoding.h"
#include "witness/wire.h"

#include <stdio.h>

struct asked {
    const struct log_last_note *note;
    const struct note_key *key;
    const struct tlog_policy *policy;
    size_t open;
    tl_err err; /* the first that stands against it */
    struct tl_why why;
};

static const struct tlog_policy_member *member(const struct asked *a, size_t i)
{
    return &a->policy->members[i];
}

static void say(const struct asked *a, size_t i, const char *what)
{
    const slice name = member(a, i)->name;
    fprintf(stderr,
            "teelog: witness %.*s could not be asked for its last note of the older log: %s\n",
            (int)name.n, (const char *)name.p, what);
}

static void judge(struct asked *a, size_t i, slice note)
{
    char who[100];
    struct tl_why why = {{0}, {0}};
    const slice name = member(a, i)->name;
    snprintf(who, sizeof who, "witness %.*s", (int)name.n, (const char *)name.p);
    tl_err err = log_last_note_against(a->note, a->key, note, who, &why);
    if (err == TL_E_SIGNATURE) {
        say(a, i, "what it shows is none under that key");
    } else if (err != TL_OK && a->err == TL_OK) {
        a->err = err;
        a->why = why;
    }
}

static void done(void *ctx, size_t i, const struct asking_answer *answer)
{
    struct asked *a = ctx;
    char what[40];
    a->open--;
    if (answer->status == 200) {
        judge(a, i, answer->body);
        return;
    }
    snprintf(what, sizeof what, "it answers %u", answer->status);
    say(a, i, answer->status ? what : answer->failure);
}

static void ask(struct asked *a, struct wire *w, size_t i)
{
    struct tl_why why = {{0}, {0}};
    char hex[65];
    buf url;
    slice base = member(a, i)->url;
    hash32 origin = sha256(slice_str(a->note->origin));
    while (base.n && base.p[base.n - 1] == '/')
        base.n--;
    if (base.n == 0) {
        say(a, i, "its line in the policy has no URL");
        return;
    }
    hex_text(hex, origin.b, sizeof origin.b);
    buf_init(&url, 65536);
    buf_bytes(&url, base);
    buf_printf(&url, "/%s/checkpoint", hex);
    tl_err err = buf_err(&url);
    if (err == TL_OK)
        err = wire_send(w, i, buf_slice(&url), (slice){NULL, 0}, &why);
    buf_finish(&url);
    if (err == TL_OK)
        a->open++;
    else
        say(a, i, tl_why_text(&why, err));
}

tl_err successor_ask(const struct log_last_note *n, const struct note_key *key,
                     const struct tlog_policy *policy, struct tl_why *why)
{
    struct asked a = {.note = n, .key = key, .policy = policy};
    const struct wire_options o = {.count = policy->member_count};
    struct tl_why inner = {{0}, {0}};
    struct wire *w = NULL;
    tl_err err = wire_open(&w, &o, &inner);
    if (err == TL_E_MEMORY)
        return err;
    if (err != TL_OK) {
        fprintf(stderr, "teelog: the older log's witnesses could not be asked: %s\n",
                tl_why_text(&inner, err));
        return TL_OK;
    }
    for (size_t i = 0; i < policy->member_count; i++)
        if (member(&a, i)->witness)
            ask(&a, w, i);
    while (a.open) /* each request has an end in time */
        wire_wait(w, 1000, done, &a);
    wire_close(w);
    if (a.err != TL_OK)
        *why = a.why;
    return a.err;
}
