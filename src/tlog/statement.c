#include "tlog/statement.h"

#include "base/refuse.h"

#define CWT_ISS              1 /* RFC 8392, inside label 15 (RFC 9597) */
#define CWT_SUB              2
#define LABEL_ALG            1
#define LABEL_KID            4
#define LABEL_CWT_CLAIMS     15
#define LABEL_TYP            16  /* RFC 9596 */
#define LABEL_PAYLOAD_HASH   258 /* RFC 9995 */
#define LABEL_PREIMAGE_TYPE  259
#define LABEL_TEELOG         (-70001) /* private use */
#define HASH_SHA256          (-16)
#define FORMAT_VERSION       1

#define TYP_SERVICE          "application/teelog-service+cose"
#define TYP_STATEMENT        "application/teelog-statement+cose"
#define BODY_CONTENT_TYPE    "application/teelog-body+cbor"
#define RESERVED_TYPE_PREFIX "teelog."

static const char *const kind_types[] = {
    [ST_BOOT] = "teelog.boot",       [ST_HEADS] = "teelog.heads", [ST_ERASURE] = "teelog.erasure",
    [ST_SESSION] = "teelog.session", [ST_END] = "teelog.end",
};

const char *statement_kind_type(enum statement_kind kind)
{
    return kind_types[kind];
}

static bool kind_is_service(enum statement_kind kind)
{
    return kind <= ST_ERASURE;
}

/* Which of section 1's alphabets a byte belongs to. */
#define IN_ID   1
#define IN_TYPE 2

static uint8_t byte_class(uint8_t c)
{
    if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
        return IN_ID | IN_TYPE;
    switch (c) {
    case '.':
    case '_':
    case ':':
    case '/':
    case '-':
        return IN_ID | IN_TYPE;
    case '@':
        return IN_ID;
    case ' ':
        return IN_TYPE;
    default:
        return 0;
    }
}

static bool within(slice s, size_t max, uint8_t alphabet)
{
    if (REFUSED(s.n == 0))
        return false;
    if (REFUSED(s.n > max))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (REFUSED(!(byte_class(s.p[i]) & alphabet)))
            return false;
    return true;
}

bool origin_valid(slice s)
{
    return within(s, SUBJECT_MAX, IN_ID);
}

bool agent_id_valid(slice s, slice origin)
{
    if (REFUSED(slice_eq(s, origin)))
        return false;
    return within(s, SUBJECT_MAX, IN_ID);
}

bool record_type_valid(slice s)
{
    if (REFUSED(slice_starts(s, slice_str(RESERVED_TYPE_PREFIX))))
        return false;
    return within(s, TYPE_MAX, IN_TYPE);
}

/* The kind that a type stands for; false where it is none of section 4's. */
static bool kind_of(slice type, enum statement_kind *out)
{
    for (size_t i = 0; i < sizeof kind_types / sizeof *kind_types; i++) {
        if (slice_eq_str(type, kind_types[i])) {
            *out = (enum statement_kind)i;
            return true;
        }
    }
    *out = ST_RECORD;
    return record_type_valid(type);
}

/* Label -70001: [1, type, seq, time_ms, session, prev, ? ref]. */
static void read_own_label(cbor *c, struct statement *st)
{
    size_t n = cbor_array(c);
    if (REFUSED(n != 6 && n != 7))
        cbor_fail(c, TL_E_STATEMENT);
    if (REFUSED(cbor_uint(c, TL_INT_MAX) != FORMAT_VERSION))
        cbor_fail(c, TL_E_STATEMENT);
    st->type = cbor_text(c);
    st->seq = cbor_uint(c, TL_INT_MAX);
    st->time_ms = cbor_uint(c, TL_INT_MAX);
    st->session = cbor_uint(c, TL_INT_MAX);
    st->has_prev = !cbor_try_null(c);
    if (st->has_prev)
        cbor_bytes_copy(c, st->prev.b, sizeof st->prev.b);
    st->has_ref = n == 7;
    if (st->has_ref)
        st->ref = cbor_uint(c, TL_INT_MAX);
}

static void read_header(cbor *c, struct statement *st)
{
    slice order = {NULL, 0}, claim = {NULL, 0};
    cbor_map_of(c, 7);
    cbor_label_is(c, &order, LABEL_ALG);
    st->alg = cbor_int(c);
    cbor_label_is(c, &order, LABEL_KID);
    cbor_bytes_copy(c, st->kid.b, sizeof st->kid.b);
    cbor_label_is(c, &order, LABEL_CWT_CLAIMS);
    cbor_map_of(c, 2);
    cbor_label_is(c, &claim, CWT_ISS);
    st->origin = cbor_text(c);
    cbor_label_is(c, &claim, CWT_SUB);
    st->subject = cbor_text(c);
    cbor_label_is(c, &order, LABEL_TYP);
    slice typ = cbor_text(c);
    st->service = slice_eq_str(typ, TYP_SERVICE);
    if (REFUSED(!st->service && !slice_eq_str(typ, TYP_STATEMENT)))
        cbor_fail(c, TL_E_STATEMENT);
    cbor_label_is(c, &order, LABEL_PAYLOAD_HASH);
    if (REFUSED(cbor_int(c) != HASH_SHA256))
        cbor_fail(c, TL_E_STATEMENT);
    cbor_label_is(c, &order, LABEL_PREIMAGE_TYPE);
    if (REFUSED(!slice_eq_str(cbor_text(c), BODY_CONTENT_TYPE)))
        cbor_fail(c, TL_E_STATEMENT);
    cbor_label_is(c, &order, LABEL_TEELOG);
    read_own_label(c, st);
}

