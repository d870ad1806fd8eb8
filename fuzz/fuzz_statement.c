/* Statements: the header and the whole are the only encoding of what was read. */
#include "fuzz.h"
#include "tlog/statement.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size);
    struct statement st;
    if (statement_read(&st, in) != TL_OK)
        return 0;
    MUST(size <= STATEMENT_MAX);
    MUST(origin_valid(st.origin));
    MUST(st.service ? slice_eq(st.subject, st.origin) : agent_id_valid(st.subject, st.origin));
    MUST(st.kind == ST_RECORD ? record_type_valid(st.type)
                              : slice_eq_str(st.type, statement_kind_type(st.kind)));
    buf b;
    buf_init(&b, size);
    statement_header_put(&b, &st);
    must_equal(&b, st.protected_header);
    buf_init(&b, size);
    statement_put(&b, st.protected_header, &st.payload, st.signature);
    must_equal(&b, in);
    buf_init(&b, size + 64);
    cose_sig_structure_put(&b, st.protected_header, hash_slice(&st.payload));
    hash32 slow = sha256(buf_slice(&b)), fast = statement_digest(st.protected_header, &st.payload);
    MUST(hash_eq(&slow, &fast));
    buf_finish(&b);
    return 0;
}
