#include "attest/ratls.h"

#include "attest/x509.h"
#include "base/calendar.h"
#include "base/refuse.h"
#include "codec/cbor.h"

#include <stdarg.h>
#include <stdio.h>

#define DICE_TAG       60000 /* Intel's "TEE evidence", in IANA's registry of CBOR tags */
#define CMW_ENDORSES   2     /* bits of the indicator, RFC 9999 */
#define CMW_EVIDENCE   4
#define CMW_ITEM       "application/teelog-evidence+cbor"
#define CMW_COLLATERAL "application/teelog-collateral+json"

const uint8_t ratls_oid_dice[6] = {0x67, 0x81, 0x05, 0x05, 0x04, 0x09}; /* 2.23.133.5.4.9 */
const uint8_t ratls_oid_cmw[8] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x23}; /* id-pe 35 */
/* A whole OID in the place of its contents, as Gramine writes it. */
static const uint8_t oid_legacy[11] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                       0xf8, 0x4d, 0x8a, 0x39, 0x06};

/* {"pubkey-hash": << [1, h'…'] >>}; 1 is SHA-256 in IANA's registry of named information
 * hashes. */
static const uint8_t claims_head[RATLS_CLAIMS - 32] = {0xa1, 0x6b, 'p',  'u',  'b', 'k', 'e',
                                                       'y',  '-',  'h',  'a',  's', 'h', 0x58,
                                                       0x24, 0x82, 0x01, 0x58, 0x20};

void ratls_claims(uint8_t out[RATLS_CLAIMS], slice spki)
{
    hash32 key = sha256(spki);
    memcpy(out, claims_head, sizeof claims_head);
    memcpy(out + sizeof claims_head, key.b, sizeof key.b);
}

void ratls_report_data(uint8_t out[64], slice spki)
{
    uint8_t claims[RATLS_CLAIMS];
    ratls_claims(claims, spki);
    hash32 digest = sha256(SLICE_ARRAY(claims));
    memcpy(out, digest.b, sizeof digest.b);
    memset(out + sizeof digest.b, 0, 64 - sizeof digest.b);
}

void ratls_dice_put(buf *b, slice quote, slice spki)
{
    uint8_t claims[RATLS_CLAIMS];
    ratls_claims(claims, spki);
    cbor_put_tag(b, DICE_TAG);
    cbor_put_array(b, 2);
    cbor_put_bytes(b, quote);
    cbor_put_bytes(b, SLICE_ARRAY(claims));
}

static void put_record(buf *b, const char *label, const char *type, slice value, uint64_t indicator)
{
    cbor_put_str(b, label);
    cbor_put_array(b, 3);
    cbor_put_str(b, type);
    cbor_put_bytes(b, value);
    cbor_put_uint(b, indicator);
}

void ratls_cmw_put(buf *b, const struct evidence *item, slice collateral)
{
    buf bytes;
    buf_init(&bytes, EVIDENCE_MAX);
    evidence_put(&bytes, item);
    size_t start = der_begin(b);
    cbor_put_map(b, collateral.p ? 2 : 1);
    put_record(b, "evidence", CMW_ITEM, buf_slice(&bytes), CMW_EVIDENCE);
    if (collateral.p)
        put_record(b, "collateral", CMW_COLLATERAL, collateral, CMW_ENDORSES);
    der_end(b, start, DER_OCTET_STRING);
    if (buf_err(&bytes) != TL_OK)
        buf_fail(b, buf_err(&bytes));
    buf_finish(&bytes);
}

/* ---- reading ---- */

static void text_is(cbor *c, const char *text)
{
    if (REFUSED(!slice_eq_str(cbor_text(c), text)))
        cbor_fail(c, TL_E_CERT);
}

static slice record(cbor *c, const char *label, const char *type, uint64_t indicator)
{
    text_is(c, label);
    cbor_array_of(c, 3);
    text_is(c, type);
    slice value = cbor_bytes(c);
    if (REFUSED(cbor_uint(c, UINT8_MAX) != indicator))
        cbor_fail(c, TL_E_CERT);
    return value;
}

