/* The whole verifier under a fixed policy. Whatever it trusts consists of leaves
 * of the one log that the policy pins, under a checkpoint that the log gave out, and what it
 * takes for the log's answer to a nonce is the one that was given; without a policy it trusts
 * nothing. Besides bytes, whole items are dropped, doubled and
 * moved, with the header's counts put right again. */
#include "codec/cbor.h"
#include "fuzz.h"
#include "teelog/verify.h"
#include "tlog/bundle.h"
#include "tlog/note.h"

#include <jansson.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

/* Within a month of the making of the seeds, as long as their collateral is valid. */
#define VERIFY_TIME UINT64_C(1796000000)
#define LEAVES_MAX  64
#define ITEMS_MAX   64

static struct {
    struct teelog_policy *policy;
    hash32 leaves[LEAVES_MAX];
    size_t count;
    hash32 checkpoint, then; /* of their texts: of all, and of the answer's */
    hash32 answer;           /* of its members from mode to nonce */
} fixed;
static const uint8_t nonce[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static buf load(const char *below)
{
    buf b;
    size_t n;
    buf_init(&b, 1 << 20);
    FILE *f = fopen(below, "rb");
    MUST(f);
    while ((n = fread(buf_grow(&b, 4096), 1, 4096, f)) > 0)
        b.n -= 4096 - n;
    b.n -= 4096;
    (void)fclose(f);
    MUST(buf_err(&b) == TL_OK);
    return b;
}

static hash32 checkpoint_digest(slice bytes)
{
    static struct note n;
    MUST(note_read(&n, bytes) == TL_OK);
    return sha256(n.text);
}

static hash32 answer_digest(const struct fresh *answer)
{
    uint8_t mem[512];
    buf b;
    buf_init_fixed(&b, mem, sizeof mem);
    fresh_put(&b, answer);
    MUST(buf_err(&b) == TL_OK);
    return sha256(buf_slice(&b));
}

/* A bundle that was trusted shows nothing that the log does not hold. Whether it holds
 * the answer. */
static bool must_be_of_the_log(slice in)
{
    struct bundle_reader *r;
    static struct bundle_item item;
    bool more = true, then = false, answered = false;
    MUST(bundle_reader_new(&r, (struct byte_source){slice_source_read, &in}) == TL_OK);
    for (;;) {
        MUST(bundle_next(r, &item, &more) == TL_OK);
        if (!more)
            break;
        if (item.kind == BUNDLE_HEADER) {
            hash32 h = checkpoint_digest(item.u.header.checkpoint);
            then = hash_eq(&h, &fixed.then);
            MUST(then || hash_eq(&h, &fixed.checkpoint));
        } else if (item.kind == BUNDLE_FRESH) {
            hash32 h = answer_digest(&item.u.fresh.answer);
            MUST(then && hash_eq(&h, &fixed.answer));
            answered = true;
        } else if (item.kind == BUNDLE_LEAF) {
            hash32 h = sha256(item.u.leaf.statement);
            MUST(item.u.leaf.index < fixed.count);
            MUST(hash_eq(&h, &fixed.leaves[item.u.leaf.index]));
        }
    }
    bundle_reader_free(r);
    return answered;
}

static enum teelog_verdict verify(slice in, const struct teelog_policy *policy, bool asked)
{
    struct teelog_verify_options o = {.policy = policy,
                                      .time = VERIFY_TIME,
                                      .nonce = asked ? nonce : NULL,
                                      .nonce_size = asked ? sizeof nonce : 0,
                                      .threads = 1,
                                      .read = slice_source_read,
                                      .ctx = &in};
    struct teelog_report *r;
    MUST(teelog_verify(&r, &o) == TL_OK);
    enum teelog_verdict v = teelog_report_verdict(r);
    size_t failed = 0;
    for (size_t i = 0; i < teelog_report_check_count(r); i++)
        failed += !teelog_report_check(r, i)->ok;
    MUST(v != TEELOG_TRUSTED || failed == 0);
    MUST(v != TEELOG_REJECTED || failed > 0);
    char *json = teelog_report_json(r), *text = teelog_report_text(r);
    MUST(json && text && utf8_valid(slice_str(text)));
    json_t *parsed = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
    MUST(parsed);
    MUST(strcmp(json_string_value(json_object_get(parsed, "verdict")), teelog_verdict_name(v)) ==
         0);
    json_decref(parsed);
    free(json);
    free(text);
    char message[200];
    char *pins = teelog_report_policy(r, message, sizeof message);
    MUST(v != TEELOG_REJECTED || !pins);
    free(pins);
    teelog_report_free(r);
    return v;
}

static void learn_answer(void)
{
    buf fresh = load(FUZZ_DIR "/corpus/verify/fresh");
    slice rest = buf_slice(&fresh);
    struct bundle_reader *r;
    struct bundle_item item;
    bool more = true;
    MUST(bundle_reader_new(&r, (struct byte_source){slice_source_read, &rest}) == TL_OK);
    while (bundle_next(r, &item, &more) == TL_OK && more) {
        if (item.kind == BUNDLE_HEADER)
            fixed.then = checkpoint_digest(item.u.header.checkpoint);
        if (item.kind == BUNDLE_FRESH)
            fixed.answer = answer_digest(&item.u.fresh.answer);
    }
    bundle_reader_free(r);
    MUST(verify(buf_slice(&fresh), fixed.policy, true) == TEELOG_TRUSTED);
    buf_finish(&fresh);
}

static void set_up(void)
{
    buf policy = load(FUZZ_DIR "/verify-policy.json"),
        whole = load(FUZZ_DIR "/corpus/verify/whole");
    MUST(teelog_policy_read(&fixed.policy, (const char *)policy.p, policy.n, NULL, 0) == TL_OK);
    slice rest = buf_slice(&whole);
    struct bundle_reader *r;
    struct bundle_item item;
    bool more = true;
    MUST(bundle_reader_new(&r, (struct byte_source){slice_source_read, &rest}) == TL_OK);
    while (bundle_next(r, &item, &more) == TL_OK && more) {
        if (item.kind == BUNDLE_HEADER)
            fixed.checkpoint = checkpoint_digest(item.u.header.checkpoint);
        if (item.kind == BUNDLE_LEAF)
            fixed.leaves[fixed.count++] = sha256(item.u.leaf.statement);
    }
    MUST(!more && fixed.count > 0);
    bundle_reader_free(r);
    MUST(verify(buf_slice(&whole), fixed.policy, false) == TEELOG_TRUSTED);
    learn_answer();
    buf_finish(&policy);
    buf_finish(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!fixed.policy)
        set_up();
    slice in = slice_of(data, size);
    bool trusted = verify(in, fixed.policy, false) == TEELOG_TRUSTED;
    bool answered = trusted && must_be_of_the_log(in);
    /* Asking can only take trust away. */
    MUST((verify(in, fixed.policy, true) == TEELOG_TRUSTED) == answered);
    MUST(verify(in, NULL, false) != TEELOG_TRUSTED);
    return 0;
}

/* The items of a bundle as bytes; 0 where it is not a sequence of few. */
static size_t split(slice in, slice items[ITEMS_MAX])
{
    size_t n = 0;
    cbor c = cbor_of(in);
    while (c.rest.n && n < ITEMS_MAX) {
        items[n] = cbor_item(&c);
        if (c.err != TL_OK || items[n].n < 2)
            return 0;
        n++;
    }
    return c.rest.n ? 0 : n;
}

static void change(slice items[ITEMS_MAX], size_t *n, unsigned seed)
{
    size_t a = seed / 8 % *n, b = seed / 1024 % *n;
    slice moved = items[a];
    switch (seed % 3) {
    case 0: /* drop */
        for ((*n)--; a < *n; a++)
            items[a] = items[a + 1];
        return;
    case 1: /* double, or put another in its place */
        if (*n < ITEMS_MAX && a == b)
            items[(*n)++] = moved;
        else
            items[b] = moved;
        return;
    default: /* exchange */
        items[a] = items[b];
        items[b] = moved;
        return;
    }
}

/* The header, where the first item is one, with the counts of what follows. */
static void put_counted(buf *out, const slice items[ITEMS_MAX], size_t n)
{
    static struct bundle_item header;
    uint64_t counts[8] = {0};
    for (size_t i = 0; i < n; i++)
        counts[items[i].p[1] & 7]++;
    cbor c = cbor_of(items[0]);
    cbor_array_of(&c, 6);
    (void)cbor_uint(&c, 0);
    (void)cbor_uint(&c, 0);
    (void)cbor_uint(&c, BUNDLE_VERSION);
    header.kind = BUNDLE_HEADER;
    header.u.header.scope = cbor_uint(&c, SCOPE_RECORDS);
    header.u.header.checkpoint = cbor_bytes(&c);
    header.u.header.evidence_count = counts[BUNDLE_EVIDENCE];
    header.u.header.leaf_count = counts[BUNDLE_LEAF];
    header.u.header.proof_count = counts[BUNDLE_PROOF];
    header.u.header.anchor_count = counts[BUNDLE_ANCHOR];
    if (c.err == TL_OK)
        bundle_item_put(out, &header);
    else
        buf_bytes(out, items[0]);
    for (size_t i = 1; i < n; i++)
        buf_bytes(out, items[i]);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    slice items[ITEMS_MAX];
    size_t n = seed % 2 ? split(slice_of(data, size), items) : 0;
    if (n < 2)
        return LLVMFuzzerMutate(data, size, max);
    buf out;
    buf_init(&out, max);
    change(items, &n, seed / 2);
    if (n)
        put_counted(&out, items, n);
    if (buf_err(&out) == TL_OK) {
        size = out.n;
        if (size)
            memcpy(data, out.p, size);
    }
    buf_finish(&out);
    return size;
}
