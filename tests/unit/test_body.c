#include "faults.h"
#include "tlog/body.h"

static json_t *vectors;

static int load(void **state)
{
    (void)state;
    vectors = vector_file(test_source("vectors/body.json"));
    return 0;
}

static int unload(void **state)
{
    (void)state;
    json_decref(vectors);
    return 0;
}

static const json_t *vector(const char *name)
{
    return vector_member(vector_member(vectors, "bodies"), name);
}

static struct bytes vector_body(const char *name)
{
    return bytes_of(vector(name), "body");
}

/* Labels of a vector: hex, text or numbers, by the label's type. */
static void same_bytes(slice got, const json_t *labels, const char *label)
{
    assert_hex(got, vector_str(labels, label));
}

static void same_hash(const hash32 *got, const json_t *labels, const char *label)
{
    same_bytes(hash_slice(got), labels, label);
}

static void same_text(slice got, const json_t *labels, const char *label)
{
    assert_slice(got, slice_str(vector_str(labels, label)));
}

static void same_key(const struct cose_ec2 *got, const json_t *labels, const char *label)
{
    const json_t *key = vector_member(labels, label);
    assert_int_equal(got->curve, vector_int(key, "-1"));
    same_bytes(SLICE_ARRAY(got->x), key, "-2");
    same_bytes(SLICE_ARRAY(got->y), key, "-3");
}

static void same_heads(const struct heads *got, const json_t *labels, const char *label)
{
    const json_t *heads = vector_member(labels, label);
    assert_int_equal(got->size, json_integer_value(json_array_get(heads, 0)));
    assert_int_equal(got->n, json_integer_value(json_array_get(heads, 1)));
    assert_hex(hash_slice(&got->root), json_string_value(json_array_get(heads, 2)));
}

static void same_config(const struct body_config *got, const json_t *v)
{
    same_text(got->platform, v, "1");
    if (json_is_null(vector_member(v, "2")))
        assert_null(got->quorum.p);
    else
        same_text(got->quorum, v, "2");
    assert_int_equal(got->faulty, vector_int(v, "3"));
    assert_int_equal(got->degraded_starts, json_is_true(vector_member(v, "4")));
    assert_int_equal(got->bodies_public, json_is_true(vector_member(v, "5")));
    assert_int_equal(got->has_recovery, !json_is_null(vector_member(v, "6")));
    if (got->has_recovery)
        same_key(&got->recovery, v, "6");
    same_text(got->sealing, v, "7");
    unsigned bits = 0;
    const json_t *admissions = vector_member(v, "8");
    for (size_t i = 0; i < json_array_size(admissions); i++)
        bits |= 1u << json_integer_value(json_array_get(admissions, i));
    assert_int_equal(got->admissions, bits);
    assert_int_equal(got->has_command, json_object_get(v, "9") != NULL);
    if (got->has_command)
        same_hash(&got->command, v, "9");
}

/* Ends the writing of a body: it must be the vector's bytes. */
static void assert_written(buf *b, struct bytes want)
{
    assert_ok(buf_err(b));
    assert_slice(buf_slice(b), bytes_slice(want));
    buf_finish(b);
    free(want.p);
}

static void records(void **state)
{
    (void)state;
    static const char *const names[] = {"record", "record with attributes", "record, longest"};
    for (size_t i = 0; i < 3; i++) {
        struct bytes in = vector_body(names[i]);
        const json_t *v = vector_member(vector(names[i]), "labels");
        struct body_record r;
        assert_ok(body_record_read(&r, bytes_slice(in)));
        same_bytes(r.salt, v, "1");
        same_text(r.room_id, v, "2");
        same_text(r.user_id, v, "3");
        same_text(r.content, v, "4");
        if (i == 1)
            same_bytes(r.attributes, vectors, "attributes");
        else
            assert_int_equal(r.attributes.n, 0);
        buf b;
        buf_init(&b, BODY_MAX);
        body_record_put(&b, &r);
        assert_written(&b, in);
    }
}

