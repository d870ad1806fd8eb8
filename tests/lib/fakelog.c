#include "fakelog.h"

#include "attest/collateral.h"
#include "attest/ratls.h"
#include "tee/sim_pki.h"
#include "tee/tee.h"
#include "testlib.h"

#include <time.h>

static struct tee *tee;
static char *tee_dir;
static slice collateral; /* kept, see below */

/* An array with room for one more than count: doubled whenever it is full. */
static void *grown(void *array, size_t count, size_t size)
{
    if (count & (count - 1))
        return array;
    return realloc(array, (count ? 2 * count : 1) * size);
}

/* What tests borrow without owning it: freed at the end. */
static void **kept;
static size_t kept_count;

slice fake_keep(slice s)
{
    uint8_t *p = malloc(s.n ? s.n : 1);
    kept = grown(kept, kept_count, sizeof *kept);
    assert_non_null(p);
    assert_non_null(kept);
    if (s.n)
        memcpy(p, s.p, s.n);
    kept[kept_count++] = p;
    return slice_of(p, s.n);
}

static slice keep_buf(buf *b)
{
    assert_ok(buf_err(b));
    slice s = fake_keep(buf_slice(b));
    buf_finish(b);
    return s;
}

void fakelog_done(void)
{
    collateral = (slice){NULL, 0};
    for (size_t i = 0; i < kept_count; i++)
        free(kept[i]);
    free(kept);
    kept = NULL;
    kept_count = 0;
    tee_close(tee);
    tee = NULL;
    if (tee_dir)
        test_rmdir(tee_dir);
    tee_dir = NULL;
}

static void open_tee(void)
{
    struct tl_why why = {0};
    if (tee)
        return;
    tee_dir = test_tmpdir();
    assert_ok(tee_open(&tee, "sim", tee_dir, &why));
}

static hash32 hash_of(const char *what, const char *name)
{
    const slice parts[] = {slice_str(what), slice_str(name)};
    return sha256_parts(parts, 2);
}

struct fakelog *fakelog_new(const char *origin)
{
    open_tee();
    struct fakelog *f = calloc(1, sizeof *f);
    assert_non_null(f);
    snprintf(f->origin, sizeof f->origin, "%s", origin);
    hash32 seed = hash_of("seed", origin);
    uint8_t public_key[32];
    memcpy(f->seed, seed.b, sizeof f->seed);
    ed25519_public(f->seed, public_key);
    assert_ok(note_key_make(&f->log_key, slice_str(origin), public_key));
    buf text;
    buf_init_fixed(&text, (uint8_t *)f->log_key_text, sizeof f->log_key_text - 1);
    note_key_put(&text, &f->log_key);
    f->log_id = hash_of("log_id", origin);
    f->time_ms = 1700000000000;
    f->admission = ADMISSION_CHILD;
    f->alg = COSE_ES256;
    f->config = (struct body_config){
        .platform = slice_str(tee_platform(tee)),
        .sealing = slice_str(tee_sealing(tee)),
        .admissions = 1 << ADMISSION_CHILD,
    };
    fakelog_subject(f, origin);
    return f;
}

void fakelog_free(struct fakelog *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->subject_count; i++)
        sign_key_free(&f->subjects[i].key);
    free(f->subjects);
    free(f->leaves);
    free(f->hashes);
    free(f->evidence);
    free(f);
}

size_t fakelog_subject(struct fakelog *f, const char *id)
{
    for (size_t i = 0; i < f->subject_count; i++)
        if (strcmp(f->subjects[i].id, id) == 0)
            return i;
    f->subjects = grown(f->subjects, f->subject_count, sizeof *f->subjects);
    assert_non_null(f->subjects);
    struct fake_subject *s = &f->subjects[f->subject_count];
    *s = (struct fake_subject){0};
    snprintf(s->id, sizeof s->id, "%s", id);
    return f->subject_count++;
}

static void hook(struct fakelog *f, enum fake_point point, struct fake_step *s)
{
    if (f->hook)
        f->hook(f->hook_ctx, point, s);
}

static hash32 root_of(const struct fakelog *f, uint64_t size)
{
    struct merkle_frontier t = {0};
    for (uint64_t i = 0; i < size; i++)
        merkle_frontier_add(&t, &f->hashes[i]);
    return merkle_frontier_root(&t);
}

