/* Bodies of POST /tee/logs. What is taken keeps to its bounds; and its question, as the
 * answer repeats it, is the same question. */
#include "fuzz.h"
#include "http/rest_json.h"

static void same_question(const struct rest_ask *a, buf *put)
{
    struct rest_ask again;
    struct tl_why why = {0};
    buf b;
    buf_init(&b, 1u << 20);
    buf_str(&b, "{");
    buf_bytes(&b, slice_of(put->p + 1, put->n - 1)); /* without its comma */
    buf_str(&b, "}");
    MUST(buf_err(&b) == TL_OK);
    MUST(rest_ask_read(&again, buf_slice(&b), &why) == TL_OK);
    MUST(slice_eq(a->agent, again.agent) && slice_eq(a->room, again.room));
    MUST(slice_eq(a->user, again.user) && slice_eq(a->type, again.type));
    MUST(slice_eq(a->text, again.text));
    MUST(a->start_ms == again.start_ms && a->end_ms == again.end_ms);
    buf twice;
    buf_init(&twice, 1u << 20);
    rest_put_ask(&twice, &again);
    must_equal(&twice, buf_slice(put));
    rest_ask_finish(&again);
    buf_finish(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rest_ask a;
    struct tl_why why = {0};
    tl_err err = rest_ask_read(&a, slice_of(data, size), &why);
    MUST(utf8_valid(slice_str(why.text)) && utf8_valid(slice_str(why.field)));
    if (err == TL_OK) {
        MUST(a.page >= 1 && a.page <= REST_PAGE_MAX);
        MUST(a.page_size >= 1 && a.page_size <= QUERY_LIMIT_MAX);
        MUST(a.nonce.n == 0 || (a.nonce.n >= REST_NONCE_MIN && a.nonce.n <= REST_NONCE_MAX));
        MUST(a.agent.n <= SUBJECT_MAX && a.text.n <= QUERY_TEXT_MAX);
        MUST(a.start_ms < TL_INT_MAX && a.end_ms < TL_INT_MAX);
        MUST(a.has_start == (a.start_ms != 0) && a.has_end == (a.end_ms != 0));
        buf put;
        buf_init(&put, 1u << 20);
        rest_put_ask(&put, &a);
        MUST(buf_err(&put) == TL_OK);
        same_question(&a, &put);
        buf_finish(&put);
    }
    rest_ask_finish(&a);
    return 0;
}
