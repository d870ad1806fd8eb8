#include "http/row_json.h"

#include "base/encoding.h"
#include "codec/json_put.h"
#include "http/own_json.h"
#include "tlog/attributes.h"

static const char proof_signature[] = "signature";

static bool is_record(const struct log_row *row)
{
    return !slice_starts(row->type, slice_str("teelog."));
}

static void put_record(buf *b, slice body)
{
    struct body_record r;
    tl_err err = body_record_read(&r, body);
    if (err != TL_OK) {
        buf_fail(b, err);
        return;
    }
    json_put_slice(b, "roomId", r.room_id);
    json_put_slice(b, "userId", r.user_id);
    json_put_slice(b, "content", r.content);
    if (r.attributes.n) {
        json_put_name(b, "attributes");
        attributes_json_put(b, r.attributes);
    }
}

/* Why a record is shown without its body; NULL where it is not. */
static const char *absence(const struct log_row *row, struct row_json how)
{
    if (!is_record(row))
        return NULL;
    return row->erased ? "erased" : how.withheld ? "withheld" : NULL;
}

static void put_members(buf *b, const struct log_row *row, struct row_json how)
{
    const char *absent = absence(row, how);
    bool only_signed = how.proof && strcmp(how.proof, proof_signature) == 0;
    hash32 leaf = merkle_leaf_hash(row->statement);
    buf_str(b, only_signed ? "{\"place\":" : "{\"index\":");
    json_put_uint(b, row->index);
    if (how.proof)
        json_put_member(b, "proof", how.proof);
    json_put_number(b, "seq", row->seq);
    json_put_slice(b, "agentId", row->agent);
    json_put_slice(b, "type", row->type);
    json_put_number(b, "time", row->time_ms);
    json_put_number(b, "session", row->session);
    if (row->has_ref)
        json_put_number(b, "ref", row->ref);
    if (how.body_lost) {
        json_put_member(b, "bodyLost", how.body_lost);
    } else if (absent) {
        json_put_bool(b, absent, true);
    } else if (is_record(row)) {
        put_record(b, row->body);
    }
    json_put_hex(b, "leafHash", hash_slice(&leaf));
    json_put_hex(b, "keyId", hash_slice(&row->key_id));
    if (how.simulated)
        buf_str(b, ",\"simulated\":true");
    if (!is_record(row) && !how.body_lost) {
        json_put_name(b, "decoded");
        own_json_put(b, row->type, row->body);
    }
}

void row_json_put(buf *b, const struct log_row *row, struct row_json how)
{
    put_members(b, row, how);
    if (!is_record(row))
        json_put_base64(b, "body", row->body);
    buf_str(b, "}");
}

static void put_whole(buf *b, const struct log_row *row, struct row_json how)
{
    put_members(b, row, how);
    json_put_base64(b, "statement", row->statement);
    if (how.body_lost || absence(row, how))
        buf_str(b, ",\"body\":null");
    else
        json_put_base64(b, "body", row->body);
}

void row_json_put_recovered(buf *b, const struct log_recover_row *row, bool simulated)
{
    const struct row_json how = {.simulated = simulated,
                                 .proof = row->proven ? "checkpoint" : proof_signature,
                                 .body_lost = row->body_lost};
    if (row->lost) {
        buf_str(b, "{\"from\":");
        json_put_uint(b, row->from);
        json_put_number(b, "to", row->to);
        json_put_member(b, "lost", row->lost);
    } else {
        put_whole(b, &row->row, how);
    }
    buf_str(b, "}\n");
}

void row_json_put_proof(buf *b, const struct log_row *row, const struct log_proof *proof,
                        struct row_json how)
{
    put_whole(b, row, how);
    json_put_number(b, "treeSize", proof->tree_size);
    json_put_slice(b, "checkpoint", buf_slice(&proof->checkpoint));
    buf_str(b, ",\"path\":[");
    for (size_t i = 0; i < proof->path_count; i++) {
        buf_str(b, i ? ",\"" : "\"");
        base64_put(b, hash_slice(&proof->path[i]));
        buf_str(b, "\"");
    }
    buf_str(b, "]}\n");
}
