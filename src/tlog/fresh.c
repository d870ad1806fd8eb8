#include "tlog/fresh.h"

#include "base/encoding.h"
#include "base/refuse.h"
#include "tlog/statement.h"

tl_err fresh_nonce_read(uint8_t out[FRESH_NONCE_MAX], size_t *size, slice hex)
{
    size_t n = hex.n / 2;
    if (REFUSED(n < FRESH_NONCE_MIN) || REFUSED(n > FRESH_NONCE_MAX))
        return TL_E_ENCODING;
    tl_err err = hex_read(out, n, hex);
    if (err == TL_OK)
        *size = n;
    return err;
}

static void read_agent(cbor *c, struct fresh *out)
{
    bool has_last = false;
    out->count = 0;
    out->agent = (slice){NULL, 0};
    if (!cbor_try_null(c)) {
        out->agent = cbor_text(c);
        if (REFUSED(out->agent.n > SUBJECT_MAX))
            cbor_fail(c, TL_E_BUNDLE);
    }
    bool has_count = !cbor_try_null(c);
    if (has_count)
        out->count = cbor_uint(c, TL_INT_MAX);
    if (REFUSED(has_count != (out->agent.p != NULL)))
        cbor_fail(c, TL_E_BUNDLE);
    has_last = !cbor_try_null(c);
    if (has_last)
        cbor_bytes_copy(c, out->last.b, sizeof out->last.b);
    if (REFUSED(has_last != (out->count > 0)))
        cbor_fail(c, TL_E_BUNDLE);
}

void fresh_read(cbor *c, struct fresh *out)
{
    out->mode = (enum fresh_mode)cbor_uint(c, FRESH_UNWITNESSED);
    out->has_cosigned = !cbor_try_null(c);
    out->cosigned = out->has_cosigned ? cbor_uint(c, TL_INT_MAX) : 0;
    read_agent(c, out);
    out->nonce = cbor_bytes(c);
    if (REFUSED(out->nonce.n < FRESH_NONCE_MIN || out->nonce.n > FRESH_NONCE_MAX))
        cbor_fail(c, TL_E_BUNDLE);
}

void fresh_put(buf *b, const struct fresh *v)
{
    cbor_put_uint(b, v->mode);
    if (v->has_cosigned)
        cbor_put_uint(b, v->cosigned);
    else
        cbor_put_null(b);
    if (v->agent.p) {
        cbor_put_text(b, v->agent);
        cbor_put_uint(b, v->count);
    } else {
        cbor_put_null(b);
        cbor_put_null(b);
    }
    if (v->agent.p && v->count > 0)
        cbor_put_bytes(b, hash_slice(&v->last));
    else
        cbor_put_null(b);
    cbor_put_bytes(b, v->nonce);
}