/* The heads of the leaves before size, in order; the caller frees. */
static struct head *heads_at(const struct fakelog *f, uint64_t size, size_t *n)
{
    struct head *all = calloc(f->subject_count, sizeof *all);
    assert_non_null(all);
    for (uint64_t i = 0; i < size; i++) {
        struct head *h = &all[f->leaves[i].subject];
        h->subject = slice_str(f->subjects[f->leaves[i].subject].id);
        h->count++;
        h->last_index = i;
        h->last_hash = f->leaves[i].digest;
    }
    *n = 0;
    for (size_t i = 0; i < f->subject_count; i++)
        if (all[i].count)
            all[(*n)++] = all[i];
    qsort(all, *n, sizeof *all, head_cmp);
    return all;
}

static struct heads heads_of(const struct fakelog *f, uint64_t size)
{
    size_t n;
    struct head *all = heads_at(f, size, &n);
    struct merkle_frontier t = {0};
    for (size_t i = 0; i < n; i++) {
        hash32 h = head_leaf_hash(&all[i]);
        merkle_frontier_add(&t, &h);
    }
    free(all);
    return (struct heads){size, n, merkle_frontier_root(&t)};
}

slice fakelog_collateral(void)
{
    buf b;
    if (!collateral.p && tee) {
        buf_init(&b, COLLATERAL_MAX);
        assert_ok(tee_collateral(tee, (uint64_t)time(NULL), &b, NULL));
        collateral = keep_buf(&b);
    }
    return collateral;
}

/* Takes an item over, and gives its digest. */
static hash32 keep_evidence(struct fakelog *f, buf *item)
{
    struct fake_evidence e = {.item = keep_buf(item)};
    e.digest = sha256(e.item);
    f->evidence = grown(f->evidence, f->evidence_count, sizeof e);
    assert_non_null(f->evidence);
    f->evidence[f->evidence_count++] = e;
    return e.digest;
}

/* Quotes, and gives the digest of the evidence item. */
static hash32 quote(struct fakelog *f, struct fake_step *s)
{
    struct tl_why why = {0};
    buf q, item;
    hook(f, FAKE_BINDING, s);
    buf_init(&q, TEE_QUOTE_MAX);
    buf_init(&item, EVIDENCE_MAX);
    assert_ok(tee_quote(tee, s->report_data, &q, NULL, &why));
    s->evidence =
        (struct evidence){.platform = slice_str(tee_platform(tee)), .quote = keep_buf(&q)};
    hook(f, FAKE_EVIDENCE, s);
    evidence_put(&item, &s->evidence);
    return keep_evidence(f, &item);
}

void fakelog_peer(struct fakelog *f, slice spki, struct tee *t, const uint8_t *report_data)
{
    struct es256_key *key;
    uint8_t claims[RATLS_CLAIMS];
    struct fake_step s = {.index = 0};
    buf b, q, item;
    buf_init(&b, 256);
    buf_init(&q, TEE_QUOTE_MAX);
    buf_init(&item, EVIDENCE_MAX);
    assert_ok(es256_generate(&key));
    sim_spki_put(&b, key);
    es256_free(key);
    f->peer.spki = fake_keep(spki.p ? spki : buf_slice(&b));
    buf_finish(&b);
    ratls_claims(claims, f->peer.spki);
    f->peer.claims = fake_keep(SLICE_ARRAY(claims));
    ratls_report_data(s.report_data, f->peer.spki);
    assert_ok(tee_quote(t ? t : tee, report_data ? report_data : s.report_data, &q, NULL, NULL));
    s.evidence =
        (struct evidence){.platform = slice_str(tee_platform(t ? t : tee)), .quote = buf_slice(&q)};
    evidence_put(&item, &s.evidence);
    buf_finish(&q);
    f->peer.evidence = keep_evidence(f, &item);
}

hash32 fake_kid(const struct sign_key *key)
{
    struct cose_ec2 point;
    if (!key->alg)
        return (hash32){{0}};
    sign_key_point(key, &point);
    return cose_ec2_thumbprint(&point);
}

slice fakelog_evidence(const uint8_t report_data[64])
{
    buf q, item;
    buf_init(&q, TEE_QUOTE_MAX);
    buf_init(&item, EVIDENCE_MAX);
    assert_ok(tee_quote(tee, report_data, &q, NULL, NULL));
    const struct evidence e = {.platform = slice_str(tee_platform(tee)), .quote = buf_slice(&q)};
    evidence_put(&item, &e);
    buf_finish(&q);
    return keep_buf(&item);
}

