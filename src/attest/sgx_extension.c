#include "attest/sgx_extension.h"

#include "base/refuse.h"
#include "codec/der.h"

const uint8_t sgx_extension_oid[9] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01};

enum { ID_PPID = 1, ID_TCB, ID_PCE_ID, ID_FMSPC, ID_TYPE, ID_INSTANCE, ID_CONFIGURATION };
#define TCB_PCE_SVN 17
#define TCB_CPU_SVN 18

/* Reads the OID of the next member, which is the extension's own OID, then
 * parent (0 for none), then one number below 128. Returns that number, and
 * refuses one that is in *seen already. */
static unsigned member(reader *r, unsigned parent, uint32_t *seen)
{
    size_t n = sizeof sgx_extension_oid;
    uint8_t prefix[sizeof sgx_extension_oid + 1];
    slice oid = der_take(r, DER_OID);
    memcpy(prefix, sgx_extension_oid, n);
    if (parent)
        prefix[n++] = (uint8_t)parent;
    if (REFUSED(oid.n != n + 1 || memcmp(oid.p, prefix, n) != 0)) {
        reader_fail(r, TL_E_CERT);
        return 0;
    }
    unsigned id = oid.p[n];
    if (REFUSED(id > 31 || *seen >> id & 1)) {
        reader_fail(r, TL_E_CERT);
        return 0;
    }
    *seen |= UINT32_C(1) << id;
    return id;
}

static void octets(reader *r, uint8_t *out, size_t n)
{
    slice s = der_take(r, DER_OCTET_STRING);
    if (REFUSED(s.n != n)) {
        reader_fail(r, TL_E_CERT);
        return;
    }
    memcpy(out, s.p, n);
}

static void tcb_member(reader *r, struct sgx_extension *v, uint32_t *seen)
{
    reader m = der_enter(r, DER_SEQUENCE);
    unsigned id = member(&m, ID_TCB, seen);
    if (id >= 1 && id <= 16)
        v->components[id - 1] = (uint8_t)der_uint(&m, UINT8_MAX);
    else if (id == TCB_PCE_SVN)
        v->pce_svn = (uint16_t)der_uint(&m, UINT16_MAX);
    else
        octets(&m, v->cpu_svn, sizeof v->cpu_svn);
    der_leave(r, &m);
}

static void tcb(reader *r, struct sgx_extension *v)
{
    reader t = der_enter(r, DER_SEQUENCE);
    uint32_t seen = 0;
    while (t.rest.n)
        tcb_member(&t, v, &seen);
    /* Members 1 to 18; an unknown one sets another bit or none. */
    if (REFUSED(seen != 0x7fffe))
        reader_fail(&t, TL_E_CERT);
    der_leave(r, &t);
}

static void configuration(reader *r, struct sgx_extension *v)
{
    reader c = der_enter(r, DER_SEQUENCE);
    uint32_t seen = 0;
    while (c.rest.n) {
        reader m = der_enter(&c, DER_SEQUENCE);
        unsigned id = member(&m, ID_CONFIGURATION, &seen);
        bool on = der_bool(&m);
        if (id == 1)
            v->dynamic_platform = on;
        else if (id == 2)
            v->cached_keys = on;
        else
            v->smt_enabled = on;
        der_leave(&c, &m);
    }
    if (REFUSED(seen != 0xe))
        reader_fail(&c, TL_E_CERT);
    der_leave(r, &c);
}

static void element(reader *r, struct sgx_extension *v, uint32_t *seen)
{
    reader m = der_enter(r, DER_SEQUENCE);
    switch (member(&m, 0, seen)) {
    case ID_PPID:
        octets(&m, v->ppid, sizeof v->ppid);
        break;
    case ID_TCB:
        tcb(&m, v);
        break;
    case ID_PCE_ID:
        octets(&m, v->pce_id, sizeof v->pce_id);
        break;
    case ID_FMSPC:
        octets(&m, v->fmspc, sizeof v->fmspc);
        break;
    case ID_TYPE:
        v->type = (enum sgx_type)der_enum(&m, SGX_SCALABLE_INTEGRITY);
        break;
    case ID_INSTANCE:
        octets(&m, v->instance_id, sizeof v->instance_id);
        break;
    case ID_CONFIGURATION:
        configuration(&m, v);
        break;
    default: /* its value stays unread, which der_leave refuses */
        break;
    }
    der_leave(r, &m);
}