static tl_err read_dice(struct ratls_cert *v, slice value)
{
    cbor c = cbor_of(value);
    cbor_tag(&c, DICE_TAG);
    cbor_array_of(&c, 2);
    v->quote = cbor_bytes(&c);
    v->claims = cbor_bytes(&c);
    return cbor_end(&c);
}

static tl_err read_cmw(struct ratls_cert *v, slice value)
{
    reader r = reader_of(value);
    cbor c = cbor_of(der_take(&r, DER_OCTET_STRING));
    tl_err err = reader_end(&r);
    if (err != TL_OK)
        return err;
    size_t pairs = cbor_map(&c);
    slice item = record(&c, "evidence", CMW_ITEM, CMW_EVIDENCE);
    if (pairs != 1) {
        v->collateral = record(&c, "collateral", CMW_COLLATERAL, CMW_ENDORSES);
        if (REFUSED(pairs != 2) || REFUSED(v->collateral.n == 0))
            cbor_fail(&c, TL_E_CERT);
    }
    err = cbor_end(&c);
    v->has_cmw = err == TL_OK;
    return err == TL_OK ? evidence_read(&v->item, item) : err;
}

static tl_err read_extension(struct ratls_cert *v, const struct x509_extension *e,
                             struct tl_why *why)
{
    tl_err err = TL_OK;
    if (slice_eq(e->oid, SLICE_ARRAY(oid_legacy)))
        v->has_legacy = true;
    if (slice_eq(e->oid, SLICE_ARRAY(ratls_oid_dice))) {
        err = read_dice(v, e->value);
        if (err != TL_OK)
            return tl_explain(why, err, "dice", "its DICE extension is not tagged evidence: %s",
                              tl_err_text(err));
    } else if (slice_eq(e->oid, SLICE_ARRAY(ratls_oid_cmw))) {
        err = read_cmw(v, e->value);
        if (err != TL_OK)
            return tl_explain(why, err, "cmw", "its CMW extension is none of teelog's: %s",
                              tl_err_text(err));
    }
    return TL_OK;
}

tl_err ratls_read(struct ratls_cert *out, slice der, struct tl_why *why)
{
    struct ratls_cert v = {.has_legacy = false};
    struct x509_extensions all;
    if (REFUSED(der.n > RATLS_MAX))
        return tl_explain(why, TL_E_CERT, NULL, "it has more than %d bytes", RATLS_MAX);
    tl_err err = cert_read_own(&v.cert, der);
    if (err != TL_OK)
        return err;
    reader r = reader_of(v.cert.extensions);
    x509_extensions(&r, &all); /* well-formed, since the certificate was read */
    for (size_t i = 0; i < all.count && err == TL_OK; i++)
        err = read_extension(&v, &all.each[i], why);
    if (err == TL_OK)
        *out = v;
    return err;
}

/* ---- checking ---- */

__attribute__((format(printf, 3, 4))) static bool fail(struct ratls_report *r, const char *stage,
                                                       const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r->detail, sizeof r->detail, fmt, ap);
    va_end(ap);
    r->stage = stage;
    return false;
}

static bool check_signature(struct ratls_report *r, const struct cert *c)
{
    if (REFUSED(!slice_eq(c->issuer, c->subject)))
        return fail(r, "self-signature", "its issuer is not its subject: it is not self-signed");
    tl_err err = cert_verify_own(c);
    if (err == TL_E_MEMORY)
        return fail(r, "memory", "%s", tl_err_text(err));
    if (REFUSED(err != TL_OK))
        return fail(r, "self-signature", "its own key did not sign it");
    return true;
}

static bool check_time(struct ratls_report *r, const struct cert *c, uint64_t time)
{
    char from[CALENDAR_TEXT], until[CALENDAR_TEXT];
    if (REFUSED(time < c->not_before) || REFUSED(time > c->not_after))
        return fail(r, "certificate-time", "it is valid from %s to %s, and not now",
                    calendar_text(from, c->not_before), calendar_text(until, c->not_after));
    return true;
}