static struct fake_step begin(struct fakelog *f, enum statement_kind kind, size_t subject)
{
    struct fake_subject *s = &f->subjects[subject];
    return (struct fake_step){
        .index = f->count,
        .key = s->key,
        .st =
            {
                .kind = kind,
                .service = kind <= ST_ERASURE,
                .alg = s->key.alg,
                .kid = fake_kid(&s->key),
                .origin = slice_str(f->origin),
                .subject = slice_str(s->id),
                .type = slice_str(kind == ST_RECORD ? "note" : statement_kind_type(kind)),
                .seq = s->count,
                .time_ms = f->time_ms++,
                .session = s->session,
                .has_prev = s->count > 0,
                .prev = s->last_hash,
            },
    };
}

/* Signs and appends. */
static struct fake_leaf *append(struct fakelog *f, size_t subject, struct fake_step *s)
{
    hook(f, FAKE_BODY, s);
    hook(f, FAKE_HEADER, s);
    struct fake_leaf l = {
        .kind = s->st.kind, .subject = subject, .body = s->body, .session = s->st.session};
    hash32 payload = sha256(s->body);
    buf header, statement;
    buf_init(&header, STATEMENT_MAX);
    buf_init(&statement, STATEMENT_MAX);
    statement_header_put(&header, &s->st);
    slice protected_header = keep_buf(&header);
    l.digest = statement_digest(protected_header, &payload);
    struct sign_job job = {.key = s->key, .digest = l.digest};
    sign_jobs(&job, 1);
    assert_true(job.ok);
    memcpy(s->st.signature, job.signature, sizeof job.signature);
    hook(f, FAKE_SIGNED, s);
    statement_put(&statement, protected_header, &payload, s->st.signature);
    l.statement = keep_buf(&statement);
    l.hash = merkle_leaf_hash(l.statement);
    l.boot = f->boot;
    f->leaves = grown(f->leaves, f->count, sizeof l);
    f->hashes = grown(f->hashes, f->count, sizeof l.hash);
    assert_non_null(f->leaves);
    assert_non_null(f->hashes);
    f->leaves[f->count] = l;
    f->hashes[f->count] = l.hash;
    f->subjects[subject].count++;
    f->subjects[subject].last_hash = l.digest;
    return &f->leaves[f->count++];
}

static void new_key(struct fake_subject *s, enum cose_alg alg, uint64_t index)
{
    sign_key_free(&s->key);
    assert_ok(sign_key_generate(&s->key, alg));
    s->session = index;
}

void fakelog_boot(struct fakelog *f)
{
    new_key(&f->subjects[0], COSE_ES256, f->count);
    struct fake_step s = begin(f, ST_BOOT, 0);
    f->boot = f->count;
    s.boot = (struct body_boot){
        .log_id = f->log_id,
        .log_key = slice_str(f->log_key_text),
        .key = f->log_key,
        .boot_id = hash_of("boot", f->origin),
        .size = f->count,
        .root = root_of(f, f->count),
        .heads = heads_of(f, f->count),
        .config = f->config,
        .version = slice_str("test"),
    };
    s.boot.boot_id.b[0] = (uint8_t)f->count;
    sign_key_point(&s.key, &s.boot.service);
    hook(f, FAKE_FIELDS, &s);
    struct boot_binding binding = {
        .origin = slice_str(f->origin),
        .log_id = s.boot.log_id,
        .log_tp = note_key_thumbprint(&s.boot.key),
        .service_tp = cose_ec2_thumbprint(&s.boot.service),
        .boot_id = s.boot.boot_id,
        .size = s.boot.size,
        .root = s.boot.root,
        .config_digest = body_config_digest(&s.boot.config),
    };
    binding_boot(s.report_data, &binding);
    s.boot.evidence = quote(f, &s);
    hook(f, FAKE_MEMBERS, &s);
    buf body;
    buf_init(&body, BODY_MAX);
    body_boot_put(&body, &s.boot);
    s.body = keep_buf(&body);
    struct fake_leaf *l = append(f, 0, &s);
    l->evidence = s.boot.evidence;
    l->size = s.boot.size;
    l->heads = s.boot.heads;
}

