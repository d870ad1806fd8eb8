#include "tee/dstack_answer.h"

#include "base/encoding.h"
#include "base/reader.h"
#include "base/refuse.h"
#include "codec/der.h"
#include "codec/json.h"
#include "crypto/secret.h"

#define ERROR_MAX       200  /* bytes of the agent's own sentence */
#define PRIVATE_PEM_MAX 4096 /* bytes */

static tl_err wrong(struct tl_why *why, const char *member, const char *what)
{
    return tl_explain(why, TL_E_TEE, "tee", "%s %s", member, what);
}

/* ---- hex ---- */

static tl_err read_hex(buf *out, const char *member, slice hex, struct tl_why *why)
{
    if (REFUSED(hex.n == 0))
        return wrong(why, member, "is missing or empty");
    if (REFUSED(hex.n % 2 != 0))
        return wrong(why, member, "has an odd number of hex digits");
    uint8_t *p = buf_grow(out, hex.n / 2);
    if (!p)
        return buf_err(out) == TL_E_MEMORY ? TL_E_MEMORY : wrong(why, member, "is too long");
    if (hex_read(p, hex.n / 2, hex) != TL_OK) {
        out->n -= hex.n / 2;
        return wrong(why, member, "is not hex");
    }
    return TL_OK;
}

/* ---- quotes ---- */

enum { QUOTE, EVENT_LOG };

tl_err dstack_read_quote(buf *quote, buf *event_log, slice json, struct tl_why *why)
{
    const size_t quote_n = quote->n, log_n = event_log->n;
    uint32_t seen = 0;
    slice hex = {NULL, 0};
    js r = js_of(json);
    js_object(&r);
    for (slice key; js_member(&r, &key);)
        if (js_named(&r, key, "quote", &seen, QUOTE))
            hex = js_plain(&r);
        else if (js_named(&r, key, "event_log", &seen, EVENT_LOG))
            js_text(&r, event_log);
        else
            js_skip(&r);
    /* First the buffer's own error: it ends the reading too. */
    tl_err err = js_end(&r);
    if (buf_err(event_log) != TL_OK)
        err = buf_err(event_log) == TL_E_MEMORY ? TL_E_MEMORY
                                                : wrong(why, "event_log", "is too long");
    else if (err != TL_OK)
        err = wrong(why, "the JSON", "cannot be read, or has a member twice or of a wrong type");
    else if (REFUSED(event_log->n == log_n))
        err = wrong(why, "event_log", "is missing or empty");
    else
        err = read_hex(quote, "quote", hex, why);
    if (err != TL_OK) {
        quote->n = quote_n;
        event_log->n = log_n;
    }
    return err;
}

/* ---- keys ---- */

/* The one string member of this name; the others are passed over. */
static tl_err read_string(slice *out, buf *decoded, slice json, const char *name,
                          struct tl_why *why)
{
    uint32_t seen = 0;
    slice plain = {NULL, 0};
    js r = js_of(json);
    js_object(&r);
    for (slice key; js_member(&r, &key);)
        if (!js_named(&r, key, name, &seen, 0))
            js_skip(&r);
        else if (decoded)
            js_text(&r, decoded);
        else
            plain = js_plain(&r);
    tl_err err = js_end(&r);
    if (decoded && buf_err(decoded) != TL_OK)
        return buf_err(decoded) == TL_E_MEMORY ? TL_E_MEMORY : wrong(why, name, "is too long");
    if (err != TL_OK)
        return wrong(why, "the JSON", "cannot be read, or has a member twice or of a wrong type");
    if (REFUSED(!seen))
        return wrong(why, name, "is missing");
    *out = decoded ? buf_slice(decoded) : plain;
    return TL_OK;
}

tl_err dstack_read_key(uint8_t key[32], slice json, struct tl_why *why)
{
    slice hex;
    tl_err err = read_string(&hex, NULL, json, "key", why);
    if (err == TL_OK && hex_read(key, 32, hex) != TL_OK)
        err = wrong(why, "key", "is not 32 bytes in hex");
    return err;
}

/* The base64 between the lines of RFC 7468 section 10, its ends of line left out. */
static tl_err read_pem(buf *der, slice text)
{
    static const char begin[] = "-----BEGIN PRIVATE KEY-----", end[] = "-----END PRIVATE KEY-----";
    const slice head = slice_of(begin, sizeof begin - 1);
    buf base64;
    if (REFUSED(!slice_starts(text, head)))
        return TL_E_ENCODING;
    slice rest = slice_of(text.p + head.n, text.n - head.n);
    const uint8_t *stop = rest.n ? memmem(rest.p, rest.n, end, sizeof end - 1) : NULL;
    if (!stop)
        return TL_E_ENCODING;
    buf_init_secret(&base64, PRIVATE_PEM_MAX);
    for (const uint8_t *p = rest.p; p < stop; p++)
        if (*p != '\n' && *p != '\r')
            buf_u8(&base64, *p);
    tl_err err = buf_err(&base64);
    if (err == TL_OK)
        err = base64_read(der, buf_slice(&base64));
    buf_finish(&base64);
    return err;
}

