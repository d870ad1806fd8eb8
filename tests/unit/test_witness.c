/* Requests to witnesses, their answers, and what a witness decides. */
#include "fakewitness.h"
#include "vector_json.h"

#include "tlog/witness.h"

#define LEAVES 12
#define LOG    100 /* the byte that the log's key is made of */

static hash32 leaves[LEAVES];
static struct witness_request *request; /* large, so not on the stack */
static buf body;

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEAVES; i++)
        leaves[i] = merkle_leaf_hash(slice_of(&i, 1));
    request = malloc(sizeof *request);
    buf_init(&body, 200000);
    return request ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    free(request);
    buf_finish(&body);
    return 0;
}

static struct merkle_leaves tree = {leaves, LEAVES};
static const struct merkle_nodes nodes = {merkle_leaves_get, &tree};

static hash32 root_at(uint64_t size)
{
    hash32 root;
    assert_ok(merkle_root(&nodes, size, &root));
    return root;
}

static size_t path_between(hash32 path[MERKLE_MAX_PATH], uint64_t old, uint64_t size)
{
    size_t n = 0;
    if (old)
        assert_ok(merkle_prove_consistency(&nodes, old, size, path, &n));
    return n;
}

/* An honest log's request. */
static void ask(uint64_t old, uint64_t size)
{
    hash32 path[MERKLE_MAX_PATH], root = root_at(size);
    size_t n = path_between(path, old, size);
    buf note;
    buf_init(&note, 1000);
    fake_checkpoint(&note, FAKE_ORIGIN, LOG, size, &root);
    buf_reset(&body);
    witness_request_put(&body, old, path, n, buf_slice(&note));
    assert_ok(buf_err(&body));
    buf_finish(&note);
}

static tl_err read_body(void)
{
    return witness_request_read(request, buf_slice(&body));
}

static void forms(void **state)
{
    (void)state;
    ask(5, 12);
    assert_ok(read_body());
    assert_true(request->old == 5 && request->checkpoint.size == 12);
    assert_true(slice_eq_str(request->checkpoint.origin, FAKE_ORIGIN));
    hash32 path[MERKLE_MAX_PATH];
    size_t n = path_between(path, 5, 12);
    assert_int_equal(request->path_count, n);
    assert_memory_equal(request->path, path, n * sizeof path[0]);
    buf again;
    buf_init(&again, 10000);
    witness_request_put(
        &again, request->old, request->path, request->path_count,
        slice_of(request->note.text.p, body.n - (size_t)(request->note.text.p - body.p)));
    assert_true(slice_eq(buf_slice(&again), buf_slice(&body)));
    buf_finish(&again);
    /* Cut anywhere it is none. */
    for (size_t cut = 0; cut < body.n; cut++)
        if (witness_request_read(request, slice_of(body.p, cut)) == TL_OK)
            fail_msg("accepted when cut at %zu", cut);
}

/* old and hashes as given, before a good checkpoint of size 12. */
static tl_err with_lines(const char *lines)
{
    hash32 root = root_at(12);
    buf_reset(&body);
    buf_str(&body, lines);
    fake_checkpoint(&body, FAKE_ORIGIN, LOG, 12, &root);
    return read_body();
}

