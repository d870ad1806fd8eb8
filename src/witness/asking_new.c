/* What is known before anything is asked: who can be, and what each had last. */
#include "base/encoding.h"
#include "base/refuse.h"
#include "witness/asking_state.h"

#include <arpa/inet.h>
#include <stdlib.h>

static bool has_url(const struct asking *a, const struct asked *w, const struct asking_now *now)
{
    (void)a, (void)now;
    return w->url;
}

/* The URL without slashes at its end; NULL: it is none, or there is no memory. */
static char *copy_url(slice url)
{
    size_t scheme = slice_starts(url, slice_str("https://"))  ? 8
                    : slice_starts(url, slice_str("http://")) ? 7
                                                              : 0;
    while (url.n && url.p[url.n - 1] == '/')
        url.n--;
    if (!scheme || url.n <= scheme || url.n > ASKING_URL_MAX || url.p[scheme] == '/')
        return NULL;
    for (size_t i = 0; i < url.n; i++)
        if (url.p[i] <= ' ' || url.p[i] >= 0x7f || strchr("?#\\\"<>", url.p[i]))
            return NULL;
    return strndup((const char *)url.p, url.n);
}

/* Whether nobody else can answer in its name. */
static bool is_sure(const char *url)
{
    char host[32];
    struct in_addr v4;
    if (strncmp(url, "http://", 7) != 0)
        return true;
    const char *p = url + 7;
    const size_t n = strcspn(p, ":/");
    if (strncmp(p, "[::1]", 5) == 0)
        return strchr(":/", p[5]) && !strchr(p, '@');
    if (n >= sizeof host || strchr(p, '@'))
        return false;
    memcpy(host, p, n);
    host[n] = 0;
    return strcmp(host, "localhost") == 0 ||
           (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

static tl_err add_witness(struct asking *a, size_t member, struct tl_why *why)
{
    const struct tlog_policy_member *m = &a->policy->members[member];
    struct asked *w = &a->witnesses[a->count++];
    w->member = member;
    w->name = m->key.name;
    buf_init(&w->sent, NOTE_MAX);
    buf_init(&w->line, NOTE_MAX);
    if (m->url.n == 0 || !m->key.verifiable)
        return TL_OK;
    w->url = copy_url(m->url);
    w->sure = w->url && is_sure(w->url);
    if (!w->url)
        return tl_explain(why, TL_E_USAGE, "witnesses",
                          "the URL of witness %s is none to ask it at: http:// or https://, a "
                          "host, and a path if it has one",
                          w->name);
    return TL_OK;
}

static tl_err add_witnesses(struct asking *a, struct tl_why *why)
{
    size_t asked = 0;
    bool enough = false;
    tl_err err = TL_OK;
    for (size_t i = 0; i < a->policy->member_count && err == TL_OK; i++)
        if (a->policy->members[i].witness)
            err = add_witness(a, i, why);
    for (size_t i = 0; i < a->count; i++)
        asked += a->witnesses[i].url != NULL;
    if (err != TL_OK)
        return err;
    if (asked > ASKING_MAX)
        return tl_explain(why, TL_E_USAGE, "witnesses", "more than %d witnesses have a URL",
                          ASKING_MAX);
    err = asking_enough(&enough, a, has_url, &(struct asking_now){0});
    if (err != TL_OK)
        return err;
    if (!enough || a->policy->quorum == TLOG_POLICY_NONE)
        return tl_explain(why, TL_E_USAGE, "witnesses",
                          "those of the policy's witnesses that can be asked are no quorum: write "
                          "the URL behind the key of each");
    return TL_OK;
}

/* Where a start begins: with what a quorum cosigned last, as the disk has it. Nothing but the
 * first "old" hangs on it. */
static void adopt(struct asking *a, slice cosigned)
{
    struct checkpoint c = {.size = 0};
    if (cosigned.n == 0 || REFUSED(checkpoint_open(&c, cosigned, a->log_key) != TL_OK) ||
        REFUSED(c.size > a->log->size(a->log->ctx)) || note_read(a->scratch, cosigned) != TL_OK)
        return;
    for (size_t i = 0; i < a->count; i++) {
        struct asked *w = &a->witnesses[i];
        const struct cosigner *key = &a->policy->members[w->member].key;
        if (w->url && cosignature_verify(a->scratch, key, &w->time) == TL_OK)
            w->old = w->size = c.size;
    }
}

static tl_err set_up(struct asking *a, const struct witness_client_options *o, struct tl_why *why)
{
    hash32 origin = sha256(slice_str(o->log_key->name));
    a->witnesses = calloc(a->policy->witness_count + 1, sizeof *a->witnesses);
    a->times = calloc(a->policy->member_count + 1, sizeof *a->times);
    a->scratch = malloc(sizeof *a->scratch);
    if (!a->witnesses || !a->times || !a->scratch)
        return TL_E_MEMORY;
    hex_text(a->hex, origin.b, sizeof origin.b);
    tl_err err = add_witnesses(a, why);
    if (err == TL_OK)
        adopt(a, o->cosigned);
    return err;
}

tl_err asking_new(struct asking **out, const struct witness_client_options *o,
                  const struct witness_log_face *log, struct tl_why *why)
{
    struct asking *a = calloc(1, sizeof *a);
    if (!a)
        return TL_E_MEMORY;
    a->policy = o->policy;
    a->log_key = o->log_key;
    a->log = log;
    a->interval_ms = o->interval_ms ? o->interval_ms : ASKING_INTERVAL_MS;
    a->refresh_ms = o->refresh_ms ? o->refresh_ms : ASKING_REFRESH_MS;
    buf_init(&a->round.note, NOTE_MAX);
    tl_err err = set_up(a, o, why);
    if (err == TL_OK)
        *out = a;
    else
        asking_free(a);
    return err;
}

void asking_free(struct asking *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->count; i++) {
        free(a->witnesses[i].url);
        buf_finish(&a->witnesses[i].sent);
        buf_finish(&a->witnesses[i].line);
    }
    buf_finish(&a->round.note);
    free(a->witnesses);
    free(a->times);
    free(a->scratch);
    free(a);
}
