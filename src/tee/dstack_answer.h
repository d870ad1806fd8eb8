/* What dstack's guest agent answers, read: hostile JSON in, bytes out. Members that are
 * not known are passed over, since each version adds some; those that are asked for
 * stand there once, of the right type. Pure. */
#ifndef TL_TEE_DSTACK_ANSWER_H
#define TL_TEE_DSTACK_ANSWER_H

#include "base/buf.h"

/* GetQuote and TdxQuote. Appends the quote, and the event log's JSON, which comes as a
 * string within JSON. On failure both are as they were; TL_E_TEE, or TL_E_MEMORY. */
tl_err dstack_read_quote(buf *quote, buf *event_log, slice json, struct tl_why *why) TL_MUST;
/* GetKey: 32 bytes in hex. The caller wipes. */
tl_err dstack_read_key(uint8_t key[32], slice json, struct tl_why *why) TL_MUST;
/* DeriveKey: a key of P-256, PKCS #8 in PEM (RFC 5958, RFC 5915); its scalar. The caller
 * wipes. */
tl_err dstack_read_derived(uint8_t scalar[32], slice json, struct tl_why *why) TL_MUST;
/* Info: appends "app-id …, compose-hash …, instance …" as far as they are there and
 * are hex. For people: nothing of it is proven. */
tl_err dstack_read_info(buf *text, slice json, struct tl_why *why) TL_MUST;
/* An error's own sentence, or nothing where the answer has none. */
void dstack_read_error(buf *text, slice json);

#endif