#define HASH "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static void malformed(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\n",
        "\n\n",
        "old\n\n",
        "old \n\n",
        "old  5\n\n",
        "old 05\n\n",
        "old +5\n\n",
        "old -1\n\n",
        "old 5 \n\n",
        "old 5\r\n\n",
        "Old 5\n\n",
        "new 5\n\n",
        "old 9223372036854775808\n\n",
        "old 13\n\n", /* above the checkpoint's size */
        "old 5\n" HASH " \n\n",
        "old 5\n" HASH "=\n\n",
        "old 5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n\n", /* leftover bits */
        "old 5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n\n", /* 31 bytes */
        "old 5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n\n", /* 33 bytes */
        "old 5\n" HASH "\n",                                       /* no empty line */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (with_lines(bad[i]) == TL_OK)
            fail_msg("accepted: %s", bad[i]);
    assert_ok(with_lines("old 12\n\n"));
    assert_ok(with_lines("old 0\n" HASH "\n\n"));
    char many[5000];
    for (size_t count = MERKLE_MAX_PATH; count <= MERKLE_MAX_PATH + 1; count++) {
        size_t n = (size_t)snprintf(many, sizeof many, "old 5\n");
        for (size_t i = 0; i < count; i++)
            n += (size_t)snprintf(many + n, sizeof many - n, HASH "\n");
        snprintf(many + n, sizeof many - n, "\n");
        assert_err(with_lines(many), count > MERKLE_MAX_PATH ? TL_E_PROOF : TL_OK);
        if (count > MERKLE_MAX_PATH)
            continue;
        assert_int_equal(request->path_count, MERKLE_MAX_PATH);
        assert_true(body.n < WITNESS_REQUEST_MAX);
    }
    /* What stands where the checkpoint belongs. */
    buf_reset(&body);
    buf_str(&body, "old 0\n\n" FAKE_ORIGIN "\n12\n" HASH "\n");
    assert_err(read_body(), TL_E_NOTE);
    buf_reset(&body);
    buf_str(&body, "old 0\n\n" FAKE_ORIGIN "\ntwelve\n" HASH "\n\n\xe2\x80\x94 x AAAAAAE=\n");
    assert_err(read_body(), TL_E_CHECKPOINT);
}

static void sizes(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     "\n",   "5",    "55",   "5\n\n",
                                      "05\n", " 5\n", "5 \n", "-5\n", "9223372036854775808\n"};
    uint64_t size = 77;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (witness_size_read(&size, slice_str(bad[i])) == TL_OK)
            fail_msg("accepted: %s", bad[i]);
    assert_true(size == 77);
    assert_ok(witness_size_read(&size, slice_str("0\n")));
    assert_true(size == 0);
    buf_reset(&body);
    witness_size_put(&body, INT64_MAX);
    assert_ok(witness_size_read(&size, buf_slice(&body)));
    assert_true(size == INT64_MAX);
}

/* What a witness that cosigned size says to the request in body. */
static enum witness_status decide(uint64_t size)
{
    struct note_key key = fake_log_key(FAKE_ORIGIN, LOG);
    struct witness_log log = {&key, 1, size, root_at(size)};
    assert_ok(read_body());
    return witness_judge(&log, request);
}

static void decisions(void **state)
{
    (void)state;
    ask(0, 5);
    assert_int_equal(decide(0), WITNESS_COSIGNS);
    assert_int_equal(decide(5), WITNESS_CONFLICT);
    assert_int_equal(decide(3), WITNESS_CONFLICT);
    ask(5, 12);
    assert_int_equal(decide(5), WITNESS_COSIGNS);
    assert_int_equal(decide(0), WITNESS_CONFLICT);
    assert_int_equal(decide(12), WITNESS_CONFLICT);
    ask(5, 5); /* again, for a newer time */
    assert_int_equal(decide(5), WITNESS_COSIGNS);
    ask(0, 0);
    assert_int_equal(decide(0), WITNESS_COSIGNS);
    ask(0, 1);
    assert_int_equal(decide(0), WITNESS_COSIGNS);
}

/* A 409, and nothing but going on from an older size of one's own may follow from it. */
static void conflicts(void **state)
{
    (void)state;
    assert_int_equal(witness_conflict(0, 12, 5), WITNESS_GO_ON);
    assert_int_equal(witness_conflict(5, 12, 12), WITNESS_GO_ON);
    assert_int_equal(witness_conflict(5, 12, 0), WITNESS_GO_ON); /* it forgot */
    assert_int_equal(witness_conflict(5, 12, 5), WITNESS_CONTRADICTS);
    assert_int_equal(witness_conflict(5, 12, 13), WITNESS_IS_AHEAD);
    assert_int_equal(witness_conflict(0, 0, INT64_MAX), WITNESS_IS_AHEAD);
    assert_int_equal(witness_conflict(13, 12, 13), WITNESS_IS_AHEAD);
}

