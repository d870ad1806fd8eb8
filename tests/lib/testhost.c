#include "testhost.h"

#include "verify/report.h"

struct world small, large;
const struct log_export_options whole = {.withhold_bodies = false};

/* As they were at first. */
struct world small_kept;
static struct world large_kept;

static void make(struct world *w, struct world *kept, size_t records)
{
    struct log_record r = record("alice", "pay 5");
    struct answer a;
    r.request = slice_str("req-1");
    world_init(w);
    world_open(w);
    append(w, &r, 1, &a);
    assert_ok(a.receipts[0].err);
    grow_log(w, records);
    world_pin(w);
    world_stop(w);
    world_copy(kept, w);
}

int host_set_up_all(void **state)
{
    (void)state;
    make(&small, &small_kept, SMALL);
    make(&large, &large_kept, LARGE);
    return 0;
}

int host_tear_down_all(void **state)
{
    (void)state;
    world_finish(&small);
    world_finish(&small_kept);
    world_finish(&large);
    world_finish(&large_kept);
    return 0;
}

void begin_again(struct world *w)
{
    world_stop(w);
    if (w->touched)
        world_restore(w, w == &small ? &small_kept : &large_kept);
    w->fatal = 0;
}

int host_set_up(void **state)
{
    (void)state;
    begin_again(&small);
    begin_again(&large);
    return 0;
}

void refuses(struct world *w, tl_err want, const char *words)
{
    struct tl_why why = {{0}, {0}}, read_why = {{0}, {0}};
    struct log *read = NULL;
    int64_t before = host_int(w, "SELECT count(*) FROM leaf");
    assert_err(world_try(w, &why), want);
    if (!strstr(tl_why_text(&why, want), words))
        fail_msg("\"%s\" lacks \"%s\"", tl_why_text(&why, want), words);
    assert_err(log_open_read(&read, w->tee, w->dir, &read_why), want);
    assert_string_equal(read_why.text, why.text);
    assert_int_equal(host_int(w, "SELECT count(*) FROM leaf"), before);
}

enum teelog_verdict verdict_now(struct world *w, const struct log_export_options *o,
                                struct history *h)
{
    size_t n;
    uint8_t *p = export_all(w, o, &n);
    enum teelog_verdict v = verdict_of(p, n, w->policy);
    if (h)
        history_read(h, p, n);
    free(p);
    return v;
}

/* What a bundle says that this agent is complete up to. */
static uint64_t complete_up_to(struct world *w, const char *agent)
{
    const struct log_export_options chain = {.agent = slice_str(agent)};
    size_t n;
    uint8_t *p = export_all(w, &chain, &n);
    struct teelog_report *r = report_of(p, n, w->policy);
    assert_int_equal(teelog_report_verdict(r), TEELOG_TRUSTED);
    assert_int_equal(r->agent_count, 1);
    uint64_t size = r->agents[0].complete_up_to;
    teelog_report_free(r);
    free(p);
    return size;
}

void starts(struct world *w, uint64_t alice_seq)
{
    struct history h;
    world_open(w);
    assert_int_equal(append_one(w, "alice", "after").seq, alice_seq);
    assert_int_equal(verdict_now(w, &whole, &h), TEELOG_TRUSTED);
    assert_int_not_equal(complete_up_to(w, "alice"), NO_SIZE);
    history_finish(&h);
}

void export_fails(struct world *w, const struct log_export_options *o, tl_err want,
                  const char *words)
{
    struct tl_why why = {{0}, {0}};
    uint8_t *p = NULL;
    size_t n;
    assert_err(try_export(w, o, &p, &n, &why), want);
    if (!strstr(tl_why_text(&why, want), words))
        fail_msg("\"%s\" lacks \"%s\"", tl_why_text(&why, want), words);
}

void fsck_says(struct world *w, const char *words)
{
    uint64_t bad = 0;
    char *text = fsck_text(w, &bad);
    if (bad == 0 || !strstr(text, words))
        fail_msg("fsck does not say \"%s\":\n%s", words, text);
    free(text);
}

void fsck_is_content(struct world *w)
{
    uint64_t bad = 1;
    char *text = fsck_text(w, &bad);
    if (bad)
        fail_msg("fsck: %s", text);
    free(text);
}

struct log_receipt pay_again(struct world *w)
{
    struct log_record r = record("alice", "pay 5");
    struct answer a;
    r.request = slice_str("req-1");
    append(w, &r, 1, &a);
    assert_ok(a.err);
    return a.receipts[0];
}
