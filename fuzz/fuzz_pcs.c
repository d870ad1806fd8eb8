/* Answers of a provisioning service: up to five of them, given to whoever asks, for
 * quotes with a PCK chain and with an encrypted PPID. What is made of them is
 * collateral that can be read again. Layout of an input: a byte that chooses, then
 * for each answer the status, two lengths (16 bits), headers, body. */
#include "attest/collateral.h"
#include "attest/crl.h"
#include "base/reader.h"
#include "fuzz.h"
#include "pcs/fetch.h"

static slice quotes[2];

static slice load(const char *path)
{
    static uint8_t bytes[2][16384];
    static size_t count;
    FILE *f = fopen(path, "rb");
    MUST(f && count < 2);
    size_t n = fread(bytes[count], 1, sizeof bytes[0], f);
    MUST(n > 0 && n < sizeof bytes[0] && fclose(f) == 0);
    return slice_of(bytes[count++], n);
}

static slice take(reader *r, size_t n)
{
    return reader_bytes(r, n < r->rest.n ? n : r->rest.n);
}

static tl_err next_answer(void *ctx, struct pcs_answer *a, const char *url, struct tl_why *why)
{
    static const unsigned statuses[] = {200, 200, 200, 200, 404, 302, 429, 410};
    reader *r = ctx;
    MUST(strncmp(url, "https://", 8) == 0);
    a->status = statuses[reader_u8(r) % 8];
    size_t headers = reader_u16be(r), body = reader_u16be(r);
    if (r->err != TL_OK)
        return tl_explain(why, TL_E_IO, "service", "no more answers");
    buf_bytes(&a->headers, take(r, headers));
    buf_bytes(&a->body, take(r, body));
    MUST(buf_err(&a->headers) == TL_OK && buf_err(&a->body) == TL_OK);
    return TL_OK;
}

static void parts(slice in)
{
    struct pcs_answer a;
    struct crl crl;
    uint8_t signature[64];
    buf out;
    pcs_answer_init(&a);
    buf_init(&out, PCS_BODY_MAX);
    buf_bytes(&a.headers, slice_of(in.p, in.n < PCS_HEADERS_MAX ? in.n : PCS_HEADERS_MAX));
    slice value = pcs_header(&a, "Retry-After");
    MUST(!value.p || value.n < a.headers.n);
    if (pcs_percent_decode(&out, in) == TL_OK)
        MUST(out.n <= in.n);
    else
        MUST(out.n == 0);
    buf_reset(&out);
    if (pcs_crl(&out, in, "list", NULL) == TL_OK)
        MUST(crl_read(&crl, buf_slice(&out)) == TL_OK);
    else
        MUST(out.n == 0);
    buf_reset(&out);
    if (pcs_signed_json(&out, signature, in, "tcbInfo", NULL) == TL_OK)
        MUST(out.n > 0 && out.n < in.n);
    else
        MUST(out.n == 0);
    buf_finish(&out);
    pcs_answer_finish(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size);
    if (!quotes[0].p) {
        quotes[0] = load(FUZZ_DIR "/corpus/quote/simulated");
        quotes[1] = load(FUZZ_DIR "/corpus/quote/ppid");
    }
    uint8_t choice = size ? data[0] : 0;
    if (choice & 4) {
        parts(slice_of(in.p + 1, in.n - 1));
        return 0;
    }
    struct pcs_options o = {.pccs = choice & 1 ? "https://pccs.example" : NULL};
    reader r = reader_of(in);
    (void)reader_u8(&r);
    const struct pcs_source source = {next_answer, &r};
    struct tl_why why = {{0}, {0}};
    struct collateral c;
    buf json;
    buf_init(&json, COLLATERAL_MAX);
    tl_err err = pcs_fetch_from(&json, quotes[choice >> 1 & 1], &o, &source, &why);
    if (err == TL_OK) {
        MUST(collateral_read(&c, buf_slice(&json), &why) == TL_OK);
        buf again;
        buf_init(&again, COLLATERAL_MAX);
        collateral_put(&again, &c);
        must_equal(&again, buf_slice(&json));
        collateral_finish(&c);
    } else {
        MUST(json.n == 0 && why.text[0]);
    }
    buf_finish(&json);
    return 0;
}