/* The service key is ES256 (section 1); ES256K is for agents that ask for it. */
static bool alg_allowed(const struct statement *st)
{
    return st->alg == COSE_ES256 || st->alg == COSE_ES256_P256 ||
           (st->alg == COSE_ES256K && !st->service);
}

static bool subject_allowed(const struct statement *st)
{
    return st->service ? slice_eq(st->subject, st->origin)
                       : agent_id_valid(st->subject, st->origin);
}

/* What the header's values must have in common, and sets the kind. */
static tl_err check_agreement(struct statement *st)
{
    if (REFUSED(!kind_of(st->type, &st->kind)))
        return TL_E_STATEMENT;
    if (REFUSED(st->service != kind_is_service(st->kind)))
        return TL_E_STATEMENT;
    if (REFUSED(!alg_allowed(st)))
        return TL_E_STATEMENT;
    if (REFUSED(!origin_valid(st->origin)))
        return TL_E_STATEMENT;
    if (REFUSED(!subject_allowed(st)))
        return TL_E_STATEMENT;
    if (REFUSED(st->has_prev != (st->seq > 0)))
        return TL_E_STATEMENT;
    if (REFUSED(st->has_ref && st->kind != ST_RECORD))
        return TL_E_STATEMENT;
    return TL_OK;
}

/* STATEMENT_MAX needs no check of its own: each field is bounded, and the
 * longest statement that passes is far shorter. */
tl_err statement_read(struct statement *out, slice s)
{
    struct cose_sign1 sign1;
    tl_err err = cose_sign1_read(&sign1, s);
    if (err != TL_OK)
        return err;
    struct statement st = {.protected_header = sign1.protected_header};
    if (REFUSED(sign1.payload.n != sizeof st.payload.b))
        return TL_E_STATEMENT;
    memcpy(st.payload.b, sign1.payload.p, sizeof st.payload.b);
    memcpy(st.signature, sign1.signature.p, sizeof st.signature);
    cbor c = cbor_of(sign1.protected_header);
    read_header(&c, &st);
    err = cbor_end(&c);
    if (err == TL_OK)
        err = check_agreement(&st);
    if (err == TL_OK)
        *out = st;
    return err;
}

/* RFC 9052 section 4.4, in three parts around the header, which is not copied:
 * ["Signature1", protected, h'', payload]. */
hash32 statement_digest(slice protected_header, const hash32 *payload)
{
    uint8_t before_mem[32], after_mem[40];
    buf before, after;
    buf_init_fixed(&before, before_mem, sizeof before_mem);
    cbor_put_array(&before, 4);
    cbor_put_str(&before, "Signature1");
    cbor_put_head(&before, CBOR_BYTES, protected_header.n);
    buf_init_fixed(&after, after_mem, sizeof after_mem);
    cbor_put_bytes(&after, (slice){NULL, 0}); /* external_aad */
    cbor_put_bytes(&after, hash_slice(payload));
    const slice parts[] = {buf_slice(&before), protected_header, buf_slice(&after)};
    return sha256_parts(parts, 3);
}

static void put_own_label(buf *b, const struct statement *st)
{
    cbor_put_array(b, st->has_ref ? 7 : 6);
    cbor_put_uint(b, FORMAT_VERSION);
    cbor_put_text(b, st->type);
    cbor_put_uint(b, st->seq);
    cbor_put_uint(b, st->time_ms);
    cbor_put_uint(b, st->session);
    if (st->has_prev)
        cbor_put_bytes(b, hash_slice(&st->prev));
    else
        cbor_put_null(b);
    if (st->has_ref)
        cbor_put_uint(b, st->ref);
}

void statement_header_put(buf *b, const struct statement *st)
{
    cbor_put_map(b, 7);
    cbor_put_int(b, LABEL_ALG);
    cbor_put_int(b, st->alg);
    cbor_put_int(b, LABEL_KID);
    cbor_put_bytes(b, hash_slice(&st->kid));
    cbor_put_int(b, LABEL_CWT_CLAIMS);
    cbor_put_map(b, 2);
    cbor_put_int(b, CWT_ISS);
    cbor_put_text(b, st->origin);
    cbor_put_int(b, CWT_SUB);
    cbor_put_text(b, st->subject);
    cbor_put_int(b, LABEL_TYP);
    cbor_put_str(b, kind_is_service(st->kind) ? TYP_SERVICE : TYP_STATEMENT);
    cbor_put_int(b, LABEL_PAYLOAD_HASH);
    cbor_put_int(b, HASH_SHA256);
    cbor_put_int(b, LABEL_PREIMAGE_TYPE);
    cbor_put_str(b, BODY_CONTENT_TYPE);
    cbor_put_int(b, LABEL_TEELOG);
    put_own_label(b, st);
}

void statement_put(buf *b, slice protected_header, const hash32 *payload,
                   const uint8_t signature[64])
{
    cose_sign1_put(b, protected_header, hash_slice(payload), signature);
}
