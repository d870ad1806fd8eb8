#include "attest/collateral.h"

#include "base/encoding.h"
#include "base/refuse.h"
#include "codec/json.h"

#include <stdio.h>

enum form { TEXT, DER_HEX, SIGNATURE_HEX };

/* In the order in which collateral_put writes them. */
static const struct member {
    const char *name;
    enum form form;
    bool optional;
    size_t place; /* of its slice or its 64 bytes in struct collateral */
} members[] = {
#define PLACE(m) offsetof(struct collateral, m)
    {"pck_crl_issuer_chain", TEXT, true, PLACE(pck_crl_chain)},
    {"root_ca_crl", DER_HEX, false, PLACE(root_ca_crl)},
    {"pck_crl", DER_HEX, false, PLACE(pck_crl)},
    {"tcb_info_issuer_chain", TEXT, false, PLACE(tcb_info_chain)},
    {"tcb_info", TEXT, false, PLACE(tcb_info)},
    {"tcb_info_signature", SIGNATURE_HEX, false, PLACE(tcb_info_signature)},
    {"qe_identity_issuer_chain", TEXT, false, PLACE(qe_identity_chain)},
    {"qe_identity", TEXT, false, PLACE(qe_identity)},
    {"qe_identity_signature", SIGNATURE_HEX, false, PLACE(qe_identity_signature)},
    {"pck_certificate_chain", TEXT, true, PLACE(pck_chain)},
#undef PLACE
};
#define MEMBERS (sizeof members / sizeof members[0])

static void text_read(slice *out, js *r, buf *memory)
{
    size_t at = memory->n;
    js_text(r, memory);
    *out = slice_of(memory->p + at, memory->n - at);
}

static void der_read(slice *out, js *r, buf *memory)
{
    slice hex = js_plain(r);
    size_t n = hex.n / 2;
    uint8_t *p = buf_grow(memory, n);
    if (!p)
        js_fail(r, buf_err(memory));
    else if (REFUSED(hex_read(p, n, hex) != TL_OK))
        js_fail(r, TL_E_ENCODING);
    *out = slice_of(p, n);
}

/* Reads the value of the member m to its place in c, whose memory does not move. */
static tl_err value_read(struct collateral *c, js *r, const struct member *m, struct tl_why *why)
{
    void *place = (char *)c + m->place;
    const char *want = NULL;
    if (m->optional && js_try_null(r))
        return TL_OK;
    switch (m->form) {
    case TEXT:
        want = "a well-formed string";
        text_read(place, r, &c->memory);
        break;
    case DER_HEX:
        want = "a string of hex digits, two a byte";
        der_read(place, r, &c->memory);
        break;
    case SIGNATURE_HEX:
        want = "a string of 128 hex digits";
        if (REFUSED(hex_read(place, 64, js_plain(r)) != TL_OK))
            js_fail(r, TL_E_ENCODING);
        break;
    }
    if (r->err != TL_OK)
        return tl_explain(why, r->err, m->name, "\"%s\" is not %s", m->name, want);
    return TL_OK;
}

/* NULL where key names none, or one for the second time, which r then says. */
static const struct member *member_named(js *r, slice key, uint32_t *seen)
{
    for (unsigned i = 0; i < MEMBERS; i++)
        if (js_named(r, key, members[i].name, seen, i))
            return &members[i];
    return NULL;
}

static tl_err not_a_member(const js *r, slice key, struct tl_why *why)
{
    char name[48];
    snprintf(name, sizeof name, "%.*s", (int)(key.n < sizeof name ? key.n : sizeof name),
             (const char *)key.p);
    if (r->err != TL_OK)
        return tl_explain(why, r->err, name, "\"%s\" stands there twice", name);
    return tl_explain(why, TL_E_FIELD, name, "\"%s\" is no member of collateral", name);
}

static tl_err object_read(struct collateral *c, slice json, struct tl_why *why)
{
    js r = js_of(json);
    uint32_t seen = 0;
    js_object(&r);
    for (slice key; js_member(&r, &key);) {
        const struct member *m = member_named(&r, key, &seen);
        if (REFUSED(!m))
            return not_a_member(&r, key, why);
        tl_err err = value_read(c, &r, m, why);
        if (err != TL_OK)
            return err;
    }
    tl_err err = js_end(&r);
    if (err != TL_OK)
        return tl_explain(why, err, NULL, "collateral is one JSON object, and this is not");
    for (unsigned i = 0; i < MEMBERS; i++)
        if (REFUSED(!members[i].optional && !(seen >> i & 1)))
            return tl_explain(why, TL_E_FIELD, members[i].name, "\"%s\" is missing",
                              members[i].name);
    return TL_OK;
}

tl_err collateral_read(struct collateral *out, slice json, struct tl_why *why)
{
    struct collateral c = {.memory = {0}};
    if (REFUSED(json.n > COLLATERAL_MAX))
        return tl_explain(why, TL_E_LIMIT, NULL, "collateral is at most %d bytes long",
                          COLLATERAL_MAX);
    /* Nothing decoded is longer than its text: taken once, the memory never moves
     * or runs out, and slices of it stay. A byte more, so that there always is some. */
    buf_init(&c.memory, json.n + 1);
    (void)buf_grow(&c.memory, json.n + 1);
    tl_err err = buf_err(&c.memory);
    if (err == TL_OK) {
        buf_reset(&c.memory);
        err = object_read(&c, json, why);
    }
    if (err == TL_OK)
        *out = c;
    else
        buf_finish(&c.memory);
    return err;
}

void collateral_finish(struct collateral *c)
{
    if (!c)
        return;
    buf_finish(&c->memory);
    *c = (struct collateral){.memory = c->memory};
}

/* A JSON string; text is UTF-8. */
static void put_text(buf *b, slice text)
{
    size_t plain = 0;
    buf_u8(b, '"');
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_bytes(b, slice_of(text.p + plain, i - plain));
        plain = i + 1;
        if (c == '\n')
            buf_str(b, "\\n");
        else if (c < 0x20)
            buf_printf(b, "\\u%04x", c);
        else
            buf_bytes(b, slice_of((const uint8_t[]){'\\', c}, 2));
    }
    if (plain < text.n)
        buf_bytes(b, slice_of(text.p + plain, text.n - plain));
    buf_u8(b, '"');
}

static void put_hex(buf *b, slice bytes)
{
    buf_u8(b, '"');
    hex_put(b, bytes);
    buf_u8(b, '"');
}

void collateral_put(buf *b, const struct collateral *c)
{
    const char *before = "{\"";
    for (unsigned i = 0; i < MEMBERS; i++) {
        const struct member *m = &members[i];
        const void *place = (const char *)c + m->place;
        if (m->optional && ((const slice *)place)->n == 0)
            continue;
        buf_str(b, before);
        before = ",\"";
        buf_str(b, m->name);
        buf_str(b, "\":");
        if (m->form == TEXT)
            put_text(b, *(const slice *)place);
        else if (m->form == DER_HEX)
            put_hex(b, *(const slice *)place);
        else
            put_hex(b, slice_of(place, 64));
    }
    buf_u8(b, '}');
}
