#include "attest/td_report.h"

#include "base/reader.h"

static void read_15ex(struct td_report *v, reader *r)
{
    v->vm_id = reader_u8(r);
    reader_copy(r, v->td_id, sizeof v->td_id);
    reader_copy(r, v->dev_info, sizeof v->dev_info);
    reader_copy(r, v->init_servtd_hash, sizeof v->init_servtd_hash);
    reader_copy(r, v->init_servtd_attributes, sizeof v->init_servtd_attributes);
    reader_copy(r, v->init_cpu_svn, sizeof v->init_cpu_svn);
    reader_copy(r, v->init_tee_tcb_svn, sizeof v->init_tee_tcb_svn);
    reader_copy(r, v->init_tee_fmspc, sizeof v->init_tee_fmspc);
    reader_copy(r, v->cur_servtd_hash, sizeof v->cur_servtd_hash);
    reader_copy(r, v->cur_servtd_attributes, sizeof v->cur_servtd_attributes);
}

void td_report_read(struct td_report *out, slice body)
{
    struct td_report v = {0};
    reader r = reader_of(body);
    reader_copy(&r, v.tee_tcb_svn, sizeof v.tee_tcb_svn);
    reader_copy(&r, v.mr_seam, sizeof v.mr_seam);
    reader_copy(&r, v.mr_signer_seam, sizeof v.mr_signer_seam);
    reader_copy(&r, v.seam_attributes, sizeof v.seam_attributes);
    v.td_attributes = reader_u64le(&r);
    v.xfam = reader_u64le(&r);
    reader_copy(&r, v.mr_td, sizeof v.mr_td);
    reader_copy(&r, v.mr_config_id, sizeof v.mr_config_id);
    reader_copy(&r, v.mr_owner, sizeof v.mr_owner);
    reader_copy(&r, v.mr_owner_config, sizeof v.mr_owner_config);
    for (size_t i = 0; i < 4; i++)
        reader_copy(&r, v.rtmr[i], sizeof v.rtmr[i]);
    reader_copy(&r, v.report_data, sizeof v.report_data);
    v.has_15 = body.n >= TD_REPORT_15_SIZE;
    if (v.has_15) {
        reader_copy(&r, v.tee_tcb_svn2, sizeof v.tee_tcb_svn2);
        reader_copy(&r, v.mr_service_td, sizeof v.mr_service_td);
    }
    v.has_15ex = body.n >= TD_REPORT_15EX_SIZE;
    if (v.has_15ex)
        read_15ex(&v, &r);
    *out = v;
}

static void put_15ex(buf *b, const struct td_report *v)
{
    buf_u8(b, v->vm_id);
    buf_bytes(b, SLICE_ARRAY(v->td_id));
    buf_bytes(b, SLICE_ARRAY(v->dev_info));
    buf_bytes(b, SLICE_ARRAY(v->init_servtd_hash));
    buf_bytes(b, SLICE_ARRAY(v->init_servtd_attributes));
    buf_bytes(b, SLICE_ARRAY(v->init_cpu_svn));
    buf_bytes(b, SLICE_ARRAY(v->init_tee_tcb_svn));
    buf_bytes(b, SLICE_ARRAY(v->init_tee_fmspc));
    buf_bytes(b, SLICE_ARRAY(v->cur_servtd_hash));
    buf_bytes(b, SLICE_ARRAY(v->cur_servtd_attributes));
}

void td_report_put(buf *b, const struct td_report *v)
{
    buf_bytes(b, SLICE_ARRAY(v->tee_tcb_svn));
    buf_bytes(b, SLICE_ARRAY(v->mr_seam));
    buf_bytes(b, SLICE_ARRAY(v->mr_signer_seam));
    buf_bytes(b, SLICE_ARRAY(v->seam_attributes));
    buf_u64le(b, v->td_attributes);
    buf_u64le(b, v->xfam);
    buf_bytes(b, SLICE_ARRAY(v->mr_td));
    buf_bytes(b, SLICE_ARRAY(v->mr_config_id));
    buf_bytes(b, SLICE_ARRAY(v->mr_owner));
    buf_bytes(b, SLICE_ARRAY(v->mr_owner_config));
    for (size_t i = 0; i < 4; i++)
        buf_bytes(b, SLICE_ARRAY(v->rtmr[i]));
    buf_bytes(b, SLICE_ARRAY(v->report_data));
    if (v->has_15) {
        buf_bytes(b, SLICE_ARRAY(v->tee_tcb_svn2));
        buf_bytes(b, SLICE_ARRAY(v->mr_service_td));
    }
    if (v->has_15ex)
        put_15ex(b, v);
}
