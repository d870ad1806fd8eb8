/* What a follower knows, as bytes (docs/monitoring.md). */
#include "base/reader.h"
#include "base/refuse.h"
#include "verify/follow_own.h"

#include <stdlib.h>

#define VERSION 1

static uint32_t recent_count(uint64_t leaves)
{
    return leaves < FOLLOW_RECENT ? (uint32_t)leaves : FOLLOW_RECENT;
}

/* ---- out ---- */

static void put_subject(buf *b, const struct follow *f, const struct subject *s)
{
    struct cose_ec2 key;
    cbor_put_array(b, 6);
    cbor_put_text(b, subject_id(s));
    cbor_put_uint(b, s->count);
    cbor_put_uint(b, s->last_index);
    cbor_put_bytes(b, hash_slice(&s->last_hash));
    cbor_put_uint(b, s->sessions);
    if (!s->open || s->boot != f->boot) {
        cbor_put_null(b);
        return;
    }
    sign_key_point(&s->key, &key);
    cbor_put_array(b, 2);
    cbor_put_uint(b, s->session);
    cose_ec2_put(b, &key);
}

/* In the order of their numbers, which recent has. */
static void put_subjects(buf *b, const struct follow *f)
{
    size_t n = f->subjects.count;
    const struct subject **by_number = calloc(n, sizeof *by_number);
    if (!by_number) {
        buf_fail(b, TL_E_MEMORY);
        return;
    }
    for (size_t i = 0; i < n; i++)
        by_number[f->subjects.list[i]->number] = f->subjects.list[i];
    cbor_put_array(b, n);
    for (size_t i = 0; i < n; i++)
        put_subject(b, f, by_number[i]);
    free(by_number);
}

void follow_put(const struct follow *f, buf *b)
{
    uint64_t leaves = f->so_far.leaves;
    uint32_t n = recent_count(leaves);
    cbor_put_array(b, 9);
    cbor_put_uint(b, VERSION);
    cbor_put_uint(b, f->so_far.time_ms);
    cbor_put_uint(b, f->so_far.boots);
    cbor_put_uint(b, f->so_far.sessions);
    cbor_put_uint(b, f->so_far.records);
    cbor_put_uint(b, f->so_far.refs_unseen);
    cbor_put_uint(b, f->heads.work);
    cbor_put_head(b, CBOR_BYTES, (uint64_t)n * 4);
    for (uint64_t i = leaves - n; i < leaves; i++)
        buf_u32be(b, f->recent[i % FOLLOW_RECENT]);
    put_subjects(b, f);
}

/* ---- in ---- */

static tl_err read_key(struct subject *s, cbor *c)
{
    struct cose_ec2 point;
    struct sign_key key;
    cbor_array_of(c, 2);
    s->session = cbor_uint(c, TL_INT_MAX);
    cose_ec2_read(c, &point);
    if (c->err != TL_OK)
        return c->err;
    if (REFUSED(s->session > s->last_index))
        return TL_E_STORED;
    tl_err err = sign_key_public(&key, &point);
    if (err != TL_OK)
        return err;
    s->key = key;
    s->kid = cose_ec2_thumbprint(&point);
    s->open = true;
    return TL_OK;
}

static tl_err read_subject(struct follow *f, cbor *c, uint32_t number, uint64_t leaves)
{
    struct subject *s;
    cbor_array_of(c, 6);
    slice id = cbor_text(c);
    bool own = slice_eq_str(id, f->origin);
    if (c->err != TL_OK)
        return c->err;
    if (REFUSED(own ? number != 0 : !agent_id_valid(id, slice_str(f->origin))))
        return TL_E_STORED;
    tl_err err = subjects_get(&f->subjects, &s, id);
    if (err != TL_OK)
        return err;
    if (REFUSED(s->number != number))
        return TL_E_STORED;
    s->count = cbor_uint(c, leaves);
    s->last_index = cbor_uint(c, leaves - 1);
    cbor_bytes_copy(c, s->last_hash.b, sizeof s->last_hash.b);
    s->sessions = cbor_uint(c, leaves);
    if (c->err != TL_OK)
        return c->err;
    if (REFUSED(s->count == 0 || s->count > s->last_index + 1))
        return TL_E_STORED;
    s->last_seq = s->count - 1;
    return cbor_try_null(c) ? TL_OK : read_key(s, c);
}

/* The origin comes first, and each session is of its boot. */
static tl_err read_subjects(struct follow *f, cbor *c, uint64_t leaves)
{
    uint64_t sum = 0;
    size_t n = cbor_array(c);
    tl_err err = c->err;
    if (err == TL_OK && REFUSED(n == 0 || n > FOLLOW_SUBJECTS_MAX))
        err = TL_E_STORED;
    for (size_t i = 0; i < n && err == TL_OK; i++)
        err = read_subject(f, c, (uint32_t)i, leaves);
    if (err != TL_OK)
        return err;
    for (size_t i = 0; i < n; i++)
        sum += f->subjects.list[i]->count; /* at most FOLLOW_SUBJECTS_MAX times 2^53 */
    if (REFUSED(sum != leaves))
        return TL_E_STORED;
    const struct subject *own = f->subjects.list[0];
    if (REFUSED(!own->open))
        return TL_E_STORED;
    f->boot = own->session;
    for (size_t i = 0; i < n; i++)
        f->subjects.list[i]->boot = f->boot;
    return TL_OK;
}

static tl_err read_recent(struct follow *f, slice bytes, uint64_t leaves)
{
    uint32_t n = recent_count(leaves);
    reader r = reader_of(bytes);
    if (REFUSED(bytes.n != (size_t)n * 4))
        return TL_E_STORED;
    for (uint64_t i = leaves - n; i < leaves; i++)
        f->recent[i % FOLLOW_RECENT] = reader_u32be(&r);
    return TL_OK;
}

static tl_err read_state(struct follow *f, slice bytes, uint64_t leaves)
{
    cbor c = cbor_of(bytes);
    cbor_array_of(&c, 9);
    if (REFUSED(cbor_uint(&c, VERSION) != VERSION))
        cbor_fail(&c, TL_E_STORED);
    f->so_far.leaves = leaves;
    f->so_far.time_ms = cbor_uint(&c, TL_INT_MAX);
    f->so_far.boots = cbor_uint(&c, leaves);
    f->so_far.sessions = cbor_uint(&c, leaves);
    f->so_far.records = cbor_uint(&c, leaves);
    f->so_far.refs_unseen = cbor_uint(&c, leaves);
    f->heads.work = cbor_uint(&c, TL_INT_MAX);
    slice recent = cbor_bytes(&c);
    tl_err err = c.err;
    if (err == TL_OK)
        err = read_recent(f, recent, leaves);
    if (err == TL_OK)
        err = read_subjects(f, &c, leaves);
    return err == TL_OK ? cbor_end(&c) : err;
}

tl_err follow_read(struct follow **out, slice bytes, slice origin, uint64_t leaves,
                   unsigned threads)
{
    struct follow *f = NULL;
    tl_err err = follow_new(&f, origin, threads);
    if (err != TL_OK)
        return err;
    err = read_state(f, bytes, leaves);
    if (err == TL_OK)
        *out = f;
    else
        follow_free(f);
    return err == TL_OK || err == TL_E_MEMORY ? err : TL_E_STORED;
}
