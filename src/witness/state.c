#include "witness/state.h"

#include "base/encoding.h"
#include "base/reader.h"
#include "base/refuse.h"
#include "crypto/secret.h"
#include "crypto/sign.h"
#include "store/folder.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_FILE   "key"
#define KEY_MAX    512            /* bytes */
#define LOG_KEYS   8              /* of one origin */
#define SEED_LABEL "PRIVATE+KEY+" /* as Go's note package writes private keys */

struct known_log {
    hash32 origin; /* SHA-256 of it */
    struct note_key keys[LOG_KEYS];
    struct witness_log state; /* keys: those above */
    buf note;                 /* the latest; empty: there is none */
};

struct witness_state {
    int dir;
    struct cosigner key;
    uint8_t seed[32];
    struct known_log *logs;
    size_t count;
    struct witness_request *request;
};

/* ---- the key ---- */

/* PRIVATE+KEY+name+id+base64(04 || seed) LF */
static void put_key(buf *b, const struct cosigner *key, const uint8_t seed[32])
{
    uint8_t bytes[33] = {VKEY_ED25519_COSIGNATURE};
    memcpy(bytes + 1, seed, 32);
    buf_str(b, SEED_LABEL);
    vkey_put(b, slice_str(key->name), key->id, slice_of(bytes, sizeof bytes));
    buf_str(b, "\n");
    secret_wipe(bytes, sizeof bytes);
}

static tl_err take_seed(struct witness_state *w, slice name, slice seed)
{
    uint8_t public_key[32];
    memcpy(w->seed, seed.p, sizeof w->seed);
    ed25519_public(w->seed, public_key);
    return cosigner_make(&w->key, name, public_key);
}

/* Takes it apart and writes it again: only what is whole comes out the same. */
static tl_err read_key(struct witness_state *w, slice text)
{
    slice label = slice_str(SEED_LABEL);
    buf bytes, again;
    buf_init_secret(&bytes, KEY_MAX);
    buf_init_secret(&again, KEY_MAX);
    reader r = reader_of(text);
    (void)reader_bytes(&r, label.n);
    size_t plus = 0;
    while (plus < r.rest.n && r.rest.p[plus] != '+')
        plus++;
    slice name = reader_bytes(&r, plus);
    (void)reader_bytes(&r, 1 + 2 * VKEY_ID_SIZE + 1);
    tl_err err = r.rest.n ? base64_read(&bytes, slice_of(r.rest.p, r.rest.n - 1)) : TL_E_KEY;
    if (err == TL_OK && bytes.n != 1 + sizeof w->seed)
        err = TL_E_KEY;
    if (err == TL_OK)
        err = take_seed(w, name, slice_of(bytes.p + 1, sizeof w->seed));
    if (err == TL_OK)
        put_key(&again, &w->key, w->seed);
    if (err == TL_OK && REFUSED(!slice_eq(text, buf_slice(&again))))
        err = TL_E_KEY;
    buf_finish(&again);
    buf_finish(&bytes);
    return err;
}

static tl_err make_key(struct witness_state *w, const char *name, struct tl_why *why)
{
    uint8_t seed[32];
    buf text;
    if (!name)
        return tl_explain(why, TL_E_USAGE, "name",
                          "this is a new witness: give it a name, like example.org/witness, with "
                          "--name");
    buf_init_secret(&text, KEY_MAX);
    tl_err err = random_bytes(seed, sizeof seed);
    if (err == TL_OK)
        err = take_seed(w, slice_str(name), slice_of(seed, sizeof seed));
    if (err == TL_E_KEY)
        err = tl_explain(why, TL_E_USAGE, "name",
                         "a witness's name has 1 to %d bytes, no white space and no plus",
                         NOTE_NAME_MAX);
    if (err == TL_OK) {
        put_key(&text, &w->key, w->seed);
        err = buf_err(&text);
    }
    if (err == TL_OK)
        err = folder_put(w->dir, KEY_FILE, buf_slice(&text), 0600, why);
    secret_wipe(seed, sizeof seed);
    buf_finish(&text);
    return err;
}

