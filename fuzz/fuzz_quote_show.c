/* The picture of a quote: whatever is in it, JSON is JSON and text is text. */
#include "codec/json.h"
#include "fuzz.h"
#include "teelog/quote.h"

static bool printable(const char *s)
{
    for (; *s; s++)
        if (*s != '\n' && (*s < 0x20 || *s > 0x7e))
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = NULL, message[100] = "";
    tl_err err = teelog_quote_show(&text, data, size, true, message, sizeof message);
    if (err != TL_OK) {
        MUST(!text && message[0]);
        return 0;
    }
    js j = js_of(slice_str(text));
    js_skip(&j);
    MUST(js_end(&j) == TL_OK && printable(text));
    free(text);
    MUST(teelog_quote_show(&text, data, size, false, NULL, 0) == TL_OK);
    MUST(printable(text));
    free(text);
    return 0;
}