static void boots(void **state)
{
    (void)state;
    static const char *const names[] = {"genesis", "boot", "successor"};
    for (size_t i = 0; i < 3; i++) {
        struct bytes in = vector_body(names[i]);
        const json_t *v = vector_member(vector(names[i]), "labels");
        struct body_boot r;
        assert_ok(body_boot_read(&r, bytes_slice(in)));
        same_hash(&r.log_id, v, "1");
        same_text(r.log_key, v, "2");
        assert_string_equal(r.key.name, "log.example/teelog-1");
        same_key(&r.service, v, "3");
        same_hash(&r.boot_id, v, "4");
        assert_int_equal(r.size, vector_int(v, "5"));
        same_hash(&r.root, v, "6");
        same_heads(&r.heads, v, "7");
        same_config(&r.config, vector_member(v, "8"));
        hash32 digest = body_config_digest(&r.config);
        assert_true(hash_eq(&r.config_digest, &digest));
        same_hash(&r.evidence, v, "9");
        same_text(r.version, v, "10");
        if (i == 2)
            same_bytes(r.old_note, v, "11");
        else
            assert_int_equal(r.old_note.n, 0);
        buf b;
        buf_init(&b, BODY_MAX);
        body_boot_put(&b, &r);
        assert_written(&b, in);
    }
}

static void configs(void **state)
{
    (void)state;
    static const char *const names[] = {"plain", "full"};
    for (size_t i = 0; i < 2; i++) {
        const json_t *v = vector_member(vector_member(vectors, "configs"), names[i]);
        struct bytes in = bytes_of(v, "config");
        cbor c = cbor_of(bytes_slice(in));
        struct body_config r;
        body_config_read(&c, &r);
        assert_ok(cbor_end(&c));
        same_config(&r, vector_member(v, "labels"));
        hash32 digest = body_config_digest(&r);
        same_hash(&digest, v, "digest");
        buf b;
        buf_init(&b, 1024);
        body_config_put(&b, &r);
        assert_written(&b, in);
    }
}

/* Its texts may be of any length: the digest is that of what is written. */
static void config_of_any_length(void **state)
{
    (void)state;
    static uint8_t text[70000];
    memset(text, 't', sizeof text);
    static const size_t lengths[] = {0, 24, 256, 70000};
    for (size_t i = 0; i < 4; i++) {
        slice s = slice_of(text, lengths[i]);
        struct body_config c = {.platform = s, .quorum = s, .sealing = s, .faulty = TL_INT_MAX};
        c.has_recovery = c.has_command = true;
        c.recovery.curve = COSE_P256;
        c.admissions = 2 | 4 | 8;
        buf b;
        buf_init(&b, 4 * sizeof text);
        body_config_put(&b, &c);
        assert_ok(buf_err(&b));
        cbor r = cbor_of(buf_slice(&b));
        struct body_config again;
        body_config_read(&r, &again);
        assert_ok(cbor_end(&r));
        assert_slice(again.quorum, s);
        hash32 want = sha256(buf_slice(&b)), got = body_config_digest(&c);
        assert_true(hash_eq(&want, &got));
        buf_finish(&b);
    }
}

static void sessions(void **state)
{
    (void)state;
    static const char *const names[] = {"session", "session of a peer"};
    for (size_t i = 0; i < 2; i++) {
        struct bytes in = vector_body(names[i]);
        const json_t *v = vector_member(vector(names[i]), "labels");
        struct body_session r;
        assert_ok(body_session_read(&r, bytes_slice(in)));
        same_key(&r.agent, v, "1");
        assert_int_equal(r.boot, vector_int(v, "2"));
        assert_int_equal(r.size, vector_int(v, "3"));
        same_hash(&r.root, v, "4");
        same_hash(&r.about, v, "5");
        assert_int_equal(r.admission, vector_int(v, "6"));
        const json_t *peer = vector_member(v, "7");
        assert_int_equal(r.has_peer, i == 1);
        if (r.has_peer) {
            assert_hex(hash_slice(&r.peer_evidence), json_string_value(json_array_get(peer, 0)));
            assert_hex(r.peer_spki, json_string_value(json_array_get(peer, 1)));
            assert_hex(r.peer_claims, json_string_value(json_array_get(peer, 2)));
        }
        same_hash(&r.evidence, v, "8");
        buf b;
        buf_init(&b, BODY_MAX);
        body_session_put(&b, &r);
        assert_written(&b, in);
    }
}