static tl_err find_key(struct witness_state *w, const char *name, struct tl_why *why)
{
    buf text;
    buf_init_secret(&text, KEY_MAX);
    tl_err err = folder_get(w->dir, KEY_FILE, &text, why);
    if (err == TL_E_NOT_FOUND) {
        err = make_key(w, name, why);
    } else if (err == TL_OK || err == TL_E_LIMIT) {
        err = err == TL_OK ? read_key(w, buf_slice(&text)) : TL_E_KEY;
        if (err != TL_OK && err != TL_E_MEMORY)
            err = tl_explain(why, TL_E_STORED, NULL,
                             "the file " KEY_FILE " is not a witness's key: put back the right "
                             "one. With another key it is another witness");
        if (err == TL_OK && name && strcmp(name, w->key.name) != 0)
            err = tl_explain(why, TL_E_USAGE, "name", "this witness's name is %s, and stays so",
                             w->key.name);
    }
    buf_finish(&text);
    return err;
}

tl_err witness_state_open(struct witness_state **out, const char *dir, const char *name,
                          struct tl_why *why)
{
    struct witness_state *w = calloc(1, sizeof *w);
    if (!w)
        return TL_E_MEMORY;
    w->dir = -1;
    w->logs = calloc(WITNESS_LOGS_MAX, sizeof *w->logs);
    w->request = malloc(sizeof *w->request);
    tl_err err = w->logs && w->request ? folder_open(&w->dir, dir, 0700, why) : TL_E_MEMORY;
    if (err == TL_OK)
        err = find_key(w, name, why);
    if (err == TL_OK)
        *out = w;
    else
        witness_state_close(w);
    return err;
}

void witness_state_close(struct witness_state *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->count; i++)
        buf_finish(&w->logs[i].note);
    if (w->dir >= 0)
        close(w->dir);
    secret_wipe(w->seed, sizeof w->seed);
    free(w->request);
    free(w->logs);
    free(w);
}

const struct cosigner *witness_state_key(const struct witness_state *w)
{
    return &w->key;
}

/* ---- the logs ---- */

static struct known_log *find(const struct witness_state *w, const hash32 *origin)
{
    for (size_t i = 0; i < w->count; i++)
        if (hash_eq(&w->logs[i].origin, origin))
            return &w->logs[i];
    return NULL;
}

static void file_name(char name[65], const struct known_log *l)
{
    hex_text(name, l->origin.b, sizeof l->origin.b);
}

/* What lies there has our cosignature, or it is not what we wrote. The log's own key may have
 * been changed since. */
static tl_err read_note(const struct witness_state *w, struct known_log *l)
{
    struct checkpoint c;
    uint64_t time;
    struct note *n = malloc(sizeof *n);
    if (!n)
        return TL_E_MEMORY;
    tl_err err = note_read(n, buf_slice(&l->note));
    if (err == TL_OK)
        err = cosignature_verify(n, &w->key, &time);
    if (err == TL_OK)
        err = checkpoint_read_foreign(&c, n->text);
    hash32 origin = err == TL_OK ? sha256(c.origin) : (hash32){{0}};
    if (err == TL_OK && REFUSED(!hash_eq(&origin, &l->origin)))
        err = TL_E_CHECKPOINT;
    if (err == TL_OK) {
        l->state.size = c.size;
        l->state.root = c.root;
    }
    free(n);
    return err;
}

static tl_err load(const struct witness_state *w, struct known_log *l, struct tl_why *why)
{
    char name[65];
    file_name(name, l);
    tl_err err = folder_get(w->dir, name, &l->note, why);
    if (err == TL_E_NOT_FOUND)
        return TL_OK;
    if (err == TL_OK)
        err = read_note(w, l);
    if (err == TL_OK || err == TL_E_IO || err == TL_E_MEMORY)
        return err;
    return tl_explain(why, TL_E_STORED, NULL,
                      "the file %s is not the checkpoint that this witness cosigned last: put back "
                      "the newest copy. Without it this witness would vouch for a second history",
                      name);
}

static tl_err one_key_more(struct known_log *l, const struct note_key *key, struct tl_why *why)
{
    if (l->state.key_count == LOG_KEYS)
        return tl_explain(why, TL_E_LIMIT, "log", "one log has %d keys at most", LOG_KEYS);
    l->keys[l->state.key_count++] = *key;
    return TL_OK;
}