/* RFC 5958 OneAsymmetricKey around RFC 5915 ECPrivateKey; what may follow the scalar
 * (parameters, the public key) follows from it. */
static tl_err read_pkcs8(uint8_t scalar[32], slice der)
{
    static const uint8_t ec_key[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
    static const uint8_t p256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    reader r = reader_of(der);
    reader outer = der_enter(&r, DER_SEQUENCE);
    (void)der_uint(&outer, 1);
    reader algorithm = der_enter(&outer, DER_SEQUENCE);
    slice kind = der_take(&algorithm, DER_OID), curve = der_take(&algorithm, DER_OID);
    der_leave(&outer, &algorithm);
    reader octets = reader_of(der_take(&outer, DER_OCTET_STRING));
    reader key = der_enter(&octets, DER_SEQUENCE);
    uint64_t version = der_uint(&key, 1);
    slice found = der_take(&key, DER_OCTET_STRING);
    /* After an error a reader gives nothing, so that these hold for none. */
    if (REFUSED(!slice_eq(kind, SLICE_ARRAY(ec_key))) ||
        REFUSED(!slice_eq(curve, SLICE_ARRAY(p256))) || REFUSED(version != 1) ||
        REFUSED(found.n != 32) || REFUSED(r.rest.n != 0))
        return TL_E_KEY;
    memcpy(scalar, found.p, 32);
    return TL_OK;
}

tl_err dstack_read_derived(uint8_t scalar[32], slice json, struct tl_why *why)
{
    buf pem, der;
    slice text = {NULL, 0};
    buf_init_secret(&pem, PRIVATE_PEM_MAX);
    buf_init_secret(&der, PRIVATE_PEM_MAX);
    tl_err err = read_string(&text, &pem, json, "key", why);
    if (err == TL_OK) {
        err = read_pem(&der, text);
        if (err == TL_OK)
            err = read_pkcs8(scalar, buf_slice(&der));
        if (err != TL_OK && err != TL_E_MEMORY)
            err = wrong(why, "key", "is no private key of P-256 (PKCS #8 in PEM)");
    }
    buf_finish(&pem);
    buf_finish(&der);
    return err;
}

/* ---- what is for people ---- */

static void put_named(buf *text, const char *name, slice hex)
{
    uint8_t bytes[32];
    if (hex.n == 0 || hex.n > 64 || hex.n % 2 != 0 || hex_read(bytes, hex.n / 2, hex) != TL_OK)
        return;
    buf_printf(text, "%s%s ", text->n ? ", " : "", name);
    buf_bytes(text, hex);
}

tl_err dstack_read_info(buf *text, slice json, struct tl_why *why)
{
    static const char *const members[] = {"app_id", "compose_hash", "instance_id"};
    static const char *const shown[] = {"app-id", "compose-hash", "instance"};
    slice values[3] = {{NULL, 0}};
    uint32_t seen = 0;
    js r = js_of(json);
    js_object(&r);
    for (slice key; js_member(&r, &key);) {
        unsigned i = 0;
        while (i < 3 && !js_named(&r, key, members[i], &seen, i))
            i++;
        if (i < 3 && js_peek(&r) == JS_STRING)
            values[i] = js_plain(&r);
        else
            js_skip(&r);
    }
    if (js_end(&r) != TL_OK)
        return wrong(why, "the JSON", "cannot be read, or has a member twice");
    for (size_t i = 0; i < 3; i++)
        put_named(text, shown[i], values[i]);
    return buf_err(text);
}

void dstack_read_error(buf *text, slice json)
{
    uint8_t bytes[ERROR_MAX];
    buf sentence;
    uint32_t seen = 0;
    buf_init_fixed(&sentence, bytes, sizeof bytes);
    js r = js_of(json);
    js_object(&r);
    for (slice key; js_member(&r, &key);)
        if (js_named(&r, key, "error", &seen, 0))
            js_text(&r, &sentence);
        else
            js_skip(&r);
    if (js_end(&r) == TL_OK && buf_err(&sentence) == TL_OK)
        buf_bytes(text, buf_slice(&sentence));
}