static void heads_and_ends(void **state)
{
    (void)state;
    struct bytes in = vector_body("heads");
    struct heads h;
    assert_ok(body_heads_read(&h, bytes_slice(in)));
    same_heads(&h, vector_member(vector("heads"), "labels"), "1");
    buf b;
    buf_init(&b, 1024);
    body_heads_put(&b, &h);
    assert_written(&b, in);
    in = vector_body("end");
    assert_ok(body_end_read(bytes_slice(in)));
    body_end_put(&b);
    assert_written(&b, in);
}

static uint64_t indexes[ERASURE_MAX + 1];

static void erasures(void **state)
{
    (void)state;
    static const char *const names[] = {"erasure", "erasure with reason"};
    for (size_t i = 0; i < 2; i++) {
        struct bytes in = vector_body(names[i]);
        const json_t *v = vector_member(vector(names[i]), "labels");
        const json_t *want = vector_member(v, "1");
        slice reason;
        size_t count;
        assert_ok(body_erasure_read(indexes, &count, &reason, bytes_slice(in)));
        assert_int_equal(count, json_array_size(want));
        for (size_t k = 0; k < count; k++)
            assert_int_equal(indexes[k], json_integer_value(json_array_get(want, k)));
        if (i == 0)
            assert_null(reason.p);
        else
            same_text(reason, v, "2");
        buf b;
        buf_init(&b, 1024);
        body_erasure_put(&b, indexes, count, reason);
        assert_written(&b, in);
    }
}

/* An empty reason is another body than none. */
static void an_empty_reason_is_kept(void **state)
{
    (void)state;
    const uint64_t one = 7;
    slice reason = {NULL, 0};
    size_t count;
    buf b;
    buf_init(&b, 64);
    body_erasure_put(&b, &one, 1, slice_str(""));
    assert_ok(body_erasure_read(indexes, &count, &reason, buf_slice(&b)));
    assert_non_null(reason.p);
    assert_int_equal(reason.n, 0);
    buf_finish(&b);
}

/* One reader a kind, each checked to leave its outputs alone on failure. */
#define READ_INTO(type, reader)                                                                    \
    type v, before;                                                                                \
    memset(&v, 0xa5, sizeof v);                                                                    \
    memcpy(&before, &v, sizeof v);                                                                 \
    tl_err err = reader(&v, s);                                                                    \
    if (err != TL_OK)                                                                              \
        assert_memory_equal(&v, &before, sizeof v);                                                \
    return err

static tl_err record_error(slice s, const json_t *fault)
{
    (void)fault;
    READ_INTO(struct body_record, body_record_read);
}

static tl_err boot_error(slice s, const json_t *fault)
{
    (void)fault;
    READ_INTO(struct body_boot, body_boot_read);
}

static tl_err session_error(slice s, const json_t *fault)
{
    (void)fault;
    READ_INTO(struct body_session, body_session_read);
}

static tl_err heads_error(slice s, const json_t *fault)
{
    (void)fault;
    READ_INTO(struct heads, body_heads_read);
}

static tl_err end_error(slice s, const json_t *fault)
{
    (void)fault;
    return body_end_read(s);
}

static tl_err erasure_error(slice s, const json_t *fault)
{
    (void)fault;
    slice reason = {NULL, 99};
    size_t count = 99;
    indexes[0] = 99;
    tl_err err = body_erasure_read(indexes, &count, &reason, s);
    if (err != TL_OK) {
        assert_int_equal(indexes[0], 99);
        assert_int_equal(count, 99);
        assert_int_equal(reason.n, 99);
    }
    return err;
}

