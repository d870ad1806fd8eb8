/* What witnesses, of which any may lie, answer to a log that asks them, in any order and at any
 * time. The input is a script: each step is a byte for what happens, and what it needs. Whatever
 * they say: what is sent is right, none is asked again and again without a pause, and what is
 * handed to the log verifies. */
#include "crypto/sign.h"
#include "fuzz.h"
#include "witness/asking.h"

#define ORIGIN    "fuzz.example/log"
#define WITNESSES 3
#define LEAVES    64
#define ASKED_MAX 12 /* of one witness, while no time passes and the log does not grow */

static struct {
    struct note_key key;
    struct cosigner cosigners[WITNESSES];
    struct tlog_policy *policy;
    hash32 leaves[LEAVES];
    struct note *note;
    struct witness_request *request;
    /* Of one input. */
    struct asking *asking;
    struct asking_now now;
    uint64_t size, cosigned;
    size_t ahead;
    bool frozen;
    enum asking_what what[WITNESSES];
    unsigned asked[WITNESSES];
    buf requests[WITNESSES];
} t;

static void seed_of(uint8_t seed[32], uint8_t which)
{
    memset(seed, which, 32);
}

static void set_up(void)
{
    uint8_t seed[32], public_key[32];
    char name[] = "w0.example";
    buf b;
    seed_of(seed, 7);
    ed25519_public(seed, public_key);
    MUST(note_key_make(&t.key, slice_str(ORIGIN), public_key) == TL_OK);
    buf_init(&b, 4000);
    for (uint8_t i = 0; i < WITNESSES; i++) {
        name[1] = (char)('0' + i);
        seed_of(seed, (uint8_t)(20 + i));
        ed25519_public(seed, public_key);
        MUST(cosigner_make(&t.cosigners[i], slice_str(name), public_key) == TL_OK);
        buf_printf(&b, "witness w%u ", i);
        cosigner_put(&b, &t.cosigners[i]);
        buf_str(&b, " https://example.org\n");
    }
    buf_str(&b, "group g 2 w0 w1 w2\nquorum g\n");
    MUST(tlog_policy_read(&t.policy, buf_slice(&b), NULL) == TL_OK);
    buf_finish(&b);
    for (size_t i = 0; i < LEAVES; i++)
        t.leaves[i] = merkle_leaf_hash(slice_of(&i, 1));
    t.note = malloc(sizeof *t.note);
    t.request = malloc(sizeof *t.request);
    MUST(t.note && t.request);
}

static const struct merkle_nodes *nodes(void)
{
    static struct merkle_leaves tree = {t.leaves, LEAVES};
    static const struct merkle_nodes n = {merkle_leaves_get, &tree};
    return &n;
}

static void put_note(buf *note, uint64_t size, bool fork)
{
    uint8_t seed[32];
    hash32 root;
    seed_of(seed, 7);
    MUST(merkle_root(nodes(), size, &root) == TL_OK);
    root.b[0] = (uint8_t)(root.b[0] ^ fork);
    MUST(checkpoint_sign(note, slice_str(ORIGIN), size, &root, &t.key, seed) == TL_OK);
}

static uint64_t face_size(void *ctx)
{
    (void)ctx;
    return t.size;
}

static tl_err face_prove(void *ctx, uint64_t old, uint64_t size, hash32 path[MERKLE_MAX_PATH],
                         size_t *count)
{
    (void)ctx;
    MUST(old > 0 && old < size && size <= t.size);
    return merkle_prove_consistency(nodes(), old, size, path, count);
}

static tl_err face_checkpoint(void *ctx, uint64_t old, buf *note, uint64_t *size,
                              hash32 path[MERKLE_MAX_PATH], size_t *count)
{
    MUST(old <= t.size);
    put_note(note, t.size, false);
    *size = t.size;
    *count = 0;
    return old == 0 || old == t.size ? TL_OK : face_prove(ctx, old, t.size, path, count);
}

static void face_cosigned(void *ctx, slice note, uint64_t size, const struct tlog_quorum *quorum)
{
    struct checkpoint c;
    struct tlog_quorum q;
    (void)ctx;
    MUST(!t.frozen && size >= t.cosigned && size <= t.size);
    MUST(checkpoint_open(&c, note, &t.key) == TL_OK && c.size == size);
    MUST(note_read(t.note, note) == TL_OK);
    MUST(tlog_policy_judge(&q, t.policy, t.note) == TL_OK && q.met);
    MUST(q.valid == quorum->valid && q.time == quorum->time && q.current == quorum->current);
    t.cosigned = size;
}

static bool face_seen(void *ctx, const char *witness, slice note)
{
    struct checkpoint c;
    hash32 root;
    (void)ctx;
    MUST(witness && checkpoint_open(&c, note, &t.key) == TL_OK);
    MUST(c.size > LEAVES || merkle_root(nodes(), c.size, &root) == TL_OK);
    t.frozen = c.size > t.size || !hash_eq(&c.root, &root);
    return t.frozen;
}

static void face_ahead(void *ctx, size_t count, const char *witness, uint64_t size)
{
    (void)ctx, (void)size;
    MUST(witness && count <= WITNESSES && (count == t.ahead + 1 || count + 1 == t.ahead));
    t.ahead = count;
}

