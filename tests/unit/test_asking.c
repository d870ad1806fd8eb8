/* What a log asks its witnesses, when, and what it makes of their answers. */
#include "askedlog.h"

#include "witness/asking.h"

#define NOW 1790000000 /* Unix seconds at the begin of each test */

static struct {
    struct asked_log log;
    struct witness_log_face face;
    struct note_key key;
    struct tlog_policy *policy;
    struct asking *asking;
    struct asking_now now;
    size_t count;
    struct asked_witness witnesses[ASKED_MAX];
    enum asking_what what[ASKED_MAX]; /* what is under way */
    buf requests[ASKED_MAX];
} t;

static const char *base_url = "https://example.org";

static void begin_with(unsigned k, uint8_t n, uint64_t size, slice cosigned)
{
    memset(&t, 0, sizeof t);
    asked_log_init(&t.log, size, 0);
    t.face = asked_face(&t.log);
    t.key = fake_log_key(FAKE_ORIGIN, ASKED_LOG);
    t.policy = asked_policy(k, n, base_url);
    t.now = (struct asking_now){.ms = 1000000, .s = NOW};
    t.count = n;
    for (size_t i = 0; i < n; i++)
        buf_init(&t.requests[i], WITNESS_REQUEST_MAX);
    const struct witness_client_options o = {
        .policy = t.policy, .log_key = &t.key, .cosigned = cosigned};
    assert_ok(asking_new(&t.asking, &o, &t.face, NULL));
    assert_int_equal(asking_count(t.asking), n);
}

static void begin(unsigned k, uint8_t n, uint64_t size)
{
    begin_with(k, n, size, slice_of(NULL, 0));
}

static void end(void)
{
    asking_free(t.asking);
    tlog_policy_free(t.policy);
    asked_log_finish(&t.log);
    for (size_t i = 0; i < t.count; i++)
        buf_finish(&t.requests[i]);
}

/* What the client's thread does. */
static void turn(void)
{
    asking_turn(t.asking, &t.now);
    for (size_t i = 0; i < t.count; i++) {
        if (t.what[i] == ASKING_NOTHING) {
            buf_reset(&t.requests[i]);
            t.what[i] = asking_take(t.asking, i, &t.now, &t.requests[i]);
        } else {
            assert_int_equal(asking_take(t.asking, i, &t.now, &t.requests[i]), ASKING_NOTHING);
        }
    }
}

static void pass(unsigned ms)
{
    t.now.ms += ms;
    t.now.s += ms / 1000;
    turn();
}

static void answer_as(size_t i, unsigned status, const char *type, slice body)
{
    const struct asking_answer a = {
        .status = status, .type = slice_str(type), .body = body, .failure = "connection refused"};
    assert_true(t.what[i] != ASKING_NOTHING);
    t.what[i] = ASKING_NOTHING;
    asking_answered(t.asking, i, &t.now, &a);
}

static void answer(size_t i, unsigned status, const char *body)
{
    answer_as(i, status, WITNESS_SIZE_TYPE, slice_str(body));
    turn();
}

/* As an honest witness does: the status. */
static unsigned honest(size_t i)
{
    buf body;
    buf_init(&body, NOTE_MAX);
    assert_int_equal(t.what[i], ASKING_SUBMIT);
    unsigned status =
        asked_honest(&t.witnesses[i], (uint8_t)(i + 1), buf_slice(&t.requests[i]), t.now.s, &body);
    answer_as(i, status, WITNESS_SIZE_TYPE, buf_slice(&body));
    buf_finish(&body);
    turn();
    return status;
}

static uint64_t number_after(const char *text, slice in)
{
    uint64_t n = 0;
    size_t at = strlen(text), end_at = at;
    assert_true(slice_starts(in, slice_str(text)));
    while (end_at < in.n && in.p[end_at] != '\n')
        end_at++;
    assert_ok(decimal_read(&n, slice_of(in.p + at, end_at - at), UINT64_MAX));
    return n;
}

/* The "old" and the size of the submission that is under way. */
static uint64_t old_of(size_t i)
{
    assert_int_equal(t.what[i], ASKING_SUBMIT);
    return number_after("old ", buf_slice(&t.requests[i]));
}

static uint64_t size_of(size_t i)
{
    struct witness_request *r = malloc(sizeof *r);
    assert_non_null(r);
    assert_int_equal(t.what[i], ASKING_SUBMIT);
    assert_ok(witness_request_read(r, buf_slice(&t.requests[i])));
    uint64_t size = r->checkpoint.size;
    free(r);
    return size;
}

static struct witness_view view(size_t i)
{
    struct witness_view v;
    asking_view(t.asking, i, &v);
    return v;
}

/* The last note that came is whole: the log's, and of so many witnesses. */
static void check_note(uint64_t size, size_t valid)
{
    struct checkpoint c;
    struct tlog_quorum q;
    struct note *n = malloc(sizeof *n);
    assert_non_null(n);
    assert_ok(checkpoint_open(&c, buf_slice(&t.log.note), &t.key));
    assert_ok(note_read(n, buf_slice(&t.log.note)));
    assert_ok(tlog_policy_judge(&q, t.policy, n));
    assert_true(q.met && c.size == size && t.log.cosigned_size == size);
    assert_int_equal(q.valid, valid);
    assert_int_equal(n->signature_count, valid + 1);
    assert_true(q.time == t.log.quorum.time && q.current == t.log.quorum.current &&
                q.valid == t.log.quorum.valid && t.log.quorum.met);
    free(n);
}

/* ---- rounds ---- */