tl_err witness_state_add(struct witness_state *w, const struct note_key *log, struct tl_why *why)
{
    hash32 origin = sha256(slice_str(log->name));
    struct known_log *l = find(w, &origin);
    if (l)
        return one_key_more(l, log, why);
    if (w->count == WITNESS_LOGS_MAX)
        return tl_explain(why, TL_E_LIMIT, "log", "a witness knows %d logs at most",
                          WITNESS_LOGS_MAX);
    l = &w->logs[w->count];
    *l = (struct known_log){.origin = origin, .keys = {*log}};
    l->state = (struct witness_log){.keys = l->keys, .key_count = 1, .root = merkle_empty_root()};
    buf_init(&l->note, NOTE_MAX);
    tl_err err = load(w, l, why);
    if (err == TL_OK)
        w->count++;
    else
        buf_finish(&l->note);
    return err;
}

size_t witness_state_count(const struct witness_state *w)
{
    return w->count;
}

tl_err witness_state_latest(const struct witness_state *w, const hash32 *origin, slice *note)
{
    const struct known_log *l = find(w, origin);
    if (!l || l->note.n == 0)
        return TL_E_NOT_FOUND;
    *note = buf_slice(&l->note);
    return TL_OK;
}

/* ---- cosigning ---- */

/* The text, the lines of the log's keys, and ours: what is kept, and shown to monitors. */
static tl_err make_note(const struct witness_state *w, const struct known_log *l, slice line,
                        buf *out)
{
    const struct note *n = &w->request->note;
    buf_bytes(out, n->text);
    buf_str(out, "\n");
    for (size_t i = 0; i < n->signature_count; i++)
        for (size_t k = 0; k < l->state.key_count; k++)
            if (slice_eq(slice_of(n->signatures[i].id, VKEY_ID_SIZE),
                         slice_of(l->keys[k].id, VKEY_ID_SIZE)) &&
                slice_eq_str(n->signatures[i].name, l->keys[k].name))
                buf_bytes(out, n->signatures[i].line);
    buf_bytes(out, line);
    return buf_err(out);
}

/* Durable first: a witness that forgot what it said would say the contrary. */
static tl_err keep(struct witness_state *w, struct known_log *l, slice line)
{
    char name[65];
    buf note;
    buf_init(&note, NOTE_MAX);
    file_name(name, l);
    tl_err err = make_note(w, l, line, &note);
    if (err == TL_OK)
        err = folder_put(w->dir, name, buf_slice(&note), 0600, NULL);
    if (err != TL_OK) {
        buf_finish(&note);
        return err;
    }
    buf_finish(&l->note);
    l->note = note;
    l->state.size = w->request->checkpoint.size;
    l->state.root = w->request->checkpoint.root;
    return TL_OK;
}

static tl_err cosign(struct witness_state *w, struct known_log *l, uint64_t time, buf *answer)
{
    buf line;
    buf_init(&line, NOTE_MAX);
    tl_err err = cosignature_sign(&line, w->request->note.text, time, &w->key, w->seed);
    if (err == TL_OK)
        err = buf_err(&line);
    if (err == TL_OK)
        err = keep(w, l, buf_slice(&line));
    if (err == TL_OK)
        buf_bytes(answer, buf_slice(&line));
    buf_finish(&line);
    return err == TL_OK ? buf_err(answer) : err;
}

tl_err witness_state_submit(struct witness_state *w, slice body, uint64_t time, int *status,
                            buf *answer)
{
    tl_err err = witness_request_read(w->request, body);
    if (err == TL_E_MEMORY)
        return err;
    if (err != TL_OK) {
        *status = WITNESS_MALFORMED;
        return TL_OK;
    }
    hash32 origin = sha256(w->request->checkpoint.origin);
    struct known_log *l = find(w, &origin);
    if (!l) {
        *status = WITNESS_UNKNOWN;
        return TL_OK;
    }
    enum witness_status judged = witness_judge(&l->state, w->request);
    err = TL_OK;
    if (judged == WITNESS_COSIGNS)
        err = cosign(w, l, time, answer);
    else if (judged == WITNESS_CONFLICT)
        witness_size_put(answer, l->state.size);
    if (err == TL_OK)
        *status = (int)judged;
    return err;
}
