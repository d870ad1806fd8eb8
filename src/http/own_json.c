#include "http/own_json.h"

#include "codec/json_put.h"
#include "http/agents_json.h"
#include "tlog/body.h"

#include <stdlib.h>

static tl_err put_boot(buf *b, slice body)
{
    struct body_boot v;
    tl_err err = body_boot_read(&v, body);
    if (err != TL_OK)
        return err;
    buf_str(b, "{\"platform\":");
    json_put_text(b, v.config.platform);
    json_put_slice(b, "version", v.version);
    json_put_slice(b, "logKey", v.log_key);
    json_put_hex(b, "logId", hash_slice(&v.log_id));
    json_put_number(b, "size", v.size);
    json_put_hex(b, "root", hash_slice(&v.root));
    json_put_hex(b, "evidence", hash_slice(&v.evidence));
    return TL_OK;
}

static tl_err put_session(buf *b, slice body)
{
    struct body_session v;
    tl_err err = body_session_read(&v, body);
    if (err != TL_OK)
        return err;
    uint8_t point[33];
    cose_ec2_compressed(point, &v.agent);
    buf_str(b, "{\"boot\":");
    json_put_uint(b, v.boot);
    json_put_number(b, "size", v.size);
    json_put_hex(b, "root", hash_slice(&v.root));
    json_put_member(b, "admission", admission_name((enum admission)v.admission));
    json_put_hex(b, "publicKey", SLICE_ARRAY(point));
    json_put_hex(b, "evidence", hash_slice(&v.evidence));
    return TL_OK;
}

static tl_err put_heads(buf *b, slice body)
{
    struct heads v;
    tl_err err = body_heads_read(&v, body);
    if (err != TL_OK)
        return err;
    buf_str(b, "{\"size\":");
    json_put_uint(b, v.size);
    json_put_number(b, "subjects", v.n);
    json_put_hex(b, "root", hash_slice(&v.root));
    return TL_OK;
}

static tl_err put_erasure(buf *b, slice body)
{
    slice reason = {NULL, 0};
    size_t count = 0;
    uint64_t *indexes = calloc(ERASURE_MAX, sizeof *indexes);
    tl_err err = indexes ? body_erasure_read(indexes, &count, &reason, body) : TL_E_MEMORY;
    buf_str(b, "{\"indexes\":[");
    for (size_t i = 0; i < count && err == TL_OK; i++) {
        if (i)
            buf_str(b, ",");
        json_put_uint(b, indexes[i]);
    }
    buf_str(b, "]");
    if (reason.p)
        json_put_slice(b, "reason", reason);
    free(indexes);
    return err;
}

void own_json_put(buf *b, slice type, slice body)
{
    static const struct {
        enum statement_kind kind;
        tl_err (*put)(buf *b, slice body);
    } kinds[] = {{ST_BOOT, put_boot},
                 {ST_SESSION, put_session},
                 {ST_HEADS, put_heads},
                 {ST_ERASURE, put_erasure}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!slice_eq_str(type, statement_kind_type(kinds[i].kind)))
            continue;
        tl_err err = kinds[i].put(b, body);
        if (err != TL_OK)
            buf_fail(b, err);
        buf_str(b, "}");
        return;
    }
    buf_str(b, "{}");
}