static bool check_claims(struct ratls_report *r, const struct ratls_cert *v)
{
    uint8_t expected[RATLS_CLAIMS];
    if (REFUSED(!v->claims.p))
        return fail(r, "claims", "it carries no evidence%s",
                    v->has_legacy ? " but in Gramine's older extension, which is not taken; newer "
                                    "versions of Gramine write both"
                                  : ": its other end is not in a TEE, or does not show it");
    ratls_claims(expected, v->cert.spki);
    if (REFUSED(!slice_eq(v->claims, SLICE_ARRAY(expected))))
        return fail(r, "claims", "the claims beside its quote are about another key, or say more");
    return true;
}

tl_err ratls_item(struct evidence *out, const struct ratls_cert *c)
{
    struct quote q;
    if (c->has_cmw) {
        *out = c->item;
        return TL_OK;
    }
    tl_err err = quote_read(&q, c->quote, NULL);
    if (err != TL_OK)
        return err;
    *out = (struct evidence){
        .platform = slice_str(quote_is_tdx(&q) ? "tdx-tsm" : "sgx-gramine"),
        .quote = c->quote,
    };
    return TL_OK;
}

static bool find_item(struct ratls_report *r, struct evidence *out, const struct ratls_cert *v)
{
    if (v->has_cmw && REFUSED(!slice_eq(v->item.quote, v->quote)))
        return fail(r, "cmw", "its two extensions carry different quotes");
    if (ratls_item(out, v) != TL_OK)
        return fail(r, "quote", "what it carries is not a quote");
    return true;
}

bool ratls_binds(slice spki, slice claims, const uint8_t report_data[64])
{
    uint8_t expected_claims[RATLS_CLAIMS], expected[64];
    ratls_claims(expected_claims, spki);
    ratls_report_data(expected, spki);
    return !REFUSED(!cert_is_spki(spki)) &&
           !REFUSED(!slice_eq(claims, SLICE_ARRAY(expected_claims))) &&
           !REFUSED(memcmp(report_data, expected, sizeof expected) != 0);
}

static bool check_evidence(struct ratls_report *r, const struct ratls_cert *v,
                           const struct evidence_context *context)
{
    struct evidence item;
    uint8_t expected[64];
    if (!find_item(r, &item, v))
        return false;
    evidence_verify(&r->evidence, &item, v->collateral, context);
    if (REFUSED(!r->evidence.genuine))
        return fail(r, r->evidence.stage, "%.230s", r->evidence.detail);
    ratls_report_data(expected, v->cert.spki);
    if (REFUSED(memcmp(r->evidence.report_data, expected, sizeof expected) != 0))
        return fail(r, "report-data", "its quote was made for another key");
    return true;
}

static bool check_code(struct ratls_report *r, enum ratls_role role)
{
    const struct evidence_report *e = &r->evidence;
    const bool peer = role == RATLS_PEER;
    if (REFUSED(!(peer ? e->peer.ok : e->code_ok)))
        return fail(r, "code", "%.200s", peer ? e->peer.detail : e->code_detail);
    if (REFUSED((peer ? e->peer.pin : e->pin) != CODE_PINNED))
        return fail(r, "pin",
                    "the policy does not pin the code of its platform: any other "
                    "program could have answered");
    return true;
}

static bool check(struct ratls_report *r, slice der, enum ratls_role role,
                  const struct evidence_context *context)
{
    struct ratls_cert v;
    struct tl_why why = {{0}, {0}};
    tl_err err = ratls_read(&v, der, &why);
    if (err != TL_OK)
        return fail(r, "certificate", "%.230s", tl_why_text(&why, err));
    return check_signature(r, &v.cert) && check_time(r, &v.cert, context->time) &&
           check_claims(r, &v) && check_evidence(r, &v, context) && check_code(r, role);
}

void ratls_verify(struct ratls_report *out, slice der, enum ratls_role role,
                  const struct evidence_context *context)
{
    memset(out, 0, sizeof *out);
    out->ok = check(out, der, role, context);
    if (out->ok)
        snprintf(out->detail, sizeof out->detail, "its key is held by code that the policy names%s",
                 out->evidence.simulated ? ", on a SIMULATED platform" : "");
}