/* A request as the log makes it, but for path and root. */
static void ask_with(uint64_t old, uint64_t size, const hash32 *path, size_t n, const hash32 *root)
{
    buf note;
    buf_init(&note, 1000);
    fake_checkpoint(&note, FAKE_ORIGIN, LOG, size, root);
    buf_reset(&body);
    witness_request_put(&body, old, path, n, buf_slice(&note));
    buf_finish(&note);
}

static void unproven(void **state)
{
    (void)state;
    hash32 path[MERKLE_MAX_PATH + 1] = {{{0}}}, other = sha256(slice_str("other"));
    hash32 root = root_at(12), five = root_at(5);
    size_t n = path_between(path, 5, 12);
    ask_with(5, 12, path, n, &root);
    assert_int_equal(decide(5), WITNESS_COSIGNS);
    ask_with(5, 12, path, n - 1, &root);
    assert_int_equal(decide(5), WITNESS_REFUSES);
    ask_with(5, 12, path, n + 1, &root); /* a hash too many */
    assert_int_equal(decide(5), WITNESS_REFUSES);
    ask_with(5, 12, path, 0, &root);
    assert_int_equal(decide(5), WITNESS_REFUSES);
    ask_with(5, 12, path, n, &other); /* a fork */
    assert_int_equal(decide(5), WITNESS_REFUSES);
    ask_with(5, 5, path, 0, &other); /* another tree of the same size */
    assert_int_equal(decide(5), WITNESS_REFUSES);
    ask_with(5, 5, path, 1, &five);
    assert_int_equal(decide(5), WITNESS_REFUSES);
    ask_with(0, 12, path, 1, &root); /* from nothing the proof is empty */
    assert_int_equal(decide(0), WITNESS_REFUSES);
    ask_with(0, 0, path, 0, &other); /* no leaves, and a root of some */
    assert_int_equal(decide(0), WITNESS_REFUSES);
}

/* The order of the answers: each request has what is wrong in all later checks too. */
static void order(void **state)
{
    (void)state;
    hash32 path[1] = {{{0}}}, other = sha256(slice_str("other"));
    struct note_key key = fake_log_key(FAKE_ORIGIN, LOG), stranger = fake_log_key(FAKE_ORIGIN, 7);
    struct witness_log log = {&stranger, 1, 3, root_at(3)};
    ask_with(4, 12, path, 1, &other);
    assert_ok(read_body());
    assert_int_equal(witness_judge(NULL, request), WITNESS_UNKNOWN);
    assert_int_equal(witness_judge(&log, request), WITNESS_FORBIDDEN);
    log.keys = &key;
    assert_int_equal(witness_judge(&log, request), WITNESS_CONFLICT);
    log.size = 4;
    assert_int_equal(witness_judge(&log, request), WITNESS_REFUSES);
    log.key_count = 0;
    assert_int_equal(witness_judge(&log, request), WITNESS_FORBIDDEN);
}

/* Lines of strangers are ignored, and a line of a key that is trusted must not fail. */
static void log_keys(void **state)
{
    (void)state;
    struct note_key keys[2] = {fake_log_key(FAKE_ORIGIN, 7), fake_log_key(FAKE_ORIGIN, LOG)};
    struct witness_log log = {keys, 2, 0, root_at(0)};
    uint8_t garbage[68] = {0};
    ask(0, 5);
    note_line_put(&body, slice_str("grease"), SLICE_ARRAY(garbage));
    assert_ok(read_body());
    assert_int_equal(witness_judge(&log, request), WITNESS_COSIGNS);
    memcpy(garbage, keys[0].id, sizeof keys[0].id);
    note_line_put(&body, slice_str(FAKE_ORIGIN), SLICE_ARRAY(garbage));
    assert_ok(read_body());
    assert_int_equal(witness_judge(&log, request), WITNESS_FORBIDDEN);
    log.keys = keys + 1;
    log.key_count = 1;
    assert_int_equal(witness_judge(&log, request), WITNESS_COSIGNS);
}