static void quorum(void **state)
{
    (void)state;
    begin(2, 3, 5);
    struct witness_view v = view(0);
    assert_true(!v.good && v.size == 0 && !strcmp(v.name, "w1.example"));
    assert_string_equal(v.url, "https://example.org/w1");
    turn();
    for (size_t i = 0; i < 3; i++)
        assert_true(old_of(i) == 0 && size_of(i) == 5);
    assert_int_equal(t.log.checkpoints, 1);
    assert_int_equal(honest(1), 200);
    assert_int_equal(t.log.cosigned, 0);
    t.now.s++;
    assert_int_equal(honest(0), 200);
    assert_int_equal(t.log.cosigned, 1);
    check_note(5, 2);
    assert_true(t.log.quorum.time == NOW + 1 && t.log.quorum.current == NOW);
    /* The third's line comes late, and the note again. */
    assert_int_equal(honest(2), 200);
    assert_int_equal(t.log.cosigned, 2);
    check_note(5, 3);
    v = view(1);
    assert_true(v.good && v.size == 5 && v.time == NOW && !v.ahead && !v.why[0]);
    /* Nothing to do until it grows. */
    pass(5000);
    assert_int_equal(t.log.checkpoints, 1);
    assert_int_equal(t.log.said, 0);
    end();
}

static void addresses(void **state)
{
    (void)state;
    buf url;
    buf_init(&url, 1000);
    begin(2, 3, 5);
    asking_address(t.asking, 1, ASKING_SUBMIT, &url);
    assert_true(slice_eq_str(buf_slice(&url), "https://example.org/w2/add-checkpoint"));
    buf_reset(&url);
    asking_address(t.asking, 1, ASKING_FETCH, &url);
    /* printf 'log.example/fake' | sha256sum */
    hash32 origin = sha256(slice_str(FAKE_ORIGIN));
    char hex[65], want[200];
    hex_text(hex, origin.b, sizeof origin.b);
    snprintf(want, sizeof want, "https://example.org/w2/%s/checkpoint", hex);
    assert_true(slice_eq_str(buf_slice(&url), want));
    buf_finish(&url);
    end();
}

/* What is appended meanwhile goes along with the next. */
static void batching(void **state)
{
    (void)state;
    begin(2, 3, 5);
    turn();
    t.log.size = 9;
    asking_hurry(t.asking);
    honest(0);
    t.log.size = 12;
    honest(1);
    asking_hurry(t.asking);
    /* The next begins at once: two are free, the third is where it was. */
    assert_true(old_of(0) == 5 && size_of(0) == 12 && size_of(1) == 12 && size_of(2) == 5);
    assert_int_equal(t.log.checkpoints, 2);
    t.log.size = 13;
    honest(0);
    honest(1);
    check_note(12, 2);
    assert_int_equal(t.log.cosigned, 2);
    /* Nobody waits for 13, and who waited for 12 has it: at the end of the interval. */
    assert_int_equal(t.what[0], ASKING_NOTHING);
    assert_in_range(asking_wait(t.asking, &t.now), 1, ASKING_INTERVAL_MS);
    pass(ASKING_INTERVAL_MS - 1);
    assert_int_equal(t.what[0], ASKING_NOTHING);
    pass(1);
    assert_int_equal(size_of(0), 13);
    /* The third is slow: its answer counts for nothing, and it joins where the others are. */
    assert_int_equal(honest(2), 200);
    check_note(12, 2);
    assert_true(view(2).good && view(2).size == 5);
    assert_true(old_of(2) == 5 && size_of(2) == 13);
    assert_int_equal(honest(2), 200);
    honest(0);
    check_note(13, 2);
    assert_int_equal(t.log.cosigned, 3);
    assert_int_equal(t.log.said, 0);
    end();
}

/* All are needed, and no two answer alike: a fast one waits for those that are needed. */
static void no_running_ahead(void **state)
{
    (void)state;
    begin(3, 3, 5);
    turn();
    for (unsigned i = 0; i < 10; i++) {
        uint64_t size = t.log.size;
        t.log.size += 2;
        asking_hurry(t.asking);
        honest(0);
        for (unsigned k = 0; k < 3; k++) {
            pass(ASKING_INTERVAL_MS);
            assert_int_equal(t.what[0], ASKING_NOTHING);
        }
        honest(1);
        pass(ASKING_INTERVAL_MS);
        assert_int_equal(t.log.cosigned, i);
        honest(2);
        assert_int_equal(t.log.cosigned, i + 1);
        check_note(size, 3);
        assert_int_equal(size_of(0), t.log.size);
    }
    end();
}

/* Of 2 of 3, one is down and one slow: the slow one is needed, and joins. */
static void slow_and_needed(void **state)
{
    (void)state;
    begin(2, 3, 5);
    turn();
    honest(0);
    honest(1);
    assert_int_equal(t.log.cosigned, 1);
    t.log.size = 6;
    pass(ASKING_INTERVAL_MS);
    assert_true(size_of(0) == 6 && size_of(1) == 6 && size_of(2) == 5);
    answer(1, 0, "");
    honest(0);
    /* 3 is under way still, with an earlier checkpoint. */
    t.log.size = 7;
    asking_hurry(t.asking);
    turn();
    assert_int_equal(t.what[0], ASKING_NOTHING);
    assert_int_equal(honest(2), 200);
    assert_true(old_of(2) == 5 && size_of(2) == 6);
    assert_int_equal(honest(2), 200);
    check_note(6, 2);
    assert_int_equal(size_of(0), 7);
    end();
}

/* Too few are there: those who are are not asked more often for it, and one that comes back
 * makes the quorum of the round that there is. */
