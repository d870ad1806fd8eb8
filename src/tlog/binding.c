/* Report data (docs/format.md section 8). */
#include "tlog/body.h"
#include "tlog/fresh.h"

#include <stdlib.h>

#define BOOT_CONTEXT    "teelog/boot/v1"
#define SESSION_CONTEXT "teelog/session/v1"
#define FRESH_CONTEXT   "teelog/fresh/v1"
/* Context, two names with their heads, five hashes, three integers, a nonce and the
 * array's head, with room to spare. */
#define BINDING_MAX                                                                                \
    (sizeof SESSION_CONTEXT + 2 * (SUBJECT_MAX + 3) + 5 * 34 + 3 * 9 + FRESH_NONCE_MAX + 3)

static void begin(buf *b, uint8_t mem[BINDING_MAX], const char *context, size_t members)
{
    buf_init_fixed(b, mem, BINDING_MAX);
    buf_str(b, context);
    buf_u8(b, 0);
    cbor_put_array(b, members);
}

/* Names are at most SUBJECT_MAX long, nonces FRESH_NONCE_MAX; more is a mistake of the caller,
 * and a digest of cut-off bytes must never leave here. */
static void end(uint8_t out[64], const buf *b)
{
    if (buf_err(b) != TL_OK)
        abort();
    sha512(buf_slice(b), out);
}

void binding_boot(uint8_t out[64], const struct boot_binding *v)
{
    uint8_t mem[BINDING_MAX];
    buf b;
    begin(&b, mem, BOOT_CONTEXT, 8);
    cbor_put_text(&b, v->origin);
    cbor_put_bytes(&b, hash_slice(&v->log_id));
    cbor_put_bytes(&b, hash_slice(&v->log_tp));
    cbor_put_bytes(&b, hash_slice(&v->service_tp));
    cbor_put_bytes(&b, hash_slice(&v->boot_id));
    cbor_put_uint(&b, v->size);
    cbor_put_bytes(&b, hash_slice(&v->root));
    cbor_put_bytes(&b, hash_slice(&v->config_digest));
    end(out, &b);
}

void binding_session(uint8_t out[64], const struct session_binding *v)
{
    uint8_t mem[BINDING_MAX];
    buf b;
    begin(&b, mem, SESSION_CONTEXT, 8);
    cbor_put_text(&b, v->origin);
    cbor_put_bytes(&b, hash_slice(&v->log_tp));
    cbor_put_bytes(&b, hash_slice(&v->boot_leaf));
    cbor_put_text(&b, v->agent);
    cbor_put_bytes(&b, hash_slice(&v->agent_tp));
    cbor_put_int(&b, v->alg);
    cbor_put_uint(&b, v->size);
    cbor_put_bytes(&b, hash_slice(&v->root));
    end(out, &b);
}

void binding_fresh(uint8_t out[64], const struct fresh_binding *v)
{
    uint8_t mem[BINDING_MAX];
    buf b;
    begin(&b, mem, FRESH_CONTEXT, 10);
    cbor_put_text(&b, v->origin);
    cbor_put_bytes(&b, hash_slice(&v->log_tp));
    cbor_put_bytes(&b, hash_slice(&v->boot_leaf));
    cbor_put_bytes(&b, hash_slice(&v->text));
    fresh_put(&b, v->answer);
    end(out, &b);
}