static void answers(void **state)
{
    (void)state;
    hash32 root = root_at(5);
    uint8_t seed[32];
    uint64_t time = 77;
    struct cosigner w2 = fake_cosigner(2), w9 = fake_cosigner(9);
    buf text, answer, line, own;
    buf_init(&text, 1000);
    buf_init(&answer, 10000);
    buf_init(&line, 10000);
    buf_init(&own, 1000);
    fake_text(&text, FAKE_ORIGIN, 5, &root);
    fake_seed(seed, 9);
    assert_ok(cosignature_sign(&answer, buf_slice(&text), 50, &w9, seed));
    fake_seed(seed, 2);
    assert_ok(cosignature_sign(&own, buf_slice(&text), 60, &w2, seed));
    /* Of two of its own the earlier, in either order; another's is nothing to it, even one
     * that fails. */
    assert_ok(cosignature_sign(&answer, buf_slice(&text), 61, &w2, seed));
    buf_bytes(&answer, buf_slice(&own));
    assert_ok(cosignature_sign(&answer, buf_slice(&text), 62, &w2, seed));
    fake_seed(seed, 9);
    assert_ok(cosignature_sign(&answer, slice_str("another\n"), 60, &w9, seed));
    buf_str(&line, "before\n");
    assert_ok(witness_answer_take(&line, &time, &w2, buf_slice(&text), buf_slice(&answer)));
    assert_int_equal(time, 60);
    assert_true(line.n == 7 + own.n && memcmp(line.p + 7, own.p, own.n) == 0);
    line.n = 7;
    time = 77;
    /* A stranger's alone is no cosignature. */
    buf_reset(&answer);
    assert_ok(cosignature_sign(&answer, buf_slice(&text), 50, &w9, seed));
    assert_err(witness_answer_take(&line, &time, &w2, buf_slice(&text), buf_slice(&answer)),
               TL_E_NOT_FOUND);
    /* One that fails, behind a good one. */
    fake_seed(seed, 2);
    buf_reset(&answer);
    buf_bytes(&answer, buf_slice(&own));
    assert_ok(cosignature_sign(&answer, slice_str("another\n"), 50, &w2, seed));
    assert_err(witness_answer_take(&line, &time, &w2, buf_slice(&text), buf_slice(&answer)),
               TL_E_SIGNATURE);
    /* No lines; and lines that are over another text than they seem to be. */
    static const char *const bad[] = {"", "\n", "5\n", "\xe2\x80\x94 w2.example \n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_err(witness_answer_take(&line, &time, &w2, buf_slice(&text), slice_str(bad[i])),
                   TL_E_NOTE);
    buf longer;
    buf_init(&longer, 1000);
    buf_bytes(&longer, buf_slice(&text));
    buf_str(&longer, "\n");
    buf_reset(&answer);
    buf_str(&answer, "\n");
    assert_ok(cosignature_sign(&answer, buf_slice(&longer), 50, &w2, seed));
    assert_err(witness_answer_take(&line, &time, &w2, buf_slice(&text), buf_slice(&answer)),
               TL_E_NOTE);
    assert_true(time == 77 && line.n == 7);
    buf_finish(&longer);
    buf_finish(&text);
    buf_finish(&answer);
    buf_finish(&line);
    buf_finish(&own);
}