void fakelog_session(struct fakelog *f, const char *agent)
{
    size_t subject = fakelog_subject(f, agent);
    new_key(&f->subjects[subject], f->alg, f->count);
    struct fake_step s = begin(f, ST_SESSION, subject);
    s.session = (struct body_session){
        .boot = f->boot,
        .size = f->count,
        .root = root_of(f, f->count),
        .about = hash_of("about", agent),
        .admission = f->admission,
    };
    if (f->admission == ADMISSION_ATTESTED) {
        if (!f->peer.spki.p)
            fakelog_peer(f, (slice){NULL, 0}, NULL, NULL);
        s.session.has_peer = true;
        s.session.peer_evidence = f->peer.evidence;
        s.session.peer_spki = f->peer.spki;
        s.session.peer_claims = f->peer.claims;
    }
    if (f->boot < f->count)
        s.boot_leaf = f->hashes[f->boot];
    sign_key_point(&s.key, &s.session.agent);
    hook(f, FAKE_FIELDS, &s);
    struct session_binding binding = {
        .origin = slice_str(f->origin),
        .log_tp = note_key_thumbprint(&f->log_key),
        .boot_leaf = s.boot_leaf,
        .agent = slice_str(f->subjects[subject].id),
        .agent_tp = cose_ec2_thumbprint(&s.session.agent),
        .alg = s.st.alg,
        .size = s.session.size,
        .root = s.session.root,
    };
    binding_session(s.report_data, &binding);
    s.session.evidence = quote(f, &s);
    hook(f, FAKE_MEMBERS, &s);
    buf body;
    buf_init(&body, BODY_MAX);
    body_session_put(&body, &s.session);
    s.body = keep_buf(&body);
    struct fake_leaf *l = append(f, subject, &s);
    l->evidence = s.session.evidence;
    l->peer = s.session.peer_evidence;
    l->size = s.session.size;
}

static void record(struct fakelog *f, const char *agent, const char *content, const uint64_t *ref)
{
    size_t subject = fakelog_subject(f, agent);
    struct fake_step s = begin(f, ST_RECORD, subject);
    hash32 salt = hash_of("salt", content);
    salt.b[0] = (uint8_t)f->count;
    s.st.has_ref = ref != NULL;
    s.st.ref = ref ? *ref : 0;
    s.record = (struct body_record){
        .salt = slice_of(salt.b, BODY_SALT),
        .room_id = slice_str("room"),
        .user_id = slice_str("user"),
        .content = slice_str(content),
    };
    hook(f, FAKE_FIELDS, &s);
    buf body;
    buf_init(&body, BODY_MAX);
    body_record_put(&body, &s.record);
    s.body = keep_buf(&body);
    append(f, subject, &s);
}

void fakelog_record(struct fakelog *f, const char *agent, const char *content)
{
    record(f, agent, content, NULL);
}

void fakelog_answer(struct fakelog *f, const char *agent, const char *content, uint64_t ref)
{
    record(f, agent, content, &ref);
}

void fakelog_end(struct fakelog *f, const char *agent)
{
    size_t subject = fakelog_subject(f, agent);
    struct fake_step s = begin(f, ST_END, subject);
    buf body;
    buf_init(&body, BODY_MAX);
    body_end_put(&body);
    s.body = keep_buf(&body);
    append(f, subject, &s);
}

void fakelog_heads(struct fakelog *f)
{
    struct fake_step s = begin(f, ST_HEADS, 0);
    s.heads = heads_of(f, f->count);
    hook(f, FAKE_FIELDS, &s);
    buf body;
    buf_init(&body, BODY_MAX);
    body_heads_put(&body, &s.heads);
    s.body = keep_buf(&body);
    append(f, 0, &s)->heads = s.heads;
}

void fakelog_erasure(struct fakelog *f, const uint64_t *indexes, size_t count)
{
    struct fake_step s = begin(f, ST_ERASURE, 0);
    s.erased_count = count;
    memcpy(s.erased, indexes, count * sizeof *indexes);
    hook(f, FAKE_FIELDS, &s);
    buf body;
    buf_init(&body, BODY_MAX);
    body_erasure_put(&body, s.erased, s.erased_count, (slice){NULL, 0});
    s.body = keep_buf(&body);
    append(f, 0, &s);
}

slice fakelog_checkpoint(const struct fakelog *f, uint64_t size)
{
    buf b;
    buf_init(&b, NOTE_MAX);
    hash32 root = root_of(f, size);
    assert_ok(checkpoint_sign(&b, slice_str(f->origin), size, &root, &f->log_key, f->seed));
    return keep_buf(&b);
}
