/* makedcap KIND OUTDIR [UNIXTIME [REPORTDATA]]: writes a simulated quote and its
 * collateral, whole and in the pieces that Intel's service answers with, into an existing
 * directory; for tdx-dstack also the event log that replays to the quote's RTMRs.
 * UNIXTIME: when it is to be verified; the collateral was issued an hour before.
 * REPORTDATA: 64 bytes in hex. */
#include "base/encoding.h"
#include "fakedcap.h"
#include "fakedstack.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *name;
    enum sim_kind kind;
    bool apart;       /* the quote has an encrypted PPID, and the PCK chain has to be asked for */
    bool platform_ca; /* the PCK certificate is the Platform CA's, not the Processor CA's */
    bool dstack;      /* its RTMRs are those of a log */
} kinds[] = {
    {"sgx-v3", SIM_SGX_V3, false, false, false},
    {"sgx-v4", SIM_SGX_V4, false, false, false},
    {"sgx-v5", SIM_SGX_V5, false, false, false},
    {"tdx-v4", SIM_TDX_V4, false, false, false},
    {"tdx-v5-10", SIM_TDX_V5_10, false, false, false},
    {"tdx-v5-15", SIM_TDX_V5_15, false, false, false},
    {"sgx-v3-ppid", SIM_SGX_V3, true, false, false},
    {"tdx-v4-ppid", SIM_TDX_V4, true, false, false},
    {"sgx-v3-platform", SIM_SGX_V3, false, true, false},
    {"tdx-v4-platform", SIM_TDX_V4, false, true, false},
    {"tdx-dstack", SIM_TDX_V4, false, false, true},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

static int complain(const char *what, tl_err err)
{
    fprintf(stderr, "makedcap: %s: %s\n", what, tl_err_text(err));
    return 1;
}

static tl_err write_file(const char *dir, const char *name, slice contents)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    if (!f)
        return TL_E_IO;
    bool good = fwrite(contents.p, 1, contents.n, f) == contents.n;
    return fclose(f) == 0 && good ? TL_OK : TL_E_IO;
}

/* {"tcbInfo":…,"signature":"…"} */
static tl_err write_signed(const char *dir, const char *file, const char *member, slice text,
                           const uint8_t signature[64])
{
    buf b;
    buf_init(&b, COLLATERAL_MAX);
    buf_printf(&b, "{\"%s\":", member);
    buf_bytes(&b, text);
    buf_str(&b, ",\"signature\":\"");
    hex_put(&b, slice_of(signature, 64));
    buf_str(&b, "\"}");
    tl_err err = buf_err(&b);
    if (err == TL_OK)
        err = write_file(dir, file, buf_slice(&b));
    buf_finish(&b);
    return err;
}

static tl_err write_cert(const char *dir, const char *file, const struct sim_cert *c)
{
    buf b;
    buf_init(&b, COLLATERAL_MAX);
    tl_err err = sim_certs_put(&b, &c, 1);
    if (err == TL_OK)
        err = write_file(dir, file, buf_slice(&b));
    buf_finish(&b);
    return err;
}

/* What a server has to know to find the pieces. */
static tl_err write_about(const char *dir, const struct fake_dcap *f)
{
    char fmspc[13], text[256];
    hex_text(fmspc, f->platform.fmspc, sizeof f->platform.fmspc);
    snprintf(text, sizeof text, "{\"tee\":\"%s\",\"fmspc\":\"%s\",\"ca\":\"%s\",\"time\":%llu}\n",
             sim_kind_is_tdx(f->kind) ? "tdx" : "sgx", fmspc,
             f->platform.platform_ca ? "platform" : "processor", (unsigned long long)f->time);
    return write_file(dir, "about.json", slice_str(text));
}

static tl_err write_pieces(const char *dir, const struct fake_dcap *f)
{
    const struct collateral *c = &f->parts;
    const struct {
        const char *name;
        slice contents;
    } files[] = {
        {"quote.bin", buf_slice(&f->quote_bytes)},
        {"collateral.json", buf_slice(&f->collateral_json)},
        {"pck_crl.der", c->pck_crl},
        {"root_crl.der", c->root_ca_crl},
        {"signer_chain.pem", c->tcb_info_chain},
        {"pck_issuer_chain.pem", c->pck_crl_chain},
    };
    tl_err err = TL_OK;
    for (size_t i = 0; err == TL_OK && i < sizeof files / sizeof files[0]; i++)
        err = write_file(dir, files[i].name, files[i].contents);
    if (err == TL_OK)
        err = write_signed(dir, "tcb_info.json", "tcbInfo", c->tcb_info, c->tcb_info_signature);
    if (err == TL_OK)
        err = write_signed(dir, "qe_identity.json", "enclaveIdentity", c->qe_identity,
                           c->qe_identity_signature);
    if (err == TL_OK)
        err = write_cert(dir, "root.pem", &f->root);
    if (err == TL_OK)
        err = write_cert(dir, "pck.pem", &f->pck);
    return err == TL_OK ? write_about(dir, f) : err;
}

static tl_err write_dstack(const char *dir, struct fake_dcap *f)
{
    struct fake_dstack d;
    buf log;
    buf_init(&log, 65536);
    fake_dstack_plan(&d);
    fake_dstack_put(&log, &d);
    memcpy(f->quote.td.rtmr, d.rtmr, sizeof d.rtmr);
    tl_err err = buf_err(&log);
    if (err == TL_OK)
        err = write_file(dir, "event_log.json", buf_slice(&log));
    buf_finish(&log);
    return err;
}

int main(int argc, char **argv)
{
    struct fake_dcap f;
    size_t i = 0;
    uint64_t time = FAKE_TIME;
    uint8_t data[64];
    while (argc > 1 && i < KINDS && strcmp(kinds[i].name, argv[1]) != 0)
        i++;
    if (argc < 3 || argc > 5 || i == KINDS ||
        (argc > 3 && decimal_read(&time, slice_str(argv[3]), UINT32_MAX) != TL_OK) ||
        (argc > 4 && hex_read(data, 64, slice_str(argv[4])) != TL_OK)) {
        fprintf(stderr, "usage: makedcap KIND OUTDIR [UNIXTIME [REPORTDATA]]\nkinds:");
        for (i = 0; i < KINDS; i++)
            fprintf(stderr, " %s", kinds[i].name);
        fprintf(stderr, "\n");
        return 2;
    }
    tl_err err = fake_dcap_init(&f, kinds[i].kind);
    if (err != TL_OK)
        return complain("cannot plan", err);
    f.pck_chain_apart = kinds[i].apart;
    if (kinds[i].platform_ca)
        fake_dcap_platform_ca(&f);
    fake_dcap_at(&f, time);
    if (argc > 4) {
        memcpy(f.quote.td.report_data, data, 64);
        memcpy(f.quote.body.report_data, data, 64);
    }
    err = kinds[i].dstack ? write_dstack(argv[2], &f) : TL_OK;
    if (err == TL_OK)
        err = fake_dcap_make(&f);
    if (err == TL_OK)
        err = write_pieces(argv[2], &f);
    fake_dcap_finish(&f);
    return err == TL_OK ? 0 : complain(argv[2], err);
}