tl_err sgx_extension_read(struct sgx_extension *out, slice value)
{
    struct sgx_extension v = {0};
    uint32_t seen = 0;
    reader r = reader_of(value);
    reader s = der_enter(&r, DER_SEQUENCE);
    while (s.rest.n)
        element(&s, &v, &seen);
    /* Elements 1 to 5 (Processor CA), or 1 to 7 (Platform CA). */
    if (REFUSED(seen != 0x3e && seen != 0xfe))
        reader_fail(&s, TL_E_CERT);
    der_leave(&r, &s);
    tl_err err = reader_end(&r);
    if (err != TL_OK)
        return err;
    v.platform_ca = seen == 0xfe;
    *out = v;
    return TL_OK;
}

/* Begins SEQUENCE { OID …; returns where, for der_end. */
static size_t put_member(buf *b, unsigned parent, unsigned id)
{
    size_t start = der_begin(b);
    size_t oid = der_begin(b);
    buf_bytes(b, SLICE_ARRAY(sgx_extension_oid));
    if (parent)
        buf_u8(b, (uint8_t)parent);
    buf_u8(b, (uint8_t)id);
    der_end(b, oid, DER_OID);
    return start;
}

static void put_octets(buf *b, unsigned parent, unsigned id, slice value)
{
    size_t start = put_member(b, parent, id);
    der_put(b, DER_OCTET_STRING, value);
    der_end(b, start, DER_SEQUENCE);
}

static void put_uint(buf *b, unsigned parent, unsigned id, uint64_t value)
{
    size_t start = put_member(b, parent, id);
    der_put_uint(b, value);
    der_end(b, start, DER_SEQUENCE);
}

static void put_tcb(buf *b, const struct sgx_extension *v)
{
    size_t start = put_member(b, 0, ID_TCB), list = der_begin(b);
    for (unsigned i = 0; i < 16; i++)
        put_uint(b, ID_TCB, i + 1, v->components[i]);
    put_uint(b, ID_TCB, TCB_PCE_SVN, v->pce_svn);
    put_octets(b, ID_TCB, TCB_CPU_SVN, SLICE_ARRAY(v->cpu_svn));
    der_end(b, list, DER_SEQUENCE);
    der_end(b, start, DER_SEQUENCE);
}

static void put_configuration(buf *b, const struct sgx_extension *v)
{
    const bool on[3] = {v->dynamic_platform, v->cached_keys, v->smt_enabled};
    size_t start = put_member(b, 0, ID_CONFIGURATION), list = der_begin(b);
    for (unsigned i = 0; i < 3; i++) {
        size_t m = put_member(b, ID_CONFIGURATION, i + 1);
        der_put_bool(b, on[i]);
        der_end(b, m, DER_SEQUENCE);
    }
    der_end(b, list, DER_SEQUENCE);
    der_end(b, start, DER_SEQUENCE);
}

void sgx_extension_put(buf *b, const struct sgx_extension *v)
{
    uint8_t type = (uint8_t)v->type;
    size_t all = der_begin(b);
    put_octets(b, 0, ID_PPID, SLICE_ARRAY(v->ppid));
    put_tcb(b, v);
    put_octets(b, 0, ID_PCE_ID, SLICE_ARRAY(v->pce_id));
    put_octets(b, 0, ID_FMSPC, SLICE_ARRAY(v->fmspc));
    size_t start = put_member(b, 0, ID_TYPE);
    der_put(b, DER_ENUMERATED, slice_of(&type, 1));
    der_end(b, start, DER_SEQUENCE);
    if (v->platform_ca) {
        put_octets(b, 0, ID_INSTANCE, SLICE_ARRAY(v->instance_id));
        put_configuration(b, v);
    }
    der_end(b, all, DER_SEQUENCE);
}