/* Requests in order to one witness, each with the status that it gets. */
static void sequence(const json_t *cases, struct witness_log log, const char *origin)
{
    const struct witness_log fresh = log;
    size_t i, tried = 0;
    json_t *v;
    json_array_foreach(cases, i, v)
    {
        struct witness_log now = json_is_true(json_object_get(v, "fresh_witness")) ? fresh : log;
        enum witness_status got = WITNESS_MALFORMED;
        if (witness_request_read(request, slice_str(vector_str(v, "body"))) == TL_OK) {
            bool known = slice_eq_str(request->checkpoint.origin, origin);
            got = witness_judge(known ? &now : NULL, request);
        }
        uint64_t want = vector_int(v, "status");
        /* The last character of that signature's base64 has bits that do not count, which Go's
         * reader drops. Ours is strict, as everywhere: such a line has no form. */
        if (strcmp(vector_str(v, "name"), "invalid signature") == 0)
            want = WITNESS_MALFORMED;
        if (got != want)
            fail_msg("%s: %d", vector_str(v, "name"), (int)got);
        if (got == WITNESS_COSIGNS) {
            log.size = request->checkpoint.size;
            log.root = request->checkpoint.root;
        }
        if (got == WITNESS_CONFLICT) {
            const json_t *answer = json_object_get(v, "response");
            buf size;
            buf_init(&size, 100);
            witness_size_put(&size, now.size);
            assert_true(slice_eq_str(buf_slice(&size), answer ? json_string_value(answer)
                                                              : vector_str(v, "body_contains")));
            buf_finish(&size);
        }
        tried++;
    }
    assert_true(tried >= 8);
}

static void shared_sequences(void **state)
{
    (void)state;
    const char *path = test_vectors("tlog/generated/checkpoints-and-witness.json");
    if (!path)
        skip();
    json_t *file = vector_file(path);
    struct note_key key;
    struct witness_log log = {&key, 1, 0, merkle_empty_root()};
    assert_ok(note_key_read(&key, slice_str(vector_str(file, "log_vkey"))));
    sequence(vector_member(file, "add_checkpoint"), log, vector_str(file, "origin"));
    json_decref(file);
    path = test_vectors("tlog/sunlight/extracted/add-checkpoint-sequence.json");
    assert_non_null(path);
    file = vector_file(path);
    uint8_t public_key[32];
    vector_bytes(public_key, sizeof public_key, vector_str(file, "log_public_key_hex"));
    assert_ok(note_key_make(&key, slice_str(vector_str(file, "origin")), public_key));
    sequence(vector_member(file, "cases"), log, vector_str(file, "origin"));
    json_decref(file);
}

static void allocations(void **state)
{
    (void)state;
    hash32 root = root_at(5);
    uint64_t time = 77;
    ask(0, 5);
    for (size_t i = 1;; i++) {
        test_fail_alloc(i);
        tl_err err = read_body();
        if (!test_alloc_failed())
            break;
        assert_err(err, TL_E_MEMORY);
    }
    test_fail_alloc(0);
    buf text, answer, lines;
    uint8_t seed[32];
    struct cosigner w2 = fake_cosigner(2);
    buf_init(&text, 1000);
    buf_init(&answer, 10000);
    fake_text(&text, FAKE_ORIGIN, 5, &root);
    fake_seed(seed, 2);
    assert_ok(cosignature_sign(&answer, buf_slice(&text), 60, &w2, seed));
    for (size_t i = 1;; i++) {
        buf_init(&lines, 1000);
        test_fail_alloc(i);
        tl_err err = witness_answer_take(&lines, &time, &w2, buf_slice(&text), buf_slice(&answer));
        bool failed = test_alloc_failed();
        test_fail_alloc(0);
        buf_finish(&lines);
        if (!failed)
            break;
        assert_err(err, TL_E_MEMORY);
        assert_int_equal(time, 77);
    }
    assert_int_equal(time, 60);
    buf_finish(&text);
    buf_finish(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),
        cmocka_unit_test(malformed),
        cmocka_unit_test(sizes),
        cmocka_unit_test(decisions),
        cmocka_unit_test(unproven),
        cmocka_unit_test(order),
        cmocka_unit_test(log_keys),
        cmocka_unit_test(answers),
        cmocka_unit_test(shared_sequences),
        cmocka_unit_test(allocations),
        cmocka_unit_test(conflicts),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