static void no_quorum(void **state)
{
    (void)state;
    begin(2, 3, 5);
    turn();
    answer(1, 0, "");
    answer(2, 503, "");
    honest(0);
    t.log.size = 6;
    asking_hurry(t.asking);
    turn();
    assert_int_equal(t.what[0], ASKING_NOTHING);
    pass(ASKING_INTERVAL_MS);
    assert_true(t.what[0] == ASKING_NOTHING && size_of(1) == 5 && size_of(2) == 5);
    answer(1, 0, "");
    answer(2, 503, "");
    /* This round can have none any more. */
    assert_int_equal(size_of(0), 6);
    honest(0);
    t.log.size = 7;
    while (t.what[1] == ASKING_NOTHING)
        pass(10);
    assert_int_equal(t.log.cosigned, 0);
    assert_true(t.what[0] == ASKING_NOTHING && size_of(1) == 6);
    assert_int_equal(honest(1), 200);
    assert_int_equal(t.log.cosigned, 1);
    check_note(6, 2);
    end();
}

static void refreshed(void **state)
{
    (void)state;
    begin(2, 3, 5);
    turn();
    for (size_t i = 0; i < 3; i++)
        honest(i);
    assert_int_equal(t.log.cosigned, 2);
    pass(ASKING_REFRESH_MS - 1);
    assert_int_equal(t.what[0], ASKING_NOTHING);
    pass(1);
    for (size_t i = 0; i < 3; i++)
        assert_true(old_of(i) == 5 && size_of(i) == 5);
    assert_int_equal(t.log.proofs, 0);
    /* The lines there are stay, until there are newer ones; one new one is no news. */
    assert_int_equal(honest(0), 200);
    assert_int_equal(t.log.cosigned, 2);
    assert_int_equal(honest(1), 200);
    assert_int_equal(t.log.cosigned, 3);
    check_note(5, 3);
    assert_int_equal(t.log.quorum.current, t.now.s);
    end();
}

/* A log without a single entry shows nothing. */
static void empty(void **state)
{
    (void)state;
    begin(1, 1, 0);
    turn();
    assert_int_equal(t.log.checkpoints, 0);
    t.log.size = 1;
    turn();
    assert_int_equal(size_of(0), 1);
    assert_int_equal(honest(0), 200);
    check_note(1, 1);
    end();
}

static void log_fails(void **state)
{
    (void)state;
    begin(2, 3, 5);
    t.log.fails = true;
    turn();
    assert_true(asked_said(&t.log, "the log has no checkpoint"));
    assert_int_equal(t.what[0], ASKING_NOTHING);
    turn();
    assert_int_equal(t.log.checkpoints, 1);
    assert_in_range(asking_wait(t.asking, &t.now), 1, ASKING_INTERVAL_MS);
    pass(ASKING_INTERVAL_MS);
    assert_int_equal(t.log.checkpoints, 2);
    assert_int_equal(t.log.said, 1);
    t.log.fails = false;
    pass(ASKING_INTERVAL_MS);
    /* A proof that it does not give: the witness is asked a little later. */
    t.witnesses[0] = (struct asked_witness){3, asked_log_root(&t.log, 3)};
    t.log.fails = true;
    assert_int_equal(honest(0), 409);
    assert_int_equal(t.what[0], ASKING_NOTHING);
    t.log.fails = false;
    pass(ASKING_INTERVAL_MS);
    assert_int_equal(old_of(0), 3);
    assert_int_equal(honest(0), 200);
    end();
    /* One that ends has nothing to complain of. */
    begin(2, 3, 5);
    t.log.fails_with = TL_E_STOPPING;
    t.log.fails = true;
    turn();
    assert_true(t.log.checkpoints == 1 && t.log.said == 0);
    end();
}

/* What a face should never do. */
static void log_shrinks(void **state)
{
    (void)state;
    for (unsigned known = 0; known < 2; known++) {
        begin(2, 2, 5);
        turn();
        answer(1, 404, "");
        if (known)
            honest(0);
        else
            answer(0, 404, "");
        t.log.size = 4;
        pass(ASKING_REFRESH_MS);
        answer(1, 404, "");
        if (!known)
            answer(0, 404, "");
        t.now.dice = 0;
        turn();
        assert_int_equal(t.log.checkpoints, 2);
        assert_true(asked_said(&t.log, "the log has no checkpoint"));
        assert_int_equal(t.what[0], ASKING_NOTHING);
        end();
    }
}

/* ---- what the disk has ---- */