static tl_err attributes_error(slice s, const json_t *fault)
{
    (void)fault;
    return attributes_check(s);
}

static const struct {
    const char *kind, *good;
    size_t faults;
    tl_err (*error)(slice s, const json_t *fault);
} kinds[] = {
    {"record", "record with attributes", 80, record_error},
    {"boot", "successor", 330, boot_error},
    {"session", "session of a peer", 200, session_error},
    {"heads", "heads", 50, heads_error},
    {"end", "end", 5, end_error},
    {"erasure", "erasure with reason", 45, erasure_error},
};

static void refuses_faults(void **state)
{
    (void)state;
    json_t *v = vector_file(test_source("vectors/body_refused.json"));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        check_faults(vector_member(v, kinds[i].kind), kinds[i].faults, kinds[i].error);
    json_decref(v);
    v = vector_file(test_source("vectors/attributes_refused.json"));
    check_faults(v, 25, attributes_error);
    json_decref(v);
    assert_err(attributes_check((slice){NULL, 0}), TL_E_SHORT);
    assert_err(attributes_check(slice_str("\xa1\x61k\x01\x01")), TL_E_TRAILING);
}

static void refuses_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct bytes in = vector_body(kinds[i].good);
        assert_ok(kinds[i].error(bytes_slice(in), NULL));
        for (size_t n = 0; n < in.n; n++) {
            struct bytes cut = bytes_copy(slice_of(in.p, n));
            assert_err(kinds[i].error(bytes_slice(cut), NULL), TL_E_SHORT);
            free(cut.p);
        }
        free(in.p);
    }
}

/* An attributes map of one text, of this many bytes in all. */
static void put_attributes_of(buf *b, size_t size)
{
    static uint8_t text[RECORD_ATTRIBUTES_MAX + 1];
    memset(text, 't', sizeof text);
    size_t head = size > UINT16_MAX + 6 ? 8 : 6; /* a map, "k", and the text's own head */
    cbor_put_map(b, 1);
    cbor_put_str(b, "k");
    cbor_put_text(b, slice_of(text, size - head));
}

static void attributes_limits(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, 2 * RECORD_ATTRIBUTES_MAX);
    put_attributes_of(&b, RECORD_ATTRIBUTES_MAX);
    assert_int_equal(b.n, RECORD_ATTRIBUTES_MAX);
    assert_ok(attributes_check(buf_slice(&b)));
    buf_reset(&b);
    put_attributes_of(&b, RECORD_ATTRIBUTES_MAX + 1);
    assert_int_equal(b.n, RECORD_ATTRIBUTES_MAX + 1);
    assert_err(attributes_check(buf_slice(&b)), TL_E_BODY);
    buf_finish(&b);
}

/* Eight containers within each other, by maps and by arrays. */
static void attributes_depth(void **state)
{
    (void)state;
    static const char *const good[] = {
        "a1616ba1616ba1616ba1616ba1616ba1616ba1616ba1616b01",
        "a1616b8181818181818101",
        "a1616b81818181818180",
        "a1616b818181818181a0",
        "a1616b818181818181a1616bf6",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        size_t n;
        uint8_t *p = test_hex(good[i], &n);
        assert_ok(attributes_check(slice_of(p, n)));
        free(p);
    }
}

