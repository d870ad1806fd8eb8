/* What a service, which may lie, answers to `teelog tail` and `teelog records`: events and
 * pages. Events give the same however the bytes arrive; and a terminal gets nothing to act
 * upon. The readers are private to their file, hence the include. */
#include "cli/cmd_tail.c"
#include "fuzz.h"

#define INPUT_LIMIT 65536

/* In place of main.c's: no command line is read here. */
const struct command *command_find(const char *name)
{
    (void)name;
    return NULL;
}

/* JSON is passed on: spaces between its tokens, and in strings what a terminal shows. */
static void must_be_plain(slice s, bool json)
{
    MUST(utf8_valid(s));
    while (s.n) {
        size_t n = utf8_character(s);
        bool acts = json ? s.p[0] < ' ' && !strchr("\t\r", s.p[0]) : utf8_acts(slice_of(s.p, n));
        MUST(s.p[0] == '\n' || !acts);
        s = slice_of(s.p + n, s.n - n);
    }
}

static void read_events(slice in, size_t piece, bool json)
{
    struct tail t = {.printer = {.json = json}};
    struct tl_why why = {0};
    tl_err err = TL_OK;
    uint64_t at;
    buf_init(&t.line, ANSWER_MAX);
    buf_init(&t.data, ANSWER_MAX);
    while (in.n && err == TL_OK)
        err = take(&t, take_front(&in, piece), &why);
    MUST(utf8_valid(slice_str(why.text)));
    MUST(!t.at[0] || decimal_read(&at, slice_str(t.at), TL_INT_MAX) == TL_OK);
    printf("%s %s\n", tl_err_name(err), t.at);
    buf_finish(&t.line);
    buf_finish(&t.data);
}

static tl_err print_one(void *ctx, slice record, struct tl_why *why)
{
    return record_print(ctx, record, why);
}

static void read_page(slice in, size_t piece, bool json)
{
    struct record_printer p = {.json = json};
    struct last last = {.left = 3, .lowest = UINT64_MAX};
    struct record_page page;
    struct tl_why why = {0};
    (void)piece;
    if (record_page_read(&page, in, print_one, &p, &why) == TL_OK)
        printf("%llu %llu\n", (unsigned long long)page.size, (unsigned long long)page.total);
    (void)!record_page_read(&page, in, note_index, &last, &why);
    (void)!record_print_proof(&p, in, &why);
}

/* What is printed, in memory that is the caller's. */
static slice print(void (*reader)(slice, size_t, bool), slice in, size_t piece, bool json)
{
    FILE *terminal = stdout;
    char *text = NULL;
    size_t n = 0;
    stdout = open_memstream(&text, &n);
    MUST(stdout);
    reader(in, piece, json);
    (void)fclose(stdout);
    stdout = terminal;
    must_be_plain(slice_of(text, n), json);
    return slice_of(text, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size);
    if (size == 0 || size > INPUT_LIMIT)
        return 0;
    uint8_t how = take_front(&in, 1).p[0];
    void (*reader)(slice, size_t, bool) = how & 2 ? read_page : read_events;
    slice whole = print(reader, in, in.n, how & 1), parts = print(reader, in, 1 + how / 4, how & 1);
    MUST(slice_eq(whole, parts));
    free((void *)(uintptr_t)whole.p);
    free((void *)(uintptr_t)parts.p);
    return 0;
}
