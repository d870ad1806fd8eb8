/* The configuration of a boot, which its report data carries as a digest. */
#include "base/refuse.h"
#include "tlog/body.h"

/* Label 8: how callers may be let in, at least one way, each named once. */
static uint8_t read_admissions(cbor *c)
{
    uint64_t last = 0;
    unsigned bits = 0;
    size_t n = cbor_array(c);
    if (REFUSED(n == 0))
        cbor_fail(c, TL_E_BODY);
    for (; n > 0 && c->err == TL_OK; n--) {
        uint64_t v = cbor_uint(c, ADMISSION_LAST);
        if (REFUSED(v <= last)) {
            cbor_fail(c, TL_E_BODY);
            return 0;
        }
        bits |= 1u << v;
        last = v;
    }
    return (uint8_t)bits;
}

void body_config_read(cbor *c, struct body_config *out)
{
    slice order = {NULL, 0};
    struct body_config v = {0};
    size_t n = cbor_map(c);
    if (REFUSED(n != 8 && n != 9))
        cbor_fail(c, TL_E_BODY);
    cbor_label_is(c, &order, 1);
    v.platform = cbor_text(c);
    cbor_label_is(c, &order, 2);
    if (!cbor_try_null(c))
        v.quorum = cbor_text(c);
    cbor_label_is(c, &order, 3);
    v.faulty = cbor_uint(c, TL_INT_MAX);
    cbor_label_is(c, &order, 4);
    v.degraded_starts = cbor_bool(c);
    cbor_label_is(c, &order, 5);
    v.bodies_public = cbor_bool(c);
    cbor_label_is(c, &order, 6);
    v.has_recovery = !cbor_try_null(c);
    if (v.has_recovery)
        cose_ec2_read(c, &v.recovery);
    cbor_label_is(c, &order, 7);
    v.sealing = cbor_text(c);
    cbor_label_is(c, &order, 8);
    v.admissions = read_admissions(c);
    v.has_command = n == 9;
    if (v.has_command) {
        cbor_label_is(c, &order, 9);
        cbor_bytes_copy(c, v.command.b, sizeof v.command.b);
    }
    if (c->err == TL_OK)
        *out = v;
}

static void put_admissions(buf *b, uint8_t admissions)
{
    unsigned n = 0;
    for (unsigned v = ADMISSION_CHILD; v <= ADMISSION_LAST; v++)
        n += admissions >> v & 1;
    cbor_put_array(b, n);
    for (unsigned v = ADMISSION_CHILD; v <= ADMISSION_LAST; v++)
        if (admissions >> v & 1)
            cbor_put_uint(b, v);
}

/* Bytes of all that is not one of the three texts: three texts' heads, nine
 * labels, a key, a hash, and what is shorter. */
#define CONFIG_FIXED_MAX (3 * 9 + 9 + COSE_EC2_SIZE + 34 + 32)
#define CONFIG_PARTS     7

/* The encoding in parts, the texts where the caller has them: hashing it then
 * needs no memory, and cannot fail. mem holds what is not text. */
static void config_parts(const struct body_config *c, uint8_t mem[CONFIG_FIXED_MAX],
                         slice parts[CONFIG_PARTS])
{
    buf b;
    size_t ends[4];
    buf_init_fixed(&b, mem, CONFIG_FIXED_MAX);
    cbor_put_map(&b, c->has_command ? 9 : 8);
    cbor_put_int(&b, 1);
    cbor_put_head(&b, CBOR_TEXT, c->platform.n);
    ends[0] = b.n;
    cbor_put_int(&b, 2);
    if (c->quorum.p)
        cbor_put_head(&b, CBOR_TEXT, c->quorum.n);
    else
        cbor_put_null(&b);
    ends[1] = b.n;
    cbor_put_int(&b, 3);
    cbor_put_uint(&b, c->faulty);
    cbor_put_int(&b, 4);
    cbor_put_bool(&b, c->degraded_starts);
    cbor_put_int(&b, 5);
    cbor_put_bool(&b, c->bodies_public);
    cbor_put_int(&b, 6);
    if (c->has_recovery)
        cose_ec2_put(&b, &c->recovery);
    else
        cbor_put_null(&b);
    cbor_put_int(&b, 7);
    cbor_put_head(&b, CBOR_TEXT, c->sealing.n);
    ends[2] = b.n;
    cbor_put_int(&b, 8);
    put_admissions(&b, c->admissions);
    if (c->has_command) {
        cbor_put_int(&b, 9);
        cbor_put_bytes(&b, hash_slice(&c->command));
    }
    ends[3] = b.n;
    const slice texts[3] = {c->platform, c->quorum, c->sealing};
    for (size_t i = 0; i < 4; i++) {
        size_t start = i ? ends[i - 1] : 0;
        parts[2 * i] = slice_of(mem + start, ends[i] - start);
        if (i < 3)
            parts[2 * i + 1] = texts[i];
    }
}

void body_config_put(buf *b, const struct body_config *c)
{
    uint8_t mem[CONFIG_FIXED_MAX];
    slice parts[CONFIG_PARTS];
    config_parts(c, mem, parts);
    for (size_t i = 0; i < CONFIG_PARTS; i++)
        buf_bytes(b, parts[i]);
}

hash32 body_config_digest(const struct body_config *c)
{
    uint8_t mem[CONFIG_FIXED_MAX];
    slice parts[CONFIG_PARTS];
    config_parts(c, mem, parts);
    return sha256_parts(parts, CONFIG_PARTS);
}
