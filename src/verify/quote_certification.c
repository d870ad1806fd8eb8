/* A quote's certification data: the PCK certificate, or what names it. */
#include "attest/chain.h"
#include "base/reader.h"
#include "codec/der.h"
#include "verify/quote_show.h"

#define PPID_SIZE 16

static const char *certification_name(uint16_t type)
{
    switch (type) {
    case QUOTE_CERT_PPID:
        return "PPID in clear";
    case QUOTE_CERT_PPID_RSA2048:
        return "PPID encrypted, RSA-2048";
    case QUOTE_CERT_PPID_RSA3072:
        return "PPID encrypted, RSA-3072";
    case QUOTE_CERT_PCK_LEAF:
        return "PCK certificate";
    default:
        return "PCK certificate chain";
    }
}

/* id-at (RFC 5280 appendix A.1): what is usual in names; others by number. */
static void put_attribute_type(buf *b, slice oid)
{
    static const struct {
        uint8_t last;
        const char *name;
    } known[] = {{3, "CN"}, {6, "C"}, {7, "L"}, {8, "ST"}, {10, "O"}, {11, "OU"}};
    bool id_at = oid.n == 3 && oid.p[0] == 0x55 && oid.p[1] == 0x04;
    for (size_t i = 0; id_at && i < sizeof known / sizeof known[0]; i++) {
        if (known[i].last == oid.p[2]) {
            buf_str(b, known[i].name);
            return;
        }
    }
    buf_str(b, "#");
    for (size_t i = 0; i < oid.n; i++)
        buf_printf(b, "%02x", (unsigned)oid.p[i]);
}

/* RFC 4514 section 2.4, so that a value cannot pass for two. */
static void put_attribute_value(buf *b, slice value)
{
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] && strchr(",+\"\\<>;=", value.p[i]))
            buf_u8(b, '\\');
        buf_u8(b, value.p[i]);
    }
}

/* name: as cert_read took it. In the order in which it is written. */
static void show_name(struct fields *f, const char *field, slice name)
{
    reader r = reader_of(name);
    reader list = der_enter(&r, DER_SEQUENCE);
    buf b;
    buf_init(&b, 16 * name.n);
    while (list.rest.n) {
        reader set = der_enter(&list, DER_SET);
        reader pair = der_enter(&set, DER_SEQUENCE);
        buf_str(&b, b.n ? ", " : "");
        put_attribute_type(&b, der_take(&pair, DER_OID));
        buf_str(&b, "=");
        put_attribute_value(&b, der_take(&pair, der_peek(&pair)));
    }
    if (buf_err(&b) != TL_OK)
        buf_fail(f->b, buf_err(&b));
    fields_text(f, field, buf_slice(&b));
    buf_finish(&b);
}

static void show_sgx_extension(struct fields *f, const struct sgx_extension *v)
{
    static const char *const types[] = {"standard", "scalable", "scalable with integrity"};
    fields_hex(f, "fmspc", SLICE_ARRAY(v->fmspc));
    fields_hex(f, "pce_id", SLICE_ARRAY(v->pce_id));
    fields_number(f, "pce_svn", v->pce_svn);
    fields_bytes(f, "component_svns", SLICE_ARRAY(v->components));
    fields_hex(f, "cpu_svn", SLICE_ARRAY(v->cpu_svn));
    fields_hex(f, "ppid", SLICE_ARRAY(v->ppid));
    fields_code(f, "sgx_type", v->type, types[v->type]);
    if (v->platform_ca) {
        fields_hex(f, "platform_instance_id", SLICE_ARRAY(v->instance_id));
        fields_bool(f, "dynamic_platform", v->dynamic_platform);
        fields_bool(f, "cached_keys", v->cached_keys);
        fields_bool(f, "smt_enabled", v->smt_enabled);
    }
}

static void show_cert(struct fields *f, const char *group, const struct cert *c)
{
    hash32 key = sha256(c->spki);
    fields_open(f, group);
    show_name(f, "subject", c->subject);
    show_name(f, "issuer", c->issuer);
    fields_hex(f, "serial", c->serial);
    fields_time(f, "not_before", c->not_before);
    fields_time(f, "not_after", c->not_after);
    fields_hex(f, "key_sha256", hash_slice(&key));
    if (c->has_sgx)
        show_sgx_extension(f, &c->sgx);
    fields_close(f);
}

/* PPID, CPUSVN, PCESVN, and PCEID where it is there (quote_read knows the sizes). */
static void show_ppid(struct fields *f, const struct quote *q)
{
    size_t n = q->cert_type == QUOTE_CERT_PPID           ? PPID_SIZE
               : q->cert_type == QUOTE_CERT_PPID_RSA2048 ? 256
                                                         : 384;
    reader r = reader_of(q->cert_data);
    slice ppid = reader_bytes(&r, n), cpu_svn = reader_bytes(&r, 16);
    uint16_t pce_svn = reader_u16le(&r);
    fields_hex(f, n == PPID_SIZE ? "ppid" : "encrypted_ppid", ppid);
    fields_hex(f, "cpu_svn", cpu_svn);
    fields_number(f, "pce_svn", pce_svn);
    if (r.rest.n)
        fields_hex(f, "pce_id", r.rest);
}

static tl_err show_leaf(struct fields *f, slice pem)
{
    struct pem_chain memory;
    struct cert c;
    tl_err err = cert_read_pem(&c, &memory, pem);
    if (err != TL_OK)
        return err;
    show_cert(f, "pck", &c);
    pem_finish(&memory);
    return TL_OK;
}

static tl_err show_chain(struct fields *f, slice pem, struct tl_why *why)
{
    struct chain c;
    tl_err err = chain_read_pck(&c, pem, why);
    if (err != TL_OK)
        return err;
    show_cert(f, "pck", &c.leaf);
    show_cert(f, "intermediate", &c.intermediate);
    show_cert(f, "root", &c.root);
    chain_finish(&c);
    return TL_OK;
}

void show_certification(struct fields *f, const struct quote *q)
{
    struct tl_why why = {0};
    tl_err err = TL_OK;
    fields_open(f, "certification");
    fields_code(f, "type", q->cert_type, certification_name(q->cert_type));
    fields_number(f, "size", q->cert_data.n);
    if (q->cert_type == QUOTE_CERT_PCK_CHAIN)
        err = show_chain(f, q->cert_data, &why);
    else if (q->cert_type == QUOTE_CERT_PCK_LEAF)
        err = show_leaf(f, q->cert_data);
    else
        show_ppid(f, q);
    if (err == TL_E_MEMORY)
        buf_fail(f->b, err);
    if (err != TL_OK) {
        fields_text(f, "unreadable", slice_str(tl_why_text(&why, err)));
        fields_hex(f, "data", q->cert_data);
    }
    fields_close(f);
}
