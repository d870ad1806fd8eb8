/* A small event log as dstack writes it, and the RTMRs that it gives: what has to
 * stand in a TD for the log to be its own. */
#ifndef FAKEDSTACK_H
#define FAKEDSTACK_H

#include "base/encoding.h"
#include "crypto/hash.h"

/* What the log says, in fake_dstack_put's order. */
struct fake_dstack {
    uint8_t app_id[20], compose_hash[32], os_image_hash[32];
    bool no_os_image;
    const char *key_provider; /* JSON */
    uint8_t rtmr[4][48];      /* made */
};

static inline void fake_dstack_plan(struct fake_dstack *d)
{
    memset(d, 0, sizeof *d);
    memset(d->app_id, 0xa1, sizeof d->app_id);
    memset(d->compose_hash, 0xc2, sizeof d->compose_hash);
    memset(d->os_image_hash, 0x05, sizeof d->os_image_hash);
    d->key_provider = "{\"name\":\"kms\",\"id\":\"3059\"}";
}

static inline void fake_dstack_extend(uint8_t rtmr[48], const uint8_t digest[48])
{
    const slice parts[2] = {slice_of(rtmr, 48), slice_of(digest, 48)};
    sha384_parts(parts, 2, rtmr);
}

static inline void fake_dstack_firmware(buf *b, struct fake_dstack *d, unsigned imr)
{
    uint8_t digest[48];
    memset(digest, (int)(0x10 + imr), sizeof digest);
    buf_printf(b, "%s{\"imr\":%u,\"event_type\":6,\"digest\":\"", imr ? "," : "[", imr);
    hex_put(b, SLICE_ARRAY(digest));
    buf_str(b, "\",\"event\":\"\",\"event_payload\":\"00\"}");
    fake_dstack_extend(d->rtmr[imr], digest);
}

static inline void fake_dstack_runtime(buf *b, struct fake_dstack *d, const char *name,
                                       slice payload)
{
    static const uint8_t type[4] = {1, 0, 0, 8}; /* 0x08000001 */
    const slice parts[] = {SLICE_ARRAY(type), slice_str(":"), slice_str(name), slice_str(":"),
                           payload};
    uint8_t digest[48];
    sha384_parts(parts, sizeof parts / sizeof parts[0], digest);
    buf_printf(b, ",{\"imr\":3,\"event_type\":134217729,\"digest\":\"");
    hex_put(b, SLICE_ARRAY(digest));
    buf_printf(b, "\",\"event\":\"%s\",\"event_payload\":\"", name);
    hex_put(b, payload);
    buf_str(b, "\"}");
    fake_dstack_extend(d->rtmr[3], digest);
}

/* Appends the JSON and sets d->rtmr. */
static inline void fake_dstack_put(buf *b, struct fake_dstack *d)
{
    memset(d->rtmr, 0, sizeof d->rtmr);
    for (unsigned imr = 0; imr < 3; imr++)
        fake_dstack_firmware(b, d, imr);
    fake_dstack_runtime(b, d, "app-id", SLICE_ARRAY(d->app_id));
    fake_dstack_runtime(b, d, "compose-hash", SLICE_ARRAY(d->compose_hash));
    if (!d->no_os_image)
        fake_dstack_runtime(b, d, "os-image-hash", SLICE_ARRAY(d->os_image_hash));
    fake_dstack_runtime(b, d, "key-provider", slice_str(d->key_provider));
    fake_dstack_runtime(b, d, "system-ready", slice_of("", 0));
    buf_str(b, "]");
}

#endif