static void face_say(void *ctx, const char *text)
{
    (void)ctx;
    MUST(utf8_valid(slice_str(text)));
}

/* What is sent is of the right form, the log's, and proven. */
static void check_request(size_t i)
{
    hash32 root;
    MUST(witness_request_read(t.request, buf_slice(&t.requests[i])) == TL_OK);
    MUST(merkle_root(nodes(), t.request->old, &root) == TL_OK);
    const struct witness_log log = {&t.key, 1, t.request->old, root};
    MUST(witness_judge(&log, t.request) == WITNESS_COSIGNS);
}

static void turn(void)
{
    asking_turn(t.asking, &t.now);
    for (size_t i = 0; i < WITNESSES; i++) {
        if (t.what[i] != ASKING_NOTHING)
            continue;
        buf_reset(&t.requests[i]);
        t.what[i] = asking_take(t.asking, i, &t.now, &t.requests[i]);
        MUST(t.what[i] == ASKING_NOTHING || (!t.frozen && ++t.asked[i] <= ASKED_MAX));
        if (t.what[i] == ASKING_SUBMIT)
            check_request(i);
    }
    unsigned wait = asking_wait(t.asking, &t.now);
    MUST(wait > 0 && wait <= ASKING_INTERVAL_MS);
}

static void answer(size_t i, unsigned status, slice body)
{
    const struct asking_answer a = {
        .status = status,
        .type = slice_str(WITNESS_SIZE_TYPE),
        .body = body,
        .retry_after_s = status == 429 ? body.n : 0,
        .failure = "no answer",
    };
    if (t.what[i] == ASKING_NOTHING)
        return;
    t.what[i] = ASKING_NOTHING;
    asking_answered(t.asking, i, &t.now, &a);
}

static void cosign(size_t i, uint64_t time)
{
    uint8_t seed[32];
    buf line;
    if (t.what[i] != ASKING_SUBMIT)
        return;
    buf_init(&line, NOTE_MAX);
    seed_of(seed, (uint8_t)(20 + i));
    MUST(witness_request_read(t.request, buf_slice(&t.requests[i])) == TL_OK);
    MUST(cosignature_sign(&line, t.request->note.text, time, &t.cosigners[i], seed) == TL_OK);
    answer(i, 200, buf_slice(&line));
    buf_finish(&line);
}

static void show(size_t i, uint64_t size, bool fork)
{
    buf note;
    buf_init(&note, NOTE_MAX);
    put_note(&note, size % (LEAVES + 1), fork && size % (LEAVES + 1));
    answer(i, 200, buf_slice(&note));
    buf_finish(&note);
}

static void no_longer_at_once(void)
{
    memset(t.asked, 0, sizeof t.asked);
}

static void step(uint8_t what, uint8_t value, slice *in)
{
    static const unsigned statuses[] = {0,   200, 204, 301, 400, 403,   404, 409,
                                        422, 429, 500, 503, 599, 65535, 100, 418};
    size_t i = what % WITNESSES;
    char told[32];
    switch (what / WITNESSES % 7) {
    case 0:
        t.now.ms += value * 16u;
        t.now.s += value % 4u;
        t.now.dice = t.now.dice * 2654435761u + value;
        if (value)
            no_longer_at_once();
        break;
    case 1:
        if (t.size < LEAVES && value % 4)
            t.size++, no_longer_at_once();
        asking_hurry(t.asking);
        break;
    case 2:
        snprintf(told, sizeof told, "%u\n", value % (LEAVES + 4));
        answer(i, 409, slice_str(told));
        break;
    case 3:
        cosign(i, t.now.s + (value > 200 ? value * 100u : 0));
        break;
    case 4:
        show(i, value, what & 128);
        break;
    default:
        answer(i, statuses[value % 16], take_front(in, value / 16u * 16u));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size);
    if (!t.policy)
        set_up();
    const struct witness_log_face face = {.size = face_size,
                                          .checkpoint = face_checkpoint,
                                          .prove = face_prove,
                                          .cosigned = face_cosigned,
                                          .seen = face_seen,
                                          .ahead = face_ahead,
                                          .say = face_say};
    const struct witness_client_options o = {
        .policy = t.policy, .log_key = &t.key, .cosigned = take_front(&in, size > 300 ? 200 : 0)};
    t.now = (struct asking_now){.ms = 1000, .s = FUZZ_TIME};
    t.size = 5;
    t.cosigned = 0;
    t.ahead = 0;
    t.frozen = false;
    memset(t.what, 0, sizeof t.what);
    no_longer_at_once();
    for (size_t i = 0; i < WITNESSES; i++)
        buf_init(&t.requests[i], WITNESS_REQUEST_MAX);
    MUST(asking_new(&t.asking, &o, &face, NULL) == TL_OK);
    turn();
    for (unsigned steps = 0; in.n >= 2 && steps < 300; steps++) {
        slice s = take_front(&in, 2);
        step(s.p[0], s.p[1], &in);
        turn();
    }
    asking_free(t.asking);
    for (size_t i = 0; i < WITNESSES; i++)
        buf_finish(&t.requests[i]);
    return 0;
}