static void record_limits(void **state)
{
    (void)state;
    uint8_t *text = malloc(RECORD_CONTENT_MAX + 1);
    assert_non_null(text);
    memset(text, 'c', RECORD_CONTENT_MAX + 1);
    buf attributes, b;
    buf_init(&attributes, RECORD_ATTRIBUTES_MAX);
    put_attributes_of(&attributes, RECORD_ATTRIBUTES_MAX);
    struct body_record r = {
        .salt = slice_of(text, BODY_SALT),
        .room_id = slice_of(text, RECORD_ID_MAX),
        .user_id = slice_of(text, RECORD_ID_MAX),
        .content = slice_of(text, RECORD_CONTENT_MAX),
        .attributes = buf_slice(&attributes),
    };
    buf_init(&b, BODY_MAX); /* the longest body fits */
    body_record_put(&b, &r);
    assert_ok(buf_err(&b));
    assert_ok(record_error(buf_slice(&b), NULL));
    buf_finish(&b);
    buf_init(&b, 2 * BODY_MAX);
    r.content.n++;
    body_record_put(&b, &r);
    assert_err(record_error(buf_slice(&b), NULL), TL_E_BODY);
    buf_reset(&b);
    r.content.n = 0;
    buf_finish(&attributes);
    buf_init(&attributes, RECORD_ATTRIBUTES_MAX + 1);
    put_attributes_of(&attributes, RECORD_ATTRIBUTES_MAX + 1);
    r.attributes = buf_slice(&attributes);
    body_record_put(&b, &r);
    assert_err(record_error(buf_slice(&b), NULL), TL_E_BODY);
    buf_finish(&b);
    buf_finish(&attributes);
    free(text);
}

static void erasure_limits(void **state)
{
    (void)state;
    static uint64_t many[ERASURE_MAX + 1];
    for (size_t i = 0; i <= ERASURE_MAX; i++)
        many[i] = i;
    buf b;
    buf_init(&b, 1 << 20);
    body_erasure_put(&b, many, ERASURE_MAX, (slice){NULL, 0});
    assert_ok(erasure_error(buf_slice(&b), NULL));
    assert_int_equal(indexes[ERASURE_MAX - 1], ERASURE_MAX - 1);
    buf_reset(&b);
    body_erasure_put(&b, many, ERASURE_MAX + 1, (slice){NULL, 0});
    assert_err(erasure_error(buf_slice(&b), NULL), TL_E_BODY);
    buf_finish(&b);
}

/* Writes what it has read, with each allocation failing in turn. */
static void put_again(buf *b, const char *kind, slice s)
{
    if (strcmp(kind, "record") == 0) {
        struct body_record v;
        assert_ok(body_record_read(&v, s));
        body_record_put(b, &v);
    } else if (strcmp(kind, "boot") == 0) {
        struct body_boot v;
        assert_ok(body_boot_read(&v, s));
        body_boot_put(b, &v);
    } else if (strcmp(kind, "session") == 0) {
        struct body_session v;
        assert_ok(body_session_read(&v, s));
        body_session_put(b, &v);
    } else if (strcmp(kind, "heads") == 0) {
        struct heads v;
        assert_ok(body_heads_read(&v, s));
        body_heads_put(b, &v);
    } else if (strcmp(kind, "end") == 0) {
        body_end_put(b);
    } else {
        size_t count;
        slice reason;
        assert_ok(body_erasure_read(indexes, &count, &reason, s));
        body_erasure_put(b, indexes, count, reason);
    }
}

static void putters_survive_failed_allocations(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct bytes in = vector_body(kinds[i].good);
        size_t n = 1;
        for (bool failed = true; failed; n++) {
            buf b;
            buf_init(&b, BODY_MAX);
            test_fail_alloc(n);
            put_again(&b, kinds[i].kind, bytes_slice(in));
            failed = test_alloc_failed();
            test_fail_alloc(0);
            assert_err(buf_err(&b), failed ? TL_E_MEMORY : TL_OK);
            buf_finish(&b);
        }
        assert_true(n > 2); /* one failure at least */
        free(in.p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records),
        cmocka_unit_test(boots),
        cmocka_unit_test(configs),
        cmocka_unit_test(config_of_any_length),
        cmocka_unit_test(sessions),
        cmocka_unit_test(heads_and_ends),
        cmocka_unit_test(erasures),
        cmocka_unit_test(an_empty_reason_is_kept),
        cmocka_unit_test(refuses_faults),
        cmocka_unit_test(refuses_every_cut),
        cmocka_unit_test(attributes_limits),
        cmocka_unit_test(attributes_depth),
        cmocka_unit_test(record_limits),
        cmocka_unit_test(erasure_limits),
        cmocka_unit_test(putters_survive_failed_allocations),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