static void kept(void **state)
{
    (void)state;
    static const struct {
        uint64_t size, old;
        uint8_t log;
        bool broken;
    } cases[] = {
        {7, 7, ASKED_LOG, false},  {9, 9, ASKED_LOG, false},
        {10, 0, ASKED_LOG, false}, /* more than there is */
        {7, 0, 101, false},        /* another's */
        {7, 0, ASKED_LOG, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct asked_log l;
        buf note;
        asked_log_init(&l, 10, 0);
        buf_init(&note, NOTE_MAX);
        hash32 root = asked_log_root(&l, cases[i].size);
        fake_checkpoint(&note, FAKE_ORIGIN, cases[i].log, cases[i].size, &root);
        fake_cosign(&note, 1, NOW - 99999);
        fake_cosign(&note, 3, NOW - 99999);
        if (cases[i].broken)
            buf_str(&note, "x");
        begin_with(2, 3, 9, buf_slice(&note));
        buf_finish(&note);
        asked_log_finish(&l);
        turn();
        assert_true(old_of(0) == cases[i].old && old_of(2) == cases[i].old);
        assert_true(old_of(1) == 0 && size_of(0) == 9);
        /* Its lines count for nothing now. */
        assert_true(t.log.cosigned == 0 && view(0).size == cases[i].old && !view(0).good);
        assert_int_equal(view(0).time, cases[i].old ? NOW - 99999 : 0);
        t.witnesses[0].size = cases[i].old;
        if (cases[i].old)
            t.witnesses[0].root = asked_log_root(&t.log, cases[i].old);
        assert_int_equal(honest(0), 200);
        assert_int_equal(t.log.cosigned, 0);
        end();
    }
}

/* Of a line that fails nothing is believed, and of the others all. */
static void kept_line_fails(void **state)
{
    (void)state;
    struct asked_log l;
    buf note, other;
    asked_log_init(&l, 9, 0);
    buf_init(&note, NOTE_MAX);
    buf_init(&other, NOTE_MAX);
    asked_log_note(&l, 7, &note);
    asked_log_note(&l, 6, &other);
    size_t before = other.n;
    fake_cosign(&other, 1, NOW);
    buf_bytes(&note, slice_of(other.p + before, other.n - before));
    before = note.n;
    fake_cosign(&note, 2, NOW);
    begin_with(2, 3, 9, buf_slice(&note));
    turn();
    assert_true(old_of(0) == 0 && old_of(1) == 7);
    end();
    buf_finish(&note);
    buf_finish(&other);
    asked_log_finish(&l);
}

/* ---- 409 ---- */

static void conflicts(void **state)
{
    (void)state;
    begin(2, 3, 9);
    turn();
    t.witnesses[0] = (struct asked_witness){4, asked_log_root(&t.log, 4)};
    assert_int_equal(honest(0), 409);
    assert_int_equal(old_of(0), 4);
    assert_int_equal(honest(0), 200);
    assert_int_equal(t.log.said, 0);
    /* One that forgets is given the proof from what it has now. */
    t.log.size = 12;
    honest(1);
    honest(2);
    pass(ASKING_INTERVAL_MS);
    assert_int_equal(old_of(0), 9);
    t.witnesses[0] = (struct asked_witness){2, asked_log_root(&t.log, 2)};
    assert_int_equal(honest(0), 409);
    assert_true(asked_said(&t.log, "had 9 entries of this log and says now that it has 2"));
    assert_true(!view(0).good && view(0).why[0] && view(0).size == 9);
    assert_int_equal(old_of(0), 2);
    assert_int_equal(honest(0), 200);
    assert_true(asked_said(&t.log, "witness w1.example cosigns again"));
    assert_true(view(0).good && !view(0).why[0]);
    /* All of it, too. */
    t.witnesses[1] = (struct asked_witness){0};
    assert_int_equal(honest(1), 409);
    assert_int_equal(old_of(1), 0);
    assert_int_equal(honest(1), 200);
    check_note(12, 2);
    assert_true(t.log.seen == 0 && t.log.ahead == 0);
    end();
}

/* No loop with one that never agrees, and no round that it could hold up. */
static void never_agrees(void **state)
{
    (void)state;
    begin(2, 3, 9);
    turn();
    unsigned asked = 0;
    for (; t.what[0] == ASKING_SUBMIT && asked < 100; asked++)
        answer(0, 409, old_of(0) == 3 ? "4\n" : "3\n");
    assert_int_equal(asked, ASKING_CONFLICTS_MAX + 1);
    assert_true(asked_said(&t.log, "says each time that it has another size"));
    assert_false(view(0).good);
    honest(1);
    honest(2);
    check_note(9, 2);
    uint64_t first = 0;
    for (unsigned i = 0; i < 4; i++) {
        uint64_t before = t.now.ms;
        while (t.what[0] == ASKING_NOTHING)
            pass(10);
        uint64_t waited = t.now.ms - before;
        assert_true(waited >= 2 * first);
        first = waited;
        for (asked = 0; t.what[0] == ASKING_SUBMIT && asked < 100; asked++)
            answer(0, 409, old_of(0) == 3 ? "4\n" : "3\n");
        assert_int_equal(asked, ASKING_CONFLICTS_MAX + 1);
    }
    end();
}

static void contradicts(void **state)
{
    (void)state;
    begin(2, 3, 9);
    turn();
    answer(0, 409, "0\n");
    assert_true(asked_said(&t.log, "has 0 entries of this log, as it says, and refuses"));
    assert_int_equal(t.what[0], ASKING_NOTHING);
    assert_true(!view(0).good && !view(0).ahead);
    end();
}

static void odd_conflicts(void **state)
{
    (void)state;
    static const struct {
        const char *type, *body;
        bool good;
    } cases[] = {
        {WITNESS_SIZE_TYPE, "4\n", true},    {"Text/X.tlog.Size; charset=utf-8", "4\n", true},
        {"text/plain", "4\n", false},        {"text/x.tlog.size2", "4\n", false},
        {"text/x.tlog", "4\n", false},       {"", "4\n", false},
        {WITNESS_SIZE_TYPE, "4", false},     {WITNESS_SIZE_TYPE, "", false},
        {WITNESS_SIZE_TYPE, "04\n", false},  {WITNESS_SIZE_TYPE, "-1\n", false},
        {WITNESS_SIZE_TYPE, "4\n\n", false}, {WITNESS_SIZE_TYPE, "99999999999999999999\n", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(2, 3, 9);
        turn();
        answer_as(0, 409, cases[i].type, slice_str(cases[i].body));
        turn();
        assert_int_equal(t.what[0], cases[i].good ? ASKING_SUBMIT : ASKING_NOTHING);
        if (cases[i].good)
            assert_int_equal(old_of(0), 4);
        else
            assert_true(asked_said(&t.log, "answers HTTP 409 without a size"));
        end();
    }
}

/* Somebody else has given it a checkpoint that is newer than the round's: no alarm, and the next
 * round begins as soon as this one has ended. */
static void outgrown(void **state)
{
    (void)state;
    begin(2, 2, 9);
    turn();
    t.log.size = 12;
    t.witnesses[0] = (struct asked_witness){11, asked_log_root(&t.log, 11)};
    assert_int_equal(honest(0), 409);
    assert_true(t.log.ahead == 0 && t.log.said == 0 && view(0).good);
    /* A quorum of this round cannot be any more: the other one is asked anew when it has
     * answered. */
    assert_true(old_of(0) == 11 && size_of(0) == 12 && size_of(1) == 9);
    assert_int_equal(honest(0), 200);
    assert_int_equal(honest(1), 200);
    assert_int_equal(honest(1), 200);
    check_note(12, 2);
    end();
}

/* ---- alarms ---- */

static void give_note(size_t i, struct asked_log *l, uint64_t size)
{
    buf note;
    buf_init(&note, NOTE_MAX);
    asked_log_note(l, size, &note);
    answer_as(i, 200, "text/plain", buf_slice(&note));
    buf_finish(&note);
    turn();
}

static void ahead_and_shown(void **state)
{
    (void)state;
    begin(2, 3, 9);
    turn();
    answer(0, 409, "10\n");
    assert_int_equal(t.what[0], ASKING_FETCH);
    assert_int_equal(t.log.ahead, 0); /* not before it was asked to show it */
    t.log.contradicted = true;
    give_note(0, &t.log, 10);
    assert_int_equal(t.log.seen, 1);
    assert_int_equal(number_after(FAKE_ORIGIN "\n", buf_slice(&t.log.shown)), 10);
    assert_true(asked_said(&t.log, "of this log's own key that contradicts"));
    assert_false(view(0).good);
    /* Frozen: no answer counts, and nothing is asked, whatever happens. */
    honest(1);
    honest(2);
    t.log.size = 20;
    asking_hurry(t.asking);
    for (unsigned i = 0; i < 100; i++)
        pass(ASKING_REFRESH_MS);
    assert_true(t.log.cosigned == 0 && t.log.checkpoints == 1);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(t.what[i], ASKING_NOTHING);
    end();
}

static void ahead_unproven(void **state)
{
    (void)state;
    struct asked_log other;
    asked_log_init(&other, 20, 7);
    begin(2, 3, 9);
    turn();
    for (unsigned i = 0; i < 6; i++) {
        if (i == 1)
            assert_int_equal(t.log.ahead, 1);
        answer(0, 409, "10\n");
        assert_int_equal(t.what[0], ASKING_FETCH);
        if (i == 0)
            answer(0, 404, "");
        else if (i == 1)
            answer(0, 403, "");
        else if (i == 2)
            answer(0, 200, "no note\n\nat all\n");
        else if (i == 3)
            give_note(0, &other, 0); /* our own key, an empty tree: for the log to judge */
        else
            answer(0, 422, "");
        assert_int_equal(t.log.ahead, 1);
        assert_true(t.log.ahead_count == 1 && t.log.ahead_size == 10);
        assert_true(view(0).ahead && !view(0).good && view(0).why[0]);
        if (i == 0)
            assert_true(asked_said(&t.log, "has cosigned 10 entries of this log, which has less"));
        assert_int_equal(t.log.said, 1);
        assert_int_equal(t.what[0], ASKING_NOTHING);
        while (t.what[0] == ASKING_NOTHING)
            pass(1000);
        /* Asked as ever, and nothing else is sent to please it. */
        assert_int_equal(old_of(0), 0);
    }
    assert_int_equal(t.log.seen, 1);
    /* The others go on, and a second one says so too. */
    honest(1);
    answer(2, 409, "11\n");
    answer(2, 404, "");
    assert_true(t.log.ahead == 2 && t.log.ahead_count == 2 && t.log.ahead_size == 11);
    /* The log has grown to what they say: no longer ahead, by a 409 or by a 200. */
    t.log.size = 12;
    answer(0, 409, "10\n");
    assert_true(t.log.ahead == 3 && t.log.ahead_count == 1 && !view(0).ahead);
    while (t.what[2] == ASKING_NOTHING)
        pass(1000);
    assert_int_equal(honest(2), 200);
    assert_true(t.log.ahead == 4 && t.log.ahead_count == 0 && !view(2).ahead);
    assert_true(asked_said(&t.log, "w3.example cosigns again"));
    asked_log_finish(&other);
    end();
}

/* That it could not be looked at is not that it is not shown. */
static void looked_at_again(void **state)
{
    (void)state;
    static const unsigned in_vain[] = {0, 429, 500, 503};
    for (size_t k = 0; k < sizeof in_vain / sizeof in_vain[0]; k++) {
        begin(2, 3, 9);
        turn();
        answer(0, 409, "10\n");
        for (unsigned i = 1; i < ASKING_LOOKS_MAX; i++) {
            answer(0, in_vain[k], "");
            assert_int_equal(t.what[0], ASKING_NOTHING);
            assert_false(view(0).good || view(0).ahead);
            while (t.what[0] == ASKING_NOTHING)
                pass(500);
            assert_int_equal(t.what[0], ASKING_FETCH);
            assert_int_equal(t.log.ahead, 0);
        }
        assert_true(asked_said(&t.log, in_vain[k] ? "cannot show what it has cosigned"
                                                  : "does not answer when it is asked what"));
        if (k == 0) {
            t.log.contradicted = true;
            give_note(0, &t.log, 10);
            assert_true(t.log.seen == 1 && t.log.ahead == 0);
        } else {
            answer(0, in_vain[k], "");
            assert_true(view(0).ahead && t.log.ahead_count == 1);
            while (t.what[0] == ASKING_NOTHING)
                pass(1000);
            assert_int_equal(t.what[0], ASKING_SUBMIT); /* and as ever */
        }
        end();
    }
}

/* Over plain http anybody on the way may say so: that marks the witness, and counts for nothing. */
static void ahead_by_whoever(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        size_t ahead;
    } cases[] = {
        {"https://example.org", 1},
        {"http://127.0.0.1:8080", 1},
        {"http://127.9.8.7/x", 1},
        {"http://localhost", 1},
        {"http://[::1]:80", 1},
        {"http://example.org", 0},
        {"http://128.0.0.1", 0},
        {"http://127.0.0.1.example.org", 0},
        {"http://127.0.0.1@example.org", 0},
        {"http://localhost:1@example.org", 0},
        {"http://[::2]:80", 0},
        {"http://[::1]x", 0},
        {"http://[::1]:x@example.org", 0},
        {"http://localhost.example.org", 0},
        {"http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        base_url = cases[i].url;
        begin(2, 3, 9);
        turn();
        answer(0, 409, "10\n");
        answer(0, 404, "");
        assert_true(view(0).ahead && !view(0).good);
        assert_int_equal(t.log.ahead_count, cases[i].ahead);
        /* Taken back likewise. */
        t.log.size = 10;
        while (t.what[0] == ASKING_NOTHING)
            pass(1000);
        answer(0, 409, "10\n");
        assert_false(view(0).ahead);
        assert_int_equal(t.log.ahead_count, 0);
        assert_int_equal(t.log.ahead, 2 * cases[i].ahead);
        end();
    }
    base_url = "https://example.org";
}

/* A fork: the copy's 10 leaves were cosigned, then the log grew past them. */
static void refused(void **state)
{
    (void)state;
    struct asked_log other;
    asked_log_init(&other, 20, 7);
    begin(2, 3, 12);
    t.witnesses[0] = (struct asked_witness){10, asked_log_root(&other, 10)};
    turn();
    assert_int_equal(honest(0), 409);
    assert_int_equal(old_of(0), 10);
    assert_int_equal(honest(0), 422);
    assert_int_equal(t.what[0], ASKING_FETCH);
    answer(0, 404, "");
    assert_true(t.log.seen == 0 && t.log.ahead == 0);
    assert_true(asked_said(&t.log, "did not only grow (HTTP 422), and shows nothing"));
    assert_true(!view(0).good && !view(0).ahead);
    while (t.what[0] == ASKING_NOTHING)
        pass(1000);
    assert_int_equal(honest(0), 422);
    t.log.contradicted = true;
    give_note(0, &other, 10);
    assert_int_equal(t.log.seen, 1);
    assert_true(asked_said(&t.log, "contradicts this log"));
    asked_log_finish(&other);
    end();
}

/* Another log's note is nothing to us. */
static void shows_another(void **state)
{
    (void)state;
    buf note;
    hash32 root = merkle_empty_root();
    root.b[0] ^= 1;
    begin(2, 3, 9);
    turn();
    t.log.contradicted = true;
    answer(0, 409, "10\n");
    buf_init(&note, NOTE_MAX);
    fake_checkpoint(&note, FAKE_ORIGIN, 101, 10, &root);
    answer_as(0, 200, "", buf_slice(&note));
    assert_true(t.log.seen == 0 && t.log.ahead == 1);
    buf_finish(&note);
    end();
}

/* ---- failures ---- */

static void failures(void **state)
{
    (void)state;
    static const struct {
        unsigned status;
        const char *said;
        unsigned first_ms, most_ms;
    } cases[] = {
        {0, "gives no answer: connection refused", ASKING_RETRY_MS, ASKING_RETRY_MAX_MS},
        {404, "does not know this log (HTTP 404)", ASKING_RETRY_SLOW_MS, 16000},
        {403, "does not know this log (HTTP 403)", ASKING_RETRY_SLOW_MS, 16000},
        {500, "cannot cosign now (HTTP 500)", ASKING_RETRY_MS, ASKING_RETRY_MAX_MS},
        {503, "cannot cosign now (HTTP 503)", ASKING_RETRY_MS, ASKING_RETRY_MAX_MS},
        {599, "cannot cosign now (HTTP 599)", ASKING_RETRY_MS, ASKING_RETRY_MAX_MS},
        {429, "cannot cosign now (HTTP 429)", ASKING_RETRY_MS, ASKING_RETRY_MAX_MS},
        {400, "answers a checkpoint with HTTP 400", ASKING_RETRY_SLOW_MS, ASKING_RETRY_MAX_MS},
        {301, "answers a checkpoint with HTTP 301", ASKING_RETRY_SLOW_MS, ASKING_RETRY_MAX_MS},
        {204, "answers a checkpoint with HTTP 204", ASKING_RETRY_SLOW_MS, ASKING_RETRY_MAX_MS},
        {200, "without a cosignature of its key", ASKING_RETRY_SLOW_MS, ASKING_RETRY_MAX_MS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(1, 3, 9);
        turn();
        uint64_t want = cases[i].first_ms;
        for (unsigned k = 0; k < 12; k++) {
            answer(0, cases[i].status, "");
            assert_int_equal(t.log.said, 1);
            assert_false(view(0).good);
            assert_non_null(strstr(view(0).why, cases[i].said));
            uint64_t before = t.now.ms;
            t.now.dice = 123456789;
            while (t.what[0] == ASKING_NOTHING) {
                unsigned ms = asking_wait(t.asking, &t.now);
                assert_in_range(ms, 1, ASKING_INTERVAL_MS);
                pass(ms);
            }
            assert_in_range(t.now.ms - before, want, want + want / 2);
            want = 2 * want < cases[i].most_ms ? 2 * want : cases[i].most_ms;
        }
        assert_int_equal(honest(0), 200);
        assert_int_equal(t.log.said, 2);
        assert_true(asked_said(&t.log, "witness w1.example cosigns again"));
        assert_true(view(0).good);
        assert_int_equal(t.log.cosigned, 1);
        end();
    }
}

/* The operator of a witness that does not know the log needs its key. */
static void unknown(void **state)
{
    (void)state;
    buf key;
    buf_init(&key, 1000);
    begin(2, 3, 9);
    note_key_put(&key, &t.key);
    buf_u8(&key, 0);
    turn();
    answer(0, 404, "");
    assert_true(asked_said(&t.log, (const char *)key.p));
    assert_null(strstr(view(0).why, FAKE_ORIGIN));
    buf_finish(&key);
    end();
}

static void retry_after(void **state)
{
    (void)state;
    static const struct {
        uint64_t after, least, most;
    } cases[] = {
        {0, ASKING_RETRY_MS, 2 * ASKING_RETRY_MS},
        {20, 20000, 20000},
        {ASKING_RETRY_AFTER_MAX_S, 1000 * ASKING_RETRY_AFTER_MAX_S,
         1000 * ASKING_RETRY_AFTER_MAX_S},
        {UINT64_MAX, 1000 * ASKING_RETRY_AFTER_MAX_S, 1000 * ASKING_RETRY_AFTER_MAX_S},
        {UINT64_MAX / 1000 + 2, 1000 * ASKING_RETRY_AFTER_MAX_S, 1000 * ASKING_RETRY_AFTER_MAX_S},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(1, 1, 9);
        turn();
        const struct asking_answer a = {.status = 429, .retry_after_s = cases[i].after};
        t.what[0] = ASKING_NOTHING;
        asking_answered(t.asking, 0, &t.now, &a);
        uint64_t before = t.now.ms;
        while (t.what[0] == ASKING_NOTHING && t.now.ms - before < 400000)
            pass(asking_wait(t.asking, &t.now));
        assert_in_range(t.now.ms - before, cases[i].least, cases[i].most);
        end();
    }
}

/* A witness that comes and goes is no reason for a line each time. */
static void flapping(void **state)
{
    (void)state;
    begin(1, 3, 9);
    turn();
    honest(0);
    for (unsigned i = 0; i < 20; i++) {
        t.log.size++;
        pass(ASKING_INTERVAL_MS);
        answer(0, 503, "");
        while (t.what[0] == ASKING_NOTHING)
            pass(100);
        honest(0);
    }
    assert_int_equal(t.log.said, 2);
    for (unsigned i = 0; i < ASKING_QUIET_MS / ASKING_INTERVAL_MS; i++)
        pass(ASKING_INTERVAL_MS);
    while (t.what[0] == ASKING_NOTHING)
        pass(100);
    answer(0, 503, "");
    assert_int_equal(t.log.said, 3);
    end();
}

/* ---- cosignatures ---- */

static void give_line(size_t i, uint8_t which, uint64_t time)
{
    buf note;
    buf_init(&note, NOTE_MAX);
    asked_log_note(&t.log, size_of(i), &note);
    size_t before = note.n;
    fake_cosign(&note, which, time);
    answer_as(i, 200, "", slice_of(note.p + before, note.n - before));
    buf_finish(&note);
    turn();
}

/* Nobody speaks for another. */
static void anothers_line(void **state)
{
    (void)state;
    begin(1, 3, 9);
    turn();
    give_line(0, 2, t.now.s);
    assert_true(asked_said(&t.log, "w1.example answers without a cosignature of its key"));
    assert_true(t.log.cosigned == 0 && view(1).size == 0 && view(0).size == 0);
    give_line(1, 2, t.now.s);
    check_note(9, 1);
    end();
}

static void times(void **state)
{
    (void)state;
    static const struct {
        int64_t off;
        bool good;
    } cases[] = {
        {0, true},
        {ASKING_SKEW_S, true},
        {-ASKING_SKEW_S, true},
        {ASKING_SKEW_S + 1, false},
        {-ASKING_SKEW_S - 1, false},
        {INT64_MAX - NOW, false},
        {1 - NOW, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(1, 1, 9);
        turn();
        give_line(0, 1, (uint64_t)(NOW + cases[i].off));
        assert_int_equal(t.log.cosigned, cases[i].good);
        assert_int_equal(view(0).good, cases[i].good);
        if (!cases[i].good) {
            assert_true(asked_said(&t.log, "dates its cosignature"));
            while (t.what[0] == ASKING_NOTHING)
                pass(1000);
            assert_int_equal(old_of(0), 9);
        }
        end();
    }
}

/* ---- policies ---- */

static tl_err new_with(const char *urls[], size_t n, unsigned k, struct tl_why *why)
{
    struct tlog_policy *p = NULL;
    struct asking *a = NULL;
    struct asked_log l;
    struct note_key key = fake_log_key(FAKE_ORIGIN, ASKED_LOG);
    buf b;
    buf_init(&b, 100000);
    asked_log_init(&l, 9, 0);
    for (uint8_t i = 0; i < n; i++) {
        struct cosigner c = fake_cosigner((uint8_t)(i + 1));
        buf_printf(&b, "witness w%u ", i);
        cosigner_put(&b, &c);
        buf_printf(&b, " %s\n", urls[i]);
    }
    if (k == 0)
        buf_str(&b, "quorum none\n");
    else
        buf_printf(&b, "group g %u", k);
    for (uint8_t i = 0; k && i < n; i++)
        buf_printf(&b, " w%u", i);
    buf_str(&b, k ? "\nquorum g\n" : "");
    assert_ok(tlog_policy_read(&p, buf_slice(&b), NULL));
    const struct witness_client_options o = {.policy = p, .log_key = &key};
    const struct witness_log_face face = asked_face(&l);
    tl_err err = asking_new(&a, &o, &face, why);
    if (err == TL_OK) {
        struct witness_view v;
        asking_view(a, 0, &v);
        assert_string_equal(v.url, "http://a.example:1/b");
        asking_view(a, n - 1, &v);
        assert_int_equal(v.url != NULL, urls[n - 1][0] != 0);
    }
    asking_free(a);
    tlog_policy_free(p);
    asked_log_finish(&l);
    buf_finish(&b);
    return err;
}

static void policies(void **state)
{
    (void)state;
    static char too_long[1200];
    memset(too_long, 'a', sizeof too_long - 1);
    memcpy(too_long, "http://", 7);
    static const char good[] = "http://a.example:1/b//";
    const char *pair[] = {good, "https://c"};
    assert_ok(new_with(pair, 2, 2, NULL));
    pair[1] = ""; /* has none, and is not needed */
    assert_ok(new_with(pair, 2, 1, NULL));
    struct tl_why why = {{0}, {0}};
    assert_err(new_with(pair, 2, 2, &why), TL_E_USAGE);
    assert_non_null(strstr(why.text, "no quorum"));
    pair[1] = "https://c";
    memset(&why, 0, sizeof why);
    assert_err(new_with(pair, 2, 0, &why), TL_E_USAGE);
    const char *const bad[] = {"ftp://x",         "c.example",  "http://",     "http:///x",
                               "https://",        "http://a?b", "http://a#b",  "http://a\"b",
                               "http://\xc3\xa9", "https:/x",   "http://a\\b", too_long};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        pair[1] = bad[i];
        memset(&why, 0, sizeof why);
        assert_err(new_with(pair, 2, 1, &why), TL_E_USAGE);
        assert_non_null(strstr(why.text, "w2.example"));
    }
    const char *many[ASKING_MAX + 1];
    for (size_t i = 0; i < ASKING_MAX + 1; i++)
        many[i] = good;
    assert_ok(new_with(many, ASKING_MAX, 40, NULL));
    memset(&why, 0, sizeof why);
    assert_err(new_with(many, ASKING_MAX + 1, 40, &why), TL_E_USAGE);
    assert_non_null(strstr(why.text, "more than 64"));
    many[ASKING_MAX] = "";
    assert_ok(new_with(many, ASKING_MAX + 1, 40, NULL));
}

/* As many as can be: a note with all their lines is still one. */
static void many(void **state)
{
    (void)state;
    begin(ASKING_MAX, ASKING_MAX, 9);
    turn();
    for (size_t i = 0; i < ASKING_MAX; i++)
        honest(i);
    check_note(9, ASKING_MAX);
    end();
}

static void allocations(void **state)
{
    (void)state;
    struct asked_log l;
    asked_log_init(&l, 9, 0);
    const struct witness_log_face face = asked_face(&l);
    struct note_key key = fake_log_key(FAKE_ORIGIN, ASKED_LOG);
    struct tlog_policy *p = asked_policy(2, 3, "http://x");
    const struct witness_client_options o = {.policy = p, .log_key = &key};
    for (size_t i = 1;; i++) {
        struct asking *a = NULL;
        test_fail_alloc(i);
        tl_err err = asking_new(&a, &o, &face, NULL);
        bool failed = test_alloc_failed();
        test_fail_alloc(0);
        asking_free(a);
        if (!failed)
            break;
        assert_true(err == TL_E_MEMORY || err == TL_E_USAGE); /* of a URL */
        assert_null(a);
    }
    tlog_policy_free(p);
    asked_log_finish(&l);
}

/* What an answer is worth does not hang on there being memory just then. */
static void answers_without_memory(void **state)
{
    (void)state;
    buf body;
    buf_init(&body, NOTE_MAX);
    bool failed = true;
    for (size_t i = 1; failed; i++) {
        begin(2, 2, 5);
        turn();
        honest(0);
        buf_reset(&body);
        assert_int_equal(
            asked_honest(&t.witnesses[1], 2, buf_slice(&t.requests[1]), t.now.s, &body), 200);
        test_fail_alloc(i);
        answer_as(1, 200, "", buf_slice(&body));
        failed = test_alloc_failed();
        test_fail_alloc(0);
        if (!failed)
            assert_int_equal(t.log.cosigned, 1);
        for (unsigned k = 0; t.log.cosigned == 0 && k < 100; k++) {
            pass(100);
            if (t.what[1] == ASKING_SUBMIT)
                honest(1);
        }
        assert_int_equal(t.log.cosigned, 1);
        check_note(5, 2);
        end();
    }
    buf_finish(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quorum),
        cmocka_unit_test(addresses),
        cmocka_unit_test(batching),
        cmocka_unit_test(no_running_ahead),
        cmocka_unit_test(slow_and_needed),
        cmocka_unit_test(no_quorum),
        cmocka_unit_test(refreshed),
        cmocka_unit_test(empty),
        cmocka_unit_test(log_fails),
        cmocka_unit_test(log_shrinks),
        cmocka_unit_test(kept),
        cmocka_unit_test(kept_line_fails),
        cmocka_unit_test(conflicts),
        cmocka_unit_test(never_agrees),
        cmocka_unit_test(contradicts),
        cmocka_unit_test(odd_conflicts),
        cmocka_unit_test(outgrown),
        cmocka_unit_test(ahead_and_shown),
        cmocka_unit_test(ahead_unproven),
        cmocka_unit_test(looked_at_again),
        cmocka_unit_test(ahead_by_whoever),
        cmocka_unit_test(refused),
        cmocka_unit_test(shows_another),
        cmocka_unit_test(failures),
        cmocka_unit_test(unknown),
        cmocka_unit_test(retry_after),
        cmocka_unit_test(flapping),
        cmocka_unit_test(anothers_line),
        cmocka_unit_test(times),
        cmocka_unit_test(policies),
        cmocka_unit_test(many),
        cmocka_unit_test(allocations),
        cmocka_unit_test(answers_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
